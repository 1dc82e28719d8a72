"""What Prometheus reads is what was counted."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pvdify.render.exposition import Metric, MetricKind, Sample, exposition

LINE = re.compile(r'(?P<name>[a-z_]+)(?:\{(?P<labels>(?:[a-z]+="(?:[^"\\\n]|\\.)*",?)*)\})? (?P<value>\S+)')
LABEL = re.compile(r'(?P<name>[a-z]+)="(?P<text>(?:[^"\\\n]|\\.)*)"')
ESCAPES = {r"\\": "\\", r"\"": '"', r"\n": "\n"}


def parsed(text: str) -> list[tuple[str, dict[str, str], float]]:
    """The samples, as the format's description says to read them."""
    found = []
    for line in text.split("\n"):
        if line.startswith("#") or not line:
            continue
        match = LINE.fullmatch(line)
        assert match, line
        labels = {
            one["name"]: re.sub(r"\\.", lambda escape: ESCAPES[escape[0]], one["text"])
            for one in LABEL.finditer(match["labels"] or "")
        }
        found.append((match["name"], labels, float(match["value"])))
    return found


TEXTS = st.text(st.characters(codec="utf-8")) | st.text(st.sampled_from(["\\", '"', "\n", "n", "{", "}", ",", "="]))


@given(st.dictionaries(st.sampled_from(["app", "step"]), TEXTS), st.floats(allow_nan=False))
def test_labels_and_values_are_read_back(labels: dict[str, str], value: float) -> None:
    text = exposition([Metric("up", MetricKind.GAUGE, "Up", (Sample(value, labels),))])

    assert [("up", labels, value)] == parsed(text)


@given(TEXTS)
def test_help_stays_on_its_line(words: str) -> None:
    text = exposition([Metric("up", MetricKind.COUNTER, words, (Sample(1, {}),))])

    assert 3 == text.count("\n")
    assert text.endswith("# TYPE up counter\nup 1\n")


def test_a_summary_has_its_suffixes_and_a_metric_without_samples_is_left_out() -> None:
    steps = (Sample(1.5, {"step": "pull"}, "_sum"), Sample(2, {"step": "pull"}, "_count"))

    text = exposition(
        [Metric("none", MetricKind.GAUGE, "None", ()), Metric("step_seconds", MetricKind.SUMMARY, "Steps", steps)]
    )

    assert [("step_seconds_sum", {"step": "pull"}, 1.5), ("step_seconds_count", {"step": "pull"}, 2)] == parsed(text)
    assert text.startswith("# HELP step_seconds Steps\n# TYPE step_seconds summary\n")


@pytest.mark.parametrize("value", [2**53, 10**18, 1e300])
def test_large_numbers_have_all_their_digits(value: float) -> None:
    assert [("up", {}, float(value))] == parsed(
        exposition([Metric("up", MetricKind.GAUGE, "Up", (Sample(value, {}),))])
    )
