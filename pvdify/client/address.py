"""Where a host is reached, and what proves both sides to each other."""

from __future__ import annotations

from dataclasses import dataclass, field
from ipaddress import ip_address
from typing import Final
from urllib.parse import SplitResult, urlsplit

from pvdify.errors import SpecError

PORT: Final = 9443
ADMIN_SOCKET: Final = "unix:///run/pvdify/admin.sock"
_EXAMPLE: Final = "for example `https://paas.example.org:9443`"


@dataclass(frozen=True, slots=True, kw_only=True)
class RemoteHost:
    """A host that is asked over a connection; *url* is as `address` makes it.

    *certificate* is the one that its API must show, whatever name is in it; *authority* are those that must have signed it. Without either
    the system decides whom to trust.
    """

    url: str
    name: str = ""
    token: str = field(default="", repr=False)
    certificate: str = ""
    authority: str = ""

    @property
    def socket(self) -> str:
        """The path of the unix socket, if that is how it is reached."""
        return self.url.removeprefix("unix://") if self.url.startswith("unix://") else ""


def address(text: str) -> str:
    """The address of a host as it was typed, in its one spelling; raise `SpecError` for what is none.

    >>> address("paas.example.org"), address("https://PaaS.example.org/"), address("[::1]:8443")
    ('https://paas.example.org:9443', 'https://paas.example.org', 'https://[::1]:8443')
    """
    if text.startswith("unix:///"):
        return text
    bare = "://" not in text
    try:
        parts = urlsplit(f"https://{text}" if bare else text)
        host, port = parts.hostname or "", parts.port
    except ValueError as error:
        raise _wrong(text, "it is no URL") from error
    if not host or parts.username is not None or parts.path not in {"", "/"} or parts.query or parts.fragment:
        raise _wrong(text, "it takes a host, a port, and nothing else")
    if parts.scheme not in {"https", "http"}:
        raise _wrong(text, "it begins with https:// or unix:///")
    if parts.scheme == "http" and not _is_loopback(host):
        raise _wrong(text, "the token would travel in the clear")
    if port is None and bare:
        port = PORT
    return f"{parts.scheme}://{_bracketed(host)}" + (f":{port}" if port is not None else "")


def endpoint(url: str) -> tuple[str, int]:
    """The host and the port of an https address.

    >>> endpoint("https://[::1]:8443"), endpoint("https://paas.example.org")
    (('::1', 8443), ('paas.example.org', 443))
    """
    parts: SplitResult = urlsplit(url)
    return parts.hostname or "", parts.port or 443


def _bracketed(host: str) -> str:
    return f"[{host}]" if ":" in host else host


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _wrong(text: str, reason: str) -> SpecError:
    return SpecError(f"cannot read {text[:200]!r} as the address of a host: {reason}", hint=_EXAMPLE)
