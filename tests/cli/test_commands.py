"""Every command: what it asks for, and what a person and a program read of the answer."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import msgspec
import pytest

from pvdify.errors import NotFoundError
from pvdify.model.answers import (
    Apps,
    Audit,
    Check,
    CheckStatus,
    Doctor,
    Releases,
    RunResult,
    Tokens,
)
from pvdify.model.audit import AuditVerdict
from pvdify.model.event import Event, EventKind
from pvdify.model.requests import (
    CreateToken,
    ForOperation,
    Init,
    Login,
    ReadLogs,
)
from pvdify.model.vault import SealWith
from tests.cli.answers import ANSWERS, LIVE, OPERATION, TEXT
from tests.cli.fake import ID, FakeClient, typed
from tests.cli.lines import CHANGES, COMMANDS
from tests.render.golden import committed

if TYPE_CHECKING:
    from syrupy.assertion import SnapshotAssertion

    from tests.cli.lines import Line


@pytest.mark.parametrize(("name", "given"), COMMANDS.items(), ids=COMMANDS)
def test_a_person_reads_the_answer(name: str, given: Line, golden: SnapshotAssertion) -> None:
    argv, operation, request = given
    client = FakeClient(answers=ANSWERS)

    ended = typed(*argv, client=client)

    assert [(operation, request)] == client.asked
    assert ended.text == golden(name=f"_cli/{name}.txt")


@pytest.mark.parametrize(("name", "given"), COMMANDS.items(), ids=COMMANDS)
def test_a_program_reads_one_object(name: str, given: Line) -> None:
    argv, operation, _ = given
    cut = argv.index("--") if "--" in argv else len(argv)

    ended = typed(*argv[:cut], "--json", *argv[cut:], client=FakeClient(answers=ANSWERS))

    answer = json.loads(ended.out)
    assert isinstance(answer, dict)
    assert set(answer) == set(getattr(ANSWERS[operation], "__struct_fields__"))  # noqa: B009 - msgspec's own name
    assert (0, "") == (ended.status, ended.err)


@pytest.mark.parametrize("given", CHANGES.values(), ids=CHANGES)
def test_a_change_asks_for_what_was_typed(given: Line) -> None:
    argv, operation, request = given
    client = FakeClient(end=LIVE)

    ended = typed(*argv, client=client)

    assert [(operation, request)] == client.asked
    assert (0, "v2 of blog is live after 351 ms at http://127.0.0.1:3000/\n") == (ended.status, ended.out)


@pytest.mark.parametrize("given", CHANGES.values(), ids=CHANGES)
def test_the_end_of_a_change_is_one_object_for_programs(given: Line) -> None:
    argv, _, _ = given

    ended = typed(*argv, "--json", client=FakeClient(end=LIVE))

    assert (0, "", 351.2) == (ended.status, ended.err, json.loads(ended.out)["serving_ms"])


def test_logs_come_as_lines_and_cannot_move_the_cursor(golden: SnapshotAssertion) -> None:
    client = FakeClient(answers=ANSWERS)

    ended = typed(
        *(
            "logs",
            "blog",
            "-f",
            "-n",
            "500",
            "--process",
            "web",
            "--release",
            "v2",
            "--since",
            "-1h",
            "--grep",
            "h.llo",
        ),
        client=client,
    )

    wanted = ReadLogs(app="blog", lines=500, follow=True, process="web", release=2, since="-1h", grep="h.llo")
    assert [("logs.read", wanted)] == client.asked
    assert ended.text == golden(name="_cli/logs.txt")


def test_logs_for_programs_are_an_object_a_line() -> None:
    ended = typed("logs", "--json", "--tail", "-a", "blog", client=FakeClient(answers=ANSWERS))

    assert ["hello", "\x1b[31mred\x1b]0;title\x07"] == [json.loads(line)["text"] for line in ended.out.splitlines()]


def test_a_one_off_command_ends_with_its_own_status() -> None:
    client = FakeClient(answers={"run": RunResult(status=42)})

    assert 42 == typed("run", "blog", "--", "false", client=client).status
    assert 42 == typed("run", "--json", "blog", "--", "false", client=client).status


def test_a_one_off_command_is_interactive_on_a_terminal_only() -> None:
    client = FakeClient(answers=ANSWERS)

    typed("run", "blog", "--", "sh", client=client, is_interactive=True)
    typed("run", "--no-tty", "blog", "--", "sh", client=client, is_interactive=True)
    typed("run", "--json", "blog", "--", "sh", client=client, is_interactive=True)
    typed("run", "blog", "--", "sh", client=client)

    assert [True, False, False, False] == [getattr(request, "interactive", None) for _, request in client.asked]


def test_a_doctor_that_finds_a_failure_ends_with_its_status() -> None:
    sick = Doctor(checks=(Check(name="router", status=CheckStatus.FAIL, detail="down", hint="systemctl start"),))

    assert 69 == typed("doctor", client=FakeClient(answers={"doctor": sick})).status


def test_an_operation_is_followed_from_its_first_step_to_its_end() -> None:
    steps = (
        Event(seq=0, at="", kind=EventKind.ACCEPTED),
        Event(seq=1, at="", kind=EventKind.DONE, step="pull", ms=1234),
    )
    info = msgspec.structs.replace(OPERATION, status="done", failure=None, result=LIVE)
    client = FakeClient(answers={"operations.info": info}, steps=steps)

    ended = typed("operations:follow", ID, client=client)
    for_programs = typed("operations:follow", ID, "--json", client=client)

    assert (0, "") == (ended.status, ended.err)
    assert ["  pull              1.2 s", "v2 of blog is live after 351 ms at http://127.0.0.1:3000/"] == (
        ended.out.splitlines()
    )
    assert 351.2 == json.loads(for_programs.out)["serving_ms"]


def test_who_follows_an_operation_that_failed_reads_why_and_ends_as_it_did() -> None:
    ended = typed("operations:follow", ID, client=FakeClient(answers=ANSWERS))

    assert 69 == ended.status
    assert "status 503" in ended.err


def test_who_follows_nothing_is_told() -> None:
    unknown = FakeClient(answers={"operations.info": NotFoundError(f"cannot find operation {ID}")})

    assert 66 == typed("operations:follow", ID, client=unknown).status


def test_an_operation_elsewhere_is_cancelled() -> None:
    client = FakeClient(answers={"operations.cancel": OPERATION}, is_remote=True)

    ended = typed("operations:cancel", ID, client=client)

    assert [("operations.cancel", ForOperation(id=ID))] == client.asked
    assert (0, f"releases.create {ID} is being undone; watch it with `pvdify operations:follow {ID}`\n") == (
        ended.status,
        ended.out,
    )


@pytest.mark.parametrize(
    ("ended_at", "words"),
    [(OPERATION.ended_at, "it is over (failed)"), ("", "--api-url unix:///run/pvdify/admin.sock")],
)
def test_an_operation_of_another_process_is_not_cancelled_from_here(ended_at: str, words: str) -> None:
    one = msgspec.structs.replace(OPERATION, ended_at=ended_at)

    ended = typed("operations:cancel", ID, client=FakeClient(answers={"operations.info": one}))

    assert 75 == ended.status
    assert words in ended.err


@pytest.mark.parametrize(("argv", "days"), [((), 90), (("--days", "7"), 7), (("--never",), None)], ids=str)
def test_a_token_lives_as_long_as_was_said(argv: tuple[str, ...], days: int | None) -> None:
    client = FakeClient(answers=ANSWERS)

    typed("tokens:create", "ci", *argv, client=client)

    assert [("tokens.create", CreateToken(name="ci", days=days))] == client.asked


def test_a_token_that_expires_and_never_does_is_a_usage_error() -> None:
    assert 64 == typed("tokens:create", "ci", "--days", "7", "--never").status


def test_the_text_of_a_token_is_alone_on_standard_output() -> None:
    ended = typed("tokens:create", "ci", client=FakeClient(answers=ANSWERS))

    assert f"{TEXT}\n" == ended.out
    assert TEXT not in ended.err


def test_an_audit_that_is_not_whole_ends_with_its_status() -> None:
    broken = AuditVerdict(lines=6, is_intact=False, broken_at=7, reason="it cannot be read")

    ended = typed("audit:verify", client=FakeClient(answers={"audit.verify": broken}))

    assert (74, "the audit is not whole from entry 7 on: it cannot be read\n") == (ended.status, ended.out)


@pytest.mark.parametrize("seal", SealWith)
def test_how_a_new_host_seals_may_be_said(seal: SealWith) -> None:
    client = FakeClient(answers=ANSWERS)

    typed("init", "--seal", seal.value, client=client)

    assert [("init", Init(seal=seal))] == client.asked


def test_nobody_else_reads_the_secrets_until_somebody_is_added() -> None:
    answer = msgspec.structs.replace(ANSWERS["secrets.show"], recipients=(), is_unfinished=False)  # type: ignore[type-var] # it is one

    ended = typed("secrets", client=FakeClient(answers={"secrets.show": answer}))

    assert "pvdify secrets:add" in ended.out
    assert "unfinished" not in ended.out


def test_what_is_no_recipient_of_that_kind_is_refused() -> None:
    """A plugin's recipient would make sops run a program of that name."""
    for typo in ("age1yubikey1qwerty", "age1QL3Z", "ssh-ed25519 AAAA"):
        ended = typed("secrets:add", typo, client=FakeClient())
        assert 65 == ended.status
        assert "`age-keygen -y FILE` prints the recipient" in ended.err
        assert typo not in ended.text


@pytest.mark.parametrize("is_root", [True, False])
@pytest.mark.parametrize("command", ["secrets:add", "secrets:remove"])
def test_a_private_key_is_neither_asked_for_nor_repeated(command: str, *, is_root: bool) -> None:
    client = FakeClient()
    key = f"AGE-SECRET-KEY-1{'Q' * 58}"

    ended = typed(command, key, client=client, is_root=is_root)

    assert (65, []) == (ended.status, client.asked)
    assert "this is a private key" in ended.err
    assert key not in ended.text


def test_only_what_is_about_an_app_says_that_it_waits_for_that() -> None:
    assert "another operation on the app" in typed("config:set", "--help").out
    assert "another operation on the app" not in typed("secrets:rotate", "--help").out


def test_a_login_reads_its_password_from_standard_input() -> None:
    client = FakeClient(answers=ANSWERS)

    ended = typed("registry:login", "ghcr.io", "-u", "ada", "--password-stdin", client=client, says="s3cr3t\n")

    assert [("registry.login", Login(registry="ghcr.io", user="ada", password="s3cr3t"))] == client.asked  # noqa: S106
    assert "s3cr3t" not in ended.text


def test_a_login_without_a_password_says_how_to_give_one() -> None:
    ended = typed("registry:login", "ghcr.io", "-u", "ada")

    assert 64 == ended.status
    assert "--password-stdin" in ended.err


@pytest.mark.parametrize(("says", "status"), [("blog\n", 0), ("blgo\n", 75), ("", 75)])
def test_destroying_asks_for_the_name(says: str, status: int) -> None:
    client = FakeClient()

    ended = typed("apps:destroy", "blog", client=client, says=says, is_interactive=True)

    assert status == ended.status
    assert (status == 0) == bool(client.asked)
    assert "Type its name" in ended.err


def test_destroying_without_a_person_wants_a_confirmation() -> None:
    client = FakeClient()

    ended = typed("apps:destroy", "blog", client=client)

    assert (64, []) == (ended.status, client.asked)
    assert "pvdify apps:destroy blog --confirm blog" in ended.err


def test_nothing_to_list_says_what_to_type() -> None:
    nothing = FakeClient(
        answers={
            "apps.list": Apps(apps=()),
            "releases.list": Releases(releases=()),
            "tokens.list": Tokens(tokens=()),
            "audit.list": Audit(entries=()),
        }
    )

    assert "pvdify apps:create" in typed("apps", client=nothing).out
    assert "pvdify deploy blog" in typed("releases", "blog", client=nothing).out
    assert "pvdify tokens:create" in typed("tokens", client=nothing).out
    assert "nothing was changed yet" in typed("audit", client=nothing).out


def test_every_golden_file_of_the_command_line_is_written_by_a_test() -> None:
    written = {f"{name}.txt" for name in COMMANDS}
    written |= {f"{name}.txt" for name in ("logs", "failure", "overview", "progress", "domains-check-broken")}

    assert written == committed("_cli")
