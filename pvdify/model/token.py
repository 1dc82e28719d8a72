"""Tokens: their text, which is shown once and never kept, and what is kept of them."""

from __future__ import annotations

import hmac
import re
import secrets
import zlib
from hashlib import sha256
from typing import TYPE_CHECKING, Annotated, Final

import msgspec
from msgspec import Meta

from pvdify.model.names import APP_PATTERN
from pvdify.model.patterns import closed
from pvdify.model.scope import Scope

if TYPE_CHECKING:
    from datetime import datetime

PREFIX: Final = "pvd_"
_DIGITS: Final = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_ID_LETTERS: Final = "abcdefghijklmnopqrstuvwxyz234567"
_BITS: Final = 256
_SECRET: Final = 43
_CHECK: Final = 6
_TEXT: Final = re.compile(closed(rf"{PREFIX}[0-9A-Za-z]{{{_SECRET + _CHECK}}}"))
_MOMENT: Final = r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\.[0-9]{3}Z"
_SHA256: Final = r"[0-9a-f]{64}"

TokenId = Annotated[str, Meta(pattern=closed(r"t[a-z0-9]{8}"), description="a token as `pvdify tokens` lists it")]
TokenName = Annotated[
    str,
    Meta(
        pattern=closed(r"[A-Za-z0-9][A-Za-z0-9._ @-]{0,63}"), description="letters, digits, `._@-` and blanks, 1 to 64"
    ),
]
AppPattern = Annotated[
    str,
    Meta(
        pattern=closed(rf"(?:{APP_PATTERN}|[a-z][a-z0-9-]{{0,38}}\*|\*)"),
        description="an app, or the beginning of some: `blog-*`",
    ),
]
Digest = Annotated[str, Meta(pattern=closed(_SHA256))]
DigestOrNone = Annotated[str, Meta(pattern=closed(rf"(?:{_SHA256})?"))]
Moment = Annotated[str, Meta(pattern=closed(_MOMENT))]
MomentOrNever = Annotated[str, Meta(pattern=closed(rf"(?:{_MOMENT})?"))]


class Token(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """What is kept of a token: who may do what, until when, and the digest of its text.

    No *apps* means every app, an empty *expires_at* never. After a rotation the previous text works until *previous_until*.
    """

    id: TokenId
    name: TokenName
    scopes: Annotated[tuple[Scope, ...], Meta(min_length=1)]
    apps: tuple[AppPattern, ...] = ()
    created_at: Moment
    created_by: str
    expires_at: MomentOrNever
    digest: Digest
    previous_digest: DigestOrNone = ""
    previous_until: MomentOrNever = ""
    last_used_at: MomentOrNever = ""


def new_id() -> str:
    """An id that no other token has: 40 random bits, of which nothing is secret."""
    return "t" + "".join(secrets.choice(_ID_LETTERS) for _ in range(8))


def new_text() -> str:
    """The text of a new token: the prefix that scanners look for, 256 random bits, and a checksum of both."""
    text = PREFIX + _base62(secrets.randbits(_BITS), _SECRET)
    return text + _checksum(text)


def is_well_formed(text: str) -> bool:
    """Whether *text* may be a token at all: what was mistyped or cut off is known without looking anything up.

    >>> is_well_formed(new_text()), is_well_formed(new_text()[:-1]), is_well_formed("pvd_" + 49 * "0")
    (True, False, False)
    """
    return bool(_TEXT.search(text)) and text[-_CHECK:] == _checksum(text[:-_CHECK])


def digest(text: str) -> str:
    """What is kept of *text*; 256 random bits need no slow hash."""
    return sha256(text.encode(errors="surrogatepass")).hexdigest()


def is_expired(token: Token, now: datetime) -> bool:
    """Whether the time of *token* is over; *now* is in UTC."""
    return bool(token.expires_at) and token.expires_at <= _written(now)


def matches(token: Token, given: str, now: datetime) -> bool:
    """Whether *given* is the digest of the token's text, or of the one before it while that still works; not whether it expired."""
    is_this = hmac.compare_digest(token.digest, given)
    is_previous = hmac.compare_digest(token.previous_digest, given)
    return is_this or (is_previous and bool(given) and _written(now) < token.previous_until)


def _written(now: datetime) -> str:
    """*now* as it is written everywhere: such texts sort by time."""
    return now.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _checksum(text: str) -> str:
    return _base62(zlib.crc32(text.encode()), _CHECK)


def _base62(number: int, width: int) -> str:
    digits = ""
    for _ in range(width):
        number, digit = divmod(number, len(_DIGITS))
        digits = _DIGITS[digit] + digits
    return digits
