"""Names of the public: one spelling of each, and a refusal of all that is none."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pvdify.errors import SpecError
from pvdify.model.domain import covers, default_name, domain_name, in_order, namesake
from pvdify.model.parse import from_value
from pvdify.model.slot import Slot

NAME = re.compile(r"(?:\*\.)?(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?")
LONGEST = ".".join(["a" * 63, "b" * 63, "c" * 63, "d" * 61])
REFUSED = {
    "a port": "example.org:8080",
    "a path": "example.org/blog",
    "a query": "example.org?x=1",
    "a fragment": "example.org#x",
    "a scheme": "https://example.org",
    "a user": "ada@example.org",
    "a star in the middle": "a.*.example.org",
    "a star in a label": "a*.example.org",
    "a star at the end": "example.*",
    "two stars": "*.*.example.org",
    "a star alone": "*",
    "a star and nothing": "*.",
    "a star over a whole ending": "*.org",
    "one label": "localhost",
    "too long a name": f"{LONGEST}a",
    "too long a name with its star": f"*.{LONGEST}",
    "too long a label": f"{'a' * 64}.example.org",
    "an empty label": "a..example.org",
    "a dot in front": ".example.org",
    "two dots behind": "example.org..",
    "a hyphen in front": "-a.example.org",
    "a hyphen behind": "a-.example.org",
    "an underscore": "_dmarc.example.org",
    "nothing": "",
    "a blank": "a b.example.org",
    "a blank around": " example.org",
    "a line": "example.org\n",
    "a tab": "example\t.org",
    "NUL": "exam\0ple.org",
    "bidi": "exam\u202eple.org",
    "an isolate": "exam\u2066ple.org",
    "nothing that shows": "exam\u200bple.org",
    "IPv4": "127.0.0.1",
    "IPv4 in full width": "\uff11\uff12\uff17.0.0.1",
    "IPv4 in short": "127.1",
    "IPv4 in hexadecimal": "127.0.0.0x1",
    "IPv6": "2001:db8::1",
    "IPv6 in brackets": "[::1]",
    "a port in full width": "example.org\uff1a80",
    "a path in full width": "example.org\uff0fx",
    "quotes": 'exam"ple.org',
    "braces": "{env.HOME}.example.org",
    "a comma": "a.example.org,b.example.org",
    "an encoded label that is none": "xn--0.example",
    "an encoded label that hides a control character": "xn--a.example",
    "mixed directions": "a\u05d0b.example",
}


@pytest.mark.parametrize("text", REFUSED.values(), ids=REFUSED.keys())
def test_what_is_no_name_is_refused_in_words(text: str) -> None:
    with pytest.raises(SpecError, match=r"^cannot use .* as a domain: ") as refused:
        domain_name(text)

    assert refused.value.message.isprintable()
    assert "/domains" == refused.value.pointer


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("Example.ORG.", "example.org"),
        ("*.Example.org", "*.example.org"),
        ("b\u00fccher.example", "xn--bcher-kva.example"),
        ("BU\u0308CHER.example", "xn--bcher-kva.example"),
        ("XN--BCHER-KVA.example", "xn--bcher-kva.example"),
        ("*.\u043f\u0440\u0438\u043c\u0435\u0440.\u0440\u0444", "*.xn--e1afmkfd.xn--p1ai"),
        ("\uff45\uff58.org", "ex.org"),
        ("example\u3002org\u3002", "example.org"),
        ("1.example.org", "1.example.org"),
        ("a-b--c.example.org", "a-b--c.example.org"),
        (LONGEST, LONGEST),
    ],
)
def test_a_name_has_one_spelling(text: str, name: str) -> None:
    assert name == domain_name(text)


LABELS = st.text(st.characters(min_codepoint=0x21, max_codepoint=0x2FFF), min_size=1, max_size=20)


@given(
    st.one_of(
        st.text(max_size=300),
        st.text("ab1-.*xn\u00fc\u0434\u3002\u05d0", max_size=40),
        st.builds(".".join, st.lists(LABELS, min_size=1, max_size=6)),
    )
)
def test_whatever_is_accepted_is_the_name_of_itself_and_safe_everywhere(text: str) -> None:
    try:
        name = domain_name(text)
    except SpecError:
        return

    assert name == domain_name(name) == domain_name(name.upper()) == domain_name(f"{name}.")
    assert NAME.fullmatch(name)
    assert len(name) <= 253


@given(st.lists(st.from_regex(r"[a-z0-9]([a-z0-9-]{0,8}[a-z0-9])?", fullmatch=True), min_size=1, max_size=5))
def test_labels_of_letters_and_digits_before_an_ending_are_a_name(labels: list[str]) -> None:
    name = ".".join([*(label for label in labels if not label.startswith("xn--")), "example", "org"])

    assert name == domain_name(name)
    assert f"*.{name}" == domain_name(f"*.{name}")


def test_the_default_name_is_its_apps_alone() -> None:
    name = default_name("blog", "apps.example.org")

    assert name is not None
    assert "blog" == namesake(name, "apps.example.org")
    assert None is namesake("a.blog.apps.example.org", "apps.example.org")
    assert None is namesake("blogapps.example.org", "apps.example.org")
    assert None is namesake("Blog.apps.example.org", "apps.example.org")
    assert None is namesake("*.apps.example.org", "apps.example.org")
    assert None is namesake("blog.apps.example.org", None)


def test_single_names_are_looked_at_before_wildcards_and_narrow_ones_before_wide_ones() -> None:
    names = ("*.example.org", "a.example.org", "*.b.example.org", "c.b.example.org")

    assert ("c.b.example.org", "a.example.org", "*.b.example.org", "*.example.org") == in_order(names)


def test_a_wildcard_covers_one_label_and_no_more() -> None:
    assert covers("*.example.org", "a.example.org")
    assert not covers("*.example.org", "example.org")
    assert not covers("a.example.org", "a.example.org")


@pytest.mark.parametrize("text", ["example.org:80", "127.0.0.1", "a.*.example.org"])
def test_a_slot_with_no_name_among_its_names_cannot_be_read(text: str) -> None:
    with pytest.raises(SpecError, match="as a domain") as refused:
        from_value({"name": "blog", "domains": ["example.org", text]}, Slot)

    assert "cannot use" in refused.value.message
