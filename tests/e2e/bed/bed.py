"""One bed: a throw-away Debian with its own systemd, from boot to power cut."""

import contextlib
import fcntl
import json
import os
import secrets
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

from tests.e2e.bed import cache, layers

_HERE = Path(__file__).parent
_ENVIRONMENT = {
    "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
    "HOME": "/root",
    "LANG": "C.UTF-8",
    "TERM": "dumb",
}


class BedError(Exception):
    """The testbed itself failed, not what is tested in it."""


class CommandFailedError(subprocess.CalledProcessError):
    """A command in a bed failed; what it said is part of the message."""

    def __str__(self) -> str:
        said = (("stdout", self.stdout), ("stderr", self.stderr))
        return super().__str__() + "".join(f"\n{name}: {text}" for name, text in said if text)


class Bed:
    """A Debian root with systemd as PID 1, in namespaces and a control group of its own.

    It lives in a directory of the cache and ends with the process that made it, however that ends.
    """

    def __init__(self, directory: Path, *, holder: subprocess.Popen[str], enter: Path) -> None:
        self.directory = directory
        self.boot_seconds = 0.0
        self._holder = holder
        self._enter = enter
        self._machine: subprocess.Popen[bytes] | None = None
        self._systemd = 0

    @classmethod
    def create(
        cls,
        directory: Path | None = None,
        *,
        above: Sequence[Path] = (),
        real: Path | None = None,
    ) -> Self:
        """Make a bed that is off: the cached root, the layers *above* it, and a place for changes.

        *real* is copied to what is no overlay: ``/var/lib/{pvdify,containers,registry}``.
        """
        base = layers.base()
        if directory is None:
            directory = cache.folder() / "beds" / secrets.token_hex(4)
            _remove_abandoned(directory.parent)
        lower = [str(layer) for layer in (*above, *base.lower)]
        if any(character in path for path in lower for character in ",:\\"):
            raise BedError(f"cannot mount {lower}: a comma, colon or backslash in the path")
        with _locked(Path(f"{directory}.lock")) as lock:
            directory.mkdir(parents=True)
            if real is not None:
                subprocess.run(["cp", "-a", "--", str(real), str(directory / "real")], check=True)
            holder = subprocess.Popen(
                [
                    *("unshare", "--mount", "--propagation", "private", "--"),
                    *(str(_HERE / "holder.sh"), str(directory), ":".join(lower)),
                ],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
                start_new_session=True,
                pass_fds=[lock],
            )
        bed = cls(directory, holder=holder, enter=base.enter)
        if holder.stdout is None or holder.stdout.readline() != "ready\n":
            bed.destroy()
            raise BedError(
                f"cannot mount the bed {directory}: the reason stands above; where the cache lies on an overlay itself, "
                "set PVDIFY_BED_CACHE to a directory on a real file system"
            )
        return bed

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.destroy()

    @property
    def is_running(self) -> bool:
        return self._machine is not None and self._machine.poll() is None

    def boot(self, *, timeout: float = 60) -> Self:
        """Start systemd and wait until it has started everything; see `failed_units`."""
        if self.is_running:
            raise BedError("cannot boot: the bed is running")
        started = time.monotonic()
        self._lay_out_control_groups()
        self._systemd = self._start_systemd()
        try:
            bus = self._outside() / "run/systemd/private"
            self.wait_until(bus.exists, timeout=timeout, what="systemd to answer")
            self.run("systemctl", "is-system-running", "--wait", check=False, timeout=timeout)
        except (TimeoutError, subprocess.TimeoutExpired) as error:
            self.cut()
            raise BedError(f"cannot boot: {error}\n{self.console()}") from error
        except BaseException:
            self.cut()
            raise
        self.boot_seconds = time.monotonic() - started
        return self

    def _start_systemd(self) -> int:
        told, tell = os.pipe()
        try:
            with (self.directory / "console.log").open("ab") as console:
                self._machine = subprocess.Popen(
                    [
                        *("nsenter", f"--mount=/proc/{self._holder.pid}/ns/mnt", "--"),
                        *("unshare", "--mount", "--pid", "--fork", "--kill-child"),
                        *("--ipc", "--uts", "--net", "--"),
                        *(str(_HERE / "init.sh"), str(self.directory), f"/proc/self/fd/{tell}"),
                    ],
                    stdin=subprocess.DEVNULL,
                    stdout=console,
                    stderr=console,
                    start_new_session=True,
                    pass_fds=[tell],
                )
        finally:
            os.close(tell)
        with os.fdopen(told) as answer:
            number = answer.readline()
        if not number:
            raise BedError(f"cannot start systemd:\n{self.console()}")
        return int(number)

    def poweroff(self, *, timeout: float = 60) -> None:
        """Shut down as an operator would: every unit is stopped."""
        self._end("poweroff", timeout=timeout)

    def reboot(self, *, timeout: float = 60) -> Self:
        """Shut down and boot again."""
        self._end("reboot", timeout=timeout)
        return self.boot(timeout=timeout)

    def _end(self, verb: str, *, timeout: float) -> None:
        self.run("systemctl", "--no-block", verb, timeout=timeout, check=False)
        if self._machine is not None:
            try:
                self._machine.wait(timeout)
            except subprocess.TimeoutExpired as error:
                raise BedError(f"cannot {verb} in {timeout:g} s:\n{self.console()}") from error

    def cut(self) -> None:
        """Cut the power: every process is killed at once, nothing is stopped or told."""
        if self._machine is not None and self._machine.poll() is None:
            os.kill(self._systemd, signal.SIGKILL)
            self._machine.wait()

    def destroy(self, *, keep: bool = False) -> None:
        """Cut the power and remove the bed; *keep* leaves its directory."""
        if self._holder.returncode is not None:
            return
        self.cut()
        self._holder.communicate("keep\n" if keep else "")

    def run(
        self,
        *argv: str,
        input: str | None = None,  # noqa: A002 -- as subprocess.run says it
        check: bool = True,
        timeout: float = 60,
        env: Mapping[str, str] | None = None,
    ) -> subprocess.CompletedProcess[str]:
        """Run a command as root, and wait for it."""
        stdin = subprocess.DEVNULL if input is None else subprocess.PIPE
        with self.spawn(*argv, env=env, stdin=stdin) as process:
            try:
                stdout, stderr = process.communicate(input, timeout)
            except subprocess.TimeoutExpired as error:
                process.kill()
                said = "".join(text.decode(errors="replace") for text in (error.output, error.stderr) if text)
                raise subprocess.TimeoutExpired(argv, timeout, said) from None
        if check and process.returncode != 0:
            raise CommandFailedError(process.returncode, argv, stdout, stderr)
        return subprocess.CompletedProcess(argv, process.returncode, stdout, stderr)

    def spawn(
        self,
        *argv: str,
        env: Mapping[str, str] | None = None,
        stdin: int | None = subprocess.PIPE,
        stdout: int | None = subprocess.PIPE,
        stderr: int | None = subprocess.PIPE,
    ) -> subprocess.Popen[str]:
        """Start a command as root; it gets the signals of its process here, and dies with it."""
        return subprocess.Popen(
            self.command(*argv),
            env=self.environment(**(env or {})),
            stdin=stdin,
            stdout=stdout,
            stderr=stderr,
            encoding="utf-8",
            errors="replace",
        )

    def environment(self, **more: str) -> dict[str, str]:
        """Return the environment of commands in a bed: nothing of the machine's."""
        return {**_ENVIRONMENT, **more}

    def command(self, *argv: str, tty: bool = False) -> list[str]:
        """Return the command that runs *argv* in this bed."""
        if not self.is_running:
            raise BedError(f"cannot run {' '.join(argv)}: the bed is off")
        options = ["--tty"] if tty else []
        return [
            *(str(self._enter), *options, str(self._systemd)),
            *(str(self._group / "operator/cgroup.procs"), *argv),
        ]

    @staticmethod
    def wait_until(condition: Callable[[], bool], *, timeout: float = 10, what: str = "a condition") -> None:
        """Wait until *condition* holds, asking often."""
        end = time.monotonic() + timeout
        while not condition():
            if time.monotonic() > end:
                raise TimeoutError(f"waited {timeout:g} s for {what}")
            time.sleep(0.01)

    def path(self, inside: str) -> Path:
        """Return where the machine sees *inside*: all of the bed while it runs, its disks when off.

        Links on the way are followed as the bed would; a link at the end is not.
        """
        top, parts, done = self._outside(), inside.split("/"), list[str]()
        followed = 0
        while parts:
            part = parts.pop(0)
            if part == "..":
                done = done[:-1]
            elif part not in ("", "."):
                done.append(part)
                here = top.joinpath(*done)
                if parts and here.is_symlink():
                    followed += 1
                    if followed > 40:
                        raise BedError(f"cannot follow {inside}: too many links")
                    target = str(here.readlink())
                    done = [] if target.startswith("/") else done[:-1]
                    parts = [*target.split("/"), *parts]
        return top.joinpath(*done)

    @property
    def failed_units(self) -> tuple[str, ...]:
        """Return the units that systemd calls failed."""
        listed = self.run("systemctl", "list-units", "--failed", "--output=json").stdout
        return tuple(str(unit["unit"]) for unit in json.loads(listed))

    def console(self, *, lines: int = 40) -> str:
        """Return the last lines that systemd wrote to its console."""
        log = self.directory / "console.log"
        text = log.read_text(errors="replace") if log.exists() else ""
        return "\n".join(text.splitlines()[-lines:])

    def _outside(self) -> Path:
        if self.is_running:
            return Path(f"/proc/{self._systemd}/root")
        return Path(f"/proc/{self._holder.pid}/root{self.directory}/root")

    @property
    def _group(self) -> Path:
        return Path(f"/proc/{self._holder.pid}/root{self.directory}/group")

    def _lay_out_control_groups(self) -> None:
        """Begin with none but the one of our commands, which are in no unit of systemd's."""
        for directory, _, _ in os.walk(self._group, topdown=False):
            if directory != str(self._group):
                Path(directory).rmdir()
        (self._group / "operator").mkdir()


@contextlib.contextmanager
def _locked(path: Path) -> Iterator[int]:
    """Hold the lock at *path*; who inherits its descriptor goes on holding it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    lock = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield lock
    finally:
        os.close(lock)


def _remove_abandoned(beds: Path) -> None:
    """Remove what beds left whose holder was killed too (the machine went down, say)."""
    for path in beds.glob("*.lock"):
        with contextlib.suppress(BlockingIOError, FileNotFoundError), _locked(path):
            shutil.rmtree(path.with_suffix(""), ignore_errors=True)
            path.unlink()
