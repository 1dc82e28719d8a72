"""The hosts that a user knows and is logged in to: a file that nobody else may read."""

from __future__ import annotations

import json
import os
import stat
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Annotated, Final

import msgspec
from msgspec import Meta

from pvdify.client.address import RemoteHost
from pvdify.errors import HostError, NotFoundError, RefusedError
from pvdify.model.parse import from_toml
from pvdify.model.patterns import closed
from pvdify.store import files

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from pvdify.client.vault import Vault

_FOLDER: Final = 0o700
_OTHERS: Final = 0o077

HostName = Annotated[
    str,
    Meta(pattern=closed(r"[A-Za-z0-9](?:[A-Za-z0-9._-]{0,62})"), description="letters, digits, `._-`"),
]
# what is written in quotes needs no escapes
_Plain = Annotated[str, Meta(pattern=closed(r'[^"\\\x00-\x1f\x7f]*'))]
_Pem = Annotated[str, Meta(pattern=closed(r"[A-Za-z0-9+/=\n -]*"))]


class Entry(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """One host: its address, what it is known by, and the token, unless that is in the *keyring*."""

    url: _Plain
    token: _Plain = ""
    keyring: bool = False
    certificate: _Pem = ""
    authority: _Pem = ""


class Known(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """All of the file: the hosts by name, and which of them is asked where none is named."""

    current: HostName | None = None
    hosts: dict[HostName, Entry] = {}


@dataclass(frozen=True, slots=True)
class Hosts:
    """The file at *path*, and the *vault* for tokens; it is read when it is asked, and replaced as a whole."""

    path: Path
    vault: Vault

    def known(self) -> Known:
        """What the file says, nothing where there is none; raise `RefusedError` if others can read it."""
        text = self._read()
        return from_toml(text, Known, what=str(self.path)) if text is not None else Known()

    def host(self, name: str) -> RemoteHost:
        """The host of that name, with its token; raise `NotFoundError`, or `HostError` if the token cannot be had."""
        entry = self._entry(name)
        return replace(self.without_token(name), token=self.vault.token(name) if entry.keyring else entry.token)

    def without_token(self, name: str) -> RemoteHost:
        """The host of that name, for whoever brings a token; raise `NotFoundError`."""
        entry = self._entry(name)
        return RemoteHost(name=name, url=entry.url, certificate=entry.certificate, authority=entry.authority)

    def name_of(self, url: str) -> str | None:
        """The name of the host with that address, of several the current one's."""
        known = self.known()
        names = sorted(known.hosts, key=lambda name: name != known.current)
        return next((name for name in names if known.hosts[name].url == url), None)

    def keep(self, host: RemoteHost) -> bool:
        """Keep *host* by its name and make it the current one; whether its token went into a keyring.

        Without a token it keeps the one that it had. Raise `RefusedError` where another host has that name.
        """
        known = self.known()
        before = known.hosts.get(host.name)
        if before is not None and before.url != host.url:
            raise RefusedError(
                f"cannot call {host.url} {host.name}: that is {before.url} already",
                hint="give it another name with `--name NAME`",
            )
        in_keyring = bool(host.token) and self.vault.keep(host.name, host.token)
        if before is not None and before.keyring and host.token and not in_keyring:
            self.vault.forget(host.name)
        token, keyring = (before.token, before.keyring) if before and not host.token else (host.token, in_keyring)
        entry = Entry(
            url=host.url,
            token="" if keyring else token,
            keyring=keyring,
            certificate=host.certificate,
            authority=host.authority,
        )
        self._write(Known(current=host.name, hosts={**known.hosts, host.name: entry}))
        return in_keyring

    def use(self, name: str) -> None:
        """Make the host of that name the current one; raise `NotFoundError`."""
        self._entry(name)
        self._write(msgspec.structs.replace(self.known(), current=name))

    def forget(self, name: str) -> None:
        """Forget a host and its token; the last one that is left becomes the current one. Raise `NotFoundError`."""
        if self._entry(name).keyring:
            self.vault.forget(name)
        known = self.known()
        left = {one: entry for one, entry in known.hosts.items() if one != name}
        current = known.current if known.current in left else next(iter(left), None) if len(left) == 1 else None
        self._write(Known(current=current, hosts=left))

    def _entry(self, name: str) -> Entry:
        entry = self.known().hosts.get(name)
        if entry is None:
            raise NotFoundError(f"cannot find the host {name}", hint="`pvdify hosts` lists them")
        return entry

    def _read(self) -> bytes | None:
        try:
            with self.path.open("rb") as file:
                status = os.fstat(file.fileno())
                if stat.S_IMODE(status.st_mode) & _OTHERS:
                    raise RefusedError(
                        f"cannot use {self.path}: others can read it, and it has tokens",
                        hint=f"chmod 600 {self.path}; and rotate the tokens, if anybody may have",
                    )
                return file.read()
        except FileNotFoundError:
            return None
        except OSError as error:
            raise self._told("read", error) from error

    def _write(self, known: Known) -> None:
        text = "\n".join(_lines(known)) + "\n"
        from_toml(text.encode(), Known, what=str(self.path))
        try:
            files.make_directory(self.path.parent, _FOLDER)
            files.replace(self.path, text.encode(), files.PRIVATE)
        except OSError as error:
            raise self._told("write", error) from error

    def _told(self, doing: str, error: OSError) -> HostError:
        return HostError(f"cannot {doing} {self.path}: {(error.strerror or 'it failed').lower()}")


def _lines(known: Known) -> Iterator[str]:
    """The file as TOML: tomllib only reads, and a client has no more than it needs."""
    yield "# The hosts that pvdify knows, with their tokens: nobody else may read this file."
    if known.current is not None:
        yield f"current = {_quoted(known.current)}"
    for name, entry in sorted(known.hosts.items()):
        yield f"\n[hosts.{_quoted(name)}]"
        yield f"url = {_quoted(entry.url)}"
        if entry.token:
            yield f"token = {_quoted(entry.token)}"
        if entry.keyring:
            yield "keyring = true"
        for key, pem in (("certificate", entry.certificate), ("authority", entry.authority)):
            if pem:
                yield f'{key} = """\n{pem.rstrip()}\n"""'


def _quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)
