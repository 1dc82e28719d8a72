import base64
import json
import os

import pytest

from pvdify.errors import StateError
from pvdify.store.state import State
from tests.store.example import leftovers


def test_the_file_is_there_when_somebody_asks_for_it_and_only_root_may_read_it(empty: State) -> None:
    previous = os.umask(0)
    try:
        path = empty.auth_file()
    finally:
        os.umask(previous)

    assert {"auths": {}} == json.loads(path.read_text())
    assert 0o600 == path.stat().st_mode & 0o777
    assert 0o700 == path.parent.stat().st_mode & 0o777


def test_a_login_is_kept_as_podman_reads_it(state: State) -> None:
    state.keep_login("ghcr.io", "me", "pass:wörd")

    auth = json.loads(state.auth_file().read_text())["auths"]["ghcr.io"]["auth"]
    assert base64.b64decode(auth).decode() == "me:pass:wörd"
    assert 0o600 == state.auth_file().stat().st_mode & 0o777


def test_a_login_replaces_the_earlier_one_of_its_registry(state: State) -> None:
    for registry, password in (("quay.io", "1"), ("ghcr.io", "1"), ("ghcr.io", "2")):
        state.keep_login(registry, "me", password)

    assert ("ghcr.io", "quay.io") == state.logins()
    assert b"me:2" == base64.b64decode(json.loads(state.auth_file().read_text())["auths"]["ghcr.io"]["auth"])


def test_one_login_is_forgotten_and_the_others_stay_as_podman_wrote_them(state: State) -> None:
    theirs = {"auths": {"quay.io": {"auth": "eDp5", "identitytoken": "t"}, "ghcr.io": {"auth": "eDp5"}}}
    state.auth_file().write_text(json.dumps(theirs))

    assert (True, False) == (state.forget_login("ghcr.io"), state.forget_login("ghcr.io"))
    assert {"auths": {"quay.io": theirs["auths"]["quay.io"]}} == json.loads(state.auth_file().read_text())
    assert [] == leftovers(state)


def test_no_logins_where_there_is_no_file(empty: State) -> None:
    assert () == empty.logins()
    assert not empty.forget_login("ghcr.io")


def test_a_file_that_cannot_be_read_is_told_without_its_secrets(state: State) -> None:
    state.auth_file().write_text('{"auths": {"ghcr.io": {"auth": "c2VjcmV0"')

    with pytest.raises(StateError) as caught:
        state.logins()

    assert str(state.auth_file()) in caught.value.message
    assert "c2VjcmV0" not in caught.value.message + caught.value.hint
