"""Answers as text: columns, facts and JSON, written by hand where a thousand rows must take no time."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

_SECOND: Final = 1000
_MINUTE: Final = 60 * _SECOND
_KIB: Final = 1024
_DIGEST: Final = 12


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Columns as wide as their widest cell, below *head*.

    >>> print(table(("APP", "STATUS"), [("blog", "running")]))
    APP   STATUS
    blog  running
    """
    lines = [tuple(head), *(tuple(row) for row in rows)]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    widths[-1] = 0
    form = "  ".join(f"{{:<{width}}}" for width in widths)
    return "\n".join(form.format(*line).rstrip() for line in lines)


def facts(pairs: Iterable[tuple[str, str]]) -> str:
    """Names and values, one pair a line; a value of several lines is indented below its first, an empty one left out.

    >>> print(facts([("app", "blog"), ("image", ""), ("status", "running")]))
    app     blog
    status  running
    """
    shown = [(name, value) for name, value in pairs if value]
    width = max((len(name) for name, _ in shown), default=0)
    pad = f"\n{'':{width + 2}}"
    return "\n".join(f"{name:<{width}}  {value.replace(chr(10), pad)}".rstrip() for name, value in shown)


def json_text(answer: msgspec.Struct | Mapping[str, str]) -> str:
    """*answer* as the API would send it, indented for people."""
    return msgspec.json.format(msgspec.json.encode(answer), indent=2).decode()


def json_line(answer: msgspec.Struct) -> str:
    """*answer* on one line, for streams."""
    return msgspec.json.encode(answer).decode()


def duration(ms: float) -> str:
    """How long something took.

    >>> duration(3.4), duration(1234), duration(61_000)
    ('3 ms', '1.2 s', '1 min 1 s')
    """
    if ms < _SECOND:
        return f"{ms:.0f} ms"
    if ms < _MINUTE:
        return f"{ms / _SECOND:.1f} s"
    return f"{ms // _MINUTE:.0f} min {ms % _MINUTE / _SECOND:.0f} s"


def moment(at: str) -> str:
    """A moment as people read it.

    >>> moment("2026-01-01T10:00:00.123Z")
    '2026-01-01 10:00:00Z'
    """
    date, _, time = at.partition("T")
    return f"{date} {time.partition('.')[0].rstrip('Z')}Z" if time else at


def size(count: int) -> str:
    """Bytes as people read them.

    >>> size(512), size(35 * 1024 * 1024)
    ('512 B', '35 MiB')
    """
    amount, units = float(count), iter(("B", "KiB", "MiB", "GiB", "TiB"))
    unit = next(units)
    while amount >= _KIB and unit != "TiB":
        amount, unit = amount / _KIB, next(units)
    return f"{amount:.0f} {unit}" if amount >= 10 or unit == "B" else f"{amount:.1f} {unit}"  # noqa: PLR2004 - two digits are enough


def image(reference: str) -> str:
    """An image as people compare it: a digest by its first digits.

    >>> image("ghcr.io/org/app@sha256:" + 64 * "a")
    'ghcr.io/org/app@sha256:aaaaaaaaaaaa'
    """
    name, at, digest = reference.partition("@sha256:")
    return f"{name}{at}{digest[:_DIGEST]}"


def release(version: int | None) -> str:
    """A release's name; a dash where there is none."""
    return f"v{version}" if version is not None else "-"


def config(version: int | None) -> str:
    """A config version's name; a dash where there is none."""
    return f"c{version}" if version is not None else "-"
