"""The config of an app in a bed: set to the byte, and read where it arrived, in the app's own process."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from tests.e2e.kill.state import row

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tests.e2e.operator import Operator

SOCKET: Final = "/run/pvdify/admin.sock"
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
    argv = (*_CURL, "-X", "PUT", "--data-binary", "@-", f"http://localhost/api/v1/apps/{app}/config")
    answer: dict[str, Any] = json.loads(operator.bed.run(*argv, input=body).stdout)
    if "operation" not in answer:
        return answer
    operator.bed.run("pvdify", "operations:follow", answer["operation"], check=False, timeout=120)
    return operator.answer("operations:info", answer["operation"])


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
    return operator.bed.path("/tmp/read").read_bytes()
