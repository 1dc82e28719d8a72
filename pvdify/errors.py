"""Every deliberate error.

A message is "cannot", the thing, the reason; the hint is the next command to type. A `code` is stable: programs may branch on it.
Six families exist because callers treat them differently (exit status, HTTP status); a class of its own exists where a caller does.
"""

from __future__ import annotations

from typing import ClassVar

import msgspec


class Probe(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The last answer (or silence) of an instance that was asked whether it is healthy."""

    target: str
    status: int | None = None
    body: str = ""
    latency_ms: float = 0.0
    error: str = ""
    attempts: int = 0

    @property
    def words(self) -> str:
        """Who was asked, and what came of it."""
        return f"{self.target}: " + (f"status {self.status}" if self.status is not None else self.error or "no answer")


class Exit(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """How a unit ended: an exit status, a signal, or the kernel's out-of-memory killer."""

    unit: str
    status: int | None = None
    signal: str = ""
    oom: bool = False
    result: str = ""

    @property
    def words(self) -> str:
        """Which unit, and how it ended."""
        if self.oom:
            how = "killed because it was out of memory"
        elif self.signal:
            how = f"killed by {self.signal}"
        else:
            how = f"exit status {self.status}" if self.status is not None else self.result or "unknown"
        return f"{self.unit}: {how}"


class Failure(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Why an operation failed, on one screen: the same object for the CLI, the API and the journal."""

    phase: str
    message: str
    code: str = "operation-failed"
    hint: str = ""
    probe: Probe | None = None
    exit: Exit | None = None
    log_tail: tuple[str, ...] = ()
    unchanged: str = ""


class PvdifyError(Exception):
    """Something that pvdify says on purpose; anything else is a bug."""

    code: ClassVar[str] = "failed"

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


class SpecError(PvdifyError):
    """What was declared or asked is wrong; *pointer* names the field (JSON pointer)."""

    code = "spec-invalid"

    def __init__(self, message: str, *, pointer: str = "", hint: str = "") -> None:
        super().__init__(message, hint=hint)
        self.pointer = pointer


class NotFoundError(PvdifyError):
    """Something that was named is not there."""

    code = "not-found"


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


class RefusedError(PvdifyError):
    """Understood, possible in principle, and refused now."""

    code = "refused"


class AppBusyError(RefusedError):
    """Another operation holds the app."""

    code = "app-busy"

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


class RenderError(PvdifyError):
    """Template and view disagree, a value cannot be written safely, or a validator refused the result."""

    code = "render-failed"


class StateError(PvdifyError):
    """The state directory cannot be trusted or used."""

    code = "state-broken"


class StateMissingError(StateError):
    """There is no state directory yet."""

    code = "state-missing"


class StateTooNewError(StateError):
    """A newer pvdify wrote the state directory."""

    code = "state-too-new"


class CorruptGenerationError(StateError):
    """A generation's files do not match its manifest."""

    code = "generation-corrupt"


class HostError(PvdifyError):
    """A program, a unit, a registry or the kernel said no."""

    code = "host-failed"


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
    """The registry does not answer."""

    code = "registry-unreachable"

    def __init__(self, image: str, reason: str) -> None:
        super().__init__(
            f"cannot pull {image}: the registry does not answer ({reason})",
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


class IdempotencyMismatchError(RefusedError):
    """The idempotency key stands for another request."""

    code = "idempotency-mismatch"

    def __init__(self, key: str) -> None:
        super().__init__(
            f"cannot use the idempotency key {key[:60]!r} for this: it came with another request before",
            hint="take a new key for each request; send the same key only with the same request",
        )


class AccessError(PvdifyError):
    """Whoever asks may not."""

    code = "access-denied"


class UnauthorizedError(AccessError):
    """No token came with the request."""

    code = "unauthorized"


class TokenInvalidError(UnauthorizedError):
    """The token is no good; whether it is malformed, unknown, expired or revoked, is not said."""

    code = "token-invalid"

    def __init__(self) -> None:
        super().__init__(
            "cannot accept this token: it is malformed, unknown, expired or revoked",
            hint="make a new one on the host: `pvdify tokens:create NAME`",
        )


class ForbiddenError(AccessError):
    """The token is good, and not for this; *scope* is what it lacks, if that is all."""

    code = "forbidden"

    def __init__(self, message: str, *, scope: str = "", hint: str = "") -> None:
        super().__init__(message, hint=hint)
        self.scope = scope


class TooLargeError(SpecError):
    """What was sent is larger than what the operation takes."""

    code = "too-large"


class PreconditionError(RefusedError):
    """What was to be changed is not any more what the caller has seen."""

    code = "precondition-failed"


class ReplayedError(RefusedError):
    """The same request was served before, and its answer was told once."""

    code = "idempotency-replayed"

    def __init__(self, key: str) -> None:
        super().__init__(
            f"cannot answer the request {key} again: its answer held a secret, which is told once",
            hint="look with `pvdify tokens`, and rotate the token whose text was lost",
        )


class PastTheSwitchError(RefusedError):
    """The operation's switch is in force: it only goes forward."""

    code = "past-the-switch"


class LeftRunningError(RefusedError):
    """Whoever watched the operation left; it goes on without them."""

    code = "left-running"

    def __init__(self, id_: str) -> None:
        super().__init__(
            f"cannot tell how operation {id_} ends: it was left running",
            hint=f"follow it with `pvdify operations:follow {id_}`, or undo it with `pvdify operations:cancel {id_}`",
        )


class UnreachableError(HostError):
    """The host that should be asked does not answer, or not as pvdify does."""

    code = "host-unreachable"


def class_of(code: str) -> type[PvdifyError]:
    """The class whose errors have *code*: what was raised elsewhere can be raised here.

    >>> class_of("app-busy").__name__, class_of("never-heard-of").__name__
    ('AppBusyError', 'HostError')
    """
    waiting = [PvdifyError]
    while waiting:
        one = waiting.pop()
        if one.code == code:
            return one
        waiting += one.__subclasses__()
    return HostError


def told(code: str, message: str, *, hint: str = "", failure: Failure | None = None) -> PvdifyError:
    """An error that was raised elsewhere, as far as it was told: of the same class, with the same words."""
    if failure is not None and (failure.unchanged or failure.probe or failure.exit or failure.log_tail):
        return OperationFailedError(failure)
    kind = class_of(code)
    error = kind.__new__(kind)
    PvdifyError.__init__(error, message, hint=hint)
    return error
