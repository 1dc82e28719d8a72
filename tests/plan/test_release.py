from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from pvdify.model.release import Release, same_release
from pvdify.model.slot import Healthcheck, Process, Resources, Slot, Volume
from pvdify.plan.release import release_of
from tests.plan.worlds import DIGEST, IMAGE

if TYPE_CHECKING:
    from pvdify.model.image import Image


def made(slot: Slot, image: Image = IMAGE, version: int = 1) -> Release:
    return release_of(slot, image, pinned=f"docker.io/org/blog@{DIGEST}", source="org/blog:v1", version=version)


def image(**more: object) -> Image:
    return msgspec.structs.replace(IMAGE, **more)


def test_the_port_is_the_slots_then_the_labels_then_the_lowest_exposed_one_then_8080() -> None:
    labelled = image(ports=(9000, 5000), labels={"pvdify.port": "7000"})

    assert 4000 == made(Slot(name="blog", port=4000), labelled).port
    assert 7000 == made(Slot(name="blog"), labelled).port
    assert 5000 == made(Slot(name="blog"), image(ports=(9000, 5000))).port
    assert 8080 == made(Slot(name="blog"), image(ports=())).port


def test_the_health_path_is_read_from_the_images_own_healthcheck() -> None:
    asks = image(health_test=("CMD-SHELL", "curl -f http://localhost:3000/up || exit 1"))

    assert "/up" == made(Slot(name="blog"), asks).healthcheck.path
    assert "/mine" == made(Slot(name="blog", healthcheck=Healthcheck(path="/mine")), asks).healthcheck.path
    assert made(Slot(name="blog"), image(health_test=("CMD", "/app", "check"))).healthcheck.path is None


def test_limits_of_a_process_come_before_those_of_the_slot() -> None:
    slot = Slot(
        name="blog",
        resources=Resources(memory="512M", cpu=1.0),
        processes={"web": Process(), "worker": Process(resources=Resources(memory="1G"))},
    )

    processes = made(slot).processes

    assert Resources(memory="512M", cpu=1.0) == processes["web"].resources
    assert Resources(memory="1G", cpu=1.0) == processes["worker"].resources


def test_a_process_with_a_writable_volume_does_not_overlap_unless_told() -> None:
    writable, readable = (Volume(name="data", path="/data", read_only=flag) for flag in (False, True))
    slot = Slot(
        name="blog",
        processes={
            "web": Process(volumes=(writable,)),
            "reader": Process(volumes=(readable,)),
            "told": Process(volumes=(writable,), overlap=True),
        },
    )

    assert {"web": False, "reader": True, "told": True} == {
        name: process.overlap for name, process in made(slot).processes.items()
    }


def test_version_and_history_do_not_make_another_release_but_any_setting_does() -> None:
    slot = Slot(name="blog", env={"A": "1"})

    assert same_release(made(slot, version=1), made(slot, version=2))
    assert not same_release(made(slot), made(Slot(name="blog", env={"A": "2"})))
    assert not same_release(made(slot), made(Slot(name="blog", env={"A": "1"}, drain="5s")))
