"""`config:edit`: an app's variables in an editor."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from pvdify.cli import tables
from pvdify.cli.addressing import NO_WORDS
from pvdify.cli.command import command
from pvdify.cli.configure import NO_DEPLOY
from pvdify.cli.dotenv import to_dotenv, variables
from pvdify.cli.editor import edited
from pvdify.cli.failures import leaves, reported
from pvdify.cli.scratch import kept, places
from pvdify.errors import LeftRunningError, PreconditionError, PvdifyError, SpecError
from pvdify.model.answers import Changed
from pvdify.model.event import Outcome
from pvdify.model.requests import SetConfig, ShowConfig
from pvdify.operations import config as operations

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from pvdify.cli.session import Session
    from pvdify.model.config_answers import Config

_WHAT: Final = "what was saved"
_QUESTION: Final = "\nNothing is lost. [e]dit it again, [k]eep it in a file in memory, or [f]orget it? "


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """What a person edits: *data*, made of the config that was *shown*."""

    shown: Config
    data: bytes

    def changes(self) -> dict[str, str | None]:
        """What is other in it than was shown; raise `SpecError` where it cannot be read, or is empty."""
        if not self.data.strip():
            raise SpecError(f"cannot take {_WHAT}: it is empty", hint="forget variables with `pvdify config:unset`")
        before, after = _known(self.shown), variables(self.data, what=_WHAT)
        gone = dict.fromkeys(before.keys() - after.keys())
        return {**gone, **{key: value for key, value in after.items() if before.get(key) != value}}


@command(
    "config:edit",
    NO_DEPLOY,
    examples=("pvdify config:edit blog", "pvdify config:edit blog --no-deploy"),
    words=NO_WORDS,
    changes=True,
)
async def config_edit(session: Session, *, no_deploy: bool) -> int | None:
    """Change an app's variables in an editor; this is audited.

    The editor is $VISUAL, $EDITOR or vi, and its file is in memory and gone afterwards. Where somebody else has changed the config
    meanwhile nothing is set, and what you edited is not lost.
    """
    shown = await _shown(session)
    page = Page(shown=shown, data=_text(shown, _known(shown)))
    while True:
        page = Page(shown=page.shown, data=await edited(session.around, f"{session.app}.env", page.data))
        try:
            await _set(session, page, deploy=not no_deploy)
        except (PvdifyError, ExceptionGroup) as error:
            errors = tuple(leaves(error))
            if not session.terminal.is_interactive or not all(map(_can_be_mended, errors)):
                raise
            status = reported(error, session.terminal, is_json=False)
            answer = (await session.terminal.asked(_QUESTION)).strip().lower()
            if not answer.startswith("e"):
                if not answer.startswith("f"):
                    _say_where(session, _kept(session, page))
                if session.is_json:
                    raise
                return status
        else:
            return None
        if any(isinstance(one, PreconditionError) for one in errors):
            page = _again(page, await _shown(session))


async def _set(session: Session, page: Page, *, deploy: bool) -> None:
    changes, base = page.changes(), page.shown.version
    if changes:
        request = SetConfig(app=session.app, vars=changes, deploy=deploy, base=base or 0)
        await session.change(operations.SET, request)
        return
    text = f"nothing was changed in the config of {session.app}"
    unchanged = Changed(operation="", outcome=Outcome.UNCHANGED, text=text, app=session.app, config=base)
    session.show(unchanged, lambda: text)


def _can_be_mended(error: BaseException) -> bool:
    """Whether it is worth to go on after *error*: not where it goes on by itself, and not after a bug."""
    return isinstance(error, PvdifyError) and not isinstance(error, LeftRunningError)


async def _shown(session: Session) -> Config:
    return await session.ask(operations.SHOW, ShowConfig(app=session.app, reveal=True))


def _known(shown: Config) -> dict[str, str]:
    return {key: value or "" for key, value in shown.vars.items()}


def _again(page: Page, now: Config) -> Page:
    """*page*, with its changes made to the config of *now*."""
    changes, before, after = page.changes(), _known(page.shown), _known(now)
    both = sorted(key for key in changes if before.get(key) != after.get(key))
    merged = {key: value for key, value in {**after, **changes}.items() if value is not None}
    note = f"{tables.config(now.version)} was set while you edited; your changes are in it already."
    note += f" Look at what both of you changed: {', '.join(both)}." if both else ""
    return Page(shown=now, data=_text(now, merged, note=note))


def _text(shown: Config, known: Mapping[str, str], *, note: str = "") -> bytes:
    what = f"c{shown.version} of {shown.app}" if shown.version is not None else f"{shown.app} has no config yet"
    files = ", ".join(f"{name} ({tables.size(size)})" for name, size in sorted(shown.sizes.items()))
    lines = [
        note,
        f"{what}. A line is KEY=value; a line that begins with # is not kept.",
        r"Quote with '…' what has spaces at its ends, quotes or #; in quotes, write \ as \\ and ' as \'.",
        f"Files are not edited here, but with `pvdify config:set {shown.app} --file-secret NAME=FILE`: {files}."
        if files
        else "",
    ]
    return ("".join(f"# {line}\n" for line in lines if line) + "\n" + to_dotenv(known)).encode()


def _kept(session: Session, page: Page) -> Path:
    return kept(f"{session.app}.env", page.data, places=places(session.around.environ))


def _say_where(session: Session, path: Path) -> None:
    session.terminal.complain(
        f"it is in {path}, until you remove that or the machine stops\n"
        f"  `pvdify config:import {session.app} {path} --replace` sets it; then `rm -r {path.parent}`"
    )
