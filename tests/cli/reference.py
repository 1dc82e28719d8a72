"""docs/cli.md, as the commands themselves tell it."""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, Final

import asyncclick as click

from pvdify.cli.command import Command
from pvdify.cli.commands import ALIASES, THEMES
from pvdify.cli.program import program

if TYPE_CHECKING:
    from collections.abc import Iterator

MARK: Final = "<!-- From here on this file is made of the commands themselves: pytest tests/cli/test_docs.py --snapshot-update -->\n"
EVERYWHERE: Final = {"json", "host", "api_url", "token", "state", "help", "wait", "app"}


def reference() -> str:
    """Every command, by theme."""
    return "\n".join(line for theme, entries in THEMES for line in _theme(theme, [one.name for one in entries]))


def options_of(command: click.Command) -> set[str]:
    """The names of all options that *command* takes."""
    return {name for param in command.params if isinstance(param, click.Option) for name in param.opts}


def _theme(theme: str, names: list[str]) -> Iterator[str]:
    yield f"\n## {theme}"
    group = program()
    context = click.Context(group, info_name="pvdify")
    for name in names:
        command = group.get_command(context, name)
        assert isinstance(command, Command)
        yield from _command(command, context)


def _command(command: Command, context: click.Context) -> Iterator[str]:
    inner = click.Context(command, info_name=command.name, parent=context)
    pieces = [piece for piece in command.collect_usage_pieces(inner) if piece != "[OPTIONS]"]
    aliases = [f"`{alias}`" for alias, name in ALIASES.items() if name == command.name]
    yield f"\n### `{' '.join(['pvdify', command.name or '', *pieces])}`\n"
    yield inspect.cleandoc(command.help or "")
    if aliases:
        yield f"\nAlso: {', '.join(aliases)}."
    records = [
        param.get_help_record(inner)
        for param in command.params
        if isinstance(param, click.Option) and param.name not in EVERYWHERE
    ]
    if records:
        yield ""
        yield from (f"- `{names}`{f': {about}' if about else ''}" for names, about in filter(None, records))
    yield "\n```console"
    yield from (f"$ {example}" for example in command.examples)
    yield "```"
