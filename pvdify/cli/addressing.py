"""Which app a command means.

`-a` wins; else the first word is the app, if such an app exists and enough words remain; else `PVDIFY_APP`; else the `app` of `./pvdify.toml`.
Where two readings would both work, none is taken.
"""

from __future__ import annotations

import re
import shlex
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from pvdify.cli.commands import spelled_apart
from pvdify.cli.usage import usage_error
from pvdify.model.names import APP_PATTERN
from pvdify.model.patterns import closed

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from pvdify.cli.usage import WrongUsage

ANYTHING: Final = r"[\s\S]*"
_APP: Final = re.compile(closed(APP_PATTERN))


@dataclass(frozen=True, slots=True, kw_only=True)
class Words:
    """What a command takes besides the app: from *least* to *most* words that all fit *pattern*.

    *loose* is what they may be where `-a` has left no doubt. *is_command* words may follow a `--`, and then nothing before it is one of them.
    *is_secret* words are shown to nobody, however wrong they are. *wrong* says of an app and the words behind it what is wrong with them
    and what to type, where it knows.
    """

    usage: str = ""
    least: int = 0
    most: int | None = 0
    pattern: str = ANYTHING
    loose: str = ANYTHING
    is_command: bool = False
    is_secret: bool = False
    wrong: Callable[[str, tuple[str, ...]], tuple[str, str] | None] | None = None

    def fit(self, words: tuple[str, ...], *, is_sure: bool = False) -> bool:
        """Whether the command could take *words*."""
        wanted = re.compile(closed(self.loose if is_sure else self.pattern))
        most = len(words) if self.most is None else self.most
        return self.least <= len(words) <= most and all(wanted.search(word) for word in words)


NO_WORDS: Final = Words()


@dataclass(frozen=True, slots=True, kw_only=True)
class Typed:
    """What was typed after the name of a command: *before* and *after* a `--` (None: there was none)."""

    command: str
    before: tuple[str, ...]
    after: tuple[str, ...] | None = None
    app: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Addressed:
    """One reading of what was typed."""

    app: str
    words: tuple[str, ...]


async def addressed(
    typed: Typed,
    words: Words,
    *,
    default: Callable[[], str | None],
    exists: Callable[[str], Awaitable[bool]],
) -> Addressed:
    """The one reading of *typed* that works; raise a usage error that shows what to type if there is none, or two."""
    if typed.app is not None:
        return _with_app(typed, words, typed.app)
    first = _first_word_is_the_app(typed, words)
    other = _app_is_understood(typed, words)
    app = default() if other is not None else None
    second = Addressed(app=app, words=other) if other is not None and app is not None else None
    if first and second and not await exists(first.app):
        return second
    if first and second and first.app != second.app:
        raise usage_error(
            f"cannot tell which app `{_typed(typed, words)}` means",
            hint=f"type `{_plain(typed, words, first)}` or `{_plain(typed, words, second)}`",
        )
    if first and (meant := spelled_apart(typed.command, first.app)) and not await exists(first.app):
        raise usage_error(f"cannot find app {first.app}", hint=f"did you mean `pvdify {meant}`?")
    reading = first or second
    if reading:
        return reading
    raise _unreadable(typed, words, needs_app=other is not None)


def _with_app(typed: Typed, words: Words, app: str) -> Addressed:
    rest = (*typed.before, *(typed.after or ()))
    if not words.fit(rest, is_sure=True):
        raise _unreadable(typed, words, needs_app=False)
    return Addressed(app=app, words=rest)


def _first_word_is_the_app(typed: Typed, words: Words) -> Addressed | None:
    if not typed.before or not _APP.search(typed.before[0]):
        return None
    if words.is_command and typed.after is not None:
        rest, is_whole = typed.after, len(typed.before) == 1
    else:
        rest, is_whole = (*typed.before[1:], *(typed.after or ())), True
    return Addressed(app=typed.before[0], words=rest) if is_whole and words.fit(rest) else None


def _app_is_understood(typed: Typed, words: Words) -> tuple[str, ...] | None:
    if words.is_command and typed.after is not None:
        rest, is_whole = typed.after, not typed.before
    else:
        rest, is_whole = (*typed.before, *(typed.after or ())), True
    return rest if is_whole and words.fit(rest) else None


def _unreadable(typed: Typed, words: Words, *, needs_app: bool) -> WrongUsage:
    usage = f"pvdify {typed.command} [APP] {words.usage}".rstrip()
    meant = spelled_apart(typed.command, typed.before[0]) if typed.before else ""
    if meant:
        return usage_error(f"cannot read `{_typed(typed, words)}`", hint=f"did you mean `pvdify {meant}`?")
    if words.wrong and (found := words.wrong(*_app_and_words(typed))):
        reason, hint = found
        return usage_error(f"cannot read `{_typed(typed, words)}`: {reason}", hint=hint)
    if needs_app and not (words.is_command and typed.after is None):
        return usage_error(
            f"cannot tell which app `{_typed(typed, words)}` means",
            hint="name it with -a APP, set PVDIFY_APP, or write app = into ./pvdify.toml",
        )
    return usage_error(f"cannot read `{_typed(typed, words)}`", hint=f"usage: {usage}")


def _app_and_words(typed: Typed) -> tuple[str, tuple[str, ...]]:
    """What was probably meant by what was *typed*: an app that nobody named is `APP`."""
    rest = (*typed.before, *(typed.after or ()))
    if typed.app is None and rest and _APP.search(rest[0]):
        return rest[0], rest[1:]
    return typed.app or "APP", rest


def _typed(typed: Typed, words: Words) -> str:
    after = () if typed.after is None else ("--", *typed.after)
    return _command(typed, words, app=typed.app, rest=(*typed.before, *after))


def _plain(typed: Typed, words: Words, reading: Addressed) -> str:
    dashes = ("--",) if typed.after is not None and reading.words else ()
    return _command(typed, words, app=reading.app, rest=(*dashes, *reading.words))


def _command(typed: Typed, words: Words, *, app: str | None, rest: tuple[str, ...]) -> str:
    """The command as it was, or might have been, typed; of secret words only that there were some."""
    head = shlex.join(("pvdify", typed.command, *(() if app is None else ("-a", app))))
    tail = "…" if words.is_secret else shlex.join(rest)
    return f"{head} {tail}" if rest else head
