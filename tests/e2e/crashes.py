"""Every state that a power cut may leave behind, worked out from a trace of system calls.

A real file system keeps more than it promises: ext4 has one journal for all directories, so a directory that was never synced
mostly survives there. Here only the promises hold: a name is safe once its directory was synced after it was made, bytes are safe
once their file was synced after they were written. Of what is not safe each directory keeps the first few changes, any number.
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import product
from pathlib import Path, PurePosixPath

CALLS = (
    "openat",
    "write",
    "fsync",
    "rename",
    "link",
    "linkat",
    "symlink",
    "unlink",
    "unlinkat",
    "mkdir",
    "rmdir",
    "ftruncate",
)
_LINE = re.compile(r"^(?:\d+ +)?(?P<name>\w+)\((?P<arguments>.*)\) += (?P<result>\d+|-1)")
_STRING = re.compile(r'"(?P<text>(?:[^"\\]|\\.)*)"')
_DESCRIPTOR = re.compile(r"(?P<number>\d+|AT_FDCWD)<(?P<path>[^>]*)>")


@dataclass(eq=False)
class File:
    """Bytes; *is_safe* where all of them are on the disk."""

    is_safe: bool = True


@dataclass(frozen=True)
class Symlink:
    target: str


@dataclass(eq=False)
class Directory:
    """Names: those that are safe, and the changes since, oldest first: a name comes (or is replaced), another one goes."""

    safe: dict[str, "Node"] = field(default_factory=dict)
    changes: list[tuple[str, "Node | None", str]] = field(default_factory=list)

    def after(self, count: int) -> dict[str, "Node"]:
        """The names, if the first *count* changes are kept."""
        names = dict(self.safe)
        for come, node, gone in self.changes[:count]:
            if gone:
                names.pop(gone, None)
            if come and node is not None:
                names[come] = node
        return names

    def now(self) -> dict[str, "Node"]:
        """The names, as a running process sees them."""
        return self.after(len(self.changes))


Node = File | Directory | Symlink


@dataclass(frozen=True)
class Call:
    """One call of a trace: its name, and the paths that it is about."""

    name: str
    paths: tuple[str, ...]
    text: str = ""


def calls(trace: str, below: Path) -> Iterator[Call]:
    """Read what `strace -y` wrote, as far as it is about *below* or says what a process wrote elsewhere."""
    for line in trace.splitlines():
        match = _LINE.match(line)
        if not match or match["result"] == "-1":
            continue
        name, arguments = match["name"], match["arguments"]
        strings = [one["text"] for one in _STRING.finditer(arguments)]
        folders = [one["path"] for one in _DESCRIPTOR.finditer(_STRING.sub('""', arguments))]
        if name in {"write", "fsync", "ftruncate"}:
            yield Call(name, (folders[0],), strings[0] if strings else "")
            continue
        if name == "openat" and "O_CREAT" not in arguments:
            continue
        if name == "symlink":
            yield Call(name, (strings[1],), strings[0])
            continue
        paths = tuple(
            str(PurePosixPath(folder, text)) for folder, text in zip(folders or ["", ""], strings, strict=False)
        )
        if paths and paths[0].startswith(str(below)):
            yield Call("rmdir" if "AT_REMOVEDIR" in arguments else name, paths)


class Disk:
    """A disk, and the calls that change it."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self.tree = _copied(root)

    def apply(self, call: Call) -> None:
        """Do what *call* did."""
        if not all(path.startswith(str(self._root)) for path in call.paths):
            return
        path = call.paths[0]
        match call.name:
            case "fsync":
                self._sync(self._node(path))
            case "write" | "ftruncate":
                node = self._node(path)
                assert isinstance(node, File)
                node.is_safe = False
            case "link" | "linkat":
                self._change(call.paths[1], come=self._node(path))
            case "rename":
                self._change(call.paths[1], come=self._node(path), gone=PurePosixPath(path).name)
            case "unlink" | "unlinkat" | "rmdir":
                self._change(path, gone=PurePosixPath(path).name)
            case _:
                made: dict[str, Node] = {"mkdir": Directory(), "symlink": Symlink(call.text), "openat": File()}
                if path not in self:
                    self._change(path, come=made[call.name])

    def crashes(self) -> Iterator[Directory]:
        """Every tree that a power cut may leave now."""
        pending = [one for one in _directories(self.tree) if one.changes]
        for counts in product(*(range(len(one.changes) + 1) for one in pending)):
            yield _cut(self.tree, dict(zip(map(id, pending), counts, strict=True)))

    @staticmethod
    def _sync(node: Node) -> None:
        if isinstance(node, File):
            node.is_safe = True
        elif isinstance(node, Directory):
            node.safe, node.changes = node.now(), []

    def __contains__(self, path: str) -> bool:
        parent = self._node(str(PurePosixPath(path).parent))
        return isinstance(parent, Directory) and PurePosixPath(path).name in parent.now()

    def _node(self, path: str) -> Node:
        node: Node = self.tree
        for part in PurePosixPath(path).relative_to(self._root).parts:
            assert isinstance(node, Directory)
            node = node.now()[part]
        return node

    def _change(self, path: str, *, come: Node | None = None, gone: str = "") -> None:
        """Note that in the directory of *path* its name came, or the name *gone* went, or both in one."""
        parent = self._node(str(PurePosixPath(path).parent))
        assert isinstance(parent, Directory)
        parent.changes.append((PurePosixPath(path).name if come else "", come, gone))


def in_force(tree: Directory) -> int:
    """The number of the generation that `current` names in *tree*, 0 for none."""
    link = tree.safe.get("current")
    return int(PurePosixPath(link.target).name) if isinstance(link, Symlink) else 0


def faults(tree: Directory, manifests: Mapping[int, Iterable[str]]) -> Iterator[str]:
    """What is wrong with the generation in force, and with every other one that has its name."""
    generations = tree.safe.get("generations")
    assert isinstance(generations, Directory)
    numbers = {int(name) for name in generations.safe if name.isdigit()}
    for number in sorted({*numbers, in_force(tree)}):
        for path in ("manifest.json", *manifests.get(number, ())):
            node: Node | None = generations
            for part in (f"{number:06}", *PurePosixPath(path).parts):
                node = node.safe.get(part) if isinstance(node, Directory) else None
            if not isinstance(node, File):
                yield f"generation {number} has no {path}"
            elif not node.is_safe:
                yield f"generation {number}: {path} is torn"


def verdicts(root: Path, disk: Disk, trace: Sequence[Call], manifests: Mapping[int, Iterable[str]]) -> Iterator[str]:
    """Everything that a power cut somewhere in *trace* could break; what is written to elsewhere acknowledges a number."""
    told: set[str] = set()
    acknowledged = min(manifests)
    for call in trace:
        if call.name == "write" and not call.paths[0].startswith(str(root)):
            acknowledged = int(call.text.removesuffix("\\n"))
        disk.apply(call)
        for tree in disk.crashes():
            wrong = {*faults(tree, manifests)}
            if in_force(tree) < acknowledged:
                wrong.add(f"generation {acknowledged} was acknowledged, {in_force(tree)} is in force")
            yield from sorted(wrong - told)
            told |= wrong


def _copied(path: Path) -> Directory:
    inodes: dict[int, File] = {}

    def node(one: Path) -> Node:
        if one.is_symlink():
            return Symlink(str(one.readlink()))
        if one.is_dir():
            return Directory({child.name: node(child) for child in one.iterdir()})
        return inodes.setdefault(one.stat().st_ino, File())

    copy = node(path)
    assert isinstance(copy, Directory)
    return copy


def _directories(top: Directory) -> Iterator[Directory]:
    """Every directory that could be there after a cut, each once."""
    seen: dict[int, Directory] = {}
    waiting = [top]
    while waiting:
        one = waiting.pop()
        if id(one) in seen:
            continue
        seen[id(one)] = one
        nodes = [*one.safe.values(), *(node for _, node, _ in one.changes)]
        waiting += [node for node in nodes if isinstance(node, Directory)]
    yield from seen.values()


def _cut(one: Directory, counts: dict[int, int]) -> Directory:
    names = one.after(counts.get(id(one), 0))
    return Directory(
        {name: _cut(node, counts) if isinstance(node, Directory) else node for name, node in names.items()}
    )
