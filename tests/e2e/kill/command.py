"""Runs in a bed, with pvdify's own Python: a command of pvdify that is killed at a chosen place.

::

    python command.py before 7 deploy blog --image …    # before line 7 of its journal is written
    python command.py after 7 deploy blog --image …     # after line 7 is safe
    python command.py at "done start" deploy blog --image …    # after the first line of that kind and step is safe
    python command.py step 7 deploy blog --image …      # after line 7 of those that do not only say that a step is done
    python command.py names 7 deploy blog --image …     # before it renames, links or syncs a directory for the 7th time

The command is the real one, unchanged: the interpreter stops it where a debugger would.
"""

import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from types import CodeType


def kill_at_line(number: int, where: str) -> None:
    """Have this process killed *where* says at line *number* of its journal; lines that only tell of progress do not count."""
    from pvdify.model.event import EventKind
    from pvdify.store.journal import Journal

    uncounted = {EventKind.PROGRESS} | ({EventKind.DONE} if where == "step" else set())
    seen = 0

    def begins(code: CodeType, offset: int) -> None:
        if _caller("kind") not in uncounted and where == "before" and seen == number:
            _die()

    def ends(code: CodeType, offset: int, value: object) -> None:
        nonlocal seen
        if _caller("kind") not in uncounted:
            if where != "before" and seen == number:
                _die()
            seen += 1

    _watch((Journal.accept, Journal.write), begins, ends)


def kill_at_step(words: str) -> None:
    """Have this process killed after the first line of its journal that says *words*, its kind and its step."""
    from pvdify.store.journal import Journal

    def ends(code: CodeType, offset: int, value: object) -> None:
        if f"{_caller('kind')} {_caller('step')}" == words:
            _die()

    _watch((Journal.write,), lambda *_: None, ends)


def kill_at_name(number: int) -> None:
    """Have this process killed when it is about to change a name on the disk for the *number*th time, or to make changed names safe."""
    from pvdify.store.files import sync_directory

    seen = 0

    def begins(code: CodeType, offset: int) -> None:
        nonlocal seen
        if seen == number:
            _die()
        seen += 1

    _watch((sync_directory, Path.rename, Path.symlink_to), begins, lambda *_: None)


def _watch(
    functions: tuple[Callable[..., object], ...],
    begins: Callable[[CodeType, int], None],
    ends: Callable[[CodeType, int, object], None],
) -> None:
    if sys.version_info < (3, 12):
        raise SystemExit("kill: this Python has no sys.monitoring")
    tools = sys.monitoring
    tools.use_tool_id(tools.DEBUGGER_ID, "kill")
    tools.register_callback(tools.DEBUGGER_ID, tools.events.PY_START, begins)
    tools.register_callback(tools.DEBUGGER_ID, tools.events.PY_RETURN, ends)
    for function in functions:
        tools.set_local_events(tools.DEBUGGER_ID, function.__code__, tools.events.PY_START | tools.events.PY_RETURN)


def _caller(name: str) -> object:
    """An argument of the function that is watched."""
    return sys._getframe(2).f_locals.get(name)  # noqa: SLF001 -- as a debugger does


def _die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def main() -> None:
    """Run the command."""
    where, number, *argv = sys.argv[1:]
    if where == "names":
        kill_at_name(int(number))
    elif where == "at":
        kill_at_step(number)
    else:
        kill_at_line(int(number), where)
    from pvdify.__main__ import main as pvdify

    sys.argv = ["pvdify", *argv]
    sys.exit(pvdify())


if __name__ == "__main__":
    main()
