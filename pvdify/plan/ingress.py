"""The rules of a tunnel that others may use too: ours put among theirs, and theirs left as they are."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pvdify.errors import EdgeError
from pvdify.model.domain import in_order
from pvdify.model.ingress import NOBODY, Rule, new_rule

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping


def merged(found: tuple[Rule, ...], wanted: Mapping[str, str], put: Collection[tuple[str, str]]) -> tuple[Rule, ...]:
    """*found*, with a rule for each hostname and service of *wanted*, and without those of ours, which *put* tells, that are not wanted.

    Each of ours stands right before the first rule that would take its requests, and so behind all others: whatever of somebody
    else's was reached before still is. The last rule stays the last. Raise `EdgeError` where a rule that is not ours has one of the names.
    """
    theirs = [rule for rule in found if not _is_ours(rule, wanted, put)]
    if taken := next((rule for rule in theirs if rule.hostname in wanted and not rule.path), None):
        raise EdgeError(
            f"cannot lead {taken.hostname} to its app: the tunnel has a rule for it that pvdify did not make, to {taken.service[:200]}",
            hint="remove that rule in Cloudflare's dashboard",
        )
    if not theirs or not theirs[-1].is_last:
        theirs.append(new_rule(NOBODY))
    kept = {(rule.hostname, rule.service): rule for rule in found if _is_ours(rule, wanted, put)}
    ours = [kept.get((name, wanted[name])) or new_rule(wanted[name], name) for name in in_order(wanted)]
    return _placed(theirs, ours)


def _is_ours(rule: Rule, wanted: Mapping[str, str], put: Collection[tuple[str, str]]) -> bool:
    is_known = (rule.hostname, rule.service) in put or wanted.get(rule.hostname) == rule.service
    return bool(rule.hostname) and not rule.path and is_known


def _placed(theirs: list[Rule], ours: list[Rule]) -> tuple[Rule, ...]:
    """Each of *ours* before the first of *theirs* that swallows it."""
    before: list[list[Rule]] = [[] for _ in theirs]
    for rule in ours:
        place = next(at for at, other in enumerate(theirs) if other.swallows(rule.hostname))
        before[place].append(rule)
    return tuple(rule for at, other in enumerate(theirs) for rule in (*before[at], other))
