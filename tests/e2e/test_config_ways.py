"""Config as an operator types it, in process, over the host's socket and over HTTPS; what a token may; and what is written down of it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from tests.e2e.configs import noise, read, told
from tests.e2e.installed import installed
from tests.e2e.kill import row
from tests.e2e.operator import REGISTRY, Operator, Way

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Iterator

    from tests.e2e.bed import layers

FORBIDDEN = 77
VALUE = 'unguessable "in" $quotes; é☃ '
FILE = noise(2, 70_000)


@pytest.fixture(scope="module", params=list(Way))
def operator(request: pytest.FixtureRequest, bed_base: layers.Base) -> Iterator[Operator]:
    """Someone with `blog` at v1 and no config, who types on the host or elsewhere."""
    with installed() as bed:
        operator = Operator(bed.boot()).by(request.param)
        for release in ("v1", "v2"):
            operator.push(release)
        operator.create("blog")
        operator.pvdify("deploy", "blog", "--image", f"{REGISTRY}/sample:v1")
        bed.path("/root/tls.pem").write_bytes(FILE)
        yield operator


def said(done: subprocess.CompletedProcess[str]) -> str:
    return done.stdout + done.stderr


def test_set_from_words_standard_input_and_files_it_is_in_the_process(operator: Operator) -> None:
    words = ("config:set", "blog", "LEVEL=debug", "SECRET=-", "--file-secret", "tls.pem=/root/tls.pem", "--json")

    done = operator.pvdify(*words, says=VALUE)

    answer = json.loads(done.stdout)
    assert (1, operator.live("blog")) == (answer["config"], answer["release"])
    assert {"LEVEL": "debug", "SECRET": VALUE}.items() <= told(operator, "blog").items()
    assert FILE == read(operator, "blog", "tls.pem")
    assert VALUE not in said(done)


def test_names_are_shown_and_what_they_hold_only_to_whoever_asks_for_it(operator: Operator) -> None:
    names, plain = operator.answer("config", "blog"), operator.pvdify("config", "blog").stdout
    revealed = operator.answer("config", "blog", "--reveal")
    operator.bed.run("bash", "-c", "pvdify config:get blog secrets/tls.pem >/root/got", env=operator.environment)

    assert {"LEVEL": None, "SECRET": None} == names["vars"]
    assert {"tls.pem": None} == names["files"]
    assert "SECRET" in plain
    assert "unguessable" not in plain
    assert {"LEVEL": "debug", "SECRET": VALUE} == revealed["vars"]
    assert VALUE == operator.pvdify("config:get", "blog", "SECRET").stdout
    assert FILE == operator.bed.path("/root/got").read_bytes()


def test_what_is_set_already_changes_nothing(operator: Operator) -> None:
    before = row(operator.bed, "blog")

    done = operator.answer("config:set", "blog", "LEVEL=debug", "--file-secret", "tls.pem=/root/tls.pem")

    assert ("unchanged", 1) == (done["outcome"], done["config"])
    assert before == row(operator.bed, "blog")


def test_without_a_deploy_the_next_release_gets_it(operator: Operator) -> None:
    live = operator.live("blog")
    done = operator.answer("config:set", "blog", "LEVEL=info", "--no-deploy")

    assert live == operator.live("blog")
    assert "debug" == told(operator, "blog")["LEVEL"]
    shown = operator.answer("config", "blog")
    assert (2, 1) == (shown["version"], shown["live_version"])
    operator.pvdify("deploy", "blog", "--image", f"{REGISTRY}/sample:v2")
    assert 2 == done["config"]
    assert "info" == told(operator, "blog")["LEVEL"]


def test_a_rollback_brings_the_config_back_and_tells_what_is_other_by_name(operator: Operator) -> None:
    operator.pvdify("config:set", "blog", "SECRET=another", "EXTRA=1")

    back = operator.pvdify("rollback", "blog")

    assert {"LEVEL": "info", "SECRET": VALUE}.items() <= told(operator, "blog").items()
    assert "EXTRA" not in told(operator, "blog")
    assert "removed EXTRA" in said(back)
    assert "changed SECRET" in said(back)
    assert "another" not in said(back)
    assert "unguessable" not in said(back)
    assert 2 == operator.answer("config", "blog")["version"]


def test_a_rollback_that_keeps_the_config_is_a_new_release_with_it(operator: Operator) -> None:
    first = min(one["version"] for one in operator.answer("releases", "blog")["releases"] if one["config_version"] == 1)
    known = operator.live("blog")

    done = operator.answer("rollback", "blog", f"v{first}", "--keep-config")

    assert done["release"] > (known or 0)
    assert 2 == done["config"]
    assert "info" == told(operator, "blog")["LEVEL"]
    assert "release=v1" in operator.curl(row(operator.bed, "blog").front)


def test_versions_are_listed_and_compared_by_name(operator: Operator) -> None:
    listed = operator.answer("config:versions", "blog")
    found = operator.answer("config:diff", "blog", "c2", "c3")

    assert [3, 2, 1] == [one["version"] for one in listed["versions"]]
    assert (["EXTRA"], [], ["SECRET"]) == (found["added"], found["removed"], found["changed"])
    assert "unguessable" not in json.dumps([listed, found])


def test_what_is_unset_is_gone_and_a_typo_is_refused(operator: Operator) -> None:
    typo = operator.pvdify("config:unset", "blog", "LEVEll", check=False)

    operator.pvdify("config:unset", "blog", "LEVEL", "secrets/tls.pem")

    assert 0 != typo.returncode
    assert "LEVEll" in said(typo)
    assert "LEVEL" not in told(operator, "blog")
    assert b"cannot read" in read(operator, "blog", "tls.pem")


def test_a_file_of_variables_goes_out_and_in_again(operator: Operator) -> None:
    before = operator.answer("config", "blog", "--reveal")["vars"]
    exported = operator.pvdify("config:export", "blog").stdout

    operator.pvdify("config:set", "blog", "SECRET=gone")
    operator.pvdify("config:import", "blog", "-", "--replace", says=exported)

    assert before == operator.answer("config", "blog", "--reveal")["vars"]
    assert VALUE == told(operator, "blog")["SECRET"]


def test_what_a_token_may(operator: Operator) -> None:
    reader, setter, deployer = (
        Operator(operator.bed, {"PVDIFY_HOST": operator.login(one)}) for one in ("read", "config", "deploy")
    )

    assert "SECRET" in reader.answer("config", "blog")["vars"]
    for asking in (reader, deployer):
        refused = asking.pvdify("config", "blog", "--reveal", check=False)
        assert FORBIDDEN == refused.returncode
        assert "unguessable" not in said(refused)
        assert FORBIDDEN == asking.pvdify("config:set", "blog", "LEVEL=mine", check=False).returncode
    assert VALUE == setter.answer("config", "blog", "--reveal")["vars"]["SECRET"]
    setter.pvdify("config:set", "blog", "LEVEL=theirs")
    assert "theirs" == told(operator, "blog")["LEVEL"]


def test_the_audit_has_who_set_and_who_looked_and_no_value(operator: Operator) -> None:
    operator.pvdify("config:set", "blog", "SECRET=another-unguessable", "AUDITED=1")
    operator.pvdify("config", "blog", "--reveal")
    operator.pvdify("config", "blog")

    entries = operator.answer("audit", "blog")["entries"]

    looked = [one for one in entries if one["action"] == "config.show"]
    was_set = next(one for one in entries if one["action"] == "config.set" and one["outcome"] == "done")
    assert all(one["detail"].get("reveal") for one in looked)
    assert "config.show" == entries[0]["action"]
    assert {"AUDITED", "SECRET"} == set(was_set["detail"]["vars"].replace(",", " ").split())
    assert "unguessable" not in operator.bed.path("/var/lib/pvdify/audit.jsonl").read_text()
