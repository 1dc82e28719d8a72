"""`pvdify-recover.service`: after boot, finish or undo what the last boot left in between."""

from __future__ import annotations

import sys

import anyio


async def recover() -> int:
    """Recover every app; 1 if one could not be."""
    from pvdify.cores import forbid_core_dumps
    from pvdify.ops.recover import recover_all
    from pvdify.wiring import local_host

    forbid_core_dumps()
    host = local_host()
    host.state.check()
    return 0 if await recover_all(host, _say) else 1


def _say(text: str) -> None:
    sys.stderr.write(f"{text}\n")


if __name__ == "__main__":
    sys.exit(anyio.run(recover, backend="trio"))
