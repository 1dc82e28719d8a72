"""The keyring of whoever uses a client, for tokens; through the optional package `keyring`, which is imported when one is needed."""

from __future__ import annotations

from typing import Final, Protocol

from pvdify.errors import HostError

SERVICE: Final = "pvdify"


class Vault(Protocol):
    """Keeps tokens, by the names of hosts."""

    def keep(self, name: str, token: str) -> bool:
        """Keep *token*, in the place of the one before it; False where there is no keyring that could."""

    def token(self, name: str) -> str:
        """The token that was kept; raise `HostError` where it cannot be had any more."""

    def forget(self, name: str) -> None:
        """Forget the token, if it is there and can be."""


class Keyring:
    """The keyring that the package finds in this session."""

    def keep(self, name: str, token: str) -> bool:
        try:
            import keyring

            backend = keyring.get_keyring()
            if backend.priority < 1:  # what the package itself does not recommend: it refuses, or keeps it in the clear
                return False
            backend.set_password(SERVICE, name, token)
            return bool(backend.get_password(SERVICE, name) == token)
        except Exception:  # noqa: BLE001 - each backend raises what it likes, and there is another place
            return False

    def token(self, name: str) -> str:
        try:
            import keyring

            found = keyring.get_keyring().get_password(SERVICE, name)
        except Exception as error:
            raise _lost(name, str(error) or type(error).__name__) from error
        if not found:
            raise _lost(name, "it is not there any more")
        return str(found)

    def forget(self, name: str) -> None:
        try:
            import keyring

            keyring.get_keyring().delete_password(SERVICE, name)
        except Exception:  # noqa: BLE001 - it is gone, or nobody can reach it
            return


def _lost(name: str, reason: str) -> HostError:
    return HostError(
        f"cannot read the token for {name} from the keyring: {reason}", hint="unlock it, or `pvdify login` again"
    )
