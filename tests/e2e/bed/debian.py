"""The Debian root that every bed stands on."""

import shutil
import subprocess
from pathlib import Path

from tests.e2e.bed import cache, host
from tests.e2e.bed.cache import Layer, say

SUITE = "trixie"

_HERE = Path(__file__).parent
_AUTHORITIES = Path("/etc/ssl/certs/ca-certificates.crt")

# A bed needs no manual pages, and a build that a power cut spoiled is made again.
_DPKG = """\
force-unsafe-io
path-exclude=/usr/share/doc/*
path-exclude=/usr/share/locale/*
path-exclude=/usr/share/man/*
"""
# Enabled by their packages, but nothing that a bed is for.
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


def packages() -> tuple[str, ...]:
    """Return the Debian packages of the bed."""
    lines = (_HERE / "packages.txt").read_text().splitlines()
    return tuple(line for line in lines if line and not line.startswith("#"))


def root() -> Layer:
    """Return the Debian root: made once, about a minute and 1 GB."""
    key = cache.digest(
        *(
            SUITE.encode(),
            " ".join(packages()).encode(),
            cache.tree_digest(_HERE / "files").encode(),
        ),
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
    host.in_chroot(made, "apt-get", "install", "--yes", "--no-install-recommends", *packages(), lock=lock)
    host.in_chroot(made, "apt-get", "clean", lock=lock)
    refusal.unlink()
    shutil.copytree(_HERE / "files", made, dirs_exist_ok=True)
    host.in_chroot(made, "systemctl", "disable", *_DISABLED, lock=lock)
    host.in_chroot(made, "systemctl", "mask", *_MASKED, lock=lock)
    host.in_chroot(made, "systemctl", "enable", "registry-open.service", "registry-private.service", lock=lock)
    (made / "etc/machine-id").unlink(missing_ok=True)
    host.in_chroot(made, "systemd-machine-id-setup", lock=lock)
    (made / "etc/resolv.conf").write_text("")
    for stamp in (
        "etc/.updated",
        "var/.updated",
    ):  # or each first boot makes linker caches and catalogues
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
    dump = subprocess.run(["apt-config", "dump", "Acquire"], capture_output=True, check=True, text=True).stdout
    wanted = ("Acquire::http::", "Acquire::https::", "Acquire::Retries")
    return "".join(f"{line}\n" for line in dump.splitlines() if line.startswith(wanted))
