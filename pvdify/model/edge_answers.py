"""What pvdify answers about domains and the edge."""

from __future__ import annotations

from enum import StrEnum

from pvdify.model.answers import Answer, Check
from pvdify.model.edge import EdgeSettings


class DomainState(StrEnum):
    """How a name is: on its way, served, or not served for a reason that is told."""

    PENDING = "pending"
    ACTIVE = "active"
    FAILED = "failed"


class Domain(Answer, frozen=True, kw_only=True, omit_defaults=False):
    """One name of an app. *is_default*: it comes with the host's domain."""

    name: str
    state: DomainState
    reason: str = ""
    is_default: bool = False


class Domains(Answer, frozen=True, kw_only=True, omit_defaults=False):
    """The names of an app. *advice* is what to put into DNS where nobody can do it for the operator."""

    app: str
    front: int
    domains: tuple[Domain, ...]
    advice: tuple[str, ...] = ()


class DomainCheck(Answer, frozen=True, kw_only=True, omit_defaults=False):
    """The way of a request for one name, link by link: the name, the edge, the front, the release. *reason* is the first that is broken."""

    app: str
    name: str
    state: DomainState
    reason: str
    links: tuple[Check, ...]


class DomainChecks(Answer, frozen=True, kw_only=True, omit_defaults=False):
    """How the names of an app are reached."""

    app: str
    domains: tuple[DomainCheck, ...]


class Edge(Answer, frozen=True, kw_only=True, omit_defaults=False):
    """What brings the public to the fronts, and whether it runs."""

    edge: EdgeSettings
    is_running: bool
    names: int
