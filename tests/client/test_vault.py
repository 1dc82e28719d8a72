"""The keyring, through the package itself with a backend in memory."""

from __future__ import annotations

from typing import TYPE_CHECKING

import keyring
import pytest
from keyring.backend import KeyringBackend
from keyring.backends import fail, null

from pvdify.client.vault import SERVICE, Keyring
from pvdify.errors import HostError

if TYPE_CHECKING:
    from collections.abc import Iterator


class Memory(KeyringBackend):
    """Keeps everything until it *is_locked*."""

    priority = 5

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]  # keyring has types, but not there
        self.kept: dict[tuple[str, str], str] = {}
        self.is_locked = False

    def set_password(self, service: str, username: str, password: str) -> None:
        self._unlocked()
        self.kept[service, username] = password

    def get_password(self, service: str, username: str) -> str | None:
        self._unlocked()
        return self.kept.get((service, username))

    def delete_password(self, service: str, username: str) -> None:
        self._unlocked()
        del self.kept[service, username]

    def _unlocked(self) -> None:
        if self.is_locked:
            raise RuntimeError("the collection is locked")


@pytest.fixture
def memory() -> Iterator[Memory]:
    before = keyring.get_keyring()
    memory = Memory()
    keyring.set_keyring(memory)
    yield memory
    keyring.set_keyring(before)


def test_a_token_is_kept_read_and_forgotten(memory: Memory) -> None:
    vault = Keyring()

    assert vault.keep("paas", "pvd_x")
    assert {(SERVICE, "paas"): "pvd_x"} == memory.kept
    assert "pvd_x" == vault.token("paas")
    vault.forget("paas")
    assert {} == memory.kept


def test_a_token_that_is_gone_or_locked_away_is_told(memory: Memory) -> None:
    vault = Keyring()

    with pytest.raises(HostError, match="it is not there any more"):
        vault.token("paas")
    memory.is_locked = True
    with pytest.raises(HostError, match="the collection is locked") as caught:
        vault.token("paas")

    assert "pvdify login" in caught.value.hint


def test_a_locked_keyring_keeps_nothing_and_forgets_quietly(memory: Memory) -> None:
    vault = Keyring()
    memory.is_locked = True

    assert not vault.keep("paas", "pvd_x")
    vault.forget("paas")


@pytest.mark.parametrize("backend", [fail.Keyring, null.Keyring])
def test_a_keyring_that_keeps_nothing_is_none(backend: type[KeyringBackend], memory: Memory) -> None:
    keyring.set_keyring(backend())

    assert not Keyring().keep("paas", "pvd_x")
