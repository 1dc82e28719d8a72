"""A bed on a kernel of its own, for what namespaces cannot show: limits of memory, enforced by control groups.

::

    with installed() as bed:
        …                                  # prepare it as any bed
        bed.poweroff()
        said = run(bed, SCRIPT)            # boots its disks in qemu, runs the script there, powers off

It is emulated in software, so it needs no virtualisation and everything takes about ten times as long as in a bed. It has Debian's own
kernel, no network but loopback, and gets a copy of the bed's disks: the bed stays as it is.
"""

from tests.e2e.vm.machine import run

__all__ = ["run"]
