"""Runs in a bed, with pvdify's own Python: has pvdify read files that somebody wrote in, and says what it took.

``python -m tests.e2e.tampered.trial sops|sealed COUNT`` answers one JSON object, a `Report`. The newest config of `blog` is tampered with, in a
copy of the state directory, and pvdify reads it there with the real sops, age key and systemd-creds, two at a time.

Two barriers are tried apart. The first is the SHA-256 that pvdify keeps of each file. For the second that is made to agree, as whoever may write
there would: then a SOPS file must not get past its envelope, sops, and the SHA-256 of what it holds; nor a sealed one past systemd-creds.
"""

from __future__ import annotations

import base64
import json
import shutil
import subprocess
import sys
from collections import Counter
from dataclasses import dataclass, field
from functools import partial
from hashlib import sha256
from itertools import cycle
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING

import anyio
import msgspec

from pvdify.errors import ConfigTamperedError, KeyMissingError, NotSealedError, PvdifyError
from pvdify.ops.vault import decrypted_config, read_config
from pvdify.store.paths import Settings
from pvdify.wiring import local_host
from tests.e2e.tampered.edits import EDITS, deep, edited, key_twice, section_twice
from tests.e2e.tampered.raw import BYTES, Tampering, huge

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from pvdify.model.config import ConfigDocument, ConfigMeta
    from pvdify.ops.host import Host

APP, FOREIGN = "blog", "shop"
STATE = Path("/var/lib/pvdify")
NEEDED = ("format", "apps", "secrets", "current", "generations")
ALIKE = frozenset(BYTES) - {"truncated", "empty", "noise"}
"""What may come out as it was set, since the change may be none to a reader: a blank more, a letter of an age file's head."""
SAMPLE = 20
REFUSALS = (ConfigTamperedError, KeyMissingError, NotSealedError)


@dataclass(slots=True)
class Report:
    """What became of the tampered files: *by* which words they were refused, and all that should not have been."""

    tried: int = 0
    alike: int = 0
    by: Counter[str] = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Copy:
    """A state directory of its own, with the version that is tampered with."""

    host: Host
    meta: ConfigMeta
    text: bytes
    document: ConfigDocument

    @property
    def configs(self) -> Path:
        return self.host.state.settings.configs(APP)

    def write(self, path: Path, data: bytes, meta: ConfigMeta) -> None:
        """Put *data* at *path*, and say *meta* of the version."""
        path.write_bytes(data)
        (self.configs / f"c{meta.version}.toml").write_bytes(msgspec.toml.encode(meta))


def copied(directory: Path) -> Host:
    """A host with a copy of the state, which pvdify reads as it reads its own."""
    directory.mkdir(mode=0o700, parents=True)
    for name in NEEDED:
        source, target = STATE / name, directory / "state" / name
        if source.is_dir() and not source.is_symlink():
            shutil.copytree(source, target, symlinks=True)
        else:
            target.parent.mkdir(exist_ok=True)
            shutil.copy(source, target, follow_symlinks=False)
    (directory / "run").mkdir()
    return local_host(Settings(state=directory / "state", run=directory / "run"))


async def newest(host: Host) -> Copy:
    """The version that is tampered with."""
    meta = host.state.configs.meta(APP, host.state.configs.versions(APP)[0])
    return Copy(host, meta, host.state.configs.text(APP, meta), await read_config(host, APP, meta))


def sops_tamperings(here: Copy) -> dict[str, Tampering]:
    """All that is done to a SOPS file; those that change bytes anyhow come twice as often."""
    configs = here.host.state.configs
    older = configs.text(APP, configs.meta(APP, configs.versions(APP)[1]))
    foreign = configs.text(FOREIGN, configs.meta(FOREIGN, configs.versions(FOREIGN)[0]))
    return {
        **BYTES,
        **{name: partial(_edited, edit) for name, edit in EDITS.items()},
        **{f"{name} (again)": change for name, change in BYTES.items()},
        "a key of JSON twice": key_twice,
        "a section twice": section_twice,
        "deep": deep,
        "huge": huge,
        "an older version": lambda _rng, _text: older,
        "another app's": lambda _rng, _text: foreign,
        "the part of SOPS's of an older version": lambda _rng, text: _with(text, "sops", older),
        "the mac of another app's": lambda _rng, text: _with_mac(text, foreign),
        "the variables of an older version": lambda _rng, text: _with(text, "vars", older),
        "made anew for this host": partial(_forged, here.document, here.host.state.vault.recipients()),
    }  # fmt: skip


def sealed_tamperings(here: Copy) -> dict[str, Tampering]:
    """All that is done to what is sealed."""
    settings, version = here.host.state.settings, here.meta.version
    others = {
        "another app's": settings.sealed(FOREIGN, 1, "env"),
        "an older version's": settings.sealed(APP, version - 1, "env"),
        "another part's": settings.sealed(APP, version, "cert"),
    }
    return {
        **BYTES,
        **{f"{name} of what it encodes": partial(_decoded, change) for name, change in BYTES.items()},
        **{name: partial(_instead, path.read_bytes()) for name, path in others.items()},
        "in the clear": lambda _rng, _sealed: here.document.env_file(),
        "in the clear as base64": lambda _rng, _sealed: base64.b64encode(here.document.env_file()),
        "sealed by nobody": partial(_instead, _null_sealed(here)),
        "huge": huge,
    }  # fmt: skip


async def read_sops(here: Copy, name: str, data: bytes, report: Report) -> None:
    """Try both barriers of a SOPS file."""
    path = here.configs / f"c{here.meta.version}.sops.json"
    agreeing = msgspec.structs.replace(here.meta, texts=(sha256(data).hexdigest(),))
    for barrier, meta in (("hash", here.meta), ("all else", agreeing)):
        here.write(path, data, meta)
        try:
            found = await decrypted_config(here.host, APP, here.host.state.configs.meta(APP, meta.version))
        except REFUSALS as error:
            report.by[_words(error, barrier)] += 1
        else:
            _taken(report, name, barrier, is_same=found == here.document)
    if report.tried % SAMPLE == 0:
        await _read_anyhow(here, name, agreeing, report)
    here.write(path, here.text, here.meta)


async def read_sealed(here: Copy, name: str, data: bytes, report: Report) -> None:
    """Try both barriers of what is sealed."""
    path, good = here.host.state.settings.sealed(APP, here.meta.version, "env"), here.document.env_file()
    before = path.read_bytes()
    here.write(path, data, here.meta)
    try:
        here.host.state.configs.check_sealed(APP, here.meta)
    except REFUSALS as error:
        report.by[_words(error, "hash")] += 1
    else:
        _taken(report, name, "hash", is_same=False)
    here.write(path, before, here.meta)
    try:
        found = await here.host.seal.unseal(here.meta.pin().credential(APP, "env"), data)
    except REFUSALS as error:
        report.by[_words(error, "all else")] += 1
    else:
        _taken(report, name, "all else", is_same=found == good)
    if report.tried % SAMPLE == 0:
        agreeing = msgspec.structs.replace(here.meta, sealed={**here.meta.sealed, "env": sha256(data).hexdigest()})
        here.write(path, data, agreeing)
        await _read_anyhow(here, name, agreeing, report)
        here.write(path, before, here.meta)


async def _read_anyhow(here: Copy, name: str, meta: ConfigMeta, report: Report) -> None:
    """Read it as commands do, from what is whole of the two; what comes out is what was set, or nothing."""
    try:
        found = await read_config(here.host, APP, meta)
    except REFUSALS:
        report.by["either: refused"] += 1
    else:
        report.by["either: what was set"] += 1
        if found != here.document:
            report.wrong.append(f"{name}: reading either of the two gave something else")


async def main(kind: str, count: int) -> Report:
    """Try *count* tampered files."""
    report, scratch = Report(), Path("/root/tampered")
    copies = [await newest(copied(scratch / str(number))) for number in range(2)]
    ways = sops_tamperings(copies[0]) if kind == "sops" else sealed_tamperings(copies[0])
    path = copies[0].host.state.settings.sealed(APP, copies[0].meta.version, "env")
    good = copies[0].text if kind == "sops" else path.read_bytes()
    trials = _trials(ways, good, count)

    async def work(here: Copy) -> None:
        for name, data in trials:
            report.tried += 1
            try:
                await (read_sops if kind == "sops" else read_sealed)(here, name, data, report)
            except (PvdifyError, ValueError, OSError, RecursionError, MemoryError) as error:
                report.wrong.append(f"{name}: {type(error).__name__}: {error}"[:300])

    async with anyio.create_task_group() as tasks:
        for here in copies:
            tasks.start_soon(work, here)
    shutil.rmtree(scratch)
    return report


def _trials(ways: dict[str, Tampering], good: bytes, count: int) -> Iterator[tuple[str, bytes]]:
    """Each way by turns; one that happens to change nothing is tried again."""
    for number, (name, change) in zip(range(count), cycle(ways.items()), strict=False):
        rng = Random(number)  # noqa: S311 -- the same ones each time
        data = change(rng, good)
        while data == good:
            data = change(rng, good)
        yield name.removesuffix(" (again)"), data


def _taken(report: Report, name: str, barrier: str, *, is_same: bool) -> None:
    is_alike = is_same and barrier == "all else" and name.removesuffix(" of what it encodes") in ALIKE
    if is_alike:
        report.alike += 1
    else:
        report.wrong.append(f"{name}: {barrier} took it, and it held {'what was set' if is_same else 'something else'}")


def _words(error: PvdifyError, barrier: str) -> str:
    """Which barrier refused, and why, without names and numbers."""
    words = error.message.partition(": ")[2].partition(" (")[0]
    return f"{barrier}: {' '.join(word for word in words.split() if '/' not in word)}"[:120]


def _edited(edit: Callable[[Random, dict[str, object]], object], rng: Random, text: bytes) -> bytes:
    return edited(text, rng, edit)


def _with(text: bytes, part: str, other: bytes) -> bytes:
    return json.dumps({**json.loads(text), part: json.loads(other)[part]}, indent="\t").encode()


def _with_mac(text: bytes, other: bytes) -> bytes:
    document = json.loads(text)
    document["sops"]["mac"] = json.loads(other)["sops"]["mac"]
    return json.dumps(document, indent="\t").encode()


def _forged(document: ConfigDocument, recipients: tuple[str, ...], rng: Random, text: bytes) -> bytes:
    """All of it encrypted as it should be, for whom it should be, by somebody who only knows the recipients: and with other values."""
    key = rng.choice(list(document.vars))
    other = msgspec.structs.replace(document, vars={**document.vars, key: "mine"})
    argv = ("sops", "--config", "/dev/null", "encrypt", "--input-type", "json", "--output-type", "json")
    rules = ("--encrypted-regex", ".*", "--age", ",".join(recipients), "/dev/stdin")
    return subprocess.run([*argv, *rules], input=msgspec.json.encode(other), check=True, capture_output=True).stdout


def _decoded(change: Tampering, rng: Random, sealed: bytes) -> bytes:
    return base64.b64encode(change(rng, base64.b64decode(sealed))) + b"\n"


def _instead(other: bytes, rng: Random, sealed: bytes) -> bytes:
    return other


def _null_sealed(here: Copy) -> bytes:
    """What anybody can make, without any key."""
    name = here.meta.pin().credential(APP, "env")
    argv = ("systemd-creds", "encrypt", "--with-key=null", f"--name={name}", "-", "-")
    return subprocess.run(argv, input=b"A=mine\n", check=True, capture_output=True).stdout


if __name__ == "__main__":
    sys.stdout.buffer.write(msgspec.json.encode(anyio.run(main, sys.argv[1], int(sys.argv[2]), backend="trio")))
