"""`render`: what slots become, without a host."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Final

import asyncclick as click
import msgspec

from pvdify.cli.command import command
from pvdify.cli.project import slots_of
from pvdify.cli.tables import json_text
from pvdify.errors import HostError, SpecError
from pvdify.model.edge import EdgeKind, EdgeSettings
from pvdify.model.parse import from_value

if TYPE_CHECKING:
    from pvdify.cli.session import Session
    from pvdify.model.manifest import AppRow, Manifest
    from pvdify.model.place import Place
    from pvdify.model.release import Release
    from pvdify.model.slot import Slot
    from pvdify.render.tree import Artefact

UNKNOWN: Final = "sha256:" + 64 * "0"
"""Stands for a digest that only the registry knows."""
NO_EDGE: Final = EdgeSettings()
TUNNEL: Final = "00000000-0000-0000-0000-000000000000"
"""Stands for a tunnel that only Cloudflare knows."""
_VERSION: Final = 1


class Rendered(msgspec.Struct, frozen=True, kw_only=True):
    """The files of a generation, by path."""

    files: dict[str, str]


@command(
    "render",
    click.Option(
        ["-f", "--file", "files"],
        type=click.Path(path_type=Path),
        multiple=True,
        default=("pvdify.toml",),
        show_default=True,
        metavar="FILE",
        help="A pvdify.toml or a slot.toml; may be said several times, - is standard input.",
    ),
    click.Option(["--to"], type=click.Path(path_type=Path, file_okay=False), metavar="DIR", help="Write files there."),
    click.Option(
        ["--edge", "kind"],
        type=click.Choice([kind.value for kind in EdgeKind]),
        default=EdgeKind.NONE.value,
        help="What brings the public to the fronts.",
    ),
    click.Option(["--domain"], metavar="DOMAIN", help="The host's domain: every app has a name below it."),
    examples=("pvdify render -f pvdify.toml", "pvdify render -f slot.toml --edge caddy --to out"),
    needs_host=False,
)
async def render(session: Session, *, files: tuple[Path, ...], to: Path | None, kind: str, domain: str | None) -> None:
    """Write the files that slots make; needs no host.

    Every app is at release v1, with fronts and ports as an empty host would give them. A digest that the slot does not name is
    written as zeros, so is a tunnel, and a port that neither slot nor image name is 8080.
    """
    from pvdify.model.place import Place

    slots: list[Slot] = []
    for file in files:
        text = session.terminal.input.read().encode() if str(file) == "-" else None
        slots += slots_of(file, text=text)
    names = [slot.name for slot in slots]
    if twice := next((name for name in names if names.count(name) > 1), None):
        raise SpecError(f"cannot render {twice}: two files declare it")
    edge = from_value({"kind": kind, "domain": domain, "internal_ca": True, "tunnel": TUNNEL}, EdgeSettings)
    artefacts = artefacts_of(tuple(slots), Place(state=str(session.state)), edge)
    if to is not None:
        _write(artefacts, to)
    if session.is_json:
        session.terminal.print(json_text(Rendered(files={one.path: one.text for one in artefacts})))
    elif to is not None:
        session.terminal.print("\n".join(str(to / one.path) for one in artefacts))
    else:
        session.terminal.print("\n".join(f"==> {one.path} <==\n{one.text}" for one in artefacts).rstrip("\n"))


def artefacts_of(slots: tuple[Slot, ...], place: Place, edge: EdgeSettings = NO_EDGE) -> tuple[Artefact, ...]:
    """Every file of the generation of a host that has just these *slots*, each at its first release."""
    from pvdify.plan.domains import check_owner, names_declared
    from pvdify.render.edge import edge_artefacts
    from pvdify.render.tree import app_artefacts, host_artefacts

    rows: dict[str, AppRow] = {}
    found: list[Artefact] = []
    for slot in sorted(slots, key=lambda one: (one.bind_port is None, one.name)):
        release = _release(slot)
        rows[slot.name] = _row(slot, release, _manifest(rows))
        names = names_declared(slot)
        check_owner(rows.values(), edge, slot.name, names)
        rows[slot.name] = msgspec.structs.replace(rows[slot.name], domains=names)
        found += app_artefacts(rows[slot.name], {_VERSION: release}, place)
    return tuple(sorted((*found, *host_artefacts(rows, edge, place), *edge_artefacts(rows, edge, place))))


def _release(slot: Slot) -> Release:
    from pvdify.model.image import Image, image_ref
    from pvdify.plan.release import release_of

    if slot.image is None:
        raise SpecError(
            f"cannot render {slot.name}: it declares no image",
            pointer="/image",
            hint='write image = "ghcr.io/org/app:v1"',
        )
    reference = image_ref(slot.image)
    digest = reference.digest or UNKNOWN
    image = Image(id=digest, digest=digest, architecture="")
    return release_of(slot, image, pinned=reference.pinned(digest), source=slot.image, version=_VERSION)


def _row(slot: Slot, release: Release, manifest: Manifest) -> AppRow:
    from pvdify.model.manifest import INSTANCE_FIRST, AppRow, InstanceRow
    from pvdify.model.names import WEB
    from pvdify.plan.ports import front_candidates, id_block, instance_candidates
    from pvdify.plan.release import formation_of
    from pvdify.plan.swap import router_of

    ports = iter(instance_candidates(manifest, start=INSTANCE_FIRST))
    formation = formation_of(slot)
    row = AppRow(
        name=slot.name,
        environment=slot.environment,
        front=front_candidates(manifest, wanted=slot.bind_port)[0],
        ids=id_block(manifest, slot.name),
        created_at="",
        image=release.image,
        live=_VERSION,
        formation=formation,
        instances=tuple(
            InstanceRow(
                release=_VERSION,
                process=process,
                ordinal=ordinal,
                port=next(ports) if process == WEB else 0,
                is_live=True,
            )
            for process, count in formation.items()
            for ordinal in range(1, count + 1)
        ),
    )
    return msgspec.structs.replace(row, router=router_of(row, release))


def _manifest(rows: dict[str, AppRow]) -> Manifest:
    from pvdify.model.manifest import Manifest

    return Manifest(number=0, parent=None, created_at="", actor="", operation="", reason="", files={}, apps=dict(rows))


def _write(artefacts: tuple[Artefact, ...], directory: Path) -> None:
    for one in artefacts:
        path = directory / one.path
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(one.text, encoding="utf-8", newline="")
        except OSError as error:
            raise HostError(f"cannot write {path}: {(error.strerror or 'it failed').lower()}") from error
