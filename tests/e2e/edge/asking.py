"""What a test does with an edge in a bed: put the stand-ins in place, and ask names under load."""

from __future__ import annotations

import json
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.e2e.bed import Bed

HERE = Path(__file__).parent
PYTHON = "/usr/lib/pvdify/venv/bin/python"
LASTING = "/opt/lasting"
TUNNEL = "f70ff985-a4ef-4643-bbbc-4a0ed4fc8415"
SECRET = "c2VjcmV0LW9mLXRoZS10dW5uZWw="  # noqa: S105 - the stand-in's
CREDENTIALS = json.dumps({"AccountTag": "a" * 32, "TunnelSecret": SECRET, "TunnelID": TUNNEL})
AUTHORITY = "/var/lib/pvdify-edge/pki/authorities/local/root.crt"
CLOUDFLARE = "http://127.0.0.1:8787"


@dataclass(slots=True)
class Asked:
    """How it went: answers, and everything else by what it was."""

    answers: int = 0
    failures: dict[str, int] = field(default_factory=dict)


def put(bed: Bed, name: str, into: str) -> None:
    """Put one of the programs beside this into *bed*."""
    bed.path(into).write_text((HERE / name).read_text())
    bed.path(into).chmod(0o755)


def https(bed: Bed, name: str, *options: str, authority: str = AUTHORITY) -> str:
    """What a name answers over HTTPS, to somebody who trusts that authority, Caddy's own; empty where nothing does."""
    return bed.run(
        *("curl", "-sS", "-m", "5", "--cacert", authority, "--resolve", f"{name}:443:127.0.0.1", *options),
        f"https://{name}/",
        check=False,
    ).stdout


@contextmanager
def stand_in(bed: Bed, *argv: str) -> Iterator[None]:
    """One of the programs beside this runs in *bed*, from its `ready` to the end of the block."""
    process = bed.spawn(PYTHON, *argv)
    try:
        assert process.stdout is not None
        assert "ready" == process.stdout.readline().strip()
        yield
    finally:
        process.terminate()
        process.communicate()


@contextmanager
def cloudflare(bed: Bed) -> Iterator[None]:
    """Both stand-ins: the tunnel's program is installed, and Cloudflare's side runs."""
    put(bed, "cloudflared.py", "/usr/local/bin/cloudflared")
    put(bed, "cloudflare.py", "/opt/cloudflare.py")
    with stand_in(bed, "/opt/cloudflare.py", SECRET):
        yield


def lasting_cloudflare(bed: Bed) -> None:
    """The same for good: both outlive a boot, and pvdify itself, of whose Python they get a copy."""
    bed.run("cp", "-a", "/usr/lib/pvdify/venv/", LASTING)
    for name, into in (("cloudflared.py", "/usr/local/bin/cloudflared"), ("cloudflare.py", "/opt/cloudflare.py")):
        put(bed, name, into)
        bed.path(into).write_text(bed.path(into).read_text().replace(PYTHON, f"{LASTING}/bin/python", 1))
    bed.path("/etc/systemd/system/cloudflare.service").write_text(
        f"[Service]\nExecStart={LASTING}/bin/python /opt/cloudflare.py {SECRET}\n[Install]\nWantedBy=multi-user.target\n"
    )
    bed.run("systemctl", "enable", "--now", "cloudflare.service")


def through_tunnel(bed: Bed, name: str) -> str:
    """What a name answers by the tunnel; empty where nobody does."""
    return bed.run("curl", "-s", "-m", "5", "-H", f"Host: {name}", f"{CLOUDFLARE}/", check=False).stdout


@contextmanager
def load(bed: Bed, url: str, host: str, *, workers: int = 8, authority: str | None = None) -> Iterator[Asked]:
    """Ask *host* at *url* as long as the block lasts; then the answer is complete."""
    put(bed, "load.py", "/opt/load.py")
    asked = Asked()
    process = bed.spawn(PYTHON, "/opt/load.py", url, host, str(workers), *((authority,) if authority else ()))
    assert process.stdout is not None
    assert "ready" == process.stdout.readline().strip()
    try:
        yield asked
    finally:
        said, _ = process.communicate(timeout=60)
    counts = json.loads(said)
    asked.answers = counts.pop("ok", 0)
    asked.failures = counts


def replicas(bed: Bed) -> list[int]:
    """The replicas of the tunnel that are connected, by their ports."""
    found: list[int] = json.loads(bed.run("curl", "-s", f"{CLOUDFLARE}/_replicas").stdout)
    return found
