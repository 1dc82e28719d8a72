"""One-off commands, with the terminal or the pipes of whoever typed them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pvdify.adapters.process import piped, run_in_front

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from pvdify.ports import Output


class Terminal:
    """`Console` of this machine."""

    async def run(self, argv: tuple[str, ...], *, interactive: bool) -> int:  # noqa: ARG002 -- argv says it already
        return await run_in_front(*argv)

    def stream(self, argv: tuple[str, ...]) -> AsyncGenerator[Output, None]:
        return piped(*argv)
