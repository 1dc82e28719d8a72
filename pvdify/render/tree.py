"""The files of a generation, from the rows of its manifest and the releases that they name."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from pvdify.errors import RenderError, SpecError
from pvdify.model.config import ENV
from pvdify.model.image import image_ref
from pvdify.model.names import (
    RELEASE_PROCESS,
    WEB,
    Instance,
    slice_unit,
    target_unit,
    volume_name,
)
from pvdify.model.quantity import seconds
from pvdify.model.release import Release, ReleaseProcess
from pvdify.render.environment import rendered
from pvdify.render.pages import everybody_s, own_page, page_path
from pvdify.render.quoting import CARRIED
from pvdify.render.router import router_text
from pvdify.render.views import AppTargetView, ContainerView, CredentialView, HostTargetView, SecretFileView

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pvdify.model.edge import EdgeSettings
    from pvdify.model.manifest import AppRow, InstanceRow
    from pvdify.model.page import Page
    from pvdify.model.place import Place
    from pvdify.model.slot import Volume

START_SECONDS: Final = 90
KILL_AFTER: Final = 5
LARGEST: Final = 1_000_000
"""systemd reads lines of up to 1 MiB, and everything of a container ends up in one line."""
ROUTER: Final = "haproxy/haproxy.cfg"
ROUTER_FOLDER: Final = "haproxy/"
"""All in it is read by the router."""
HOST_TARGET: Final = "systemd/pvdify.target"


@dataclass(frozen=True, slots=True, order=True)
class Artefact:
    """One rendered file; *path* is inside the generation."""

    path: str
    text: str


def app_artefacts(app: AppRow, releases: Mapping[int, Release], place: Place) -> tuple[Artefact, ...]:
    """Render all of one app: its target, and a container for each instance that its row names."""
    missing = {row.release for row in app.instances} - releases.keys()
    if missing:
        versions = ", ".join(f"v{version}" for version in sorted(missing))
        raise RenderError(f"cannot render {app.name}: {versions} of it was not given")
    instances = (instance_artefact(releases[row.release], app, row, place) for row in app.instances)
    return tuple(sorted((target_artefact(app, place), *instances)))


def made_of(app: AppRow) -> tuple[object, ...]:
    """What of a row the app's own artefacts are made of: nothing else changes them."""
    return app.name, app.environment, app.ids, app.live, app.is_stopped, app.instances


def host_artefacts(apps: Mapping[str, AppRow], edge: EdgeSettings, place: Place) -> tuple[Artefact, ...]:
    """Render what the host has once: the router's configuration, the pages that it shows, and the target of all apps."""
    pages = everybody_s()
    host = HostTargetView(targets=tuple(target_unit(name) for name in sorted(apps) if not apps[name].is_stopped))
    return (
        Artefact(ROUTER, router_text(apps, edge, place, pages)),
        *(Artefact(path, text) for path, text in sorted(pages.items())),
        Artefact(HOST_TARGET, rendered("systemd/pvdify.target.j2", host)),
    )


def page_artefact(app: str, page: Page, html: bytes) -> Artefact:
    """Render the page that an operator wrote for *app*."""
    return Artefact(page_path(page, app), own_page(app, page, html))


def target_artefact(app: AppRow, place: Place) -> Artefact:  # noqa: ARG001 -- as its siblings
    """Render the target of one app, which wants exactly the live instances."""
    live = () if app.is_stopped else app.live_instances()
    view = AppTargetView(
        app=app.name,
        environment=app.environment.value,
        release=f"v{app.live}" if app.live else "",
        units=tuple(row.instance(app.name).unit for row in sorted(live, key=lambda row: row.order)),
        is_stopped=app.is_stopped,
    )
    return Artefact(f"systemd/{target_unit(app.name)}", rendered("systemd/app.target.j2", view))


def instance_artefact(release: Release, app: AppRow, row: InstanceRow, place: Place) -> Artefact:
    """Render the container of one instance: the same bytes whether it is live or warm."""
    instance = row.instance(app.name)
    if row.release != release.version or row.process not in release.processes:
        raise RenderError(f"cannot render {instance.name}: {_name(release)} has no such process")
    if row.process == WEB and not row.port:
        raise RenderError(f"cannot render {instance.name}: it has no port yet")
    publish = f"127.0.0.1:{row.port}:{release.port}" if row.process == WEB else ""
    process = release.processes[row.process]
    view = _container(release, process, instance, app.ids, place, publish=publish)
    return _container_artefact(instance, view)


def release_command_artefact(release: Release, app: AppRow, place: Place) -> Artefact:
    """Render the release command as a unit that runs once, with the volumes and limits of `web`.

    Without a `web` they are those of the first process by name.
    """
    instance = release_command_instance(release)
    if not release.release_command:
        raise RenderError(f"cannot render {instance.name}: {_name(release)} has no release command")
    model = release.processes.get(WEB) or release.processes[min(release.processes)]
    process = ReleaseProcess(command=release.release_command, resources=model.resources, volumes=model.volumes)
    view = _container(release, process, instance, app.ids, place, publish="")
    return _container_artefact(instance, view)


def release_command_instance(release: Release) -> Instance:
    """Name the unit that runs the release command of *release*."""
    return Instance(release.app, release.version, RELEASE_PROCESS, 1)


def environment_of(release: Release, instance: Instance) -> dict[str, str]:
    """List what a process finds in its environment besides the image's own and the config, by name."""
    own = {
        "PORT": str(release.port),
        "PVDIFY_APP": release.app,
        "PVDIFY_ENVIRONMENT": release.environment.value,
        "PVDIFY_INSTANCE": instance.short,
        "PVDIFY_PROCESS": instance.process,
        "PVDIFY_RELEASE": f"v{release.version}",
    }
    return dict(sorted((release.visible_env | own).items()))


def environment_words(variables: Mapping[str, str]) -> tuple[str, ...]:
    r"""Write *variables* as `--env` of Podman takes them.

    Podman keeps what `--env` says as CSV for a while and reads it back, in which CR LF turns into LF: it is given a CR
    more to lose.

    >>> environment_words({"LINES": "one\r\ntwo\n"})
    ('LINES=one\r\r\ntwo\n',)
    """
    return tuple(f"{name}={value}".replace("\r\n", "\r\r\n") for name, value in variables.items())


def volume_words(app: str, volumes: tuple[Volume, ...]) -> tuple[str, ...]:
    """Write *volumes* of *app* as Podman takes them: `pvdify-blog-data:/data:ro`."""
    return tuple(
        f"{volume_name(app, volume.name)}:{volume.path}{':ro' if volume.read_only else ''}"
        for volume in sorted(volumes, key=lambda one: (one.path, one.name))
    )


def credentials(release: Release, place: Place) -> dict[str, tuple[str, str]]:
    """The sealed parts of the config of *release*: for each the name that it is sealed under, and its file."""
    pin = release.config
    if pin is None:
        return {}
    directory = f"{place.state}/apps/{release.app}/config/c{pin.version}"
    return {part: (pin.credential(release.app, part), f"{directory}/{part}.cred") for part in pin.parts()}


def _container(
    release: Release,
    process: ReleaseProcess,
    instance: Instance,
    first_id: int,
    place: Place,
    *,
    publish: str,
) -> ContainerView:
    is_oneshot = instance.process == RELEASE_PROCESS
    sealed = credentials(release, place)
    stop = math.ceil(seconds(release.stop))
    start = math.ceil(seconds(release.release_timeout)) if is_oneshot else START_SECONDS
    return ContainerView(
        app=release.app,
        release=f"v{release.version}",
        process=instance.process,
        instance=instance.short,
        target=target_unit(release.app),
        slice=slice_unit(release.app),
        image=_pinned(release),
        publish=publish,
        environment=environment_words(environment_of(release, instance)),
        credentials=tuple(CredentialView(name=name, path=path) for name, path in sealed.values()),
        env_credential=sealed[ENV][0] if sealed else "",
        secret_files=tuple(
            SecretFileView(name=part, credential=name) for part, (name, _) in sealed.items() if part != ENV
        ),
        command=process.command,
        carriers=tuple(f"{name}={value}" for value, name in CARRIED.items() if value in process.command),
        first_id=first_id,
        capabilities=release.capabilities,
        volumes=volume_words(release.app, process.volumes),
        storage=f"{place.state}/storage",
        runroot=f"{place.run}/containers",
        watch=release.watch,
        start_seconds=start,
        stop_seconds=stop,
        kill_seconds=stop + KILL_AFTER,
        memory=process.resources.memory or "",
        cpu_percent=max(1, round(process.resources.cpu * 100)) if process.resources.cpu else 0,
        tasks=process.resources.tasks or 0,
        is_oneshot=is_oneshot,
    )


def _pinned(release: Release) -> str:
    try:
        reference = image_ref(release.image)
    except SpecError as error:
        raise RenderError(f"cannot render {_name(release)}: {error.message}") from error
    if not reference.digest:
        raise RenderError(f"cannot render {_name(release)}: the image {release.image!r} has no digest")
    return reference.pinned(reference.digest)


def _name(release: Release) -> str:
    return f"v{release.version} of {release.app}"


def _container_artefact(instance: Instance, view: ContainerView) -> Artefact:
    text = rendered("quadlet/instance.container.j2", view)
    if len(text.encode()) > LARGEST:
        raise RenderError(f"cannot render {instance.name}: its command and variables are more than systemd reads, 1 MB")
    return Artefact(instance.quadlet, text)
