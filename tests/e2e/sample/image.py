"""Container images from scratch, written here byte by byte: no network, Dockerfile or builder."""

import base64
import functools
import gzip
import hashlib
import io
import json
import platform
import tarfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypedDict, Unpack

from tests.e2e.bed import PASSWORD, USER, Bed, layers

_HERE = Path(__file__).parent
_EPOCH = "2026-01-01T00:00:00Z"
_PASSWD = b"root:x:0:0:root:/:/sbin/nologin\napp:x:1000:1000:app:/:/sbin/nologin\n"
_GROUP = b"root:x:0:\napp:x:1000:\n"
_ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64"}
# The field e_machine of an ELF file: what a kernel of another architecture refuses.
_MACHINES = {"amd64": 62, "arm64": 183}


@dataclass(frozen=True, slots=True)
class Image:
    """An image as a registry takes it: a manifest and the blobs that it names."""

    manifest: bytes
    kind: str
    blobs: Mapping[str, bytes]

    @property
    def digest(self) -> str:
        return _digest(self.manifest)


class Options(TypedDict, total=False):
    """What an image of the sample app says; its environment has ``APP_RELEASE``."""

    release: str
    env: Mapping[str, str]
    cmd: Sequence[str]
    entrypoint: Sequence[str]
    expose: Sequence[int]
    user: str
    labels: Mapping[str, str]
    volumes: Sequence[str]
    healthcheck: Sequence[str]  # ("CMD", "/app", "check"): Docker's format, as OCI's has none
    architecture: str  # another than the machine's: a program that its kernel refuses
    files: Mapping[str, bytes]


def image(**options: Unpack[Options]) -> Image:
    """Return an image of the sample app, the same bytes for the same options."""
    architecture = options.get("architecture") or _ARCHITECTURES[platform.machine()]
    files = {"etc/passwd": _PASSWD, "etc/group": _GROUP, **options.get("files", {})}
    base = _layer(app(architecture))
    own = _tar({path.lstrip("/"): (data, 0o644) for path, data in files.items()})
    env = {"PATH": "/", "APP_RELEASE": options.get("release", "v1"), **options.get("env", {})}
    healthcheck = options.get("healthcheck")
    config = {
        "created": _EPOCH,
        "architecture": architecture,
        "os": "linux",
        "config": _without_empty(
            Env=[f"{name}={value}" for name, value in env.items()],
            Cmd=list(options.get("cmd", ("/app", "web"))),
            Entrypoint=list(options.get("entrypoint", ())),
            ExposedPorts={f"{port}/tcp": {} for port in options.get("expose", (8080,))},
            User=options.get("user"),
            Labels=dict(options.get("labels", {})),
            Volumes={path: {} for path in options.get("volumes", ())},
            Healthcheck={"Test": list(healthcheck)} if healthcheck else None,
        ),
        "rootfs": {"type": "layers", "diff_ids": [_digest(base), _digest(own)]},
        "history": [{"created": _EPOCH, "created_by": "sample"}] * 2,
    }
    return _assembled(_json(config), (base, own), is_docker=bool(healthcheck))


def push(bed: Bed, reference: str, built: Image | None = None, **options: Unpack[Options]) -> str:
    """Push *built*, else an image of *options*, from inside *bed*; return its name by digest."""
    built = built or image(**options)
    host, _, rest = reference.partition("/")
    name, _, tag = rest.partition(":")
    order = {
        "registry": host,
        "login": f"{USER}:{PASSWORD}" if host.endswith(":5001") else "",
        "name": name,
        "tag": tag or "latest",
        "manifest": built.manifest.decode(),
        "kind": built.kind,
        "blobs": {digest: base64.b64encode(blob).decode() for digest, blob in built.blobs.items()},
    }
    bed.run("python3", "-Sc", (_HERE / "push.py").read_text(), input=json.dumps(order))
    return f"{host}/{name}@{built.digest}"


@functools.cache
def app(architecture: str = "") -> bytes:
    """Return the sample app's program, for *architecture* in its header only."""
    program = bytearray(layers.program(layers.base().root, _HERE / "app").read_bytes())
    if architecture:
        program[18:20] = _MACHINES[architecture].to_bytes(2, "little")
    return bytes(program)


@functools.cache
def _layer(program: bytes) -> bytes:
    return _tar({"app": (program, 0o755)}, directories={"etc": 0o755, "tmp": 0o1777, "data": 0o777})


def _assembled(config: bytes, tars: Sequence[bytes], *, is_docker: bool) -> Image:
    if is_docker:
        kind = "application/vnd.docker.distribution.manifest.v2+json"
        config_kind = "application/vnd.docker.container.image.v1+json"
        layer_kind = "application/vnd.docker.image.rootfs.diff.tar.gzip"
    else:
        kind = "application/vnd.oci.image.manifest.v1+json"
        config_kind = "application/vnd.oci.image.config.v1+json"
        layer_kind = "application/vnd.oci.image.layer.v1.tar+gzip"
    packed = [_packed(tar) for tar in tars]
    manifest = {
        "schemaVersion": 2,
        "mediaType": kind,
        "config": _descriptor(config, config_kind),
        "layers": [_descriptor(blob, layer_kind) for blob in packed],
    }
    return Image(_json(manifest), kind, {_digest(blob): blob for blob in (config, *packed)})


def _descriptor(blob: bytes, kind: str) -> dict[str, str | int]:
    return {"mediaType": kind, "digest": _digest(blob), "size": len(blob)}


def _tar(files: Mapping[str, tuple[bytes, int]], *, directories: Mapping[str, int] | None = None) -> bytes:
    made = io.BytesIO()
    with tarfile.open(fileobj=made, mode="w", format=tarfile.USTAR_FORMAT) as tar:
        for path, mode in (directories or {}).items():
            entry = tarfile.TarInfo(path)
            entry.type, entry.mode = tarfile.DIRTYPE, mode
            tar.addfile(entry)
        for path, (data, mode) in files.items():
            entry = tarfile.TarInfo(path)
            entry.size, entry.mode = len(data), mode
            tar.addfile(entry, io.BytesIO(data))
    return made.getvalue()


@functools.lru_cache(maxsize=64)
def _packed(tar: bytes) -> bytes:
    return gzip.compress(tar, compresslevel=6, mtime=0)


def _digest(data: bytes) -> str:
    return f"sha256:{hashlib.sha256(data).hexdigest()}"


def _json(value: object) -> bytes:
    return json.dumps(value, separators=(",", ":")).encode()


def _without_empty(**values: object) -> dict[str, object]:
    return {name: value for name, value in values.items() if value}
