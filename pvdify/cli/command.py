"""How a command is declared: its function, its words and options, and an example; `--json`, `--host` and the rest come by themselves."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import asyncclick as click

from pvdify.cli.addressing import Typed, Words, addressed
from pvdify.cli.choice import Said
from pvdify.cli.commands import spelled_apart
from pvdify.cli.project import default_app
from pvdify.cli.session import Session
from pvdify.cli.surroundings import APP_VARIABLE, Surroundings
from pvdify.cli.usage import usage_error

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from asyncclick.shell_completion import CompletionItem

TAIL: Final = "pvdify.tail"
_WHOM: Final = {"url": "api_url", "host": "host", "state": "state", "token": "token"}
Function = Callable[..., Awaitable[int | None]]


class Command(click.Command):
    """A command whose help ends in examples, and which knows what followed a `--`."""

    examples: tuple[str, ...] = ()
    is_addressed: bool = False
    is_command_line: bool = False
    waits: bool = True

    async def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Set aside what follows the first `--`."""
        if not self.is_addressed and args and (meant := spelled_apart(self.name or "", args[0])):
            raise usage_error(f"cannot read {args[0]!r} here", hint=f"did you mean `pvdify {meant}`?")
        if "--" in args:
            cut = args.index("--")
            ctx.meta[TAIL] = tuple(args[cut + 1 :])
            args = args[:cut]
        elif self.is_command_line:
            ctx.allow_interspersed_args = False
        return await super().parse_args(ctx, args)

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002 - click's
        """Show the examples as they are typed."""
        with formatter.section("Examples" if len(self.examples) > 1 else "Example"):
            for example in self.examples:
                formatter.write(f"{'':>{formatter.current_indent}}{example}\n")


def command(
    name: str,
    *params: click.Parameter,
    examples: Sequence[str],
    words: Words | None = None,
    changes: bool = False,
    needs_host: bool = True,
    waits: bool | None = None,
) -> Callable[[Function], Command]:
    """Make a function the command *name*.

    With *words* it is about one app: the function finds `session.app` and `session.words`. One that *changes* has `--wait`.
    One that *needs* no *host* is not connected, and does not wait for anything unless it says that it *waits*.
    """

    def declared(function: Function) -> Command:
        own = [_app_words(words), _app_option()] if words is not None else []
        other = "another operation" if words is None else "another operation on the app"
        wait = [_flag("--wait", f"Wait for {other} instead of refusing.")] if changes else []
        made = Command(
            name,
            callback=_callback(name, function, words, needs_host=needs_host),
            params=[
                *own,
                *params,
                *wait,
                _flag("--json", "Answer with one JSON object."),
                *host_options(),
                help_option(),
            ],
            help=function.__doc__,
            add_help_option=False,
        )
        made.examples = tuple(examples)
        made.is_addressed = words is not None
        made.is_command_line = words is not None and words.is_command
        made.waits = needs_host if waits is None else waits
        return made

    return declared


def host_options() -> tuple[click.Option, ...]:
    """Whom to ask; before and after the command's name."""
    return (
        click.Option(["--host"], metavar="NAME", help="A host that was logged in to (or PVDIFY_HOST)."),
        click.Option(["--api-url"], metavar="URL", help="The address of a host (or PVDIFY_API_URL)."),
        click.Option(
            ["--token"], metavar="TOKEN", help="A token for it (rather in PVDIFY_TOKEN: others see this one)."
        ),
        click.Option(
            ["--state"],
            metavar="DIR",
            type=click.Path(path_type=Path, file_okay=False),
            help="The state directory (or PVDIFY_STATE; default /var/lib/pvdify).",
        ),
    )


def help_option() -> click.Option:
    """`--help`, shown where the surroundings say."""

    def show(ctx: click.Context, _param: click.Parameter, value: object) -> None:
        if value and not ctx.resilient_parsing:
            around = ctx.find_object(Surroundings) or _without_surroundings()
            around.terminal.print(ctx.get_help())
            raise click.exceptions.Exit

    return click.Option(
        ["-h", "--help"], is_flag=True, is_eager=True, expose_value=False, callback=show, help="Show this help."
    )


def _callback(
    name: str, function: Function, words: Words | None, *, needs_host: bool
) -> Callable[..., Awaitable[int | None]]:
    @click.pass_context
    async def callback(ctx: click.Context, /, **values: Any) -> int | None:
        around: Surroundings = ctx.find_object(Surroundings) or _without_surroundings()
        session = Session(
            around=around,
            command=name,
            said=_said(values, ctx.parent.params if ctx.parent else {}),
            is_json=values.pop("json"),
            waits=values.pop("wait", False),
            is_secret=words is not None and words.is_secret,
        )
        if not needs_host:
            return await function(session, **values)
        if words is None:
            async with session.connected():
                return await function(session, **values)
        typed = Typed(
            command=name,
            before=values.pop("app_and_words"),
            after=ctx.meta.get(TAIL),
            app=values.pop("app"),
        )
        async with session.connected():
            found = await addressed(
                typed,
                words,
                default=lambda: around.environ.get(APP_VARIABLE) or default_app(around.directory),
                exists=session.has_app,
            )
            session.app, session.words = found.app, found.words
            return await function(session, **values)

    return callback


def _said(own: dict[str, Any], before: Mapping[str, Any]) -> Said:
    """Whom to ask: what stands behind the command's name wins, as a whole, over what stands before it."""
    said = Said(**{name: own.pop(option) for name, option in _WHOM.items()})
    earlier = Said(**{name: before.get(option) for name, option in _WHOM.items()})
    ways = earlier if said == replace(Said(), token=said.token) else said
    return replace(ways, token=said.token or earlier.token)


def _app_words(words: Words) -> click.Argument:
    return click.Argument(
        ["app_and_words"],
        nargs=-1,
        metavar=f"[APP] {words.usage}".rstrip(),
        shell_complete=_apps,
    )


def _app_option() -> click.Option:
    return click.Option(
        ["-a", "--app", "app"],
        metavar="APP",
        shell_complete=_apps,
        help="The app (or the first word, PVDIFY_APP, or app = in ./pvdify.toml).",
    )


def _flag(name: str, about: str) -> click.Option:
    return click.Option([name], is_flag=True, help=about)


def _apps(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem | str]:
    around = ctx.find_object(Surroundings)
    is_first = isinstance(param, click.Option) or not ctx.params.get(param.name or "")
    if around is None or not is_first:
        return []
    state = ctx.params.get("state") or around.state
    return [app for app in around.app_names(state) if app.startswith(incomplete)]


def _without_surroundings() -> Surroundings:
    raise RuntimeError("a command was called without its surroundings")
