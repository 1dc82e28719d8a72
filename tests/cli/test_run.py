"""`run` on a host elsewhere: what the command writes, where it belongs, and its exit status."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from pvdify.model.answers import RunOutput, RunStream
from pvdify.model.requests import RunOnce
from tests.cli.fake import Ended, FakeClient, typed

if TYPE_CHECKING:
    from collections.abc import Sequence

OUTPUT = (
    RunOutput(stream=RunStream.STDOUT, text="one\ntw"),
    RunOutput(stream=RunStream.STDERR, text="oh\n"),
    RunOutput(stream=RunStream.STDOUT, text="o\n"),
)


def far(*output: RunOutput) -> FakeClient:
    return FakeClient(answers={"ps.run": output}, is_remote=True)


def ran(client: FakeClient, *options: str, command: Sequence[str] = ("ls", "-la")) -> Ended:
    return typed("run", "blog", *options, "--", *command, client=client, apps=("blog",), is_interactive=True)


def test_what_the_command_writes_goes_where_it_belongs_and_its_status_is_ours() -> None:
    done = ran(far(*OUTPUT, RunOutput(status=3)))

    assert (3, "one\ntwo\n", "oh\n") == (done.status, done.out, done.err)


def test_it_is_asked_without_a_terminal_also_on_one() -> None:
    client = far(RunOutput(status=0))

    ran(client, "--timeout", "60")

    assert ("ps.run", RunOnce(app="blog", command=("ls", "-la"), timeout=60)) == client.asked[-1]


def test_with_json_all_that_it_writes_goes_to_standard_error() -> None:
    done = ran(far(*OUTPUT, RunOutput(status=0)), "--json")

    assert {"status": 0} == json.loads(done.out)
    assert "one\ntwoh\no\n" == done.err


def test_a_stream_that_breaks_off_is_no_success() -> None:
    done = ran(far(*OUTPUT))

    assert 0 != done.status
    assert "cannot tell how the command ended" in done.err


def test_a_time_that_no_command_may_take_is_refused_here() -> None:
    assert 64 == ran(far(), "--timeout", "90000").status
