"""Questions to Cloudflare's API: how long an answer is waited for, and what a refusal means."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Generic, Literal, TypeVar

import anyio
import msgspec

from pvdify.errors import (
    CloudflareBusyError,
    CloudflareError,
    CloudflareLoginError,
    CloudflareUnreachableError,
)
from pvdify.errors.connection import connection_words

if TYPE_CHECKING:
    from collections.abc import Mapping

    import httpx
    from cloudflare import AsyncCloudflare

T = TypeVar("T")
Method = Literal["GET", "POST", "PUT"]

_TRIES: Final = 3
_PAUSE: Final = 0.5
_UNSAID: Final = 5.0
"""How long a rate limit lasts that does not say so."""
_TOO_MANY: Final = 429
_BROKEN: Final = 500
_REFUSED: Final = frozenset({401, 403})
_NO_LOGIN: Final = frozenset({1000, 1001, 6003, 6111, 9106, 9109, 10000})


class _Said(msgspec.Struct, frozen=True):
    code: int = 0
    message: str = ""


class PageInfo(msgspec.Struct, frozen=True):
    """Where in a list an answer stands."""

    page: int = 1
    total_pages: int | None = None


class Reply(msgspec.Struct, Generic[T], frozen=True):
    """What is around everything that Cloudflare answers."""

    result: T
    success: bool = True
    result_info: PageInfo | None = None


class _Refusal(msgspec.Struct, frozen=True):
    success: bool = True
    errors: tuple[_Said, ...] | None = None


class ApiRefusalError(CloudflareError):
    """What Cloudflare said no to, with its own numbers; whoever asked knows what they mean."""

    def __init__(self, doing: str, status: int, said: tuple[_Said, ...]) -> None:
        super().__init__(f"cannot {doing}: Cloudflare says {_words(said)} (status {status})")
        self.status = status
        self.codes = frozenset(one.code for one in said)


@dataclass(frozen=True, slots=True)
class Api:
    """Questions with one token, over connections that are kept meanwhile."""

    client: AsyncCloudflare
    patience: float

    async def ask(
        self,
        method: Method,
        path: str,
        type_: type[T],
        *,
        doing: str,
        params: Mapping[str, object] | None = None,
        body: object = None,
    ) -> Reply[T]:
        """The answer to a question, or to a change, which is not sent again once it may have arrived.

        Raise `ApiRefusalError`, or what `CloudflareSession` says; *doing* is what cannot be done then.
        """
        try:
            with anyio.fail_after(self.patience) as scope:
                while (
                    response := await self._answer(method, path, params or {}, body, doing=doing)
                ).status_code == _TOO_MANY:
                    await _out_waited(response, doing=doing, until=scope.deadline)
        except TimeoutError as error:
            raise CloudflareUnreachableError(doing, f"Cloudflare did not answer in {self.patience:g} s") from error
        return _reply(response, type_, doing=doing)

    async def _answer(
        self, method: Method, path: str, params: Mapping[str, object], body: object, *, doing: str
    ) -> httpx.Response:
        """An answer that is none of a broken server; a question is asked again, and a change that cannot have arrived."""
        from cloudflare import APIConnectionError

        reason, cause = "", None
        for tries_left in range(_TRIES - 1, -1, -1):
            try:
                response = await self._sent(method, path, params, body)
            except APIConnectionError as error:
                reason, cause = _reason(error), error
            else:
                if response.status_code < _BROKEN:
                    return response
                reason, cause = f"Cloudflare answers with status {response.status_code}", None
            if not tries_left or not (method == "GET" or _never_arrived(cause)):
                break
            await anyio.sleep(_PAUSE * (_TRIES - tries_left))
        raise CloudflareUnreachableError(doing, reason) from cause

    async def _sent(self, method: Method, path: str, params: Mapping[str, object], body: object) -> httpx.Response:
        """The answer, of whatever status: for most of them the client raises."""
        import httpx
        from cloudflare import APIStatusError

        try:
            match method:
                case "GET":
                    return await self.client.get(path, cast_to=httpx.Response, options={"params": params})
                case "POST":
                    return await self.client.post(path, cast_to=httpx.Response, body=body)
                case "PUT":
                    return await self.client.put(path, cast_to=httpx.Response, body=body)
        except APIStatusError as error:
            return error.response


async def _out_waited(response: httpx.Response, *, doing: str, until: float) -> None:
    """Wait as long as a rate limit lasts; raise `CloudflareBusyError` at once where that is too long."""
    try:
        after = max(float(response.headers.get("retry-after", _UNSAID)), 0.0)
    except ValueError:
        after = _UNSAID
    if anyio.current_time() + after >= until:
        raise CloudflareBusyError(doing, after)
    await anyio.sleep(after)


def _reply(response: httpx.Response, type_: type[T], *, doing: str) -> Reply[T]:
    """What an answer says."""
    try:
        refusal = msgspec.json.decode(response.content, type=_Refusal)
        said = refusal.errors or ()
        if response.is_success and refusal.success:
            return msgspec.json.decode(response.content, type=Reply[type_])  # type: ignore[valid-type] # of just this type
    except msgspec.MsgspecError as error:
        reason = f"it answers with status {response.status_code}, and not as Cloudflare does"
        raise CloudflareUnreachableError(doing, reason) from error
    if response.status_code in _REFUSED or any(one.code in _NO_LOGIN for one in said):
        raise CloudflareLoginError(doing, f"Cloudflare refuses the token, or it may not do that ({_words(said)})")
    raise ApiRefusalError(doing, response.status_code, said)


def _words(said: tuple[_Said, ...]) -> str:
    """What Cloudflare says, on one line and with its numbers.

    >>> _words((_Said(9109, "Invalid access token"),)), _words(())
    ('Invalid access token, 9109', 'nothing')
    """
    texts = (f"{' '.join(one.message.split())[:200]}, {one.code}" for one in said[:3])
    return "; ".join("".join(mark for mark in text if mark.isprintable()) for text in texts) or "nothing"


def _never_arrived(error: BaseException | None) -> bool:
    """Whether there was no connection at all."""
    import httpx

    cause = error.__cause__ if error else None
    return isinstance(cause, (httpx.ConnectError, httpx.ConnectTimeout))


def _reason(error: BaseException) -> str:
    """Why there is no answer."""
    words = connection_words(error)
    return f"Cloudflare cannot be reached: {words}" if words else "the connection to Cloudflare broke off"
