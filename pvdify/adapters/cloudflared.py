"""The edge cloudflared with a file of its own: two replicas of one tunnel, of which one serves and the other takes over.

cloudflared does not read its ingress again. So the other replica is started with the new one, and the first leaves when that is connected:
Cloudflare sends requests to both meanwhile, and none to one that says goodbye (its grace period lets open ones end).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import anyio

from pvdify.adapters.process import run
from pvdify.errors import EdgeError, ProgramMissingError, RenderError

if TYPE_CHECKING:
    from pathlib import Path

REPLICAS: Final = ("pvdify-tunnel@a.service", "pvdify-tunnel@b.service")
_INSTALL: Final = (
    "install cloudflared, as https://developers.cloudflare.com/cloudflare-one/networks/connectors/cloudflare-tunnel/downloads/"
    " says; its own service is not needed"
)
_CONNECTS_FOR: Final = 60.0
_LEAVES_FOR: Final = 60.0


class Cloudflared:
    """`Edge` of this machine, for a tunnel whose ingress is a file."""

    async def version(self) -> str:
        try:
            done = await run("cloudflared", "--version")
        except ProgramMissingError as error:
            error.hint = _INSTALL
            raise
        return done.checked().stdout.removeprefix("cloudflared version ").split()[0]

    async def check(self, config: Path) -> None:
        try:
            done = await run("cloudflared", "tunnel", "--config", str(config), "ingress", "validate")
        except ProgramMissingError:
            return  # `follow` says so; a host without it can still be looked at
        if done.returncode:
            raise RenderError(f"cannot use {config.name}: cloudflared says {_words(done.stdout + done.stderr)}")

    async def is_running(self) -> bool:
        return bool(await self._active())

    async def follow(self, config: Path) -> None:  # noqa: ARG002 - a replica reads it where it is, when it starts
        await anyio.lowlevel.checkpoint()
        active = await self._active()
        before, after = (active[0], _other(active[0])) if active else (None, REPLICAS[0])
        if len(active) > 1:  # whoever handed over was killed: which of the two has the new file, nobody knows
            await _systemctl("stop", after)
        try:
            with anyio.fail_after(_CONNECTS_FOR):
                done = await run("systemctl", "start", after, timeout=None)
        except TimeoutError:
            await self._give_up(after)
            raise EdgeError(
                f"cannot bring the tunnel to the new names: {after} did not connect in {_CONNECTS_FOR:g} s",
                hint=f"journalctl -u {after} -n 50",
            ) from None
        if done.returncode:
            await self._give_up(after)
            raise EdgeError(
                f"cannot bring the tunnel to the new names: {_words(done.stderr)}", hint=f"journalctl -u {after} -n 50"
            )
        if before:
            await _systemctl("stop", before)

    async def problem(self, name: str) -> str:  # noqa: ARG002 - whether a name arrives, Cloudflare knows
        await anyio.lowlevel.checkpoint()
        return ""

    async def stop(self) -> None:
        await _systemctl("stop", *REPLICAS)

    async def _active(self) -> tuple[str, ...]:
        """The replicas that are connected, or about to be."""
        done = await run("systemctl", "is-active", *REPLICAS)
        states = [*done.stdout.split(), "", ""]
        return tuple(
            unit
            for unit, state in zip(REPLICAS, states, strict=False)
            if state in {"active", "reloading", "activating"}
        )

    async def _give_up(self, replica: str) -> None:
        """Stop a replica that did not connect; the other one serves on."""
        with anyio.CancelScope(shield=True):
            await _systemctl("stop", replica)


async def _systemctl(verb: str, *units: str) -> None:
    done = await run("systemctl", verb, *units, timeout=_LEAVES_FOR)
    if done.returncode:
        raise EdgeError(f"cannot {verb} {', '.join(units)}: {_words(done.stderr)}")


def _other(replica: str) -> str:
    return REPLICAS[1] if replica == REPLICAS[0] else REPLICAS[0]


def _words(text: str) -> str:
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return lines[-1][:400] if lines else "nothing"
