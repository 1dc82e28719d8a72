"""`secrets` and its kin."""

from __future__ import annotations

from typing import TYPE_CHECKING

import asyncclick as click

from pvdify.cli import tables
from pvdify.cli.command import command
from pvdify.errors import SpecError
from pvdify.model.requests import ForRecipient, Nothing, Reseal
from pvdify.model.vault import SealWith, is_recipient
from pvdify.operations import secrets as operations

if TYPE_CHECKING:
    from pvdify.cli.session import Session
    from pvdify.model.config_answers import SecretsInfo

_TEAM = "age1ql3z7hjy54pw3hyww5ayyfg7zqgvc7w3j2elw8zmrj2kg5sfn9aqmcac8p"


@command("secrets", examples=("pvdify secrets",))
async def secrets(session: Session) -> None:
    """Show who reads what is kept encrypted, and how it is sealed."""
    answer = await session.ask(operations.SHOW, Nothing())
    session.show(answer, lambda: session.terminal.printable(_text(answer)))


def _recipient() -> click.Argument:
    return click.Argument(["recipient"], metavar="age1...", callback=_checked)


def _checked(_ctx: click.Context, _param: click.Parameter, recipient: str) -> str:
    """Refuse what is no recipient before anybody is asked, and without repeating it: it may be the key."""
    if not is_recipient(recipient):
        reason = "it is none of the kind X25519: age1 and 58 letters and digits"
        if recipient.upper().startswith("AGE-SECRET-KEY-"):
            reason = "this is a private key, which should stay where it is"
        hint = "`age-keygen -y FILE` prints the recipient of a key file"
        raise SpecError(f"cannot read the recipient: {reason}", pointer="/recipient", hint=hint)
    return recipient


@command("secrets:add", _recipient(), examples=(f"pvdify secrets:add {_TEAM}",), changes=True)
async def secrets_add(session: Session, *, recipient: str) -> None:
    """Let one more age key read everything that is kept encrypted.

    Whoever has the key reads a config with `sops decrypt` alone.
    """
    await session.change(operations.ADD, ForRecipient(recipient=recipient))


@command("secrets:remove", _recipient(), examples=(f"pvdify secrets:remove {_TEAM}",), changes=True)
async def secrets_remove(session: Session, *, recipient: str) -> None:
    """Encrypt everything again without one of those who read it; copies stay readable.

    Whoever has that key may have copied the secrets before: change them, too.
    """
    await session.change(operations.REMOVE, ForRecipient(recipient=recipient))


@command("secrets:rotate", examples=("pvdify secrets:rotate",), changes=True)
async def secrets_rotate(session: Session) -> None:
    """Give the host another age key, encrypt everything for it, and drop the old one.

    One that was cut off goes on where it was. Keep a copy of the new key: the one of the old key opens only what is old.
    """
    await session.change(operations.ROTATE, Nothing())


@command(
    "secrets:reseal",
    click.Option(
        ["--with", "seal"],
        type=click.Choice([one.value for one in SealWith]),
        help="What opens a sealed config from now on: the host's key, its TPM 2, or only both.",
    ),
    examples=("pvdify secrets:reseal", "pvdify secrets:reseal --with host+tpm2"),
    changes=True,
)
async def secrets_reseal(session: Session, *, seal: str | None) -> None:
    """Seal every config again for this host: on a new machine, or after its key was lost.

    It needs sops and the host's age key.
    """
    await session.change(operations.RESEAL, Reseal(seal=SealWith(seal) if seal else None))


def _text(answer: SecretsInfo) -> str:
    others = "\n".join(answer.recipients) or "nobody; add your own age key with `pvdify secrets:add age1...`"
    lines = [
        ("host", answer.recipient),
        ("also", others),
        ("key file", answer.key_file),
        ("sealed with", answer.seal.value),
        (
            "unfinished",
            "not everything is for just these: `pvdify secrets:rotate` goes on" if answer.is_unfinished else "",
        ),
    ]
    return tables.facts(lines)
