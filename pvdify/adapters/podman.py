"""pvdify's own store of images and containers, through Podman's API on a socket of its own.

Plain requests over that socket, and not the `podman` package: importing it takes longer than a whole deploy may,
and it overrules the registries that Podman was told to reach without TLS.
"""

from __future__ import annotations

import os
import shutil
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from functools import partial
from secrets import token_hex
from typing import TYPE_CHECKING, Final, TypeVar
from urllib.parse import quote, urlencode

import anyio
import msgspec

from pvdify.adapters import podman_answers as answers
from pvdify.adapters.http import Exchange, Head, HttpError
from pvdify.adapters.process import run
from pvdify.adapters.registry import credentials, raise_for
from pvdify.errors import HostError
from pvdify.model.image import image_ref
from pvdify.ports import Container

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping
    from pathlib import Path

    from pvdify.model.image import Image
    from pvdify.ports import Progress, Pull

_T = TypeVar("_T")
_API: Final = "/v5.0.0/libpod"
_BODY: Final = 64 * 1024 * 1024
_OK: Final = range(200, 300)
_NOT_FOUND: Final = 404
_TRIES: Final = 3
_PATIENCE: Final = 40
"""Seconds that a registry may take to answer a login."""
# `podman` itself makes namespaces, which the sandbox of pvdify-host.service forbids: systemd starts it outside
_OUTSIDE: Final = (
    *("systemd-run", "--quiet", "--collect", "--wait", "--pipe"),
    *("--service-type=exec", "--property=UMask=0077"),
)
_MACHINES: Final = {
    "x86_64": "amd64",
    "aarch64": "arm64",
    "armv7l": "arm",
    "i686": "386",
    "ppc64le": "ppc64le",
    "riscv64": "riscv64",
    "s390x": "s390x",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Store:
    """`Podman` of this machine: the API at *socket*, whose store is at *root* and *runroot*."""

    socket: Path
    root: Path
    runroot: Path

    async def image(self, reference: str) -> Image | None:
        status, body = await self._ask("GET", f"/images/{quote(reference, safe='/:@')}/json")
        if status == _NOT_FOUND:
            return None
        return answers.image(_decoded(_checked(status, body, reference), answers.Inspected))

    async def pull(self, pull: Pull, progress: Progress) -> Image:
        wanted = image_ref(pull.reference)
        login = credentials(pull.logins, wanted.repository)
        headers = {"X-Registry-Auth": login} if login else {}
        ended = answers.Line()
        async with self._asked("POST", "/images/pull", {"reference": pull.reference}, headers) as (exchange, head):
            buffer = b""
            while chunk := await exchange.chunk():
                *lines, buffer = (buffer + chunk).split(b"\n")
                for line in lines:
                    ended = await _told(line, pull.reference, wanted.host, progress) or ended
            ended = await _told(buffer, pull.reference, wanted.host, progress) or ended
            if head.status not in _OK:
                raise_for(f"status {head.status}", pull.reference, wanted.host)
        image = await self.image(ended.id or pull.reference)
        if image is None:
            raise HostError(f"cannot pull {pull.reference}: the store does not have it afterwards")
        return image

    async def login(self, registry: str, user: str, password: str) -> None:
        store = ("--root", str(self.root), "--runroot", str(self.runroot), "--transient-store")
        # Podman wants to write down what it has proven: in a directory of this one service, in memory, which goes with it
        name = f"pvdify-login-{token_hex(4)}"
        directory = (f"--property=RuntimeDirectory={name}", "--property=RuntimeDirectoryMode=0700")
        limits = (f"--property=RuntimeMaxSec={_PATIENCE}", "--property=LimitCORE=0")
        file = ("--authfile", f"/run/{name}/auth.json")
        argv = ("podman", *store, "login", *file, "-u", user, "--password-stdin", "--", registry)
        done = await run(*_OUTSIDE, *directory, *limits, *argv, stdin=password.encode())
        if done.returncode:  # of whom systemd ended nothing is heard
            raise_for(done.stderr.strip().removeprefix("Error: ") or "timeout", registry, registry)

    async def architecture(self) -> str:
        await anyio.lowlevel.checkpoint()
        machine = os.uname().machine
        return _MACHINES.get(machine, machine)

    async def images(self) -> tuple[Image, ...]:
        return tuple(answers.listed_image(one) for one in await self._listed("/images/json", list[answers.Listed]))

    async def remove_image(self, image_id: str) -> None:
        users = await self._listed("/containers/json?all=true", list[answers.Listing])
        for user in users:
            if user.image_id == image_id:
                raise HostError(f"cannot remove image {image_id[:12]}: container {user.names[0]} uses it")
        names = [
            name
            for image in await self._listed("/images/json", list[answers.Listed])
            if image.id == image_id
            for name in image.names or ()
        ]
        for name in [*names[1:], image_id]:  # an id with several names cannot be removed without force
            status, body = await self._ask("DELETE", f"/images/{quote(name, safe='/:@')}")
            if status != _NOT_FOUND:
                _checked(status, body, f"image {name}")

    async def containers(self, prefix: str) -> tuple[Container, ...]:
        found = []
        for one in await self._listed("/containers/json?all=true", list[answers.Listing]):
            name = next((name for name in one.names or () if name.startswith(prefix)), None)
            if name is not None:
                address = await self._address(name) if one.state == "running" else ""
                found.append(Container(name=name, image_id=one.image_id, state=one.state, address=address))
        return tuple(sorted(found, key=lambda one: one.name))

    async def remove_container(self, name: str) -> None:
        said = b""
        for _ in range(_TRIES):  # one whose conmon is gone says so once, and goes at the next try
            status, said = await self._ask("DELETE", f"/containers/{quote(name)}?force=true&v=true&timeout=0")
            if status == _NOT_FOUND:
                return
            if status in _OK and not _decoded(said, list[answers.Removed])[0].error:
                return
        raise HostError(f"cannot remove container {name}: {answers.message(said)}")

    async def volumes(self, prefix: str) -> tuple[str, ...]:
        known = {one.name for one in await self._listed("/volumes/json", list[answers.Volume])}
        kept = await anyio.to_thread.run_sync(partial(_directories, self.root / "volumes"))
        return tuple(sorted(name for name in known | kept if name.startswith(prefix)))

    async def remove_volume(self, name: str) -> None:
        status, body = await self._ask("DELETE", f"/volumes/{quote(name, safe='')}")
        if status != _NOT_FOUND:
            _checked(status, body, f"volume {name}")
        # The store forgets volumes when the machine boots, and keeps what is in them.
        if name not in {"", ".", ".."} and "/" not in name:
            await anyio.to_thread.run_sync(partial(_remove, self.root / "volumes" / name))

    async def _address(self, name: str) -> str:
        status, body = await self._ask("GET", f"/containers/{quote(name)}/json")
        if status == _NOT_FOUND:
            return ""
        return answers.address(_decoded(_checked(status, body, name), answers.InspectedContainer))

    async def _listed(self, path: str, kind: type[_T]) -> _T:
        status, body = await self._ask("GET", path)
        return _decoded(_checked(status, body, path), kind)

    async def _ask(self, method: str, path: str) -> tuple[int, bytes]:
        """Ask, and once more if nobody answers: the service leaves when it has nothing to do, and comes back with the next question."""
        with suppress(HostError):
            return await self._ask_once(method, path)
        return await self._ask_once(method, path)

    async def _ask_once(self, method: str, path: str) -> tuple[int, bytes]:
        async with self._asked(method, path, {}, {}) as (exchange, head):
            return head.status, await exchange.body(limit=_BODY)

    @asynccontextmanager
    async def _asked(
        self, method: str, path: str, query: Mapping[str, str], headers: Mapping[str, str]
    ) -> AsyncIterator[tuple[Exchange, Head]]:
        try:
            async with await anyio.connect_unix(self.socket) as stream:
                exchange = Exchange(stream)
                await exchange.send(method, _API + path + (f"?{urlencode(query)}" if query else ""), headers)
                yield exchange, await exchange.head()
        except (OSError, HttpError, anyio.BrokenResourceError) as error:
            raise HostError(
                f"cannot ask Podman about pvdify's images: {error}", hint="systemctl start pvdify-podman.socket"
            ) from error


async def _told(line: bytes, image: str, registry: str, progress: Progress) -> answers.Line | None:
    """Pass on what a line of a pull says; a refusal comes as a line too, behind status 200. The line that names the image."""
    if not line.strip():
        return None
    said = _decoded(line, answers.Line)
    if reason := said.error or said.message:
        raise_for(reason, image, registry)
    if said.stream.strip():
        await progress(said.stream.strip())
    return said if said.id else None


def _checked(status: int, body: bytes, what: str) -> bytes:
    if status not in _OK:
        raise HostError(f"cannot use {what}: Podman says {answers.message(body)}")
    return body


def _decoded(body: bytes, kind: type[_T]) -> _T:
    try:
        return msgspec.json.decode(body, type=kind)
    except msgspec.MsgspecError as error:
        raise HostError(f"cannot read what Podman answers: {error}") from error


def _directories(path: Path) -> set[str]:
    try:
        return {entry.name for entry in path.iterdir() if entry.is_dir()}
    except FileNotFoundError:
        return set()


def _remove(path: Path) -> None:
    try:
        shutil.rmtree(path)
    except FileNotFoundError:
        return
    except OSError as error:
        raise HostError(f"cannot remove {path}: {error.strerror}") from error
