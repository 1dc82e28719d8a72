"""`deploy`, `releases` and `rollback`."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

import asyncclick as click

from pvdify.cli import tables
from pvdify.cli.addressing import NO_WORDS, Words
from pvdify.cli.command import command
from pvdify.cli.failure_screen import screen
from pvdify.cli.usage import usage_error
from pvdify.model.names import version_number
from pvdify.model.requests import Deploy, ForApp, ForRelease, Rollback
from pvdify.operations import releases as operations

if TYPE_CHECKING:
    from pvdify.cli.session import Session
    from pvdify.model.answers import ReleaseInfo, Releases

VERSION: Final = r"v?[1-9][0-9]{0,8}"
_CONFIG: Final = re.compile(r"c[1-9][0-9]{0,8}")
IMAGE: Final = r".*[/:@].*"
"""A word that can only be an image; `nginx` alone might be an app."""


@command(
    "deploy",
    click.Option(["--image"], metavar="IMAGE", help="registry/path:tag or registry/path@sha256:…"),
    examples=(
        "pvdify deploy blog --image ghcr.io/org/blog:v2",
        "pvdify deploy blog ghcr.io/org/blog:v2",
        "pvdify deploy blog",
    ),
    words=Words(usage="[IMAGE]", most=1, pattern=IMAGE),
    changes=True,
)
async def deploy(session: Session, *, image: str | None) -> None:
    """Make a release of an image and give it the traffic.

    Without an image it resolves what the slot declares again. The live release serves until the new one answers well.
    """
    if image is not None and session.words:
        raise usage_error(f"cannot deploy two images, {session.words[0]} and {image}")
    await session.change(operations.CREATE, Deploy(app=session.app, image=image or next(iter(session.words), None)))


@command("releases", examples=("pvdify releases blog",), words=NO_WORDS)
async def releases(session: Session) -> None:
    """List an app's releases, newest first."""
    answer = await session.ask(operations.LIST, ForApp(app=session.app))
    session.show(answer, lambda: _table(session.app, answer))


@command(
    "releases:info",
    examples=("pvdify releases:info blog v42",),
    words=Words(usage="vN", least=1, most=1, pattern=VERSION),
)
async def releases_info(session: Session) -> None:
    """Show one release, and why it failed if it did."""
    request = ForRelease(app=session.app, version=version_number(session.words[0]))
    answer = await session.ask(operations.INFO, request)
    session.show(answer, lambda: _text(session, answer))


def _no_release(app: str, words: tuple[str, ...]) -> tuple[str, str] | None:
    """How to go back to a config, where one is named instead of a release."""
    if len(words) != 1 or not _CONFIG.fullmatch(words[0]):
        return None
    back = f"pvdify config:export {app} --version {words[0]} | pvdify config:import {app} - --replace"
    return f"{words[0]} is a config, and a rollback takes a release", f"to set its variables again, type `{back}`"


@command(
    "rollback",
    click.Option(
        ["--keep-config"], is_flag=True, help="Keep the config of now instead of the release's own: a new release."
    ),
    examples=("pvdify rollback blog", "pvdify rollback blog v41", "pvdify rollback blog --keep-config"),
    words=Words(usage="[vN]", most=1, pattern=VERSION, loose=VERSION, wrong=_no_release),
    changes=True,
)
async def rollback(session: Session, *, keep_config: bool) -> None:
    """Give the traffic back to an earlier release.

    Without a release it takes the newest earlier one that was live and good; a second rollback goes further back.
    The config comes back that the release was made with.
    """
    version = version_number(session.words[0]) if session.words else None
    await session.change(operations.ROLLBACK, Rollback(app=session.app, version=version, keep_config=keep_config))


def _table(app: str, answer: Releases) -> str:
    if not answer.releases:
        return f"no releases yet; make one with `pvdify deploy {app} --image ghcr.io/org/app:v1`"
    return tables.table(
        ("RELEASE", "STATUS", "CONFIG", "IMAGE", "CREATED", "BY"),
        (
            (
                tables.release(one.version),
                one.status.value,
                tables.config(one.config_version),
                tables.image(one.source or one.image),
                tables.moment(one.created_at),
                one.created_by,
            )
            for one in answer.releases
        ),
    )


def _text(session: Session, one: ReleaseInfo) -> str:
    processes = (f"{name}: {' '.join(command)}".rstrip(": ") for name, command in sorted(one.processes.items()))
    shown = tables.facts(
        (
            ("release", f"{tables.release(one.version)} of {one.app}"),
            ("status", one.status.value),
            ("source", one.source),
            ("image", one.image),
            ("config", tables.config(one.config_version) if one.config_version is not None else ""),
            ("processes", "\n".join(processes)),
            ("port", str(one.port)),
            ("env", "\n".join(f"{key}={value}" for key, value in sorted(one.env.items()))),
            ("release command", " ".join(one.release_command)),
            ("created", f"{tables.moment(one.created_at)} by {one.created_by}"),
            ("operation", one.operation),
        )
    )
    shown = session.terminal.printable(shown)
    return f"{shown}\n\n{screen(one.failure, session.terminal)}" if one.failure else shown
