"""The real SOPS, age and systemd-creds, where they need more than a promise: whatever else lies about on the machine has no say."""

from __future__ import annotations

import json
import shutil
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from pvdify.adapters.creds import SystemdCreds
from pvdify.adapters.process import run
from pvdify.adapters.sops import Sops
from pvdify.errors import KeyMissingError, NotSealedError, ProgramMissingError, ProgramTooOldError, SecretsError
from pvdify.model.envelope import check_envelope
from pvdify.model.vault import SealWith
from pvdify.render.quoting import unit_path

if TYPE_CHECKING:
    from collections.abc import Iterator

CANARY = "canary-51c9"
DOCUMENT = {"vars": {"KEY": CANARY, "OTHER": ""}}
TEXT = json.dumps(DOCUMENT).encode()
NAME = "blog.c7.abababababababab.env"
HOST_KEY = Path("/var/lib/systemd/credential.secret")
OLD = '#!/bin/sh\ncase "$*" in *--version*) echo "sops 3.8.1 (latest)" ;; *) echo "flag provided but not defined" >&2; exit 1 ;; esac\n'
TELLING = '#!/bin/sh\n{{ printf "%s\\n" "$0" "$@"; env; }} >>{told}\nexec {real} "$@"\n'


@contextmanager
def without(path: Path) -> Iterator[None]:
    """A machine without *path*, for a while."""
    aside = path.rename(f"{path}.aside")
    try:
        yield
    finally:
        aside.rename(path)


@contextmanager
def with_text(text: str, *paths: Path) -> Iterator[None]:
    """A machine on which *paths* have *text*, for a while."""
    for path in paths:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    try:
        yield
    finally:
        for path in paths:
            path.unlink()


def files(*directories: Path) -> set[Path]:
    """What is there, with whatever a program would make for a while."""
    return {path for one in (*directories, Path("/dev/shm"), Path("/tmp")) for path in one.iterdir()}  # noqa: S108 -- looked at


def program(directory: Path, name: str, text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Put a program where it is found before the real one."""
    directory.mkdir(exist_ok=True)
    (directory / name).write_text(text)
    (directory / name).chmod(0o755)
    monkeypatch.setenv("PATH", str(directory))


async def test_no_rule_that_lies_about_decides_what_is_encrypted_and_for_whom(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    one, stranger = await Sops().new_key(), await Sops().new_key()
    rule = f'creation_rules:\n  - age: {stranger.public}\n    unencrypted_regex: ".*"\n    path_regex: ".*"\n'
    (tmp_path / "below").mkdir()
    places = [one / ".sops.yaml" for one in (tmp_path, tmp_path / "below", Path("/"), Path("/root"), Path("/dev"))]
    monkeypatch.chdir(tmp_path / "below")
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("SOPS_CONFIG", str(tmp_path / ".sops.yaml"))
    monkeypatch.setenv("SOPS_AGE_RECIPIENTS", stranger.public)

    with with_text(rule, *places):
        text = await Sops().encrypt(TEXT, recipients=(one.public,))

    assert CANARY.encode() not in text
    check_envelope(text, what="it", expected=frozenset({one.public}), allowed=frozenset({one.public}))


async def test_no_key_that_lies_about_opens_anything(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    one, other = await Sops().new_key(), await Sops().new_key()
    text = await Sops().encrypt(TEXT, recipients=(one.public,))
    (tmp_path / "age.key").write_text(other.text())
    places = [home / ".config/sops/age/keys.txt" for home in (tmp_path, Path("/root"))]
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / ".config"))
    monkeypatch.setenv("SOPS_AGE_KEY", one.secret)
    monkeypatch.setenv("SOPS_AGE_KEY_CMD", f"cat {tmp_path}/.config/sops/age/keys.txt")

    with with_text(one.text(), *places), pytest.raises(KeyMissingError):
        await Sops().decrypt(text, what="it", keys=tmp_path / "age.key")


async def test_nothing_secret_is_an_argument_a_variable_or_a_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    told = tmp_path / "told"
    keys = tmp_path / "age.key"
    for name in ("sops", "age-keygen", "systemd-creds"):
        real = shutil.which(name)
        program(tmp_path / "bin", name, TELLING.format(told=told, real=real), monkeypatch)
        monkeypatch.undo()
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    monkeypatch.chdir(tmp_path)
    before = files(tmp_path)

    key = await Sops().new_key()
    keys.write_text(key.text())
    text = await Sops().encrypt(TEXT, recipients=(key.public,))
    assert DOCUMENT == json.loads(await Sops().decrypt(text, what="it", keys=keys))
    sealed = await SystemdCreds().seal(NAME, CANARY.encode(), key=SealWith.HOST)
    assert CANARY.encode() == await SystemdCreds().unseal(NAME, sealed)

    said = told.read_text()
    assert 3 == len({line for line in said.splitlines() if line.startswith(str(tmp_path / "bin"))})
    assert CANARY not in said
    assert key.secret not in said
    assert {told, keys} == files(tmp_path) - before


async def test_a_machine_without_sops_is_told_where_it_is(tmp_path: Path) -> None:
    for ask in (
        Sops().version(),
        Sops().encrypt(TEXT, recipients=(f"age1{'q' * 58}",)),
        Sops().decrypt(b"{}", what="it", keys=tmp_path / "age.key"),
    ):
        with (
            without(Path("/usr/local/bin/sops")),
            pytest.raises(ProgramMissingError, match="cannot find the program sops") as caught,
        ):
            await ask
        assert "github.com/getsops/sops/releases" in caught.value.hint
        assert CANARY not in f"{caught.value}"


async def test_a_sops_that_is_too_old_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program(tmp_path / "bin", "sops", OLD, monkeypatch)

    for ask in (
        Sops().version(),
        Sops().encrypt(TEXT, recipients=(f"age1{'q' * 58}",)),
        Sops().decrypt(b"{}", what="it", keys=tmp_path / "age.key"),
    ):
        with pytest.raises(ProgramTooOldError, match=r"cannot use sops 3\.8\.1: 3\.9 or newer is needed") as caught:
            await ask
        assert "github.com/getsops/sops/releases" in caught.value.hint


@pytest.mark.parametrize("says", ["", "sops", "sops three", "another program 9.9.9"])
async def test_what_is_no_sops_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, says: str) -> None:
    program(tmp_path / "bin", "sops", f"#!/bin/sh\necho '{says}'\n", monkeypatch)

    with pytest.raises(SecretsError, match="cannot read the version of sops"):
        await Sops().version()


async def test_no_recipient_is_a_program_that_is_started(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """SOPS starts `age-plugin-<name>` for some; the model lets none of them through, and an error tells nothing of the document."""
    for recipient in ("age1evil1qqqq", "not-a-key", "ssh-rsa AAAA", ""):
        with pytest.raises(SecretsError, match="cannot encrypt with sops") as caught:
            await Sops().encrypt(TEXT, recipients=(recipient,))
        assert CANARY not in f"{caught.value}{caught.value.hint}"


async def test_what_is_no_document_is_not_encrypted_and_not_told() -> None:
    key = await Sops().new_key()

    for text in (b"", f'{{"KEY": "{CANARY}"'.encode(), f'["{CANARY}"]'.encode(), f'{{"sops": "{CANARY}"}}'.encode()):
        with pytest.raises(SecretsError) as caught:
            await Sops().encrypt(text, recipients=(key.public,))
        assert CANARY not in f"{caught.value}{caught.value.hint}"


@pytest.mark.parametrize("folder", ["plain", "50%-$X", "it's", 'say"hi"', "grüße"])
async def test_a_unit_gets_what_was_sealed_for_it(tmp_path: Path, folder: str) -> None:
    await SystemdCreds().prepare()
    path = tmp_path / folder / "env.cred"
    path.parent.mkdir(parents=True)
    path.write_bytes(await SystemdCreds().seal(NAME, f"KEY={CANARY}\n".encode(), key=SealWith.HOST))
    unit = Path("/run/systemd/system/pvdify-machine-sealed.service")
    loads = f"LoadCredentialEncrypted={NAME}:{unit_path(str(path))}"
    starts = f"ExecStart=/bin/sh -c 'cat %d/{NAME} >{tmp_path}/got'"

    with with_text(f"[Service]\nType=oneshot\n{loads}\n{starts}\n", unit):
        (await run("systemctl", "daemon-reload")).checked()
        (await run("systemctl", "start", unit.name)).checked()

    assert f"KEY={CANARY}\n" == (tmp_path / "got").read_text()


async def test_what_was_sealed_for_another_host_does_not_open() -> None:
    await SystemdCreds().prepare()
    sealed = await SystemdCreds().seal(NAME, CANARY.encode(), key=SealWith.HOST)

    with without(HOST_KEY):
        await SystemdCreds().prepare()
        with pytest.raises(NotSealedError, match=f"cannot use {NAME}: this host cannot open it") as caught:
            await SystemdCreds().unseal(NAME, sealed)

    assert "pvdify secrets:reseal" in caught.value.hint
    assert CANARY.encode() == await SystemdCreds().unseal(NAME, sealed)


@pytest.mark.parametrize("key", [SealWith.TPM2, SealWith.BOTH])
async def test_without_a_tpm_nothing_is_sealed_with_one(key: SealWith) -> None:
    with pytest.raises(SecretsError, match=f"cannot seal {NAME}") as caught:
        await SystemdCreds().seal(NAME, CANARY.encode(), key=key)

    assert "has-tpm2" in caught.value.hint
    assert CANARY not in f"{caught.value}{caught.value.hint}"


async def test_what_anybody_can_seal_is_not_taken() -> None:
    """Without a TPM systemd itself opens it."""
    done = await run("systemd-creds", "encrypt", "--with-key=null", f"--name={NAME}", "-", "-", stdin=CANARY.encode())

    with pytest.raises(NotSealedError, match="it is sealed without a key"):
        await SystemdCreds().unseal(NAME, done.checked().wrote)
