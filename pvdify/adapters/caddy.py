"""The edge Caddy: automatic HTTPS in front of the fronts, in a service of pvdify's own."""

from __future__ import annotations

import ssl
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import anyio
from anyio.streams.tls import TLSStream

from pvdify.adapters.process import run
from pvdify.errors import EdgeError, ProgramMissingError, RenderError

if TYPE_CHECKING:
    from pathlib import Path

UNIT: Final = "pvdify-caddy.service"
_FILE: Final = ("--adapter", "caddyfile", "--config")
_INSTALL: Final = "install Caddy, as https://caddyserver.com/docs/install says; its own service is not needed"
_HTTPS: Final = ("127.0.0.1", 443)


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
        done = await run("caddy", "validate", *_FILE, str(config))
        if done.returncode:
            raise RenderError(f"cannot use {config.name}: Caddy says {_words(done.stderr)}")

    async def is_running(self) -> bool:
        done = await run("systemctl", "is-active", UNIT)
        return done.stdout.strip() in {"active", "reloading"}

    async def follow(self, config: Path) -> None:
        if not await self.is_running():
            done = await run("systemctl", "start", UNIT)
        else:
            # what it serves already costs nobody a connection: then Caddy keeps its configuration as it is
            done = await run("caddy", "reload", "--address", f"unix/{self.admin}", *_FILE, str(config))
        if done.returncode:
            raise EdgeError(
                f"cannot bring Caddy to the new names: {_words(done.stderr)}", hint=f"journalctl -u {UNIT} -n 50"
            )

    async def problem(self, name: str) -> str:
        trusting = ssl.create_default_context()
        trusting.check_hostname, trusting.verify_mode = False, ssl.CERT_NONE  # whether there is one, not whose
        try:
            async with await anyio.connect_tcp(*_HTTPS) as stream:
                await TLSStream.wrap(stream, hostname=name, ssl_context=trusting, standard_compatible=False)
        except (ssl.SSLError, anyio.BrokenResourceError, anyio.EndOfStream):
            return f"Caddy has no certificate for {name} yet: `journalctl -u {UNIT}` says why"
        except OSError:
            return "nobody listens on port 443"
        return ""

    async def stop(self) -> None:
        await run("systemctl", "stop", UNIT)


def _words(stderr: str) -> str:
    """What a Go program says last."""
    lines = [line.strip() for line in stderr.splitlines() if line.strip()]
    return lines[-1].removeprefix("Error: ")[:400] if lines else "nothing"
