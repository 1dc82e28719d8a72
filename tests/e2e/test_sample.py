import json
import os
import signal
import subprocess
import zlib
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tests.e2e import sample
from tests.e2e.bed import Bed
from tests.e2e.load import Load

PORT = 8081


@contextmanager
def app(bed: Bed, *argv: str, **env: str) -> Iterator[subprocess.Popen[str]]:
    """Run the sample app in *bed* without a container, until it serves."""
    program = bed.path("/run/sample")
    if not program.exists():
        program.write_bytes(sample.app())
        program.chmod(0o755)
    with bed.spawn("/run/sample", *argv, env={"PORT": str(PORT), "APP_RELEASE": "v1", **env}) as process:
        try:
            yield process
        finally:
            process.kill()


@contextmanager
def web(bed: Bed, **env: str) -> Iterator[subprocess.Popen[str]]:
    with app(bed, **env) as process:
        bed.wait_until(lambda: curl(bed, "/") != "", what="the app to listen")
        yield process


def curl(bed: Bed, path: str, *options: str) -> str:
    return bed.run("curl", "-s", *options, f"http://127.0.0.1:{PORT}{path}", check=False).stdout


def status(bed: Bed, path: str) -> str:
    return curl(bed, path, "-o", "/dev/null", "-w", "%{http_code}")


def test_it_tells_its_release_and_its_health(bare: Bed) -> None:
    with web(bare, PVDIFY_INSTANCE="web-2"):
        assert "release=v1 instance=web-2\n" == curl(bare, "/")
        assert ["200", "404", "418", "302"] == [
            status(bare, path) for path in ("/health", "/no-such", "/status?code=418", "/redirect?to=/")
        ]
        assert 0 == bare.run("/run/sample", "check", env={"PORT": str(PORT)}).returncode
        curl(bare, "/break")
        assert "503" == status(bare, "/health")
        assert 1 == bare.run("/run/sample", "check", env={"PORT": str(PORT)}, check=False).returncode


def test_it_takes_uploads_and_streams(bare: Bed) -> None:
    data = bytes(range(256)) * 40_000
    bare.path("/run/data").write_bytes(data)

    with web(bare):
        taken = curl(bare, "/upload", "--data-binary", "@/run/data")
        streamed = curl(bare, "/stream?n=3&ms=1")

    assert f"release=v1 bytes={len(data)} adler32={zlib.adler32(data):08x}\n" == taken
    assert ["chunk 1 release=v1", "chunk 2 release=v1", "chunk 3 release=v1"] == streamed.splitlines()


def test_it_shows_every_byte_of_its_arguments_and_environment(bare: Bed) -> None:
    odd = os.fsdecode(b'\xff \xc3\xa9 " \\ \n \t \xed\xa0\x80 \xf0\x9f\x8d\x8e')

    with app(bare, "show", odd, ODD=odd) as process:
        shown = json.loads(process.communicate()[0])

    assert os.fsencode(odd) == os.fsencode(shown["argv"][2])
    assert os.fsencode(odd) == os.fsencode(shown["env"]["ODD"])


def test_told_to_stop_it_finishes_what_is_asked_and_leaves_with_0(bare: Bed) -> None:
    with (
        web(bare, APP_GRACE_MS="3000") as process,
        Load(bare, PORT, keep_alive=0, new=0, slow=1, websockets=1, uploads=1) as load,
    ):
        bare.wait_until(lambda: load.snapshot().websocket.echoes > 0, what="an echo")
        process.terminate()
        said, _ = process.communicate(timeout=10)

    assert 0 == process.returncode
    assert "v1: leaving with 0 connections open" in said
    assert load.result is not None
    answered = {kind: row.requests - row.failed for kind, row in load.result.kinds.items()}
    assert (1, 1) == (answered["slow"], answered["upload"])
    assert {"connect: Connection refused"} == {failure.reason for failure in load.result.failures}
    assert "closed with 1001" == load.result.websocket.dropped[0].reason


def test_it_can_ignore_a_request_to_stop(bare: Bed) -> None:
    with web(bare, APP_IGNORE_TERM="1") as process:
        process.terminate()
        assert process.stdout is not None
        assert ["v1: listening on port 8081\n", "ignoring signal 15\n"] == [process.stdout.readline() for _ in range(2)]
        assert "200" == status(bare, "/health")


@pytest.mark.parametrize(("path", "code"), [("/exit?code=3", 3), ("/exit?code=0", 0), ("/crash", -signal.SIGABRT)])
def test_it_ends_as_it_is_told(bare: Bed, path: str, code: int) -> None:
    with web(bare) as process:
        curl(bare, path)
        assert code == process.wait(10)


@pytest.mark.parametrize(
    ("argv", "env", "code"),
    [
        ((), {"APP_EXIT_AT_START": "0"}, 0),
        (("worker",), {"APP_EXIT_AT_START": "4"}, 4),
        ((), {"APP_CRASH_AFTER_MS": "10"}, -signal.SIGABRT),
        (("migrate",), {}, 0),
        (("migrate", "--fail"), {}, 1),
    ],
)
def test_it_starts_as_badly_as_it_is_told(bare: Bed, argv: tuple[str, ...], env: dict[str, str], code: int) -> None:
    with app(bare, *argv, **env) as process:
        assert code == process.wait(10)


@pytest.mark.parametrize("argv", [("worker",), ("migrate", "--hang")])
def test_a_worker_works_and_a_hanging_migration_hangs_until_told(bare: Bed, argv: tuple[str, ...]) -> None:
    with app(bare, *argv, APP_TICK_MS="10") as process:
        assert process.stdout is not None
        assert process.stdout.readline() in ("v1: working\n", "v1: migrating\n")
        process.terminate()
        assert 0 == process.wait(10)
