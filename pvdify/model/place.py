"""Where things are on a host, as far as artefacts name them."""

from __future__ import annotations

from dataclasses import dataclass

import pvdify


@dataclass(frozen=True, slots=True)
class Place:
    """The two directories of a host, and the version whose helpers running apps use."""

    state: str = "/var/lib/pvdify"
    run: str = "/run/pvdify"
    version: str = pvdify.__version__
