"""A patch: what shall be declared otherwise, as RFC 7396 has it.

What is left out stays as it is, null puts the default back (or removes what has a name), objects are merged, and all else is replaced.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, TypeAlias, TypeVar

import msgspec
from msgspec import UNSET, Meta, UnsetType

from pvdify.model.parse import from_value
from pvdify.model.quantity import Cpu, Duration, Size
from pvdify.model.slot import Command, HealthPath, HealthType, Slot, Volume

if TYPE_CHECKING:
    from collections.abc import Mapping

T = TypeVar("T")
Maybe: TypeAlias = T | UnsetType | None


class _Patch(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """Part of a patch."""


class ResourcesPatch(_Patch, frozen=True, kw_only=True):
    """Other limits."""

    memory: Maybe[Size] = UNSET
    cpu: Maybe[Cpu] = UNSET
    tasks: Maybe[Annotated[int, Meta(ge=1, le=1_000_000)]] = UNSET


class HealthcheckPatch(_Patch, frozen=True, kw_only=True):
    """Another health check."""

    type: Maybe[HealthType] = UNSET
    path: Maybe[HealthPath] = UNSET
    interval: Maybe[Duration] = UNSET
    timeout: Maybe[Duration] = UNSET


class ProcessPatch(_Patch, frozen=True, kw_only=True):
    """Another process, or one that is declared otherwise; its volumes are named all together."""

    command: Maybe[Command] = UNSET
    count: Maybe[Annotated[int, Meta(ge=0, le=100)]] = UNSET
    resources: Maybe[ResourcesPatch] = UNSET
    volumes: Maybe[tuple[Volume, ...]] = UNSET
    overlap: Maybe[bool] = UNSET


def patched(slot: Slot, patch: Mapping[str, object]) -> Slot:
    """*slot* with *patch* (plain values, without what is left out) on top; raise `SpecError` if that declares nothing that can be.

    >>> patched(Slot(name="blog", drain="5s"), {"processes": {"worker": {"count": 2}}, "drain": None}).processes["worker"].count
    2
    """
    declared = {**msgspec.to_builtins(slot), "processes": msgspec.to_builtins(slot.processes)}
    return from_value(_merged(declared, patch), Slot)


def _merged(old: Mapping[str, object], patch: Mapping[str, object]) -> dict[str, object]:
    merged = {key: value for key, value in old.items() if patch.get(key, value) is not None}
    for key, value in patch.items():
        before = merged.get(key)
        if isinstance(value, dict):
            merged[key] = _merged(before if isinstance(before, dict) else {}, value)
        elif value is not None:
            merged[key] = value
    return merged
