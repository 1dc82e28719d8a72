"""Cloudflare in memory, and the real client that asks a stand-in for it."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from pvdify.adapters.cloudflare import Cloudflare
from tests.fakes.cloudflare import FakeAccount, FakeCloudflare
from tests.fakes.cloudflare_server import Standin, standing_in

if TYPE_CHECKING:
    from collections.abc import Iterator

PATIENCE = 3.0


@dataclass
class FakeCloudflareWorld:
    account: FakeAccount = field(default_factory=FakeAccount)

    @property
    def port(self) -> FakeCloudflare:
        return FakeCloudflare(self.account)


@dataclass
class RealCloudflareWorld:
    server: Standin
    patience: float = PATIENCE

    @property
    def account(self) -> FakeAccount:
        return self.server.account

    @property
    def port(self) -> Cloudflare:
        return Cloudflare(self.server.address, self.patience)


@contextmanager
def real_cloudflare() -> Iterator[RealCloudflareWorld]:
    """A stand-in, and the client that asks it."""
    with standing_in(FakeAccount()) as server:
        yield RealCloudflareWorld(server)
