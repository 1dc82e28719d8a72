"""What Podman's API answers, as far as it concerns us."""

from __future__ import annotations

import msgspec

from pvdify.model.image import Image


class _Answer(msgspec.Struct, frozen=True, kw_only=True, rename="pascal"):
    """Part of an answer; Podman writes null for what is empty."""


class Line(msgspec.Struct, frozen=True, kw_only=True):
    """One line of a pull."""

    stream: str = ""
    error: str = ""
    message: str = ""
    id: str = ""


class Health(_Answer, frozen=True):
    """The HEALTHCHECK of an image."""

    test: list[str] | None = None


class Config(_Answer, frozen=True):
    """What an image says of its containers."""

    user: str = ""
    exposed_ports: dict[str, object] | None = None
    labels: dict[str, str] | None = None


class Inspected(_Answer, frozen=True):
    """An image, looked at closely."""

    id: str
    digest: str = ""
    architecture: str = ""
    os: str = ""
    size: int = 0
    repo_tags: list[str] | None = None
    repo_digests: list[str] | None = None
    config: Config | None = None
    healthcheck: Health | None = None


class Listed(_Answer, frozen=True):
    """An image in a list."""

    id: str
    digest: str = ""
    arch: str = ""
    os: str = ""
    size: int = 0
    labels: dict[str, str] | None = None
    names: list[str] | None = None
    repo_tags: list[str] | None = None
    repo_digests: list[str] | None = None


class Listing(_Answer, frozen=True):
    """A container in a list."""

    names: list[str]
    state: str = ""
    image_id: str = msgspec.field(default="", name="ImageID")


class NetworkSettings(_Answer, frozen=True):
    """Where a container is on the network."""

    address: str = msgspec.field(default="", name="IPAddress")
    networks: dict[str, NetworkSettings] | None = None


class InspectedContainer(_Answer, frozen=True):
    """A container, looked at closely."""

    network_settings: NetworkSettings = NetworkSettings()


class Removed(_Answer, frozen=True):
    """What became of a container that was to go."""

    error: object = msgspec.field(default=None, name="Err")


class Volume(_Answer, frozen=True):
    """A volume in a list."""

    name: str


class Refusal(msgspec.Struct, frozen=True, kw_only=True):
    """Why a request was refused."""

    cause: str = ""
    message: str = ""


def image(found: Inspected) -> Image:
    """An image in pvdify's words."""
    config = found.config or Config()
    ports = (name.partition("/") for name in config.exposed_ports or {})
    return Image(
        id=found.id,
        digest=found.digest,
        architecture=found.architecture,
        os=found.os,
        ports=tuple(sorted(int(port) for port, _, protocol in ports if port.isdecimal() and protocol in {"", "tcp"})),
        user=config.user,
        labels=config.labels or {},
        health_test=tuple((found.healthcheck or Health()).test or ()),
        size=found.size,
        names=(*(found.repo_tags or ()), *(found.repo_digests or ())),
    )


def listed_image(found: Listed) -> Image:
    """An image of a list; its ports, user and health check are not told there."""
    return Image(
        id=found.id,
        digest=found.digest,
        architecture=found.arch,
        os=found.os,
        labels=found.labels or {},
        size=found.size,
        names=(*(found.repo_tags or ()), *(found.repo_digests or ())),
    )


def address(found: InspectedContainer) -> str:
    """The address of a container on its first network."""
    settings = found.network_settings
    others = (one.address for one in (settings.networks or {}).values())
    return settings.address or next((one for one in others if one), "")


def message(body: bytes) -> str:
    """The words of a refusal."""
    try:
        refusal = msgspec.json.decode(body, type=Refusal)
    except msgspec.MsgspecError:
        return body.decode(errors="replace").strip()[:400] or "nothing"
    return refusal.message or refusal.cause or "nothing"
