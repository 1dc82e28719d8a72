"""Which host a command asks, and by which way: what was typed wins, then the environment, then what is nearest."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from pvdify.cli.surroundings import DEFAULT_STATE, HOST_VARIABLE, STATE_VARIABLE, TOKEN_VARIABLE, URL_VARIABLE
from pvdify.cli.usage import usage_error

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from pvdify.client.address import RemoteHost
    from pvdify.client.hosts import Hosts


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """What the options say of whom to ask, or the environment does."""

    url: str | None = None
    host: str | None = None
    state: Path | None = None
    token: str | None = field(default=None, repr=False)


def said_by(environ: Mapping[str, str]) -> Said:
    """What the environment says; an empty variable says nothing."""
    state = environ.get(STATE_VARIABLE)
    return Said(
        url=environ.get(URL_VARIABLE) or None,
        host=environ.get(HOST_VARIABLE) or None,
        state=Path(state) if state else None,
        token=environ.get(TOKEN_VARIABLE) or None,
    )


def chosen(
    typed: Said,
    around: Said,
    *,
    is_root: bool,
    has_state: bool,
    may_connect: Callable[[str], bool],
    hosts: Callable[[], Hosts],
) -> Path | RemoteHost | None:
    """The state directory to work on in this process, or the host to ask; None where only root could go on.

    *typed* are the options, *around* is the environment. Root works where a state directory is (*has_state*), and makes one where no other host
    is known. A token in the environment does not replace that of a login.
    """
    ways = [name for name in ("url", "host", "state") if getattr(typed, name) is not None]
    if len(ways) > 1:
        options = " and ".join(f"--{'api-url' if name == 'url' else name}" for name in ways)
        raise usage_error(f"cannot ask two hosts: {options} name one each")
    for said in (typed, around):
        if said.url is not None:
            return _at(said.url, typed.token or around.token, hosts)
        if said.host is not None:
            return _with_token(said.host, typed, around, hosts)
        if said.state is not None:
            return said.state
    if is_root and (has_state or hosts().known().current is None):
        return DEFAULT_STATE
    from pvdify.client.address import ADMIN_SOCKET, RemoteHost

    if may_connect(ADMIN_SOCKET):
        return RemoteHost(url=ADMIN_SOCKET)
    current = hosts().known().current
    return _with_token(current, typed, around, hosts) if current is not None else None


def _at(text: str, token: str | None, hosts: Callable[[], Hosts]) -> RemoteHost:
    from pvdify.client.address import RemoteHost, address

    host = RemoteHost(url=address(text), token=token or "")
    name = hosts().name_of(host.url) if not host.socket else None
    if name is None:
        return host
    return replace(hosts().without_token(name), token=token) if token else hosts().host(name)


def _with_token(name: str, typed: Said, around: Said, hosts: Callable[[], Hosts]) -> RemoteHost:
    if typed.token:
        return replace(hosts().without_token(name), token=typed.token)
    host = hosts().host(name)
    return replace(host, token=host.token or around.token or "")
