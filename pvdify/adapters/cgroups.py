"""What slices take, as the kernel counts it: `systemctl` needs a millisecond for each, and keeps systemd busy with it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pvdify.ports import Usage

if TYPE_CHECKING:
    from pathlib import Path


def usage(root: Path, slices: tuple[str, ...]) -> tuple[Usage, ...]:
    """What each of *slices* takes, where *root* is the control group of all."""
    return tuple(_usage(root / group(name)) for name in slices)


def group(name: str) -> str:
    """Where systemd puts a slice: inside one slice for each hyphen in its name.

    >>> group("pvdify-my_app.slice")
    'pvdify.slice/pvdify-my_app.slice'
    """
    parts = name.removesuffix(".slice").split("-")
    return "/".join(f"{'-'.join(parts[:count])}.slice" for count in range(1, len(parts) + 1))


def _usage(directory: Path) -> Usage:
    times = dict(line.partition(" ")[::2] for line in _read(directory / "cpu.stat").splitlines())
    microseconds = _number(times.get("usage_usec", ""))
    return Usage(
        memory=_number(_read(directory / "memory.current")),
        cpu_seconds=None if microseconds is None else microseconds / 1e6,
    )


def _read(file: Path) -> str:
    try:
        return file.read_text(encoding="ascii", errors="replace")
    except OSError:  # the slice is down, or this is not counted here
        return ""


def _number(text: str) -> int | None:
    return int(text) if text.strip().isdecimal() else None
