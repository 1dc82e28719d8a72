"""Fill a real file system to its last block, or its last inode, and roll back on it.

`python -m tests.e2e.full DIRECTORY blocks|inodes|blocks-without-reserve` answers one JSON object. Only to be run below
`tests.e2e.ext4.PRIVATE`.
"""

import errno
import json
import os
import shutil
import sys
from contextlib import closing
from hashlib import sha256
from itertools import count
from pathlib import Path

from pvdify.errors import DiskLowError
from pvdify.model.event import EventKind, Outcome
from pvdify.model.slot import Slot
from tests.e2e.cuts import state_on
from tests.e2e.ext4 import Ext4
from tests.store.example import accepted, files, publish, publishing, release

APPS = 300


def fill(directory: Path, *, piece: int) -> None:
    """Write files of *piece* bytes until there is no room for another byte, or for another file."""
    directory.mkdir()
    for number in count():
        try:
            with (directory / str(number)).open("wb", buffering=0) as file:
                while piece:
                    file.write(b"x" * piece)
        except OSError as error:
            if error.errno != errno.ENOSPC:
                raise
            if piece <= 1:
                return
            piece = max(1, piece // 16)


def main(directory: Path, what: str) -> dict[str, object]:
    disk = Ext4(directory, inodes=3000 if what == "inodes" else None)
    state = state_on(disk.root)
    state.create()
    for version in (1, 2):
        state.write_release(release(version))
        publish(state, {**files(version), **others(version)}, live=version)
    state.write_slot(Slot(name="blog"))
    with state.app_lock("blog", "before"):
        pass
    if what == "blocks-without-reserve":
        shutil.rmtree(state.settings.reserve)
    fill(disk.root / "full", piece=0 if what == "inodes" else 1 << 20)
    free = os.statvfs(disk.root)
    report: dict[str, object] = {"blocks": free.f_bavail, "inodes": free.f_favail}
    try:
        with state.app_lock("blog", "rollback"), closing(state.journal(accepted(state), boot_id="b")) as journal:
            journal.write(EventKind.BEGIN, step="switch")
            there = state.current().files
            back = {**files(1), **others(1)}
            manifest = publish(
                state,
                {path: data for path, data in back.items() if there.get(path) != sha256(data).hexdigest()},
                removed=tuple(path for path in there if path not in back),
                live=1,
            )
            state.write_counts("blog", {"web": 3})
            journal.write(EventKind.END, outcome=Outcome.DONE)
    except DiskLowError as error:
        report["refused"] = f"{error.message}; {error.hint}"
    else:
        report["generation"] = manifest.number
    disk.cut_power()
    disk.unmount()
    disk.mount()
    after = state_on(disk.root)
    report["in force"] = after.current().number
    report["drift"] = [path for number in after.generations() for path in after.drift(number)]
    report["over"] = [record.is_over for record in after.records()]
    shutil.rmtree(disk.root / "full")
    with publishing(after):
        after.sweep()
    report["reserve"] = len(list(after.settings.reserve.iterdir()))
    disk.unmount()
    disk.check()
    return report


def others(version: int) -> dict[str, bytes]:
    """Other apps' files, so that a generation is not small: the router's configuration and the folders have some size."""
    units = {f"quadlet/pvdify-app{number}-v1-web-1.container": b"x" * 700 for number in range(APPS)}
    return units | {"haproxy/haproxy.cfg": b"# %d\n" % version + b"server\n" * APPS * 30}


if __name__ == "__main__":
    print(json.dumps(main(Path(sys.argv[1]), sys.argv[2])))
