"""Why an operation failed, on one screen."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from pvdify.cli.tables import duration, facts

if TYPE_CHECKING:
    from pvdify.cli.terminal import Terminal
    from pvdify.errors import Failure, Probe

_RED: Final = 31
_BODY: Final = 200


def screen(failure: Failure, terminal: Terminal) -> str:
    """*failure* from what went wrong to what to type next; what others wrote is made printable."""
    pairs = [
        ("phase", failure.phase),
        ("probe", _probe(failure.probe) if failure.probe else ""),
        ("ended", failure.exit.words if failure.exit else ""),
        ("last lines", "\n".join(failure.log_tail)),
        ("unchanged", failure.unchanged),
        ("next", failure.hint),
    ]
    body = facts((name, "\n".join(terminal.printable(one) for one in text.split("\n"))) for name, text in pairs)
    indented = "\n".join(f"  {one}" for one in body.splitlines())
    return f"{terminal.coloured(terminal.printable(failure.message), _RED)}\n\n{indented}"


def _probe(probe: Probe) -> str:
    times = f", {probe.attempts} times asked" if probe.attempts > 1 else ""
    body = " ".join(probe.body[:_BODY].split())
    return f"{probe.words} after {duration(probe.latency_ms)}{times}" + (f"\n{body}" if body else "")
