"""A small host to try the state directory on."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from pvdify.model.event import Accepted
from pvdify.model.manifest import AppRow, InstanceRow, Manifest
from pvdify.model.release import Release, ReleaseProcess
from pvdify.model.slot import Environment
from pvdify.store.generations import Staged
from pvdify.store.paths import Settings
from pvdify.store.state import State

NOBODY = Manifest(number=0, parent=None, created_at="", actor="", operation="", reason="", files={}, apps={})
AT = "2026-11-23T20:37:00.123Z"
NOW = datetime(2026, 11, 23, 20, 37, 0, 123_000, tzinfo=UTC)
IMAGE = "ghcr.io/example/blog@sha256:" + 64 * "1"

Files = Mapping[str, bytes]


def state_in(directory: Path) -> State:
    """A state directory without a generation."""
    state = State(Settings(state=directory / "state", run=directory / "run"), now=lambda: NOW)
    state.create()
    return state


def release(version: int, *, app: str = "blog") -> Release:
    return Release(
        app=app,
        version=version,
        image=IMAGE,
        source="ghcr.io/example/blog:v1",
        processes={"web": ReleaseProcess(command=("serve", "--now"))},
        created_at=AT,
        created_by="root",
    )


def row(name: str = "blog", *, live: int | None = 1) -> AppRow:
    instances = (InstanceRow(release=live, process="web", ordinal=1, port=20_000, is_live=True),) if live else ()
    return AppRow(
        name=name,
        environment=Environment.PRODUCTION,
        front=3000,
        ids=2_200_000_000,
        created_at=AT,
        live=live,
        formation={"web": 1},
        instances=instances,
    )


def files(version: int) -> Files:
    """What is rendered for a host with one app: three files of it change with each release, one never does."""
    return {
        f"quadlet/pvdify-blog-v{version}-web-1.container": b"[Container]\nImage=%d\n" % version,
        "systemd/pvdify-blog.target": b"[Unit]\nWants=pvdify-blog-v%d-web-1.service\n" % version,
        "haproxy/haproxy.cfg": b"backend blog\n server v%d-web-1 127.0.0.1:20000\n" % version,
        "systemd/pvdify.target": b"[Unit]\nWants=pvdify-blog.target\n",
    }


def nothing(_path: str) -> bytes | None:
    return None


def staged(
    state: State,
    new: Files,
    *,
    removed: tuple[str, ...] = (),
    live: int | None = 1,
    heal: Callable[[str], bytes | None] = nothing,
) -> Staged:
    """A candidate on top of what is in force; the host lock must be held."""
    return state.stage(
        parent=state.current() if state.has_generation() else NOBODY,
        files=new,
        removed=removed,
        apps={"blog": row(live=live)},
        retained=(),
        actor="root",
        operation="",
        reason=f"blog: v{live}",
        at=AT,
        programs={"podman": "5.4.2"},
        heal=heal,
    )


@contextmanager
def publishing(state: State) -> Iterator[None]:
    """Hold the host lock."""
    lock = state.try_host_lock()
    assert lock is not None
    with lock:
        yield


def publish(state: State, new: Files, *, removed: tuple[str, ...] = (), live: int | None = 1) -> Manifest:
    """Put the host as it is, and *new*, in force."""
    with publishing(state):
        return state.commit(staged(state, new, removed=removed, live=live))


def accepted(state: State, *, app: str = "blog", name: str = "releases.create") -> Accepted:
    return Accepted(id=state.new_operation_id(NOW), name=name, app=app, actor="root", at=AT)


def text_of(state: State, number: int) -> dict[str, bytes]:
    """Every file that the manifest of a generation names, as it is on the disk."""
    tree = state.generation_path(number)
    return {path: (tree / path).read_bytes() for path in state.manifest(number).files}


def leftovers(state: State) -> list[str]:
    """What only a killed process leaves lying about."""
    folders = (state.settings.state, state.settings.generations, state.settings.apps, state.settings.operations)
    return sorted(path.name for folder in folders for path in folder.iterdir() if path.name.startswith("."))
