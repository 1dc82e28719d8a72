"""The real service manager and Quadlet, where they need more than a promise."""

from __future__ import annotations

from time import monotonic
from typing import TYPE_CHECKING

import anyio
import pytest

from pvdify.adapters.console import Terminal
from pvdify.adapters.process import run
from pvdify.adapters.quadlet import Generator
from pvdify.adapters.systemctl import Systemctl
from pvdify.errors import RenderError, UnitFailedError
from pvdify.model.names import UnitName

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

UNITS = tuple(UnitName(f"pvdify-machine-v{number}-web-1.service") for number in range(1, 31))
UNIT = UNITS[0]
TARGET = UnitName("pvdify-machine.target")
CONTAINER = "pvdify-machine-v1-web-1.container"
LASTING = b"[Service]\nExecStart=/bin/sleep 1000\n"


@pytest.fixture
async def systemd() -> AsyncIterator[Systemctl]:
    port = Systemctl()
    yield port
    await port.stop(TARGET, *UNITS)
    await port.take_back()
    await port.reset_failed(*UNITS)
    await port.reload()


async def test_units_that_are_lent_one_right_after_the_other_are_all_found(systemd: Systemctl) -> None:
    for unit in UNITS:
        await systemd.lend({unit: LASTING})
        await systemd.start(unit, timeout=10)

    assert all(status.is_active for status in await systemd.show(*UNITS))


async def test_a_unit_that_systemd_would_restart_for_long_fails_at_its_first_fall(systemd: Systemctl) -> None:
    text = "[Unit]\nStartLimitIntervalSec=120\nStartLimitBurst=5\n[Service]\nType=notify\nExecStart=/bin/false\n"
    await systemd.lend({UNIT: f"{text}Restart=always\nRestartMode=direct\nRestartSec=1\n".encode()})
    began = monotonic()

    with pytest.raises(UnitFailedError) as caught:
        await systemd.start(UNIT, timeout=60)

    assert "exit-code" == caught.value.result
    assert monotonic() - began < 4


async def test_a_start_that_takes_too_long_is_a_timeout(systemd: Systemctl) -> None:
    await systemd.lend({UNIT: b"[Service]\nType=notify\nExecStart=/bin/sleep 1000\n"})

    with pytest.raises(UnitFailedError) as caught:
        await systemd.start(UNIT, timeout=0.5)

    assert "timeout" == caught.value.result


async def test_deliberate_starts_are_not_counted(systemd: Systemctl) -> None:
    limited = b"[Unit]\nStartLimitIntervalSec=120\nStartLimitBurst=2\n" + LASTING
    await systemd.lend({UNIT: limited, TARGET: f"[Unit]\nWants={UNIT}\n".encode()})
    await systemd.start(TARGET, timeout=10)  # systemd keeps what somebody wants in memory, and counts on

    for _ in range(5):
        await systemd.start(UNIT, timeout=10)
        await systemd.stop(UNIT)


async def test_a_oneshot_that_did_its_work_is_no_failure(systemd: Systemctl) -> None:
    await systemd.lend({UNIT: b"[Service]\nType=oneshot\nExecStart=/bin/true\n"})

    await systemd.start(UNIT, timeout=10)


async def test_numbers_are_there_or_none(systemd: Systemctl) -> None:
    await systemd.lend({UNIT: LASTING})
    await systemd.start(UNIT, timeout=10)

    (status,) = await systemd.show(UNIT)

    assert status.memory is None or status.memory > 0
    assert status.cpu_seconds is None or status.cpu_seconds >= 0
    assert status.since.endswith("Z")
    assert not status.needs_reload


async def test_a_slice_takes_what_systemd_says_it_takes(systemd: Systemctl) -> None:
    name = UnitName("pvdify-machine_s.slice")
    await systemd.lend({UNIT: f"{LASTING.decode()}Slice={name}\n".encode()})
    await systemd.start(UNIT, timeout=10)

    (before,), (status,), (usage,) = await systemd.usage(name), await systemd.show(name), await systemd.usage(name)

    assert (status.memory is None, status.cpu_seconds is None) == (usage.memory is None, usage.cpu_seconds is None)
    assert (before.cpu_seconds or 0) <= (status.cpu_seconds or 0) <= (usage.cpu_seconds or 0)


async def test_without_a_bus_the_same_units_are_up(systemd: Systemctl, tmp_path: Path) -> None:
    await systemd.lend(dict.fromkeys(UNITS, LASTING))
    await systemd.start(*UNITS[:5], timeout=20)
    without = Systemctl(bus=tmp_path / "no-bus")

    for pattern in ("pvdify-machine-v*.service", "pvdify-nothing-*", "pvdify*", "dbus.*"):
        assert await systemd.active(pattern) == await without.active(pattern)
    assert set(UNITS[:5]) == await without.active("pvdify-machine-v*.service")


@pytest.mark.parametrize(
    ("line", "words"),
    [
        (r'Environment="A=bad\d"', "systemd knows no escape"),
        ('Environment="A=open', "a quote has no end"),
        ('Exec=/app "open', "a quote has no end"),
    ],
)
async def test_what_quadlet_would_drop_or_guess_is_refused(tmp_path: Path, line: str, words: str) -> None:
    (tmp_path / CONTAINER).write_text(f"[Container]\nImage=localhost/app@sha256:{'0' * 64}\n{line}\n")

    with pytest.raises(RenderError, match=words):
        await Generator().generate(tmp_path, (CONTAINER,))


async def test_the_terminal_gives_back_the_status_and_leaves_no_unit_behind() -> None:
    ended, cancelled = (f"pvdify-machine-run-{number}.scope" for number in (1, 2))
    scope = ("systemd-run", "--quiet", "--collect", "--scope")

    assert 7 == await Terminal().run((*scope, f"--unit={ended}", "sh", "-c", "exit 7"), interactive=False)
    with anyio.move_on_after(1):
        await Terminal().run((*scope, f"--unit={cancelled}", "sleep", "1000"), interactive=False)

    with anyio.fail_after(5):  # systemd hears of it from the kernel, a moment later
        while True:
            if "active" not in (await run("systemctl", "is-active", ended, cancelled)).stdout.split():
                break
            await anyio.sleep(0.02)
