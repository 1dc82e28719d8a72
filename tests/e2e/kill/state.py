"""What a bed says of an app from all sides: the generation in force, systemd, Podman, the router, the kernel, and the front itself."""

from __future__ import annotations

import json
import re
import socket
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tests.e2e.journal import unfinished

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.e2e.bed import Bed
    from tests.e2e.operator import Operator

STATE = "/var/lib/pvdify"
_UP = (2, 0)  # operational state "running", administrative state "nobody forced anything"


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """An app in the generation in force."""

    app: str
    front: int
    live: int | None
    warm: int | None
    instances: tuple[dict[str, Any], ...]

    @property
    def live_names(self) -> set[str]:
        return {_name(one) for one in self.instances if one.get("is_live")}

    @property
    def live_ports(self) -> set[int]:
        return {one["port"] for one in self.instances if one.get("is_live") and one.get("port")}


def row(bed: Bed, app: str) -> Row:
    """The row of *app* in `current`."""
    return _rows(bed)[app]


def tag_of(bed: Bed, app: str, version: int | None) -> str:
    """What the sample app of a release answers with: the tag of its image."""
    text = bed.path(f"{STATE}/apps/{app}/releases/v{version}.toml").read_text()
    found = re.search(r'sample:(\w+)"', text)
    return found[1] if found else ""


def wrong(operator: Operator, app: str, *, live: int | None) -> list[str]:
    """All that is not as it must be when no operation on *app* runs and release *live* has the traffic; empty where all is well.

    Others may be at work, so what belongs to no single app is given some time to go away.
    """
    bed = operator.bed
    found = row(bed, app)
    problems = [f"operation {one} has no end" for one in unfinished(bed, app)]
    problems += [f"left over: {one}" for one in operator.leftovers(app) if app in one]
    for path in ("generations/.tmp-*", "generations/.gone-*", ".current.*", "generations/.*"):
        if not _comes_true(lambda path=path: not list(bed.path(STATE).glob(path))):  # type: ignore[misc]
            problems.append(f"left over: {[str(one) for one in bed.path(STATE).glob(path)]}")
    if found.live != live:
        problems.append(f"v{found.live} is live, not v{live}")
    units = {unit.removesuffix(".service") for unit in operator.units(app)}
    if units != {f"pvdify-{app}-{name}" for name in found.live_names}:
        problems.append(f"{units} run, and {found.live_names} are live")
    if not _comes_true(lambda: _servers(bed, app) == dict.fromkeys(found.live_names, _UP)):
        problems.append(f"the router has {_servers(bed, app)}, and {found.live_names} are live")
    if not _comes_true(lambda: _listening(bed, app) == found.live_ports):
        problems.append(f"ports {_listening(bed, app)} listen, and {found.live_ports} are live")
    answer, tag = operator.curl(found.front), tag_of(bed, app, live)
    if f"release={tag} " not in answer:
        problems.append(f"the front answers {answer!r}, not {tag}")
    return problems


def _rows(bed: Bed) -> dict[str, Row]:
    apps = json.loads(bed.path(f"{STATE}/current/manifest.json").read_text())["apps"]
    return {
        name: Row(
            app=name,
            front=one["front"],
            live=one.get("live"),
            warm=one.get("warm"),
            instances=tuple(one.get("instances", ())),
        )
        for name, one in apps.items()
    }


def _name(instance: dict[str, Any]) -> str:
    return f"v{instance['release']}-{instance['process']}-{instance['ordinal']}"


def _servers(bed: Bed, app: str) -> dict[str, tuple[int, int]]:
    """The router's servers for *app*: operational and administrative state."""
    with socket.socket(socket.AF_UNIX) as router:
        router.connect(str(bed.path("/run/pvdify/router.sock")))
        router.sendall(f"show servers state {app}\n".encode())
        said = b"".join(iter(lambda: router.recv(65536), b"")).decode()
    lines = [line.split() for line in said.splitlines()[2:] if line.strip()]
    return {line[3]: (int(line[5]), int(line[6])) for line in lines}


def _listening(bed: Bed, app: str) -> set[int]:
    """The ports of instances on which somebody listens, but for those of the other apps."""
    before = _rows(bed)
    said = bed.run("ss", "-Hltn").stdout
    others = {
        one.get("port")
        for rows in (before, _rows(bed))
        for name, other in rows.items()
        if name != app
        for one in other.instances
    }
    ports = {int(line.split()[3].rpartition(":")[2]) for line in said.splitlines() if line.strip()}
    return {port for port in ports if 20_000 <= port < 30_000} - others


def _comes_true(condition: Callable[[], bool]) -> bool:
    from tests.e2e.bed import Bed

    try:
        Bed.wait_until(condition, timeout=3)
    except TimeoutError:
        return False
    return True
