"""What the adapter makes of a Caddy that answers oddly, or not at all."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import anyio
import pytest

from pvdify.adapters.caddy import Caddy
from pvdify.errors import EdgeError, HostError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    import trio.testing
    from anyio.abc import SocketStream


@pytest.fixture
def config(tmp_path: Path) -> Path:
    file = tmp_path / "Caddyfile"
    file.write_text("blog.example.org {\n}\n")
    return file


@asynccontextmanager
async def admin(path: Path, answer: bytes | None) -> AsyncIterator[list[bytes]]:
    """An admin socket that answers so to everything, or never (None); what it was asked."""
    asked: list[bytes] = []

    async def serve(stream: SocketStream) -> None:
        async with stream:
            asked.append(await stream.receive())
            if answer is None:
                await anyio.sleep_forever()
            else:
                await stream.send(answer)

    async with await anyio.create_unix_listener(path) as listener, anyio.create_task_group() as tasks:
        tasks.start_soon(listener.serve, serve)
        yield asked
        tasks.cancel_scope.cancel()


async def test_a_running_caddy_is_given_the_file_and_no_program_is_started(config: Path, tmp_path: Path) -> None:
    async with admin(tmp_path / "admin.sock", b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n") as asked:
        await Caddy(tmp_path / "admin.sock").follow(config)

    (request,) = asked
    head, _, body = request.partition(b"\r\n\r\n")
    assert head.startswith(b"POST /load HTTP/1.1\r\nHost: \r\n")
    assert b"Content-Type: text/caddyfile" in head
    assert b"blog.example.org {\n}\n" == body


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (b'HTTP/1.1 400 Bad Request\r\nContent-Length: 14\r\n\r\n{"error":"no"}', "no$"),
        (b"HTTP/1.1 500 Oh\r\nContent-Length: 4\r\n\r\noops", "does not say why"),
    ],
)
async def test_a_refusal_is_told_in_its_words(answer: bytes, words: str, config: Path, tmp_path: Path) -> None:
    async with admin(tmp_path / "admin.sock", answer):
        with pytest.raises(EdgeError, match=words):
            await Caddy(tmp_path / "admin.sock").follow(config)


@pytest.mark.parametrize("answer", [b"", b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n", b"hello\r\n"])
async def test_an_answer_that_breaks_off_leaves_open_what_it_serves(
    answer: bytes, config: Path, tmp_path: Path
) -> None:
    async with admin(tmp_path / "admin.sock", answer):
        with pytest.raises(HostError) as failed:
            await Caddy(tmp_path / "admin.sock").follow(config)

    assert not isinstance(failed.value, EdgeError)


async def test_a_caddy_that_never_answers_is_not_waited_for_for_ever(
    config: Path, tmp_path: Path, autojump_clock: trio.testing.MockClock
) -> None:
    async with admin(tmp_path / "admin.sock", None):
        with pytest.raises(HostError, match="in 60 s"):
            await Caddy(tmp_path / "admin.sock").follow(config)


async def test_of_a_long_refusal_the_cause_is_told_which_comes_last(config: Path, tmp_path: Path) -> None:
    refusal = f'{{"error":"{"loading config: " * 50}open root.crt: permission denied"}}'.encode()
    answer = b"HTTP/1.1 400 Bad Request\r\nContent-Length: %d\r\n\r\n%s" % (len(refusal), refusal)
    async with admin(tmp_path / "admin.sock", answer):
        with pytest.raises(EdgeError) as failed:
            await Caddy(tmp_path / "admin.sock").follow(config)

    assert failed.value.message.endswith("open root.crt: permission denied")
    assert len(failed.value.message) < 500
