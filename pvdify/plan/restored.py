"""What a backup holds, proven: nothing in it may say what no slot, no deploy and no `config:set` could have said."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import partial
from hashlib import sha256
from typing import TYPE_CHECKING, Final, NoReturn, TypeVar

import msgspec

from pvdify.errors import BackupError, ConfigTamperedError, PvdifyError, SpecError
from pvdify.model import backup as paths
from pvdify.model.backup import BackupIndex, Kind, place_of
from pvdify.model.config import ConfigMeta
from pvdify.model.domain import domain_name
from pvdify.model.elsewhere import MadeRecords, PutTunnels
from pvdify.model.envelope import check_envelope
from pvdify.model.image import image_ref
from pvdify.model.manifest import FRONT_FIRST, FRONT_LAST, IDS_BLOCKS, IDS_COUNT, IDS_FIRST, AppRow, Manifest, RouterRow
from pvdify.model.names import app_name, process_name
from pvdify.model.page import Page
from pvdify.model.parse import from_toml, from_value, json_object
from pvdify.model.release import Release
from pvdify.model.slot import RESERVED_FRONTS, Slot
from pvdify.model.token import Token
from pvdify.model.vault import AgeKey, VaultSettings, keys_of, readers_of
from pvdify.plan.domains import check_owner
from pvdify.plan.swap import router_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

T = TypeVar("T")

HOST: Final = "host"
_MOMENT: Final = re.compile(r"^[0-9TZ:.-]{0,40}$(?!\n)")
_SHA256: Final = re.compile(r"^[0-9a-f]{64}$(?!\n)")
_COUNT: Final = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptConfig:
    """One config version: what may be known of it without a key, and its SOPS file."""

    meta: ConfigMeta
    text: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Restored:
    """All of a backup but the audit and the volumes; of slots and journals the bytes, which whoever reads them checks."""

    index: BackupIndex
    manifest: Manifest
    slots: Mapping[str, Mapping[str, bytes]]
    releases: Mapping[str, Mapping[int, Release]]
    pages: Mapping[str, Mapping[Page, bytes]]
    records: Mapping[str, MadeRecords]
    tunnels: PutTunnels
    configs: Mapping[str, Mapping[int, KeptConfig]]
    journals: Mapping[str, bytes]
    tokens: tuple[Token, ...]
    keys: tuple[AgeKey, ...]
    settings: VaultSettings

    def stopped(self, app: str) -> AppRow:
        """How *app* stands before anything of it runs: at its release, with neither instances nor units."""
        row = self.manifest.apps[app]
        releases = self.releases.get(app, {})
        live = releases[row.live] if row.live is not None else None
        row = msgspec.structs.replace(
            row,
            instances=(),
            is_stopped=live is not None,
            image=live.image if live else "",
            warm=row.warm if row.warm in releases else None,
            pages={page: row.pages[page] for page in self.shown(app)},
            router=RouterRow(),
        )
        return msgspec.structs.replace(row, router=router_of(row, live)) if live else row

    def shown(self, app: str) -> dict[Page, bytes]:
        """The pages of *app* that were in force, of those that its operator wrote."""
        wanted = self.manifest.apps[app].pages
        return {
            page: html for page, html in self.pages.get(app, {}).items() if sha256(html).hexdigest() == wanted.get(page)
        }


def restored(index: BackupIndex, files: Mapping[str, bytes], *, what: str) -> Restored:
    """Read the *files* of the backup *what*; raise `BackupError` for the first that is not what pvdify would have written."""
    return _Reading(index, files, what).all()


@dataclass(frozen=True, slots=True)
class _Reading:
    """The files on their way to be believed."""

    index: BackupIndex
    files: Mapping[str, bytes]
    what: str

    def all(self) -> Restored:
        keys = keys_of(self._text(paths.KEYS))
        if paths.KEYS in self.files and not keys:
            self.refuse(paths.KEYS, "it holds no age key")
        settings = self._toml(paths.SETTINGS, VaultSettings) if paths.SETTINGS in self.files else VaultSettings()
        releases = self._releases()
        configs = self._configs(keys, settings)
        manifest = self._manifest()
        for row in manifest.apps.values():
            self._check_row(row, releases.get(row.name, {}), configs.get(row.name, {}))
        self._check_apart(manifest)
        for app, versions in releases.items():
            for release in versions.values():
                self._check_pin(release, configs.get(app, {}))
        return Restored(
            index=self.index,
            manifest=manifest,
            slots=self._slots(),
            releases=releases,
            pages=self._pages(),
            records=self._records(),
            tunnels=self._json(paths.TUNNELS, PutTunnels) if paths.TUNNELS in self.files else PutTunnels(),
            configs=configs,
            journals={place.name: text for place, text in self._of(Kind.JOURNAL)},
            tokens=self._tokens(),
            keys=keys,
            settings=settings,
        )

    def refuse(self, path: str, reason: str) -> NoReturn:
        raise BackupError(self.what, f"{path} in it is wrong: {reason}")

    def proven(self, path: str, check: Callable[[], T]) -> T:
        """What *check* answers; what it raises is said of *path*."""
        try:
            return check()
        except BackupError:
            raise
        except (PvdifyError, msgspec.MsgspecError, UnicodeDecodeError) as error:
            raise BackupError(self.what, f"{path} in it is wrong: {error}") from error

    def _of(self, kind: Kind) -> list[tuple[paths.Place, bytes]]:
        found = ((place_of(path), text) for path, text in self.files.items())
        return [(place, text) for place, text in found if place is not None and place.kind is kind]

    def _text(self, path: str) -> str:
        return self.files.get(path, b"").decode(errors="replace")

    def _toml(self, path: str, type_: type[T], *, limit: int = paths.LARGEST) -> T:
        return self.proven(path, lambda: from_toml(self.files[path], type_, what=path, limit=limit))

    def _json(self, path: str, type_: type[T]) -> T:
        value = self.proven(path, lambda: json_object(self.files[path], what=path, limit=paths.LARGEST))
        return self.proven(path, lambda: from_value(value, type_, what=path))

    def _manifest(self) -> Manifest:
        if paths.MANIFEST not in self.files:
            self.refuse(paths.MANIFEST, "it is missing")
        return self._json(paths.MANIFEST, Manifest)

    def _slots(self) -> dict[str, dict[str, bytes]]:
        found: dict[str, dict[str, bytes]] = {}
        for place, text in self._of(Kind.SLOT):
            self.proven(place.name, partial(app_name, place.app))
            found.setdefault(place.app, {})[place.name] = text
        return found

    def _releases(self) -> dict[str, dict[int, Release]]:
        found: dict[str, dict[int, Release]] = {}
        for place, _ in self._of(Kind.RELEASE):
            path = f"apps/{place.app}/releases/v{place.version}.toml"
            release = self._toml(path, Release)
            if (release.app, release.version) != (place.app, place.version):
                self.refuse(path, f"it is v{release.version} of {release.app}")
            self.proven(path, partial(check_release, release))
            found.setdefault(place.app, {})[place.version] = release
        return found

    def _pages(self) -> dict[str, dict[Page, bytes]]:
        found: dict[str, dict[Page, bytes]] = {}
        for place, html in self._of(Kind.PAGE):
            self.proven(place.name, partial(app_name, place.app))
            found.setdefault(place.app, {})[Page(place.name)] = html
        return found

    def _records(self) -> dict[str, MadeRecords]:
        found: dict[str, MadeRecords] = {}
        for place, _ in self._of(Kind.RECORDS):
            path = f"apps/{place.app}/dns.json"
            found[place.app] = self._json(path, MadeRecords)
            if any(record.app != place.app for record in found[place.app].records):
                self.refuse(path, "it has a record of another app")
            for record in found[place.app].records:
                self.proven(path, partial(domain_name, record.name))
        return found

    def _configs(self, keys: tuple[AgeKey, ...], settings: VaultSettings) -> dict[str, dict[int, KeptConfig]]:
        found: dict[str, dict[int, KeptConfig]] = {}
        for place, text in self._of(Kind.CONFIG):
            if place.name != "sops.json":
                continue
            stem = f"{'secrets/host' if place.app == HOST else f'apps/{place.app}/config'}/c{place.version}"
            if f"{stem}.toml" not in self.files:
                self.refuse(f"{stem}.sops.json", "what is known of it is missing")
            meta = self._toml(f"{stem}.toml", ConfigMeta)
            if meta.version != place.version or not _SHA256.search(meta.sha256):
                self.refuse(f"{stem}.toml", "it is another one")
            if sha256(text).hexdigest() not in meta.texts:
                self.refuse(f"{stem}.sops.json", "it is not the file that pvdify wrote")
            if not keys:
                self.refuse(paths.KEYS, "it is missing")
            readers = readers_of(keys, settings)
            check = partial(check_envelope, text, what=stem, expected=readers.expected, allowed=readers.allowed)
            self.proven(f"{stem}.sops.json", check)
            found.setdefault(place.app, {})[place.version] = KeptConfig(meta=meta, text=text)
        return found

    def _tokens(self) -> tuple[Token, ...]:
        if paths.TOKENS not in self.files:
            return ()

        def read() -> tuple[Token, ...]:
            value = json_object(self.files[paths.TOKENS], what=paths.TOKENS, limit=paths.LARGEST)
            return from_value(value.get("tokens", []), tuple[Token, ...], what=paths.TOKENS)

        tokens = self.proven(paths.TOKENS, read)
        if len({one.id for one in tokens}) != len(tokens):
            self.refuse(paths.TOKENS, "two tokens have one id")
        return tokens

    def _check_row(self, row: AppRow, releases: Mapping[int, Release], configs: Mapping[int, KeptConfig]) -> None:
        where = f"{paths.MANIFEST} (the app {row.name[:40]})"
        self.proven(where, partial(app_name, row.name))
        for process, count in row.formation.items():
            self.proven(where, partial(process_name, process))
            if not 0 <= count <= _COUNT:
                self.refuse(where, f"it has {count} instances of {process}")
        if not FRONT_FIRST <= row.front <= FRONT_LAST or row.front in RESERVED_FRONTS:
            self.refuse(where, f"its front is {row.front}")
        if not (_MOMENT.search(row.created_at) and _MOMENT.search(row.updated_at)):
            self.refuse(where, "it was made at no moment")
        if row.live is not None and row.live not in releases:
            self.refuse(where, f"its release v{row.live} is missing")
        if row.config is not None and (
            row.config.version not in configs or configs[row.config.version].meta.pin() != row.config
        ):
            self.refuse(where, f"its config c{row.config.version} is missing, or another one")

        for name in row.domains:
            if self.proven(where, partial(domain_name, name)) != name:
                self.refuse(where, f"{name[:80]!r} is written otherwise")

    def _check_pin(self, release: Release, configs: Mapping[int, KeptConfig]) -> None:
        """A release whose config is gone can be shown and not be started; one with another config is refused."""
        pin = release.config
        if pin is not None and pin.version in configs and configs[pin.version].meta.pin() != pin:
            self.refuse(f"v{release.version} of {release.app}", f"it was made with another c{pin.version}")

    def _check_apart(self, manifest: Manifest) -> None:
        """Every app has a name, a front and a block of ids that nobody else has."""
        rows = manifest.apps
        if any(row.name != name for name, row in rows.items()):
            self.refuse(paths.MANIFEST, "an app is called otherwise")
        for kept in manifest.retained:
            self.proven(paths.MANIFEST, partial(app_name, kept.app))
        blocks = [row.ids for row in rows.values()] + [kept.ids for kept in manifest.retained]
        known = range(IDS_FIRST, IDS_FIRST + IDS_BLOCKS * IDS_COUNT, IDS_COUNT)
        if len(set(blocks)) != len(blocks) or any(block not in known for block in blocks):
            self.refuse(paths.MANIFEST, "a block of ids is none of pvdify's, or two apps have one")
        fronts = [row.front for row in rows.values()]
        if len(set(fronts)) != len(fronts):
            self.refuse(paths.MANIFEST, "two apps have one front")
        for row in rows.values():
            self.proven(paths.MANIFEST, partial(check_owner, rows.values(), manifest.edge, row.name, row.domains))


def check_release(release: Release) -> None:
    """Raise `SpecError` unless a slot could have made *release*: what is recorded is only read again, and never asked what it says."""
    if not image_ref(release.image).digest:
        raise SpecError("it names no digest", pointer="/image")
    declared = {
        "name": app_name(release.app),
        "environment": release.environment,
        "processes": {
            process_name(name): {
                "command": process.command or None,
                "resources": process.resources,
                "volumes": process.volumes,
                "overlap": process.overlap,
            }
            for name, process in release.processes.items()
        },
        "port": release.port,
        "healthcheck": release.healthcheck,
        "env": release.env,
        "release_command": release.release_command or None,
        "release_timeout": release.release_timeout,
        "drain": release.drain,
        "stop": release.stop,
        "settle": release.settle,
        "watch": release.watch,
        "capabilities": release.capabilities,
    }
    from_value(declared, Slot, what="it")


def check_document(kept: KeptConfig, app: str, files: tuple[str, ...], variables: tuple[str, ...]) -> None:
    """Raise `ConfigTamperedError` unless what is known of a config is what it holds: names of files become paths."""
    if set(kept.meta.files) != set(files) or set(kept.meta.keys) != set(variables):
        raise ConfigTamperedError(f"c{kept.meta.version} of {app}", "what is known of it is not what it holds")
