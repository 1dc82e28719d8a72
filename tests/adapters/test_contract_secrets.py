"""What every `Secrets` promises."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from pvdify.errors import ConfigTamperedError, KeyMissingError
from pvdify.model.envelope import check_envelope
from pvdify.model.vault import is_recipient, keys_of

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from pvdify.model.vault import AgeKey
    from tests.adapters.worlds import SecretsWorld

CANARY = "canary-51c9"
WHAT = "c7 of blog"
DOCUMENT: dict[str, Any] = {
    "app": "blog",
    "version": 7,
    "salt": "salt",
    "vars": {
        "DATABASE_URL": f"postgres://blog:{CANARY}@db/blog?x=<&>",
        "OTHER": f"{CANARY} too",
        "EMPTY": "",
        "KEY_unencrypted": CANARY,
        "sops": CANARY,
        "AWKWARD": " \"'\\ 100% $X #\t\x01\x7f\u2028 ü ☃ 🚀 ",
        "NUMBER": "007",
        "TRUE": "true",
        "LIKE_A_CIPHER": "ENC[AES256_GCM,data:x,iv:x,tag:x,type:str]",
    },
    "files": {"tls.key": "LS0t", "empty_unencrypted": ""},
}
TEXT = json.dumps(DOCUMENT).encode()


def kept(directory: Path, *keys: AgeKey) -> Path:
    path = directory / "age.key"
    path.write_text("".join(key.text() for key in keys))
    return path


async def read(secrets: SecretsWorld, text: bytes, keys: Path) -> object:
    return json.loads(await secrets.port.decrypt(text, what=WHAT, keys=keys))


async def test_a_key_is_never_the_same_and_is_kept_as_text(secrets: SecretsWorld) -> None:
    one, two = await secrets.port.new_key(), await secrets.port.new_key()

    assert one != two
    assert is_recipient(one.public)
    assert (one, two) == keys_of(one.text() + two.text())


async def test_its_version_is_told(secrets: SecretsWorld) -> None:
    assert (3, 9) <= tuple(int(part) for part in (await secrets.port.version()).split("."))


async def test_what_is_encrypted_is_read_back_to_the_letter(secrets: SecretsWorld, tmp_path: Path) -> None:
    key = await secrets.port.new_key()

    text = await secrets.port.encrypt(TEXT, recipients=(key.public,))

    assert DOCUMENT == await read(secrets, text, kept(tmp_path, key))


async def test_every_value_of_every_name_is_hidden_and_the_names_are_not(secrets: SecretsWorld) -> None:
    key = await secrets.port.new_key()

    text = await secrets.port.encrypt(TEXT, recipients=(key.public,))

    document = json.loads(text)
    assert CANARY.encode() not in text
    assert DOCUMENT["vars"].keys() == document["vars"].keys()
    assert DOCUMENT["files"].keys() == document["files"].keys()
    check_envelope(text, what=WHAT, expected=frozenset({key.public}), allowed=frozenset({key.public}))


async def test_each_recipient_reads_it_alone_and_nobody_else_does(secrets: SecretsWorld, tmp_path: Path) -> None:
    one, two, other = [await secrets.port.new_key() for _ in range(3)]

    text = await secrets.port.encrypt(TEXT, recipients=(one.public, two.public))

    assert DOCUMENT == await read(secrets, text, kept(tmp_path, one))
    assert DOCUMENT == await read(secrets, text, kept(tmp_path, two))
    assert DOCUMENT == await read(secrets, text, kept(tmp_path, other, two))
    with pytest.raises(KeyMissingError, match=f"cannot read {WHAT}: no age key in .* opens it"):
        await read(secrets, text, kept(tmp_path, other))
    check_envelope(
        text, what=WHAT, expected=frozenset({one.public, two.public}), allowed=frozenset({one.public, two.public})
    )


@pytest.mark.parametrize("text", [None, "", "# public key: age1\n", "AGE-SECRET-KEY-1\n", "\0"])
async def test_without_a_key_nothing_is_read(secrets: SecretsWorld, tmp_path: Path, text: str | None) -> None:
    encrypted = await secrets.port.encrypt(TEXT, recipients=((await secrets.port.new_key()).public,))
    if text is not None:
        (tmp_path / "age.key").write_text(text)

    with pytest.raises(KeyMissingError) as caught:
        await read(secrets, encrypted, tmp_path / "age.key")

    assert CANARY not in f"{caught.value}{caught.value.hint}"


def swap(document: Any) -> None:
    names = document["vars"]
    names["DATABASE_URL"], names["OTHER"] = names["OTHER"], names["DATABASE_URL"]


def rename(document: Any) -> None:
    document["vars"]["MINE"] = document["vars"].pop("DATABASE_URL")


def move(document: Any) -> None:
    document["files"]["DATABASE_URL"] = document["vars"].pop("DATABASE_URL")


def spoil(document: Any) -> None:
    value = document["vars"]["DATABASE_URL"]
    at = len("ENC[AES256_GCM,data:") + 1
    document["vars"]["DATABASE_URL"] = value[:at] + ("B" if value[at] == "A" else "A") + value[at + 1 :]


TAMPERING: tuple[Callable[[Any], object], ...] = (
    swap,
    rename,
    move,
    spoil,
    lambda document: document["vars"].pop("DATABASE_URL"),
    lambda document: document["vars"].update(DATABASE_URL=""),
    lambda document: document["vars"].update(DATABASE_URL="ENC[AES256_GCM,data:,iv:,tag:,type:str]"),
    lambda document: document["vars"].update(DATABASE_URL="ENC[AES256_GCM,data:"),
    lambda document: document.update(vars={}),
    lambda document: document["sops"].update(mac=document["vars"]["OTHER"]),
    lambda document: document["sops"].update(mac=""),
    lambda document: document["sops"].update(lastmodified="2020-01-01T00:00:00Z"),
)


@pytest.mark.parametrize("tamper", TAMPERING)
async def test_whatever_somebody_changed_is_told(
    secrets: SecretsWorld, tmp_path: Path, tamper: Callable[[Any], object]
) -> None:
    key = await secrets.port.new_key()
    document = json.loads(await secrets.port.encrypt(TEXT, recipients=(key.public,)))
    tamper(document)

    with pytest.raises(ConfigTamperedError, match=f"cannot use {WHAT}") as caught:
        await read(secrets, json.dumps(document).encode(), kept(tmp_path, key))

    assert CANARY not in f"{caught.value}{caught.value.hint}"


async def test_a_name_without_a_value_is_not_proven(secrets: SecretsWorld, tmp_path: Path) -> None:
    """So it is the SHA-256 of all of a config that proves it; were this to change, nothing would be the worse for it."""
    key = await secrets.port.new_key()
    document = json.loads(await secrets.port.encrypt(TEXT, recipients=(key.public,)))
    del document["vars"]["EMPTY"]
    document["vars"]["MORE"] = ""

    found: Any = await read(secrets, json.dumps(document).encode(), kept(tmp_path, key))

    assert {"MORE"} == found["vars"].keys() - DOCUMENT["vars"].keys()


@pytest.mark.parametrize("part", [0, 0.1, 0.5, 0.9, 0.99])
async def test_half_a_file_is_none(secrets: SecretsWorld, tmp_path: Path, part: float) -> None:
    key = await secrets.port.new_key()
    text = await secrets.port.encrypt(TEXT, recipients=(key.public,))

    with pytest.raises(ConfigTamperedError, match=f"cannot use {WHAT}"):
        await read(secrets, text[: int(len(text) * part)], kept(tmp_path, key))


async def test_what_two_files_hold_is_not_mixed(secrets: SecretsWorld, tmp_path: Path) -> None:
    key = await secrets.port.new_key()
    one, two = [json.loads(await secrets.port.encrypt(TEXT, recipients=(key.public,))) for _ in range(2)]
    other = json.loads(await secrets.port.encrypt(TEXT.replace(b"too", b"six"), recipients=(key.public,)))

    with pytest.raises(ConfigTamperedError):
        await read(
            secrets,
            json.dumps(one | {"vars": one["vars"] | {"OTHER": other["vars"]["OTHER"]}}).encode(),
            kept(tmp_path, key),
        )
    assert DOCUMENT == await read(secrets, json.dumps(two).encode(), kept(tmp_path, key))


async def test_a_large_document_is_read_back(secrets: SecretsWorld, tmp_path: Path) -> None:
    key = await secrets.port.new_key()
    large = DOCUMENT | {
        "vars": {f"X{number}": "\x01<ü" * 400 for number in range(500)},
        "files": {"one": "A" * 500_000},
    }

    text = await secrets.port.encrypt(json.dumps(large).encode(), recipients=(key.public,))

    check_envelope(text, what=WHAT, expected=frozenset(), allowed=frozenset({key.public}))
    assert large == await read(secrets, text, kept(tmp_path, key))
