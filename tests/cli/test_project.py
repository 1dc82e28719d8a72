"""`pvdify.toml`, in its two forms and with its possible mistakes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from pvdify.cli.project import default_app, slots_of
from pvdify.errors import SpecError
from pvdify.model.requests import Apply
from pvdify.model.slot import Environment, Process, Slot
from tests.cli.fake import FakeClient, typed

if TYPE_CHECKING:
    from pathlib import Path

ONE = """
app = "blog"
image = "ghcr.io/org/blog:v1"

[processes.web]
count = 2
"""
SEVERAL = """
app = "blog"

[apps.shop]
image = "ghcr.io/org/shop:v1"
environment = "staging"

[apps.blog]
image = "ghcr.io/org/blog:v1"
"""
BLOG = Slot(name="blog", image="ghcr.io/org/blog:v1")
SHOP = Slot(name="shop", image="ghcr.io/org/shop:v1", environment=Environment.STAGING)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "pvdify.toml"


def test_one_app_stands_at_the_top(file: Path) -> None:
    file.write_text(ONE)

    assert "blog" == default_app(file.parent)
    assert (Slot(name="blog", image="ghcr.io/org/blog:v1", processes={"web": Process(count=2)}),) == slots_of(file)


def test_several_apps_have_a_table_each(file: Path) -> None:
    file.write_text(SEVERAL)

    assert "blog" == default_app(file.parent)
    assert (BLOG, SHOP) == slots_of(file)


def test_the_file_of_a_slot_is_one_too(file: Path) -> None:
    file.write_text('name = "blog"\nimage = "ghcr.io/org/blog:v1"\n')

    assert (BLOG,) == slots_of(file)


def test_a_project_without_a_file_is_about_no_app(tmp_path: Path) -> None:
    assert default_app(tmp_path) is None


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('app = "blog"\nimgae = "x"\n', ("line 2", "imgae")),
        ('app = "blog"\n[processes.web]\ncoutn = 2\n', ("line 3", "coutn")),
        ('[apps.blog]\nimage = "x"\n[apps.shop]\nimgae = "x"\n', ("line 4", "/apps/shop/imgae")),
        ('[apps.blog]\nport = "x"\n', ("line 2", "/apps/blog/port")),
        ('image = "x"\n[apps.blog]\n', ("image stands outside",)),
        ('[apps.blog]\nname = "shop"\n', ("/apps/blog/name",)),
        ('[apps."Blog"]\n', ("'Blog'",)),
        ('image = "x"\n', ("which app",)),
        ('app = "blog"\n', ("declares nothing",)),
        ("apps = 3\n", ("/apps",)),
        ("[apps]\nblog = 3\n", ("/apps/blog",)),
        ('app = "blog"\napp = "blog"\n', ("line 2",)),
        ("\x00", ("pvdify.toml",)),
    ],
)
def test_a_mistake_is_named_with_its_place(file: Path, text: str, words: tuple[str, ...]) -> None:
    file.write_text(text)

    with pytest.raises(SpecError) as caught:
        slots_of(file)

    assert [] == [word for word in words if word not in caught.value.message]
    assert "pvdify.toml" in caught.value.message or "'Blog'" in caught.value.message


def test_apply_and_plan_take_a_projects_file(file: Path) -> None:
    file.write_text(SEVERAL)
    client = FakeClient()

    typed("apply", "-f", str(file), client=client)
    typed("apply", "-f", str(file), "-a", "shop", "--deploy", client=client)

    assert [Apply(slots=(BLOG, SHOP)), Apply(slots=(SHOP,), app="shop", deploy=True)] == [
        one for _, one in client.asked
    ]


@pytest.mark.parametrize(
    ("argv", "status"),
    [(("apply", "-f", "nowhere.toml"), 66), (("apply", "-f", "/"), 65), (("plan", "-f", "FILE", "-a", "other"), 66)],
    ids=["no file", "a directory", "another app"],
)
def test_a_file_that_cannot_be_used_changes_nothing(file: Path, argv: tuple[str, ...], status: int) -> None:
    file.write_text(SEVERAL)
    client = FakeClient()

    ended = typed(*(str(file) if word == "FILE" else word for word in argv), client=client)

    assert (status, []) == (ended.status, client.asked)
