"""Server-sent events, in whatever pieces they come."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from pvdify.client.sse import Message, Messages

ENDS = st.sampled_from([b"\n", b"\r\n"])
TEXTS = st.text(st.characters(codec="utf-8", exclude_characters="\r\n"), max_size=20)


def messages(*pieces: bytes) -> list[Message]:
    taken = Messages()
    return [message for piece in pieces for message in taken.feed(piece)]


@given(texts=st.lists(TEXTS, min_size=1), end=ENDS, data=st.data())
def test_pieces_of_any_size_make_the_same_messages(texts: list[str], end: bytes, data: st.DataObject) -> None:
    whole = b"".join(b": alive" + end + end + b"data: " + text.encode() + end + end for text in texts)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(whole)))))
    pieces = [whole[one:two] for one, two in zip([0, *cuts], [*cuts, len(whole)], strict=True)]

    assert [Message("message", text.encode()) for text in texts] == messages(*pieces)


def test_a_line_separator_within_a_text_ends_no_line() -> None:
    text = 'data: "a\u2028b\u0085c\x0bd"\n\n'.encode()

    assert ['"a\u2028b\u0085c\x0bd"'] == [one.data.decode() for one in messages(text)]


def test_several_lines_are_one_text_and_what_is_unknown_is_left_out() -> None:
    text = b"event: error\nid: 7\nretry: 10\nmoon: full\ndata:a\ndata\ndata:  b\n\nevent: nothing\n\ndata: c\n\n"

    assert [Message("error", b"a\n\n b"), Message("message", b"c")] == messages(text)


def test_what_is_not_whole_is_no_message() -> None:
    assert [] == messages(b"data: {}\n")
