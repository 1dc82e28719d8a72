"""The argument vector of a one-off container: what an instance of the release gets, with another command and no port."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final

from pvdify.model.config import ENV
from pvdify.model.manifest import IDS_COUNT, AppRow
from pvdify.model.names import WEB, slice_unit, volume_name
from pvdify.model.quantity import percent, seconds
from pvdify.render.tree import credentials, environment_words

if TYPE_CHECKING:
    from pvdify.model.place import Place
    from pvdify.model.release import Release, ReleaseProcess

HOST_SERVICE: Final = "pvdify-host.service"
_CREDENTIALS: Final = "/run/credentials"
_FILES: Final = "/run/pvdify-files"
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

    As a service it would go on running when its terminal goes away. But only a service is given credentials: where there is config, one
    beside the scope has it, and ends with it.
    """
    scope = (*_systemd_run(row, release), "--scope", f"--unit={name}.scope")
    podman = _podman_run(row, release, name=name, command=command, interactive=interactive, place=place)
    if release.config is None:
        return *scope, *podman
    keeper = _keeper(row, release, name=name, place=place)
    return *scope, f"{place.state}/libexec/{place.version}/beside", str(len(keeper)), *keeper, *podman


def piped_one_off(
    row: AppRow, release: Release, *, name: str, command: tuple[str, ...], timeout: int, place: Place
) -> tuple[str, ...]:
    """`systemd-run --pipe … podman run …`: a service, so that nothing of whoever asks is the container's, neither sandbox nor control group.

    systemd ends it when its time is over, and with the service that was asked for it: nobody is there any more who waits for it.
    """
    removal = _removal(release, name, place)
    return (
        *_systemd_run(row, release),
        "--wait",
        "--pipe",
        "--service-type=exec",
        f"--unit={name}.service",
        f"--property=BindsTo={HOST_SERVICE}",
        f"--property=RuntimeMaxSec={timeout + _GRACE}",
        f"--property=TimeoutStopSec={_stop(release) + _GRACE}",
        "--property=KillMode=mixed",
        "--property=LimitCORE=0",
        f"--property=ExecStop={removal}",
        f"--property=ExecStopPost={removal}",
        *_loaded(release, name, place),
        "--setenv=HOME=/root",
        *_podman_run(row, release, name=name, command=command, interactive=False, place=place),
    )


def _keeper(row: AppRow, release: Release, *, name: str, place: Place) -> tuple[str, ...]:
    """`systemd-run …`, for what starts it from the scope: it has the config until the scope is gone, or whoever typed the command.

    Those who are killed remove nothing: then it removes the container as well, and so ends the scope.
    """
    return (
        "systemd-run",
        "--quiet",
        "--collect",
        "--no-ask-password",
        "--service-type=exec",
        f"--slice={slice_unit(row.name)}",
        f"--unit={name}.service",
        f"--description=Config of a one-off command of {row.name}",
        f"--property=BindsTo={name}.scope",
        f"--property=After={name}.scope",
        f"--property=TimeoutStopSec={_stop(release) + _GRACE}",
        f"--property=ExecStopPost={_removal(release, name, place)}",
        *_loaded(release, name, place),
    )


def _loaded(release: Release, name: str, place: Place) -> tuple[str, ...]:
    """What has systemd open the config for the service *name*, and copy its files to where the container's user may read them."""
    sealed = credentials(release, place)
    files = " ".join(
        f"{_CREDENTIALS}/{name}.service/{credential}" for part, (credential, _) in sealed.items() if part != ENV
    )
    copied = (
        f"--property=RuntimeDirectory={_FILES.removeprefix('/run/')}/{name}",
        "--property=RuntimeDirectoryMode=0700",
        f"--property=ExecStartPre=install -m 0444 -t {_FILES}/{name} {files}",
    )
    loaded = (f"--property=LoadCredentialEncrypted={credential}:{path}" for credential, path in sealed.values())
    return (*loaded, *(copied if files else ()))


def _removal(release: Release, name: str, place: Place) -> str:
    """End the container, and remove it.

    Podman does not remove one whose conmon was killed before it has said so, once. What it writes must not go where nobody reads any more.
    """
    once = f"podman {' '.join(_store(place))} rm --force --ignore --time={_stop(release)} {name} >/dev/null 2>&1"
    return f'-sh -c "{once} || {once}"'


def _stop(release: Release) -> int:
    return math.ceil(seconds(release.stop))


def _systemd_run(row: AppRow, release: Release) -> tuple[str, ...]:
    return (
        "systemd-run",
        "--quiet",
        "--collect",
        "--expand-environment=no",  # what the operator wrote goes to Podman as it is
        f"--description=One-off command of {row.name}",
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
        "--ulimit=core=0:0",
        f"--uidmap=0:{row.ids}:{IDS_COUNT}",
        f"--gidmap=0:{row.ids}:{IDS_COUNT}",
        *_capabilities(release),
        *_environment(row, release),
        *_config(release, name, place),
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
    return tuple(f"--env={word}" for word in environment_words(dict(sorted({**release.visible_env, **own}.items()))))


def _config(release: Release, name: str, place: Place) -> tuple[str, ...]:
    """Where the config is opened for the command's service: the variables, and a volume for each file."""
    return tuple(
        f"--env-file={_CREDENTIALS}/{name}.service/{credential}"
        if part == ENV
        else f"--volume={_FILES}/{name}/{credential}:/run/secrets/{part}:ro"
        for part, (credential, _) in credentials(release, place).items()
    )
