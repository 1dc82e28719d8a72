"""`config` and its kin: what is set, and what was."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

import asyncclick as click
import msgspec

from pvdify.cli import tables
from pvdify.cli.addressing import NO_WORDS, Words
from pvdify.cli.command import command
from pvdify.cli.usage import usage_error
from pvdify.errors import NotFoundError
from pvdify.model.patterns import closed
from pvdify.model.requests import DiffConfig, ForApp, ShowConfig
from pvdify.operations import config as operations

if TYPE_CHECKING:
    from pvdify.cli.session import Session
    from pvdify.model.config_answers import Config, ConfigDiff, ConfigVersion, ConfigVersions

VERSION: Final = r"c?[1-9][0-9]{0,8}"
FILES: Final = "secrets/"
"""Where a file is, below `/run`."""
_RUN: Final = "/run/"
NAME: Final = rf"(?:(?:{_RUN})?{FILES})?[A-Za-z0-9_][A-Za-z0-9._-]{{0,127}}"
"""A variable, or a file."""
OF_VERSION: Final = click.Option(["--version"], metavar="cN", help="An older version; the one of now if not said.")


class Value(msgspec.Struct, frozen=True, kw_only=True):
    """What `config:get --json` answers; a file is base64."""

    app: str
    version: int
    key: str
    value: str | bytes


@command(
    "config",
    click.Option(["--reveal"], is_flag=True, help="Show values too; this is audited."),
    OF_VERSION,
    examples=("pvdify config blog", "pvdify config blog --reveal", "pvdify config blog --version c6"),
    words=Words(is_secret=True),
)
async def config(session: Session, *, reveal: bool, version: str | None) -> None:
    """Show an app's config: names, and what they hold only if that is asked for, which is audited."""
    asked = _number(version)
    answer = await session.ask(operations.SHOW, ShowConfig(app=session.app, version=asked, reveal=reveal))
    session.show(answer, lambda: session.terminal.printable(_text(answer, reveal=reveal, is_older=asked is not None)))


@command(
    "config:get",
    OF_VERSION,
    examples=("pvdify config:get blog DATABASE_URL", "pvdify config:get blog secrets/tls.pem > tls.pem"),
    words=Words(usage="KEY", least=1, most=1, pattern=NAME, loose=NAME, is_secret=True),
)
async def config_get(session: Session, *, version: str | None) -> None:
    """Print the value of one variable, or one file, and nothing else; this is audited.

    Into a file or a pipe it goes byte by byte, without a newline behind it.
    """
    answer = await session.ask(operations.SHOW, ShowConfig(app=session.app, version=_number(version), reveal=True))
    key, value = _found(answer, below_run(session.words[0]))
    if session.is_json:
        session.terminal.print(
            tables.json_text(Value(app=answer.app, version=answer.version or 0, key=key, value=value))
        )
    else:
        session.terminal.write(value if isinstance(value, bytes) else value.encode())


@command("config:versions", examples=("pvdify config:versions blog",), words=NO_WORDS)
async def config_versions(session: Session) -> None:
    """List an app's config versions, newest first."""
    answer = await session.ask(operations.VERSIONS, ForApp(app=session.app))
    session.show(answer, lambda: _table(answer))


@command(
    "config:diff",
    examples=("pvdify config:diff blog c6 c7", "pvdify config:diff blog c6"),
    words=Words(usage="cN [cM]", least=1, most=2, pattern=VERSION),
)
async def config_diff(session: Session) -> None:
    """Show what is other in one config version than in another, by name.

    With one version it is compared to the one of now.
    """
    versions = [int(word.removeprefix("c")) for word in session.words]
    if len(versions) == 1:
        known = await session.ask(operations.VERSIONS, ForApp(app=session.app))
        if known.version is None:
            raise NotFoundError(f"cannot compare c{versions[0]}: {session.app} has no config", hint=_hint(session.app))
        versions.append(known.version)
    first, second = versions
    answer = await session.ask(operations.DIFF, DiffConfig(app=session.app, version=first, other=second))
    session.show(answer, lambda: _differences(answer))


@command(
    "config:export",
    OF_VERSION,
    examples=("pvdify config:export blog > blog.env", "pvdify config:export blog --json > blog.json"),
    words=NO_WORDS,
)
async def config_export(session: Session, *, version: str | None) -> None:
    """Write an app's variables as a file; this is audited.

    It is a `.env` file, or a JSON object of texts with --json; `config:import` reads both. Secret files are not part of it.
    """
    answer = await session.ask(operations.SHOW, ShowConfig(app=session.app, version=_number(version), reveal=True))
    variables = {key: value or "" for key, value in answer.vars.items()}
    if session.is_json:
        session.terminal.print(tables.json_text(variables))
        return
    from pvdify.cli.dotenv import to_dotenv

    session.terminal.write(to_dotenv(variables).encode())
    if answer.files:
        session.terminal.complain(f"not in it, as they are files: {', '.join(sorted(answer.files))}")


def _number(version: str | None) -> int | None:
    if version is not None and not re.search(closed(VERSION), version):
        raise usage_error(f"cannot read --version {version}", hint="name it as `pvdify config:versions` does: c7")
    return int(version.removeprefix("c")) if version is not None else None


def below_run(name: str) -> str:
    """*name* as config has it: a file may be named by its whole path."""
    return name.removeprefix(_RUN)


def _found(answer: Config, name: str) -> tuple[str, str | bytes]:
    """What *name* names, by its full name, and what that holds; a variable comes before a file."""
    file = name.removeprefix(FILES)
    value, data = answer.vars.get(name), answer.files.get(file)
    if value is not None:
        return name, value
    if data is not None:
        return f"{FILES}{file}", data
    of = f"c{answer.version} of {answer.app}" if answer.version is not None else f"the config of {answer.app}"
    raise NotFoundError(f"cannot find {name} in {of}", hint=f"see `pvdify config {answer.app}`")


def _text(answer: Config, *, reveal: bool, is_older: bool) -> str:
    if answer.version is None:
        return f"{answer.app} has no config; {_hint(answer.app)}"
    head = f"c{answer.version} of {answer.app}, set {tables.moment(answer.created_at)} by {answer.created_by}"
    if not is_older and answer.version != answer.live_version:
        head += "\nit waits for the next release"
        if answer.live_version is not None:
            head += f"; the live one has c{answer.live_version}, and `pvdify deploy {answer.app}` makes the next"
    lines = [f"{key}={value}" if reveal else key for key, value in sorted(answer.vars.items())]
    lines += [f"{FILES}{name}  {tables.size(size)}" for name, size in sorted(answer.sizes.items())]
    return "\n".join([head, "", *(lines or ["nothing is set in it"])])


def _hint(app: str) -> str:
    return f"set some with `pvdify config:set {app} KEY=VALUE`"


def _table(answer: ConfigVersions) -> str:
    if not answer.versions:
        return f"{answer.app} has no config; {_hint(answer.app)}"
    return tables.table(
        ("CONFIG", "STATUS", "VARS", "FILES", "RELEASE", "CREATED", "BY"),
        (
            (
                tables.config(one.version),
                _status(answer, one),
                str(one.vars),
                str(one.files),
                tables.release(one.release),
                tables.moment(one.created_at),
                one.created_by,
            )
            for one in answer.versions
        ),
    )


def _status(answer: ConfigVersions, one: ConfigVersion) -> str:
    if one.version == answer.live_version:
        return "live"
    return "next" if one.version == answer.version else ""


def _differences(answer: ConfigDiff) -> str:
    named = (("added", answer.added), ("changed", answer.changed), ("removed", answer.removed))
    found = tables.facts((what, "\n".join(names)) for what, names in named)
    return found or f"nothing is other in c{answer.other} than in c{answer.version}"
