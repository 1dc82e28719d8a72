"""List generations, and compare two."""

from __future__ import annotations

import difflib
from typing import TYPE_CHECKING

from pvdify.model.answers import FileDiff, GenerationDiff, Generations, GenerationSummary

if TYPE_CHECKING:
    from pvdify.model.requests import DiffGenerations, Nothing
    from pvdify.ops.host import Host


async def list_generations(host: Host, _request: Nothing) -> Generations:
    """The generations that are kept, newest first."""
    current = host.state.current().number
    summaries = []
    for number in host.state.generations():
        manifest = host.state.manifest(number)
        summaries.append(
            GenerationSummary(
                number=number,
                parent=manifest.parent,
                created_at=manifest.created_at,
                actor=manifest.actor,
                reason=manifest.reason,
                apps=len(manifest.apps),
                is_current=number == current,
            )
        )
    return Generations(generations=tuple(summaries))


async def diff_generations(host: Host, request: DiffGenerations) -> GenerationDiff:
    """Every file that differs from generation *number* to generation *other*, as unified text."""
    old, new = host.state.manifest(request.number), host.state.manifest(request.other)
    files = []
    for path in sorted(set(old.files) | set(new.files)):
        if old.files.get(path) == new.files.get(path):
            continue
        before = host.state.artefact(old.number, path) if path in old.files else ""
        after = host.state.artefact(new.number, path) if path in new.files else ""
        change = "changed" if before and after else ("added" if after else "removed")
        lines = difflib.unified_diff(
            before.splitlines(),
            after.splitlines(),
            f"{old.number}/{path}",
            f"{new.number}/{path}",
            lineterm="",
        )
        files.append(FileDiff(path=path, change=change, diff="\n".join(lines)))
    return GenerationDiff(number=old.number, other=new.number, files=tuple(files))
