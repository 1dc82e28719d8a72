"""The templates: found in the package, compiled when first needed, quoted for their dialect."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Final

import pvdify
from pvdify.errors import RenderError
from pvdify.render import quoting

if TYPE_CHECKING:
    from collections.abc import Callable

    from jinja2 import Environment, Template

FOLDER: Final = Path(pvdify.__file__).parent / "templates"


def rendered(name: str, view: object) -> str:
    """Fill the template *name*; raise `RenderError` where *view* does not fit it."""
    from jinja2 import TemplateError

    try:
        return template(name).render(view=view)
    except TemplateError as error:
        raise RenderError(f"cannot render {name}: {error}") from error


def prepare() -> None:
    """Import the engine and compile every template: a tenth of a second that can pass while something else is waited for."""
    for file in sorted(FOLDER.rglob("*.j2")):
        template(file.relative_to(FOLDER).as_posix())


@cache
def environment(dialect: str) -> Environment:
    """Make the Jinja environment for the templates in the folder *dialect*.

    Every `{{ }}` is quoted or refused: a forgotten filter is a quoted value and not a hole.
    """
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    finalize, filters = _DIALECTS[dialect]
    made = Environment(
        loader=FileSystemLoader(FOLDER),
        undefined=StrictUndefined,
        finalize=finalize,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        autoescape=False,  # noqa: S701 -- the output is no HTML; `finalize` is what quotes
        auto_reload=False,
    )
    made.filters = dict(filters)
    return made


@cache
def template(name: str) -> Template:
    """Compile the template *name*, once."""
    return environment(name.partition("/")[0]).get_template(name)


_UNIT_FILTERS: Final[dict[str, Callable[..., object]]] = {
    "bare": quoting.bare,
    "path": quoting.unit_path,
    "word": quoting.unit_word,
    "words": quoting.unit_words,
}
_DIALECTS: Final[dict[str, tuple[Callable[[object], str], dict[str, Callable[..., object]]]]] = {
    "quadlet": (quoting.unit_text, _UNIT_FILTERS),
    "systemd": (quoting.unit_text, _UNIT_FILTERS),
    "caddy": (quoting.caddy_text, {"names": quoting.caddy_names}),
    "cloudflared": (quoting.yaml_text, {"bare": quoting.bare}),
    "haproxy": (
        quoting.haproxy_text,
        {"bare": quoting.bare, "word": quoting.haproxy_word, "argument": quoting.haproxy_argument},
    ),
    "web": (quoting.html_text, {}),
}
