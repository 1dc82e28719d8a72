"""What every `Quadlet` promises."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from pvdify.errors import RenderError
from pvdify.model.names import UnitName

if TYPE_CHECKING:
    from tests.adapters.worlds import QuadletWorld

GOOD = """[Unit]
Description=blog
[Container]
Image=localhost/app@sha256:{digest}
Pull=never
ContainerName=%N
PublishPort=127.0.0.1:20001:8080
Environment="GREETING=say \\"100%%\\" for $$5"
Exec=/app "two words" ${{PVDIFY_EMPTY}}
[Service]
Environment=PVDIFY_EMPTY=
Restart=always
"""
FILE, OTHER = "pvdify-blog-v1-web-1.container", "pvdify-blog-v1-web-2.container"
UNIT, SECOND = UnitName("pvdify-blog-v1-web-1.service"), UnitName("pvdify-blog-v1-web-2.service")


def good() -> str:
    return GOOD.format(digest="0" * 64)


async def test_each_file_becomes_a_unit_that_says_the_same(quadlet: QuadletWorld) -> None:
    quadlet.write(FILE, good())
    quadlet.write(OTHER, good())

    units = await quadlet.port.generate(quadlet.directory, (FILE, OTHER))

    assert {UNIT, SECOND} == set(units)
    assert all(b"two words" in text and b"Restart=always" in text for text in units.values())
    await quadlet.port.verify(units)


async def test_only_the_named_files_are_looked_at(quadlet: QuadletWorld) -> None:
    quadlet.write(FILE, good())
    quadlet.write_refused(OTHER)

    assert {UNIT} == set(await quadlet.port.generate(quadlet.directory, (FILE,)))


async def test_a_refused_file_is_named_with_the_reason(quadlet: QuadletWorld) -> None:
    quadlet.write(FILE, good())
    quadlet.write_refused(OTHER)

    with pytest.raises(RenderError, match=f"cannot use {OTHER}: .*unsupported key 'Bogus'"):
        await quadlet.port.generate(quadlet.directory, (FILE, OTHER))


async def test_a_file_without_a_container_is_refused(quadlet: QuadletWorld) -> None:
    quadlet.write(FILE, "[Contain\nImage=localhost/app\n")

    with pytest.raises(RenderError, match=f"cannot use {FILE}"):
        await quadlet.port.generate(quadlet.directory, (FILE,))


async def test_a_line_that_systemd_does_not_take_is_refused(quadlet: QuadletWorld) -> None:
    with pytest.raises(RenderError, match=f"cannot use {UNIT}: .*Invalid memory limit"):
        await quadlet.port.verify({UNIT: quadlet.refused_unit(UNIT)})


async def test_nothing_is_fine(quadlet: QuadletWorld) -> None:
    assert {} == await quadlet.port.generate(quadlet.directory, ())
    await quadlet.port.verify({})


async def test_the_version_is_new_enough(quadlet: QuadletWorld) -> None:
    assert (5, 3, 0) <= await quadlet.port.version()
