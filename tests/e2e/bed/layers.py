"""What beds are made of: the root, the wheels, sops, and the program that enters a bed."""

import functools
import os
import shutil
import subprocess
import tomllib
from dataclasses import dataclass
from pathlib import Path

from tests.e2e.bed import cache, host, pip
from tests.e2e.bed.cache import Layer, say

SUITE = "trixie"
SOPS = "v3.13.2"

_HERE = Path(__file__).parent
_PROJECT = _HERE.parents[2]
_AUTHORITIES = Path("/etc/ssl/certs/ca-certificates.crt")

# The testbed installs nothing at run time, so it needs no manual pages, and a lost build is built again.
_DPKG = """\
force-unsafe-io
path-exclude=/usr/share/doc/*
path-exclude=/usr/share/locale/*
path-exclude=/usr/share/man/*
"""
# Enabled by their packages, but nothing that a bed is for; the first three answer on ports of their own.
_DISABLED = (
    "caddy.service",
    "docker-registry.service",
    "haproxy.service",
    "apt-daily-upgrade.timer",
    "apt-daily.timer",
    "dpkg-db-backup.timer",
    "e2scrub_all.timer",
    "e2scrub_reap.service",
    "fstrim.timer",
    "getty@tty1.service",
    "netavark-dhcp-proxy.service",
    "netavark-dhcp-proxy.socket",
    "systemd-pstore.service",
)
_MASKED = (
    "console-getty.service",
    "getty.target",
    "systemd-logind.service",
    "systemd-modules-load.service",
    "systemd-udevd.service",
    "systemd-udevd-control.socket",
    "systemd-udevd-kernel.socket",
    "dev-hugepages.mount",
    "sys-fs-fuse-connections.mount",
    "sys-kernel-debug.mount",
    "sys-kernel-tracing.mount",
)


@dataclass(frozen=True, slots=True)
class Base:
    """What every bed stands on: directories for an overlay, uppermost first, and the way in."""

    lower: tuple[Path, ...]
    enter: Path
    key: str


@functools.cache
def base() -> Base:
    """Return the base of all beds, making what the cache has not yet."""
    host.need_root()
    debian = root()
    found = [layer for layer in (sops(), wheels(debian), debian) if layer is not None]
    return Base(
        lower=tuple(layer.path / "root" for layer in found),
        enter=program(debian, _HERE / "enter.c"),
        key=" ".join(layer.name for layer in found),
    )


def packages() -> tuple[str, ...]:
    """Return the Debian packages of the bed."""
    lines = (_HERE / "packages.txt").read_text().splitlines()
    return tuple(line for line in lines if line and not line.startswith("#"))


def root() -> Layer:
    """Return the Debian root: made once, about a minute and 1 GB."""
    key = cache.digest(
        *(SUITE.encode(), " ".join(packages()).encode(), cache.tree_digest(_HERE / "files").encode()),
        *(_DPKG.encode(), " ".join(_DISABLED + _MASKED).encode()),
    )
    return cache.layer("bed", key, _build_root)


def _build_root(top: Path, lock: int) -> None:
    host.need_program("debootstrap", packages=["debootstrap", "debian-archive-keyring"])
    say(f"making a Debian {SUITE} root in {cache.folder()}: about a minute, 1 GB")
    made = _debootstrapped(top, lock)
    (made / "etc/dpkg/dpkg.cfg.d/bed").write_text(_DPKG)
    (made / "etc/apt/apt.conf.d/90bed").write_text(_apt_settings())
    if _AUTHORITIES.exists():  # replaced by the package's own, which a mirror behind https needs first
        (made / _AUTHORITIES.parent.relative_to("/")).mkdir(parents=True, exist_ok=True)
        shutil.copy(_AUTHORITIES, made / _AUTHORITIES.relative_to("/"))
    refusal = made / "usr/sbin/policy-rc.d"
    refusal.write_text("#!/bin/sh\nexit 101\n")
    refusal.chmod(0o755)
    host.in_chroot(made, "apt-get", "update", lock=lock)
    host.in_chroot(
        made, "apt-get", "install", "--yes", "--no-install-recommends", *packages(), lock=lock
    )
    host.in_chroot(made, "apt-get", "clean", lock=lock)
    refusal.unlink()
    shutil.copytree(_HERE / "files", made, dirs_exist_ok=True)
    host.in_chroot(made, "systemctl", "disable", *_DISABLED, lock=lock)
    host.in_chroot(made, "systemctl", "mask", *_MASKED, lock=lock)
    host.in_chroot(
        made, "systemctl", "enable", "registry-open.service", "registry-private.service", lock=lock
    )
    (made / "etc/machine-id").unlink(missing_ok=True)
    host.in_chroot(made, "systemd-machine-id-setup", lock=lock)
    (made / "etc/resolv.conf").write_text("")
    for stamp in ("etc/.updated", "var/.updated"):  # or each first boot makes linker caches and catalogues
        (made / stamp).touch()


def _debootstrapped(top: Path, lock: int) -> Path:
    made = top / "root"
    mirror = host.debian_mirror()
    debootstrap = ["debootstrap", "--variant=minbase", SUITE, str(made)]
    try:
        host.isolated([*debootstrap, mirror] if mirror else debootstrap, lock=lock)
    except RuntimeError:
        if mirror is None:
            raise
        say(f"the machine's own Debian mirror has no {SUITE}: taking debootstrap's default")
        shutil.rmtree(made, ignore_errors=True)
        host.isolated(debootstrap, lock=lock)
    return made


def _apt_settings() -> str:
    """Return the machine's own way to the network (a proxy, say) as apt settings."""
    if not shutil.which("apt-config"):
        return ""
    dump = subprocess.run(
        ["apt-config", "dump", "Acquire"], capture_output=True, check=True, text=True
    ).stdout
    wanted = ("Acquire::http::", "Acquire::https::", "Acquire::Retries")
    return "".join(f"{line}\n" for line in dump.splitlines() if line.startswith(wanted))


def wheels(debian: Layer) -> Layer | None:
    """Return ``/opt/wheelhouse`` with all that the project's lock names, built for the bed's Python."""
    lock = _PROJECT / "requirements.lock"
    if not lock.exists():
        return None
    backend = _build_backend()
    key = cache.digest(debian.name.encode(), lock.read_bytes(), " ".join(backend).encode())

    def build(top: Path, held: int) -> None:
        say("fetching the wheels of requirements.lock")
        house = top / "root/opt/wheelhouse"
        house.mkdir(parents=True)
        shutil.copy(lock, house)
        scratch = top / "scratch"
        env, binds = pip.settings()
        wheel = [f"{scratch}/venv/bin/pip", "wheel", "--quiet", "--wheel-dir", str(house)]
        locked = ["--no-deps", "--require-hashes", "--requirement", str(house / lock.name)]
        script = [["python3", "-m", "venv", f"{scratch}/venv"], [*wheel, *locked]]
        if backend:
            script.append([*wheel, "--find-links", str(house), *backend])
        scratch.mkdir()
        for argv in script:
            host.in_chroot(
                *(debian.path / "root", *argv),
                lock=held,
                scratch=top / "changes",
                env=env,
                binds=[*binds, str(house), str(scratch)],
            )
        shutil.rmtree(scratch)
        shutil.rmtree(top / "changes")

    return cache.layer("wheels", key, build)


def _build_backend() -> list[str]:
    with (_PROJECT / "pyproject.toml").open("rb") as file:
        requires = tomllib.load(file).get("build-system", {}).get("requires", [])
    return [str(requirement) for requirement in requires]


def program(debian: Layer, source: Path) -> Path:
    """Return the static program that *source*, one file of C, makes."""
    flags = ("-static", "-O2", "-pthread", "-std=gnu11", "-Wall", "-Wextra", "-Werror")

    def build(top: Path, held: int) -> None:
        (top / "source.c").write_bytes(source.read_bytes())
        host.in_chroot(
            debian.path / "root",
            *("gcc", *flags, "-o", f"{top}/program", f"{top}/source.c"),
            lock=held,
            scratch=top / "changes",
            binds=[str(top)],
        )
        shutil.rmtree(top / "changes")

    key = cache.digest(debian.name.encode(), source.read_bytes(), " ".join(flags).encode())
    return cache.layer(f"program-{source.stem}", key, build).path / "program"


def sops() -> Layer | None:
    """Return ``/usr/local/bin/sops``: the machine's own, else built with its Go; None if it has neither."""
    found, go = shutil.which("sops"), shutil.which("go")
    if found is None and go is None:
        say(f"no sops and no Go here: for encrypted config install sops {SOPS} from github.com/getsops/sops")
        return None
    key = SOPS if found is None else cache.digest(Path(found).read_bytes())

    def build(top: Path, held: int) -> None:
        into = top / "root/usr/local/bin"
        into.mkdir(parents=True)
        if found is not None:
            shutil.copy(found, into / "sops")
            return
        say(f"building sops {SOPS} with Go: a few minutes, once")
        env = {**os.environ, "GOBIN": str(into), "CGO_ENABLED": "0", "GOFLAGS": "-buildvcs=false"}
        package = f"github.com/getsops/sops/v3/cmd/sops@{SOPS}"
        host.isolated([go or "go", "install", package], lock=held, env=env)

    try:
        return cache.layer("sops", key, build)
    except RuntimeError as error:
        say(f"going on without sops: {error}")
        return None
