"""One-off commands, with the terminal or the pipes of whoever typed them."""

from __future__ import annotations

from dataclasses import dataclass

from pvdify.adapters.process import run_in_front


@dataclass(frozen=True, slots=True)
class Terminal:
    """This process's own standard input, output and error."""

    async def run(self, argv: tuple[str, ...], *, interactive: bool) -> int:
        del interactive  # the vector says it already: a terminal or pipes
        return await run_in_front(*argv)
