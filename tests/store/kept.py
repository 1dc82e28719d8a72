"""Config versions to try the store on."""

from hashlib import sha256

from pvdify.model.config import ConfigMeta
from pvdify.store.state import State
from tests.store.example import AT

SEALED = {"env": b"sealed variables", "tls.key": b"sealed key"}
AGAIN = {"env": b"other variables", "tls.key": b"other key"}


def meta(version: int = 1, app: str = "blog") -> ConfigMeta:
    return ConfigMeta(
        version=version,
        sha256=sha256(f"{app} {version}".encode()).hexdigest(),
        keys=("DATABASE_URL",),
        files={"tls.key": 3},
        created_at=AT,
        created_by="root",
        operation="20261123",
    )


def text(version: int = 1, of: str = "first") -> bytes:
    return f'{{"the {of} text of": {version}}}\n'.encode()


def add(state: State, version: int = 1, app: str = "blog") -> ConfigMeta:
    return state.configs.add(app, meta(version, app), text=text(version), sealed=SEALED)


def tree(state: State, app: str = "blog") -> list[str]:
    directory = state.settings.configs(app)
    return sorted(str(path.relative_to(directory)) for path in directory.rglob("*") if not path.is_dir())


def files_of(*versions: int) -> list[str]:
    parts = (
        f"c{version}{end}" for version in versions for end in (".sops.json", ".toml", "/env.cred", "/tls.key.cred")
    )
    return sorted(parts)
