"""The config of an app: one immutable, numbered set of variables and secret files. What it holds is shown only to whoever asks for it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from hashlib import sha256
from typing import TYPE_CHECKING, Annotated, Final, TypeVar

import msgspec
from msgspec import Meta

from pvdify.errors import ConfigTamperedError, SpecError
from pvdify.model.names import AppName
from pvdify.model.parse import from_value, json_object
from pvdify.model.patterns import closed
from pvdify.model.variables import EnvKey, EnvValue, is_denied, unwritable

if TYPE_CHECKING:
    from collections.abc import Mapping

T = TypeVar("T")

ENV: Final = "env"
"""The part of a config that holds its variables; every other part that a unit gets is a file."""
SALT: Final = "salt"
"""The part that only pvdify reads: with it all the others are proven."""
LARGEST: Final = 1_000_000
"""Bytes of all values and files together: systemd gives a unit no more than 1 MiB of credentials, and they fill whole pages there."""
ELSEWHERE: Final = "keep large files in a volume or in the image"
"""What to do with what is larger."""
_PAGE: Final = 4096
_PAGES: Final = 256
_VARIABLES: Final = 1_000
LONGEST: Final = 32_768
_ESCAPED: Final = 8 * LARGEST
"""Bytes of the largest document: SOPS writes some characters as six."""
_SHOWN: Final = 8
_LINE: Final = re.compile(r"[\r\n]")

FileName = Annotated[
    str,
    Meta(
        pattern=closed(r"(?!(?:env|salt)$)[A-Za-z0-9_][A-Za-z0-9._-]{0,63}"),
        description="the name of a secret file: letters, digits, . _ -, at most 64, and neither env nor salt",
    ),
]
ConfigNumber = Annotated[int, Meta(ge=1, le=999_999_999)]


class _Record(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """Written by pvdify, read by pvdify and people."""


class ConfigPin(_Record, frozen=True, kw_only=True):
    """One config version, as a release names it: by its number, by the SHA-256 of what it holds, and the files that it brings."""

    version: ConfigNumber
    sha256: str
    files: tuple[str, ...] = ()

    def parts(self) -> tuple[str, ...]:
        """What of it a unit gets: the variables, and each file."""
        return (ENV, *self.files)

    def credential(self, app: str, part: str) -> str:
        """The name under which *part* is sealed. systemd takes a credential only under its own: not another app's, nor another version's.

        >>> ConfigPin(version=7, sha256="ab" * 32).credential("blog", "env")
        'blog.c7.abababababababab.env'
        """
        return f"{app}.c{self.version}.{self.sha256[:16]}.{part}"


class ConfigMeta(_Record, frozen=True, kw_only=True):
    """`c7.toml`: what may be known of a config version without a key. *texts* and *sealed* are the SHA-256 of its files.

    *texts* has more than one while its SOPS file is being written again.
    """

    version: ConfigNumber
    sha256: str
    keys: tuple[str, ...] = ()
    files: dict[str, int] = msgspec.field(default_factory=dict)
    texts: tuple[str, ...] = ()
    sealed: dict[str, str] = msgspec.field(default_factory=dict)
    created_at: str = ""
    created_by: str = ""
    operation: str = ""

    def pin(self) -> ConfigPin:
        """How a release names it."""
        return ConfigPin(version=self.version, sha256=self.sha256, files=tuple(self.files))


class ConfigDocument(_Record, frozen=True, kw_only=True, omit_defaults=False):
    """What SOPS encrypts. The salt keeps its SHA-256 from telling what it holds."""

    app: AppName
    version: ConfigNumber
    salt: str
    vars: dict[EnvKey, EnvValue] = msgspec.field(default_factory=dict)
    files: dict[FileName, bytes] = msgspec.field(default_factory=dict)

    def __repr__(self) -> str:
        """Name it, and nothing that it holds."""
        return f"ConfigDocument({self.app} c{self.version})"

    def digest(self) -> str:
        """The SHA-256 of all of it."""
        return sha256(msgspec.json.encode(self, order="deterministic")).hexdigest()

    def part(self, name: str) -> bytes:
        """What is sealed as *name*."""
        match name:
            case "env":
                return self.env_file()
            case "salt":
                return self.salt.encode()
            case _:
                return self.files[name]

    def env_file(self) -> bytes:
        r"""The variables as Podman's `--env-file` reads them: a line each, the value as it is, without quotes.

        >>> ConfigDocument(app="blog", version=1, salt="", vars={"B": ' "b" ', "A": ""}).env_file()
        b'A=\nB= "b" \n'
        """
        return "".join(f"{key}={value}\n" for key, value in sorted(self.vars.items())).encode()


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """What is other in a config than in an earlier one, by name."""

    added: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()
    changed: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.added or self.removed or self.changed)

    def words(self) -> str:
        """In words.

        >>> Difference(added=("A",), changed=("B", "cert")).words()
        'added A; changed B, cert'
        """
        named = (("added", self.added), ("changed", self.changed), ("removed", self.removed))
        return "; ".join(f"{word} {_some(names)}" for word, names in named if names)


def _some(names: tuple[str, ...]) -> str:
    more = len(names) - _SHOWN
    return ", ".join(names) if more <= 0 else f"{', '.join(names[:_SHOWN])} and {more} more"


def difference(before: ConfigDocument | None, after: ConfigDocument | None) -> Difference:
    """What is other in *after* than in *before*; a file is named by its path below `/run`."""
    old, new = _all(before), _all(after)
    return Difference(
        added=tuple(sorted(new.keys() - old.keys())),
        removed=tuple(sorted(old.keys() - new.keys())),
        changed=tuple(sorted(key for key in new.keys() & old.keys() if new[key] != old[key])),
    )


def _all(document: ConfigDocument | None) -> dict[str, str | bytes]:
    if document is None:
        return {}
    return {**document.vars, **{f"secrets/{name}": data for name, data in document.files.items()}}


def merged(
    before: ConfigDocument | None,
    *,
    app: str,
    version: int,
    salt: str,
    variables: Mapping[str, str | None],
    files: Mapping[str, bytes | None],
) -> ConfigDocument:
    """*before* with *variables* and *files* set, and without those that are None; raise `SpecError` for what cannot reach a process as it is."""
    document = ConfigDocument(
        app=app,
        version=version,
        salt=salt,
        vars=_merged(before.vars if before else {}, variables),
        files=_merged(before.files if before else {}, files),
    )
    for key, value in document.vars.items():
        _check_variable(key, value)
    _check_size(document)
    return document


def read_document(text: bytes, *, app: str, meta: ConfigMeta) -> ConfigDocument:
    """The document of what was decrypted, proven to be what was set; raise `ConfigTamperedError` if it is not."""
    what = f"c{meta.version} of {app}"
    try:
        document = from_value(json_object(text, what=what, limit=_ESCAPED), ConfigDocument, what=what)
    except SpecError as error:
        raise ConfigTamperedError(what, "what it holds is no config of pvdify") from error
    if (document.app, document.version, document.digest()) != (app, meta.version, meta.sha256):
        raise ConfigTamperedError(what, "it does not hold what was set")
    return document


def from_parts(parts: Mapping[str, bytes], *, app: str, meta: ConfigMeta) -> ConfigDocument | None:
    """The document that was taken apart into *parts*; None if it is not the one that *meta* tells of."""
    try:
        lines = parts[ENV].decode().removesuffix("\n").split("\n") if parts[ENV] else []
        document = ConfigDocument(
            app=app,
            version=meta.version,
            salt=parts[SALT].decode(),
            vars={key: value for key, _, value in (line.partition("=") for line in lines)},
            files={name: data for name, data in sorted(parts.items()) if name not in {ENV, SALT}},
        )
    except UnicodeDecodeError:
        return None
    return document if document.digest() == meta.sha256 else None


def _merged(before: Mapping[str, T], given: Mapping[str, T | None]) -> dict[str, T]:
    both = {**before, **given}
    return {key: value for key, value in sorted(both.items()) if value is not None}


def _check_size(document: ConfigDocument) -> None:
    sizes = [len(document.env_file()), *(len(data) for data in document.files.values())]
    size = sum(sizes) + sum(len(name) + 64 for name in document.files)
    pages = sum(max(1, -(-one // _PAGE)) for one in sizes)
    if len(document.vars) > _VARIABLES:
        message = f"cannot keep {len(document.vars)} variables: {_VARIABLES} is the most"
        raise SpecError(
            message, pointer="/vars", hint="keep what belongs together in one file: `--file-secret NAME=PATH`"
        )
    if size > LARGEST:
        message = f"cannot keep {size} bytes of config: systemd gives a unit no more than {LARGEST}"
        raise SpecError(message, pointer="/vars", hint=ELSEWHERE)
    if pages > _PAGES:
        message = f"cannot keep {len(document.files)} files: systemd gives a unit no more than {_PAGES} pages, and they fill {pages}"
        raise SpecError(message, pointer="/files", hint=ELSEWHERE)


def _check_variable(key: str, value: str) -> None:
    pointer, hint = f"/vars/{key}", ""
    name = "env.txt" if key.lower() == ENV else key.lower()[:64]
    as_file = f"keep it as a file: `--file-secret {name}=PATH`, read at /run/secrets/{name}"
    if is_denied(key):
        reason = "it is set or forbidden by pvdify"
        hint = (
            "declare the port that the app listens on: `port = 8080` in its slot; it is given as PORT"
            if key == "PORT"
            else ""
        )
    elif _LINE.search(value):
        reason = "a variable is one line"
        hint = as_file
    elif found := unwritable(value):
        reason = f"the character {found} cannot be passed to a process"
    elif len(value.encode()) > LONGEST:
        reason = f"it is longer than {LONGEST} bytes"
        hint = as_file
    else:
        return
    raise SpecError(f"cannot set {key}: {reason}", pointer=pointer, hint=hint)
