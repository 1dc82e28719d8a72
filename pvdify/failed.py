"""`pvdify-failed@UNIT.service`: an instance reached its start limit; if its release is new, give the traffic back to the warm one.

systemd starts it by `OnFailure=`, so it works with no process of pvdify running.
"""

from __future__ import annotations

import sys

import anyio


async def failed(unit: str) -> int:
    """Judge the failed *unit*; 1 if a way back was due and did not succeed."""
    from pvdify.cores import forbid_core_dumps
    from pvdify.errors import PvdifyError
    from pvdify.ops.watch import revert
    from pvdify.wiring import local_host

    forbid_core_dumps()
    try:
        verdict = await revert(local_host(), unit)
    except PvdifyError as error:
        sys.stderr.write(f"{error.message}; {error.hint}\n")
        return 1
    sys.stderr.write(f"{verdict}\n")
    return 0


if __name__ == "__main__":
    sys.exit(anyio.run(failed, sys.argv[1], backend="trio"))
