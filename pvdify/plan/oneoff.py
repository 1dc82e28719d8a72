"""The argument vector of a one-off container: what an instance of the release gets, with another command and no port."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pvdify.model.manifest import IDS_COUNT, AppRow
from pvdify.model.names import WEB, slice_unit, volume_name
from pvdify.model.quantity import percent
from pvdify.render.tree import environment_words

if TYPE_CHECKING:
    from pvdify.model.release import Release, ReleaseProcess


def one_off(
    row: AppRow,
    release: Release,
    *,
    name: str,
    command: tuple[str, ...],
    interactive: bool,
    state: str,
    run: str,
) -> tuple[str, ...]:
    """`systemd-run --scope … podman run …`: in the app's slice and under its limits, and a child of whoever types it.

    As a service it would go on running when its terminal goes away.
    """
    process = release.processes.get(WEB) or next(iter(release.processes.values()))
    return (
        "systemd-run",
        "--quiet",
        "--collect",
        "--scope",
        "--expand-environment=no",  # what the operator wrote goes to Podman as it is
        f"--unit={name}.scope",
        f"--slice={slice_unit(row.name)}",
        "--property=Delegate=yes",
        *_limits(process),
        "podman",
        f"--root={state}/storage",
        f"--runroot={run}/containers",
        "--transient-store",
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
            for one in process.volumes
        ),
        release.image,
        *command,
    )


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
