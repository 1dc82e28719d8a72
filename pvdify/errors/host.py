"""Errors of a host: of what is declared, of its state, and of the programs that it runs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pvdify.errors.families import HostError, NotFoundError, RefusedError, StateError

if TYPE_CHECKING:
    from pvdify.errors.failure import Failure, Probe


class AppNotFoundError(NotFoundError):
    """No app of that name."""

    code = "app-not-found"

    def __init__(self, app: str) -> None:
        super().__init__(f"cannot find app {app}", hint="list the apps with `pvdify apps`")
        self.app = app


class ReleaseNotFoundError(NotFoundError):
    """The app has no such release."""

    code = "release-not-found"

    def __init__(self, app: str, version: int) -> None:
        super().__init__(
            f"cannot find release v{version} of {app}",
            hint=f"list them with `pvdify releases {app}`",
        )


class GenerationNotFoundError(NotFoundError):
    """No generation of that number."""

    code = "generation-not-found"

    def __init__(self, number: int) -> None:
        super().__init__(f"cannot find generation {number}", hint="list them with `pvdify generations`")


class ImageNotFoundError(NotFoundError):
    """The registry (or the image store) does not have that image."""

    code = "image-not-found"

    def __init__(self, image: str, reason: str = "the registry does not have it") -> None:
        super().__init__(f"cannot find image {image}: {reason}", hint="check the name and the tag")


class AppBusyError(RefusedError):
    """Another operation holds the app."""

    code = "app-busy"
    holder: str = ""

    def __init__(self, app: str, holder: str) -> None:
        super().__init__(
            f"cannot change {app}: {holder or 'another operation'} is running",
            hint="wait for it, or say `--wait`",
        )
        self.holder = holder


class AppExistsError(RefusedError):
    """An app of that name is there already."""

    code = "app-exists"

    def __init__(self, app: str) -> None:
        super().__init__(f"cannot create {app}: it exists", hint=f"look at it with `pvdify apps:info {app}`")


class NothingToRollBackError(RefusedError):
    """No earlier release was live and good."""

    code = "nothing-to-roll-back"


class PortTakenError(RefusedError):
    """A stranger holds a port that pvdify needs."""

    code = "port-taken"

    def __init__(self, port: int, holder: str) -> None:
        super().__init__(
            f"cannot use port {port}: {holder or 'another program'} holds it",
            hint=f"see who with `ss -ltnp 'sport = :{port}'`",
        )
        self.port = port


class PortsUsedUpError(RefusedError):
    """No free port is left in a range."""

    code = "ports-used-up"


class NotRootError(RefusedError):
    """The command changes the host, and the caller may not."""

    code = "not-root"


class CancelledOperationError(RefusedError):
    """The operation was cancelled, and what it had done was undone."""

    code = "cancelled"


class StateMissingError(StateError):
    """There is no state directory yet."""

    code = "state-missing"


class StateTooNewError(StateError):
    """A newer pvdify wrote the state directory."""

    code = "state-too-new"


class CorruptGenerationError(StateError):
    """A generation's files do not match its manifest."""

    code = "generation-corrupt"


class CommandError(HostError):
    """A program ended badly."""

    code = "command-failed"

    def __init__(self, argv: tuple[str, ...], returncode: int, stderr: str, *, hint: str = "") -> None:
        reason = stderr.strip() or f"exit status {returncode}"
        super().__init__(f"cannot run {argv[0]}: {reason}", hint=hint)
        self.argv = argv
        self.returncode = returncode
        self.stderr = stderr


class ProgramMissingError(HostError):
    """A program that pvdify needs is not installed."""

    code = "program-missing"

    def __init__(self, program: str) -> None:
        super().__init__(f"cannot find the program {program}", hint="check the host with `pvdify doctor`")
        self.program = program


class ProgramTooOldError(HostError):
    """A program is older than what pvdify can drive."""

    code = "program-too-old"


class UnitFailedError(HostError):
    """A unit did not become active."""

    code = "unit-failed"

    def __init__(self, unit: str, result: str) -> None:
        super().__init__(f"cannot start {unit}: {result}", hint=f"read `journalctl -u {unit}`")
        self.unit = unit
        self.result = result


class UnhealthyError(HostError):
    """An instance is up and does not answer as it should."""

    code = "unhealthy"

    def __init__(self, message: str, probe: Probe) -> None:
        super().__init__(message)
        self.probe = probe


class RouterError(HostError):
    """The router refused a change or does not answer."""

    code = "router-failed"


class RegistryLoginError(HostError):
    """The registry wants a login, or another one; *image* is the registry itself where it was the login that failed."""

    code = "registry-login"

    def __init__(self, image: str, registry: str) -> None:
        if image == registry:
            message, hint = f"cannot log in to {registry}: it does not take that user and password", "check both"
        else:
            message = f"cannot pull {image}: {registry} asks for a login"
            hint = f"type `pvdify registry:login {registry} -u USER --password-stdin`"
        super().__init__(message, hint=hint)
        self.registry = registry


class RegistryUnreachableError(HostError):
    """The registry does not answer; *image* is the registry itself where it was asked for a login."""

    code = "registry-unreachable"

    def __init__(self, image: str, registry: str, reason: str) -> None:
        what = f"log in to {registry}" if image == registry else f"pull {image}"
        super().__init__(
            f"cannot {what}: the registry does not answer ({reason})",
            hint="try again, or check the name",
        )


class ArchitectureError(HostError):
    """The image is for another kind of machine."""

    code = "wrong-architecture"

    def __init__(self, image: str, *, image_arch: str, host_arch: str) -> None:
        super().__init__(
            f"cannot run {image}: it is built for {image_arch}, this host is {host_arch}",
            hint=f"build it with `--platform linux/{host_arch}`",
        )


class DiskLowError(HostError):
    """Less room than an operation may need."""

    code = "disk-low"


class OperationFailedError(HostError):
    """An operation failed, and the host is as it was; *failure* says why."""

    code = "operation-failed"

    def __init__(self, failure: Failure) -> None:
        super().__init__(failure.message, hint=failure.hint)
        self.failure = failure


class EdgeError(HostError):
    """The edge refused a change or does not answer."""

    code = "edge-failed"


class DomainTakenError(RefusedError):
    """A name leads to another app, which is None where whoever asks may not know of it."""

    code = "domain-taken"

    def __init__(self, name: str, app: str | None) -> None:
        hint = f"pvdify domains:remove {app} {name}" if app else "ask whoever runs this host"
        super().__init__(f"cannot give {name} away: it is {app or 'another app'}'s", hint=hint)
        self.name = name
        self.app = app
