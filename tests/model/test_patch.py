"""What a patch declares."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pvdify.errors import SpecError
from pvdify.model.parse import from_value
from pvdify.model.patch import patched
from pvdify.model.requests import ChangeApp
from pvdify.model.slot import Healthcheck, Process, Resources, Slot, Volume

SLOT = Slot(
    name="blog",
    image="ghcr.io/org/blog:v1",
    processes={"web": Process(command="npm start", count=2, resources=Resources(memory="1G", cpu=0.5))},
    healthcheck=Healthcheck(path="/health", timeout="5s"),
    env={"LEVEL": "info", "ZONE": "UTC"},
    drain="5s",
)


def test_what_is_left_out_stays_as_it_is() -> None:
    assert SLOT == patched(SLOT, {})


def test_null_puts_the_default_back() -> None:
    new = patched(SLOT, {"image": None, "healthcheck": None, "drain": None, "env": None, "processes": None})

    assert Slot(name="blog") == new


def test_objects_are_merged_and_lists_replaced() -> None:
    volumes = [{"name": "data", "path": "/data"}]

    new = patched(
        SLOT,
        {
            "processes": {
                "web": {"command": ["serve"], "resources": {"cpu": None}, "volumes": volumes},
                "worker": {},
            },
            "healthcheck": {"path": None},
            "env": {"ZONE": None, "LANG": "C"},
        },
    )

    web = Process(
        command=("serve",), count=2, resources=Resources(memory="1G"), volumes=(Volume(name="data", path="/data"),)
    )
    assert {"web": web, "worker": Process()} == new.processes
    assert Healthcheck(timeout="5s") == new.healthcheck
    assert {"LEVEL": "info", "LANG": "C"} == new.env
    assert SLOT == msgspec.structs.replace(new, processes=SLOT.processes, healthcheck=SLOT.healthcheck, env=SLOT.env)


def test_an_object_that_is_new_has_no_nulls() -> None:
    assert Resources(memory="1G") == patched(SLOT, {"resources": {"memory": "1G", "cpu": None}}).resources


def test_a_slot_that_cannot_be_is_refused_with_its_place() -> None:
    with pytest.raises(SpecError) as caught:
        patched(SLOT, {"processes": {"web": {"count": 101}}})

    assert caught.value.pointer.startswith("/processes")


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({"processes": {"web": {"count": "2"}}}, "/processes"),
        ({"processes": {"web": {"cuont": 1}}}, "/processes"),
        ({"bind_port": 3001}, "/bind_port"),
        ({"env": {"A": 1}}, "/env"),
        ({"drain": "soon"}, "/drain"),
    ],
)
def test_a_patch_is_proven_before_it_meets_a_slot(body: dict[str, object], pointer: str) -> None:
    with pytest.raises(SpecError) as caught:
        from_value({"app": "blog", **body}, ChangeApp)

    assert caught.value.pointer.startswith(pointer)


WORDS = st.sampled_from(["a", "b", "c"])


def reference(target: object, patch: object) -> object:
    """The algorithm of RFC 7396, word for word."""
    if not isinstance(patch, dict):
        return patch
    result = dict(target) if isinstance(target, dict) else {}
    for name, value in patch.items():
        if value is None:
            result.pop(name, None)
        else:
            result[name] = reference(result.get(name), value)
    return result


@given(st.dictionaries(WORDS, st.sampled_from(["1", "2"])), st.dictionaries(WORDS, st.sampled_from(["3", None])))
def test_it_is_a_merge_patch(env: dict[str, str], patch: dict[str, str | None]) -> None:
    slot = Slot(name="blog", env={name.upper(): value for name, value in env.items()})
    change = {name.upper(): value for name, value in patch.items()}

    assert reference(slot.env, change) == patched(slot, {"env": change}).env
