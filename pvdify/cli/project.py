"""`pvdify.toml`: what a project declares of its app, or of several.

Either `app = "blog"` with the keys of a slot beside it, or a table `[apps.blog]` for each app, with an optional `app` that says which
is meant by default.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec

from pvdify.errors import NotFoundError, SpecError
from pvdify.model.names import AppName, app_name
from pvdify.model.parse import from_toml, from_value, line_of
from pvdify.model.slot import Slot

if TYPE_CHECKING:
    from pathlib import Path

FILE: Final = "pvdify.toml"
_OWN: Final = ("app", "apps")


class _Head(msgspec.Struct, frozen=True):
    """What addressing reads of the file; everything else is left to `slots_of`."""

    app: AppName | None = None


def default_app(directory: Path) -> str | None:
    """The app that a project in *directory* is about, if it says so."""
    path = directory / FILE
    if not path.is_file():
        return None
    return from_toml(_bytes(path), _Head, what=f"./{FILE}").app


def slots_of(path: Path, *, text: bytes | None = None) -> tuple[Slot, ...]:
    """The slots that the file at *path* (or its *text*) declares, by name; an error names file, line and key."""
    what = str(path)
    text = _bytes(path) if text is None else text
    whole = from_toml(text, dict[str, object], what=what)
    beside = {key: value for key, value in whole.items() if key not in _OWN}
    tables = whole.get("apps")
    if tables is None:
        if not beside:
            raise SpecError(f"cannot read {what}: it declares nothing of an app", hint=_EXAMPLE)
        name = whole.get("app", beside.pop("name", None))
        return (_slot(beside, name, text=text, what=what, pointer=""),)
    if beside:
        raise SpecError(
            f"cannot read {what}: {next(iter(beside))} stands outside of [apps.…]",
            pointer=f"/{next(iter(beside))}",
            hint="write it into the app's own table",
        )
    if not isinstance(tables, dict):
        raise SpecError(f"cannot read {what} at /apps: it is no table", pointer="/apps", hint=_EXAMPLE)
    return tuple(
        _slot(table, name, text=text, what=what, pointer=f"/apps/{name}") for name, table in sorted(tables.items())
    )


_EXAMPLE: Final = 'write app = "blog" and image = "ghcr.io/org/blog:v1"'


def _slot(table: object, name: object, *, text: bytes, what: str, pointer: str) -> Slot:
    if not isinstance(name, str):
        raise SpecError(f"cannot read {what}: it does not say which app it is about", pointer="/app", hint=_EXAMPLE)
    if not isinstance(table, dict):
        raise SpecError(f"cannot read {what} at {pointer}: it is no table", pointer=pointer)
    if table.get("name", name) != name:
        raise SpecError(f"cannot read {what} at {pointer}/name: it is called {name} already", pointer=f"{pointer}/name")
    try:
        return from_value({**table, "name": app_name(name)}, Slot, what=what)
    except SpecError as error:
        whole = pointer + error.pointer
        line = line_of(text.decode(), whole)
        where = f"{what}, line {line}" if line else what
        at = f" at {error.pointer}" if error.pointer else ""
        message = error.message.replace(f"cannot read {what}{at}", f"cannot read {where} at {whole or '/'}", 1)
        raise SpecError(message, pointer=whole, hint=error.hint) from error


def _bytes(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except FileNotFoundError as error:
        raise NotFoundError(f"cannot find {path}", hint="name the file with `-f`") from error
    except OSError as error:
        raise SpecError(f"cannot read {path}: {(error.strerror or 'it is unreadable').lower()}") from error
