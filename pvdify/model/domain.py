"""Names of the public: what a domain may be called, and whose it is."""

from __future__ import annotations

import re
from ipaddress import ip_address
from typing import TYPE_CHECKING, Annotated, Final

from msgspec import Meta

from pvdify.errors import SpecError
from pvdify.model.names import APP_PATTERN
from pvdify.model.patterns import closed

if TYPE_CHECKING:
    from collections.abc import Iterable

DomainText = Annotated[
    str, Meta(min_length=1, max_length=1000, description="a domain: example.org, www.example.org or *.example.org")
]
"""As people write it; `domain_name` makes one spelling of it."""
_LONGEST: Final = 253
_LABEL: Final = re.compile(closed(r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"))
_APP: Final = re.compile(closed(APP_PATTERN))
_NUMBER: Final = re.compile(closed(r"[0-9]+|0x[0-9a-f]*"))
_ENCODED: Final = "xn--"
WILDCARD: Final = "*."


def domain_name(text: str) -> str:
    r"""*text* in the one spelling that DNS and TLS have for it: lower case, ASCII, no final dot.

    >>> domain_name("Blog.Example.ORG."), domain_name("*.example.org"), domain_name("bücher.example")
    ('blog.example.org', '*.example.org', 'xn--bcher-kva.example')
    >>> domain_name("example.org:8080")
    Traceback (most recent call last):
    pvdify.errors.families.SpecError: cannot use 'example.org:8080' as a domain: it has a port
    """
    wildcard, rest = (WILDCARD, text[2:]) if text.startswith(WILDCARD) else ("", text)
    if problem := _odd(rest):
        raise _refused(text, problem)
    name = rest.removesuffix(".").lower()
    if not name.isascii() or _ENCODED in name:
        name = _ascii(text, name)
    labels = name.split(".")
    if not all(_LABEL.search(label) for label in labels):
        raise _refused(
            text, "it is made of labels of letters, digits and inner hyphens, at most 63 long, with dots between"
        )
    if len(labels) < 2:  # noqa: PLR2004 - a name and what it is in
        raise _refused(text, "it has only one label")
    if len(wildcard + name) > _LONGEST:
        raise _refused(text, f"it is longer than {_LONGEST} characters")
    if _NUMBER.search(labels[-1]):
        raise _refused(text, "it ends in a number")
    return wildcard + name


def default_name(app: str, host_domain: str | None) -> str | None:
    """The name that every app has where the host has a domain.

    >>> default_name("blog", "apps.example.org"), default_name("blog", None)
    ('blog.apps.example.org', None)
    """
    return f"{app}.{host_domain}" if host_domain else None


def namesake(name: str, host_domain: str | None) -> str | None:
    """The app that *name* is the default name of, whether it is there or not.

    >>> namesake("blog.apps.example.org", "apps.example.org"), namesake("a.b.apps.example.org", "apps.example.org")
    ('blog', None)
    """
    if not host_domain or not name.endswith(f".{host_domain}"):
        return None
    label = name.removesuffix(f".{host_domain}")
    return label if _APP.search(label) else None


def in_order(names: Iterable[str]) -> tuple[str, ...]:
    """*names*, those first that a proxy must look at first: single names, then wildcards, the longest of them first."""
    return tuple(sorted(names, key=lambda name: (name.startswith(WILDCARD), -name.count("."), name)))


def covers(wildcard: str, name: str) -> bool:
    """Whether *wildcard* takes requests for *name*, which is one label longer than what follows its star.

    >>> covers("*.example.org", "www.example.org"), covers("*.example.org", "a.b.example.org")
    (True, False)
    """
    return wildcard.startswith(WILDCARD) and name.partition(".")[2] == wildcard.removeprefix(WILDCARD)


def _odd(text: str) -> str:
    """What is wrong with *text* before it is looked at as a name; empty if nothing is."""
    problems = (
        ("it has a scheme", "://" in text),
        ("it has a path", any(mark in text for mark in "/?#")),
        ("it has a user", "@" in text),
        ("it is an IP address", _is_address(text)),
        ("it has a port", ":" in text),
        ("a star stands only alone and on the left, as in *.example.org", "*" in text),
        (
            "it is empty, or has a blank or a character that does not print",
            not text or " " in text or not text.isprintable(),
        ),
    )
    return next((words for words, holds in problems if holds), "")


def _is_address(text: str) -> bool:
    try:
        ip_address(text.strip("[]"))
    except ValueError:
        return False
    return True


def _ascii(text: str, name: str) -> str:
    import idna  # only names beyond ASCII, plain or encoded, need its tables

    try:
        return idna.encode(name, uts46=True).decode("ascii").removesuffix(".")
    except idna.IDNAError as error:
        raise _refused(text, f"it is no internationalised name ({error})") from error


def _refused(text: str, reason: str) -> SpecError:
    shown = text[:80].encode("unicode_escape").decode() if not text.isprintable() else text[:80]
    return SpecError(
        f"cannot use {shown!r} as a domain: {reason}",
        pointer="/domains",
        hint="write it as example.org, www.example.org or *.example.org",
    )
