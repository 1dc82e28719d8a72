"""The machine's own pip settings (index, certificates, proxy), for a pip that runs in a chroot."""

import configparser
import os
from collections.abc import Iterable, Iterator
from pathlib import Path

_VARIABLES = (
    *(
        "PIP_CERT",
        "PIP_CLIENT_CERT",
        "PIP_CONFIG_FILE",
        "PIP_DEFAULT_TIMEOUT",
        "PIP_EXTRA_INDEX_URL",
    ),
    *("PIP_FIND_LINKS", "PIP_INDEX_URL", "PIP_NO_INDEX", "PIP_PROXY", "PIP_RETRIES", "PIP_TIMEOUT"),
    *(
        "PIP_TRUSTED_HOST",
        "CURL_CA_BUNDLE",
        "NETRC",
        "REQUESTS_CA_BUNDLE",
        "SSL_CERT_DIR",
        "SSL_CERT_FILE",
    ),
)


def settings() -> tuple[dict[str, str], list[str]]:
    """Return the environment for pip, and the files and directories that it refers to."""
    home = Path.home()
    env = {name: os.environ[name] for name in _VARIABLES if name in os.environ}
    env |= {"HOME": str(home), "PIP_DISABLE_PIP_VERSION_CHECK": "1", "PIP_NO_CACHE_DIR": "1"}
    files = [
        Path("/etc/pip.conf"),
        Path("/etc/xdg/pip/pip.conf"),
        Path(os.environ.get("XDG_CONFIG_HOME") or home / ".config", "pip/pip.conf"),
        home / ".pip/pip.conf",
        home / ".netrc",
    ]
    if "XDG_CONFIG_HOME" in os.environ:
        env["XDG_CONFIG_HOME"] = os.environ["XDG_CONFIG_HOME"]
    present = [file for file in files if file.is_file()]
    words = [word for name in _VARIABLES for word in env.get(name, "").split()]
    words += [word for file in present if file.name == "pip.conf" for word in _words(file)]
    return env, sorted({str(path) for path in [*present, *_paths(words)]})


def _words(file: Path) -> Iterator[str]:
    parser = configparser.RawConfigParser()
    parser.read(file)
    for section in parser.sections():
        for _, value in parser.items(section):
            yield from value.split()


def _paths(words: Iterable[str]) -> Iterator[Path]:
    for word in words:
        path = Path(word.removeprefix("file://"))
        if path.is_absolute() and path.exists():
            yield path
