"""What an operator does in a bed, and what a test asks of it afterwards: pvdify's own commands, curl, systemctl, journalctl."""

from __future__ import annotations

import json
import statistics
import time
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from tests.e2e import sample

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Mapping

    from tests.e2e.bed import Bed

REGISTRY = "127.0.0.1:5000"
PODMAN = ("podman", "--root=/var/lib/pvdify/storage", "--runroot=/run/pvdify/containers", "--transient-store")


ADDRESS = "https://localhost:9443"
CERTIFICATE = "/etc/pvdify/tls/cert.pem"


class Way(StrEnum):
    """How a command reaches its host."""

    LOCAL = "local"
    ADMIN = "admin"
    HTTPS = "https"


@dataclass(frozen=True, slots=True)
class Operator:
    """Someone with a root shell in *bed*; *environment* says whom their commands ask."""

    bed: Bed
    environment: Mapping[str, str] = field(default_factory=dict)

    def by(self, way: Way) -> Operator:
        """The same person, whose commands go that way: over HTTPS they are logged in with a token that may everything."""
        match way:
            case Way.LOCAL:
                return replace(self, environment={})
            case Way.ADMIN:
                return replace(self, environment={"PVDIFY_API_URL": "unix:///run/pvdify/admin.sock"})
            case Way.HTTPS:
                return replace(self, environment={"PVDIFY_HOST": self.login("admin")})

    def login(self, *scopes: str, apps: tuple[str, ...] = ()) -> str:
        """Log in over HTTPS with a new token that may so much; the name of the host to ask, which is the token's too."""
        name = "-".join((*scopes, *apps))
        options = [word for scope in scopes for word in ("--scope", scope)] + [
            word for app in apps for word in ("--app", app)
        ]
        token = self.bed.run("pvdify", "tokens:create", name, *options).stdout.strip()
        self.bed.run("pvdify", "login", ADDRESS, "--name", name, "--ca", CERTIFICATE, "--token-stdin", input=token)
        return name

    def pvdify(
        self, *argv: str, check: bool = True, timeout: float = 120, says: str | None = None
    ) -> subprocess.CompletedProcess[str]:
        """Type a command."""
        return self.bed.run("pvdify", *argv, check=check, timeout=timeout, env=self.environment, input=says)

    def spawn(self, *argv: str) -> subprocess.Popen[str]:
        """Begin a command."""
        return self.bed.spawn("pvdify", *argv, env=self.environment)

    def answer(self, *argv: str, timeout: float = 120) -> dict[str, Any]:
        """What a command says with `--json`."""
        found: dict[str, Any] = json.loads(self.pvdify(*argv, "--json", timeout=timeout).stdout)
        return found

    def push(self, release: str, *, repository: str = "sample", **options: Any) -> str:
        """Put the sample app into the registry under the tag *release*; its reference by tag."""
        reference = f"{REGISTRY}/{repository}:{release}"
        sample.push(self.bed, reference, release=release, **options)
        return reference

    def create(self, app: str) -> int:
        """Create *app*; its front."""
        self.pvdify("apps:create", app)
        return int(self.answer("apps:info", app)["bind_port"])

    def curl(self, port: int, path: str = "/", *options: str) -> str:
        """The body at a port of the bed; empty where nothing answers."""
        return self.bed.run("curl", "-s", "-m", "5", *options, f"http://127.0.0.1:{port}{path}", check=False).stdout

    def status(self, port: int, path: str = "/") -> int:
        """The status at a port of the bed; 0 where nothing answers."""
        return int(self.curl(port, path, "-o", "/dev/null", "-w", "%{http_code}") or 0)

    def units(self, app: str) -> tuple[str, ...]:
        """The active instance units of *app*."""
        listed = self.bed.run(
            "systemctl", "list-units", "--plain", "--no-legend", "--state=active", f"pvdify-{app}-v*.service"
        ).stdout
        return tuple(sorted(line.split()[0] for line in listed.splitlines() if line.strip()))

    def containers(self, app: str = "") -> tuple[str, ...]:
        """Every container of pvdify's store, running or not."""
        listed = self.bed.run(*PODMAN, "ps", "-a", "--format", "{{.Names}}").stdout.split()
        return tuple(sorted(name for name in listed if name.startswith(f"pvdify-{app}")))

    def live(self, app: str) -> int | None:
        """The live release, from the generation in force."""
        row = json.loads(self.bed.path("/var/lib/pvdify/current/manifest.json").read_text())["apps"][app]
        version: int | None = row.get("live")
        return version

    def leftovers(self, app: str) -> list[str]:
        """What should never be there when no operation runs: lent units, half-made generations, containers and units that are not live."""
        found = [str(path) for path in self.bed.path("/run/systemd/system").glob("pvdify-*-v*.service")]
        found += [str(path) for path in self.bed.path("/var/lib/pvdify/generations").glob(".tmp-*")]
        found += [str(path) for path in self.bed.path("/var/lib/pvdify").glob(".current.*")]
        row = json.loads(self.bed.path("/var/lib/pvdify/current/manifest.json").read_text())["apps"].get(app, {})
        live = {
            f"pvdify-{app}-v{one['release']}-{one['process']}-{one['ordinal']}"
            for one in row.get("instances", ())
            if one.get("is_live")
        }
        found += [f"unit {unit}" for unit in self.units(app) if unit.removesuffix(".service") not in live]
        found += [f"container {name}" for name in self.containers(f"{app}-v") if name not in live]
        return found

    def floor_ms(self, image: str, *, rounds: int = 7) -> float:
        """The least that a deploy of *image* costs: daemon-reload, `podman run` with an instance's options, and the first 200; the median."""
        argv = (
            *PODMAN,
            *(
                "run",
                "--rm",
                "--detach",
                "--name=floor",
                "--pull=never",
                "--init",
            ),
            *("--security-opt=no-new-privileges", "--cap-drop=NET_RAW", "--log-driver=none"),
            *("--uidmap=0:4200000000:65536", "--gidmap=0:4200000000:65536", "--publish=127.0.0.1:19999:8080", image),
        )
        script = (
            "import json,subprocess,sys,time,http.client\n"
            "began=time.monotonic()\n"
            "subprocess.run(['systemctl','daemon-reload'],check=True)\n"
            "subprocess.run(json.loads(sys.argv[1]),check=True,stdout=subprocess.DEVNULL)\n"
            "while True:\n"
            "    try:\n"
            "        asked=http.client.HTTPConnection('127.0.0.1',19999,timeout=0.2)\n"
            "        asked.request('GET','/')\n"
            "        if asked.getresponse().status==200: break\n"
            "    except OSError: pass\n"
            "    except http.client.HTTPException: pass\n"
            "    time.sleep(0.002)\n"
            "print((time.monotonic()-began)*1000)\n"
        )
        found = []
        for _ in range(rounds):
            found.append(float(self.bed.run("python3", "-c", script, json.dumps(argv)).stdout))
            self.bed.run(*PODMAN, "rm", "-f", "-t", "0", "floor")
        return statistics.median(found)

    def wait_for(self, port: int, text: str, *, timeout: float = 30) -> float:
        """Wait until a port answers with *text*; the seconds that it took."""
        began = time.monotonic()
        self.bed.wait_until(lambda: text in self.curl(port), timeout=timeout, what=f"{text!r} at {port}")
        return time.monotonic() - began
