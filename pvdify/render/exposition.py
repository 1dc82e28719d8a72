"""Metrics as text, in Prometheus's exposition format 0.0.4."""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping


class MetricKind(StrEnum):
    """What a number may be used for."""

    COUNTER = "counter"
    GAUGE = "gauge"
    SUMMARY = "summary"


@dataclass(frozen=True, slots=True)
class Sample:
    """One number; *suffix* is `_sum` or `_count` in a summary."""

    value: float
    labels: Mapping[str, str]
    suffix: str = ""


@dataclass(frozen=True, slots=True)
class Metric:
    """Numbers of one name. Without any it is left out."""

    name: str
    kind: MetricKind
    help: str
    samples: tuple[Sample, ...]


def exposition(metrics: Iterable[Metric]) -> str:
    r"""*metrics* as text; several such texts may follow each other if no name is in two of them.

    >>> print(exposition([Metric("up", MetricKind.GAUGE, "Whether it is up", (Sample(1, {"app": 'a"b'}),))]), end="")
    # HELP up Whether it is up
    # TYPE up gauge
    up{app="a\"b"} 1
    """
    return "".join(f"{line}\n" for one in metrics for line in _lines(one))


def number(value: float) -> str:
    """*value* as Prometheus reads it.

    >>> number(3), number(0.25), number(2.0), number(math.inf), number(-math.inf), number(math.nan)
    ('3', '0.25', '2', '+Inf', '-Inf', 'NaN')
    """
    if math.isnan(value):
        return "NaN"
    if math.isinf(value):
        return "+Inf" if value > 0 else "-Inf"
    return str(int(value)) if value == int(value) else repr(value)


def _lines(metric: Metric) -> Iterator[str]:
    if not metric.samples:
        return
    yield f"# HELP {metric.name} {_escaped(metric.help)}"
    yield f"# TYPE {metric.name} {metric.kind}"
    for one in metric.samples:
        yield f"{metric.name}{one.suffix}{_labels(one.labels)} {number(one.value)}"


def _labels(labels: Mapping[str, str]) -> str:
    if not labels:
        return ""
    return "{" + ",".join(f'{name}="{_quoted(value)}"' for name, value in labels.items()) + "}"


def _quoted(text: str) -> str:
    return _escaped(text).replace('"', r"\"")


def _escaped(text: str) -> str:
    return text.replace("\\", r"\\").replace("\n", r"\n")
