"""Every operation, by name."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from pvdify.operations import (
    apps,
    backup,
    cloudflare,
    config,
    declared,
    domains,
    generations,
    host,
    journal,
    logs,
    maintenance,
    ps,
    registry,
    releases,
    secrets,
    tokens,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pvdify.operations.table import Operation

# Any: each has types of its own, and whoever looks one up by name reads them from it
OPERATIONS: Final[Mapping[str, Operation[Any, Any]]] = {
    operation.name: operation
    for noun in (
        apps,
        releases,
        config,
        secrets,
        domains,
        cloudflare,
        maintenance,
        ps,
        logs,
        registry,
        declared,
        generations,
        host,
        journal,
        tokens,
        backup,
    )
    for operation in noun.ALL
}
