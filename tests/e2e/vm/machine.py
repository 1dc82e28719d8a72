"""Boot a bed's disks in qemu, run one script there, and hear what it says."""

from __future__ import annotations

import json
import shutil
import subprocess
from typing import TYPE_CHECKING, Any

from tests.e2e.bed import BedError, host
from tests.e2e.vm.kernel import Kernel, kernel

if TYPE_CHECKING:
    from pathlib import Path

    from tests.e2e.bed import Bed

_QEMU = "qemu-system-x86_64"
_SCRIPT = "usr/local/lib/vm-script.py"
_UNIT = f"""\
[Unit]
Description=What is asked of this machine
After=multi-user.target pvdify.target pvdify-recover.service
[Service]
Type=oneshot
ExecStart=/usr/bin/python3 /{_SCRIPT}
StandardOutput=file:/dev/ttyS1
StandardError=journal+console
Environment=HOME=/root LANG=C.UTF-8
ExecStopPost=/usr/bin/systemctl --no-block poweroff
"""


def run(bed: Bed, script: str, *, timeout: float = 480) -> dict[str, Any]:
    """Run *script* (Python, that prints one JSON object) on a copy of the disks of *bed*, which is off; what it printed."""
    host.need_program(_QEMU, packages=["qemu-system-x86", "seabios"])
    host.need_program("mke2fs", packages=["e2fsprogs"])
    found = kernel()
    _prepare(bed, found, script)
    top = bed.directory / "vm"  # it goes with the bed, however that ends
    shutil.rmtree(top, ignore_errors=True)
    top.mkdir()
    disk, console, answer = top / "disk", top / "console", top / "answer"
    options = ("-q", "-t", "ext4", "-d", str(bed.path("/")), "-O", "^has_journal", "-E", "lazy_itable_init=1,nodiscard")
    subprocess.run(["mke2fs", *options, str(disk), "3G"], check=True)
    try:
        subprocess.run(_qemu(found, disk, console, answer), check=True, timeout=timeout)
        said: dict[str, Any] = json.loads(answer.read_text())
    except (subprocess.SubprocessError, ValueError) as error:
        tail = "\n".join(console.read_text(errors="replace").splitlines()[-40:]) if console.exists() else ""
        raise BedError(f"cannot run a script in qemu: {error}\n{tail}") from error
    return said


def _qemu(found: Kernel, disk: Path, console: Path, answer: Path) -> list[str]:
    words = "console=ttyS0 panic=-1 mitigations=off random.trust_cpu=on systemd.show_status=no systemd.log_level=notice quiet"
    return [
        *("setpriv", "--pdeathsig", "KILL", "--"),
        *(_QEMU, "-accel", "tcg,thread=multi", "-cpu", "max", "-smp", "2", "-m", "1536"),
        *("-nodefaults", "-no-user-config", "-display", "none", "-no-reboot"),
        *("-kernel", str(found.image), "-initrd", str(found.first), "-append", words),
        *("-drive", f"file={disk},format=raw,if=virtio,cache=unsafe"),
        *("-serial", f"file:{console}", "-serial", f"file:{answer}"),
    ]


def _prepare(bed: Bed, found: Kernel, script: str) -> None:
    """Put the kernel's modules and the script on the disks."""
    shutil.copytree(found.tree / "usr", bed.path("/usr"), symlinks=True, dirs_exist_ok=True)
    bed.path(f"/{_SCRIPT}").write_text(script)
    bed.path("/etc/systemd/system/vm-script.service").write_text(_UNIT)
    wants = bed.path("/etc/systemd/system/multi-user.target.wants/vm-script.service")
    wants.unlink(missing_ok=True)
    wants.symlink_to("../vm-script.service")
