"""Registries: our login for them, and what their refusals mean."""

from __future__ import annotations

import base64
import json
import re
from typing import TYPE_CHECKING, Final, NoReturn

from pvdify.errors import (
    ArchitectureError,
    DiskLowError,
    HostError,
    ImageNotFoundError,
    RegistryLoginError,
    RegistryUnreachableError,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

_LOGIN: Final = re.compile(
    r"unauthorized|authentication required|access to the resource is denied|denied:|invalid username/password"
    r"|403 \(?forbidden|401 \(?unauthorized|no basic auth credentials",
    re.IGNORECASE,
)
_MISSING: Final = re.compile(
    r"manifest unknown|name unknown|repository name not known|name invalid|404 \(?not found|image not known"
    r"|no such image|does not resolve to an image id",
    re.IGNORECASE,
)
_FULL: Final = re.compile(r"no space left on device|disk quota exceeded", re.IGNORECASE)
_OTHER_MACHINE: Final = re.compile(r"no image found in (?:image index|manifest list) for architecture", re.IGNORECASE)
_UNREACHABLE: Final = re.compile(
    r"connection refused|no such host|server misbehaving|name resolution|i/o timeout|timeout|deadline exceeded"
    r"|network is unreachable|no route to host|connection reset|unexpected EOF|EOF$|certificate|tls: "
    r"|HTTP response to HTTPS client|pinging container registry|toomanyrequests|50[0234] ",
    re.IGNORECASE,
)
_WORDS: Final = (
    ("connection refused", re.compile(r"dial tcp [^:]*:\d+: connect: connection refused")),
    ("no such host", re.compile(r"no such host|dial tcp: lookup|name resolution|server misbehaving")),
    ("it does not speak TLS", re.compile(r"HTTP response to HTTPS client")),
    ("its certificate is not trusted", re.compile(r"certificate|tls: ")),
    ("no answer in time", re.compile(r"timeout|deadline exceeded")),
    ("no route", re.compile(r"network is unreachable|no route to host")),
    ("too many requests", re.compile(r"toomanyrequests")),
)


def credentials(logins: Mapping[str, str], repository: str) -> str:
    """The one of *logins* that fits *repository*, as Podman's API wants it in a header; empty if none does.

    A login is for a registry or for the start of a path in one; the longest that fits counts.
    """
    fitting = [key for key in logins if f"{repository}/".startswith(f"{key.rstrip('/')}/")]
    if not fitting:
        return ""
    user, _, password = logins[max(fitting, key=len)].partition(":")
    return base64.urlsafe_b64encode(json.dumps({"username": user, "password": password}).encode()).decode()


def raise_for(reason: str, image: str, registry: str) -> NoReturn:
    """Raise what *reason*, in Podman's words, means for a pull of *image* from *registry*."""
    if _FULL.search(reason):
        raise DiskLowError(f"cannot pull {image}: no space is left on the disk", hint="make room with `pvdify gc`")
    if _OTHER_MACHINE.search(reason):
        raise ArchitectureError(image, image_arch="other machines", host_arch=_architecture(reason))
    if _MISSING.search(reason):
        raise ImageNotFoundError(image)
    if _LOGIN.search(reason):
        raise RegistryLoginError(image, registry)
    if _UNREACHABLE.search(reason):
        words = next((words for words, pattern in _WORDS if pattern.search(reason)), reason.rpartition(": ")[2])
        raise RegistryUnreachableError(image, registry, words)
    raise HostError(f"cannot pull {image}: {reason}", hint="try again, or look at the registry")


def _architecture(reason: str) -> str:
    match = re.search(r'architecture "?([\w-]+)', reason)
    return match[1] if match else "another one"
