"""The two sockets by which a running HAProxy takes commands, and what it answers there."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from time import monotonic
from typing import TYPE_CHECKING, Final

import anyio

from pvdify.errors import RouterError

if TYPE_CHECKING:
    from pathlib import Path

_PATIENCE: Final = 8.0
_PAUSE: Final = 0.05
_ANSWER: Final = 20.0
_LIMIT: Final = 8 * 1024 * 1024

# bits of srv_admin_state and srv_check_state; srv_op_state is 0 for a server that is down. Not 0x04: that the file says `disabled`,
# which a server that was let in since goes on saying
_MAINTENANCE: Final = 0x01 | 0x02 | 0x20
_DRAIN: Final = 0x08 | 0x10
_CHECK_ENABLED: Final = 0x04

_USED: Final = 6
"""The column of `show servers conn` with the connections in use."""


@dataclass(frozen=True, slots=True)
class Row:
    """One server as its worker sees it: in maintenance, draining, or (both false) taking new requests if it is well."""

    name: str
    port: int
    is_up: bool
    in_maintenance: bool
    is_draining: bool
    is_checked: bool

    @property
    def is_ready(self) -> bool:
        """Whether nobody keeps new requests from it."""
        return not (self.in_maintenance or self.is_draining)


async def command(socket: Path, text: str) -> str | None:
    """Send one line and answer what comes back, once; None where nobody answers, as in the moment of a reload."""
    answer = bytearray()
    try:
        with anyio.fail_after(_ANSWER):
            async with await anyio.connect_unix(socket) as stream:
                await stream.send(f"{text}\n".encode())
                await stream.send_eof()  # the master closes only when we do
                with suppress(anyio.EndOfStream):
                    while len(answer) < _LIMIT:
                        answer += await stream.receive()
    except (OSError, anyio.BrokenResourceError, TimeoutError):
        return None
    return answer.decode(errors="replace") or None


async def answered(socket: Path, text: str, *, patience: float = _PATIENCE) -> str:
    """Send one line, again and again until somebody answers it; raise `RouterError` when *patience* is over.

    While the master executes itself anew its sockets refuse, reset, or answer with nothing at all.
    """
    deadline = monotonic() + patience
    while True:
        answer = await command(socket, text)
        if answer is not None:
            return answer
        if monotonic() > deadline:
            raise RouterError(
                f"cannot ask the router `{text.split(maxsplit=1)[0]}`: it does not answer",
                hint="look at it with `systemctl status pvdify-router.service`",
            )
        await anyio.sleep(_PAUSE)


def rows(answer: str) -> tuple[Row, ...]:
    """What `show servers state` answers, by the names in its header."""
    lines = answer.splitlines()
    header = next((line.lstrip("# ").split() for line in lines if line.startswith("# ")), [])
    found = []
    for line in lines:
        fields = dict(zip(header, line.split(), strict=False))
        if line.startswith("#") or "srv_port" not in fields:
            continue
        admin = int(fields["srv_admin_state"])
        found.append(
            Row(
                name=fields["srv_name"],
                port=int(fields["srv_port"]),
                is_up=fields["srv_op_state"] != "0",
                in_maintenance=bool(admin & _MAINTENANCE),
                is_draining=bool(admin & _DRAIN),
                is_checked=bool(int(fields["srv_check_state"]) & _CHECK_ENABLED),
            )
        )
    return tuple(found)


def connections(answer: str) -> dict[str, int]:
    """Connections in use by server name, from `show servers conn`."""
    lines = (line.split() for line in answer.splitlines() if line.strip() and not line.startswith("#"))
    return {
        fields[0].partition("/")[2]: int(fields[_USED]) for fields in lines if len(fields) > _USED and "/" in fields[0]
    }


def workers(answer: str) -> tuple[int, ...]:
    """The process ids of all workers, old ones too, from the master's `show proc`."""
    lines = (line.split() for line in answer.splitlines() if line.strip() and not line.startswith("#"))
    return tuple(int(fields[0]) for fields in lines if fields[0].isdecimal() and fields[1] == "worker")
