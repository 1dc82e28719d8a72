"""Memory that is swapped where a test says so."""

from __future__ import annotations

from dataclasses import dataclass

import anyio


@dataclass(slots=True)
class FakeMemory:
    """`Memory`, whose swap areas in the clear are *swaps*."""

    swaps: tuple[str, ...] = ()

    async def open_swaps(self) -> tuple[str, ...]:
        await anyio.lowlevel.checkpoint()
        return self.swaps
