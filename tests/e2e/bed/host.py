"""What the testbed asks of its machine: a package, its Debian mirror, programs in a chroot."""

import os
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

from tests.e2e.bed.cache import say

# In a pid namespace of its own a build ends with all that it started, whoever ends it. Arguments:
# the root, a scratch directory that takes all changes to it (or ""), directories and files of the
# machine (at the same path inside), "--" and the command.
_IN_CHROOT = r"""
set -e
root=$1; scratch=$2; shift 2
if [ -n "$scratch" ]; then
    mkdir -p "$scratch/upper" "$scratch/work" "$scratch/root"
    mount -t overlay -o "lowerdir=$root,upperdir=$scratch/upper,workdir=$scratch/work" \
        overlay "$scratch/root"
    root=$scratch/root
fi
mount -t proc proc "$root/proc"
mount -t tmpfs tmpfs "$root/run"
mount -t tmpfs -o mode=1777 tmpfs "$root/tmp"
mount --rbind /dev "$root/dev"
for file in resolv.conf hosts; do
    if [ -e "/etc/$file" ]; then rm -f "$root/etc/$file"; cp -L "/etc/$file" "$root/etc/$file"; fi
done
while [ "$1" != -- ]; do
    if [ -d "$1" ]; then mkdir -p "$root$1"; else mkdir -p "$root$(dirname "$1")"; : >>"$root$1"; fi
    mount --bind "$1" "$root$1"
    shift
done
shift
exec chroot "$root" "$@"
"""


def need_root() -> None:
    """Refuse to go on without the rights that mounts and namespaces need."""
    if os.geteuid() != 0:
        raise SystemExit("bed: cannot make namespaces: not root; run it as root")


def need_program(program: str, *, packages: Sequence[str]) -> None:
    """Install *packages* with apt where *program* is missing."""
    if shutil.which(program):
        return
    if not shutil.which("apt-get"):
        raise SystemExit(f"bed: cannot find {program}, and there is no apt-get to install it with")
    say(f"installing {' '.join(packages)}")
    install = ["apt-get", "install", "--yes", "--no-install-recommends", *packages]
    if subprocess.run(install, capture_output=True, check=False, env=_apt_env()).returncode != 0:
        subprocess.run(["apt-get", "update"], stdout=subprocess.DEVNULL, check=True, env=_apt_env())
        subprocess.run(install, stdout=subprocess.DEVNULL, check=True, env=_apt_env())


def debian_mirror() -> str | None:
    """Return the address that this machine takes Debian itself from, if it says so."""
    if not shutil.which("apt-get"):
        return None
    mirror = _listed_mirror()
    if mirror is None:  # a slim image comes without the lists
        subprocess.run(["apt-get", "update"], stdout=subprocess.DEVNULL, check=False, env=_apt_env())
        mirror = _listed_mirror()
    return mirror


def _listed_mirror() -> str | None:
    listed = subprocess.run(
        [
            "apt-get",
            "indextargets",
            "--format",
            "$(ORIGIN) $(LABEL) $(REPO_URI)",
            "Created-By: Packages",
        ],
        capture_output=True,
        check=False,
        text=True,
    )
    for line in listed.stdout.splitlines():
        origin, _, rest = line.partition(" ")
        label, _, address = rest.partition(" ")
        if (origin, label) == ("Debian", "Debian") and address.startswith(("http:", "https:", "file:")):
            return address.rstrip("/")
    return None


def isolated(argv: Sequence[str], *, lock: int, env: Mapping[str, str] | None = None) -> str:
    """Run *argv* with mounts of its own, and return its output; nothing of it outlives us."""
    wrapped = [
        *("setpriv", "--pdeathsig", "KILL", "--"),
        *(
            "unshare",
            "--mount",
            "--propagation",
            "private",
            "--pid",
            "--fork",
            "--kill-child",
            "--",
        ),
        *argv,
    ]
    done = subprocess.run(
        wrapped,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        check=False,
        env=env,
        text=True,
        errors="replace",
        pass_fds=[lock],
    )
    if done.returncode != 0:
        tail = "\n".join(done.stdout.splitlines()[-40:])
        raise RuntimeError(f"cannot run {' '.join(argv[:4])} …: exit status {done.returncode}\n{tail}")
    return done.stdout


def in_chroot(
    root: Path,
    *argv: str,
    lock: int,
    scratch: Path | None = None,
    env: Mapping[str, str] | None = None,
    binds: Sequence[str] = (),
) -> str:
    """Run *argv* in *root* with the machine's network, and its *binds* at the same paths.

    With *scratch* the root stays as it is: changes go there.
    """
    inside = {
        "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
        "HOME": "/root",
        "LC_ALL": "C.UTF-8",
        "DEBIAN_FRONTEND": "noninteractive",
        **{name: value for name, value in os.environ.items() if name.lower().endswith("_proxy")},
        **(env or {}),
    }
    return isolated(
        ["sh", "-c", _IN_CHROOT, "sh", str(root), str(scratch or ""), *binds, "--", *argv],
        lock=lock,
        env=inside,
    )


def _apt_env() -> dict[str, str]:
    return {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
