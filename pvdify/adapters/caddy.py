"""The edge Caddy: automatic HTTPS in front of the fronts, in a service of pvdify's own."""

from __future__ import annotations

import socket
import ssl
import struct
from dataclasses import dataclass
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Final

import anyio
import msgspec
from anyio.abc import SocketAttribute
from anyio.streams.tls import TLSStream

from pvdify.adapters.http import Exchange, HttpError
from pvdify.adapters.listeners import handed_over
from pvdify.adapters.process import run
from pvdify.errors import EdgeError, HostError, ProgramMissingError, RenderError

if TYPE_CHECKING:
    from pathlib import Path

    from anyio.abc import SocketStream

UNIT: Final = "pvdify-caddy.service"
_INSTALL: Final = "install Caddy, as https://caddyserver.com/docs/install says; its own service is not needed"
_HTTPS: Final = ("127.0.0.1", 443)
_PORTS: Final = (443, 80)
_PATIENCE: Final = 60.0
_BODY: Final = 64 * 1024
_CREDENTIALS: Final = struct.Struct("3i")  # struct ucred: pid, uid, gid
_TOLD: Final = 400
_ERROR: Final = "Error: "
_TAKEN: Final = "`ss -ltnp 'sport = :80 or sport = :443'` shows who has its ports; Caddy's own service goes with `systemctl disable --now caddy`"


class _Refusal(msgspec.Struct):
    """What Caddy answers where it takes something not."""

    error: str = ""


@dataclass(frozen=True, slots=True)
class Caddy:
    """`Edge` of this machine; *admin* is where the running one takes another configuration."""

    admin: Path

    async def version(self) -> str:
        try:
            done = await run("caddy", "version")
        except ProgramMissingError as error:
            error.hint = _INSTALL
            raise
        return done.checked().stdout.split()[0].removeprefix("v")

    async def check(self, config: Path) -> None:
        # what is checked is also made: an authority that is root's would be of no use to the service
        with TemporaryDirectory(prefix="pvdify-") as storage:
            argv = ("caddy", "validate", "--adapter", "caddyfile", "--config", str(config))
            done = await run(*argv, env={"PVDIFY_EDGE_STORAGE": storage})
        if done.returncode:
            raise RenderError(f"cannot use {config.name}: Caddy says {_words(done.stderr)}")

    async def is_running(self) -> bool:
        done = await run("systemctl", "is-active", UNIT)
        return done.stdout.strip() in {"active", "reloading"}

    async def follow(self, config: Path) -> None:
        text = await anyio.Path(config).read_bytes()
        if await self._takes(text):
            return
        for verb in ("start", "restart"):  # again only where it runs, and with a file that names another way in
            done = await run("systemctl", verb, UNIT)
            if done.returncode:
                raise _failed(await _last_error() or _words(done.stderr))
            if await self._takes(text):
                return
        raise _failed("it is not up")

    async def problem(self, name: str) -> str:
        trusting = ssl.create_default_context()
        trusting.check_hostname, trusting.verify_mode = False, ssl.CERT_NONE  # whether there is one, not whose
        try:
            async with await anyio.connect_tcp(*_HTTPS) as stream:
                await TLSStream.wrap(stream, hostname=name, ssl_context=trusting, standard_compatible=False)
        except (ssl.SSLError, anyio.BrokenResourceError, anyio.EndOfStream):
            return f"Caddy has no certificate for {name} yet"
        except OSError:
            return "nobody listens on port 443"
        return ""

    async def stop(self) -> None:
        await run("systemctl", "stop", UNIT)

    async def _takes(self, text: bytes) -> bool:
        """Have the running Caddy serve *text*, which costs nobody a connection where it does already; False if none runs."""
        try:
            stream = await anyio.connect_unix(self.admin)
        except OSError:
            return False
        async with stream, handed_over(_other_side(stream), *_PORTS):
            status, body = await _load(stream, text)
            if status != 200:  # noqa: PLR2004 - HTTP's own
                raise _failed(_refusal(body))
        return True


async def _load(stream: SocketStream, text: bytes) -> tuple[int, bytes]:
    """Have Caddy, at the other side of *stream*, take *text*; the status and the body of its answer."""
    exchange = Exchange(stream)
    try:
        with anyio.fail_after(_PATIENCE):
            # a socket has no host
            await exchange.send("POST", "/load", {"Host": "", "Content-Type": "text/caddyfile"}, text)
            head = await exchange.head()
            return head.status, await exchange.body(limit=_BODY)
    except TimeoutError:
        raise HostError(f"cannot wait for Caddy: it did not take the new names in {_PATIENCE:g} s") from None
    except (OSError, HttpError, anyio.BrokenResourceError, anyio.EndOfStream) as error:
        raise HostError(f"cannot bring Caddy to the new names: {str(error) or 'it hung up'}") from error


def _other_side(stream: SocketStream) -> int:
    """The process that one talks to over a Unix socket."""
    connection: socket.socket = stream.extra_attributes[SocketAttribute.raw_socket]()
    said = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size)
    pid: int = _CREDENTIALS.unpack(said)[0]
    return pid


async def _last_error() -> str:
    """Why the service ended that was started just now, in Caddy's words: systemd only says that it did. Empty if it did not say."""
    await run("journalctl", "--sync")
    invocation = (await run("systemctl", "show", "--property=InvocationID", "--value", UNIT)).stdout.strip()
    if not invocation:
        return ""
    said = await run("journalctl", f"_SYSTEMD_INVOCATION_ID={invocation}", "--output=cat", "--lines=20", "--no-pager")
    errors = [line for line in said.stdout.splitlines() if line.startswith(_ERROR)]
    return _words(errors[-1]) if errors else ""


def _failed(words: str) -> EdgeError:
    hint = _TAKEN if "address already in use" in words else f"journalctl -u {UNIT} -n 50"
    return EdgeError(f"cannot bring Caddy to the new names: {words}", hint=hint)


def _refusal(body: bytes) -> str:
    try:
        return _end_of(msgspec.json.decode(body, type=_Refusal).error)
    except msgspec.MsgspecError:
        return "it does not say why"


def _words(stderr: str) -> str:
    """What a Go program says last."""
    lines = [line.strip() for line in stderr.splitlines() if line.strip()]
    return _end_of(lines[-1].removeprefix(_ERROR)) if lines else "nothing"


def _end_of(text: str) -> str:
    """*text*, of which the end says most: a Go program names the cause last, behind all that it was doing.

    >>> len(_end_of("loading config: " * 100 + "permission denied")), _end_of("permission denied")
    (401, 'permission denied')
    """
    return text if len(text) <= _TOLD else f"…{text[-_TOLD:]}"
