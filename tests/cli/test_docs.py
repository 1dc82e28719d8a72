"""The documentation says what is so: commands are typed, codes and options compared."""

from __future__ import annotations

import re
import shlex
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from pvdify import errors
from pvdify.cli.commands import ENTRIES, entry_of
from pvdify.cli.failures import BUG, STATUSES, USAGE, exit_status
from pvdify.cli.project import slots_of
from pvdify.errors import PvdifyError
from pvdify.model.image import Image
from tests.cli.reference import MARK, reference
from tests.cli.shell import Shell
from tests.fakes.cloudflare import ACCOUNT, TUNNEL, FakeTunnel

if TYPE_CHECKING:
    from syrupy.assertion import SnapshotAssertion

PROJECT = Path(__file__).parents[2]
TYPED = ("README.md", "docs/config.md", "docs/domains.md", "docs/runbook.md", "docs/secrets.md")
CREDENTIALS = f'{{"AccountTag": "{ACCOUNT}", "TunnelSecret": "c2VjcmV0", "TunnelID": "{TUNNEL}"}}'
OTHERS = {
    *("make", "install", "systemctl", "journalctl", "systemd-cgtop"),
    *("age-keygen", "cat", "curl", "export", "mkdir", "mv", "scp", "sops"),
}


def text_of(name: str) -> str:
    return (PROJECT / name).read_text()


def blocks(text: str, language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", text, flags=re.MULTILINE | re.DOTALL)


def lines_typed(name: str) -> list[str]:
    """What the consoles of a document show as typed, without prompt, sudo, comment and redirection."""
    lines = (line for block in blocks(text_of(name), "console") for line in block.splitlines())
    return [
        re.sub(r"\s+[#<>] .*", "", line[2:]).removeprefix("sudo ") for line in lines if line.startswith(("$ ", "# "))
    ]


def table_rows(name: str, heading: str) -> list[list[str]]:
    table = text_of(name).partition(f"## {heading}")[2].partition("\n## ")[0]
    rows = [line for line in table.splitlines() if line.startswith("|")][2:]
    return [[cell.strip() for cell in re.split(r"(?<!\\)\|", row)[1:-1]] for row in rows]


def test_the_reference_is_what_the_commands_say(golden: SnapshotAssertion) -> None:
    head, mark, _ = text_of("docs/cli.md").partition(MARK)

    assert mark
    assert head + mark + reference() + "\n" == golden(name="../../docs/cli.md")


def test_every_code_is_told_with_its_exit_status() -> None:
    classes = {one for one in vars(errors).values() if isinstance(one, type) and issubclass(one, PvdifyError)}
    codes = {one.code: exit_status(one.__new__(one)) for one in classes}
    extra = {"usage": USAGE, "bug": BUG, "out-of-memory": STATUSES[errors.HostError]}

    told = {row[0].strip("`"): int(row[1]) for row in table_rows("docs/errors.md", "Codes")}

    assert codes | extra == told


def test_every_exit_status_is_told() -> None:
    told = {int(row[0]) for row in table_rows("docs/errors.md", "Exit statuses")}

    assert {0, BUG, USAGE, *STATUSES.values()} == told


@pytest.mark.parametrize("name", TYPED)
def test_what_a_document_tells_to_type_works(name: str, tmp_path: Path) -> None:
    shell = Shell(tmp_path)
    shell.type("init")
    shell.fake.boot()
    declared = tmp_path / "pvdify.toml"
    declared.write_text("".join(blocks(text_of(name), "toml")[:1]))
    for number, image in enumerate(sorted(set(re.findall(r"ghcr\.io/\S+:v\d", text_of(name)))), start=1):
        shell.fake.podman.registry[image] = Image(
            id=str(number) * 64,
            digest=f"sha256:{str(number) * 64}",
            architecture="amd64",
            labels={"pvdify.health": "/"},
        )

    typed, shell.fake.account.token = lines_typed(name), "token"
    shell.fake.account.add_zone("example.org")
    shell.fake.account.tunnels[ACCOUNT, TUNNEL] = FakeTunnel("home")

    assert len(typed) > 10
    for line in typed:
        program, _, rest = line.partition(" ")
        if program != "pvdify":
            assert program in OTHERS, line
            continue
        says = CREDENTIALS if "--credentials-stdin" in rest else "token" if "--token-stdin" in rest else "A=token"
        done = shell.type(rest.replace("pvdify.toml", str(declared)), says=says)
        accepted = {0, 69} if rest.startswith(("doctor", "domains:check")) else {0}
        assert done.status in accepted, f"{line}\n{done.out}{done.err}"


@pytest.mark.parametrize("name", TYPED)
def test_targets_that_a_document_names_are_in_the_makefile(name: str) -> None:
    targets = set(re.findall(r"^([a-z]+):", text_of("Makefile"), flags=re.MULTILINE))

    named = {line.split()[1] for line in lines_typed(name) if line.startswith("make ")}
    named |= set(re.findall(r"`(?:sudo )?make ([a-z]+)`", text_of(name)))

    assert set() == named - targets


def test_the_first_screen_has_the_two_commands_and_a_picture() -> None:
    screen = text_of("README.md").splitlines()[:35]

    assert [line for line in screen if line.startswith("$ make demo")]
    assert [line for line in screen if line.startswith("$ make test")]
    assert [line for line in screen if "─►" in line]


@pytest.mark.parametrize(
    "name",
    [
        "README.md",
        *(
            f"docs/{one}.md"
            for one in ("backup", "cli", "config", "domains", "errors", "glossary", "runbook", "secrets")
        ),
    ],
)
def test_every_command_that_is_named_exists(name: str) -> None:
    named = re.findall(r"`(?:\w+=\w+ )?pvdify ([a-z][a-z:]*)", text_of(name))

    assert [] == [one for one in named if entry_of(one) is None]


@pytest.mark.parametrize(
    "name",
    [
        "README.md",
        *(
            f"docs/{one}.md"
            for one in ("backup", "cli", "config", "domains", "errors", "glossary", "runbook", "secrets")
        ),
    ],
)
def test_links_lead_somewhere(name: str) -> None:
    links = re.findall(r"\]\(([^)#]+)\)", text_of(name))

    assert [] == [link for link in links if not (PROJECT / name).parent.joinpath(link).exists()]


def test_what_is_declared_in_a_document_can_be_read(tmp_path: Path) -> None:
    for number, block in enumerate(block for name in TYPED for block in blocks(text_of(name), "toml")):
        file = tmp_path / f"{number}.toml"
        file.write_text(block)

        assert ["blog"] == [slot.name for slot in slots_of(file)]


def test_every_example_of_the_help_is_a_command() -> None:
    for line in re.findall(r"^\$ (.*)$", text_of("docs/cli.md"), flags=re.MULTILINE):
        words = shlex.split(line)
        assert "pvdify" == words[0]
        assert words[1] in ENTRIES
