"""`config:set`, `config:unset` and `config:import`: each makes a new config version."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

import asyncclick as click

from pvdify.cli.addressing import Words
from pvdify.cli.command import command
from pvdify.cli.config import FILES, NAME, below_run
from pvdify.cli.inputs import INPUT, check_once, contents, named
from pvdify.cli.usage import usage_error
from pvdify.errors import SpecError
from pvdify.model.config import FileName
from pvdify.model.parse import from_value
from pvdify.model.patterns import closed
from pvdify.model.requests import SetConfig, ShowConfig
from pvdify.model.variables import KEY_PATTERN
from pvdify.operations import config as operations

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from pvdify.cli.session import Session

ASSIGNMENT: Final = r"[^=]+=[\s\S]*"
_NAMED: Final = re.compile(r"[A-Z][A-Z_]*")
"""What is the name of a variable, and hardly a secret that was typed without one."""
NO_DEPLOY: Final = click.Option(["--no-deploy"], is_flag=True, help="Leave it for the next release.")


def _no_assignment(_app: str, words: tuple[str, ...]) -> tuple[str, str] | None:
    """What the first word that is no KEY=VALUE lacks; it is not repeated where it might be a secret."""
    for number, word in enumerate(words, start=1):
        if re.search(closed(ASSIGNMENT), word):
            continue
        name = word if _NAMED.fullmatch(word) else "KEY"
        what = word if name == word else f"KEY=VALUE number {number}"
        lack = "name" if word.startswith("=") else "value"
        return f"{what} has no {lack}", f"say {name}=VALUE, or {name}=- to be asked for the value"
    return None


def _no_file(app: str, words: tuple[str, ...]) -> tuple[str, str] | None:
    """What an import lacks without a word."""
    return None if words else ("no file is named", f"type `pvdify config:import {app} FILE`; - is standard input")


@command(
    "config:set",
    click.Option(["--file"], metavar="FILE", help="Set what a `.env` file says; - is standard input."),
    click.Option(
        ["--file-secret", "file_secrets"],
        metavar="NAME=FILE",
        multiple=True,
        help="Keep a file, which the app reads at /run/secrets/NAME; - is standard input. Several times for several.",
    ),
    NO_DEPLOY,
    examples=(
        "pvdify config:set blog LOG_LEVEL=debug",
        "pvdify config:set blog DATABASE_URL=- < url.txt",
        "pvdify config:set blog --file .env --file-secret tls.pem=./tls.pem",
    ),
    words=Words(
        usage="[KEY=VALUE...]", most=None, pattern=ASSIGNMENT, loose=ASSIGNMENT, is_secret=True, wrong=_no_assignment
    ),
    changes=True,
)
async def config_set(session: Session, *, file: str | None, file_secrets: tuple[str, ...], no_deploy: bool) -> None:
    """Set variables and secret files: a new config version, and a release with it.

    KEY=- takes the value from standard input, as it is, and asks for it on a terminal: others see what is typed as a word.
    """
    pairs = [_pair(word) for word in session.words]
    paths = [_pair(one) for one in file_secrets]
    check_once([*(value for _, value in pairs), *(path for _, path in paths), file or ""])
    if not pairs and not paths and file is None:
        raise usage_error("cannot set nothing", hint="say KEY=VALUE, --file FILE or --file-secret NAME=FILE")
    said = _from_file(session, file) if file is not None else {}
    for number, (key, value) in enumerate(pairs, start=1):
        _check_key(key, said, what=f"KEY=VALUE number {number}")
        said[key] = _checked(key, value) if value != INPUT else _from_input(session, key)
    files = _files(session, paths)
    await _set(session, said, files=files, deploy=not no_deploy)


@command(
    "config:unset",
    NO_DEPLOY,
    examples=("pvdify config:unset blog LOG_LEVEL", "pvdify config:unset blog secrets/tls.pem"),
    words=Words(usage="KEY...", least=1, most=None, pattern=NAME, loose=NAME, is_secret=True),
    changes=True,
)
async def config_unset(session: Session, *, no_deploy: bool) -> None:
    """Forget a variable: a new config version, and a release with it.

    Several at once, and files as well, make one version.
    """
    names = [below_run(word) for word in session.words]
    keys = [name for name in names if re.search(closed(KEY_PATTERN), name)]
    files = [from_value(name.removeprefix(FILES), FileName) for name in names if name not in keys]
    await _set(session, dict.fromkeys(keys), files=dict.fromkeys(files), deploy=not no_deploy)


@command(
    "config:import",
    click.Option(["--replace"], is_flag=True, help="Forget the variables that are not in it; files stay."),
    NO_DEPLOY,
    examples=("pvdify config:import blog blog.env", "pvdify config:import blog - --replace < blog.json"),
    words=Words(usage="FILE", least=1, most=1, wrong=_no_file),
    changes=True,
)
async def config_import(session: Session, *, replace: bool, no_deploy: bool) -> None:
    """Set the variables of a file, as `config:export` writes it.

    It is a `.env` file or a JSON object of texts. A FILE of - is standard input.
    """
    said = _from_file(session, session.words[0])
    gone: Mapping[str, None] = {}
    base = None
    if replace:
        shown = await session.ask(operations.SHOW, ShowConfig(app=session.app))
        gone, base = dict.fromkeys(shown.vars), shown.version or 0
    await _set(session, {**gone, **said}, deploy=not no_deploy, base=base)


async def _set(
    session: Session,
    variables: Mapping[str, str | None],
    *,
    deploy: bool,
    files: Mapping[str, bytes | None] | None = None,
    base: int | None = None,
) -> None:
    request = SetConfig(app=session.app, vars=dict(variables), files=dict(files or {}), deploy=deploy, base=base)
    await session.change(operations.SET, request)


def _from_file(session: Session, path: str) -> dict[str, str]:
    from pvdify.cli.dotenv import variables

    said = variables(contents(path, session.terminal), what=named(path))
    if not said:
        raise SpecError(f"cannot take {named(path)}: it has no variable", hint="forget some with `pvdify config:unset`")
    return said


def _pair(word: str) -> tuple[str, str]:
    name, _, rest = word.partition("=")
    return name, rest


def _files(session: Session, paths: Iterable[tuple[str, str]]) -> dict[str, bytes]:
    found: dict[str, bytes] = {}
    for name, path in paths:
        if not path or name in found:
            reason = "it is there twice" if path else "it is not NAME=FILE"
            raise usage_error(f"cannot take --file-secret {name}: {reason}")
        found[from_value(name, FileName, what="--file-secret")] = contents(path, session.terminal)
    return found


def _from_input(session: Session, key: str) -> str:
    """The value of *key* that standard input has; a person is asked for it, and does not see it."""
    if session.terminal.is_interactive and not session.is_json:
        value = session.terminal.ask_secretly(f"Value of {key}: ")
        if not value:
            raise usage_error(f"cannot set {key}: nothing was typed", hint=f"say {key}= for an empty value")
        return _checked(key, value)
    data = contents(INPUT, session.terminal)
    if data.endswith(b"\n"):
        raise SpecError(
            f"cannot set {key}: what comes on standard input ends with a newline",
            hint=f'leave it out: `printf %s "$(cat FILE)" | pvdify config:set {session.app} {key}=-`; or keep a file, with --file-secret',
        )
    return _checked(key, data.decode(errors="surrogateescape"))


def _check_key(key: str, said: Mapping[str, str], *, what: str) -> None:
    if not re.search(closed(KEY_PATTERN), key):
        raise usage_error(f"cannot read {what}: the name of a variable is letters, digits and _, no digit first")
    if key in said:
        raise usage_error(f"cannot set {key} twice")


def _checked(key: str, value: str) -> str:
    try:
        value.encode()
    except UnicodeEncodeError as error:
        message = f"cannot set {key}: its value is not UTF-8"
        raise SpecError(
            message, pointer=f"/vars/{key}", hint=f"keep it as a file: --file-secret {key.lower()}=-"
        ) from error
    return value
