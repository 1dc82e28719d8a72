"""What a slot and an image make together: the next release."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

import msgspec

from pvdify.errors import SpecError
from pvdify.model.names import WEB
from pvdify.model.release import Release, ReleaseProcess
from pvdify.model.slot import Healthcheck, HealthType, Process, Resources, Slot, overlaps, words

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pvdify.model.config import ConfigMeta
    from pvdify.model.image import Image

DEFAULT_PORT: Final = 8080
PORT_LABEL: Final = "pvdify.port"
HEALTH_LABEL: Final = "pvdify.health"
_HEALTH_URL: Final = re.compile(
    r"https?://(?:localhost|127\.0\.0\.1|\[::1\])(?::(?P<port>\d+))?(?P<path>/[A-Za-z0-9._~!&=:@%/?-]*)?"
)


def release_of(
    slot: Slot, image: Image, *, pinned: str, source: str, version: int, config: ConfigMeta | None = None
) -> Release:
    """The release that *slot* makes of *image*; what the slot leaves open comes from the image.

    The port: the slot's, the label `pvdify.port`, the image's only (or lowest) `EXPOSE`, 8080.
    The health path: the slot's, the label `pvdify.health`, the local address that the image's `HEALTHCHECK` asks.
    """
    port = slot.port or _label_port(image) or (min(image.ports) if image.ports else DEFAULT_PORT)
    return Release(
        app=slot.name,
        version=version,
        image=pinned,
        source=source,
        environment=slot.environment,
        processes={name: _process(slot, process) for name, process in sorted(slot.processes.items())},
        port=port,
        healthcheck=_healthcheck(slot, image),
        env=dict(sorted(slot.env.items())),
        config=config.pin() if config else None,
        hidden_env=hidden(slot.env, config),
        capabilities=tuple(sorted(slot.capabilities)) if slot.capabilities is not None else None,
        release_command=words(slot.release_command),
        release_timeout=slot.release_timeout,
        drain=slot.drain,
        stop=slot.stop,
        settle=slot.settle,
        watch=slot.watch,
    )


def hidden(env: Mapping[str, str], config: ConfigMeta | None) -> tuple[str, ...]:
    """The names of *env* that *config* sets as well."""
    return tuple(sorted(env.keys() & set(config.keys))) if config else ()


def formation_of(slot: Slot) -> dict[str, int]:
    """How many instances of each process the slot declares."""
    return {name: process.count for name, process in sorted(slot.processes.items())}


def _process(slot: Slot, process: Process) -> ReleaseProcess:
    limits = slot.resources or Resources()
    own = process.resources or Resources()
    merged = Resources(
        memory=own.memory or limits.memory,
        cpu=own.cpu or limits.cpu,
        tasks=own.tasks or limits.tasks,
    )
    return ReleaseProcess(
        command=words(process.command),
        resources=merged,
        volumes=process.volumes,
        overlap=overlaps(process),
    )


def _label_port(image: Image) -> int | None:
    text = image.labels.get(PORT_LABEL, "")
    return int(text) if re.fullmatch(r"[1-9][0-9]{0,4}", text) and int(text) < 65_536 else None  # noqa: PLR2004


def _healthcheck(slot: Slot, image: Image) -> Healthcheck:
    declared = slot.healthcheck or Healthcheck()
    if WEB not in slot.processes or declared.path or declared.type is not HealthType.HTTP:
        return declared
    path = image.labels.get(HEALTH_LABEL) or _health_path(image.health_test)
    if not path:
        return declared
    try:
        return msgspec.convert(msgspec.to_builtins(declared) | {"path": path}, Healthcheck)
    except msgspec.ValidationError as error:
        message = f"cannot use the health path {path!r} that the image names: {error}"
        raise SpecError(message, pointer="/healthcheck/path", hint="declare `healthcheck.path` in the slot") from error


def _health_path(test: tuple[str, ...]) -> str:
    match = _HEALTH_URL.search(" ".join(test))
    return match["path"] or "/" if match else ""
