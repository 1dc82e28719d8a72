"""What a test of the gate may ask for."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.api.gatehouse import client_tls, server_tls, tcp, unix
from tests.api.services import certificate
from tests.api.ways import Way

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture(params=["tcp", "tls", "unix"])
def way(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Way]:
    """Every way that there is."""
    with unix(tmp_path) if request.param == "unix" else tcp() as listening:
        if request.param == "tls":
            pem = certificate(tmp_path)
            yield Way(listening, server_tls(pem), client_tls(pem))
        else:
            yield Way(listening)


@pytest.fixture
def plain() -> Iterator[Way]:
    with tcp() as listening:
        yield Way(listening)
