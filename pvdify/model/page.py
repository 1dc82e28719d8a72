"""The pages that the router has an app's visitors see where no instance answers."""

from __future__ import annotations

from enum import StrEnum


class Page(StrEnum):
    """Why nobody answers: no release yet, no instance that can, or an operator who said so."""

    PENDING = "pending"
    DOWN = "down"
    MAINTENANCE = "maintenance"
