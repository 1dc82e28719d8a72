"""Answers of all kinds, good and bad, over real connections."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from pvdify.adapters.sockets import Sockets
from tests.adapters.network_world import raw

if TYPE_CHECKING:
    from pvdify.ports import Answer

CHUNKED = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
BACKENDS = pytest.mark.parametrize("backend", ["trio", "asyncio"])


async def ask(answer: str | bytes, *, stays: bool = False, path: str = "/", timeout: float = 5) -> Answer:
    async with raw(answer, stays=stays) as port:
        return await Sockets().get(port, path, headers={}, timeout=timeout)


@pytest.mark.parametrize(
    ("answer", "body"),
    [
        ("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello and more", "hello"),
        ("HTTP/1.1 200 OK\r\n\r\nhello", "hello"),
        ("HTTP/1.0 200\n\nhello", "hello"),
        (CHUNKED + "3;x=y\r\nhel\r\n2\r\nlo\r\n0\r\n\r\n", "hello"),
        ("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello", "hello"),
    ],
)
async def test_a_body_ends_where_the_answer_says(answer: str, body: str) -> None:
    found = await ask(answer, stays="Length" in answer or "chunked" in answer)

    assert (200, body, "") == (found.status, found.body, found.error)


async def test_no_redirect_is_followed_and_no_body_expected_where_there_is_none() -> None:
    assert 302 == (await ask("HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n")).status
    assert (204, "") == ((found := await ask("HTTP/1.1 204 No Content\r\n\r\n", stays=True)).status, found.body)


async def test_a_body_is_read_to_64_kib() -> None:
    assert 64 * 1024 == len((await ask(b"HTTP/1.1 200 OK\r\n\r\n" + b"x" * 200_000)).body)


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        ("", "it closed the connection without an answer"),
        ("SSH-2.0-OpenSSH_10.0\r\n", "the answer is not HTTP: 'SSH-2.0-OpenSSH_10.0'"),
        ("\n", "the answer is not HTTP"),
        ("HTTP/1.1 abc\r\n\r\n", "the answer is not HTTP"),
        ("HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\nhello", "the answer broke off"),
        ("HTTP/1.1 200 OK\r\nX: y", "the answer broke off"),
        (CHUNKED + "-5\r\nhello", "the answer is not HTTP: illegal chunk header"),
        (CHUNKED + "5\r\nhe", "the answer broke off"),
        ("HTTP/1.1 200 OK\r\n" + "X: y\r\n" * 30_000, "the answer has a head or a line of more than 64 KiB"),
        ("HTTP/1.1 200 " + "H" * 200_000, "the answer has a head or a line of more than 64 KiB"),
        ("HTTP/1.1 200 OK\r\nContent-Length: many\r\n\r\n", "the answer is not HTTP: bad Content-Length"),
        (CHUNKED + "5;" + "x" * 200_000, "the answer has a head or a line of more than 64 KiB"),
        ("HTTP/1.1 101 Switching Protocols\r\n\r\n", "the answer is not HTTP"),
    ],
)
async def test_what_is_no_answer_is_told_in_words(answer: str, error: str) -> None:
    found = await ask(answer)

    assert error in found.error
    assert found.status is None


async def test_a_server_that_speaks_first_and_then_waits_is_no_http() -> None:
    assert "the answer is not HTTP: 'SSH-2.0'" == (await ask("SSH-2.0\r\n", stays=True)).error


async def test_what_takes_too_long_is_told_in_words() -> None:
    assert "no answer within 0.05 s" == (await ask("HTTP/1.1 200 OK\r\n", stays=True, timeout=0.05)).error


@pytest.mark.parametrize("path", ["/a b", "/x\r\nX-Evil: 1", "/x\ny"])
async def test_a_path_stays_one_path(path: str) -> None:
    found = await ask("HTTP/1.1 200 OK\r\n\r\n", path=path)

    assert "the request cannot be sent" in found.error
