"""Rows and releases to plan with."""

from __future__ import annotations

from pvdify.model.image import Image
from pvdify.model.manifest import AppRow, InstanceRow, Manifest
from pvdify.model.release import Release, ReleaseProcess
from pvdify.model.slot import Environment

DIGEST = "sha256:" + "a" * 64
IMAGE = Image(id="1" * 64, digest=DIGEST, architecture="amd64", ports=(8080,))


def release(version: int, *processes: str, overlap: bool = True, app: str = "blog") -> Release:
    return Release(
        app=app,
        version=version,
        image=f"docker.io/org/blog@{DIGEST}",
        source="docker.io/org/blog:v1",
        processes={name: ReleaseProcess(overlap=overlap) for name in processes or ("web",)},
    )


def instance(version: int, ordinal: int = 1, *, process: str = "web", is_live: bool = False) -> InstanceRow:
    port = 20_000 + version * 10 + ordinal if process == "web" else 0
    return InstanceRow(release=version, process=process, ordinal=ordinal, port=port, is_live=is_live)


def row(*instances: InstanceRow, live: int | None = None, warm: int | None = None, **more: object) -> AppRow:
    known = {
        "name": "blog",
        "environment": Environment.PRODUCTION,
        "front": 3000,
        "ids": 2_200_000_000,
        "created_at": "2026-01-01T00:00:00.000Z",
    }
    return AppRow(**{**known, "instances": instances, "live": live, "warm": warm, **more})  # type: ignore[arg-type]


def manifest(*rows: AppRow, number: int = 1, **more: object) -> Manifest:
    known = {
        "number": number,
        "parent": number - 1,
        "created_at": "",
        "actor": "",
        "operation": "",
        "reason": "",
        "files": {},
        "apps": {one.name: one for one in rows},
    }
    return Manifest(**{**known, **more})  # type: ignore[arg-type]
