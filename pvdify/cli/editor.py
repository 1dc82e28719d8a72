"""Let a person change a text that must not reach a disk, in their own editor."""

from __future__ import annotations

import shlex
import signal
from typing import TYPE_CHECKING, Final

import anyio

from pvdify.cli.scratch import places, scratch
from pvdify.cli.usage import usage_error
from pvdify.errors import CancelledOperationError, HostError, ProgramMissingError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from anyio.abc import TaskStatus

    from pvdify.cli.surroundings import Surroundings

EDITOR_VARIABLES: Final = ("VISUAL", "EDITOR")
_DEFAULT: Final = "vi"


async def edited(around: Surroundings, name: str, data: bytes) -> bytes:
    """*data* as the person leaves it, in a file called *name* that is gone when this ends.

    Ctrl-C is the editor's. Raise `HostError` where it ends badly, `CancelledOperationError` where this process is told to end.
    """
    argv = _editor(around.environ)
    changed = b""
    async with anyio.create_task_group() as tasks:
        await tasks.start(_heed_signals)
        with scratch(name, data, places=places(around.environ)) as path:
            try:
                status = await around.in_front((*argv, str(path)))
                changed = path.read_bytes()
            except ProgramMissingError as error:
                raise HostError(f"cannot edit: there is no {argv[0]}", hint=_SET) from error
            except OSError as error:
                raise HostError(f"cannot read what {argv[0]} left: {error.strerror}") from error
        tasks.cancel_scope.cancel()
    if status:
        raise HostError(f"cannot edit: {argv[0]} ended with status {status}; nothing was changed")
    return changed


_SET: Final = "name your editor in VISUAL or EDITOR"


def _editor(environ: Mapping[str, str]) -> list[str]:
    text = next(filter(None, map(environ.get, EDITOR_VARIABLES)), _DEFAULT)
    try:
        argv = shlex.split(text)
    except ValueError as error:
        raise usage_error(f"cannot read the editor {text!r}: {str(error).lower()}", hint=_SET) from error
    return argv or [_DEFAULT]


async def _heed_signals(*, task_status: TaskStatus[None] = anyio.TASK_STATUS_IGNORED) -> None:
    with anyio.open_signal_receiver(signal.SIGINT, signal.SIGTERM, signal.SIGHUP) as signals:
        task_status.started()
        async for number in signals:
            if number != signal.SIGINT:
                raise CancelledOperationError("cannot finish the edit: it was told to end; nothing was changed")
