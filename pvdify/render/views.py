"""What each template is given: one frozen view, in which everything is decided."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class CredentialView:
    """One sealed part of a config: its name, and the file that it is in."""

    name: str
    path: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SecretFileView:
    """A secret file: its name below `/run/secrets`, and the credential that it comes from."""

    name: str
    credential: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ContainerView:
    """`quadlet/instance.container.j2`: an instance, or the release command of a release."""

    app: str
    release: str
    process: str
    instance: str
    target: str
    slice: str
    image: str
    publish: str
    environment: tuple[str, ...]
    credentials: tuple[CredentialView, ...]
    env_credential: str
    secret_files: tuple[SecretFileView, ...]
    command: tuple[str, ...]
    carriers: tuple[str, ...]
    first_id: int
    capabilities: tuple[str, ...] | None
    volumes: tuple[str, ...]
    storage: str
    runroot: str
    watch: str
    start_seconds: int
    stop_seconds: int
    kill_seconds: int
    memory: str
    cpu_percent: int
    tasks: int
    is_oneshot: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class AppTargetView:
    """`systemd/app.target.j2`."""

    app: str
    environment: str
    release: str
    units: tuple[str, ...]
    is_stopped: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class HostTargetView:
    """`systemd/pvdify.target.j2`."""

    targets: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerView:
    """One server line."""

    name: str
    port: int


@dataclass(frozen=True, slots=True, kw_only=True)
class FrontView:
    """One front with its servers. *page* is what it shows where none is usable; *own_page*, *own_down* are files of the app's own."""

    app: str
    environment: str
    port: int
    check_path: str
    check_status: str
    check_interval: str
    servers: tuple[ServerView, ...]
    is_checked: bool
    is_held: bool
    page: str
    retry_after: int
    in_maintenance: bool
    own_page: str
    own_down: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ReasonView:
    """Why nobody answers: its page, and after how many seconds it may be worth asking again."""

    name: str
    retry_after: int
    file: str
    is_always: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class PageView:
    """`web/page.html.j2`: a title, a sentence, and a colour for each of the two schemes."""

    title: str
    words: str
    light: str
    dark: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AnswerView:
    """`haproxy/answer.page.j2`: a page by its lines, and what programs get instead."""

    json: str
    lines: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class SiteView:
    """One app with a name."""

    app: str
    addresses: tuple[str, ...]
    front: int


@dataclass(frozen=True, slots=True, kw_only=True)
class CaddyView:
    """`caddy/Caddyfile.j2`."""

    admin_socket: str
    storage: str
    email: str
    internal_ca: bool
    acme_server: str
    sites: tuple[SiteView, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleView:
    """One name, and the front that it leads to."""

    app: str
    hostname: str
    front: int


@dataclass(frozen=True, slots=True, kw_only=True)
class TunnelView:
    """`cloudflared/config.yml.j2`."""

    tunnel: str
    is_remote: bool
    rules: tuple[RuleView, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class HeaderView:
    """Headers by their name, or by how it begins, ends, or what it contains."""

    name: str
    match: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RouterView:
    """`haproxy/haproxy.cfg.j2`.

    *client_header* is where the edge says who asks; empty where nobody does. *untrusted* are the headers that are taken
    from every request. With *is_forwarded* a proxy on this host has set what tells of the way here, and that is left as it is.
    """

    mark: str
    admin_socket: str
    status_address: str
    hold_script: str
    client_header: str
    untrusted: tuple[HeaderView, ...]
    is_forwarded: bool
    pages: tuple[ReasonView, ...]
    fronts: tuple[FrontView, ...]
    is_any_held: bool
