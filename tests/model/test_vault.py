"""Age keys as `age-keygen` writes them, and whom pvdify encrypts for."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pvdify.errors import SpecError
from pvdify.model.parse import from_toml, from_value
from pvdify.model.requests import ForRecipient
from pvdify.model.vault import AgeKey, SealWith, VaultSettings, is_recipient, keys_of

LETTERS = "023456789acdefghjklmnpqrstuvwxyz"
BODIES = st.text(LETTERS, min_size=58, max_size=58)
NO_RECIPIENTS = (
    "",
    "age1",
    "age1" + "q" * 57,
    "age1" + "q" * 59,
    "age1" + "b" * 58,
    "AGE1" + "Q" * 58,
    "age1" + "q" * 58 + "\n",
    " age1" + "q" * 58,
    "age1yubikey1" + "q" * 50,
    "age1tag1" + "q" * 54,
    "age1pq1" + "q" * 1952,
    "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAI",
    "AGE-SECRET-KEY-1" + "Q" * 58,
    "https://example.com/keys",
    "--help",
)


def key_of(body: str) -> AgeKey:
    return AgeKey(public=f"age1{body}", secret=f"AGE-SECRET-KEY-1{body.upper()}")


ONE, TWO = key_of("q" * 58), key_of("p" * 58)


@given(st.lists(BODIES.map(key_of), max_size=3))
def test_keys_are_read_back_as_they_are_written_and_in_their_order(keys: list[AgeKey]) -> None:
    assert tuple(keys) == keys_of("# whatever\n" + "".join(key.text() for key in keys))


def test_a_key_is_read_as_age_keygen_writes_it() -> None:
    text = f"# created: 2026-11-25T20:46:53Z\n# public key: {ONE.public}\n{ONE.secret}\n"

    assert (ONE,) == keys_of(text)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "# public key: \n",
        f"# public key: {ONE.public}\n",
        f"{ONE.secret}\n",
        f"{ONE.secret}\n# public key: {ONE.public}\n",
        f"# public key: {ONE.public}\n {ONE.secret}\n",
        f"# public key: {ONE.public}\n{ONE.secret.lower()}\n",
        f"# public key: {ONE.public}\n{ONE.secret}x\n",
        f"# public key: {ONE.public}x\n{ONE.secret}\n",
        f"# public key: {ONE.public}\nAGE-PLUGIN-YUBIKEY-1QQQQ\n",
        "-----BEGIN OPENSSH PRIVATE KEY-----\n",
    ],
)
def test_half_a_key_is_none(text: str) -> None:
    assert () == keys_of(text)


def test_a_key_without_its_public_part_does_not_get_that_of_another() -> None:
    assert (ONE,) == keys_of(f"{TWO.secret}\n{ONE.text()}")
    assert (ONE,) == keys_of(f"{ONE.text()}{TWO.secret}\n")


def test_a_key_is_shown_without_what_it_opens() -> None:
    assert ONE.secret not in f"{ONE}{ONE!r}{(ONE,)}"
    assert ONE.public in repr(ONE)


@given(BODIES)
def test_a_recipient_is_known_by_its_letters(body: str) -> None:
    assert is_recipient(f"age1{body}")
    assert f"age1{body}" == from_value({"recipient": f"age1{body}"}, ForRecipient).recipient


@pytest.mark.parametrize("text", NO_RECIPIENTS)
def test_nobody_else_is_encrypted_for(text: str) -> None:
    assert not is_recipient(text)
    with pytest.raises(SpecError, match="expected an age recipient of the kind X25519"):
        from_value({"recipient": text}, ForRecipient)


@pytest.mark.parametrize("field", ["recipients", "leaving"])
def test_nobody_else_may_stand_in_the_settings(field: str) -> None:
    with pytest.raises(SpecError, match="line 1"):
        from_toml(f'{field} = ["age1yubikey1{"q" * 50}"]\n'.encode(), VaultSettings, what="settings.toml")


def test_settings_are_those_of_a_host_that_nobody_set_up() -> None:
    assert VaultSettings(seal=SealWith.HOST) == from_toml(b"", VaultSettings, what="settings.toml")


@pytest.mark.parametrize("text", ['seal = "auto"', 'seal = "null"', "seal = 1", 'more = "x"', 'recipients = "age1"'])
def test_settings_that_mean_nothing_are_refused(text: str) -> None:
    with pytest.raises(SpecError, match=r"cannot read settings\.toml, line 1"):
        from_toml(text.encode(), VaultSettings, what="settings.toml")


@pytest.mark.parametrize("text", ["host", "tpm2", "host+tpm2"])
def test_a_way_to_seal_is_called_as_systemd_calls_it(text: str) -> None:
    assert text == from_toml(f'seal = "{text}"'.encode(), VaultSettings, what="settings.toml").seal.value
