"""The root of the command line: it answers `--version` at once, and wires everything else."""

from __future__ import annotations

import gc
import sys
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Final

from pvdify import __version__

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from pvdify.cli.surroundings import Surroundings
    from pvdify.client.address import RemoteHost
    from pvdify.client.transport import Client

_OBJECTS_AT_START: Final = 50_000


def main() -> int:
    """Run the command that was typed; its exit status."""
    if sys.argv[1:] == ["--version"]:
        sys.stdout.write(f"{__version__}\n")
        return 0
    # what imports make is there to stay: to look through it for garbage again and again is a tenth of the start
    gc.set_threshold(_OBJECTS_AT_START)
    from pvdify.cli.program import main as run
    from pvdify.cores import forbid_core_dumps

    forbid_core_dumps()
    return run(_surroundings())


def _surroundings() -> Surroundings:
    import os
    from pathlib import Path

    from pvdify.cli.surroundings import DEFAULT_STATE, Surroundings
    from pvdify.cli.terminal import of_process
    from pvdify.client.vault import Keyring

    is_root = os.geteuid() == 0
    return Surroundings(
        argv=tuple(sys.argv[1:]),
        terminal=of_process(os.environ),
        environ=os.environ,
        directory=Path.cwd(),
        is_root=is_root,
        has_state=is_root and (DEFAULT_STATE / "format").exists(),  # nobody else may look
        connect=_connected,
        may_connect=_may_connect,
        vault=Keyring(),
        app_names=_app_names,
        leave=os._exit,
        in_front=_in_front,
    )


@asynccontextmanager
async def _connected(target: Path | RemoteHost) -> AsyncIterator[Client]:
    from pathlib import Path

    if not isinstance(target, Path):
        from pvdify.client.remote import remote

        async with remote(target) as there:
            yield there
        return
    from pvdify.client.local import local
    from pvdify.store.paths import Settings
    from pvdify.wiring import local_host

    async with local(local_host(Settings(state=target)), actor=_actor()) as here:
        yield here


async def _in_front(argv: tuple[str, ...]) -> int:
    import os

    from pvdify.adapters.process import run_in_front

    return await run_in_front(*argv, env=os.environ)


def _may_connect(socket: str) -> bool:
    import os

    return os.access(socket.removeprefix("unix://"), os.W_OK)


def _app_names(state: Path) -> tuple[str, ...]:
    from pvdify.errors import PvdifyError
    from pvdify.store.paths import Settings
    from pvdify.store.state import State

    try:
        return tuple(State(Settings(state=state)).current().apps)
    except PvdifyError:
        return ()


def _actor() -> str:
    import os
    import pwd

    if name := os.environ.get("SUDO_USER"):
        return name
    try:
        return pwd.getpwuid(os.geteuid()).pw_name
    except KeyError:
        return str(os.geteuid())


if __name__ == "__main__":
    sys.exit(main())
