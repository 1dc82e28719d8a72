"""The config of an app in a bed: set to the byte, and read where it arrived, in the app's own process."""

from __future__ import annotations

import base64
import json
import time
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING, Any, Final

from tests.e2e.kill.state import row

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tests.e2e.operator import Operator

SOCKET: Final = "/run/pvdify/admin.sock"
_API: Final = "http://localhost/api/v1"
_UNDER_WAY: Final = frozenset({"pending", "running"})
_CURL: Final = ("curl", "-sS", "--unix-socket", SOCKET, "-H", "Content-Type: application/json", "-H", "Expect:")


def put(
    operator: Operator,
    app: str,
    variables: Mapping[str, str | None],
    files: Mapping[str, bytes | None] | None = None,
    **options: object,
) -> dict[str, Any]:
    """Set it over the host's socket, whatever it contains; the problem, or the operation at its end."""
    packed = {name: None if data is None else base64.b64encode(data).decode() for name, data in (files or {}).items()}
    body = json.dumps({"vars": variables, "files": packed, **options})
    found = ask(operator, f"apps/{app}/config", "-X", "PUT", "--data-binary", "@-", body=body)
    while found.get("status") in _UNDER_WAY:
        time.sleep(0.05)
        found = ask(operator, f"operations/{found.get('operation') or found['id']}")
    return found


def ask(operator: Operator, path: str, *options: str, body: str | None = None) -> dict[str, Any]:
    """What is answered on the host's own socket."""
    found: dict[str, Any] = json.loads(answered(operator, path, *options, body=body))
    return found


def answered(operator: Operator, path: str, *options: str, body: str | None = None) -> str:
    """The same as it is written; of what does not end, what came in the first two seconds."""
    return operator.bed.run(
        *_CURL, "-m", "2" if body is None else "60", *options, f"{_API}/{path}", input=body, check=False
    ).stdout


def noise(number: int, size: int) -> bytes:
    """Bytes that nothing makes smaller, the same ones for the same *number*."""
    return Random(number).randbytes(size)  # noqa: S311 -- nobody must not guess them


def process(operator: Operator, app: str) -> int:
    """The machine's number of the app's own process, of which one runs."""
    (unit,) = operator.units(app)
    group = operator.bed.run("systemctl", "show", "-P", "ControlGroup", unit).stdout.strip()
    inside = operator.bed.path(f"/sys/fs/cgroup{group}").glob("libpod-payload-*/**/cgroup.procs")
    found = [int(line) for path in inside for line in path.read_text().split()]
    (own,) = (one for one in found if Path(f"/proc/{one}/comm").read_text() == "app\n")
    return own


def told(operator: Operator, app: str) -> dict[str, str]:
    """The environment that the app's process was started with, as the kernel has it."""
    data = Path(f"/proc/{process(operator, app)}/environ").read_bytes()
    lines = (line.partition(b"=") for line in data.split(b"\0") if line)
    return {key.decode(): value.decode("utf-8", "surrogateescape") for key, _, value in lines}


def read(operator: Operator, app: str, name: str) -> bytes:
    """What the app reads when it opens a secret file, with the rights that it has; its complaint if it cannot."""
    argv = (
        "curl",
        "-s",
        "-o",
        "/tmp/read",
        f"http://127.0.0.1:{row(operator.bed, app).front}/read?path=/run/secrets/{name}",
    )
    operator.bed.run(*argv)
    found = operator.bed.path("/tmp/read")
    data = found.read_bytes()
    found.unlink()
    return data
