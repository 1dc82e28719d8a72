"""Tokens: make, list, rotate and revoke them, and tell a caller who they are."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import msgspec

import pvdify
from pvdify.errors import ForbiddenError, NotFoundError
from pvdify.model.answers import TokenInfo, TokenMade, Tokens, WhoAmI
from pvdify.model.token import Token, digest, is_expired, new_id, new_text

if TYPE_CHECKING:
    from pvdify.model.caller import Caller
    from pvdify.model.requests import CreateToken, ForToken, Nothing, RotateToken
    from pvdify.ops.host import Host


async def list_tokens(host: Host, _request: Nothing) -> Tokens:
    """Every token, by name, the expired ones too."""
    return Tokens(tokens=tuple(_info(host, one) for one in sorted(host.state.tokens(), key=lambda one: one.name)))


async def create_token(host: Host, request: CreateToken, caller: Caller) -> TokenMade:
    """Make a token that may do no more than its maker, and ends no later."""
    if not all(caller.allows(scope) for scope in request.scopes):
        raise ForbiddenError("cannot make a token that may do more than its maker")
    text = new_text()
    token = Token(
        id=new_id(),
        name=request.name,
        scopes=tuple(sorted(set(request.scopes))),
        apps=tuple(sorted(set(request.apps))),
        created_at=host.now(),
        created_by=caller.name,
        expires_at=_end(host, request.days, caller),
        digest=digest(text),
    )
    host.state.add_token(token)
    return _made(host, token, text)


async def rotate_token(host: Host, request: RotateToken, caller: Caller) -> TokenMade:
    """Give a token a new text, and no longer a life than the caller's; the old one works until the overlap is over, or the old expiry."""
    old, text = _token(host, request.id), new_text()
    until = _in(host, seconds=request.overlap)
    token = msgspec.structs.replace(
        old,
        digest=digest(text),
        expires_at=_end(host, request.days, caller),
        previous_digest=old.digest,
        previous_until=min(until, old.expires_at or until),
    )
    host.state.replace_token(token)
    return _made(host, token, text)


async def revoke_token(host: Host, request: ForToken) -> TokenInfo:
    """Revoke a token: the next request that shows it is refused."""
    token = _token(host, request.id)
    host.state.remove_token(token.id)
    return _info(host, token)


async def who_am_i(host: Host, _request: Nothing, caller: Caller) -> WhoAmI:  # noqa: ARG001 - every operation is given its host
    """Who asks."""
    return WhoAmI(
        name=caller.name,
        via=caller.via.value,
        token=caller.token,
        scopes=tuple(sorted(caller.scopes)),
        apps=caller.apps,
        expires_at=caller.expires_at,
        version=pvdify.__version__,
    )


def _token(host: Host, id_: str) -> Token:
    token = host.state.token(id_)
    if token is None:
        raise NotFoundError(f"cannot find token {id_}", hint="list them with `pvdify tokens`")
    return token


def _info(host: Host, token: Token) -> TokenInfo:
    return TokenInfo(
        id=token.id,
        name=token.name,
        scopes=token.scopes,
        apps=token.apps,
        created_at=token.created_at,
        created_by=token.created_by,
        expires_at=token.expires_at,
        last_used_at=token.last_used_at,
        is_expired=is_expired(token, host.clock.now()),
    )


def _made(host: Host, token: Token, text: str) -> TokenMade:
    return TokenMade(token=text, **msgspec.structs.asdict(_info(host, token)))


def _end(host: Host, days: int | None, caller: Caller) -> str:
    """When a token of *days* ends that *caller* makes; never after the caller's own."""
    end = _in(host, days=days)
    return min(end or caller.expires_at, caller.expires_at) if caller.expires_at else end


def _in(host: Host, *, days: int | None = 0, seconds: int = 0) -> str:
    """The moment *days* and *seconds* from now; empty for never."""
    if days is None:
        return ""
    then = host.clock.now() + timedelta(days=days, seconds=seconds)
    return then.isoformat(timespec="milliseconds").replace("+00:00", "Z")
