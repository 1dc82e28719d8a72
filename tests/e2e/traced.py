"""Publish and collect under `strace`, for `tests.e2e.crashes`: `python -m tests.e2e.traced DIRECTORY` is what is traced."""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path

from pvdify.store.paths import Settings
from pvdify.store.state import State
from tests.e2e.crashes import CALLS, Call, Disk, calls, verdicts
from tests.store.example import files, publish, publishing, staged, state_in


def act(directory: Path) -> None:
    """Publish twice, say each time which number is in force for good, and collect."""
    state = State(Settings(state=directory / "state", run=directory / "run"))
    for version in (2, 3):
        old = state.current().files
        new = {path: data for path, data in files(version).items() if old.get(path) != sha256(data).hexdigest()}
        gone = tuple(path for path in old if path not in files(version))
        with publishing(state):
            number = state.commit(staged(state, new, removed=gone, live=version)).number
        os.write(1, b"%d\n" % number)
    with publishing(state):
        state.collect([])


class Traced:
    """What `act` did, call by call."""

    def __init__(self, directory: Path) -> None:
        self.root = directory / "state"
        state = state_in(directory)
        publish(state, files(1))
        shutil.rmtree(state.settings.reserve)
        self._before = directory / "before"
        subprocess.run(["cp", "-a", self.root, self._before], check=True)
        trace = directory / "trace"
        subprocess.run(
            [
                *("strace", "-f", "-qq", "-y", "-s", "40", "-o", trace, "-e", f"trace={','.join(CALLS)}"),
                *(sys.executable, "-m", "tests.e2e.traced", directory),
            ],
            cwd=Path(__file__).parents[2],
            stdout=subprocess.DEVNULL,
            check=True,
        )
        self.calls = [one for one in calls(trace.read_text(), self.root) if self._concerns(one)]
        self.manifests = {1: files(1), 2: files(2), 3: files(3)}

    def _concerns(self, call: Call) -> bool:
        return call.paths[0].startswith(str(self.root)) or (call.name == "write" and call.text[:-2].isdigit())

    def verdicts(self, *, without: tuple[int, ...] = ()) -> Iterator[str]:
        """What could break, one by one; *without* the calls of these numbers."""
        disk = Disk(self.root)
        disk.tree = Disk(self._before).tree
        trace = [one for number, one in enumerate(self.calls) if number not in without]
        yield from verdicts(self.root, disk, trace, self.manifests)

    def breaks(self, *, without: tuple[int, ...]) -> bool:
        """Whether anything could break without these calls."""
        return next(self.verdicts(without=without), None) is not None

    def numbers(self, name: str, path: Path | None = None) -> list[int]:
        """Which calls are a *name*, of *path* if that is said."""
        wanted = (one for one in enumerate(self.calls) if one[1].name == name)
        return [number for number, call in wanted if path is None or call.paths[0] == str(path)]

    def acknowledgements(self) -> list[int]:
        return [one for one in self.numbers("write") if not self.calls[one].paths[0].startswith(str(self.root))]


if __name__ == "__main__":
    act(Path(sys.argv[1]))
