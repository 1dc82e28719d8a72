"""What the router says itself where no instance of an app answers: a page for people, an object for programs.

A page is kept as HAProxy evaluates it (a log-format): for whoever asks for JSON each of its lines is empty but the first, which
is the object. Nothing else lets HAProxy choose where it found out by itself that nobody answers.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Final

from pvdify.errors import SpecError
from pvdify.model.page import Page
from pvdify.render.environment import rendered
from pvdify.render.views import AnswerView, PageView

if TYPE_CHECKING:
    from collections.abc import Mapping

FOLDER: Final = "haproxy/pages"
LARGEST: Final = 15_000
"""HAProxy builds an answer in one buffer of 16 KiB, of which it keeps 1 KiB free for headers."""
_OWN: Final = re.compile(rf"{FOLDER}/(?P<app>[a-z0-9-]+)/(?P<page>[a-z]+)\.page")
_UNSENDABLE: Final = re.compile(r"[\x00-\x08\x0b-\x1f\x7f]")
_VIEWS: Final[Mapping[Page, PageView]] = {
    Page.PENDING: PageView(
        title="Nothing here yet",
        words="This app has not been released. Come back a little later.",
        light="#5b7cfa",
        dark="#7f9bff",
    ),
    Page.DOWN: PageView(
        title="Not available right now",
        words="This app does not answer at the moment. Please try again shortly.",
        light="#d9534f",
        dark="#f0807c",
    ),
    Page.MAINTENANCE: PageView(
        title="Back soon",
        words="This app is being worked on and will be back shortly.",
        light="#d99a1f",
        dark="#f0bd57",
    ),
}


def page_path(page: Page, app: str = "") -> str:
    """Where the page is in a generation: everybody's, or that of *app* alone.

    >>> page_path(Page.DOWN), page_path(Page.DOWN, "blog")
    ('haproxy/pages/down.page', 'haproxy/pages/blog/down.page')
    """
    return f"{FOLDER}/{app}/{page.value}.page" if app else f"{FOLDER}/{page.value}.page"


def owner_of(path: str) -> tuple[str, Page] | None:
    """The app whose own page *path* is, and which; None if it is anything else."""
    match = _OWN.fullmatch(path)
    return (match["app"], Page(match["page"])) if match else None


def everybody_s() -> dict[str, str]:
    """The pages of apps that have none of their own, by path."""
    return {page_path(page): _answer(page, _in_one_line(page)) for page in Page}


def _in_one_line(page: Page) -> str:
    """The page without line ends, of which programs would get as many behind their object."""
    return rendered("web/page.html.j2", _VIEWS[page]).replace("\n", "")


def own_page(app: str, page: Page, html: bytes) -> str:
    """The page that an operator wrote for *app*, as the router takes it; raise `SpecError` where it cannot."""
    name = f"{page.value}.html of {app}"
    try:
        text = html.decode().replace("\r\n", "\n")
    except UnicodeDecodeError as error:
        raise SpecError(f"cannot use {name}: it is not UTF-8") from error
    if found := _UNSENDABLE.search(text):
        raise SpecError(f"cannot use {name}: it has the character {found[0]!r}")
    answer = _answer(page, text)
    if (size := len(answer.encode())) > LARGEST:
        raise SpecError(
            f"cannot use {name}: it takes {size:,} bytes in the router, which has room for {LARGEST:,}",
            hint="make it shorter, and its lines fewer: each takes 31 bytes more",
        )
    return answer


def _answer(page: Page, html: str) -> str:
    said = json.dumps({"error": page.value, "message": _VIEWS[page].words})
    view = AnswerView(json=said, lines=tuple(html.rstrip("\n").split("\n")))
    return rendered("haproxy/answer.page.j2", view)
