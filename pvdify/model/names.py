"""Names: of apps and processes, as people write them, and of everything else, as pvdify makes them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Final, NewType

from msgspec import Meta

from pvdify.errors import SpecError
from pvdify.model.patterns import closed

if TYPE_CHECKING:
    from collections.abc import Iterable

APP_PATTERN: Final = r"[a-z](?:[a-z0-9-]{0,38}[a-z0-9])?"
PROCESS_PATTERN: Final = r"[a-z][a-z0-9]{0,15}"

AppName = Annotated[
    str,
    Meta(pattern=closed(APP_PATTERN), description="lowercase letters, digits and hyphens, 1 to 40"),
]
ProcessName = Annotated[str, Meta(pattern=closed(PROCESS_PATTERN), description="lowercase letters and digits, 1 to 16")]
UnitName = NewType("UnitName", str)

RESERVED_APPS: Final = frozenset({"host", "router", "recover", "failed", "edge", "boot", "podman"})
RELEASE_PROCESS: Final = "release"
WEB: Final = "web"

_APP: Final = re.compile(closed(APP_PATTERN))
_PROCESS: Final = re.compile(closed(PROCESS_PATTERN))
_INSTANCE: Final = re.compile(
    closed(
        rf"pvdify-(?P<app>{APP_PATTERN})-v(?P<version>[1-9][0-9]{{0,8}})-(?P<process>{PROCESS_PATTERN})-(?P<ordinal>[1-9][0-9]{{0,5}})"
    )
)
_VERSION: Final = re.compile(closed(r"v?(?P<number>[1-9][0-9]{0,8})"))


def app_name(text: str) -> str:
    r"""*text*, proven to be a name that an app may have.

    >>> app_name("myapp-pr-12")
    'myapp-pr-12'
    >>> app_name("blog\n")
    Traceback (most recent call last):
    pvdify.errors.families.SpecError: cannot call an app 'blog\n': a name has 1 to 40 lowercase letters, digits and inner hyphens
    """
    if not _APP.search(text):
        message = f"cannot call an app {text[:60]!r}: a name has 1 to 40 lowercase letters, digits and inner hyphens"
        raise SpecError(message, pointer="/name", hint="for example: `pvdify apps:create myapp`")
    if text in RESERVED_APPS:
        raise SpecError(f"cannot call an app {text!r}: pvdify keeps that name for itself", pointer="/name")
    return text


def process_name(text: str) -> str:
    """*text*, proven to be a name that a process may have."""
    if not _PROCESS.search(text) or text == RELEASE_PROCESS:
        message = f"cannot call a process {text[:60]!r}: a name has 1 to 16 lowercase letters and digits, and is not `release`"
        raise SpecError(message, pointer="/processes", hint="for example: web, worker, clock")
    return text


def version_number(text: str) -> int:
    """The number in `v42` or `42`."""
    match = _VERSION.search(text)
    if not match:
        raise SpecError(f"cannot read {text[:40]!r} as a release: write v42 or 42", pointer="/version")
    return int(match["number"])


@dataclass(frozen=True, slots=True, order=True)
class Instance:
    """One running container: the name of its unit says all of it."""

    app: str
    version: int
    process: str
    ordinal: int

    @property
    def name(self) -> str:
        """The container's name, and the unit's without its suffix.

        >>> Instance("blog", 42, "web", 1).name
        'pvdify-blog-v42-web-1'
        """
        return f"pvdify-{self.app}-v{self.version}-{self.process}-{self.ordinal}"

    @property
    def unit(self) -> UnitName:
        """The service that systemd runs."""
        return UnitName(f"{self.name}.service")

    @property
    def quadlet(self) -> str:
        """The artefact's path inside a generation."""
        return f"quadlet/{self.name}.container"

    @property
    def server(self) -> str:
        """The name that the router and `X-Pvdify-Instance` give it."""
        return f"v{self.version}-{self.process}-{self.ordinal}"

    @property
    def short(self) -> str:
        """As `ps` shows it: `web-1`."""
        return f"{self.process}-{self.ordinal}"


def instance_of(unit: str) -> Instance | None:
    """The instance that *unit* (or a container of that name) belongs to, if it is one of ours.

    >>> instance_of("pvdify-my-app-v2-web-1.service")
    Instance(app='my-app', version=2, process='web', ordinal=1)
    >>> instance_of("pvdify-router.service")
    """
    match = _INSTANCE.search(unit.removesuffix(".service"))
    if not match:
        return None
    return Instance(match["app"], int(match["version"]), match["process"], int(match["ordinal"]))


def target_unit(app: str) -> UnitName:
    """The target whose `Wants=` are the live instances of *app*."""
    return UnitName(f"pvdify-{app}.target")


def slice_unit(app: str) -> UnitName:
    """The slice of *app*; an underscore, because systemd nests slices at hyphens.

    >>> slice_unit("myapp-staging")
    'pvdify-myapp_staging.slice'
    """
    return UnitName(f"pvdify-{app.replace('-', '_')}.slice")


def instance_pattern(app: str) -> str:
    """A glob for `systemctl` that takes every instance unit of *app* (and a few of its namesakes: check with `instance_of`)."""
    return f"pvdify-{app}-v*.service"


def volume_name(app: str, volume: str) -> str:
    """The name of an app's volume in Podman's store."""
    return f"pvdify-{app}-{volume}"


def volumes_of(app: str, names: Iterable[str], *, others: Iterable[str]) -> tuple[str, ...]:
    """Of the volumes *names* those of *app*: what begins like those of another app with a longer name is that one's.

    >>> volumes_of("blog", ("pvdify-blog-data", "pvdify-blog-pr-7-data"), others=("blog-pr-7", "shop"))
    ('pvdify-blog-data',)
    """
    longer = tuple(volume_name(other, "") for other in others if other.startswith(f"{app}-"))
    return tuple(name for name in names if name.startswith(volume_name(app, "")) and not name.startswith(longer))
