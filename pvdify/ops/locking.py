"""Waiting for a lock of the state directory without blocking the loop."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Final

import anyio

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from pvdify.store.locks import Lock

_PAUSE: Final = 0.005


@asynccontextmanager
async def held(try_lock: Callable[[], Lock | None]) -> AsyncIterator[None]:
    """Hold the lock that *try_lock* gives, trying every 5 ms; its holders keep it for milliseconds."""
    while (lock := try_lock()) is None:  # noqa: ASYNC110 - a file lock has no event to wait for
        await anyio.sleep(_PAUSE)
    try:
        yield
    finally:
        lock.release()
