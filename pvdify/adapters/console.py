"""One-off commands, with the terminal or the pipes of whoever typed them."""

from __future__ import annotations

from pvdify.adapters.process import run_in_front


class Terminal:
    """`Console` of this machine."""

    async def run(self, argv: tuple[str, ...], *, interactive: bool) -> int:  # noqa: ARG002 -- argv says it already
        return await run_in_front(*argv)
