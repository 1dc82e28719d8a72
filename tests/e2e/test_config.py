"""What is set as config arrives in the process as it is, whatever it contains, or is refused and nothing is changed."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING, Final

import pytest

from tests.e2e.awkward import FRAGMENTS, drawn
from tests.e2e.configs import noise, process, put, read, told
from tests.e2e.kill import row, wrong
from tests.e2e.operator import REGISTRY, Operator

if TYPE_CHECKING:
    from tests.e2e.bed import Bed

LONGEST: Final = 32_768
VALUES: Final = {
    "EMPTY": "",
    "BLANK": " ",
    "LEADING": "   x",
    "TRAILING": "x   ",
    "TAB": "\tx\t",
    "UNICODE": "h\u00e9llo \u2603 \U0001f680 \u202e\u2028\u2029\x85\ufeff",
    "PERCENT": "% %% %h %n %d/x",
    "DOLLAR": "$HOME ${X} $$ $(id) `id`",
    "DOUBLE": '"x"',
    "SINGLE": "'x' it's",
    "BACKSLASH": "\\ \\\\ \\n \\x41 \\",
    "HASH": "# no comment",
    "HASHES": "x #y",
    "EQUALS": "=a=b==",
    "EXPORT": "export X=1",
    "CONTROL": "\x01\x0b\x0c\x1b[31m\x7f",
    "LONG": "x" * (LONGEST - 1),
    "LONGEST": "x" * LONGEST,
    "LONG_UNICODE": "\u2603" * (LONGEST // 3),
    # what has a meaning to programs on the way, or to those who read what was kept
    "PATH": "/:/bin",
    "HOME": "/home/x",
    "HOSTNAME": "mine",
    "TERM": "x",
    "container": "mine",
    "http_proxy": "http://127.0.0.1:1",
    "a_b": "1",
    "_": "underscore",
    "KEY_unencrypted": "x",
    "KEY_encrypted": "x",
    "sops": "x",
    "SOPS_AGE_KEY_FILE": "/nowhere",
    "version": "1",
    "env": "x",
    "salt": "x",
    "K" * 128: "x",
}
FILES: Final = {
    "text": b"one line\n",
    "bare": b"no line",
    "empty": b"",
    "bytes": bytes(range(256)),
    "crlf": b"\r\n\n\r",
    "env.txt": b"A=1\n",
    "some": noise(1, 300_000),
    "x" * 64: b"x",
}
REFUSED: Final = {
    "forbidden": {"LD_PRELOAD": "x"},
    "its own": {"PORT": "1"},
    "ours": {"PVDIFY_APP": "x"},
    "a digit first": {"1X": "x"},
    "a blank": {"A B": "x"},
    "an equals sign": {"A=": "x"},
    "a newline in the name": {"A\n": "x"},
    "no name": {"": "x"},
    "a long name": {"K" * 129: "x"},
    "a letter that is none": {"\u00c9": "x"},
    "a newline": {"A": "x\ny"},
    "a newline at the end": {"A": "x\n"},
    "a return": {"A": "x\r"},
    "a zero": {"A": "x\0y"},
    "half a character": {"A": "\ud800"},
    "a byte too much": {"A": "x" * (LONGEST + 1)},
    "a character too much": {"A": "\u2603" * (LONGEST // 3 + 1)},
    "a megabyte": {"A": "x" * 1_000_000},
    "too many": {f"V{number}": "x" for number in range(1001)},
    "too much": {f"V{number}": "x" * 30_000 for number in range(34)},
}
REFUSED_FILES: Final = {
    "the name of the variables": {"env": b"x"},
    "the name of the salt": {"salt": b"x"},
    "a path": {"../x": b"x"},
    "a hidden file": {".x": b"x"},
    "an option": {"-x": b"x"},
    "a long name": {"x" * 65: b"x"},
    "too large": {"x": b"x" * 1_000_001},
    "too many": {f"f{number}": b"x" for number in range(256)},
    "too many pages": {f"f{number}": b"x" * 49_160 for number in range(20)},
}


@pytest.fixture(scope="module")
def operator(bed: Bed) -> Operator:
    """Someone with `blog` at v1, and `user`, whose process is not root inside."""
    operator = Operator(bed)
    operator.push("v1")
    operator.push("user", user="1000:1000")
    for app, release in (("blog", "v1"), ("user", "user")):
        operator.create(app)
        operator.pvdify("deploy", app, "--image", f"{REGISTRY}/sample:{release}")
    return operator


def differences(operator: Operator, app: str, expected: dict[str, str]) -> list[str]:
    """Which variables the process does not have as they were set."""
    found = told(operator, app)
    return [
        f"{key}: {value!r:.80} arrived as {found.get(key)!r:.80}"
        for key, value in expected.items()
        if found.get(key) != value
    ]


def shown_by(text: str) -> dict[str, str]:
    """The environment that `app show` wrote, among other lines perhaps."""
    (line,) = (one for one in text.splitlines() if one.startswith('{"argv"'))
    found: dict[str, str] = json.loads(line)["env"]
    return found


def emptied(operator: Operator, app: str) -> None:
    """Take away all that is set."""
    shown = operator.answer("config", app)
    put(operator, app, dict.fromkeys(shown["vars"]), dict.fromkeys(shown["files"]), deploy=False)


def test_every_value_arrives_in_the_process_as_it_is(operator: Operator) -> None:
    done = put(operator, "blog", VALUES)

    assert "done" == done["status"], done
    assert [] == differences(operator, "blog", VALUES)
    emptied(operator, "blog")


def test_values_that_nobody_thought_of_arrive_too(operator: Operator) -> None:
    one_line = (value.replace("\n", "").replace("\r", "") for value in (*FRAGMENTS, *drawn(300)))
    values = {f"VALUE_{number}": value for number, value in enumerate(one_line)}

    done = put(operator, "blog", values)

    assert "done" == done["status"], done
    assert [] == differences(operator, "blog", values)
    emptied(operator, "blog")


def test_five_hundred_variables_of_a_kilobyte_arrive(operator: Operator) -> None:
    values = {f"VALUE_{number}": noise(number, 512).hex() for number in range(500)}

    done = put(operator, "blog", values)

    assert "done" == done["status"], done
    assert [] == differences(operator, "blog", values)
    emptied(operator, "blog")


@pytest.mark.parametrize("app", ["blog", "user"])
def test_files_are_read_as_they_are_by_a_process_that_is_root_inside_and_by_one_that_is_not(
    operator: Operator, app: str
) -> None:
    done = put(operator, app, {}, FILES)

    assert "done" == done["status"], done
    assert [] == [name for name, data in FILES.items() if data != read(operator, app, name)]
    emptied(operator, app)


def test_a_file_as_large_as_may_be_arrives(operator: Operator) -> None:
    data = noise(1, 990_000)

    done = put(operator, "blog", {}, {"large": data})

    assert "done" == done["status"], done
    assert data == read(operator, "blog", "large")
    emptied(operator, "blog")


def test_a_file_cannot_be_written_inside_nor_reached_by_anybody_else_on_the_host(operator: Operator) -> None:
    put(operator, "blog", {}, {"text": b"secret\n"})
    front = row(operator.bed, "blog").front

    said = operator.curl(front, "/write?path=/run/secrets/text&data=x")
    shown = os.stat(f"/proc/{process(operator, 'blog')}/root/run/secrets/text")  # noqa: PTH116 -- a link that is none

    assert "cannot write" in said
    assert b"secret\n" == read(operator, "blog", "text")
    assert 0o444 == shown.st_mode & 0o777
    nobody = ("setpriv", "--reuid=65534", "--regid=65534", "--clear-groups")
    for place in ("/run/credentials", "/run/pvdify", "/run/crun", "/var/lib/pvdify"):
        found = operator.bed.run(*nobody, "grep", "-rlsa", "secret", place, check=False).stdout
        assert "" == found
    emptied(operator, "blog")


@pytest.mark.parametrize("what", [*REFUSED, *(f"file: {name}" for name in REFUSED_FILES)])
def test_what_cannot_arrive_is_refused_and_nothing_is_changed(operator: Operator, what: str) -> None:
    bed, before = operator.bed, row(operator.bed, "blog")
    kept = sorted(path.name for path in bed.path("/var/lib/pvdify/apps/blog/config").iterdir())
    values, files = REFUSED.get(what, {}), REFUSED_FILES.get(what.removeprefix("file: "), {}) if ":" in what else {}

    done = put(operator, "blog", values, files)

    problem = done.get("failure") or done
    assert "spec-invalid" == problem["code"], done
    assert "cannot" in str(problem.get("message") or problem.get("detail"))
    assert before == row(bed, "blog")
    assert kept == sorted(path.name for path in bed.path("/var/lib/pvdify/apps/blog/config").iterdir())
    assert [] == wrong(operator, "blog", live=before.live)


def test_workers_release_commands_and_one_off_commands_have_it_too(operator: Operator) -> None:
    operator.pvdify("apps:create", "shop")
    operator.bed.path("/var/lib/pvdify/apps/shop/slot.toml").write_text(
        f'name = "shop"\nimage = "{REGISTRY}/sample:v1"\nrelease_command = "/app show"\n'
        '[processes.worker]\ncommand = "/app worker"\n[env]\nBOTH = "declared"\nDECLARED = "too"\n'
    )
    value = 'a value "to" look for $HOME'
    put(operator, "shop", {"SECRET": value, "BOTH": "set"})

    operator.pvdify("apply", "-a", "shop")

    expected = {"SECRET": value, "BOTH": "set", "DECLARED": "too"}
    assert [] == differences(operator, "shop", expected)
    shown = [
        shown_by(operator.pvdify("run", "shop", "--", "/app", "show").stdout),
        shown_by(operator.bed.run("journalctl", "PVDIFY_APP=shop", "PVDIFY_PROCESS=release", "-o", "cat").stdout),
    ]
    assert [expected] * 2 == [{key: one[key] for key in expected} for one in shown]
