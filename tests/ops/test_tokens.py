"""Tokens: none may do more, or live longer, than whoever makes it."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from pvdify.errors import ForbiddenError, NotFoundError
from pvdify.model.caller import Caller, Via
from pvdify.model.requests import CreateToken, ForToken, Nothing, RotateToken
from pvdify.model.scope import Scope
from pvdify.model.token import digest
from pvdify.ops.tokens import create_token, list_tokens, revoke_token, rotate_token, who_am_i
from tests.ops.world import World

if TYPE_CHECKING:
    from pathlib import Path

    from pvdify.ops.host import Host

OPERATOR = Caller(name="ada")


@pytest.fixture
async def host(tmp_path: Path) -> Host:
    world = World(tmp_path)
    await world.begin()
    return world.process()


def ending(host: Host, *, hours: int) -> Caller:
    """Somebody whose token may everything, and ends so soon."""
    then = host.clock.now() + timedelta(hours=hours)
    return Caller(name="ci", via=Via.API, expires_at=then.isoformat(timespec="milliseconds").replace("+00:00", "Z"))


async def test_a_token_is_told_once_and_found_by_its_digest_alone(host: Host) -> None:
    made = await create_token(host, CreateToken(name="ci", scopes=(Scope.DEPLOY, Scope.READ), apps=("blog",)), OPERATOR)

    (kept,) = host.state.tokens()
    assert digest(made.token) == kept.digest
    assert (("blog",), (Scope.DEPLOY, Scope.READ), "ada") == (kept.apps, kept.scopes, kept.created_by)
    found = host.state.token_of(digest(made.token), host.clock.now())
    assert found is not None
    assert made.id == found.id
    assert made.token not in repr(await list_tokens(host, Nothing()))


async def test_a_token_is_good_for_ninety_days_or_as_long_as_was_said(host: Host) -> None:
    now = host.clock.now()

    usual = await create_token(host, CreateToken(name="a"), OPERATOR)
    short = await create_token(host, CreateToken(name="b", days=1), OPERATOR)
    for_ever = await create_token(host, CreateToken(name="c", days=None), OPERATOR)

    assert usual.expires_at.startswith(str((now + timedelta(days=90)).date()))
    assert short.expires_at.startswith(str((now + timedelta(days=1)).date()))
    assert "" == for_ever.expires_at


@pytest.mark.parametrize("days", [90, None])
async def test_a_token_makes_none_that_ends_after_itself(host: Host, days: int | None) -> None:
    caller = ending(host, hours=5)

    made = await create_token(host, CreateToken(name="ci", days=days), caller)
    again = await rotate_token(host, RotateToken(id=made.id, days=days), caller)

    assert caller.expires_at == made.expires_at == again.expires_at


async def test_a_token_makes_none_that_may_more_than_itself(host: Host) -> None:
    caller = Caller(name="ci", via=Via.API, scopes=frozenset({Scope.READ}))

    with pytest.raises(ForbiddenError):
        await create_token(host, CreateToken(name="more", scopes=(Scope.DEPLOY,)), caller)

    assert () == host.state.tokens()


async def test_after_a_rotation_both_texts_work_until_the_overlap_is_over(host: Host) -> None:
    old = await create_token(host, CreateToken(name="ci"), OPERATOR)

    new = await rotate_token(host, RotateToken(id=old.id, overlap=3600), OPERATOR)

    soon, late = host.clock.now() + timedelta(minutes=50), host.clock.now() + timedelta(hours=2)
    assert host.state.token_of(digest(old.token), soon) is not None
    assert host.state.token_of(digest(old.token), late) is None
    assert host.state.token_of(digest(new.token), late) is not None


async def test_a_revoked_token_is_gone_at_once(host: Host) -> None:
    made = await create_token(host, CreateToken(name="ci"), OPERATOR)

    await revoke_token(host, ForToken(id=made.id))

    assert host.state.token_of(digest(made.token), host.clock.now()) is None
    with pytest.raises(NotFoundError):
        await revoke_token(host, ForToken(id=made.id))


async def test_who_asks_is_told_what_they_may(host: Host) -> None:
    caller = Caller(name="ci", via=Via.API, token="taaaaaaaa", scopes=frozenset({Scope.READ}), apps=("blog",))  # noqa: S106 - an id

    told = await who_am_i(host, Nothing(), caller)

    assert ("ci", "api", (Scope.READ,), ("blog",)) == (told.name, told.via, told.scopes, told.apps)
