"""What pvdify made outside of its host and may take back: records in DNS, and rules of a tunnel that Cloudflare keeps."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

import msgspec

from pvdify.errors import StateError
from pvdify.model.elsewhere import MadeRecords, PutRules, PutTunnels
from pvdify.store.files import PRIVATE, make_directory, replace, told

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from pvdify.model.dns import MadeRecord
    from pvdify.store.paths import Settings
    from pvdify.store.reserve import Reserve

T = TypeVar("T")


def text_of_made(kept: MadeRecords | PutTunnels) -> bytes:
    """The file that remembers *kept*."""
    return msgspec.json.format(msgspec.json.encode(kept, order="deterministic")) + b"\n"


class Elsewhere:
    """The memory of it. It is written before something is made, and again when it is known what became of that."""

    def __init__(self, settings: Settings, reserve: Reserve) -> None:
        self._settings = settings
        self._reserve = reserve

    def records(self, app: str) -> tuple[MadeRecord, ...]:
        """The records that were made for *app*."""
        return _read(self._settings.made_records(app), MadeRecords).records

    def write_records(self, app: str, records: Iterable[MadeRecord]) -> None:
        """Remember *records*, and no others, durably. The caller holds the app's lock."""
        self._write(self._settings.made_records(app), MadeRecords(records=tuple(records)))

    def tunnels(self) -> tuple[PutRules, ...]:
        """The rules that were put, by tunnel."""
        return _read(self._settings.put_rules, PutTunnels).tunnels

    def rules(self, account: str, tunnel: str) -> frozenset[tuple[str, str]]:
        """The hostnames and services of the rules that were put into that tunnel."""
        found = (one.rules for one in self.tunnels() if (one.account, one.tunnel) == (account, tunnel))
        return frozenset(next(found, ()))

    def write_rules(self, account: str, tunnel: str, rules: Iterable[tuple[str, str]]) -> None:
        """Remember *rules* of that tunnel, and no others of it, durably. The caller holds the lock on the edge."""
        others = tuple(one for one in self.tunnels() if (one.account, one.tunnel) != (account, tunnel))
        mine = PutRules(account=account, tunnel=tunnel, rules=tuple(sorted(rules)))
        self._write(self._settings.put_rules, PutTunnels(tunnels=(*others, mine) if mine.rules else others))

    def _write(self, path: Path, kept: MadeRecords | PutTunnels) -> None:
        with told(f"write {path}"):
            make_directory(path.parent, 0o755)
            self._reserve.spend(lambda: replace(path, text_of_made(kept), PRIVATE))


def _read(path: Path, type_: type[T]) -> T:
    with told(f"read {path}"):
        try:
            text = path.read_bytes()
        except FileNotFoundError:
            return type_()
    try:
        return msgspec.json.decode(text, type=type_)
    except msgspec.MsgspecError as error:
        raise StateError(
            f"cannot read {path}: {str(error).lower()}",
            hint="bring it back from a backup, or remove it: pvdify then takes what it made there for somebody else's",
        ) from error
