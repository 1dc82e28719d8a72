"""A change as it comes along, on a terminal: done steps above, and below them a line that moves."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

from rich.console import Console
from rich.progress import Progress as Bar
from rich.progress import ProgressColumn, SpinnerColumn, TextColumn
from rich.text import Text

from pvdify.cli.progress import STEP_WIDTH, Silent, line
from pvdify.cli.tables import duration
from pvdify.model.event import EventKind

if TYPE_CHECKING:
    from typing import Self

    from rich.progress import Task, TaskID

    from pvdify.cli.terminal import Terminal
    from pvdify.model.event import Event


class Live(Silent):
    """A spinner with the step that runs, what it says of itself, and its time."""

    def __init__(self, terminal: Terminal) -> None:
        self._terminal = terminal
        console = Console(
            file=terminal.out,
            force_terminal=True,
            color_system="standard" if terminal.is_coloured else None,
            highlight=False,
        )
        self._bar = Bar(
            SpinnerColumn(finished_text=" "),
            TextColumn(f"{{task.description:<{STEP_WIDTH}}}", markup=False),
            _Elapsed(),
            TextColumn("{task.fields[said]}", markup=False),
            console=console,
            transient=True,
        )
        self._task: TaskID | None = None

    def __enter__(self) -> Self:
        with suppress(OSError, ValueError):
            self._bar.start()
        return self

    def show(self, event: Event) -> None:
        with suppress(OSError, ValueError):
            match event.kind:
                case EventKind.BEGIN:
                    self._forget()
                    self._task = self._bar.add_task(event.step, total=None, said="")
                case EventKind.PROGRESS if self._task is not None:
                    self._bar.update(self._task, said=self._terminal.printable(event.text))
                case EventKind.DONE:
                    self._forget()
                    self._above(event, mark="✓", colour="green")
                case EventKind.NOTE:
                    self._above(event, mark=" ", colour="")
                case EventKind.END:
                    self._forget()
                case _:
                    pass

    def note(self, text: str) -> None:
        with suppress(OSError, ValueError):
            self._bar.console.print(Text(f"  {text}", style="yellow"), soft_wrap=True)

    def close(self) -> None:
        with suppress(OSError, ValueError):
            self._bar.stop()
            self._bar.console.show_cursor()

    def _above(self, event: Event, *, mark: str, colour: str) -> None:
        text = self._terminal.printable(line(event))
        if text:
            self._bar.console.print(Text.assemble((mark, colour), text[1:]), soft_wrap=True)

    def _forget(self) -> None:
        if self._task is not None:
            self._bar.remove_task(self._task)
            self._task = None
            self._bar.refresh()


class _Elapsed(ProgressColumn):
    """The time of a step so far, in the words of one that is done."""

    max_refresh = 0.1

    def render(self, task: Task) -> Text:
        return Text(f"{duration((task.elapsed or 0) * 1000):>6}")
