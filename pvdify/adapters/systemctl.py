"""The service manager, through `systemctl`."""

from __future__ import annotations

import os
import re
import time
from contextlib import suppress
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Final

import anyio

from pvdify.adapters.cgroups import usage
from pvdify.adapters.process import Finished, run
from pvdify.errors import HostError, UnitFailedError
from pvdify.model.names import UnitName
from pvdify.model.patterns import closed
from pvdify.ports import UnitStatus

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pvdify.ports import Usage

_LENT: Final = Path("/run/systemd/system")
_BUS: Final = Path("/run/dbus/system_bus_socket")
_GROUPS: Final = Path("/sys/fs/cgroup")
_OURS: Final = re.compile(closed(r"pvdify-[A-Za-z0-9:_.@-]{1,200}\.(?:service|target|socket|slice|timer)"))
_PROPERTIES: Final = (
    "Id,LoadState,ActiveState,SubState,SourcePath,FragmentPath,Result,ExecMainCode,ExecMainStatus,NRestarts,MainPID,"
    "ActiveEnterTimestamp,MemoryCurrent,CPUUsageNSec,NeedDaemonReload"
)
_EXITS: Final = {"1": "exited", "2": "killed", "3": "dumped"}
_RELOAD: Final = 120.0
_FIRST_LOOK: Final = 0.4


class Systemctl:
    """`Systemd` of this machine. *lent* is where systemd finds units without being told to read anything."""

    def __init__(self, lent: Path = _LENT, *, bus: Path = _BUS, groups: Path = _GROUPS) -> None:
        self._directory = lent
        self._bus = bus
        self._groups = groups
        self._version: int | None = None

    async def version(self) -> int:
        if self._version is None:
            said = (await _systemctl("--version")).checked().stdout
            match = re.match(r"systemd (\d+)", said)
            if not match:
                raise HostError(f"cannot read the version of systemd in {said[:60]!r}")
            self._version = int(match[1])
        return self._version

    async def reload(self) -> None:
        (await _systemctl("daemon-reload", timeout=_RELOAD)).checked()

    async def start(self, *units: UnitName, timeout: float) -> None:
        if not units:
            return
        await self.reset_failed(*units)
        done: Finished | None = None
        fallen: tuple[UnitStatus, ...] = ()

        async def ask() -> None:
            nonlocal done
            done = await _systemctl("start", *units, timeout=None)
            tasks.cancel_scope.cancel()

        async def look() -> None:
            nonlocal fallen
            fallen = await self._fallen(*units)
            tasks.cancel_scope.cancel()

        with anyio.move_on_after(timeout):
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(ask)
                tasks.start_soon(look)
        if done is None or done.returncode:
            _raise_for(fallen or await self.show(*units), done)

    async def _fallen(self, *units: UnitName) -> tuple[UnitStatus, ...]:
        """Wait until one of *units* has fallen over; systemd would go on restarting it until its start limit."""
        pause = _FIRST_LOOK
        while True:
            await anyio.sleep(pause)
            pause = min(2.0, pause * 1.3)
            statuses = await self.show(*units)
            if any(status.restarts for status in statuses):
                return statuses

    async def stop(self, *units: UnitName) -> None:
        if not units:
            return
        done = await _systemctl("stop", *units, timeout=None)
        if done.returncode and any(status.is_active for status in await self.show(*units)):
            done.checked()

    async def reset_failed(self, *units: UnitName) -> None:
        if units:
            await _systemctl("reset-failed", *units)  # says no only of units that it does not have in memory

    async def show(self, *units: UnitName) -> tuple[UnitStatus, ...]:
        if not units:
            return ()
        done = await _systemctl("show", "--property", _PROPERTIES, "--timestamp=us+utc", "--", *units)
        found = statuses(done.checked().stdout)
        if len(found) != len(units):
            raise HostError(f"cannot read the state of {len(units)} units: systemctl tells of {len(found)}")
        return found

    async def active(self, pattern: str) -> frozenset[UnitName]:
        from pvdify.adapters import dbus

        try:
            return await dbus.active_units(self._bus, pattern)
        except dbus.NoBusError:
            done = await _systemctl("list-units", "--plain", "--no-legend", "--full", "--state=active", "--", pattern)
        return frozenset(UnitName(line.split()[0]) for line in done.checked().stdout.splitlines())

    async def usage(self, *slices: UnitName) -> tuple[Usage, ...]:
        return await anyio.to_thread.run_sync(usage, self._groups, slices)

    async def matching(self, pattern: str) -> tuple[UnitStatus, ...]:
        done = await _systemctl("show", "--all", "--property", _PROPERTIES, "--timestamp=us+utc", "--", pattern)
        return tuple(sorted(statuses(done.checked().stdout), key=lambda status: status.unit))

    async def lend(self, units: Mapping[UnitName, bytes]) -> None:
        for unit in units:
            if not _OURS.search(unit):
                raise HostError(f"cannot lend {unit}: it is not a unit of pvdify")
        await anyio.to_thread.run_sync(partial(_write, self._directory, dict(units)))

    async def take_back(self, *units: UnitName) -> None:
        for unit in units or await self.lent():
            if _OURS.search(unit):
                with suppress(FileNotFoundError):
                    await anyio.Path(self._directory / unit).unlink()

    async def lent(self) -> tuple[UnitName, ...]:
        return await anyio.to_thread.run_sync(_files, self._directory)


def _raise_for(statuses: tuple[UnitStatus, ...], done: Finished | None) -> None:
    """Name the first unit that did not start; *done* is None if systemd still tries."""
    for status in statuses:
        if status.load != "loaded":
            raise UnitFailedError(status.unit, status.load)
        if status.result != "success":
            raise UnitFailedError(status.unit, status.result)
    for status in statuses:
        if status.active != "active":
            raise UnitFailedError(status.unit, "timeout" if done is None else done.stderr.strip() or status.active)
    if done is not None:
        done.checked()


def statuses(text: str) -> tuple[UnitStatus, ...]:
    r"""What `systemctl show` says of several units: a block of `Key=value` lines for each, with an empty line between.

    >>> [status] = statuses("Id=a.service\nActiveState=active\nMemoryCurrent=[not set]\nNRestarts=2\n")
    >>> status.unit, status.active, status.memory, status.restarts
    ('a.service', 'active', None, 2)
    """
    return tuple(_status(block) for block in re.split(r"\n\n+", text.strip("\n")) if block)


def _status(block: str) -> UnitStatus:
    values = dict(line.partition("=")[::2] for line in block.splitlines())
    code = _EXITS.get(values.get("ExecMainCode", ""), "")
    nanoseconds = _number(values.get("CPUUsageNSec"))
    return UnitStatus(
        unit=UnitName(values["Id"]),
        load=values.get("LoadState", "not-found"),
        active=values.get("ActiveState", "inactive"),
        sub=values.get("SubState", "dead"),
        source=values.get("SourcePath", ""),
        fragment=values.get("FragmentPath", ""),
        result=values.get("Result", "success"),
        exit_code=code,
        exit_status=_number(values.get("ExecMainStatus")) if code else None,
        restarts=_number(values.get("NRestarts")) or 0,
        main_pid=_number(values.get("MainPID")) or 0,
        since=_moment(values.get("ActiveEnterTimestamp", "")),
        memory=_number(values.get("MemoryCurrent")),
        cpu_seconds=None if nanoseconds is None else nanoseconds / 1e9,
        needs_reload=values.get("NeedDaemonReload") == "yes",
    )


def _number(text: str | None) -> int | None:
    """A number, or None for `[not set]` and its kind."""
    return int(text) if text and text.isdecimal() else None


def _moment(text: str) -> str:
    """A point in time as systemd prints it in UTC, in ISO 8601; empty where there is none."""
    if not text:
        return ""
    at = datetime.strptime(text.removesuffix(" UTC"), "%a %Y-%m-%d %H:%M:%S.%f").replace(tzinfo=UTC)
    return at.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _write(directory: Path, units: Mapping[UnitName, bytes]) -> None:
    """Put *units* where systemd looks.

    It notices a new file by the modification time of the directory, and the kernel's own stamps are milliseconds apart:
    somebody else's unit could share one with ours. So the time is set, to the nanosecond.
    """
    try:
        directory.mkdir(parents=True, exist_ok=True)
        for unit, text in units.items():
            new = directory / f".{unit}.{os.getpid()}"
            new.write_bytes(text)
            new.chmod(0o644)
            new.rename(directory / unit)
        now = time.time_ns()
        os.utime(directory, ns=(now, now))
    except OSError as error:
        raise HostError(f"cannot write {directory}: {error.strerror}") from error


def _files(directory: Path) -> tuple[UnitName, ...]:
    try:
        with os.scandir(directory) as entries:
            names = [entry.name for entry in entries if entry.is_file(follow_symlinks=False)]
    except FileNotFoundError:
        return ()
    return tuple(UnitName(name) for name in sorted(names) if _OURS.search(name))


async def _systemctl(*argv: str, timeout: float | None = 60.0) -> Finished:
    return await run("systemctl", "--no-pager", "--no-ask-password", *argv, timeout=timeout)
