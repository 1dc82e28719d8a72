"""What the services load before their first answer: each library more is a part of every cold start."""

from __future__ import annotations

import subprocess
import sys

import pytest

FRONT = "import pvdify.serve, pvdify.api.front, pvdify.api.install, pvdify.api.protocol, pvdify.api.service"
HOST = "import pvdify.serve, pvdify.api.host, pvdify.wiring, pvdify.operations.door, pvdify.operations.conductor"


@pytest.mark.parametrize(
    ("imports", "unwanted"),
    [
        (FRONT, {"anyio", "trio", "httpx", "jinja2", "systemd.journal", "tomlkit", "pvdify.store", "pvdify.adapters"}),
        (
            HOST,
            {
                "trio",
                "httpx",
                "cloudflare",
                "pydantic",
                "jinja2",
                "systemd.journal",
                "tomlkit",
                "jeepney",
                "asyncclick",
                "rich",
            },
        ),
    ],
)
def test_a_service_starts_without_what_its_first_answer_does_not_need(imports: str, unwanted: set[str]) -> None:
    script = f"{imports}\nimport sys\nprint(' '.join(sys.modules))"

    loaded = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout.split()

    assert set() == unwanted & set(loaded)
