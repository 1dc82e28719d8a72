"""Caddyfiles and ingresses read again, by what their own programs do with them and not by how pvdify writes them."""

from __future__ import annotations

import json
import re
from typing import Final

_TOP: Final = re.compile(r"(tunnel|no-autoupdate|grace-period): \S+")
_ITEM: Final = re.compile(r"  (?:- | {2})(hostname|service): (.+)")
_SERVICE: Final = re.compile(r"http://127\.0\.0\.1:[0-9]{4}")
_BARE: Final = re.compile(r"[a-z][a-z0-9]*(?:[.-][a-z0-9]+)+|[0-9]+|http://\S+|http_status:[0-9]{3}")
Rules = list[tuple[str, str]]


def sites(caddyfile: str) -> dict[str, int]:
    """The fronts of a Caddyfile by name; raise `ValueError` for what is not one block a site, with one proxy in it."""
    found: dict[str, int] = {}
    depth, names, fronts = 0, list[str](), list[int]()
    for line in caddyfile.splitlines():
        text = line.strip()
        if not text or text.startswith("#"):
            continue
        opens, closes = text.endswith("{"), text == "}"
        if depth == 0 and opens:
            names, fronts = text[:-1].replace(",", " ").split(), []
        elif depth == 1 and names and (match := re.fullmatch(r"reverse_proxy 127\.0\.0\.1:(\d+) \{", text)):
            fronts.append(int(match[1]))
        elif depth == 1 and names and not closes:
            raise ValueError(text)
        depth += opens - closes
        if depth == 0 and names:
            (front,) = fronts
            found.update(dict.fromkeys(names, front))
    if depth:
        raise ValueError("a block is open")
    return found


def rules(ingress: str) -> Rules:
    """The hostname (empty: any) and the service of each rule, in their order; raise `ValueError` for what pvdify has no business to say."""
    head, mark, rest = ingress.partition("\ningress:\n")
    if not mark:
        raise ValueError("no ingress")
    for line in head.splitlines():
        if not line.startswith("#") and not _TOP.fullmatch(line):
            raise ValueError(line)
    found: list[dict[str, str]] = []
    for line in rest.splitlines():
        if line.startswith("  #"):
            continue
        match = _ITEM.fullmatch(line)
        if match is None:
            raise ValueError(line)
        if line.startswith("  - "):
            found.append({})
        found[-1][match[1]] = scalar(match[2])
    return [(one.get("hostname", ""), one["service"]) for one in found]


def scalar(text: str) -> str:
    """What a reader of YAML takes *text* for; raise `ValueError` where two readers might differ."""
    if text.startswith('"'):
        read = json.loads(text)
        if isinstance(read, str):
            return read
    if not _BARE.fullmatch(text) or text in {"y", "n", "on", "off", "yes", "no", "true", "false", "null"}:
        raise ValueError(text)
    return text


def broken_rules(found: Rules) -> list[str]:
    """What cloudflared's own checks of an ingress refuse, and what would be one on paper: a rule that no request gets to."""
    problems = [] if found else ["no rules"]
    for number, (host, service) in enumerate(found):
        is_last = number == len(found) - 1
        if is_last and (host, service) != ("", "http_status:404"):
            problems.append(f"the last rule is {host} {service}")
        if not is_last and not host:
            problems.append(f"rule {number} takes all that is left")
        if not is_last and not _SERVICE.fullmatch(service):
            problems.append(f"{service} is no front")
        if ":" in host or "/" in host or host.count("*") > 1 or ("*" in host and not host.startswith("*.")):
            problems.append(f"{host} is no hostname")
        problems += [f"{host} never gets a request: {one} comes first" for one, _ in found[:number] if takes(one, host)]
    return problems


def takes(rule: str, host: str) -> bool:
    """Whether cloudflared gives a request for *host* to *rule*; a star stands for any number of labels there."""
    return not rule or rule == host or (rule.startswith("*.") and host.endswith(rule[1:]))
