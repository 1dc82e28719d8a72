"""Programs of the machine that the tests run on."""

from __future__ import annotations

from pathlib import Path

from pvdify.adapters.console import Terminal


class RealConsole:
    def __init__(self) -> None:
        self.port = Terminal()

    def program(self, out: str, err: str, status: int) -> tuple[str, ...]:
        return ("sh", "-c", 'printf %s "$0"; printf %s "$1" >&2; exit "$2"', out, err, str(status))

    def endless(self, out: str, mark: str) -> tuple[str, ...]:
        return ("sh", "-c", 'printf %s "$0"; sleep 1000 & wait', out, mark)

    def is_over(self, argv: tuple[str, ...]) -> bool:
        return argv[-1].encode() not in running()


def running() -> bytes:
    """The argument vectors of everything that runs."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            found.append(path.read_bytes())
        except OSError:
            continue
    return b"\n".join(found)
