"""A change as it comes along, in lines: one for each step that is done."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Protocol, Self

from pvdify.cli.tables import duration
from pvdify.model.event import EventKind

if TYPE_CHECKING:
    from pvdify.cli.terminal import Terminal
    from pvdify.model.event import Event

STEP_WIDTH: Final = 16


class Progress(Protocol):
    """Shows events; none of its methods raises because a terminal is gone."""

    def __enter__(self) -> Self:
        """Begin to show."""

    def __exit__(self, *_: object) -> None:
        """Stop, and leave what was shown."""

    def show(self, event: Event) -> None:
        """Show what *event* adds."""

    def note(self, text: str) -> None:
        """Show something that is no event."""

    def close(self) -> None:
        """Give the terminal back."""


class Silent:
    """Shows nothing: somebody reads JSON."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def show(self, event: Event) -> None:
        pass

    def note(self, text: str) -> None:
        pass

    def close(self) -> None:
        pass


class Lines(Silent):
    """One plain line for each finished step and each note: for pipes, files and logs."""

    def __init__(self, terminal: Terminal) -> None:
        self._terminal = terminal

    def show(self, event: Event) -> None:
        text = line(event)
        if text:
            self._terminal.say(self._terminal.printable(text))

    def note(self, text: str) -> None:
        self._terminal.say(f"  {text}")


def line(event: Event) -> str:
    """*event* as a line; empty if it is none of its own.

    >>> from pvdify.model.event import Event
    >>> line(Event(seq=3, at="", kind=EventKind.DONE, step="pull", ms=412))
    '  pull             412 ms'
    """
    match event.kind:
        case EventKind.DONE:
            return f"  {event.step:<{STEP_WIDTH}} {duration(event.ms or 0):>6}".rstrip()
        case EventKind.NOTE:
            return f"  {event.text}" if event.text else ""
        case EventKind.ACCEPTED | EventKind.BEGIN | EventKind.PROGRESS | EventKind.FAILED | EventKind.END:
            return ""
