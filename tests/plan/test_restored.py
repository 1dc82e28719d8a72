"""What is read of a backup is what pvdify would have written: anything else is refused, whoever encrypted it."""

from __future__ import annotations

from hashlib import sha256
from typing import TYPE_CHECKING, Any, Final

import msgspec
import pytest

from pvdify.errors import BackupError
from pvdify.model.backup import KEYS, MANIFEST, SETTINGS, TOKENS, BackupIndex
from pvdify.model.config import ConfigMeta, merged
from pvdify.model.manifest import AppRow, InstanceRow, Manifest, Retained
from pvdify.model.release import Release, ReleaseProcess
from pvdify.model.slot import Environment, Volume
from pvdify.model.vault import AgeKey, VaultSettings
from pvdify.plan.restored import Restored, restored
from pvdify.store.releases import text_of
from tests.fakes.secrets import FakeSecrets

if TYPE_CHECKING:
    from collections.abc import Callable

Files = dict[str, bytes]

WHAT: Final = "host.pvdify"
INDEX: Final = BackupIndex(format=1, id="ab" * 16, at="2026-01-31T09:00:00.000Z", by="ada", host="one", version="0.1.0")
KEY: Final = AgeKey(public="age1" + "q" * 58, secret="AGE-SECRET-KEY-1" + "Q" * 58)
OTHER: Final = "age1" + "p" * 58
RELEASE: Final = "apps/blog/releases/v2.toml"
CONFIG: Final = "apps/blog/config/c1"
DOCUMENT: Final = merged(None, app="blog", version=1, salt="s", variables={"A": "1"}, files={"cert": b"x"})
LIVE: Final = Release(
    app="blog",
    version=2,
    image=f"ghcr.io/org/blog@sha256:{'2' * 64}",
    source="ghcr.io/org/blog:v2",
    processes={
        "web": ReleaseProcess(command=("npm", "start"), volumes=(Volume(name="data", path="/data"),), overlap=False),
        "worker": ReleaseProcess(),
    },
    env={"LANG": "C.UTF-8"},
    capabilities=("CHOWN",),
    release_command=("npm", "run", "migrate"),
)
ROW: Final = AppRow(
    name="blog",
    environment=Environment.PRODUCTION,
    front=3000,
    ids=2_200_000_000,
    created_at="2026-01-31T09:00:00.000Z",
    updated_at="2026-01-31T09:00:00.000Z",
    image="whatever",
    live=2,
    warm=1,
    formation={"web": 1, "worker": 2},
    instances=(InstanceRow(release=2, process="web", ordinal=1, port=20_000, is_live=True),),
)


def manifest(*rows: AppRow, retained: tuple[Retained, ...] = ()) -> bytes:
    one = Manifest(
        number=7,
        parent=6,
        created_at="",
        actor="",
        operation="",
        reason="",
        files={},
        apps={row.name: row for row in rows},
        retained=retained,
    )
    return msgspec.json.encode(one)


def row(**fields: Any) -> bytes:
    """A manifest with `blog`, otherwise."""
    return manifest(msgspec.structs.replace(ROW, **fields))


def release(**fields: Any) -> bytes:
    """The live release, otherwise."""
    return text_of(msgspec.structs.replace(LIVE, **fields))


@pytest.fixture
async def files() -> Files:
    """A small backup with one app."""
    text = await FakeSecrets().encrypt(msgspec.json.encode(DOCUMENT), recipients=(KEY.public, OTHER))
    meta = ConfigMeta(
        version=1, sha256=DOCUMENT.digest(), keys=("A",), files={"cert": 1}, texts=(sha256(text).hexdigest(),)
    )
    return {
        MANIFEST: manifest(msgspec.structs.replace(ROW, config=meta.pin())),
        "apps/blog/slot.toml": b'name = "blog"\n',
        RELEASE: release(config=meta.pin()),
        f"{CONFIG}.toml": msgspec.toml.encode(meta),
        f"{CONFIG}.sops.json": text,
        KEYS: KEY.text().encode(),
        SETTINGS: msgspec.toml.encode(VaultSettings(recipients=(OTHER,))),
        TOKENS: b'{"tokens": []}',
        "operations/20260131-090000-123k7qz.blog.jsonl": b"",
    }


def read(files: Files) -> Restored:
    return restored(INDEX, files, what=WHAT)


async def test_what_pvdify_wrote_is_read_and_its_apps_are_stopped_at_their_release(files: Files) -> None:
    found = read(files)

    blog = found.stopped("blog")
    assert (True, 2, (), LIVE.image, {"web": 1, "worker": 2}) == (
        *(blog.is_stopped, blog.live, blog.instances),
        *(blog.image, blog.formation),
    )
    assert (3000, 2_200_000_000, None, True) == (blog.front, blog.ids, blog.warm, blog.router.holds)
    assert ((KEY,), (OTHER,)) == (found.keys, found.settings.recipients)
    assert DOCUMENT.digest() == found.configs["blog"][1].meta.sha256
    assert ["20260131-090000-123k7qz.blog.jsonl"] == [*found.journals]


async def test_an_app_without_a_release_is_no_stopped_one(files: Files) -> None:
    idle = msgspec.structs.replace(ROW, name="idle", live=None, warm=None, instances=(), front=3001, ids=2_200_065_536)

    found = read(files | {MANIFEST: manifest(idle)})

    assert (False, None) == (found.stopped("idle").is_stopped, found.stopped("idle").live)


async def test_a_host_without_secrets_needs_no_key(files: Files) -> None:
    bare = {MANIFEST: row(config=None), RELEASE: release()}

    assert ((), ()) == (read(bare).keys, read(bare).tokens)


BAD: Final[dict[str, Callable[[Files], Files]]] = {
    "no manifest": lambda _: {MANIFEST: b""},
    "a manifest that is none": lambda _: {MANIFEST: b'{"apps": {}}'},
    "a manifest with more": lambda files: {MANIFEST: files[MANIFEST][:-1] + b',"x":1}'},
    "a key that is none": lambda _: {KEYS: b"hello"},
    "settings that are none": lambda _: {SETTINGS: b"recipients = ['age1yubikey1']"},
    "a recipient of a plugin": lambda _: {SETTINGS: b"recipients = ['age1yubikey1" + b"q" * 58 + b"']"},
    "tokens that are none": lambda _: {TOKENS: b'{"tokens": [{"id": "x"}]}'},
    "an app that is called otherwise": lambda _: {
        MANIFEST: manifest(ROW).replace(b'"blog":{', b'"shop":{'),
    },
    "an app of a reserved name": lambda _: {MANIFEST: manifest(msgspec.structs.replace(ROW, name="host"))},
    "an app of no name": lambda _: {MANIFEST: manifest(msgspec.structs.replace(ROW, name="../blog"))},
    "a front below": lambda _: {MANIFEST: row(front=22)},
    "a front above": lambda _: {MANIFEST: row(front=20_000)},
    "the front of the API": lambda _: {MANIFEST: row(front=9443)},
    "the ids of root": lambda _: {MANIFEST: row(ids=0)},
    "the ids of people": lambda _: {MANIFEST: row(ids=1000)},
    "ids across two blocks": lambda _: {MANIFEST: row(ids=2_200_000_001)},
    "ids beyond all blocks": lambda _: {MANIFEST: row(ids=2_200_000_000 + 65_536 * 31_900)},
    "ids of an app that is kept": lambda _: {
        MANIFEST: manifest(ROW, retained=(Retained(app="gone", ids=ROW.ids),)),
    },
    "one front for two": lambda _: {
        MANIFEST: manifest(ROW, msgspec.structs.replace(ROW, name="idle", live=None, ids=2_200_065_536)),
    },
    "one block for two": lambda _: {
        MANIFEST: manifest(ROW, msgspec.structs.replace(ROW, name="idle", live=None, front=3001)),
    },
    "a process that is none": lambda _: {MANIFEST: row(formation={"we b": 1})},
    "instances without end": lambda _: {MANIFEST: row(formation={"web": 1_000_000})},
    "fewer than none": lambda _: {MANIFEST: row(formation={"web": -1})},
    "a release that is missing": lambda _: {MANIFEST: row(live=3)},
    "a moment that is none": lambda _: {MANIFEST: row(created_at="\x1b[2J")},
    "a config that is missing": lambda files: {
        MANIFEST: files[MANIFEST].replace(b'"version":1,', b'"version":2,'),
    },
    "another config": lambda files: {
        MANIFEST: files[MANIFEST].replace(DOCUMENT.digest().encode(), b"0" * 64),
    },
    "a release with another config": lambda files: {
        RELEASE: files[RELEASE].replace(DOCUMENT.digest().encode(), b"0" * 64),
    },
    "a release of another app": lambda _: {RELEASE: release(app="shop")},
    "a release of another number": lambda _: {RELEASE: release(version=3)},
    "a release without a digest": lambda _: {RELEASE: release(image="ghcr.io/org/blog:v2")},
    "an image that is an option": lambda _: {RELEASE: release(image=f"--privileged@sha256:{'2' * 64}")},
    "a capability that no slot may add": lambda _: {RELEASE: release(capabilities=("SYS_ADMIN",))},
    "a variable of the loader": lambda _: {RELEASE: release(env={"LD_PRELOAD": "/data/x.so"})},
    "a variable that is none": lambda _: {RELEASE: release(env={"A B": "1"})},
    "a variable that no process gets": lambda _: {RELEASE: release(env={"A": "\x80"})},
    "a port that is none": lambda _: {RELEASE: release(port=0)},
    "a process of no name": lambda _: {RELEASE: release(processes={"release": ReleaseProcess()})},
    "no process": lambda _: {RELEASE: release(processes={})},
    "a duration that is none": lambda _: {RELEASE: release(drain="1s; reboot")},
    "a volume from outside": lambda files: {RELEASE: files[RELEASE].replace(b'"data"', b'"/etc"')},
    "a volume over everything": lambda files: {RELEASE: files[RELEASE].replace(b'"/data"', b'"/data/../.."')},
    "a health path out": lambda files: {
        RELEASE: files[RELEASE] + b'\n[healthcheck]\npath = "//elsewhere/"\n',
    },
    "a release that is none": lambda _: {RELEASE: b"x = 1"},
    "what is known of a config is missing": lambda _: {f"{CONFIG}.toml": b""},
    "what is known of a config is another one's": lambda files: {
        f"{CONFIG}.toml": files[f"{CONFIG}.toml"].replace(b"version = 1", b"version = 2"),
    },
    "a config that somebody wrote in": lambda files: {f"{CONFIG}.sops.json": files[f"{CONFIG}.sops.json"] + b" "},
}


@pytest.mark.parametrize("change", BAD.values(), ids=BAD)
async def test_what_no_pvdify_would_have_written_is_refused(files: Files, change: Callable[[Files], Files]) -> None:
    changed = files | change(files)
    assert changed != files
    kept = {path: text for path, text in changed.items() if text or path.startswith("operations/")}

    with pytest.raises(BackupError, match=f"cannot use {WHAT}"):
        read(kept)


async def test_a_config_for_somebody_else_is_refused(files: Files) -> None:
    text = await FakeSecrets().encrypt(msgspec.json.encode(DOCUMENT), recipients=(KEY.public, OTHER, "age1" + "z" * 58))
    known = files[f"{CONFIG}.toml"].replace(
        sha256(files[f"{CONFIG}.sops.json"]).hexdigest().encode(), sha256(text).hexdigest().encode()
    )

    with pytest.raises(BackupError, match="recipients"):
        read(files | {f"{CONFIG}.sops.json": text, f"{CONFIG}.toml": known})
