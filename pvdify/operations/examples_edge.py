"""How domains and the edge are asked for and answered, for the API's description."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from pvdify.model import edge_answers as a
from pvdify.model import edge_requests as e
from pvdify.model import requests as q
from pvdify.model.answers import Check, CheckStatus
from pvdify.model.edge import EdgeKind, EdgeSettings
from pvdify.operations.example import Example

if TYPE_CHECKING:
    from collections.abc import Mapping

_EDGE: Final = EdgeSettings(kind=EdgeKind.CADDY, domain="apps.example.org", email="ada@example.org")

EXAMPLES: Final[Mapping[str, Example]] = {
    "domains.list": Example(
        q.ForApp(app="blog"),
        a.Domains(
            app="blog",
            front=3001,
            domains=(
                a.Domain(name="blog.apps.example.org", state=a.DomainState.ACTIVE, is_default=True),
                a.Domain(name="blog.example.org", state=a.DomainState.ACTIVE),
            ),
            advice=("*.apps.example.org. A 203.0.113.7", "blog.example.org. A 203.0.113.7"),
        ),
    ),
    "domains.add": Example(e.AddDomains(app="blog", domains=("blog.example.org", "*.blog.example.org"))),
    "domains.remove": Example(e.RemoveDomain(app="blog", domain="blog.example.org")),
    "domains.check": Example(
        e.CheckDomains(app="blog", domain="blog.example.org"),
        a.DomainChecks(
            app="blog",
            domains=(
                a.DomainCheck(
                    app="blog",
                    name="blog.example.org",
                    state=a.DomainState.PENDING,
                    reason="blog.example.org leads nowhere",
                    links=(
                        Check(
                            name="name",
                            status=CheckStatus.FAIL,
                            detail="blog.example.org leads nowhere",
                            hint="pvdify domains --dns says what to put into DNS for blog.example.org",
                        ),
                        Check(name="edge", status=CheckStatus.OK, detail="caddy serves it"),
                        Check(name="front", status=CheckStatus.OK, detail="127.0.0.1:3001 answers"),
                        Check(name="release", status=CheckStatus.OK, detail="v42 answers with status 200"),
                    ),
                ),
            ),
        ),
    ),
    "edge.show": Example(q.Nothing(), a.Edge(edge=_EDGE, is_running=True, names=7)),
    "edge.set": Example(e.SetEdge(edge=_EDGE)),
}
