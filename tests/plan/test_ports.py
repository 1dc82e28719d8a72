from __future__ import annotations

import pytest

from pvdify.errors import PortsUsedUpError, RefusedError
from pvdify.model.manifest import FRONT_FIRST, FRONT_LAST, INSTANCE_FIRST, INSTANCE_LAST, Retained
from pvdify.plan.keep import generations_kept
from pvdify.plan.ports import front_candidates, id_block, instance_candidates
from tests.plan.worlds import instance, manifest, row


def test_a_front_is_the_lowest_that_no_app_has_and_never_pvdifys_own() -> None:
    free = front_candidates(manifest(row()), wanted=None)

    assert FRONT_FIRST + 1 == free[0]
    assert 9443 not in free


def test_a_front_of_another_app_is_refused_by_name() -> None:
    with pytest.raises(RefusedError, match="another app has it"):
        front_candidates(manifest(row()), wanted=3000)


def test_when_every_front_is_taken_it_says_so() -> None:
    rows = [row(name=f"a{port}", front=port) for port in range(FRONT_FIRST, FRONT_LAST + 1)]

    with pytest.raises(PortsUsedUpError):
        front_candidates(manifest(*rows), wanted=None)


def test_instance_ports_go_round_once_without_those_in_use() -> None:
    used = instance(1, is_live=True)
    found = instance_candidates(manifest(row(used)), start=INSTANCE_LAST)

    assert INSTANCE_LAST == found[0]
    assert INSTANCE_FIRST == found[1]
    assert used.port not in found
    assert len(set(found)) == len(found) == INSTANCE_LAST - INSTANCE_FIRST


def test_id_blocks_never_overlap_and_kept_volumes_keep_theirs() -> None:
    kept = Retained(app="old", ids=2_200_000_000 + 65_536)
    world = manifest(row(), retained=(kept,))

    assert 2_200_000_000 + 2 * 65_536 == id_block(world, "new")
    assert kept.ids == id_block(world, "old")


def test_the_generation_in_force_the_loaded_one_and_sources_of_running_units_are_kept() -> None:
    kept = generations_kept(range(1, 101), current=40, loaded=30, sources={20})

    assert {20, 30, 40, *range(91, 101)} == kept
