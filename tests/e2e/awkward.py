"""Values that some reader on their way may take for something else."""

from __future__ import annotations

from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

LONG = 4096
# what some reader on the way gives a meaning to: quoting, escapes, specifiers, variables, options, sections
FRAGMENTS = (
    *("", " ", "  ", "\t", "\n", "\r", "\r\n", "\f", "\v", "\x01", "\x1b", "\x7f", "\x85", "\xa0"),
    *("\\", "\\\\", "\\n", "\\x41", "\\u0041", "\\101", "\\;", "\\d", '"', "'", "`", '""', "''"),
    *("%", "%%", "%n", "%h", "%i", "%", "$", "$$", "$HOME", "${HOME}", "$(id)", "{}", "*", "?", "~"),
    *(";", "&", "|", "#", "-", "--", "-x", "@", "!", "+", ":", ",", "=", "/", "."),
    *("\n[Service]\nExecStartPre=/bin/false\n", "\nPodmanArgs=--privileged\n", "--privileged", "[Container]"),
    *("\u2028", "\u2029", "\ufeff", "\u200b", "\u202e", "\ufffd", "é", "☃", "🚀", "\U0010fffd", "word"),
)
NONCHARACTERS = [chr(plane << 16 | low) for plane in range(17) for low in (0xFFFE, 0xFFFF)]
NONCHARACTERS += map(chr, range(0xFDD0, 0xFDF0))
ANY_TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters=["\0", "\x80", *NONCHARACTERS]))
AWKWARD = st.lists(st.sampled_from(FRAGMENTS), min_size=1, max_size=12).map("".join)
LONG_TEXT = st.tuples(ANY_TEXT, AWKWARD).map(lambda parts: ("x".join(parts) * LONG)[:LONG])


def drawn(count: int) -> list[str]:
    """Let Hypothesis make up *count* values; they are tried all at once, as each start of a container costs a while."""
    values: list[str] = []

    @settings(
        max_examples=count,
        phases=[Phase.generate],
        database=None,
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(st.one_of(ANY_TEXT, AWKWARD, AWKWARD, LONG_TEXT))
    def draw(value: str) -> None:
        values.append(value)

    draw()
    return values[:count]
