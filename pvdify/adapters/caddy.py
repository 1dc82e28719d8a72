"""The edge Caddy: automatic HTTPS in front of the fronts, in a service of pvdify's own."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from pvdify.adapters.process import run
from pvdify.errors import EdgeError, RenderError

if TYPE_CHECKING:
    from pathlib import Path

UNIT: Final = "pvdify-caddy.service"
_FILE: Final = ("--adapter", "caddyfile", "--config")


@dataclass(frozen=True, slots=True)
class Caddy:
    """`Edge` of this machine; *admin* is where the running one takes another configuration."""

    admin: Path

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
            done = await run("caddy", "reload", "--force", "--address", f"unix/{self.admin}", *_FILE, str(config))
        if done.returncode:
            raise EdgeError(
                f"cannot bring Caddy to the new names: {_words(done.stderr)}", hint=f"journalctl -u {UNIT} -n 50"
            )

    async def stop(self) -> None:
        await run("systemctl", "stop", UNIT)


def _words(stderr: str) -> str:
    """What a Go program says last."""
    lines = [line.strip() for line in stderr.splitlines() if line.strip()]
    return lines[-1].removeprefix("Error: ")[:400] if lines else "nothing"
