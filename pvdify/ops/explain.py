"""Say on one screen why an instance failed: what was asked of it, how it ended, and what it wrote last."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import anyio
import msgspec

from pvdify.errors import (
    Exit,
    Failure,
    NotSealedError,
    OperationFailedError,
    PvdifyError,
    UnhealthyError,
    UnitFailedError,
)
from pvdify.model.names import RELEASE_PROCESS
from pvdify.model.veil import veiled
from pvdify.ops.vault import pinned_config, prove_config

if TYPE_CHECKING:
    from datetime import datetime

    from pvdify.model.names import Instance, UnitName
    from pvdify.ops.host import Host
    from pvdify.ports import UnitStatus

_LINES: Final = 20
_SIGNAL_BASE: Final = 128
_CREDENTIALS: Final = 243
"""The exit status that systemd gives to what it could not open a credential for."""
_SIGNALS: Final = {
    4: "SIGILL",
    6: "SIGABRT",
    7: "SIGBUS",
    8: "SIGFPE",
    9: "SIGKILL",
    11: "SIGSEGV",
    15: "SIGTERM",
}


async def explained(
    host: Host,
    error: PvdifyError,
    *,
    phase: str,
    instance: Instance,
    since: datetime,
    unchanged: str,
) -> OperationFailedError:
    """*error* of *instance*, with everything that helps to mend it."""
    (status,) = await host.systemd.show(instance.unit)
    tail = await _tail(host, instance, since=since)
    is_oom = status.result == "oom-kill" or await host.logs.was_oom_killed(instance.unit, since=since)
    end = _exit(status, is_oom=is_oom)
    if not tail and await _is_shut(host, instance, end):
        error = NotSealedError(instance.name, "its sealed config does not open on this host")
    message = f"cannot give the traffic to v{instance.version} of {instance.app}: {_reason(error, instance, end)}"
    return OperationFailedError(
        Failure(
            phase=phase,
            message=message,
            code="out-of-memory" if is_oom else error.code,
            hint=_hint(error, instance, end, has_output=bool(tail)),
            probe=error.probe if isinstance(error, UnhealthyError) else None,
            exit=end,
            log_tail=tail,
            unchanged=unchanged,
        )
    )


def says_unchanged(error: PvdifyError, words: str) -> None:
    """Have *error* say what stays as it was besides: *words*."""
    if isinstance(error, OperationFailedError):
        unchanged = "; ".join(one for one in (error.failure.unchanged, words) if one)
        error.failure = msgspec.structs.replace(error.failure, unchanged=unchanged)
    else:
        error.message = f"{error.message}; {words}"
        error.args = (error.message,)


async def _tail(host: Host, instance: Instance, *, since: datetime) -> tuple[str, ...]:
    """What *instance* wrote last, without values of its config; not shown where that does not open, as nobody knows them."""
    lines = await host.logs.tail(instance.unit, since=since, lines=_LINES)
    release = host.state.release(instance.app, instance.version)
    if not lines or release.config is None:
        return lines
    try:
        document = await pinned_config(host, instance.app, release.config)
    except PvdifyError:
        return ("(not shown, as its config cannot be read and may be in it)",)
    return await anyio.to_thread.run_sync(veiled, lines, document) if document else lines


async def _is_shut(host: Host, instance: Instance, end: Exit | None) -> bool:
    """Whether systemd could not open the config of *instance*; of a unit that it starts again it has no exit status, and may be asked."""
    release = host.state.release(instance.app, instance.version)
    if release.config is None or end is not None:
        return release.config is not None and end is not None and end.status == _CREDENTIALS
    try:
        await prove_config(host, release)
    except PvdifyError:
        return True
    return False


def _exit(status: UnitStatus, *, is_oom: bool) -> Exit | None:
    has_ended = status.exit_code in {"exited", "killed", "dumped"} and (status.active != "active" or status.restarts)
    if not has_ended and not is_oom:
        return None
    number = status.exit_status
    is_signal = status.exit_code in {"killed", "dumped"} or (
        number is not None and number > _SIGNAL_BASE and number - _SIGNAL_BASE in _SIGNALS
    )
    signal = _SIGNALS.get((number or 0) % _SIGNAL_BASE, f"signal {number}") if is_signal else ""
    return Exit(
        unit=status.unit,
        status=None if is_signal else number,
        signal=signal,
        oom=is_oom,
        result=status.result,
    )


def _reason(error: PvdifyError, instance: Instance, end: Exit | None) -> str:
    who = "the release command" if instance.process == RELEASE_PROCESS else instance.short
    if isinstance(error, NotSealedError):
        return f"{who} was not started, because its sealed config does not open on this host"
    if end is not None and (words := _ending(end, is_command=instance.process == RELEASE_PROCESS)):
        return f"{who} {words}"
    if isinstance(error, UnitFailedError):
        return (
            f"{who} took longer than it may" if error.result == "timeout" else f"{who} did not start ({error.result})"
        )
    return error.message


def _ending(end: Exit, *, is_command: bool) -> str:
    if end.oom:
        return "was killed because it used more memory than it may (OOM)"
    if end.signal:
        return f"was ended by {end.signal}"
    if end.status == 0:
        return "" if is_command else "exited with status 0, and a process must keep running"
    return f"exited with status {end.status}" if end.status is not None else ""


def _hint(error: PvdifyError, instance: Instance, end: Exit | None, *, has_output: bool) -> str:
    logs = f"pvdify logs {instance.app} --release v{instance.version} -n 200"
    if end is not None and end.oom:
        return f"raise `resources.memory` in the slot, or look at `{logs}`"
    if isinstance(error, NotSealedError):
        return error.hint
    if isinstance(error, UnhealthyError) and error.probe.status is None:
        return f"listen on 0.0.0.0:$PORT, or set `port` in the slot; then `{logs}`"
    if has_output:
        return f"read more with `{logs}`"
    return f"read what systemd and Podman say with `journalctl -u {instance.unit} -n 50`"


def unit_instance(instances: tuple[Instance, ...], unit: str) -> Instance:
    """The one of *instances* that *unit* is, or the first."""
    return next((one for one in instances if one.unit == unit), instances[0])


def unit_names(instances: tuple[Instance, ...]) -> tuple[UnitName, ...]:
    """The units of *instances*."""
    return tuple(one.unit for one in instances)
