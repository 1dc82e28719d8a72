"""What a command finds around it: given by the root, so that nothing in here looks for itself."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from contextlib import AbstractAsyncContextManager

    from pvdify.cli.terminal import Terminal
    from pvdify.client.transport import Client

DEFAULT_STATE: Final = Path("/var/lib/pvdify")
STATE_VARIABLE: Final = "PVDIFY_STATE"
APP_VARIABLE: Final = "PVDIFY_APP"
COMPLETE_VARIABLE: Final = "_PVDIFY_COMPLETE"

Connect = Callable[[Path], "AbstractAsyncContextManager[Client]"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """The process that runs a command, as far as the command may know it.

    *connect* makes a client for a state directory, *app_names* reads the names of its apps without waiting, *leave* ends the process at once,
    with nothing undone.
    """

    argv: tuple[str, ...]
    terminal: Terminal
    environ: Mapping[str, str]
    directory: Path
    is_root: bool
    connect: Connect
    app_names: Callable[[Path], tuple[str, ...]]
    leave: Callable[[int], None]

    @property
    def state(self) -> Path:
        """The state directory, unless a command says otherwise."""
        return Path(self.environ.get(STATE_VARIABLE) or DEFAULT_STATE)
