"""What beds are made of: the Debian root, wheels, sops, and the program that enters a bed."""

import functools
import os
import shutil
import tomllib
from dataclasses import dataclass
from pathlib import Path

from tests.e2e.bed import cache, debian, host, pip
from tests.e2e.bed.cache import Layer, say

SOPS = "v3.13.2"

_HERE = Path(__file__).parent
_PROJECT = _HERE.parents[2]


@dataclass(frozen=True, slots=True)
class Base:
    """What every bed stands on: directories for an overlay, uppermost first, and the way in."""

    root: Layer
    lower: tuple[Path, ...]
    enter: Path
    key: str


@functools.cache
def base() -> Base:
    """Return the base of all beds, making what the cache has not yet."""
    host.need_root()
    root = debian.root()
    found = [layer for layer in (sops(), wheels(root), root) if layer is not None]
    return Base(
        root=root,
        lower=tuple(layer.path / "root" for layer in found),
        enter=program(root, _HERE / "enter.c"),
        key=" ".join(layer.name for layer in found),
    )


def wheels(root: Layer) -> Layer | None:
    """Return ``/opt/wheelhouse`` with all that the project's lock names, for the bed's Python."""
    lock = _PROJECT / "requirements.lock"
    if not lock.exists():
        return None
    backend = _build_backend()
    key = cache.digest(root.name.encode(), lock.read_bytes(), " ".join(backend).encode())

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
                root.path / "root",
                *argv,
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


def program(root: Layer, source: Path) -> Path:
    """Return the static program that *source* makes: one file of C, or a directory of them."""
    flags = (
        "-D_GNU_SOURCE",
        "-static",
        "-O2",
        "-pthread",
        "-std=gnu11",
        "-Wall",
        "-Wextra",
        "-Werror",
    )
    files = sorted(source.glob("*.[ch]")) if source.is_dir() else [source]

    def build(top: Path, held: int) -> None:
        inputs = [str(file) for file in files if file.suffix == ".c"]
        host.in_chroot(
            root.path / "root",
            *("gcc", *flags, "-o", f"{top}/program", *inputs),
            lock=held,
            scratch=top / "changes",
            binds=[str(top), str(source)],
        )
        shutil.rmtree(top / "changes")

    key = cache.digest(
        root.name.encode(),
        " ".join(flags).encode(),
        *(part for file in files for part in (file.name.encode(), file.read_bytes())),
    )
    return cache.layer(f"program-{source.stem}", key, build).path / "program"


def sops() -> Layer:
    """Return ``/usr/local/bin/sops``: the machine's own, else built with its Go; raise where there is neither."""
    found, go = shutil.which("sops"), shutil.which("go")
    if found is None and go is None:
        message = (
            f"neither sops nor Go is here: install sops {SOPS} from github.com/getsops/sops/releases, or Go to build it"
        )
        raise RuntimeError(message)
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

    return cache.layer("sops", key, build)
