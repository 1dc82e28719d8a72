"""What the linters, the type checker and the import contracts say is part of the tests."""

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

PROJECT = Path(__file__).parents[1]
BIN = Path(sys.executable).parent
CODE = ("pvdify", "tests", "bench")


def lint(*argv: str) -> None:
    """Fail with all that a linter has to say."""
    ended = subprocess.run([str(BIN / argv[0]), *argv[1:]], cwd=PROJECT, capture_output=True, text=True, check=False)
    if ended.returncode != 0:
        pytest.fail(ended.stdout + ended.stderr, pytrace=False)


@pytest.mark.parametrize(
    "argv",
    [
        ("ruff", "check"),
        ("ruff", "format", "--check"),
        ("mypy",),
        ("lint-imports", "--no-cache"),
    ],
    ids=" ".join,
)
def test_the_code_is_clean(argv: tuple[str, ...]) -> None:
    lint(*argv)


def sources() -> Iterator[Path]:
    """The project's own files, links and generated ones left out."""
    for top in (*CODE, "install", "units", "templates", "gh-pvdify", ".ci"):
        for path in (PROJECT / top).rglob("*"):
            inside = path.relative_to(PROJECT)
            is_linked = any((PROJECT / parent).is_symlink() for parent in inside.parents)
            if path.is_file() and not is_linked and "__pycache__" not in inside.parts:
                yield path


def shell_scripts() -> list[Path]:
    return [
        path
        for path in sources()
        if path.suffix in {".sh", ".bash"} or re.match(rb"#!.*\b(ba)?sh\b", path.read_bytes())
    ]


def test_shell_scripts_are_clean() -> None:
    scripts = [str(path.relative_to(PROJECT)) for path in shell_scripts()]

    assert {"install/host", "install/setup", "units/libexec/router-fronts"} <= set(scripts)
    lint("shellcheck", "--shell=bash", *scripts)


def lines_with(pattern: str, *folders: str) -> list[str]:
    return [
        f"{path.relative_to(PROJECT)}:{number}: {line.strip()}"
        for folder in folders
        for path in sorted((PROJECT / folder).rglob("*.py"))
        if path != Path(__file__)
        for number, line in enumerate(path.read_text().splitlines(), start=1)
        if re.search(pattern, line)
    ]


def test_no_program_is_started_through_a_shell() -> None:
    assert lines_with(r'shell=True|os\.system\(|os\.popen\(|"(ba)?sh", "-c"', "pvdify") == []


def test_nothing_is_patched_skipped_or_left_for_later() -> None:
    patched = r"monkeypatch\.setattr|mock\.patch|MagicMock"
    skipped = r"pytest\.(mark\.)?(skip|xfail|importorskip)|unittest\.skip"

    assert lines_with(rf"{patched}|{skipped}|\b(TODO|FIXME)\b", *CODE) == []


def test_a_module_fits_in_one_head() -> None:
    lengths = {
        path.relative_to(PROJECT): len(path.read_text().splitlines())
        for folder in CODE
        for path in (PROJECT / folder).rglob("*.py")
    }

    assert {path: lines for path, lines in lengths.items() if lines > 400} == {}
