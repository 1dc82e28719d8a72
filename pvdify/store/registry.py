"""Logins for registries: a file of pvdify's own, in Podman's format, readable for root alone."""

from __future__ import annotations

import base64
from contextlib import contextmanager
from typing import TYPE_CHECKING

import msgspec

from pvdify.errors import StateError
from pvdify.store.files import PRIVATE, make_directory, replace, told
from pvdify.store.locks import alone

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from pvdify.store.paths import Settings
    from pvdify.store.reserve import Reserve


class _File(msgspec.Struct, frozen=True, kw_only=True):
    auths: dict[str, msgspec.Raw] = msgspec.field(default_factory=dict)


class Logins:
    """Who we are at which registry."""

    def __init__(self, settings: Settings, reserve: Reserve) -> None:
        self._path = settings.auth
        self._reserve = reserve

    def file(self) -> Path:
        """The file, made if need be: Podman refuses one that is named and not there."""
        with told(f"write {self._path}"):
            if not self._path.exists():
                with self._alone():
                    if not self._path.exists():
                        self._write({})
        return self._path

    def names(self) -> tuple[str, ...]:
        """The registries."""
        with told(f"read {self._path}"):
            return tuple(sorted(self._read()))

    def keep(self, registry: str, user: str, password: str) -> None:
        """Remember a login, in the place of an earlier one."""
        auth = base64.b64encode(f"{user}:{password}".encode()).decode()
        with told(f"write {self._path}"), self._alone():
            self._write({**self._read(), registry: msgspec.Raw(msgspec.json.encode({"auth": auth}))})

    def forget(self, registry: str) -> bool:
        """Forget a login, and say whether there was one."""
        with told(f"write {self._path}"):
            if registry not in self._read():
                return False
            with self._alone():
                self._write({name: login for name, login in self._read().items() if name != registry})
        return True

    def _read(self) -> dict[str, msgspec.Raw]:
        try:
            return msgspec.json.decode(self._path.read_bytes(), type=_File).auths
        except FileNotFoundError:
            return {}
        except msgspec.MsgspecError as error:
            message = f"cannot read {self._path}: {error}"
            raise StateError(message, hint=f"remove it and log in again: `rm {self._path}`") from error

    def _write(self, auths: dict[str, msgspec.Raw]) -> None:
        text = msgspec.json.format(msgspec.json.encode(_File(auths=auths)), indent=2) + b"\n"
        self._reserve.spend(lambda: replace(self._path, text, PRIVATE))

    @contextmanager
    def _alone(self) -> Iterator[None]:
        make_directory(self._path.parent, 0o700)
        with alone(self._path.parent):
            yield
