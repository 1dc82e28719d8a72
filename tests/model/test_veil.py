"""Nothing that a config holds is left in what an app wrote, however programs write it."""

from __future__ import annotations

import json

from hypothesis import given
from hypothesis import strategies as st

from pvdify.model.config import ConfigDocument
from pvdify.model.veil import veiled


def document(*, files: dict[str, bytes] | None = None, **variables: str) -> ConfigDocument:
    return ConfigDocument(app="blog", version=1, salt="", vars=variables, files=files or {})


@given(
    st.text(st.characters(min_codepoint=32, exclude_categories=["Cs", "Zl", "Zp"]), min_size=6, max_size=60).map(
        str.strip
    )
)
def test_a_value_is_found_as_it_is_as_json_and_as_python_shows_it(value: str) -> None:
    secret = f"canary{value}"
    lines = (
        f"is {secret}!",
        json.dumps({"A": secret}),
        json.dumps([secret], ensure_ascii=False),
        f"KeyError({secret!r})",
    )

    assert ("is [A]!", '{"A": "[A]"}', '["[A]"]') == veiled(lines, document(A=secret))[:3]
    assert "canary" not in veiled(lines, document(A=secret))[3]


def test_a_value_that_is_part_of_another_one_leaves_nothing_of_that() -> None:
    assert ("to [URL]",) == veiled(["to db://canary@db"], document(USER="canary", URL="db://canary@db"))


def test_each_line_of_a_file_is_found() -> None:
    lines = ["-----BEGIN KEY-----", "Y2FuYXJ5", "bye"]

    found = veiled(lines, document(files={"tls.key": b"-----BEGIN KEY-----\n  Y2FuYXJ5\r\n\xff\xfe\n"}))

    assert ("[secrets/tls.key]", "[secrets/tls.key]", "bye") == found


def test_short_values_are_no_secrets() -> None:
    assert ("info: on 8080",) == veiled(["info: on 8080"], document(LEVEL="info", AT="8080", EMPTY=""))
