"""What every `Systemd` promises."""

from __future__ import annotations

from typing import TYPE_CHECKING

import anyio
import pytest

from pvdify.errors import HostError, UnitFailedError
from pvdify.model.names import UnitName
from pvdify.ports import Usage

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from pvdify.ports import Systemd, UnitStatus
    from tests.adapters.worlds import SystemdWorld

ONE = UnitName("pvdify-contract-v1-web-1.service")
TWO = UnitName("pvdify-contract-v1-web-2.service")
TARGET = UnitName("pvdify-contract.target")
UNKNOWN = UnitName("pvdify-contract-v9-web-9.service")
ALL = (TARGET, ONE, TWO)


@pytest.fixture
async def port(systemd: SystemdWorld) -> AsyncIterator[Systemd]:
    """The port, and afterwards a machine as it was."""
    yield systemd.port
    await systemd.port.stop(*ALL)
    await systemd.port.take_back()
    await systemd.port.reset_failed(*ALL)
    await systemd.port.reload()


async def seen(port: Systemd, unit: UnitName, condition: Callable[[UnitStatus], bool]) -> UnitStatus:
    with anyio.fail_after(10):
        while True:
            (status,) = await port.show(unit)
            if condition(status):
                return status
            await anyio.sleep(0.02)


async def test_a_lent_unit_starts_without_a_reload(systemd: SystemdWorld, port: Systemd) -> None:
    await port.show(ONE)  # systemd now knows that there is no such unit

    await port.lend({ONE: systemd.lasting(ONE), TWO: systemd.lasting(TWO)})
    await port.start(ONE, TWO, timeout=10)

    for status in await port.show(ONE, TWO):
        assert ("loaded", "active", "success", 0) == (status.load, status.active, status.result, status.restarts)
        assert f"/run/systemd/system/{status.unit}" == status.fragment
        assert status.main_pid
    assert {ONE, TWO} == set(await port.lent())


async def test_what_is_lent_later_is_found_as_well(systemd: SystemdWorld, port: Systemd) -> None:
    await port.lend({ONE: systemd.lasting(ONE)})
    await port.start(ONE, timeout=10)

    await port.lend({TWO: systemd.lasting(TWO)})

    await port.start(TWO, timeout=10)
    assert [ONE, TWO] == [status.unit for status in await port.show(ONE, TWO) if status.is_active]


async def test_what_is_taken_back_runs_on_and_is_unknown_after_a_reload(systemd: SystemdWorld, port: Systemd) -> None:
    await port.lend({ONE: systemd.lasting(ONE)})
    await port.start(ONE, timeout=10)

    await port.take_back(ONE)
    await port.take_back(ONE, UNKNOWN)
    await port.reload()

    (status,) = await port.show(ONE)
    assert ("not-found", "active") == (status.load, status.active)
    assert () == await port.lent()


async def test_nothing_but_units_of_ours_is_lent(port: Systemd) -> None:
    for name in ("sshd.service", "../pvdify-x.service", "pvdify-x.conf", "pvdify-x.service\n"):
        with pytest.raises(HostError, match="cannot lend"):
            await port.lend({UnitName(name): b""})
    assert () == await port.lent()


async def test_an_unknown_unit_cannot_start_and_may_stop(port: Systemd) -> None:
    with pytest.raises(UnitFailedError) as caught:
        await port.start(UNKNOWN, timeout=10)

    assert (UNKNOWN, "not-found") == (caught.value.unit, caught.value.result)
    await port.stop(UNKNOWN)
    await port.reset_failed(UNKNOWN)
    (status,) = await port.show(UNKNOWN)
    assert ("not-found", "inactive", None) == (status.load, status.active, status.exit_status)


async def test_a_failed_start_names_its_unit_and_leaves_the_others(systemd: SystemdWorld, port: Systemd) -> None:
    await port.lend({ONE: systemd.lasting(ONE), TWO: systemd.failing(TWO)})

    with pytest.raises(UnitFailedError) as caught:
        await port.start(ONE, TWO, timeout=10)

    assert TWO == caught.value.unit
    one, two = await port.show(ONE, TWO)
    assert ("active", "failed") == (one.active, two.active)
    assert "success" != two.result
    await port.reset_failed(TWO)
    assert not [status for status in await port.matching("pvdify-contract-v*.service") if status.active == "failed"]


async def test_a_unit_that_falls_over_shows_it(systemd: SystemdWorld, port: Systemd) -> None:
    await port.lend({ONE: systemd.crashing(ONE)})
    await port.start(ONE, timeout=10)

    status = await seen(port, ONE, lambda status: status.restarts > 0 and status.exit_code == "exited")

    assert 3 == status.exit_status
    assert "exit-code" == status.result


async def test_running_units_are_found_by_a_pattern(systemd: SystemdWorld, port: Systemd) -> None:
    await port.lend({ONE: systemd.lasting(ONE), TWO: systemd.lasting(TWO)})
    await port.start(ONE, TWO, timeout=10)

    found = await port.matching("pvdify-contract-v*-web-2.service")

    assert [TWO] == [status.unit for status in found]
    assert () == await port.matching("pvdify-nothing-*")


async def test_what_is_up_is_one_question(systemd: SystemdWorld, port: Systemd) -> None:
    await port.lend({ONE: systemd.lasting(ONE), TWO: systemd.lasting(TWO), TARGET: systemd.target()})
    assert frozenset() == await port.active("pvdify-contract-v*.service")

    await port.start(ONE, TWO, TARGET, timeout=10)
    await port.stop(ONE)

    assert {TWO} == await port.active("pvdify-contract-v*.service")
    assert {TWO, TARGET} == await port.active("pvdify-contract*")
    assert frozenset() == await port.active("pvdify-nothing-*")


async def test_what_failed_or_falls_over_is_not_up(systemd: SystemdWorld, port: Systemd) -> None:
    await port.lend({ONE: systemd.failing(ONE), TWO: systemd.lasting(TWO)})
    with pytest.raises(UnitFailedError):
        await port.start(ONE, TWO, timeout=10)

    assert {TWO} == await port.active("pvdify-contract-*.service")


async def test_a_slice_that_never_was_takes_nothing_that_is_counted(port: Systemd) -> None:
    one, two = UnitName("pvdify-never_was.slice"), UnitName("pvdify-nor_was.slice")

    assert (Usage(), Usage()) == await port.usage(one, two)
    assert () == await port.usage()


async def test_stopping_is_fine_for_what_runs_and_what_does_not(systemd: SystemdWorld, port: Systemd) -> None:
    await port.lend({ONE: systemd.lasting(ONE), TWO: systemd.lasting(TWO)})
    await port.start(ONE, timeout=10)

    await port.stop(TWO, UNKNOWN, ONE)
    await port.stop(ONE)

    assert not any(status.is_active for status in await port.show(ONE, TWO, UNKNOWN))


async def test_a_target_starts_what_it_wants(systemd: SystemdWorld, port: Systemd) -> None:
    await port.lend({ONE: systemd.lasting(ONE), TARGET: systemd.target(ONE)})

    await port.start(TARGET, timeout=10)

    assert "active" == (await seen(port, ONE, lambda status: status.active == "active")).active


async def test_nothing_is_fine_everywhere(port: Systemd) -> None:
    await port.start(timeout=1)
    await port.stop()
    await port.reset_failed()
    assert () == await port.show()


async def test_the_version_is_new_enough(port: Systemd) -> None:
    assert 254 <= await port.version()
