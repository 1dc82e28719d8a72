"""The ingress of a tunnel that Cloudflare keeps: rules that lead names to services, the first that fits wins."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

# Any: what others put there is handed back as it came
Json = Mapping[str, Any]
NOBODY: Final = "http_status:404"
"""What answers for a name that is nobody's."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Tunnel:
    """A tunnel, as its account knows it."""

    id: str
    name: str
    status: str = ""
    is_remote: bool = True

    @property
    def is_up(self) -> bool:
        """Whether anybody runs it."""
        return self.status in {"healthy", "degraded"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """One rule; *text* is all of it, in Cloudflare's words. Without a hostname it is for every name, with a path for some requests only."""

    hostname: str = ""
    path: str = ""
    service: str = ""
    text: Json = field(default_factory=dict)

    @property
    def is_last(self) -> bool:
        """Whether no rule behind it is ever looked at."""
        return self.hostname in {"", "*"} and not self.path

    def swallows(self, hostname: str) -> bool:
        """Whether no request for *hostname* comes past it. A star stands for labels of any number here.

        >>> Rule(hostname="*.example.org").swallows("a.b.example.org"), Rule(hostname="*.example.org").swallows("example.org")
        (True, False)
        """
        if self.path:
            return False
        is_wider = self.hostname.startswith("*.") and hostname.removeprefix("*").endswith(self.hostname[1:])
        return self.is_last or self.hostname == hostname or is_wider


@dataclass(frozen=True, slots=True, kw_only=True)
class Ingress:
    """All rules in their order, and what else is kept with them, in *rest*."""

    version: int
    rules: tuple[Rule, ...]
    rest: Json = field(default_factory=dict)


def rule_of(text: Json) -> Rule:
    """A rule as Cloudflare writes it.

    >>> rule_of({"service": "http_status:404"}).is_last
    True
    """
    hostname, path, service = (text.get(name) or "" for name in ("hostname", "path", "service"))
    return Rule(hostname=str(hostname).lower(), path=str(path), service=str(service), text=text)


def new_rule(service: str, hostname: str = "") -> Rule:
    """A rule of ours."""
    return rule_of({"hostname": hostname, "service": service} if hostname else {"service": service})
