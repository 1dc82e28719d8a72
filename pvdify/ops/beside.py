"""Wait for one thing while others are got ready."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

import anyio

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

T = TypeVar("T")


async def beside(main: Callable[[], Awaitable[T]], *others: Callable[[], Awaitable[object]]) -> T:
    """The answer of *main*, awaited while *others* run; an error of *main* comes through as it is, those of others when it went well."""
    found: list[T] = []
    errors: list[Exception] = []

    async def caught(one: Callable[[], Awaitable[object]]) -> None:
        try:
            await one()
        except Exception as error:  # noqa: BLE001 - raised below, without the group that a task group makes of it
            errors.append(error)

    async def first() -> None:
        try:
            found.append(await main())
        except Exception as error:  # noqa: BLE001 - the same
            errors.insert(0, error)

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(first)
        for other in others:
            tasks.start_soon(caught, other)
    if errors:
        raise errors[0]
    return found[0]
