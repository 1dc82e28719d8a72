"""The router's configuration: every front, what is taken for true of a request, and what is said where nobody answers."""

from __future__ import annotations

from hashlib import sha256
from typing import TYPE_CHECKING, Final

from pvdify.model.edge import EdgeKind
from pvdify.model.page import Page
from pvdify.render.environment import rendered
from pvdify.render.pages import page_path
from pvdify.render.views import FrontView, HeaderView, ReasonView, RouterView, ServerView

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pvdify.model.edge import EdgeSettings
    from pvdify.model.manifest import AppRow
    from pvdify.model.place import Place

_RETRY_AFTER: Final[Mapping[Page, int]] = {Page.DOWN: 5, Page.PENDING: 60, Page.MAINTENANCE: 120}
_MARK: Final = "0" * 16
_CLIENTS: Final[Mapping[EdgeKind, str]] = {
    EdgeKind.NONE: "",
    EdgeKind.CADDY: "X-Forwarded-For",
    EdgeKind.CLOUDFLARED: "CF-Connecting-IP",
}
"""The header in which each edge says who asks. It replaces whatever a client says there."""
_PROBE: Final = HeaderView(name="x-pvdify-probe", match="str")
_FORWARDED: Final = (
    HeaderView(name="x-forwarded", match="beg"),
    HeaderView(name="forwarded", match="str"),
    HeaderView(name="x-real-ip", match="str"),
    HeaderView(name="client-ip", match="end"),
)
_CLOUDFLARE: Final = HeaderView(name="cf-connecting-ip", match="beg")
_MISSPELT: Final = (
    HeaderView(name="x_forwarded", match="beg"),
    HeaderView(name="forwarded_", match="sub"),
    HeaderView(name="_ip", match="end"),
)
"""What CGI and its kin take for the header with hyphens, and proxies for another one."""


def router_text(apps: Mapping[str, AppRow], edge: EdgeSettings, place: Place, pages: Mapping[str, str]) -> str:
    """Render the file, with a mark in it of all that a running worker cannot be told, so that it can be asked what it has read."""
    fronts = tuple(_front(apps[name]) for name in sorted(apps))
    view = RouterView(
        mark=_MARK,
        admin_socket=f"{place.run}/router.sock",
        status_address=f"unix@{place.run}/router-status.sock",
        hold_script=f"{place.state}/libexec/{place.version}/hold.lua",
        client_header=_client_header(edge),
        untrusted=_untrusted(edge),
        is_forwarded=edge.forwards,
        pages=tuple(
            ReasonView(
                name=page.value,
                retry_after=seconds,
                file=_beside(page_path(page)),
                is_always=page is Page.MAINTENANCE,
            )
            for page, seconds in _RETRY_AFTER.items()
        ),
        fronts=fronts,
        is_any_held=any(front.is_held for front in fronts),
    )
    text = rendered("haproxy/haproxy.cfg.j2", view)
    return text.replace(f"description {_MARK}", f"description {_mark(text, apps, pages)}", 1)


def mark_of(text: str) -> str:
    r"""The mark in a router's configuration; empty where there is none.

    >>> mark_of("global\n    description 1f00\n")
    '1f00'
    """
    lines = (line.split() for line in text.splitlines())
    return next((words[1] for words in lines if words[:1] == ["description"]), "")


def _mark(text: str, apps: Mapping[str, AppRow], pages: Mapping[str, str]) -> str:
    digest = sha256()
    for line in text.splitlines():
        if not line.lstrip().startswith(("server ", "#")):
            digest.update(line.encode() + b"\n")
    for path in sorted(pages):
        digest.update(pages[path].encode())
    for name in sorted(apps):
        digest.update(repr(sorted(apps[name].pages.items())).encode())
    return digest.hexdigest()[:16]


def _client_header(edge: EdgeSettings) -> str:
    return "X-Forwarded-For" if edge.forwards else _CLIENTS[edge.kind]


def _untrusted(edge: EdgeSettings) -> tuple[HeaderView, ...]:
    if edge.forwards:
        return (_PROBE, *_MISSPELT)
    cloudflare = () if edge.kind is EdgeKind.CLOUDFLARED else (_CLOUDFLARE,)
    return (_PROBE, *_MISSPELT, *_FORWARDED, *cloudflare)


def _front(row: AppRow) -> FrontView:
    servers = () if row.is_stopped else row.servers()
    page = _page(row)
    return FrontView(
        app=row.name,
        environment=row.environment.value,
        port=row.front,
        check_path=row.router.path,
        check_status=row.router.status,
        check_interval=row.router.interval,
        servers=tuple(
            ServerView(name=one.instance(row.name).server, port=one.port)
            for one in sorted(servers, key=lambda row: row.order)
        ),
        is_checked=row.router.is_checked and len(servers) > 1,
        is_held=row.router.holds and not row.in_maintenance,
        page=page.value,
        retry_after=_RETRY_AFTER[page],
        in_maintenance=row.in_maintenance,
        own_page=_own(row, page),
        own_down=_own(row, Page.DOWN),
    )


def _page(row: AppRow) -> Page:
    if row.in_maintenance:
        return Page.MAINTENANCE
    return Page.PENDING if row.live is None else Page.DOWN


def _own(row: AppRow, page: Page) -> str:
    return _beside(page_path(page, row.name)) if page in row.pages else ""


def _beside(path: str) -> str:
    """*path* in the generation, as it is called from the configuration's own folder."""
    return path.removeprefix("haproxy/")
