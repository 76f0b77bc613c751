"""Every command in README.md and docs/ is run, and shows what the page says it shows."""

from __future__ import annotations

import difflib
import importlib.util
import itertools
import re
import tomllib
from pathlib import Path
from typing import Any

import msgspec
import pytest
from docs_session import Command, Session, commands, matches, may_fail

from dwkit.config import Dataset, Retention
from dwkit.model.contract import Dedupe, Drift, Expression, Rules
from dwkit.model.header import ColumnHeader, Header, Lookup
from dwkit.model.source import ReadOptions

ROOT = Path(__file__).parent.parent
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
WITH_COMMANDS = [p for p in PAGES if commands(p)]


@pytest.mark.parametrize("page", WITH_COMMANDS, ids=lambda p: p.stem)
def test_the_commands_of_a_page_show_what_it_says(page: Path, tmp_path: Path) -> None:
    session = Session(tmp_path)
    found = commands(page)
    for command, after in itertools.zip_longest(found, found[1:]):
        place = f"{page.relative_to(ROOT)}:{command.line}: {command.text}"
        result = session.run(command.text)
        assert "Traceback" not in "\n".join(result.shown), place
        if command.wanted is None:
            assert result.code == 0, f"{place}\n" + "\n".join(result.shown)
            continue
        if not matches(command.wanted, result.shown):
            pytest.fail(f"{place}\n" + _difference(command, result.shown), pytrace=False)
        assert result.code == 0 or may_fail(command, after), f"{place}: exit {result.code}"


def _difference(command: Command, shown: list[str]) -> str:
    wanted = command.wanted or []
    return "\n".join(difflib.unified_diff(wanted, shown, "the page", "the terminal", lineterm="", n=3))


def test_pages_have_commands_and_every_kind_of_block_is_known() -> None:
    assert {p.stem for p in WITH_COMMANDS} >= {
        "README", "tutorial", "lake", "staging", "warehouse", "marts", "querying", "sql", "running", "configuration",
    }  # fmt: skip
    for page in PAGES:
        for number, fence in enumerate(page.read_text(encoding="utf-8").splitlines(), 1):
            if fence.startswith("```") and fence != "```":
                kinds = ("console", "sh", "sql", "toml", "python", "text")
                assert fence[3:] in kinds, f"{page.name}:{number}: {fence}"


def test_the_command_line_reference_is_what_the_commands_say() -> None:
    written = (ROOT / "docs" / "cli.md").read_text(encoding="utf-8")
    assert written == _generator("reference").page(), "poe docs writes docs/cli.md"


def test_the_lists_of_functions_are_what_the_tables_in_the_code_say() -> None:
    written = (ROOT / "docs" / "sql.md").read_text(encoding="utf-8")
    assert written == _generator("functions").page(written), "poe docs writes docs/sql.md"


def _generator(name: str) -> Any:
    spec = importlib.util.spec_from_file_location(name, ROOT / "docs" / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_configuration_page_names_every_key() -> None:
    page = (ROOT / "docs" / "configuration.md").read_text(encoding="utf-8")
    kinds = (Retention, Dataset, ReadOptions, Rules, Dedupe, Drift, Expression, Header, Lookup, ColumnHeader)
    for kind in kinds:
        for field in msgspec.structs.fields(kind):
            assert re.search(rf"[`.{{ ]{field.encode_name}(?:`| =)", page), (
                f"{kind.__name__}.{field.encode_name}"
            )


def test_readme_first_command_ends_in_the_demo_that_its_transcript_shows() -> None:
    first, _ = _one_liners()
    install, made = first.rsplit(" && ", 1)
    assert install.endswith("pip install -q .")
    texts = [c.text for c in commands(ROOT / "README.md")]
    assert made == texts[0], "the rest of the page goes on from the first command"


def test_readme_second_command_is_what_the_ci_script_runs() -> None:
    _, second = _one_liners()
    *_, install, check = second.split(" && ")
    script = (ROOT / ".ci" / "run").read_text(encoding="utf-8")
    runs = [" ".join(shell_words(line)) for line in script.splitlines()]
    assert " ".join(shell_words(install)) in runs
    assert check in runs
    tasks = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["poe"]["tasks"]
    assert check.removeprefix("poe ") in tasks


def shell_words(line: str) -> list[str]:
    """Return the words of a pip command in their short spellings, without what only silences pip."""
    words = [{"--quiet": "-q"}.get(w, w) for w in line.split()]
    return [w for w in words if w != "--disable-pip-version-check"]


def _one_liners() -> tuple[str, str]:
    blocks = re.findall(r"```sh\n(.*?)\n```", (ROOT / "README.md").read_text(encoding="utf-8"), re.DOTALL)
    assert len(blocks) >= 2
    for block in blocks[:2]:
        assert "\n" not in block
        assert block.startswith("python3 -m venv .venv && . .venv/bin/activate && pip install ")
    return blocks[0], blocks[1]


def test_links_between_pages_lead_somewhere() -> None:
    for page in PAGES:
        text = page.read_text(encoding="utf-8")
        for target in re.findall(r"\]\(([^)#\s]*)(?:#[^)]*)?\)", text):
            if target and "://" not in target:
                assert (page.parent / target).exists(), f"{page.name}: {target}"


# -- the rules by which the pages are compared -----------------------------------------------------


@pytest.mark.parametrize(
    ("wanted", "shown"),
    [
        (["2 rows, 0.26 s"], ["2 rows, 1 min 4 s"]),
        (["part 0199aa00-2b72-7000-9e70-5c6dc3e55b61"], ["part 01a20c6a-2b72-7000-9e70-5c6dc3e55b61"]),
        (["a    9.9 kB"], ["a  10.1 kB"]),
        (["a", "…", "c"], ["a", "b", "b", "c"]),
        (["a", "…"], ["a"]),
    ],
)
def test_what_no_two_runs_have_in_common_is_let_through(wanted: list[str], shown: list[str]) -> None:
    assert matches(wanted, shown)


@pytest.mark.parametrize(
    ("wanted", "shown"),
    [
        (["2 rows, 0.26 s"], ["3 rows, 0.26 s"]),
        (["a"], ["a", "b"]),
        (["a", "b"], ["a"]),
        (["a.c"], ["abc"]),
        (["2026-01-31 09:15"], ["2026-01-30 09:15"]),
        (["a", "…", "c"], ["a", "b"]),
    ],
)
def test_everything_else_must_be_equal(wanted: list[str], shown: list[str]) -> None:
    assert not matches(wanted, shown)


def test_a_session_keeps_folder_variables_and_exit_code(tmp_path: Path) -> None:
    session = Session(tmp_path)
    session.run("mkdir a && cd a && export X=1")
    assert session.run('echo "$(basename "$PWD") $X"').shown == ["a 1"]
    assert session.run("false").code == 1
    assert session.run("echo $?").shown == ["1"]
    assert session.run(r"printf 'one\ntwo\033[1A\r\033[2Kthree\n'").shown == ["three", "two"]


def test_a_page_is_read_into_commands(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(
        "text\n```console\n$ echo 'a\n> b'\na\nb\n$ true\n```\n```sh\n$ not run\n```\n<!-- test: touch x\n  touch y -->\n",
        encoding="utf-8",
    )
    found = commands(page)
    assert [(c.line, c.text, c.wanted) for c in found[:2]] == [
        (3, "echo 'a\nb'", ["a", "b"]),
        (7, "true", []),
    ]
    assert found[2].text.split() == ["touch", "x", "touch", "y"]
    assert found[2].wanted is None
