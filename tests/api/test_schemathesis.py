"""All that the description of the API allows, and much that it does not, asked of both services over real sockets."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

import pvdify
from pvdify.model.image import Image
from pvdify.operations.examples import EXAMPLES
from pvdify.operations.openapi import document
from pvdify.operations.registered import OPERATIONS
from pvdify.store.state import State
from tests.api.asking import operator
from tests.api.services import served
from tests.cli.shell import Shell

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.api.services import Services

PROGRAM = Path(sys.executable).with_name("schemathesis")
CHECKS = (
    *("not_a_server_error", "status_code_conformance", "content_type_conformance", "response_headers_conformance"),
    *("response_schema_conformance", "negative_data_rejection", "missing_required_header", "ignored_auth"),
    *("unsupported_method", "allow_header_conformance"),
)
"""All but three: what fits the schema may still be no image, or a slot without a process, and is refused; and what was accepted with
`Prefer: respond-async` is neither made nor gone yet."""
CONFIGURATION = """
max-stream-events = 3

[auth.openapi.bearer]
bearer = "${PVDIFY_TOKEN}"

[cache]
enabled = false

[checks.negative_data_rejection]
expected-statuses = ["4xx"]

[[operations]] # would never end, and as text has no events to count
include-operation-id = "logs.read"
parameters = { follow = false }

[[operations]] # never ends, and nobody knows when something happens
include-operation-id = "events.follow"
request-timeout = 1
"""


@pytest.fixture
def services(tmp_path: Path) -> Iterator[Services]:
    """A host with one app, whose second release runs."""
    shell = Shell(tmp_path)
    shell.type("init")
    shell.fake.boot()
    image = EXAMPLES["releases.create"].request.image  # type: ignore[attr-defined]  # it is a Deploy
    shell.fake.podman.registry[image] = Image(
        id="7" * 64, digest=f"sha256:{'7' * 64}", architecture="amd64", ports=(8080,)
    )
    for line in ("apps:create blog", "deploy blog ghcr.io/org/blog:v1", f"deploy blog {image}"):
        assert 0 == shell.type(line).status
    (tmp_path / f"pvdify-{pvdify.__version__}-py3-none-any.whl").write_bytes(b"a wheel")
    with served(tmp_path, shell.settings, shell.fake) as services:
        yield services


def asked(services: Services, phases: str, examples: int) -> subprocess.CompletedProcess[str]:
    """What schemathesis says of the services."""
    description, configuration = services.directory / "openapi.json", services.directory / "schemathesis.toml"
    description.write_bytes(document())
    configuration.write_text(CONFIGURATION)
    return subprocess.run(
        [
            *(str(PROGRAM), "--config-file", str(configuration), "run", str(description), "--url", services.url),
            *("--tls-verify", str(services.directory / "cert.pem"), "--request-timeout", "10", "--no-color"),
            *("--phases", phases, "--max-examples", str(examples), "--checks", ",".join(CHECKS)),
            *("--seed", "2", "--generation-database", "none", "--warnings", "off"),
        ],
        cwd=services.directory,
        env=os.environ | {"PVDIFY_TOKEN": asyncio.run(token(services)), "COLUMNS": "150"},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )


async def token(services: Services) -> str:
    """A token that may do everything."""
    async with operator(services) as ask:
        return str((await ask("POST", "/tokens", {"name": "schemathesis", "scopes": ["admin"]})).json["token"])


def lines(services: Services) -> list[dict[str, Any]]:
    """What the services wrote down of the requests that they served."""
    return [line for line in services.journal if "PVDIFY_STATUS" in line]


ROUTED = {name for name, one in OPERATIONS.items() if one.route}


@pytest.mark.parametrize(
    ("phases", "examples", "share"),
    [("examples,coverage,fuzzing", 10, 0.85), ("stateful", 400, 0.25)],
    ids=["one by one", "one after another"],
)
def test_whatever_is_asked_gets_an_answer_that_the_description_tells(
    services: Services, phases: str, examples: int, share: float
) -> None:
    done = asked(services, phases, examples)

    assert 0 == done.returncode, done.stdout + done.stderr
    assert [] == [line["MESSAGE"] for line in services.journal if "Traceback" in line["MESSAGE"]]
    assert [] == [line["MESSAGE"] for line in lines(services) if line["PVDIFY_STATUS"] >= "500"]
    assert State(services.settings).audit_verdict().is_intact
    well = {line["PVDIFY_OPERATION"] for line in lines(services) if line["PVDIFY_STATUS"] < "300"}
    assert len(ROUTED & well) > share * len(ROUTED), f"never answered well: {sorted(ROUTED - well)}"
