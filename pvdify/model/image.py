"""Image references, by the grammar of the OCI distribution specification, and what an image says of itself."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

import msgspec

from pvdify.errors import SpecError
from pvdify.model.patterns import closed

_HOST: Final = (
    r"(?:[a-zA-Z0-9](?:[a-zA-Z0-9-]*[a-zA-Z0-9])?)(?:\.[a-zA-Z0-9](?:[a-zA-Z0-9-]*[a-zA-Z0-9])?)*(?::[0-9]{1,5})?"
)
_PART: Final = r"[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*"
_REFERENCE: Final = re.compile(
    closed(
        rf"(?:(?P<host>{_HOST})/)?(?P<path>{_PART}(?:/{_PART})*)"
        r"(?::(?P<tag>[A-Za-z0-9_][A-Za-z0-9._-]{0,127}))?(?:@(?P<digest>sha256:[0-9a-f]{64}))?"
    )
)
_DEFAULT_HOST: Final = "docker.io"


@dataclass(frozen=True, slots=True)
class ImageRef:
    """A full reference: registry, path, and a tag or a digest or both."""

    host: str
    path: str
    tag: str
    digest: str

    @property
    def repository(self) -> str:
        """`registry/path`, without tag and digest."""
        return f"{self.host}/{self.path}"

    @property
    def wanted(self) -> str:
        """What to ask the registry for: the digest if there is one, else the tag."""
        return self.pinned(self.digest) if self.digest else f"{self.repository}:{self.tag}"

    def pinned(self, digest: str) -> str:
        """`registry/path@sha256:…`: what a unit names."""
        return f"{self.repository}@{digest}"


def image_ref(text: str) -> ImageRef:
    """*text* read as Podman and Docker read it; short names mean Docker Hub, no tag means `latest`.

    >>> image_ref("ghcr.io/org/app:v1").wanted
    'ghcr.io/org/app:v1'
    >>> image_ref("nginx").wanted
    'docker.io/library/nginx:latest'
    """
    match = _REFERENCE.search(text) if len(text) <= 512 else None  # noqa: PLR2004
    if not match:
        raise SpecError(
            f"cannot read {text[:80]!r} as an image",
            pointer="/image",
            hint="write it as registry/path:tag, for example ghcr.io/org/app:v1.2.3",
        )
    host, path = match["host"] or "", match["path"]
    if host and not (set(host) & {".", ":"} or host == "localhost"):
        host, path = "", f"{host}/{path}"
    if not re.search(closed(rf"{_PART}(?:/{_PART})*"), path):
        raise SpecError(f"cannot read {text[:80]!r} as an image: a path is lower case", pointer="/image")
    if not host:
        host, path = _DEFAULT_HOST, path if "/" in path else f"library/{path}"
    return ImageRef(host, path, match["tag"] or ("" if match["digest"] else "latest"), match["digest"] or "")


class Image(msgspec.Struct, frozen=True, kw_only=True):
    """What the image store says of an image that is there."""

    id: str
    digest: str
    architecture: str
    os: str = "linux"
    ports: tuple[int, ...] = ()
    user: str = ""
    labels: dict[str, str] = msgspec.field(default_factory=dict)
    health_test: tuple[str, ...] = ()
    size: int = 0
    names: tuple[str, ...] = ()
