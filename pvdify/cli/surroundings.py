"""What a command finds around it: given by the root, so that nothing in here looks for itself."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from contextlib import AbstractAsyncContextManager

    from pvdify.cli.terminal import Terminal
    from pvdify.client.address import RemoteHost
    from pvdify.client.transport import Client
    from pvdify.client.vault import Vault

DEFAULT_STATE: Final = Path("/var/lib/pvdify")
STATE_VARIABLE: Final = "PVDIFY_STATE"
APP_VARIABLE: Final = "PVDIFY_APP"
URL_VARIABLE: Final = "PVDIFY_API_URL"
TOKEN_VARIABLE: Final = "PVDIFY_TOKEN"  # noqa: S105 - the name of a variable
HOST_VARIABLE: Final = "PVDIFY_HOST"
COMPLETE_VARIABLE: Final = "_PVDIFY_COMPLETE"
_FILE: Final = Path("pvdify", "hosts.toml")

Connect = Callable[["Path | RemoteHost"], "AbstractAsyncContextManager[Client]"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """The process that runs a command, as far as the command may know it.

    *has_state* says whether this machine is a host of pvdify. *connect* makes a client for a state directory of this machine, or for a host
    elsewhere; *may_connect* says whether the user may open a unix socket. *app_names* reads the names of apps without waiting, *leave* ends the
    process at once, with nothing undone. *in_front* runs a program of the user's on the terminal, and answers its exit status.
    """

    argv: tuple[str, ...]
    terminal: Terminal
    environ: Mapping[str, str]
    directory: Path
    is_root: bool
    has_state: bool
    connect: Connect
    may_connect: Callable[[str], bool]
    vault: Vault
    app_names: Callable[[Path], tuple[str, ...]]
    leave: Callable[[int], None]
    in_front: Callable[[tuple[str, ...]], Awaitable[int]]

    @property
    def state(self) -> Path:
        """The state directory, unless a command says otherwise."""
        return Path(self.environ.get(STATE_VARIABLE) or DEFAULT_STATE)

    @property
    def hosts(self) -> Path:
        """The file of the hosts that the user knows."""
        config, home = self.environ.get("XDG_CONFIG_HOME"), self.environ.get("HOME")
        return (Path(config) if config else Path(home or "/") / ".config") / _FILE
