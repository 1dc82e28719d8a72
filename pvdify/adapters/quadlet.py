"""The validators: Podman's Quadlet generator and `systemd-analyze verify`, on the files in question alone."""

from __future__ import annotations

import re
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Final

import anyio

from pvdify.adapters.process import run
from pvdify.adapters.quadlet_argv import lost
from pvdify.errors import HostError, ProgramMissingError, RenderError
from pvdify.model.names import UnitName

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

GENERATORS: Final = (
    Path("/usr/lib/systemd/system-generators/podman-system-generator"),
    Path("/usr/libexec/podman/quadlet"),
    Path("/usr/lib/podman/quadlet"),
    Path("/etc/systemd/system-generators/podman-system-generator"),
    Path("/usr/local/lib/systemd/system-generators/podman-system-generator"),
)
_TROUBLE: Final = re.compile(r"unsupported|converting")
_SAYS: Final = re.compile(r"^quadlet-generator\[\d+\]: ")
_SOURCE: Final = re.compile(rb"^SourcePath=.*\n", re.MULTILINE)


class Generator:
    """`Quadlet` of this machine."""

    def __init__(self, generators: tuple[Path, ...] = GENERATORS) -> None:
        self._generators = generators
        self._version: tuple[int, int, int] | None = None

    async def generate(self, directory: Path, names: tuple[str, ...]) -> Mapping[UnitName, bytes]:
        if not names:
            return {}
        program = await self._program()
        with TemporaryDirectory(prefix="pvdify-") as scratch:
            inside, out = Path(scratch) / "in", Path(scratch) / "out"
            await anyio.to_thread.run_sync(partial(_link, directory, names, inside, out))
            done = await run(
                program, "-no-kmsg-log", *[str(out)] * 3, env={"QUADLET_UNIT_DIRS": str(inside)}, timeout=30
            )
            said = tuple(_SAYS.sub("", line).replace(f"{inside}/", "") for line in done.stderr.splitlines())
            for line in said:
                if done.returncode or _TROUBLE.search(line):
                    raise RenderError(f"cannot use {_named(line, names)}: Quadlet says {line}")
            if done.returncode:
                raise RenderError(f"cannot use {', '.join(names)}: Quadlet ends with status {done.returncode}")
            return await anyio.to_thread.run_sync(partial(_made, directory, names, out))

    async def verify(self, units: Mapping[UnitName, bytes]) -> None:
        if not units:
            return
        with TemporaryDirectory(prefix="pvdify-") as scratch:
            await anyio.to_thread.run_sync(partial(_write, Path(scratch), units))
            paths = [f"{scratch}/{unit}" for unit in units]
            done = await run(
                *("systemd-analyze", "verify", "--man=no", "--generators=no", "--recursive-errors=no", *paths),
                timeout=60,
            )
            lines = [line.replace(f"{scratch}/", "") for line in (done.stderr + done.stdout).splitlines()]
        for line in lines:
            owner = re.match(r"([\w:.@-]+?\.[a-z]+)(?::\d+)?: ", line)
            if owner and owner[1] in units:
                raise RenderError(f"cannot use {owner[1]}: systemd says {line}")
        if done.returncode and not lines:
            raise RenderError(f"cannot use {', '.join(units)}: systemd-analyze ends with status {done.returncode}")

    async def version(self) -> tuple[int, int, int]:
        if self._version is None:
            said = (await run(await self._program(), "-version")).checked().stdout
            match = re.search(r"(\d+)\.(\d+)\.(\d+)", said)
            if not match:
                raise HostError(f"cannot read the version of Podman in {said[:60]!r}")
            self._version = (int(match[1]), int(match[2]), int(match[3]))
        return self._version

    async def _program(self) -> str:
        for path in self._generators:
            if await anyio.Path(path).exists():
                return str(path)
        raise ProgramMissingError("podman-system-generator")


def _link(directory: Path, names: tuple[str, ...], inside: Path, out: Path) -> None:
    """Make *inside* a directory of nothing but links to *names*: the generator takes all that it finds."""
    inside.mkdir()
    out.mkdir()
    for name in names:
        (inside / name).symlink_to((directory / name).resolve())


def _made(directory: Path, names: tuple[str, ...], out: Path) -> dict[UnitName, bytes]:
    """The units in *out*, one for each of *names*, each saying what its file says.

    They do not name their sources: those were our links, and a unit whose source is gone looks changed to systemd.
    """
    units: dict[UnitName, bytes] = {}
    for name in names:
        unit = UnitName(f"{name.removesuffix('.container')}.service")
        try:
            text = (out / unit).read_bytes()
        except FileNotFoundError:
            raise RenderError(f"cannot use {name}: Quadlet makes no {unit} of it") from None
        if (difference := lost((directory / name).read_text(), text.decode(errors="replace"))) is not None:
            raise RenderError(f"cannot use {name}: Quadlet reads it differently, {difference}")
        units[unit] = _SOURCE.sub(b"", text)
    if extra := set(_services(out)) - set(units):
        raise RenderError(f"cannot use {', '.join(names)}: Quadlet makes {min(extra)} as well")
    return units


def _services(out: Path) -> Iterator[str]:
    return (file.name for file in out.iterdir() if file.is_file())


def _write(directory: Path, units: Mapping[UnitName, bytes]) -> None:
    for unit, text in units.items():
        (directory / unit).write_bytes(text)


def _named(line: str, names: tuple[str, ...]) -> str:
    """The one of *names* that *line* speaks of, or all of them."""
    return next((name for name in names if name in line), ", ".join(names))
