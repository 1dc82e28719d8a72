"""What `systemctl` says, read; what systemd is told by files, written."""

from __future__ import annotations

import stat
import time
from typing import TYPE_CHECKING

import anyio

from pvdify.adapters.systemctl import Systemctl, statuses
from pvdify.model.names import UnitName
from pvdify.ports import Usage

if TYPE_CHECKING:
    from pathlib import Path

# systemd 257: a running service, an unknown unit, a target
SHOWN = """MainPID=82
Result=success
NRestarts=0
ExecMainCode=0
ExecMainStatus=0
MemoryCurrent=[not set]
CPUUsageNSec=10251000
Id=dbus.service
LoadState=loaded
ActiveState=active
SubState=running
FragmentPath=/usr/lib/systemd/system/dbus.service
SourcePath=
ActiveEnterTimestamp=Mon 2026-11-23 21:34:54.936139 UTC
NeedDaemonReload=no

MainPID=0
Result=exit-code
NRestarts=5
ExecMainCode=2
ExecMainStatus=9
MemoryCurrent=1048576
CPUUsageNSec=[not set]
Id=pvdify-blog-v1-web-1.service
LoadState=not-found
ActiveState=failed
SubState=failed
FragmentPath=
SourcePath=/var/lib/pvdify/generations/000007/quadlet/pvdify-blog-v1-web-1.container
ActiveEnterTimestamp=
NeedDaemonReload=yes

Id=multi-user.target
LoadState=loaded
ActiveState=active
SubState=active
FragmentPath=/usr/lib/systemd/system/multi-user.target
SourcePath=
ActiveEnterTimestamp=Mon 2026-11-23 21:34:54.982527 UTC
NeedDaemonReload=no
"""


def test_several_units_are_read_from_one_answer() -> None:
    service, failed, target = statuses(SHOWN)

    assert ("dbus.service", "loaded", "active", 82) == (service.unit, service.load, service.active, service.main_pid)
    assert "2026-11-23T21:34:54.936Z" == service.since
    assert (None, 0.010251, "", None) == (service.memory, service.cpu_seconds, service.exit_code, service.exit_status)
    assert ("killed", 9, "exit-code", 5) == (failed.exit_code, failed.exit_status, failed.result, failed.restarts)
    assert (1_048_576, None, "", True) == (failed.memory, failed.cpu_seconds, failed.since, failed.needs_reload)
    assert failed.source.endswith("/pvdify-blog-v1-web-1.container")
    assert ("multi-user.target", "success", True) == (target.unit, target.result, target.is_active)
    assert () == statuses("")


async def test_lending_sets_the_time_of_the_directory_itself(tmp_path: Path) -> None:
    """systemd looks at that time, and the kernel's own clock for it may stand still for milliseconds: two files would share one stamp."""
    before = time.time_ns()

    await Systemctl(tmp_path).lend({UnitName("pvdify-blog-v1-web-1.service"): b""})

    found = await anyio.Path(tmp_path).stat()
    assert before <= found.st_mtime_ns <= time.time_ns()
    assert found.st_atime_ns == found.st_mtime_ns  # the kernel would not have set both


async def test_lent_files_are_there_as_a_whole_and_for_all_to_read(tmp_path: Path) -> None:
    unit = UnitName("pvdify-blog-v1-web-1.service")
    systemd = Systemctl(tmp_path / "system")
    assert () == await systemd.lent()

    await systemd.lend({unit: b"[Service]\n"})
    await systemd.lend({unit: b"[Unit]\n"})

    (file,) = (tmp_path / "system").iterdir()
    assert (unit, b"[Unit]\n", 0o644) == (file.name, file.read_bytes(), stat.S_IMODE(file.stat().st_mode))


async def test_what_others_put_there_is_not_taken_back(tmp_path: Path) -> None:
    for name in ("sshd.service", "pvdify-router.service.d"):
        (tmp_path / name).mkdir()
    (tmp_path / "other.service").write_text("")
    (tmp_path / "pvdify-link.service").symlink_to("/dev/null")
    systemd = Systemctl(tmp_path)
    unit = UnitName("pvdify-blog-v1-web-1.service")
    await systemd.lend({unit: b""})

    assert (unit,) == await systemd.lent()
    await systemd.take_back()

    left = sorted(file.name for file in tmp_path.iterdir())  # noqa: ASYNC240 -- of a moment
    assert ["other.service", "pvdify-link.service", "pvdify-router.service.d", "sshd.service"] == left


async def test_what_a_slice_takes_is_read_where_its_name_says(tmp_path: Path) -> None:
    counted = tmp_path / "pvdify.slice/pvdify-blog.slice"
    counted.mkdir(parents=True)
    (counted / "memory.current").write_text("1048576\n")
    (counted / "cpu.stat").write_text("usage_usec 2500000\nuser_usec 1\n")
    half = tmp_path / "pvdify.slice/pvdify-half_counted.slice"
    half.mkdir()
    (half / "cpu.stat").write_text("usage_usec 5\n")
    names = tuple(UnitName(f"pvdify-{app}.slice") for app in ("blog", "gone", "half_counted"))

    found = await Systemctl(groups=tmp_path).usage(*names)

    assert (Usage(memory=1_048_576, cpu_seconds=2.5), Usage(), Usage(cpu_seconds=0.000005)) == found
