"""Locks between real processes: they go with whoever held them, however that one ended."""

import os
import select
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from pvdify.errors import AppBusyError, SpecError
from pvdify.model.slot import Slot
from pvdify.store.paths import Settings
from pvdify.store.state import State

HOLDER = """
import sys
from pathlib import Path
from pvdify.store.paths import Settings
from pvdify.store.state import State

state = State(Settings(state=Path(sys.argv[1]), run=Path(sys.argv[2])))
lock = {take}
print("held", flush=True)
sys.stdin.read()
"""


@contextmanager
def holder(settings: Settings, take: str) -> Iterator[subprocess.Popen[str]]:
    """A process that holds what *take* takes until its standard input ends."""
    with subprocess.Popen(
        [sys.executable, "-c", HOLDER.format(take=take), str(settings.state), str(settings.run)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
        try:
            yield process
        finally:
            process.kill()


def take_blog(state: State) -> None:
    state.app_lock("blog", "me").release()


def test_a_busy_app_is_refused_at_once_and_its_holder_named(state: State) -> None:
    state.write_slot(Slot(name="blog"))
    with holder(state.settings, 'state.app_lock("blog", "deploy 12ab by root (pid 7)")'):
        with pytest.raises(AppBusyError, match=r"deploy 12ab by root \(pid 7\) is running"):
            take_blog(state)

        assert state.is_locked("blog")


@pytest.mark.parametrize("end", [signal.SIGKILL, signal.SIGTERM])
def test_whoever_dies_lets_go(state: State, end: signal.Signals) -> None:
    state.write_slot(Slot(name="blog"))
    with holder(state.settings, 'state.app_lock("blog", "x")') as process:
        process.send_signal(end)
        process.wait()

        assert not state.is_locked("blog")
        take_blog(state)


def test_a_lock_that_was_left_behind_with_a_text_names_nobody(state: State) -> None:
    state.write_slot(Slot(name="blog"))
    state.settings.app_lock("blog").write_text("deploy of yesterday")

    with state.app_lock("blog", "deploy of today"):
        assert state.settings.app_lock("blog").read_text() == "deploy of today"

    assert not state.settings.app_lock("blog").read_text()


def test_programs_that_a_holder_starts_do_not_inherit_its_lock(state: State) -> None:
    state.write_slot(Slot(name="blog"))
    lock = state.app_lock("blog", "x")
    reader, writer = os.pipe()
    with subprocess.Popen(["cat"], stdin=reader, close_fds=False) as program:
        lock.release()

        assert not state.is_locked("blog")
        os.close(reader)
        os.close(writer)
        program.wait()


def test_apps_are_locked_one_by_one(state: State) -> None:
    with state.app_lock("blog", "x"), state.app_lock("shop", "x"):
        assert (True, True, False) == tuple(state.is_locked(app) for app in ("blog", "shop", "wiki"))


@pytest.mark.parametrize("app", ["", "../x", "Blog", "blog\n"])
def test_only_apps_are_locked(state: State, app: str) -> None:
    with pytest.raises(SpecError):
        state.app_lock(app, "x")


def test_locking_an_app_that_is_not_there_leaves_nothing_behind(state: State) -> None:
    with state.app_lock("nobody", "typo"):
        assert state.is_locked("nobody")

    assert [] == [*state.settings.apps.iterdir()]


def test_releasing_twice_is_fine_and_takes_nothing_from_the_next_holder(state: State) -> None:
    first = state.app_lock("blog", "one")
    first.release()

    with state.app_lock("blog", "two"):
        first.release()
        assert state.is_locked("blog")


def test_a_lock_on_a_file_that_was_removed_meanwhile_keeps_nobody_out_and_is_not_believed(state: State) -> None:
    state.write_slot(Slot(name="blog"))
    with holder(state.settings, 'state.app_lock("blog", "destroy")'):
        state.remove_app("blog")

        with state.app_lock("blog", "create"):
            assert state.is_locked("blog")


@pytest.mark.parametrize("name", ["host", "reload", "router", "images"])
def test_each_host_wide_lock_has_one_holder(state: State, name: str) -> None:
    take = {
        "host": state.try_host_lock,
        "reload": state.try_reload_lock,
        "router": state.try_router_lock,
        "images": state.try_images_lock,
    }[name]
    with holder(state.settings, f"state.try_{name}_lock()") as process:
        assert take() is None
        process.kill()
        process.wait()

        lock = take()
        assert lock is not None
        lock.release()


def test_images_are_shared_by_those_who_need_them_and_removed_by_nobody_meanwhile(state: State) -> None:
    with holder(state.settings, "state.try_share_images()") as process:
        share = state.try_share_images()
        assert share is not None
        assert state.try_images_lock() is None
        share.release()
        assert state.try_images_lock() is None
        process.kill()
        process.wait()

        lock = state.try_images_lock()
        assert lock is not None
        assert state.try_share_images() is None
        lock.release()


def test_a_script_may_take_the_same_locks(state: State) -> None:
    command = ("flock", "--nonblock", state.settings.router_lock, "true")
    lock = state.try_router_lock()
    assert lock is not None

    refused = subprocess.run(command, check=False).returncode
    lock.release()

    assert (1, 0) == (refused, subprocess.run(command, check=False).returncode)


def test_host_wide_locks_do_not_exclude_each_other(state: State) -> None:
    locks = (state.try_host_lock(), state.try_reload_lock(), state.try_router_lock())

    assert all(lock is not None for lock in locks)
    for lock in locks:
        assert lock is not None
        lock.release()


def test_asking_whether_a_lock_is_held_never_keeps_anybody_from_taking_it(state: State) -> None:
    state.write_slot(Slot(name="blog"))
    ask = "exec('while True: state.is_locked(\"blog\")') if print('held', flush=True) is None else None"
    with subprocess.Popen(
        [sys.executable, "-c", HOLDER.format(take=ask), str(state.settings.state), str(state.settings.run)],
        stdout=subprocess.PIPE,
    ) as asker:
        assert asker.stdout is not None
        select.select([asker.stdout], [], [])
        try:
            for _ in range(3000):
                take_blog(state)
        finally:
            asker.kill()


def contend(settings: Settings, counter: Path, times: int) -> None:
    state = State(settings)
    for _ in range(times):
        while True:
            with suppress(AppBusyError):
                lock = state.app_lock("blog", "count")
                break
        with lock:
            counter.write_text(str(int(counter.read_text()) + 1))


def test_processes_that_take_and_remove_the_same_lock_all_day_exclude_each_other(state: State, tmp_path: Path) -> None:
    counter = tmp_path / "counter"
    counter.write_text("0")
    children = []
    for _ in range(4):
        child = os.fork()
        if child == 0:
            status = 1
            try:
                contend(state.settings, counter, 100)
                status = 0
            finally:
                os._exit(status)
        children.append(child)

    assert [0, 0, 0, 0] == [os.waitpid(child, 0)[1] for child in children]
    assert "400" == counter.read_text()
    assert [] == [*state.settings.apps.iterdir()]
