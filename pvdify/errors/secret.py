"""Errors of what is kept encrypted."""

from __future__ import annotations

from pvdify.errors.families import HostError, NotFoundError, StateError


class ConfigNotFoundError(NotFoundError):
    """The app has no such config version."""

    code = "config-not-found"

    def __init__(self, app: str, version: int) -> None:
        super().__init__(
            f"cannot find config c{version} of {app}", hint=f"list its versions with `pvdify config:versions {app}`"
        )


class ConfigTamperedError(StateError):
    """What is kept encrypted is not what pvdify wrote."""

    code = "config-tampered"

    def __init__(self, what: str, reason: str, *, hint: str = "") -> None:
        super().__init__(
            f"cannot use {what}: {reason}", hint=hint or "bring the file back from a backup, or set it again"
        )


class NotSealedError(StateError):
    """The sealed form of a config is missing or is not what pvdify sealed."""

    code = "config-not-sealed"

    def __init__(self, what: str, reason: str) -> None:
        super().__init__(
            f"cannot use {what}: {reason}", hint="make it again from its SOPS file: `pvdify secrets:reseal`"
        )


class KeyMissingError(StateError):
    """The host's age key is not there, or not the one that something was encrypted for."""

    code = "secrets-key"


class SecretsError(HostError):
    """`sops`, `age` or `systemd-creds` said no."""

    code = "secrets-failed"
