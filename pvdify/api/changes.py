"""Changes over HTTP: accepted once for one `Idempotency-Key`, only on what the caller has seen, and answered at once or at their end."""

from __future__ import annotations

import re
from contextlib import contextmanager
from dataclasses import dataclass
from hashlib import sha256
from typing import TYPE_CHECKING, Any, Final

import msgspec
from aiohttp import web

from pvdify.errors import (
    AppBusyError,
    AppNotFoundError,
    NotFoundError,
    PreconditionError,
    RefusedError,
    ReplayedError,
    SpecError,
    told,
)
from pvdify.model.answers import Pending, TokenMade
from pvdify.model.patterns import closed
from pvdify.model.requests import Follow, ForOperation, Nothing
from pvdify.operations import apps, config, releases
from pvdify.operations.wire import PREFIX
from pvdify.ops.apps import list_apps
from pvdify.ops.journal import follow, operation_info

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from pvdify.model.answers import Changed
    from pvdify.model.caller import Caller
    from pvdify.operations.door import Door
    from pvdify.operations.table import Operation

KEY: Final = "Idempotency-Key"
REPLAYED: Final = "Idempotent-Replayed"
_KEY: Final = re.compile(closed(r"[\x21-\x7e]{1,255}"))
_OF_CONFIG: Final = config.ALL
_ASYNC: Final = "respond-async"


@dataclass(frozen=True, slots=True)
class Changes:
    """What makes a change safe to ask for twice."""

    door: Door

    async def accepted(
        self, operation: Operation[Any, Any], asked: Any, caller: Caller, headers: Mapping[str, str]
    ) -> web.Response:
        """Have the change accepted, or find the one that the same request became before; 202, or 201 and 204 at its end."""
        key = _key(headers)
        claim = _Claim(self.door, operation, asked, caller, key) if key else None
        id_ = claim.known() if claim else None
        is_replayed = id_ is not None
        if id_ is None:
            try:
                id_ = await self.door.change(
                    operation, asked, caller, admit=self._admits(operation, asked, headers, claim)
                )
            except _ReplayedError as replayed:
                id_, is_replayed = replayed.operation, True
            except AppBusyError:
                id_ = claim.known() if claim else None
                if id_ is None:
                    raise
                is_replayed = True
            except BaseException:
                if claim:
                    claim.release()
                raise
        # from here on the change goes on, whatever becomes of this answer: the key stands for it
        version = None if is_replayed else self._version(operation, asked)
        response = await self._answer(operation, asked, id_, version, is_async=_ASYNC in headers.get("Prefer", ""))
        if is_replayed:
            response.headers[REPLAYED] = "true"
        return response

    @contextmanager
    def once(
        self, operation: Operation[Any, Any], asked: Any, caller: Caller, headers: Mapping[str, str]
    ) -> Iterator[None]:
        """Around a value that changes something: raise `ReplayedError` where its key was used for it already and its answer is told once."""
        key = _key(headers) if operation.is_change and operation.route and operation.route.method == "POST" else ""
        claim = _Claim(self.door, operation, asked, caller, key) if key else None
        if claim and not claim.take(operation.name) and operation.answer is TokenMade:
            raise ReplayedError(key)
        try:
            yield
        except BaseException:
            if claim:
                claim.release()
            raise

    def tag_of(self, operation: Operation[Any, Any], asked: Any) -> str:
        """The `ETag` of what is answered: of an app, what is declared of it; of its config, which version it is."""
        return self._tag(operation, asked.app) if operation in (apps.INFO, config.SHOW) else ""

    def _admits(
        self, operation: Operation[Any, Any], asked: Any, headers: Mapping[str, str], claim: _Claim | None
    ) -> Callable[[str], None]:
        wanted = headers.get("If-Match", "").strip()
        is_named = operation.route is not None and operation.locks in operation.route.parameters()
        app = operation.app_of(asked) if is_named else ""  # what is only to be made, nobody has seen

        def admit(id_: str) -> None:
            if (
                wanted
                and app
                and wanted != "*"
                and self._tag(operation, app) not in {one.strip() for one in wanted.split(",")}
            ):
                raise PreconditionError(
                    f"cannot change {app}: it is not any more what you have seen",
                    hint=f"read it again: GET {PREFIX}/apps/{app}{'/config' if operation in _OF_CONFIG else ''}",
                )
            if claim and not claim.take(id_):
                raise _ReplayedError(claim.known() or id_)

        return admit

    async def _answer(
        self, operation: Operation[Any, Any], asked: Any, id_: str, version: int | None, *, is_async: bool
    ) -> web.Response:
        status = operation.route.status if operation.route else 202
        waits = status != 202 or bool(operation.route and operation.route.waits and operation.route.waits(asked))  # noqa: PLR2004 - HTTP's number
        if is_async or not waits:
            return self._pending(asked, id_, version)
        changed = await self._ended(id_)
        if status == 202:  # noqa: PLR2004 - HTTP's number
            return web.Response(body=msgspec.json.encode(changed), content_type="application/json")
        if status == 204:  # noqa: PLR2004 - HTTP's number
            return web.Response(status=204)
        name = operation.app_of(asked)
        listed = await list_apps(self.door.host, Nothing())
        made = next((one for one in listed.apps if one.name == name), None)
        if made is None:  # destroyed since
            raise AppNotFoundError(name)
        response = web.Response(body=msgspec.json.encode(made), status=status, content_type="application/json")
        response.headers["Location"] = f"{PREFIX}/apps/{name}"
        return response

    def _pending(self, asked: Any, id_: str, version: int | None) -> web.Response:
        record = self.door.host.state.record(id_)
        if record is None:
            raise NotFoundError(f"cannot find operation {id_}")
        image = getattr(asked, "image", None)
        pending = Pending(
            operation=id_,
            name=record.name,
            app=record.app,
            status="pending",
            created_at=record.started_at,
            created_by=record.actor,
            version=version or record.release,
            image=image if isinstance(image, str) else None,
        )
        response = web.Response(body=msgspec.json.encode(pending), status=202, content_type="application/json")
        response.headers["Location"] = f"{PREFIX}/operations/{id_}"
        return response

    async def _ended(self, id_: str) -> Changed:
        """The end of an operation, also of one that an earlier process of the service began."""
        if self.door.conductor.knows(id_):
            return await self.door.conductor.ended(id_)
        async for _ in follow(self.door.host, Follow(id=id_)):
            pass  # to its end
        summary = await operation_info(self.door.host, ForOperation(id=id_))
        if summary.result is not None:
            return summary.result
        failure = summary.failure
        if failure is None:
            raise RefusedError(f"cannot finish {summary.name}: it was {summary.status}")
        raise told(failure.code, failure.message, hint=failure.hint, failure=failure)

    def _version(self, operation: Operation[Any, Any], asked: Any) -> int | None:
        """The release that a deploy is about to make: nobody else can, as long as it holds the app."""
        return self.door.host.state.next_version(asked.app) if operation is releases.CREATE else None

    def _tag(self, operation: Operation[Any, Any], app: str) -> str:
        if operation in _OF_CONFIG:
            pin = self.door.host.row(app).config
            return f'"c{pin.version if pin else 0}"'
        return f'"{sha256(self.door.host.state.slot_text(app)).hexdigest()[:32]}"'


class _ReplayedError(Exception):
    """The same request was accepted before, as *operation*."""

    def __init__(self, operation: str) -> None:
        super().__init__(operation)
        self.operation = operation


class _Claim:
    """One caller's key, for one request."""

    def __init__(self, door: Door, operation: Operation[Any, Any], asked: Any, caller: Caller, key: str) -> None:
        self._host = door.host
        self._who = caller.token or f"{caller.via.value}:{caller.name}"
        self._key = key
        text = msgspec.json.encode([operation.name, msgspec.to_builtins(asked)], order="deterministic")
        self._fingerprint = sha256(text).hexdigest()
        self._taken = ""
        self._lost = ""

    def known(self) -> str | None:
        """The operation that the key stands for; None for a new key, and for an operation that never came to be."""
        id_ = self._host.state.claimed_key(
            self._who, self._key, fingerprint=self._fingerprint, now=self._host.clock.now()
        )
        if id_ is not None and self._host.state.record(id_) is None:
            self._lost, id_ = id_, None
        return id_

    def take(self, operation: str) -> bool:
        """Let the key stand for *operation*; False if it stands for one already."""
        claim = self._host.state.claim_key(
            self._who,
            self._key,
            fingerprint=self._fingerprint,
            operation=operation,
            now=self._host.clock.now(),
            lost=self._lost,
        )
        self._taken = operation if claim.is_new else ""
        return claim.is_new

    def release(self) -> None:
        """Let the key stand for nothing again, if it was this request that took it."""
        if self._taken:
            self._host.state.release_key(self._who, self._key, operation=self._taken)


def _key(headers: Mapping[str, str]) -> str:
    key = headers.get(KEY)
    if key is None:
        return ""
    if not _KEY.search(key):
        raise SpecError(f"cannot read the header {KEY}: it is 1 to 255 printable characters", pointer=f"/{KEY}")
    return key
