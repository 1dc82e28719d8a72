"""Cut the power while a process publishes, rolls back, collects and keeps journals; see after each cut what the disk has.

`python -m tests.e2e.cuts DIRECTORY CUTS SEED [WRAPPER…]` answers one JSON object. The wrapper (`strace …`) runs the writer.
Only to be run below `tests.e2e.ext4.PRIVATE`.
"""

import json
import os
import random
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from pvdify.errors import PvdifyError
from pvdify.model.event import Accepted, EventKind, Outcome
from pvdify.model.slot import Slot
from pvdify.store.paths import Settings
from pvdify.store.state import State
from tests.e2e.ext4 import Ext4
from tests.store.example import AT, files, leftovers, publish, publishing, release, staged

_LONGEST = 0.012
"""Seconds from an acknowledgement to the cut, at most: longer than any single change takes."""


@dataclass
class Report:
    """What came of it."""

    cuts: int = 0
    acknowledged: Counter[str] = field(default_factory=Counter)
    ahead: int = 0
    """Cuts after which something newer than the last acknowledged generation was in force."""
    left: Counter[str] = field(default_factory=Counter)
    """Kinds of left-overs that the sweep met."""
    problems: list[str] = field(default_factory=list)


@dataclass
class Promised:
    """What was acknowledged: none of it may be lost."""

    generation: int = 0
    releases: set[int] = field(default_factory=set)
    lines: dict[str, int] = field(default_factory=dict)
    counts: set[int] = field(default_factory=lambda: {1})
    """The count that was acknowledged last, and the one that was to be written then."""

    def take(self, kind: str, *words: str) -> None:
        match kind:
            case "generation":
                self.generation = int(words[0])
            case "release":
                self.releases.add(int(words[0]))
            case "line":
                self.lines[words[0]] = int(words[1])
            case "counting":
                self.counts.add(int(words[0]))
            case "count":
                self.counts = {int(words[0])}
            case _:
                pass


def state_on(root: Path) -> State:
    return State(Settings(state=root / "state", run=root / "run"))


def work(root: Path, seed: int, acknowledgements: int) -> None:
    """Change the state for ever, and tell of each change as soon as its call has returned."""
    state, chance = state_on(root), random.Random(seed)  # noqa: S311 - no secret

    def acknowledge(*words: object) -> None:
        os.write(acknowledgements, " ".join(map(str, words)).encode() + b"\n")

    acknowledge("ready")
    while True:
        live = state.current().apps["blog"].live or 1
        kind = chance.choices(["deploy", "rollback", "scale", "collect"], [5, 3, 1, 2])[0]
        if kind == "collect":
            with publishing(state):
                state.sweep()
                state.collect(state.generations()[:4])
            acknowledge("collected")
        elif kind == "scale":
            count = chance.randrange(1, 90)
            acknowledge("counting", count)
            state.write_counts("blog", {"web": count})
            acknowledge("count", count)
        else:
            version = state.next_version("blog") if kind == "deploy" else max(1, live - 1)
            now = datetime.now(UTC)
            one = Accepted(id=state.new_operation_id(now), name="releases.create", app="blog", actor="root", at=AT)
            journal = state.journal(one, boot_id="b")
            acknowledge("line", one.id, 0)
            if kind == "deploy":
                state.write_release(release(version))
                acknowledge("release", version)
            with publishing(state):
                gone = [path for path in state.current().files if path.startswith("quadlet/")]
                candidate = staged(state, files(version), removed=tuple(gone[:1]), live=version)
                manifest = state.commit(candidate)
            acknowledge("generation", manifest.number)
            event = journal.write(EventKind.END, outcome=Outcome.DONE)
            acknowledge("line", one.id, event.seq)


def begin(root: Path, seed: int, wrapper: list[str]) -> tuple[subprocess.Popen[bytes] | int, int]:
    """Start a writer: a fork of this process, or a process of its own below the *wrapper*."""
    reader, writer = os.pipe()
    if wrapper:
        argv = [*wrapper, sys.executable, "-m", "tests.e2e.cuts", "writer", str(root), str(seed), str(writer)]
        process = subprocess.Popen(argv, pass_fds=[writer], stderr=subprocess.DEVNULL)
        os.close(writer)
        return process, reader
    child = os.fork()
    if child:
        os.close(writer)
        return child, reader
    with suppress(BaseException):
        os.close(reader)
        work(root, seed, writer)
    os._exit(0)


def end(writer: subprocess.Popen[bytes] | int) -> None:
    """Wait for a writer, whose disk has gone."""
    if isinstance(writer, int):
        os.waitpid(writer, 0)
    else:
        writer.wait()


def one_cut(disk: Ext4, chance: random.Random, wrapper: list[str], promised: Promised, report: Report) -> None:
    writer, reader = begin(disk.root, chance.randrange(1 << 30), wrapper)
    with os.fdopen(reader) as told:
        for _ in range(1 + chance.randrange(8)):
            _take(told.readline(), promised, report)
        time.sleep(chance.random() * _LONGEST)
        disk.cut_power()
        for line in told:
            _take(line, promised, report)
    end(writer)
    disk.unmount()
    disk.mount()
    report.cuts += 1


def _take(line: str, promised: Promised, report: Report) -> None:
    if line.endswith("\n"):
        kind, *words = line.split()
        report.acknowledged[kind] += 1
        promised.take(kind, *words)


def look(state: State, promised: Promised, report: Report) -> None:
    """Compare what the disk has with what was promised; then recover."""
    report.problems += [
        f"cut {report.cuts}: {problem}" for problem in (*generations(state, promised), *others(state, promised))
    ]
    report.ahead += state.current().number > promised.generation
    report.left.update(name.lstrip(".").split("-")[0].split(".")[0] for name in leftovers(state))
    for record in state.records(unfinished_only=True):
        state.journal_of(record.id).write(EventKind.END, outcome=Outcome.UNDONE)
    with publishing(state):
        state.sweep()
        state.collect(state.generations()[:4])
    state.collect_journals(20)
    report.problems += [f"cut {report.cuts}: {name} was left after the sweep" for name in leftovers(state)]
    promised.generation = state.current().number
    promised.lines.clear()
    promised.counts = {count_of(state)}


def generations(state: State, promised: Promised) -> Iterator[str]:
    """What is wrong with the generations."""
    current = state.current().number
    if current < promised.generation:
        yield f"generation {promised.generation} was acknowledged, {current} is in force"
    for number in state.generations():
        if drift := state.drift(number):
            yield f"generation {number} is torn: {', '.join(drift)}"


def others(state: State, promised: Promised) -> Iterator[str]:
    """What is wrong with releases, journals and the slot."""
    for version in sorted({*promised.releases, *state.releases("blog")}):
        if state.release("blog", version) != release(version):
            yield f"v{version} is another one"
    for id_, seq in promised.lines.items():
        if not state.tail(id_, seq - 1):
            yield f"event {seq} of {id_} is lost"
    if count_of(state) not in promised.counts:
        yield f"the count is {count_of(state)}, and none of {promised.counts}"


def count_of(state: State) -> int:
    return state.slot("blog").processes["web"].count


def main(directory: Path, cuts: int, seed: int, wrapper: list[str]) -> Report:
    chance = random.Random(seed)  # noqa: S311 - no secret
    disk, promised, report = Ext4(directory), Promised(), Report()
    state = state_on(disk.root)
    state.create()
    state.write_slot(Slot(name="blog"))
    publish(state, files(1))
    os.sync()
    while report.cuts < cuts and not (wrapper and report.problems):
        one_cut(disk, chance, wrapper, promised, report)
        try:
            look(state_on(disk.root), promised, report)
        except PvdifyError as error:
            report.problems.append(f"cut {report.cuts}: {error.message}")
            break
    disk.unmount()
    disk.check()
    return report


if __name__ == "__main__":
    if sys.argv[1] == "writer":
        with suppress(PvdifyError):
            work(Path(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4]))
    else:
        print(json.dumps(vars(main(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]), sys.argv[4:]))))
