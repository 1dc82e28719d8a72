"""The argument vector of a one-off container: what an instance of the release gets, with another command and no port."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final

from pvdify.model.manifest import IDS_COUNT, AppRow
from pvdify.model.names import WEB, slice_unit, volume_name
from pvdify.model.quantity import percent, seconds
from pvdify.render.tree import environment_words

if TYPE_CHECKING:
    from pvdify.model.place import Place
    from pvdify.model.release import Release, ReleaseProcess

HOST_SERVICE: Final = "pvdify-host.service"
_GRACE: Final = 5


def one_off(
    row: AppRow,
    release: Release,
    *,
    name: str,
    command: tuple[str, ...],
    interactive: bool,
    place: Place,
) -> tuple[str, ...]:
    """`systemd-run --scope … podman run …`: in the app's slice and under its limits, and a child of whoever types it.

    As a service it would go on running when its terminal goes away.
    """
    return (
        *_systemd_run(row, release),
        "--scope",
        f"--unit={name}.scope",
        *_podman_run(row, release, name=name, command=command, interactive=interactive, place=place),
    )


def piped_one_off(
    row: AppRow, release: Release, *, name: str, command: tuple[str, ...], timeout: int, place: Place
) -> tuple[str, ...]:
    """`systemd-run --pipe … podman run …`: a service, so that nothing of whoever asks is the container's, neither sandbox nor control group.

    systemd ends it when its time is over, and with the service that was asked for it: nobody is there any more who waits for it.
    """
    stop = math.ceil(seconds(release.stop))
    removal = _removal(name, stop, place)
    return (
        *_systemd_run(row, release),
        "--wait",
        "--pipe",
        "--service-type=exec",
        f"--unit={name}.service",
        f"--description=One-off command of {row.name}",
        f"--property=BindsTo={HOST_SERVICE}",
        f"--property=RuntimeMaxSec={timeout + _GRACE}",
        f"--property=TimeoutStopSec={stop + _GRACE}",
        "--property=KillMode=mixed",
        f'--property=ExecStop=-sh -c "{removal}"',
        f'--property=ExecStopPost=-sh -c "{removal}"',
        "--setenv=HOME=/root",
        *_podman_run(row, release, name=name, command=command, interactive=False, place=place),
    )


def _removal(name: str, stop: int, place: Place) -> str:
    """End the container, and remove it.

    Podman does not remove one whose conmon was killed before it has said so, once. What it writes must not go where nobody reads any more.
    """
    once = f"podman {' '.join(_store(place))} rm --force --ignore --time={stop} {name} >/dev/null 2>&1"
    return f"{once} || {once}"


def _systemd_run(row: AppRow, release: Release) -> tuple[str, ...]:
    return (
        "systemd-run",
        "--quiet",
        "--collect",
        "--expand-environment=no",  # what the operator wrote goes to Podman as it is
        f"--slice={slice_unit(row.name)}",
        "--property=Delegate=yes",
        *_limits(_model(release)),
    )


def _podman_run(
    row: AppRow, release: Release, *, name: str, command: tuple[str, ...], interactive: bool, place: Place
) -> tuple[str, ...]:
    return (
        "podman",
        *_store(place),
        "run",
        "--rm",
        "--interactive",
        *(("--tty",) if interactive else ()),
        f"--name={name}",
        "--pull=never",
        "--cgroups=split",
        "--init",
        "--log-driver=none",
        "--security-opt=no-new-privileges",
        f"--uidmap=0:{row.ids}:{IDS_COUNT}",
        f"--gidmap=0:{row.ids}:{IDS_COUNT}",
        *_capabilities(release),
        *_environment(row, release),
        *(
            f"--volume={volume_name(row.name, one.name)}:{one.path}{':ro' if one.read_only else ''}"
            for one in _model(release).volumes
        ),
        release.image,
        *command,
    )


def _store(place: Place) -> tuple[str, ...]:
    return f"--root={place.state}/storage", f"--runroot={place.run}/containers", "--transient-store"


def _model(release: Release) -> ReleaseProcess:
    """Whose limits and volumes a command has."""
    return release.processes.get(WEB) or next(iter(release.processes.values()))


def _limits(process: ReleaseProcess) -> tuple[str, ...]:
    limits = process.resources
    return (
        *((f"--property=MemoryMax={limits.memory}",) if limits.memory else ()),
        *((f"--property=CPUQuota={percent(limits.cpu)}",) if limits.cpu else ()),
        *((f"--property=TasksMax={limits.tasks}",) if limits.tasks else ()),
    )


def _capabilities(release: Release) -> tuple[str, ...]:
    if release.capabilities is None:
        return ("--cap-drop=NET_RAW",)
    return ("--cap-drop=all", *(f"--cap-add={one}" for one in release.capabilities))


def _environment(row: AppRow, release: Release) -> tuple[str, ...]:
    own = {
        "PORT": str(release.port),
        "PVDIFY_APP": row.name,
        "PVDIFY_ENVIRONMENT": row.environment.value,
        "PVDIFY_PROCESS": "run",
        "PVDIFY_RELEASE": f"v{release.version}",
    }
    return tuple(f"--env={word}" for word in environment_words(dict(sorted({**release.env, **own}.items()))))
