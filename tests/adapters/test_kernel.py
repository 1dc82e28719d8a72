"""What the kernel says of its swap areas, in trees as `/proc` and `/sys` are."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

from pvdify.adapters.kernel import Kernel
from pvdify.errors import HostError

if TYPE_CHECKING:
    from pathlib import Path

HEAD = "Filename\t\t\t\tType\t\tSize\t\tUsed\t\tPriority\n"


@dataclass(frozen=True)
class Machine:
    """A machine whose devices a test makes."""

    root: Path

    @property
    def kernel(self) -> Kernel:
        return Kernel(proc=self.root, sys=self.root)

    def swaps(self, *areas: tuple[str, str]) -> None:
        lines = (f"{name}\t{kind}\t1048572\t0\t-2\n" for name, kind in areas)
        (self.root / "swaps").write_text(HEAD + "".join(lines))

    def device(
        self, name: str, *, number: str = "", uuid: str = "", on: tuple[str, ...] = (), backing: str = ""
    ) -> None:
        """A block device: encrypted where its UUID says so, and standing *on* others."""
        device = self.root / "devices" / name
        (device / "dm").mkdir(parents=True)
        (device / "slaves").mkdir()
        (device / "dm" / "uuid").write_text(f"{uuid}\n")
        if backing:
            (device / "backing_dev").write_text(f"{backing}\n")
        for one in on:
            (device / "slaves" / one).symlink_to(self.root / "devices" / one)
        for link in (f"class/block/{name}", f"dev/block/{number or name}"):
            (self.root / link).parent.mkdir(parents=True, exist_ok=True)
            (self.root / link).symlink_to(device)


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path)


async def test_without_swap_nothing_is_open(machine: Machine) -> None:
    machine.swaps()

    assert () == await machine.kernel.open_swaps()


async def test_a_plain_partition_is_open(machine: Machine) -> None:
    machine.device("sda2")
    machine.swaps(("/dev/sda2", "partition"))

    assert ("/dev/sda2",) == await machine.kernel.open_swaps()


async def test_memory_that_is_compressed_is_not_unless_it_is_written_back(machine: Machine) -> None:
    machine.device("zram0", backing="none")
    machine.device("zram1", backing="/dev/sda3")
    machine.swaps(("/dev/zram0", "partition"), ("/dev/zram1", "partition"))

    assert ("/dev/zram1",) == await machine.kernel.open_swaps()


async def test_what_is_encrypted_or_stands_on_nothing_else_is_not(machine: Machine) -> None:
    machine.device("sda3")
    machine.device("dm-0", uuid="CRYPT-LUKS2-0123456789abcdef-root", on=("sda3",))
    machine.device("dm-1", uuid="LVM-abcdef", on=("dm-0",))
    machine.device("dm-2", uuid="LVM-fedcba", on=("dm-0", "sda3"))
    machine.swaps(*((f"/dev/dm-{number}", "partition") for number in range(3)))

    assert ("/dev/dm-2",) == await machine.kernel.open_swaps()


@pytest.mark.parametrize(("uuid", "is_open"), [("CRYPT-PLAIN-x", False), ("", True)])
async def test_a_file_is_as_open_as_the_disk_below_it(machine: Machine, uuid: str, is_open: bool) -> None:  # noqa: FBT001 - a test's parameter
    file = machine.root / "swap file"
    file.touch()
    device = file.stat().st_dev
    machine.device("dm-0", number=f"{os.major(device)}:{os.minor(device)}", uuid=uuid)
    name = str(file).replace(" ", "\\040")
    machine.swaps((name, "file"))

    assert ((str(file),) if is_open else ()) == await machine.kernel.open_swaps()


async def test_a_file_that_is_not_to_be_seen_counts_as_open(machine: Machine) -> None:
    machine.swaps(("/nowhere/swap", "file"))

    assert ("/nowhere/swap",) == await machine.kernel.open_swaps()


async def test_a_machine_without_that_file_says_so(machine: Machine) -> None:
    with pytest.raises(HostError, match="swaps"):
        await machine.kernel.open_swaps()
