"""Who asks: a person on the host, or the holder of a token."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING

from pvdify.model.scope import Scope

if TYPE_CHECKING:
    from collections.abc import Iterable


class Via(StrEnum):
    """The way somebody came in."""

    LOCAL = "local"
    ADMIN = "admin"
    API = "api"


@dataclass(frozen=True, slots=True, kw_only=True)
class Caller:
    """Who asks, by which way, and what they may do; without *apps* it is every app's.

    *token* is the id of the token that was shown, never its text.
    """

    name: str
    via: Via = Via.LOCAL
    token: str = ""
    scopes: frozenset[Scope] = frozenset({Scope.ADMIN})
    apps: tuple[str, ...] = ()
    expires_at: str = ""
    request_id: str = ""

    def allows(self, scope: Scope) -> bool:
        """Whether the caller may do what *scope* stands for."""
        return Scope.ADMIN in self.scopes or scope in self.scopes

    def covers(self, app: str) -> bool:
        """Whether the caller may see *app* at all."""
        return not self.apps or (bool(app) and is_one_of(app, self.apps))


def is_one_of(app: str, patterns: Iterable[str]) -> bool:
    """Whether *app* is named by one of *patterns*, in which a last `*` stands for any ending.

    >>> is_one_of("blog-pr-7", ("shop", "blog-*")), is_one_of("blog", ("blog-*",))
    (True, False)
    """
    return any(app.startswith(one[:-1]) if one.endswith("*") else app == one for one in patterns)


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What was asked, by whom: as the audit keeps it, without a secret."""

    caller: Caller
    detail: dict[str, str | int | float | bool | None] = field(default_factory=dict)
