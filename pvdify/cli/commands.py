"""Which commands there are: their themes, summaries and modules. A module is imported when its command is named."""

from __future__ import annotations

from dataclasses import dataclass
from difflib import get_close_matches
from typing import Final


@dataclass(frozen=True, slots=True)
class Entry:
    """One command; its function in *module* is called as the command, with `_` for `:`."""

    name: str
    module: str
    summary: str

    @property
    def function(self) -> str:
        """The name of the command in its module."""
        return self.name.replace(":", "_")


THEMES: Final[tuple[tuple[str, tuple[Entry, ...]], ...]] = (
    (
        "Apps",
        (
            Entry("apps", "apps", "List the apps."),
            Entry("apps:create", "apps", "Create an app: a name and a front port, no release yet."),
            Entry("apps:info", "apps", "Show one app: what is declared, and what runs."),
            Entry("apps:destroy", "apps", "Stop an app and forget it; its volumes stay unless told otherwise."),
        ),
    ),
    (
        "Releases",
        (
            Entry("deploy", "releases", "Make a release of an image and give it the traffic."),
            Entry("releases", "releases", "List an app's releases, newest first."),
            Entry("releases:info", "releases", "Show one release, and why it failed if it did."),
            Entry("rollback", "releases", "Give the traffic back to an earlier release."),
        ),
    ),
    (
        "Config",
        (
            Entry(
                "config",
                "config",
                "Show an app's config: names, and what they hold only if that is asked for, which is audited.",
            ),
            Entry(
                "config:get",
                "config",
                "Print the value of one variable, or one file, and nothing else; this is audited.",
            ),
            Entry(
                "config:set",
                "configure",
                "Set variables and secret files: a new config version, and a release with it.",
            ),
            Entry("config:unset", "configure", "Forget a variable: a new config version, and a release with it."),
            Entry("config:edit", "config_edit", "Change an app's variables in an editor; this is audited."),
            Entry("config:versions", "config", "List an app's config versions, newest first."),
            Entry("config:diff", "config", "Show what is other in one config version than in another, by name."),
            Entry("config:import", "configure", "Set the variables of a file, as `config:export` writes it."),
            Entry("config:export", "config", "Write an app's variables as a file; this is audited."),
        ),
    ),
    (
        "Secrets",
        (
            Entry("secrets", "secrets", "Show who reads what is kept encrypted, and how it is sealed."),
            Entry("secrets:add", "secrets", "Let one more age key read everything that is kept encrypted."),
            Entry(
                "secrets:remove",
                "secrets",
                "Encrypt everything again without one of those who read it; copies stay readable.",
            ),
            Entry(
                "secrets:rotate",
                "secrets",
                "Give the host another age key, encrypt everything for it, and drop the old one.",
            ),
            Entry(
                "secrets:reseal",
                "secrets",
                "Seal every config again for this host: on a new machine, or after its key was lost.",
            ),
        ),
    ),
    (
        "Domains",
        (
            Entry("domains", "domains", "List an app's domains, and how each of them is."),
            Entry("domains:add", "domains", "Give an app domains, and have the edge serve them."),
            Entry("domains:remove", "domains", "Take a domain from an app, and have the edge forget it."),
            Entry(
                "domains:check",
                "domains",
                "Go the way of a request to an app, name by name, and say which link is broken.",
            ),
            Entry("edge", "domains", "Show what brings the public to the fronts."),
            Entry("edge:set", "domains", "Have another program, or none, bring the public to the fronts."),
            Entry("cloudflare:login", "cloudflare", "Log in to Cloudflare, for zones and tunnels."),
            Entry("cloudflare:logout", "cloudflare", "Forget the token for Cloudflare; what was made with it stays."),
            Entry("cloudflare:zones", "cloudflare", "List the zones that the token for Cloudflare reaches."),
            Entry("cloudflare:dns", "cloudflare", "List the records of a zone, and which of them pvdify made."),
        ),
    ),
    (
        "Maintenance",
        (
            Entry("maintenance", "maintenance", "Tell whether an app is in maintenance."),
            Entry("maintenance:on", "maintenance", "Show an app's visitors a page, while it is worked on."),
            Entry("maintenance:off", "maintenance", "Let an app's visitors in again."),
        ),
    ),
    (
        "Processes",
        (
            Entry("ps", "ps", "Show an app's processes and instances."),
            Entry("ps:scale", "ps", "Set how many instances of a process run."),
            Entry("ps:restart", "ps", "Replace instances by fresh ones, losing no request."),
            Entry("ps:stop", "ps", "Stop an app; it stays stopped, also after a boot."),
            Entry("ps:start", "ps", "Start a stopped app at the release it had."),
            Entry("run", "run", "Run a one-off command in the live release's image."),
            Entry("logs", "logs", "Read what an app wrote."),
        ),
    ),
    (
        "Declared",
        (
            Entry("plan", "declared", "Show what `apply` would do; nothing is changed."),
            Entry("apply", "declared", "Bring the host to what is declared."),
            Entry("render", "render", "Write the files that slots make; needs no host."),
        ),
    ),
    (
        "Host",
        (
            Entry("init", "host", "Make the state directory and the first generation."),
            Entry("doctor", "host", "Check everything that pvdify stands on."),
            Entry("gc", "host", "Remove generations, images and journals that nobody needs."),
            Entry("backup", "backup", "Write all of the host into one encrypted file."),
            Entry("restore", "backup", "Make a bare host what a backup was made of, and start its apps."),
            Entry("generations", "generations", "List the generations that are kept, newest first."),
            Entry("generations:diff", "generations", "Show what changed from one generation to another."),
            Entry("generations:switch", "generations", "Bring every app back to its release in a generation."),
            Entry("operations", "operations", "List an app's operations, newest first."),
            Entry("operations:all", "operations", "List the operations of the host, newest first."),
            Entry("operations:info", "operations", "Show one operation, and why it failed if it did."),
            Entry("operations:follow", "operations", "Watch an operation from its first step to its end."),
            Entry(
                "operations:cancel",
                "operations",
                "Cancel an operation, which then undoes what it did; not once its switch is in force.",
            ),
        ),
    ),
    (
        "Access",
        (
            Entry("login", "login", "Log in to a host elsewhere, and ask it from now on."),
            Entry("logout", "hosts", "Forget a host and its token."),
            Entry("hosts", "hosts", "List the hosts that you know, and which is asked."),
            Entry(
                "hosts:add", "hosts", "Add a host to those that you know, and ask it from now on; without a token yet."
            ),
            Entry("hosts:use", "hosts", "Ask another of the hosts that you know from now on."),
            Entry("whoami", "tokens", "Show who asks, and what they may do."),
            Entry("tokens", "tokens", "List the tokens."),
            Entry("tokens:create", "tokens", "Make a token; its text is shown this once."),
            Entry("tokens:rotate", "tokens", "Give a token a new text; the old one works a while longer."),
            Entry("tokens:revoke", "tokens", "Revoke a token, at once."),
            Entry("audit", "audit", "Read what was changed, by whom, newest first."),
            Entry("audit:verify", "audit", "Check that no line of the audit was changed or removed."),
        ),
    ),
    (
        "Registries",
        (
            Entry("registry:login", "registry", "Log in to a registry, for pulls."),
            Entry("registry:list", "registry", "List the registries that the host has a login for."),
            Entry("registry:logout", "registry", "Forget the login for a registry."),
        ),
    ),
)
ENTRIES: Final = {entry.name: entry for _, entries in THEMES for entry in entries}
ALIASES: Final = {"apps:delete": "apps:destroy"}
# what others call it; none of these works here, and each is answered with what does
_ELSEWHERE: Final = {
    **dict.fromkeys(("config:list", "config:show", "config:keys"), "config"),
    **dict.fromkeys(("config:remove", "config:rm", "config:delete"), "config:unset"),
    **dict.fromkeys(("config:add", "config:put"), "config:set"),
}


def entry_of(name: str) -> Entry | None:
    """The command that *name* means, if any."""
    return ENTRIES.get(ALIASES.get(name, name))


def nearest(name: str) -> str:
    """The command that somebody who typed *name* may have meant; empty if there is none like it.

    >>> nearest("aps:create"), nearest("scale"), nearest("config:remove"), nearest("frobnicate")
    ('apps:create', 'ps:scale', 'config:unset', '')
    """
    if name in _ELSEWHERE:
        return _ELSEWHERE[name]
    names = [*ENTRIES, *ALIASES]
    same_end = [one for one in names if one.partition(":")[2] == name]
    if len(same_end) == 1:
        return same_end[0]
    return next(iter(get_close_matches(name, names, n=1, cutoff=0.6)), "")


def spelled_apart(name: str, word: str) -> str:
    """The command that `pvdify name word` may have meant: `ps scale` is `ps:scale`.

    >>> spelled_apart("ps", "scale"), spelled_apart("ps", "blog")
    ('ps:scale', '')
    """
    together = f"{name}:{word}"
    return together if entry_of(together) else ""
