from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from pvdify.model.manifest import AppRow, InstanceRow
from pvdify.plan.swap import needs_port, prepared, settled, stopped, swap, switched, with_ports
from tests.plan.worlds import instance, release, row

AT = "2026-01-02T00:00:00.000Z"


def after(before: AppRow, version: int, counts: dict[str, int], *, fresh: frozenset[str] = frozenset()) -> AppRow:
    """The row that a whole swap leads to, ports given out."""
    change = swap(before, release(version, *(counts or ("web",))), counts=counts, fresh=fresh)
    rows = with_ports(change.starting, tuple(range(25_000, 25_000 + len(change.starting))))
    new = prepared(before, rows)
    given_ports = type(change)(
        release=change.release, kept=change.kept, starting=rows, leaving=change.leaving, formation=change.formation
    )
    return switched(new, given_ports, at=AT)


def test_a_first_release_starts_what_the_counts_say() -> None:
    change = swap(row(), release(1, "web", "worker"), counts={"web": 2, "worker": 1})

    assert [("web", 1), ("web", 2), ("worker", 1)] == [(one.process, one.ordinal) for one in change.starting]
    assert () == change.kept
    assert () == change.leaving


def test_until_the_switch_nothing_that_is_live_changes() -> None:
    before = row(instance(1, is_live=True), live=1)
    change = swap(before, release(2), counts={"web": 1})

    new = prepared(before, with_ports(change.starting, (25_000,)))

    assert before.live_instances() == new.live_instances()
    assert before.live == new.live
    assert [25_000] == [one.port for one in new.instances if not one.is_live]


def test_the_switch_makes_the_old_release_warm_and_drops_what_was_warm_before() -> None:
    before = row(instance(1), instance(2, is_live=True), live=2, warm=1)

    new = after(before, 3, {"web": 1})

    assert (3, 2) == (new.live, new.warm)
    assert {2, 3} == {one.release for one in new.instances}
    assert [3] == [one.release for one in new.live_instances()]


def test_a_rollback_starts_the_warm_units_that_are_there() -> None:
    before = row(instance(1), instance(2, is_live=True), live=2, warm=1)

    change = swap(before, release(1), counts={"web": 1})

    assert (instance(1),) == change.starting
    assert not any(needs_port(one) for one in change.starting)


def test_a_rollback_keeps_todays_counts() -> None:
    before = row(instance(1), *(instance(2, n, is_live=True) for n in (1, 2, 3)), live=2, warm=1, formation={"web": 3})

    change = swap(before, release(1), counts=before.formation)

    assert [1, 2, 3] == [one.ordinal for one in change.starting]
    assert [False, True, True] == [needs_port(one) for one in change.starting]


def test_a_restart_uses_fresh_ordinals_and_the_next_one_comes_back_to_the_first() -> None:
    before = row(instance(1, is_live=True), live=1)

    once = settled(after(before, 1, {"web": 1}, fresh=frozenset({"web"})))
    twice = settled(after(once, 1, {"web": 1}, fresh=frozenset({"web"})))

    assert [2] == [one.ordinal for one in once.live_instances()]
    assert [1] == [one.ordinal for one in twice.live_instances()]


def test_scaling_down_keeps_the_units_of_those_that_leave_until_they_are_settled() -> None:
    before = row(*(instance(1, n, is_live=True) for n in (1, 2, 3)), live=1)

    new = after(before, 1, {"web": 1})

    assert 3 == len(new.instances)
    assert 1 == len(new.live_instances())
    assert 1 == len(settled(new).instances)


def test_a_stopped_app_wants_nothing_and_starts_again_from_its_units() -> None:
    before = row(instance(2, is_live=True), instance(1), live=2, warm=1)

    halted = stopped(before, at=AT)
    again = after(halted, 2, {"web": 1})

    assert () == halted.live_instances()
    assert halted == settled(halted)
    assert [2] == [one.release for one in again.live_instances()]
    assert not again.is_stopped


def test_an_abandoned_release_leaves_no_unit_behind() -> None:
    before = row(instance(1), instance(2, is_live=True), live=2, warm=1)
    change = swap(before, release(3), counts={"web": 1})

    new = prepared(before, with_ports(change.starting, (25_000,)))

    assert before == settled(new)


@given(
    steps=st.lists(
        st.tuples(st.integers(1, 4), st.integers(0, 4), st.booleans()),
        min_size=1,
        max_size=12,
    )
)
def test_any_row_of_swaps_ends_with_exactly_the_wanted_instances_and_no_unit_twice(
    steps: list[tuple[int, int, bool]],
) -> None:
    now = row()
    for version, count, is_restart in steps:
        fresh = frozenset({"web"}) if is_restart else frozenset[str]()
        now = settled(after(now, version, {"web": count}, fresh=fresh))

        live = now.live_instances()
        assert [version] * count == [one.release for one in live]
        keys = [(one.release, one.process, one.ordinal) for one in now.instances]
        assert len(set(keys)) == len(keys)
        assert {one.release for one in now.instances} <= {now.live, now.warm}
        assert now.live == version
        assert now.warm != version


def test_with_ports_gives_each_web_instance_one_and_no_other() -> None:
    rows = (InstanceRow(release=1, process="web", ordinal=1), InstanceRow(release=1, process="worker", ordinal=1))

    assert [25_000, 0] == [one.port for one in with_ports(rows, (25_000,))]
