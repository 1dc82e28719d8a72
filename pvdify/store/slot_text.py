"""The text of a slot: a commented one for a new app, and changes that leave an operator's file an operator's file.

Imported only when a slot is written: it needs tomlkit.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Final

import msgspec
import tomlkit
from tomlkit.items import InlineTable, Table

if TYPE_CHECKING:
    from collections.abc import MutableMapping

    from pvdify.model.slot import Slot

Value = str | int | float | bool | list["Value"] | dict[str, "Value"] | None

_HEADER: Final = """\
# What is declared of {name}. Edit it, look with `pvdify plan`, and make it so with `pvdify apply`.
# Deploys and rollbacks leave this file alone; `pvdify ps:scale` sets the counts in it.

"""
_KEYS: Final = """
# More that can be said here: behind # stands an example, or the default.
# image = "ghcr.io/org/app:v1"      # of the first release, and of `pvdify deploy` without --image
# port = 8080                       # where the container listens; it is told as PORT (default: what the image exposes)
# domains = ["app.example.org"]
# release_command = "bin/migrate"   # once per release, in its image, before any instance starts
# drain = "30s"                     # how long an old instance may finish its requests
# stop = "10s"                      # from SIGTERM to SIGKILL

"""
_TABLES: Final = """
# [processes.worker]
# command = "bin/worker"
# count = 1

# [healthcheck]
# type = "http"                     # or tcp, none
# path = "/health"                  # must answer 2xx or 3xx; without a path any status below 500 will do
# timeout = "30s"

# [resources]                       # of each instance
# memory = "512M"
# cpu = 0.5

# [env]                             # nothing secret: it stands in the unit, where anybody on the host can read it
# LOG_LEVEL = "info"
"""


def new_text(slot: Slot) -> bytes:
    """A file for an app that has none yet: what is declared, and what more there is to say, where it may be said."""
    stated = _stated(slot)
    keys = tomlkit.dumps({key: value for key, value in stated.items() if not isinstance(value, dict)})
    tables = {key: value for key, value in stated.items() if isinstance(value, dict)}
    processes = {
        name: {"count": process.count} | msgspec.to_builtins(process) for name, process in slot.processes.items()
    }
    text = tomlkit.dumps({**tables, "processes": processes})
    more = "\n".join(line for line in _KEYS.split("\n") if line[2:].partition(" ")[0] not in stated)
    return (_HEADER.format(name=slot.name) + keys + more + text + _TABLES).encode()


def merged(old: bytes, slot: Slot) -> bytes:
    """*old*, changed so that it declares *slot*: what need not change stays, and so do comments, order and spelled-out defaults."""
    document = tomlkit.parse(old.decode())
    _merge(document, _stated(slot), _whole(slot))
    return tomlkit.dumps(document).encode()


def _stated(slot: Slot) -> dict[str, Value]:
    """What has to be said: all that is not the default."""
    stated = msgspec.json.decode(msgspec.json.encode(slot), type=dict[str, object])
    return {key: _value(value) for key, value in stated.items()}


def _whole(slot: Slot) -> dict[str, Value]:
    """All that may be said, defaults included."""
    whole = _value(slot)
    return whole if isinstance(whole, dict) else {}


def _value(value: object) -> Value:
    """*value* in TOML's own types."""
    if isinstance(value, msgspec.Struct):
        return {key: _value(one) for key, one in msgspec.structs.asdict(value).items()}
    if isinstance(value, Mapping):
        return {str(key): _value(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [_value(one) for one in value]
    if value is None or isinstance(value, bool | int | float):
        return value
    return str(value)


def _merge(table: MutableMapping[str, Value], stated: Mapping[str, Value], whole: Mapping[str, Value]) -> None:
    for key in list(table):
        if key not in stated and (key not in whole or _plain(table[key]) != _plain(whole[key])):
            default = whole.get(key)
            if default and isinstance(default, bool | int | float | str):
                table[key] = default
            else:
                del table[key]
    for key, value in stated.items():
        old = table.get(key)
        if isinstance(value, dict) and isinstance(old, Table | InlineTable):
            inner = whole.get(key)
            _merge(old, value, inner if isinstance(inner, dict) else {})
        elif old is None or _plain(old) != _plain(value):
            table[key] = _apart(value)


def _apart(value: Value) -> Value | Table:
    """*value*, with an empty line behind it if it is a table."""
    if not isinstance(value, dict):
        return value
    table = tomlkit.table()
    table.update(value)
    table.add(tomlkit.nl())
    return table


def _plain(value: object) -> object:
    unwrap = getattr(value, "unwrap", None)
    return unwrap() if callable(unwrap) else value
