"""Durations, sizes and shares of a processor, as people write them."""

from __future__ import annotations

from typing import Annotated, Final

from msgspec import Meta

from pvdify.model.patterns import closed

Duration = Annotated[
    str,
    Meta(pattern=closed(r"[0-9]{1,6}(?:ms|s|m|h)"), description="for example 500ms, 30s, 5m, 2h"),
]
Size = Annotated[
    str,
    Meta(
        pattern=closed(r"[1-9][0-9]{0,8}[KMGT]?"),
        description="for example 512M or 2G; bytes without a letter",
    ),
]
Cpu = Annotated[float, Meta(gt=0, le=1024, description="processors: 0.5 is half of one")]

_SECONDS: Final = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0}


def seconds(duration: str) -> float:
    """How many seconds a `Duration` lasts.

    >>> seconds("500ms"), seconds("5m")
    (0.5, 300.0)
    """
    unit = "ms" if duration.endswith("ms") else duration[-1]
    return int(duration.removesuffix(unit)) * _SECONDS[unit]


def percent(cpu: float) -> str:
    """A share of a processor as systemd's `CPUQuota=` wants it.

    >>> percent(0.5), percent(1.25)
    ('50%', '125%')
    """
    return f"{max(1, round(cpu * 100))}%"
