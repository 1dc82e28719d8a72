"""Config: show it, compare two versions, and set it: a new version, and a release with it."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import anyio
import msgspec

from pvdify.errors import PreconditionError, PvdifyError, SpecError
from pvdify.model.answers import Changed
from pvdify.model.config import Difference, difference, merged
from pvdify.model.config_answers import Config, ConfigDiff, ConfigVersion, ConfigVersions
from pvdify.model.event import Outcome
from pvdify.ops.apply import release_again
from pvdify.ops.beside import beside
from pvdify.ops.explain import says_unchanged
from pvdify.ops.publish import programs, publish, ready_to_render
from pvdify.ops.recover import recover
from pvdify.ops.vault import keep_config, pinned_config, read_config, salt, with_config

if TYPE_CHECKING:
    from pvdify.model.config import ConfigDocument, ConfigMeta, ConfigPin
    from pvdify.model.manifest import AppRow, Manifest
    from pvdify.model.requests import DiffConfig, ForApp, SetConfig, ShowConfig, UnsetConfig
    from pvdify.model.slot import Slot
    from pvdify.ops.host import Host
    from pvdify.ops.running import Running


async def show_config(host: Host, request: ShowConfig) -> Config:
    """The config that the next release gets, or an older version: its names, and with *reveal* what they hold."""
    app, row = request.app, host.row(request.app)
    version = request.version or (row.config.version if row.config else None)
    live = _live_version(host, row)
    if version is None:
        return Config(app=app, version=None, live_version=live, vars={}, files={}, sizes={})
    meta = _proven(host, row, version)
    shown = Config(
        app=app,
        version=version,
        live_version=live,
        vars=dict.fromkeys(meta.keys),
        files=dict.fromkeys(meta.files),
        sizes=dict(meta.files),
        created_at=meta.created_at,
        created_by=meta.created_by,
    )
    if not request.reveal:
        return shown
    document = await read_config(host, app, meta)
    return msgspec.structs.replace(shown, vars=dict(document.vars), files=dict(document.files))


async def list_versions(host: Host, request: ForApp) -> ConfigVersions:
    """Every config version of an app, newest first."""
    row = host.row(request.app)
    await anyio.lowlevel.checkpoint()
    metas = (host.state.configs.meta(request.app, version) for version in host.state.configs.versions(request.app))
    used: dict[int, int] = {}
    for version in reversed(host.state.releases(request.app)):
        pin = host.state.release(request.app, version).config
        if pin is not None:
            used[pin.version] = version
    return ConfigVersions(
        app=request.app,
        version=row.config.version if row.config else None,
        live_version=_live_version(host, row),
        versions=tuple(
            ConfigVersion(
                version=meta.version,
                vars=len(meta.keys),
                files=len(meta.files),
                release=used.get(meta.version),
                created_at=meta.created_at,
                created_by=meta.created_by,
            )
            for meta in metas
        ),
    )


async def diff_config(host: Host, request: DiffConfig) -> ConfigDiff:
    """What is other in one config version than in another, by name."""
    row = host.row(request.app)
    before = await read_config(host, request.app, _proven(host, row, request.version))
    after = await read_config(host, request.app, _proven(host, row, request.other))
    found = difference(before, after)
    return ConfigDiff(
        app=request.app,
        version=request.version,
        other=request.other,
        added=found.added,
        removed=found.removed,
        changed=found.changed,
    )


async def unset_config(host: Host, running: Running, request: UnsetConfig) -> Changed:
    """Forget one variable."""
    from pvdify.model.requests import SetConfig

    return await set_config(host, running, SetConfig(app=request.app, vars={request.key: None}, deploy=request.deploy))


async def set_config(host: Host, running: Running, request: SetConfig) -> Changed:
    """Make a new version of the config, and a release of the live image with it; what is set already changes nothing.

    Without *deploy*, with no release yet, and where the app is stopped, the next release gets it. What waited so far is released as well.
    """
    app = request.app
    await recover(host, running, app)
    row, slot = host.row(app), host.slot(app)
    _check_base(row, request)
    async with running.step("config"):
        before = await pinned_config(host, app, row.config)
        request = _with_files(request, before)
        after = merged(
            before,
            app=app,
            version=_next_version(host, row),
            salt=salt(),
            variables=request.vars,
            files=request.files,
        )
        change = difference(before, after)
        _check_unset(request, change)
        if not change and not (request.deploy and _waits(host, row)):
            return _unchanged(host, running, row, slot)
        pin = await _new_version(host, running, after, change) if change else None
    if pin is None:
        changed = await release_again(host, running, slot)
        return msgspec.structs.replace(changed, text=f"the config of {app} was so already, and {changed.text}")
    if not request.deploy or row.live is None or row.is_stopped:
        return await _kept(host, running, row, slot, pin, change)
    try:
        changed = await release_again(host, running, slot, note=partial(with_config, pin), pin=lambda _row: pin)
    except PvdifyError as error:
        if not running.has_switched and not running.is_between:
            says_unchanged(error, _as_before(row, pin))
        raise
    text = f"c{pin.version} of {app} is set ({change.words()}), and {changed.text}"
    return msgspec.structs.replace(changed, text=text, config=pin.version)


async def _new_version(host: Host, running: Running, document: ConfigDocument, change: Difference) -> ConfigPin:
    """Keep *document* as a version, with all made ready meanwhile that publishing it takes."""
    meta = await beside(
        lambda: keep_config(host, document, actor=running.actor, operation=running.id),
        lambda: programs(host),
        ready_to_render,
    )
    running.note(f"c{meta.version}: {change.words()}", data={"config": meta.version})
    return meta.pin()


def _waits(host: Host, row: AppRow) -> bool:
    """Whether the app runs, and with another config than its next release gets."""
    return row.live is not None and not row.is_stopped and host.state.release(row.name, row.live).config != row.config


def _next_version(host: Host, row: AppRow) -> int:
    """One more than every version that is kept, or that is named anywhere."""
    pins = [row.config, *(host.state.release(row.name, one).config for one in {row.live, row.warm} - {None} if one)]
    return max([0, *host.state.configs.versions(row.name), *(pin.version for pin in pins if pin)]) + 1


def _proven(host: Host, row: AppRow, version: int) -> ConfigMeta:
    """What is known of a version; where it is in force, it must be the one that was set."""
    releases = (host.state.release(row.name, one) for one in (row.live, row.warm) if one is not None)
    for pin in (row.config, *(release.config for release in releases)):
        if pin is not None and pin.version == version:
            return host.state.configs.pinned(row.name, pin)
    return host.state.configs.meta(row.name, version)


def _live_version(host: Host, row: AppRow) -> int | None:
    pin = host.state.release(row.name, row.live).config if row.live is not None else None
    return pin.version if pin else None


def _check_base(row: AppRow, request: SetConfig) -> None:
    found = row.config.version if row.config else 0
    if request.base is not None and request.base != found:
        raise PreconditionError(
            f"cannot change the config of {row.name}: it is c{found} by now, and not c{request.base}",
            hint=f"look at it again: `pvdify config {row.name}`",
        )


def _with_files(request: SetConfig, before: ConfigDocument | None) -> SetConfig:
    """*request*, which forgets a file where it names one as a variable that there is not."""
    gone = {key for key, value in request.vars.items() if value is None}
    files = dict.fromkeys(sorted(gone & before.files.keys() - before.vars.keys())) if before else {}
    variables = {key: value for key, value in request.vars.items() if key not in files}
    return msgspec.structs.replace(request, vars=variables, files={**files, **request.files})


def _check_unset(request: SetConfig, change: Difference) -> None:
    """Refuse to forget what is not there: it is a typo."""
    gone = {key: f"/vars/{key}" for key, value in request.vars.items() if value is None}
    gone |= {f"secrets/{name}": f"/files/{name}" for name, data in request.files.items() if data is None}
    if unknown := sorted(gone.keys() - set(change.removed)):
        raise SpecError(
            f"cannot unset {unknown[0]}: {request.app} has no such variable or file",
            pointer=gone[unknown[0]],
            hint=f"see `pvdify config {request.app}`",
        )


def _as_before(row: AppRow, pin: ConfigPin) -> str:
    before = f"its config is c{row.config.version} as before" if row.config else "it has no config, as before"
    return f"c{pin.version} of {row.name} is not in force, {before}"


def _comes_next(row: AppRow, slot: Slot) -> str:
    """That the next release gets the config, and what makes one."""
    image = "" if row.live is not None or slot.image else " --image IMAGE"
    return f"the next release gets it: `pvdify deploy {row.name}{image}` makes one"


def _unchanged(host: Host, running: Running, row: AppRow, slot: Slot) -> Changed:
    version = row.config.version if row.config else None
    is_waiting = row.live is not None and _live_version(host, row) != version
    text = f"the config of {row.name} is so already; " + (_comes_next(row, slot) if is_waiting else "nothing to do")
    return Changed(
        operation=running.id, outcome=Outcome.UNCHANGED, text=text, app=row.name, release=row.live, config=version
    )


async def _kept(host: Host, running: Running, row: AppRow, slot: Slot, pin: ConfigPin, change: Difference) -> Changed:
    """Let the next release have *pin*."""
    app = row.name

    async def new_row(manifest: Manifest) -> AppRow | None:
        await anyio.lowlevel.checkpoint()
        return with_config(pin, msgspec.structs.replace(manifest.apps[app], updated_at=host.now()))

    with anyio.CancelScope(shield=True):
        async with running.step("switch"):
            await publish(host, running, app=app, change=new_row, reason=f"{app}: set config c{pin.version}")
            running.has_switched = True
    text = f"c{pin.version} of {app} is set ({change.words()}); {_comes_next(row, slot)}"
    return Changed(
        operation=running.id,
        outcome=Outcome.DONE,
        text=text,
        app=app,
        generation=running.generation,
        config=pin.version,
    )
