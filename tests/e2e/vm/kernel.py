"""Debian's kernel, and what its first process needs to find the disk."""

from __future__ import annotations

import lzma
import shutil
from dataclasses import dataclass
from pathlib import Path

from tests.e2e.bed import cache, debian, host
from tests.e2e.bed.cache import Layer, say

PACKAGE = "linux-image-cloud-amd64"
# what finds the disk before there is a root, in the order of loading: each with what it depends on before it
_NEEDED = ("virtio_pci", "virtio_blk", "crc32c_generic", "ext4")
# what is of no use to a machine with one disk and no network
_USELESS = (
    "drivers/gpu",
    "drivers/infiniband",
    "drivers/scsi",
    "drivers/nvme",
    "drivers/usb",
    "fs/xfs",
    "fs/btrfs",
    "sound",
)

_HERE = Path(__file__).parent
_FETCH = """
set -e
top=$1; shift
apt-get update
apt-get install --yes --no-install-recommends --download-only "$@"
mkdir "$top/root"
for package in /var/cache/apt/archives/*.deb; do dpkg-deb --extract "$package" "$top/root"; done
apt-get install --yes --no-install-recommends kmod
ln -s usr/lib "$top/root/lib"
depmod --basedir "$top/root" "$(ls "$top"/root/usr/lib/modules)"
"""


@dataclass(frozen=True, slots=True)
class Kernel:
    """The files that qemu boots, and a tree to put over the root."""

    image: Path
    first: Path
    tree: Path


def kernel() -> Kernel:
    """Fetch and unpack it, once."""
    root = debian.root()
    init = (_HERE / "init.sh").read_bytes()

    def build(top: Path, lock: int) -> None:
        say("fetching a kernel for qemu")
        _fetch(root, top, lock)
        (top / "first.cpio").write_bytes(_archive(top / "root", init, root.path / "root/usr/bin/busybox"))

    layer = cache.layer("kernel", cache.digest(root.name.encode(), init, Path(__file__).read_bytes()), build)
    (image,) = layer.path.glob("root/boot/vmlinuz-*")
    return Kernel(image=image, first=layer.path / "first.cpio", tree=layer.path / "root")


def _fetch(root: Layer, top: Path, lock: int) -> None:
    argv = ("sh", "-c", _FETCH, "sh", str(top), PACKAGE, "kmod")
    host.in_chroot(root.path / "root", *argv, lock=lock, scratch=top / "changes", binds=[str(top)])
    shutil.rmtree(top / "changes")
    (modules,) = (top / "root/usr/lib/modules").iterdir()
    for useless in _USELESS:
        shutil.rmtree(modules / "kernel" / useless, ignore_errors=True)


def _archive(root: Path, init: bytes, busybox: Path) -> bytes:
    """The first root file system: a shell, the modules, and the first process; in the format `newc` of cpio."""
    (modules,) = (root / "usr/lib/modules").iterdir()
    order = _in_order(modules)
    files = {f"modules/{name}": (data, 0o100644) for name, data in order.items()}
    files["modules/order"] = ("".join(f"{name}\n" for name in order).encode(), 0o100644)
    files["init"] = (init, 0o100755)
    files["bin/busybox"] = (busybox.read_bytes(), 0o100755)
    made = b"".join(_entry(name, b"", 0o040755) for name in ("bin", "modules"))
    made += b"".join(_entry(name, data, mode) for name, (data, mode) in files.items())
    return made + _entry("TRAILER!!!", b"", 0)


def _in_order(modules: Path) -> dict[str, bytes]:
    """The modules that are needed, each behind those it depends on; those that are built in are left out."""
    depends = {
        Path(line.partition(":")[0]).name.partition(".")[0]: line.replace(":", "").split()
        for line in (modules / "modules.dep").read_text().splitlines()
    }
    found: dict[str, bytes] = {}
    for name in _NEEDED:
        for path in reversed(depends.get(name, ())):
            data = (modules / path).read_bytes()
            found.setdefault(
                Path(path).name.removesuffix(".xz"), lzma.decompress(data) if path.endswith(".xz") else data
            )
    return found


def _entry(name: str, data: bytes, mode: int) -> bytes:
    encoded = name.encode() + b"\0"
    fields = (0, mode, 0, 0, 1, 0, len(data), 0, 0, 0, 0, len(encoded), 0)
    head = b"070701" + b"".join(b"%08x" % field for field in fields) + encoded
    return head + b"\0" * (-len(head) % 4) + data + b"\0" * (-len(data) % 4)
