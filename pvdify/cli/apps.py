"""`apps` and its kin."""

from __future__ import annotations

from typing import TYPE_CHECKING

import asyncclick as click

from pvdify.cli import tables
from pvdify.cli.addressing import NO_WORDS
from pvdify.cli.command import command
from pvdify.cli.usage import usage_error
from pvdify.errors import RefusedError
from pvdify.model.requests import CreateApp, DestroyApp, ForApp, Nothing
from pvdify.model.slot import Environment, words
from pvdify.operations import apps as operations

if TYPE_CHECKING:
    from pvdify.cli.session import Session
    from pvdify.model.answers import AppInfo, Apps, AppSummary


@command("apps", examples=("pvdify apps",))
async def apps(session: Session) -> None:
    """List the apps."""
    answer = await session.ask(operations.LIST, Nothing())
    session.show(answer, lambda: _table(answer))


@command(
    "apps:create",
    click.Argument(["name"]),
    click.Option(["--environment"], type=click.Choice([one.value for one in Environment]), default="production"),
    click.Option(["--bind-port"], type=int, metavar="PORT", help="The front, 3000 to 9999; a free one if not said."),
    click.Option(["--image"], metavar="IMAGE", help="What `pvdify deploy` takes without an image."),
    examples=("pvdify apps:create blog", "pvdify apps:create blog-staging --environment staging --bind-port 3010"),
    changes=True,
)
async def apps_create(
    session: Session, *, name: str, environment: str, bind_port: int | None, image: str | None
) -> None:
    """Create an app: a name and a front port, no release yet."""
    request = CreateApp(name=name, environment=Environment(environment), bind_port=bind_port, image=image)
    await session.change(operations.CREATE, request)


@command("apps:info", examples=("pvdify apps:info blog",), words=NO_WORDS)
async def apps_info(session: Session) -> None:
    """Show one app: what is declared, and what runs."""
    answer = await session.ask(operations.INFO, ForApp(app=session.app))
    session.show(answer, lambda: tables.facts(_facts(answer)))


@command(
    "apps:destroy",
    click.Option(["--confirm"], metavar="APP", help="Say the app's name here instead of typing it when asked."),
    click.Option(["--force"], is_flag=True, help="Do not ask."),
    click.Option(["--volumes"], is_flag=True, help="Remove its volumes and their data, too."),
    examples=("pvdify apps:destroy blog", "pvdify apps:destroy blog --confirm blog --volumes"),
    words=NO_WORDS,
    changes=True,
)
async def apps_destroy(session: Session, *, confirm: str | None, force: bool, volumes: bool) -> None:
    """Stop an app and forget it; its volumes stay unless told otherwise."""
    if not force:
        _confirmed(session, confirm, volumes=volumes)
    await session.change(operations.DESTROY, DestroyApp(app=session.app, volumes=volumes))


def _confirmed(session: Session, said: str | None, *, volumes: bool) -> None:
    app = session.app
    if said is None:
        if not session.terminal.is_interactive or session.is_json:
            raise usage_error(
                f"cannot destroy {app} without a confirmation",
                hint=f"type `pvdify apps:destroy {app} --confirm {app}`",
            )
        data = "and the data of its volumes" if volumes else "but for its volumes"
        said = session.terminal.ask(f"This removes {app}, {data}. Type its name to go on: ")
    if said != app:
        raise RefusedError(f"cannot destroy {app}: the confirmation says {said!r}", hint=f"say `--confirm {app}`")


def _table(answer: Apps) -> str:
    if not answer.apps:
        return "no apps yet; make one with `pvdify apps:create blog`"
    return tables.table(
        ("APP", "ENVIRONMENT", "STATUS", "RELEASE", "FRONT", "IMAGE"),
        (
            (
                app.name,
                app.environment.value,
                _status(app),
                tables.release(app.release),
                str(app.bind_port),
                tables.image(app.image) or "-",
            )
            for app in answer.apps
        ),
    )


def _status(app: AppSummary) -> str:
    remarks = ("maintenance" if app.in_maintenance else "", "edited" if app.is_edited else "")
    return ", ".join(one for one in (app.status.value, *remarks) if one)


def _facts(app: AppInfo) -> list[tuple[str, str]]:
    processes = (
        f"{name}={one.count}" + (f": {' '.join(words(one.command))}" if one.command else "")
        for name, one in sorted(app.processes.items())
    )
    limits = app.resources
    return [
        ("app", app.name),
        ("environment", app.environment.value),
        ("status", app.status.value),
        ("release", tables.release(app.release) + (f" (warm: v{app.warm})" if app.warm is not None else "")),
        ("config", tables.config(app.config_version) if app.config_version is not None else ""),
        ("image", app.image),
        ("maintenance", "visitors get a page" if app.in_maintenance else ""),
        ("front", f"127.0.0.1:{app.bind_port}"),
        ("port", str(app.port or "")),
        ("processes", "\n".join(processes)),
        ("domains", "\n".join(app.domains)),
        ("memory", str(limits.memory or "") if limits else ""),
        ("cpu", str(limits.cpu or "") if limits else ""),
        ("health", (app.healthcheck.path or app.healthcheck.type.value) if app.healthcheck else ""),
        ("env", "\n".join(f"{key}={value}" for key, value in sorted(app.env.items()))),
        ("drain", app.drain),
        ("stop", app.stop),
        ("release command", " ".join(app.release_command)),
        ("created", tables.moment(app.created_at)),
        ("updated", tables.moment(app.updated_at)),
        ("pending", "\n".join(app.pending_changes)),
    ]
