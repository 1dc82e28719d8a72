"""The program: words in, exit status out."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any, Final, TypeVar

import asyncclick as click

import pvdify
from pvdify.cli.command import Command, help_option, host_options
from pvdify.cli.commands import ENTRIES, THEMES, entry_of, nearest, spelled_apart
from pvdify.cli.failures import reported
from pvdify.cli.surroundings import COMPLETE_VARIABLE
from pvdify.cli.usage import usage_error

if TYPE_CHECKING:
    from collections.abc import Coroutine

    from asyncclick.shell_completion import CompletionItem

    from pvdify.cli.surroundings import Surroundings

T = TypeVar("T")

BACKEND: Final = "trio"
NAME: Final = "pvdify"
_START: Final = (
    "pvdify apps:create blog",
    "pvdify deploy blog --image ghcr.io/org/blog:v1",
    "pvdify logs blog -f",
)


def main(around: Surroundings) -> int:
    """Do what `around.argv` says, and answer the exit status; nothing is raised."""
    own = around.argv[: around.argv.index("--")] if "--" in around.argv else around.argv
    status = 0
    try:
        status = _completed(around) if around.environ.get(COMPLETE_VARIABLE) else _run(around)
        around.terminal.flush()
    except BaseException as error:  # noqa: BLE001 - the one catch-all: cli/failures.py decides
        return reported(error, around.terminal, is_json="--json" in own) or status
    return status


class Program(click.Group):
    """Every command, imported when it is named."""

    async def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Leave the command and its words in `ctx.args`."""
        return await click.Command.parse_args(self, ctx, args)

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's
        return list(ENTRIES)

    def get_command(self, ctx: click.Context, cmd_name: str) -> Command | None:  # noqa: ARG002 - click's
        entry = entry_of(cmd_name)
        if entry is None:
            return None
        found = getattr(import_module(f"pvdify.cli.{entry.module}"), entry.function)
        if not isinstance(found, Command):
            raise TypeError(entry.name)
        return found

    async def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find a command; what is like none of them is told its nearest."""
        found = self.get_command(ctx, args[0])
        if found is None and not ctx.resilient_parsing:
            meant = (spelled_apart(args[0], args[1]) if args[1:] else "") or nearest(args[0])
            hint = f"did you mean `pvdify {meant}`?" if meant else "`pvdify` lists the commands"
            raise usage_error(f"cannot find the command {args[0]!r}", hint=hint)
        return (found.name if found else None), found, args[1:]

    def get_help(self, ctx: click.Context) -> str:  # noqa: ARG002 - click's
        """The overview: every command by theme."""
        return overview()

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        """Names of commands, without importing them."""
        from asyncclick.shell_completion import CompletionItem

        names = [CompletionItem(one.name, help=one.summary) for one in ENTRIES.values()]
        return [one for one in names if one.value.startswith(incomplete)] or click.Command.shell_complete(
            self, ctx, incomplete
        )


def overview() -> str:
    """What `pvdify` alone says."""
    width = max(map(len, ENTRIES)) + 2
    lines = [f"pvdify {pvdify.__version__}: a Heroku-like platform for one Linux host", "", "pvdify COMMAND [WORDS]"]
    for theme, entries in THEMES:
        lines += ["", theme]
        lines += [f"  {entry.name:<{width}}{entry.summary}" for entry in entries]
    lines += ["", "Begin with", *(f"  {one}" for one in _START)]
    lines += ["", "`pvdify COMMAND --help` shows words, options and an example of each."]
    return "\n".join(lines)


def program() -> Program:
    """The command `pvdify` itself."""
    version = click.Option(["--version"], is_flag=True, help="Show the version.")
    return Program(
        NAME,
        params=[version, *host_options(), help_option()],
        add_help_option=False,
        no_args_is_help=False,
        invoke_without_command=True,
    )


def _run(around: Surroundings) -> int:
    argv = list(around.argv)
    if argv[:1] == ["help"]:
        argv = [*argv[1:2], "--help"]
    group = program()
    try:
        whole = without_loop(group.make_context(NAME, argv, obj=around))
        if whole.params.get("version") or not whole.args:
            around.terminal.print(pvdify.__version__ if whole.params.get("version") else overview())
            return 0
        name, found, rest = without_loop(group.resolve_command(whole, whole.args))
        if not isinstance(found, Command):
            raise TypeError(name)
        part = without_loop(found.make_context(name, rest, parent=whole))
    except click.exceptions.Exit as ending:
        return ending.exit_code
    if not found.waits:
        return without_loop(_invoked(whole, part)) or 0
    import anyio

    return anyio.run(_invoked, whole, part, backend=BACKEND) or 0


async def _invoked(whole: click.Context, part: click.Context) -> int | None:
    async with whole, part:
        status: int | None = await part.command.invoke(part)
        return status


def _completed(around: Surroundings) -> int:
    from asyncclick.shell_completion import shell_complete

    instruction = around.environ[COMPLETE_VARIABLE]
    return without_loop(shell_complete(program(), {"obj": around}, NAME, COMPLETE_VARIABLE, instruction))


def without_loop(steps: Coroutine[Any, Any, T]) -> T:
    """The answer of a coroutine that never waits: click's parsing, help and completion are such, and need no event loop."""
    try:
        steps.send(None)
    except StopIteration as end:
        answer: T = end.value
        return answer
    steps.close()
    raise RuntimeError("click waited for something before a command ran")
