"""HAProxy in a bed, with the configuration of a host that is made up."""

from __future__ import annotations

import json
import shutil
import socket
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pvdify.model.edge import EdgeSettings
from pvdify.render.tree import ROUTER, ROUTER_FOLDER, host_artefacts, page_artefact
from tests.render.world import PLACE

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pvdify.model.manifest import AppRow
    from pvdify.model.page import Page
    from tests.e2e.bed import Bed

SERVICE = "router-of-tests"
_ECHO = Path(__file__).parent / "echo.py"
_HOLD = Path(__file__).parents[3] / "templates/haproxy/hold.lua"
_MASTER = f"{PLACE.run}/master.sock"


@dataclass(frozen=True, slots=True)
class Answer:
    """What curl got."""

    status: int
    headers: Mapping[str, str]
    body: str

    @property
    def json(self) -> dict[str, Any]:
        """The body as the echo, or the router, wrote it."""
        found: dict[str, Any] = json.loads(self.body)
        return found

    @property
    def asked(self) -> dict[str, list[str]]:
        """The headers that the app was asked with, by name."""
        got: dict[str, list[str]] = {}
        for name, value in self.json["headers"]:
            got.setdefault(name, []).append(value)
        return got


@dataclass(slots=True)
class Fronts:
    """The router of *bed*. An echo stands for each instance that `listen` was called for."""

    bed: Bed
    echoes: dict[int, str] = field(default_factory=dict)

    def start(self) -> None:
        """Start HAProxy with no app."""
        hold = self.bed.path(f"{PLACE.state}/libexec/{PLACE.version}/hold.lua")
        hold.parent.mkdir(parents=True)
        shutil.copy(_HOLD, hold)
        shutil.copy(_ECHO, self.bed.path("/opt/echo.py"))
        self.bed.path(PLACE.run).mkdir()
        self._write({}, EdgeSettings(), {})
        router = ("haproxy", "-Ws", "-S", _MASTER, "-f", f"{PLACE.state}/{ROUTER}")
        self.bed.run("systemd-run", "--quiet", f"--unit={SERVICE}", "--property=Type=notify", *router)

    def listen(self, port: int, *, release: str = "v1") -> None:
        """Have an instance of *release* answer at *port*."""
        unit = f"echo-{port}"
        self.bed.run("systemd-run", "--quiet", f"--unit={unit}", "python3", "/opt/echo.py", str(port), release)
        self.echoes[port] = unit
        self.bed.wait_until(lambda: self.ask(port).status == 200, what=f"an echo at {port}")

    def leave(self, port: int) -> None:
        """Have nobody answer at *port* any more."""
        self.bed.run("systemctl", "stop", self.echoes.pop(port))

    def serve(
        self,
        *rows: AppRow,
        edge: EdgeSettings | None = None,
        pages: Mapping[str, Mapping[Page, bytes]] | None = None,
    ) -> None:
        """Have the router read the configuration of a host with these apps, as pvdify would reload it."""
        self._write({row.name: row for row in rows}, edge or EdgeSettings(), pages or {})
        assert "Success=1" in self._told(_MASTER, "reload")

    def tell(self, command: str) -> str:
        """Say *command* to the worker, and return its answer."""
        return self._told(f"{PLACE.run}/router.sock", command)

    def ask(self, port: int, path: str = "/", *options: str) -> Answer:
        """Ask by curl; a status of 0 where nobody answers."""
        url = f"http://127.0.0.1:{port}{path}"
        said = self.bed.run("curl", "-s", "-m", "10", "-i", *options, url, check=False).stdout
        head, _, body = said.partition("\n\n")
        lines = head.split("\n")
        headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines[1:])}
        return Answer(int(lines[0].split()[1]) if lines[0] else 0, headers, body)

    def log(self, app: str) -> list[str]:
        """The access log of *app*, once everything that was said stands in it."""
        self.bed.run("journalctl", "--sync")
        return self.bed.run("journalctl", "-t", f"{app}-access", "-o", "cat", "--no-pager").stdout.splitlines()

    def _write(self, rows: Mapping[str, AppRow], edge: EdgeSettings, pages: Mapping[str, Mapping[Page, bytes]]) -> None:
        own = [page_artefact(app, page, html) for app, some in pages.items() for page, html in some.items()]
        for one in (*host_artefacts(rows, edge, PLACE), *own):
            if one.path.startswith(ROUTER_FOLDER):
                path = self.bed.path(f"{PLACE.state}/{one.path}")
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(one.text)

    def _told(self, path: str, command: str) -> str:
        with socket.socket(socket.AF_UNIX) as told:
            told.connect(str(self.bed.path(path)))
            told.sendall(f"{command}\n".encode())
            told.shutdown(socket.SHUT_WR)
            return b"".join(iter(lambda: told.recv(65536), b"")).decode()
