"""Runs in the bed, with pvdify's own Python: make a host with many apps at once, and measure what needs no operator.

python crowd.py seed COUNT IMAGE     COUNT apps `crowd-N`, each with a release; nothing is started
python crowd.py publish COUNT        one app's change published among COUNT apps (every fsync included), and its floor
python crowd.py render COUNT         COUNT apps rendered, and its floor
"""

from __future__ import annotations

import json
import os
import shutil
import statistics
import sys
import tempfile
import time
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from pvdify.model.edge import EdgeSettings
from pvdify.model.manifest import IDS_COUNT, IDS_FIRST, AppRow, InstanceRow, Manifest
from pvdify.model.place import Place
from pvdify.model.release import Release, ReleaseProcess
from pvdify.model.slot import Environment, Slot
from pvdify.render.tree import app_artefacts, host_artefacts
from pvdify.store.paths import Settings
from pvdify.store.state import State

if TYPE_CHECKING:
    from collections.abc import Callable

AT = "2026-01-01T00:00:00.000Z"
FRONTS = 4000
PORTS = 28_000
ROUNDS = 7


def rows(count: int, image: str) -> tuple[dict[str, AppRow], dict[str, Release]]:
    """So many apps, each with one live instance, and their releases."""
    apps, releases = {}, {}
    for number in range(count):
        name = f"crowd-{number}"
        releases[name] = Release(
            app=name, version=1, image=image, source=image, processes={"web": ReleaseProcess()}, created_at=AT
        )
        apps[name] = AppRow(
            name=name,
            environment=Environment.PRODUCTION,
            front=FRONTS + number,
            ids=IDS_FIRST + (number + 1000) * IDS_COUNT,
            created_at=AT,
            image=image,
            live=1,
            formation={"web": 1},
            instances=(InstanceRow(release=1, process="web", ordinal=1, port=PORTS + number, is_live=True),),
        )
    return apps, releases


def files(apps: dict[str, AppRow], releases: dict[str, Release]) -> dict[str, bytes]:
    """Every artefact of *apps*."""
    artefacts = [one for row in apps.values() for one in app_artefacts(row, {1: releases[row.name]}, Place())]
    return {one.path: one.text.encode() for one in (*artefacts, *host_artefacts(apps, EdgeSettings(), Place()))}


def seed(state: State, count: int, image: str) -> Manifest:
    """Declare and record *count* apps, and put a generation with all of them in force."""
    apps, releases = rows(count, image)
    for name, release in releases.items():
        state.write_slot(Slot(name=name, image=image))
        state.write_release(release)
        apps[name] = msgspec.structs.replace(apps[name], slot=state.stamp(name))
    return publish(state, apps, files(apps, releases))


def publish(state: State, apps: dict[str, AppRow], changed: dict[str, bytes]) -> Manifest:
    """One generation with *changed* on top of the one in force."""
    parent = state.current()
    lock = state.try_host_lock()
    if lock is None:
        raise SystemExit("somebody else publishes")
    with lock:
        staged = state.stage(
            parent=parent,
            files=changed,
            removed=(),
            apps={**parent.apps, **apps},
            retained=(),
            actor="bench",
            operation="",
            reason="bench",
            at=AT,
            programs=parent.programs,
        )
        return state.commit(staged)


def measured(work: Callable[[], object]) -> float:
    """The median of some rounds, in milliseconds, after one that is not counted."""
    work()
    found = []
    for _ in range(ROUNDS):
        began = time.perf_counter()
        work()
        found.append((time.perf_counter() - began) * 1000)
    return statistics.median(found)


def publishing(count: int) -> dict[str, float]:
    """Publish a change of one app among *count*; the floor links as many files, and writes and syncs as many as change."""
    directory = Path(tempfile.mkdtemp(prefix="bench-", dir="/var/lib/pvdify"))
    state = State(Settings(state=directory / "state", run=directory / "run"))
    state.create()
    apps, releases = rows(count, "docker.io/org/app@sha256:" + "a" * 64)
    empty = Manifest(number=0, parent=None, created_at="", actor="", operation="", reason="", files={}, apps={})
    lock = state.try_host_lock()
    if lock is None:
        raise SystemExit("somebody else publishes")
    with lock:
        everything = files(apps, releases)
        staged = state.stage(
            parent=empty,
            files=everything,
            removed=(),
            apps=apps,
            retained=(),
            actor="",
            operation="",
            reason="",
            at=AT,
            programs={},
        )
        state.commit(staged)
    turn = iter(range(1, 1_000_000))

    def change() -> None:
        number = next(turn)
        row = apps["crowd-0"]
        moved = msgspec.structs.replace(row.instances[0], port=PORTS + 1000 + number)
        row = msgspec.structs.replace(row, instances=(moved,))
        everyone = {**apps, row.name: row}
        artefacts = (
            *app_artefacts(row, {1: releases[row.name]}, Place()),
            *host_artefacts(everyone, EdgeSettings(), Place()),
        )
        publish(state, {row.name: row}, {one.path: one.text.encode() for one in artefacts})

    source = state.settings.generation(1)

    def floor() -> None:
        target = directory / f"floor-{next(turn)}"
        for folder in ("quadlet", "systemd", "haproxy"):
            (target / folder).mkdir(parents=True)
        for path in everything:
            os.link(source / path, target / path)
        with (target / "manifest.json").open("wb") as file:
            file.write((source / "manifest.json").read_bytes())
            file.flush()
            os.fsync(file.fileno())
        descriptor = os.open(target, os.O_RDONLY)
        os.fsync(descriptor)
        os.close(descriptor)

    try:
        return {"value": measured(change), "floor": measured(floor)}
    finally:
        shutil.rmtree(directory)


def rendering(count: int) -> dict[str, float]:
    """Render *count* apps; the floor formats and hashes the same bytes."""
    apps, releases = rows(count, "docker.io/org/app@sha256:" + "a" * 64)
    made = files(apps, releases)

    def floor() -> None:
        for text in made.values():
            sha256(text.decode().format_map({}).encode() if b"{" not in text else text).hexdigest()

    return {"value": measured(lambda: files(apps, releases)), "floor": measured(floor)}


def main() -> None:
    """Do what the arguments say."""
    what, count = sys.argv[1], int(sys.argv[2])
    if what == "seed":
        print(json.dumps({"generation": seed(State(Settings()), count, sys.argv[3]).number}))
    elif what == "publish":
        print(json.dumps(publishing(count)))
    elif what == "render":
        print(json.dumps(rendering(count)))


if __name__ == "__main__":
    main()
