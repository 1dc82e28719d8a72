"""A backup: a stream of files, each of which has its place. Anybody can encrypt one for a key, so nothing in it is trusted."""

from __future__ import annotations

import re
from enum import StrEnum
from typing import Annotated, Final

import msgspec
from msgspec import Meta

from pvdify.model.bookmark import OPERATION_PATTERN
from pvdify.model.names import APP_PATTERN, RESERVED_APPS, AppName
from pvdify.model.page import Page
from pvdify.model.patterns import closed

FORMAT: Final = 1
INDEX: Final = "backup.json"
"""What comes first, and says which backup it is."""
END: Final = "end"
"""What comes last: without it something is missing."""
MANIFEST: Final = "manifest.json"
AUDIT: Final = "audit.jsonl"
TOKENS: Final = "tokens.json"
KEYS: Final = "secrets/age.key"
SETTINGS: Final = "secrets/settings.toml"
TUNNELS: Final = "tunnels.json"
LARGEST: Final = 16 * 1024 * 1024
"""Bytes of one file of pvdify's own."""
MOST: Final = 1024 * 1024 * 1024
"""Bytes of all of them together: they are kept in memory until all was looked at."""
MOST_FILES: Final = 500_000

VOLUME_PATTERN: Final = r"pvdify-[a-z][a-z0-9-]{1,80}"
_VERSION: Final = r"[1-9][0-9]{0,8}"
_FILE: Final = re.compile(
    closed(
        rf"apps/(?P<app>{APP_PATTERN})/(?:(?P<slot>slot\.toml|\.slot\.toml\.before)|releases/v(?P<release>{_VERSION})\.toml)"
        rf"|(?:apps/(?P<owner>{APP_PATTERN})/config|secrets/(?P<host>host))/c(?P<config>{_VERSION})\.(?P<part>toml|sops\.json)"
        rf"|apps/(?P<shows>{APP_PATTERN})/pages/(?P<page>{'|'.join(Page)})\.html"
        rf"|apps/(?P<leads>{APP_PATTERN})/(?P<records>dns)\.json"
        rf"|operations/(?P<journal>{OPERATION_PATTERN}(?:\.{APP_PATTERN})?\.jsonl)"
        rf"|(?P<single>{'|'.join(re.escape(path) for path in (MANIFEST, TOKENS, KEYS, SETTINGS, TUNNELS))})"
    )
)
_VOLUME: Final = re.compile(rf"^volumes/(?P<name>{VOLUME_PATTERN})(?:/(?P<path>.+))?$(?!\n)", re.DOTALL)


class _Record(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """Written by pvdify, read by pvdify and people."""


class BackupIndex(_Record, frozen=True, kw_only=True):
    """The first file of a backup: which one it is, and of what."""

    format: int
    id: Annotated[str, Meta(pattern=closed(r"[0-9a-f]{32}"))]
    at: Annotated[str, Meta(max_length=40)]
    by: Annotated[str, Meta(max_length=256)]
    host: Annotated[str, Meta(max_length=256)]
    version: Annotated[str, Meta(max_length=40)]
    has_volumes: bool = False


class Restoring(_Record, frozen=True, kw_only=True):
    """`restore.json`: a restore that is not through yet. Until all *is_unpacked* the directory is half a host; then apps still have to come up.

    *volumes* are those that it unpacks, *journals* those that were here before; *starting* are apps that ran, *fetching* such as were stopped.
    *is_edge_waiting*: nobody is let in yet.
    """

    id: str
    is_unpacked: bool = False
    volumes: tuple[str, ...] = ()
    journals: tuple[str, ...] = ()
    starting: tuple[AppName, ...] = ()
    fetching: tuple[AppName, ...] = ()
    is_edge_waiting: bool = False

    @property
    def waiting(self) -> tuple[str, ...]:
        """The apps that are not as they were yet."""
        return tuple(sorted({*self.starting, *self.fetching}))

    def without(self, app: str) -> Restoring:
        """The same once *app* is as it was."""
        return msgspec.structs.replace(
            self,
            starting=tuple(one for one in self.starting if one != app),
            fetching=tuple(one for one in self.fetching if one != app),
        )


class Kind(StrEnum):
    """What a file of pvdify's own is."""

    SLOT = "slot"
    RELEASE = "release"
    PAGE = "page"
    RECORDS = "records"
    CONFIG = "config"
    JOURNAL = "journal"
    SINGLE = "single"


class Place(msgspec.Struct, frozen=True, kw_only=True):
    """What the path of a file of pvdify's own says of it; the host's own secrets are the config of `host`."""

    kind: Kind
    app: str = ""
    version: int = 0
    name: str = ""


def place_of(path: str) -> Place | None:
    r"""Where a file of pvdify's own belongs; None for what no backup has.

    >>> place_of("apps/blog/releases/v7.toml")
    Place(kind=<Kind.RELEASE: 'release'>, app='blog', version=7, name='')
    >>> place_of("apps/../etc/passwd"), place_of("/manifest.json"), place_of("manifest.json\n")
    (None, None, None)
    """
    match = _FILE.search(path)
    if match is None:
        return None
    said = match.groupdict(default="")
    if {said["app"], said["owner"], said["shows"], said["leads"]} & RESERVED_APPS:
        return None
    return Place(
        kind=next(kind for kind in Kind if said[kind]),
        app=said["app"] or said["owner"] or said["shows"] or said["leads"] or said["host"],
        version=int(said["release"] or said["config"] or 0),
        name=said["slot"] or said["part"] or said["page"] or said["journal"] or said["single"],
    )


def volume_path(path: str) -> tuple[str, tuple[str, ...]] | None:
    """The volume that *path* is in, and the way there from its top; None for what leads elsewhere.

    >>> volume_path("volumes/pvdify-blog-data/a/b")
    ('pvdify-blog-data', ('a', 'b'))
    >>> volume_path("volumes/pvdify-blog-data/../b"), volume_path("volumes/pvdify-blog-data//b")
    (None, None)
    """
    match = _VOLUME.search(path)
    if match is None:
        return None
    parts = tuple(match["path"].split("/")) if match["path"] else ()
    return None if any(part in {"", ".", ".."} or "\0" in part for part in parts) else (match["name"], parts)
