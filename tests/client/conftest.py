from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.client.canned import CannedHost, served

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from pvdify.client.address import RemoteHost


@pytest.fixture
def canned() -> CannedHost:
    return CannedHost()


@pytest.fixture
def there(canned: CannedHost, tmp_path: Path) -> Iterator[RemoteHost]:
    with served(canned, socket=tmp_path / "host.sock") as there:
        yield there
