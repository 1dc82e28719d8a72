"""Generations against a model: whatever is done to them in whatever order, each is what it was when it was published."""

import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from pvdify.errors import CorruptGenerationError
from pvdify.store.state import State
from tests.store.example import leftovers, publish, publishing, staged, state_in

PATHS = [f"{folder}/{name}" for folder in ("quadlet", "systemd", "haproxy") for name in ("a", "b")]
CHANGES = st.dictionaries(st.sampled_from(PATHS), st.binary(max_size=8), max_size=4)
REMOVED = st.sets(st.sampled_from(PATHS), max_size=2)


@dataclass(eq=False)
class Inode:
    """One file on the disk, which several generations may share."""

    data: bytes
    is_spoiled: bool = False


class Generations(RuleBasedStateMachine):
    """Publish, edit, heal, collect, die and begin again."""

    def __init__(self) -> None:
        super().__init__()
        self.directory = Path(tempfile.mkdtemp(prefix="pvdify-store-"))
        self.trees: dict[int, dict[str, Inode]] = {}
        self.given = 0

    @property
    def tree(self) -> dict[str, Inode]:
        return self.trees[max(self.trees)]

    @initialize(new=CHANGES)
    def begin(self, new: dict[str, bytes]) -> None:
        self.state = state_in(self.directory)
        publish(self.state, new)
        self.trees[1] = {path: Inode(data) for path, data in new.items()}
        self.given = 1

    @rule(new=CHANGES, removed=REMOVED)
    def publish_and_heal(self, new: dict[str, bytes], removed: set[str]) -> None:
        self.publish(new, removed, heals=True)

    @rule(new=CHANGES, removed=REMOVED)
    def publish_what_is_not_spoiled(self, new: dict[str, bytes], removed: set[str]) -> None:
        self.publish(new, removed, heals=False)

    def publish(self, new: dict[str, bytes], removed: set[str], *, heals: bool) -> None:
        kept = {path: one for path, one in self.tree.items() if path not in new and path not in removed}
        spoiled = [path for path, one in kept.items() if one.is_spoiled]
        refused: list[str] = []
        with publishing(self.state):
            try:
                candidate = staged(
                    self.state, new, removed=tuple(removed), heal=lambda path: kept[path].data if heals else None
                )
            except CorruptGenerationError as error:
                refused = [path for path in spoiled if path in error.message]
                candidate = None
            assert bool(spoiled and not heals) == (candidate is None) == bool(refused)
            if candidate is None:
                return
            manifest = self.state.commit(candidate)
        assert self.given < manifest.number
        self.given = manifest.number
        healed = {path: Inode(kept[path].data) for path in spoiled}
        self.trees[manifest.number] = {**kept, **healed, **{path: Inode(data) for path, data in new.items()}}

    @precondition(lambda self: any(self.tree.values()))
    @rule(data=st.data())
    def edit(self, data: st.DataObject) -> None:
        path = data.draw(st.sampled_from(sorted(self.tree)))
        file = self.state.generation_path(max(self.trees)) / path
        file.write_bytes(file.read_bytes() + b"edited")
        self.tree[path].is_spoiled = True

    @rule(new=CHANGES)
    def die_before_the_flip(self, new: dict[str, bytes]) -> None:
        with publishing(self.state):
            staged(self.state, new, heal=lambda path: self.tree[path].data)
        self.state = State(self.state.settings)

    @rule()
    def sweep(self) -> None:
        with publishing(self.state):
            self.state.sweep()
        assert [] == leftovers(self.state)

    @rule(data=st.data())
    def collect(self, data: st.DataObject) -> None:
        keep = data.draw(st.sets(st.sampled_from(sorted(self.trees))))
        expected = sorted(set(self.trees) - keep - {max(self.trees)})
        with publishing(self.state):
            assert tuple(expected) == self.state.collect(keep)
        for number in expected:
            del self.trees[number]

    @invariant()
    def every_generation_is_what_it_was(self) -> None:
        assert max(self.trees) == self.state.current().number
        assert sorted(self.trees, reverse=True) == list(self.state.generations())
        for number, tree in self.trees.items():
            spoiled = sorted(path for path, one in tree.items() if one.is_spoiled)
            assert tuple(spoiled) == self.state.drift(number)
            assert set(tree) == set(self.state.manifest(number).files)
            for path, one in tree.items():
                if not one.is_spoiled:
                    assert one.data == (self.state.generation_path(number) / path).read_bytes()

    def teardown(self) -> None:
        shutil.rmtree(self.directory)


TestGenerations = Generations.TestCase
TestGenerations.settings = settings(max_examples=20, stateful_step_count=20, deadline=None)
