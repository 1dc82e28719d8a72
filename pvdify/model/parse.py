"""The one door for everything that comes in: JSON and TOML text, and values that a caller built itself."""

from __future__ import annotations

import json
import re
import tomllib
from typing import Final, TypeVar

import msgspec

from pvdify.errors import SpecError, TooLargeError

T = TypeVar("T")

MAX_BYTES: Final = 2 * 1024 * 1024
MAX_DEPTH: Final = 32
_PATTERN: Final = re.compile(r"^Expected `str` matching regex '(?P<pattern>.*)'$")
_DIGITS: Final = 19
_AT: Final = re.compile(r" - at (?:`key` in )?`\$?(?P<path>[^`]*)`$")
_TOML_AT: Final = re.compile(r"\(at line (?P<line>\d+), column (?P<column>\d+)\)")


def from_toml(text: bytes, type_: type[T], *, what: str, limit: int = MAX_BYTES) -> T:
    """Read TOML strictly; an error names the file (*what*), the line and the key."""
    if len(text) > limit:
        raise SpecError(f"cannot read {what}: it is larger than {limit} bytes")
    try:
        value = tomllib.loads(text.decode())
    except UnicodeDecodeError as error:
        raise SpecError(f"cannot read {what}: it is not UTF-8 (byte {error.start})") from error
    except tomllib.TOMLDecodeError as error:
        match = _TOML_AT.search(str(error))
        where = f", line {match['line']}" if match else ""
        raise SpecError(f"cannot read {what}{where}: {_TOML_AT.sub('', str(error)).strip()}") from error
    try:
        return from_value(value, type_, what=what)
    except SpecError as error:
        line = line_of(text.decode(), error.pointer)
        if line is None:
            raise
        message = error.message.replace(f"cannot read {what}", f"cannot read {what}, line {line}", 1)
        raise SpecError(message, pointer=error.pointer, hint=error.hint) from error


def json_object(text: bytes, *, what: str, limit: int = MAX_BYTES) -> dict[str, object]:
    """Read a JSON object strictly: UTF-8, no key twice, no NaN, no number that is no 64-bit one, not deep. Types are `from_value`'s."""
    if len(text) > limit:
        raise TooLargeError(f"cannot read {what}: it is larger than {limit} bytes")
    try:
        value = json.loads(text.decode(), object_pairs_hook=_unique, parse_constant=_no_constant, parse_int=_integer)
    except UnicodeDecodeError as error:
        raise SpecError(f"cannot read {what}: it is not UTF-8 (byte {error.start})") from error
    except json.JSONDecodeError as error:
        raise SpecError(f"cannot read {what}: it is not JSON ({error.msg.lower()} at {error.pos})") from error
    except RecursionError as error:
        raise SpecError(f"cannot read {what}: it is nested deeper than {MAX_DEPTH}") from error
    except ValueError as error:
        raise SpecError(f"cannot read {what}: {error}") from error
    if not isinstance(value, dict):
        raise SpecError(f"cannot read {what}: it is no JSON object")
    return value


def from_value(value: object, type_: type[T], *, what: str = "the request") -> T:
    """Prove that *value* is a *type_*; also for structs that a caller made, since msgspec does not check them then."""
    plain = msgspec.to_builtins(value)
    _check(plain, what=what, pointer="", depth=0)
    try:
        return msgspec.convert(plain, type_)
    except msgspec.ValidationError as error:
        message = str(error)
        match = _AT.search(message)
        pointer = _pointer(match["path"]) if match else ""
        unknown = re.search(r"unknown field `(?P<name>[^`]*)`", message)
        if unknown:
            pointer = f"{pointer}/{unknown['name']}"
        problem = _AT.sub("", message)
        problem = _in_words(problem, type_) or problem[:1].lower() + problem[1:]
        at = f" at {pointer}" if pointer else ""
        raise SpecError(f"cannot read {what}{at}: {problem}", pointer=pointer) from error


def _in_words(problem: str, type_: type[object]) -> str:
    """What a value should have been, where its pattern has a description: nobody wants to read the pattern."""
    match = _PATTERN.search(problem)
    if not match:
        return ""
    pattern = match["pattern"].encode().decode("unicode_escape")
    waiting: list[object] = [msgspec.json.schema(type_)]
    while waiting:
        one = waiting.pop()
        if isinstance(one, dict):
            if one.get("pattern") == pattern and "description" in one:
                return f"expected {one['description']}"
            waiting += one.values()
        elif isinstance(one, list):
            waiting += one
    return ""


def line_of(text: str, pointer: str) -> int | None:
    """The line of TOML *text* that sets the key that *pointer* ends in, looked for below its table."""
    keys = [key for key in pointer.split("/") if key and not key.isdigit() and key != "..."]
    if not keys:
        return None
    line_number: int | None = None
    depth = 0
    for number, line in enumerate(text.splitlines(), start=1):
        header = re.match(r"\s*\[+\s*([^\]]+?)\s*\]+", line)
        if header:
            path = [part.strip().strip("\"'") for part in header[1].split(".")]
            depth = next(
                (n for n, (one, two) in enumerate(zip(path, keys, strict=False)) if one != two),
                min(len(path), len(keys)),
            )
            if path == keys:
                return number
            continue
        name = re.match(r"\s*([A-Za-z0-9_\"'.-]+)\s*=", line)
        if name and name[1].strip("\"'") in keys[depth:]:
            line_number = line_number or number
            if name[1].strip("\"'") == keys[-1]:
                return number
    return line_number


def _unique(pairs: list[tuple[str, object]]) -> dict[str, object]:
    found = dict(pairs)
    if len(found) != len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        message = f"the key {twice[:60]!r} is there twice"
        raise ValueError(message)
    return found


def _no_constant(text: str) -> object:
    message = f"{text} is no number"
    raise ValueError(message)


def _integer(text: str) -> int:
    if len(text) > _DIGITS:
        raise ValueError("a number has too many digits")
    return int(text)


def _check(value: object, *, what: str, pointer: str, depth: int) -> None:
    if depth > MAX_DEPTH:
        raise SpecError(f"cannot read {what}: it is nested deeper than {MAX_DEPTH}", pointer=pointer)
    if isinstance(value, str):
        if "\0" in value:
            raise SpecError(f"cannot read {what} at {pointer or '/'}: it has a NUL character", pointer=pointer)
        if any("\ud800" <= char <= "\udfff" for char in value):
            raise SpecError(f"cannot read {what} at {pointer or '/'}: it has a lone surrogate", pointer=pointer)
    elif isinstance(value, dict):
        for key, item in value.items():
            _check(key, what=what, pointer=pointer, depth=depth + 1)
            _check(item, what=what, pointer=f"{pointer}/{key}", depth=depth + 1)
    elif isinstance(value, list | tuple):
        for number, item in enumerate(value):
            _check(item, what=what, pointer=f"{pointer}/{number}", depth=depth + 1)


def _pointer(path: str) -> str:
    """A JSON pointer from msgspec's `.routes[0].port` or `[...]`."""
    return "".join(f"/{part}" for part in re.split(r"[.\[\]]+", path) if part)
