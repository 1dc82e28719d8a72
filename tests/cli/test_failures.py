"""What goes wrong, as a person reads it and as a program does."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from pvdify import errors
from pvdify.cli.failures import exit_status
from pvdify.errors import (
    AppBusyError,
    AppNotFoundError,
    CancelledOperationError,
    Exit,
    Failure,
    HostError,
    NotRootError,
    OperationFailedError,
    Probe,
    PvdifyError,
    RefusedError,
    RenderError,
    SpecError,
    StateError,
    UnitFailedError,
)
from pvdify.model.event import Event, EventKind
from tests.cli.answers import FAILURE
from tests.cli.fake import DONE, FakeClient, typed

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from syrupy.assertion import SnapshotAssertion

    from pvdify.model.answers import Changed

STEPS = (
    Event(seq=0, at="", kind=EventKind.ACCEPTED),
    Event(seq=1, at="", kind=EventKind.BEGIN, step="pull"),
    Event(seq=2, at="", kind=EventKind.PROGRESS, step="pull", text="12 of 40 MB"),
    Event(seq=3, at="", kind=EventKind.DONE, step="pull", ms=1234),
    Event(seq=4, at="", kind=EventKind.NOTE, step="record", text="release v3"),
    Event(seq=5, at="", kind=EventKind.DONE, step="record", ms=3.2),
    Event(seq=6, at="", kind=EventKind.BEGIN, step="probe"),
)


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (SpecError("no"), 65),
        (AppNotFoundError("blog"), 66),
        (UnitFailedError("a.service", "exit-code"), 69),
        (RenderError("no"), 70),
        (StateError("no"), 74),
        (AppBusyError("blog", "deploy"), 75),
        (NotRootError("no"), 77),
        (CancelledOperationError("no"), 130),
    ],
    ids=lambda value: type(value).__name__,
)
def test_each_family_has_its_exit_status(error: PvdifyError, status: int) -> None:
    ended = typed("apps", client=FakeClient(answers={"apps.list": error}))

    assert (status, "", f"{error.message}\n") == (ended.status, ended.out, ended.err.partition("  ")[0])


def test_every_deliberate_error_has_an_exit_status_of_its_own_kind() -> None:
    found = [one for one in vars(errors).values() if isinstance(one, type) and issubclass(one, PvdifyError)]

    assert {65, 66, 69, 70, 74, 75, 77, 130} == {
        exit_status(one.__new__(one)) for one in found if one is not PvdifyError
    }


def test_a_failed_deploy_explains_itself_on_one_screen(golden: SnapshotAssertion) -> None:
    client = FakeClient(steps=STEPS, end=OperationFailedError(FAILURE))

    ended = typed("deploy", "blog", client=client)

    assert ended.text == golden(name="_cli/failure.txt")
    assert len(ended.text.splitlines()) < 40


def test_a_failed_deploy_is_one_object_for_programs() -> None:
    client = FakeClient(steps=STEPS, end=OperationFailedError(FAILURE))

    ended = typed("deploy", "blog", "--json", client=client)

    problem = json.loads(ended.out)
    assert (69, "") == (ended.status, ended.err)
    assert ("unhealthy", "probe", 503, 1) == (
        problem["code"],
        problem["phase"],
        problem["probe"]["status"],
        problem["exit"]["status"],
    )
    assert list(FAILURE.log_tail) == problem["log_tail"]
    assert (FAILURE.message, FAILURE.hint, FAILURE.unchanged, 69) == (
        problem["detail"],
        problem["hint"],
        problem["unchanged"],
        problem["exit_status"],
    )


@pytest.mark.parametrize(
    ("end", "words"),
    [
        (Exit(unit="u", oom=True, signal="SIGKILL"), "u: killed because it was out of memory"),
        (Exit(unit="u", signal="SIGSEGV"), "u: killed by SIGSEGV"),
        (Exit(unit="u", status=0), "u: exit status 0"),
        (Exit(unit="u", result="start-limit-hit"), "u: start-limit-hit"),
    ],
)
def test_it_says_how_a_process_ended(end: Exit, words: str) -> None:
    failure = Failure(phase="start", message="cannot start", exit=end)

    assert words in typed("deploy", "blog", client=FakeClient(end=OperationFailedError(failure))).err


def test_it_says_when_nobody_answered() -> None:
    failure = Failure(
        phase="probe", message="cannot", probe=Probe(target="127.0.0.1:20000", error="connection refused")
    )

    ended = typed("deploy", "blog", client=FakeClient(end=OperationFailedError(failure)))

    assert "127.0.0.1:20000: connection refused after 0 ms" in ended.err


def test_what_an_app_wrote_cannot_reach_the_terminal() -> None:
    failure = Failure(phase="probe", message="cannot", log_tail=("\x1b[2Jgone\x1b]0;title\x07",))

    ended = typed("deploy", "blog", client=FakeClient(end=OperationFailedError(failure)))

    assert "\x1b" not in ended.err
    assert "\x07" not in ended.err


def test_of_several_failures_each_is_told_and_the_first_gives_the_status() -> None:
    group = ExceptionGroup("two", [AppNotFoundError("blog"), ExceptionGroup("one", [HostError("cannot ask podman")])])

    ended = typed("apps", client=FakeClient(answers={"apps.list": group}))
    for_programs = typed("apps", "--json", client=FakeClient(answers={"apps.list": group}))

    assert 66 == ended.status
    assert "cannot find app blog" in ended.err
    assert "cannot ask podman" in ended.err
    problem = json.loads(for_programs.out)
    assert ("app-not-found", ["host-failed"]) == (problem["code"], [one["code"] for one in problem["others"]])


def test_a_mistake_names_its_field_for_programs() -> None:
    ended = typed("ps:scale", "-a", "blog", "web=101", "--json")

    problem = json.loads(ended.out)
    assert (65, "spec-invalid", "/processes") == (ended.status, problem["code"], problem["pointer"])


def test_a_bug_shows_its_traceback_and_ends_with_1() -> None:
    bug = FakeClient(answers={"apps.list": ZeroDivisionError("oh")})

    ended = typed("apps", client=bug)
    for_programs = typed("apps", "--json", client=bug)

    assert 1 == ended.status
    assert "Traceback" in ended.err
    assert "ZeroDivisionError: oh" in ended.err
    assert ("bug", 1) == (json.loads(for_programs.out)["code"], for_programs.status)
    assert "Traceback" in for_programs.err


def test_a_pipe_that_nobody_reads_any_more_is_no_failure() -> None:
    ended = typed("apps", client=FakeClient(answers={"apps.list": BrokenPipeError()}))

    assert (0, "") == (ended.status, ended.err)


def test_ctrl_c_in_a_question_ends_with_130() -> None:
    ended = typed("apps", client=FakeClient(answers={"apps.list": KeyboardInterrupt()}))

    assert (130, "") == (ended.status, ended.err.strip())


def test_a_busy_app_is_refused_or_waited_for() -> None:
    client = FakeClient(busy=AppBusyError("blog", "deploy 4f1c by ada"))

    refused = typed("deploy", "blog", client=client)
    waited = typed("deploy", "blog", "--wait", client=client)

    assert 75 == refused.status
    assert "deploy 4f1c by ada is running\n  wait for it, or say `--wait`" in refused.err
    assert (0, True) == (waited.status, client.waited)
    assert "  waiting for deploy 4f1c by ada\n" in waited.out


def test_steps_are_lines_where_nobody_looks(golden: SnapshotAssertion) -> None:
    ended = typed("deploy", "blog", client=FakeClient(steps=STEPS, end=DONE))

    assert ended.text == golden(name="_cli/progress.txt")


def test_steps_are_not_asked_for_behind_their_end() -> None:
    class Waiting(FakeClient):
        """One that is told last of all that its change is over."""

        async def events(self, id_: str, *, after: int = -1) -> AsyncIterator[Event]:
            assert -1 == after
            async for event in super().events(id_, after=after):
                yield event
            self._cancelled.set()

        async def ended(self, id_: str) -> Changed:
            await self._cancelled.wait()
            return DONE

    ended = typed("deploy", "blog", client=Waiting(steps=STEPS))

    assert (0, "done") == (ended.status, ended.out.splitlines()[-1])


def test_steps_that_cannot_be_read_do_not_disturb_the_change() -> None:
    class Unreadable(FakeClient):
        async def events(self, id_: str, *, after: int = -1):  # type: ignore[no-untyped-def]
            raise StateError("cannot read the journal")
            yield

    ended = typed("deploy", "blog", client=Unreadable())

    assert (0, "done") == (ended.status, ended.out.splitlines()[-1])
    assert "no more steps can be shown: cannot read the journal" in ended.out


def test_a_refusal_is_told_with_the_next_command_to_type() -> None:
    refused = RefusedError("cannot go on", hint="type `pvdify ps blog`")

    assert "cannot go on\n  type `pvdify ps blog`\n" == typed("deploy", "blog", client=FakeClient(end=refused)).err
