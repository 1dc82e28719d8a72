"""How a value is written into a unit file, a Quadlet or haproxy.cfg, so that it stays one value."""

from __future__ import annotations

import json
import re
from html import escape
from typing import TYPE_CHECKING, Final

from pvdify.errors import RenderError
from pvdify.model.patterns import UNWRITABLE, closed

if TYPE_CHECKING:
    from collections.abc import Iterable

_BARE: Final = re.compile(closed(r"[A-Za-z0-9_./][A-Za-z0-9_./:@,+=-]*"))
_BARE_WORD: Final = re.compile(closed(r"[A-Za-z0-9_./:@,+=-]+"))
_HOSTNAME: Final = re.compile(closed(r"(?:\*\.)?[a-z0-9-]+(?:\.[a-z0-9-]+)+"))
_YAML_BARE: Final = re.compile(
    closed(r"[a-z][a-z0-9]*(?:[-.][a-z0-9]+)*[-.][a-z0-9]*[a-z][a-z0-9]*|[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
)
_LONGEST: Final = 128 * 1024 - 1

CARRIED: Final = {"": "PVDIFY_EMPTY", ";": "PVDIFY_SEMICOLON"}
"""Words that get lost between Quadlet and systemd, quoted or not, and the variables that carry them.

Quadlet ends a line at an empty word. It takes the quotes off a lone `;`, and what follows is a second command for systemd.
"""
_IN_UNIT: Final = str.maketrans({"\\": r"\\", '"': r"\"", "%": "%%", "$": "$$", "\n": r"\n", "\t": r"\t", "\r": r"\r"})


class Quoted(str):
    """Text that is quoted for its dialect already."""

    __slots__ = ()


def bare(value: object) -> Quoted:
    """Write *value* as it stands, for keys that are not split into words; refuse what needs quotes.

    >>> bare("127.0.0.1:20000:8080")
    '127.0.0.1:20000:8080'
    >>> bare("--privileged")
    Traceback (most recent call last):
    pvdify.errors.families.RenderError: cannot write '--privileged' without quotes
    """
    text = _plain(value)
    if not _BARE.search(text):
        raise RenderError(f"cannot write {text[:80]!r} without quotes")
    return Quoted(text)


def unit_path(value: object) -> Quoted:
    """Write a path that ends a line which is not split into words: there only `%` means something.

    systemd 257 loses what has a blank or a backslash on the way to the process that opens it, so that is refused.

    >>> print(unit_path("/srv/it's/50%/env.cred"))
    /srv/it's/50%%/env.cred
    """
    text = _one_line(value)
    if not text.startswith("/") or re.search(r"[\s\\]", text):
        raise RenderError(f"cannot write {text[:80]!r}: systemd opens nothing whose path has a blank or a backslash")
    return Quoted(text.replace("%", "%%"))


def unit_word(value: object) -> Quoted:
    r"""Write *value* as one word of a line that systemd and Quadlet split, whatever it contains.

    >>> unit_word("KEY=value")
    'KEY=value'
    >>> print(unit_word('say "100%"\nfor $5'))
    "say \"100%%\"\nfor $$5"
    """
    text = _plain(value)
    if len(text) < _LONGEST and _BARE_WORD.search(text):
        return Quoted(text)
    if UNWRITABLE.search(text):
        raise RenderError(f"cannot write {text[:80]!r}: it has a character that neither Quadlet nor systemd can carry")
    if len(text) > _LONGEST // 4 and len(text.encode()) > _LONGEST:
        raise RenderError(
            f"cannot write {text[:80]!r}…: Linux gives a process nothing longer than 128 KiB in one piece"
        )
    escaped = text.translate(_IN_UNIT)
    if not escaped.isprintable():
        escaped = "".join(char if char.isprintable() else _invisible(char) for char in escaped)
    return Quoted(f'"{escaped}"')


def _invisible(char: str) -> str:
    """Write a character that a reviewer would not see, or would see elsewhere than it is."""
    code = ord(char)
    if code < 0x80:  # noqa: PLR2004 -- beyond ASCII \x would be a byte and not a character
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code <= 0xFFFF else f"\\U{code:08x}"  # noqa: PLR2004


def unit_words(values: Iterable[str]) -> Quoted:
    """Write *values* as words of one line, see `unit_word`, with variables for what is in `CARRIED`.

    >>> print(unit_words(("find", "my files", ";")))
    find "my files" ${PVDIFY_SEMICOLON}
    """
    return Quoted(" ".join(f"${{{CARRIED[value]}}}" if value in CARRIED else unit_word(value) for value in values))


def unit_text(value: object) -> Quoted:
    """Write what no filter has quoted into a unit: as one word, without control characters."""
    return value if isinstance(value, Quoted) else unit_word(_one_line(value))


def haproxy_word(value: object) -> Quoted:
    r"""Write *value* as one word of haproxy.cfg: in single quotes only the closing one counts.

    >>> print(haproxy_word("/health"), haproxy_word("/it's $5"))
    /health '/it'\''s $5'
    """
    text = _one_line(value)
    return Quoted(text if _BARE_WORD.search(text) else "'" + text.replace("'", r"'\''") + "'")


def haproxy_text(value: object) -> Quoted:
    """Write what no filter has quoted into haproxy.cfg, see `haproxy_word`."""
    return value if isinstance(value, Quoted) else haproxy_word(value)


def haproxy_argument(value: object) -> Quoted:
    r"""Write *value* as an argument in a log-format that stands in a file: no word of haproxy.cfg, so that `$` and `"` are nothing special.

    >>> print(haproxy_argument("<p>it's 100%, (ok)"))
    '<p>it'\''s 100%, (ok)'
    """
    return Quoted("'" + _plain(value).replace("'", r"'\''") + "'")


def caddy_text(value: object) -> Quoted:
    """Write a token of a Caddyfile: what needs quotes there is refused, since Caddy expands braces in them all the same."""
    if isinstance(value, Quoted):
        return value
    text = _one_line(value)
    if not _BARE.search(text):
        raise RenderError(f"cannot write {text[:80]!r} into a Caddyfile")
    return Quoted(text)


def caddy_names(values: Iterable[str]) -> Quoted:
    """Write the names of a site, with commas between.

    >>> print(caddy_names(("example.org", "*.example.org")))
    example.org, *.example.org
    """
    names = tuple(values)
    if not names or not all(_HOSTNAME.search(name) for name in names):
        raise RenderError(f"cannot write {', '.join(names)[:80]!r} as names of a site")
    return Quoted(", ".join(names))


def yaml_text(value: object) -> Quoted:
    """Write a scalar of YAML: bare where no reader could take it for anything else, else in double quotes as in JSON.

    >>> print(yaml_text("blog.example.org"), yaml_text("*.example.org"), yaml_text("on"), yaml_text(3000))
    blog.example.org "*.example.org" "on" 3000
    """
    if isinstance(value, Quoted):
        return value
    text = _one_line(value)
    if isinstance(value, int) or _YAML_BARE.search(text):
        return Quoted(text)
    return Quoted(json.dumps(text, ensure_ascii=False))


def html_text(value: object) -> Quoted:
    """Write text into HTML, also between quotes.

    >>> print(html_text('<b> & "c"'))
    &lt;b&gt; &amp; &quot;c&quot;
    """
    return value if isinstance(value, Quoted) else Quoted(escape(_one_line(value)))


def _one_line(value: object) -> str:
    text = _plain(value)
    if not text.isprintable():
        raise RenderError(f"cannot write {text[:80]!r}: it has a character that does not print")
    return text


def _plain(value: object) -> str:
    match value:
        case str():
            return str(value)
        case bool():
            raise RenderError(f"cannot write {value}: a claim belongs into an `if`")
        case int():
            return str(value)
        case _:
            raise RenderError(f"cannot write {value}: it is neither text nor a whole number")
