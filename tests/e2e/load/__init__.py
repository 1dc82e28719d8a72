"""Honest HTTP load, from inside a bed.

::

    with Load(bed, 3000, 3001, keep_alive=8, new=4, slow=1, websockets=1, uploads=1, rate=1000) as load:
        bed.run("pvdify", "deploy", "blog", image)
        load.wait_for("v2", front=3000)
    assert not load.result.failures, load.result

What it asks, and what counts as failed, is told in ``generator/main.c``.
"""

from tests.e2e.load.load import Failure, Kind, Load, Release, Result, Websockets

__all__ = ["Failure", "Kind", "Load", "Release", "Result", "Websockets"]
