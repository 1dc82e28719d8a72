"""What an edge may be: settings that fit together."""

from __future__ import annotations

import pytest

from pvdify.errors import SpecError
from pvdify.model.domain import default_name, domain_name
from pvdify.model.edge import EdgeSettings
from pvdify.model.parse import from_value

LONGEST = ".".join(["a" * 63, "b" * 63, "c" * 63, "d" * 61])


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"domain": "Apps.Example.org"}, "is written"),
        ({"domain": "*.example.org"}, "no star"),
        ({"domain": f"{LONGEST[:-41]}.a"}, "at most 212 characters"),
        ({"domain": "10.0.0.1"}, "IP address"),
        ({"kind": "cloudflared"}, "needs a tunnel"),
        ({"kind": "cloudflared", "tunnel": "mine"}, "a tunnel's id"),
        ({"kind": "caddy", "email": "ada{env.HOME}@example.org"}, "an e-mail address"),
        ({"kind": "caddy", "email": 'ada"@example.org'}, "an e-mail address"),
        ({"kind": "caddy", "email": "o'brien@example.org"}, "an e-mail address"),
        *(
            ({"kind": "caddy", "acme_server": text}, "the directory of an ACME server")
            for text in (
                *("http://ca.example.org/directory", "ca.example.org", "https://", "https:///directory"),
                *(
                    "https://ca.example.org/ directory",
                    "https://ca.example.org/{env.HOME}",
                    "https://ca.example.org/\n}",
                ),
                *("https://ada@ca.example.org/directory", "https://ca.example.org/directory?key=1", "https://[::1]/"),
            )
        ),
        ({"kind": "nginx"}, "nginx"),
        ({"kind": "caddy", "port": 80}, "port"),
        ({"managed": "remote"}, "account"),
    ],
)
def test_settings_of_an_edge_that_do_not_fit_are_refused(settings: dict[str, object], words: str) -> None:
    with pytest.raises(SpecError, match=words):
        from_value(settings, EdgeSettings)


def test_the_longest_domain_of_a_host_leaves_room_for_the_longest_app() -> None:
    domain = LONGEST[:212]
    edge = from_value({"domain": domain}, EdgeSettings)

    name = default_name("a" * 40, edge.domain)

    assert name == domain_name(name or "")
