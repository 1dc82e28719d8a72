"""How the real client bears an API that is slow, broken, cut off or limited, and what it lets nobody see."""

from __future__ import annotations

import json
import logging
import os
import subprocess
import sys
import time
from typing import TYPE_CHECKING

import anyio
import pytest

from pvdify.adapters.cloudflare import Cloudflare
from pvdify.errors import CloudflareBusyError, CloudflareLoginError, CloudflareUnreachableError
from pvdify.model.dns import NewRecord, RecordChange
from tests.adapters.cloudflare_world import RealCloudflareWorld, real_cloudflare
from tests.client.canned import identity
from tests.fakes.cloudflare import TOKEN, FakeAccount, Fault
from tests.fakes.cloudflare_server import Standin, secured, standing_in

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

NEW = NewRecord(type="A", name="blog.example.org", content="192.0.2.7")
UNSURE = [Fault.BROKEN_AFTER, Fault.CUT_AFTER, Fault.HANGS_AFTER]
ASK = """
import json, sys, trio
from pvdify.adapters.cloudflare import Cloudflare
async def main(address, token):
    async with Cloudflare(address, 5.0).session(token) as session:
        print(json.dumps([zone.name for zone in await session.zones()]))
trio.run(main, *sys.argv[1:])
"""
TRUSTED = """
from pvdify.adapters.cloudflare_client import authorities
print(authorities().cert_store_stats()["x509_ca"])
"""


@pytest.fixture
def world() -> Iterator[RealCloudflareWorld]:
    with real_cloudflare() as world:
        world.account.add_zone("example.org")
        yield world


def zone_of(world: RealCloudflareWorld) -> str:
    return next(iter(world.account.zones))


async def names_of(world: RealCloudflareWorld, *, token: str = TOKEN) -> list[str]:
    async with world.port.session(token) as session:
        return [zone.name for zone in await session.zones()]


async def make(world: RealCloudflareWorld) -> None:
    async with world.port.session(TOKEN) as session:
        await session.change_records(RecordChange(zone=zone_of(world), new=(NEW,)))


@pytest.mark.parametrize("backend", ["trio", "asyncio"])
def test_it_runs_under_both_loops(world: RealCloudflareWorld, backend: str) -> None:
    async def main() -> list[str]:
        await make(world)
        return await names_of(world)

    assert ["example.org"] == anyio.run(main, backend=backend)
    assert [("A", "192.0.2.7")] == world.account.found("blog.example.org")


async def test_a_rate_limit_is_waited_out_as_long_as_it_says_and_then_the_change_is_made(
    world: RealCloudflareWorld,
) -> None:
    world.account.faults["change_records"] = [Fault.BUSY]
    began = time.monotonic()

    await make(world)

    assert time.monotonic() - began >= 1
    assert ["change_records"] * 2 == world.account.asked
    assert [("A", "192.0.2.7")] == world.account.found("blog.example.org")


async def test_a_rate_limit_that_lasts_too_long_is_told_at_once_and_nothing_was_done(
    world: RealCloudflareWorld,
) -> None:
    world.account.faults["change_records"] = [Fault.BUSY]
    world.server.after = "290"
    began = time.monotonic()

    with pytest.raises(CloudflareBusyError, match="for 290 more seconds") as told:
        await make(world)

    assert (290, True) == (told.value.after, time.monotonic() - began < 1)
    assert [] == world.account.found("blog.example.org")


async def test_limits_that_follow_each_other_are_waited_for_no_longer_than_an_answer_may_take(
    world: RealCloudflareWorld,
) -> None:
    world.account.faults["zones"] = [Fault.BUSY] * 10
    began = time.monotonic()

    with pytest.raises(CloudflareBusyError):
        await names_of(world)

    assert time.monotonic() - began < world.patience


@pytest.mark.parametrize("fault", [Fault.BROKEN, Fault.CUT], ids=lambda one: one.name.lower())
async def test_a_question_is_asked_again_where_the_server_is_broken(world: RealCloudflareWorld, fault: Fault) -> None:
    world.account.faults["zones"] = [fault, fault]

    assert ["example.org"] == await names_of(world)


async def test_a_server_that_stays_broken_is_told_of(world: RealCloudflareWorld) -> None:
    world.account.faults["zones"] = [Fault.BROKEN] * 3

    with pytest.raises(CloudflareUnreachableError, match="answers with status 502"):
        await names_of(world)

    assert ["zones"] * 3 == world.account.asked


@pytest.mark.parametrize("fault", UNSURE, ids=lambda one: one.name.lower())
async def test_a_change_without_an_answer_is_sent_once_and_told_as_unsure(
    world: RealCloudflareWorld, fault: Fault
) -> None:
    world.patience = 0.5
    world.account.faults["change_records"] = [fault]

    with pytest.raises(CloudflareUnreachableError):
        await make(world)

    assert ["change_records"] == world.account.asked
    assert [("A", "192.0.2.7")] == world.account.found("blog.example.org")


async def test_a_page_for_people_is_no_answer(world: RealCloudflareWorld) -> None:
    world.account.faults["zones"] = [Fault.NONSENSE]

    with pytest.raises(CloudflareUnreachableError, match="not as Cloudflare does"):
        await names_of(world)


async def test_nobody_there_is_told_in_words() -> None:
    with real_cloudflare() as world:
        pass

    with pytest.raises(CloudflareUnreachableError, match="connection refused"):
        await names_of(world)


async def test_who_speaks_no_tls_is_told_in_the_words_of_tls_and_not_of_the_system(world: RealCloudflareWorld) -> None:
    plain = world.server.address.replace("http:", "https:")

    with pytest.raises(CloudflareUnreachableError, match="cannot be reached: TLS ends with "):
        async with Cloudflare(plain, 5.0).session(TOKEN) as session:
            await session.zones()


async def test_a_server_that_nobody_trusts_is_told_no_token(tmp_path: Path) -> None:
    own = identity(tmp_path, names="IP:127.0.0.1")
    with standing_in(FakeAccount()) as server:
        secured(server, str(own.certificate), str(own.key))
        world = RealCloudflareWorld(server)

        with pytest.raises(CloudflareUnreachableError, match="is not trusted"):
            async with Cloudflare(world.server.address.replace("http:", "https:"), 5.0).session(TOKEN) as session:
                await session.zones()

        assert [] == server.seen


def asked(server: Standin, **environ: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", ASK, server.address, TOKEN],
        env={"PATH": os.environ["PATH"], "PYTHONPATH": ":".join(sys.path), **environ},
        capture_output=True,
        text=True,
        check=True,
    )


def test_nothing_in_the_environment_changes_whom_it_asks_and_with_what(world: RealCloudflareWorld) -> None:
    others = ("API_TOKEN", "API_KEY", "EMAIL", "API_USER_SERVICE_KEY")

    done = asked(
        world.server,
        **{f"CLOUDFLARE_{name}": "other" for name in others},
        CLOUDFLARE_BASE_URL="http://127.0.0.1:9/",
        CLOUDFLARE_CUSTOM_HEADERS="Authorization: Bearer other",
        HTTP_PROXY="http://127.0.0.1:9/",
        ALL_PROXY="http://127.0.0.1:9/",
    )

    (headers,) = world.server.seen
    assert ["example.org"] == json.loads(done.stdout)
    assert f"Bearer {TOKEN}" == headers["authorization"]
    assert not {name for name in headers if name.startswith("x-auth")}


def test_a_log_of_everything_does_not_have_the_token(world: RealCloudflareWorld) -> None:
    done = asked(world.server, CLOUDFLARE_LOG="debug")

    assert "zones" in done.stderr
    assert TOKEN not in done.stderr


async def test_an_error_does_not_have_the_token(world: RealCloudflareWorld, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    wrong = "wrong-0123456789-abcdefghij-0123456789-ab"

    with pytest.raises(CloudflareLoginError) as told:
        await names_of(world, token=wrong)

    chain = [str(one) for one in (told.value, told.value.__cause__, told.value.__context__)]
    assert wrong not in f"{chain}{told.value.hint}{caplog.text}"


def test_it_trusts_whom_the_system_trusts_where_a_service_says_that_it_trusts_nobody() -> None:
    nobody = {"SSL_CERT_FILE": "/dev/null", "SSL_CERT_DIR": "/nonexistent"}

    done = subprocess.run(
        [sys.executable, "-c", TRUSTED],
        env={"PATH": os.environ["PATH"], "PYTHONPATH": ":".join(sys.path), **nobody},
        capture_output=True,
        text=True,
        check=True,
    )

    assert int(done.stdout) > 10
