"""The frame of the command line: help without imports, options on either side, suggestions, completion."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import click
import pytest
from cli_frame_tools import environment, on_terminal, run

from dwkit.cli.group import SECTIONS, VERBS, cli

ECHO = """
@named("echo")
@click.argument("words", nargs=-1)
@key
@limit
@formatted
@standard
def command(app, words, key, limit):
    '''For a test.'''
    print(app.directory, app.talk.quiet, app.talk.verbose, app.talk.json_log, app.format, app.rows, words, key, limit)
    app.talk.info("said")
    app.talk.debug("whispered")
    app.talk.warn("careful")
    app.talk.done("made it", rows=1234, bytes=5_600_000, quarantined=3, seconds=75.0)
"""


@pytest.fixture(scope="module")
def imported_by_help() -> set[str]:
    code = "import sys; from dwkit.cli import main; main(['--help']); print('\\n', *sys.modules, file=sys.stderr)"
    ran = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, env=environment(), check=True
    )
    assert "Usage: dwkit" in ran.stdout
    return set(ran.stderr.split())


@pytest.mark.parametrize(
    "module",
    [
        "polars",
        "pyarrow",
        "deltalake",
        "sqlglot",
        "rich",
        "msgspec",
        "tomlkit",
        "dwkit.config",
        "dwkit.project",
    ],
)
def test_help_does_not_import(module: str, imported_by_help: set[str]) -> None:
    assert module not in imported_by_help


def test_help_imports_no_verb(imported_by_help: set[str]) -> None:
    assert not [m for m in imported_by_help if m.startswith("dwkit.cli.verbs.")]


def test_help_shows_every_verb_under_its_section() -> None:
    out = run("", "--help").out
    assert [out.index(f"\n{s}:") for s in SECTIONS] == sorted(out.index(f"\n{s}:") for s in SECTIONS)
    for name, entry in VERBS.items():
        assert re.search(rf"\n  {name} +{re.escape(entry.help)}\n", out), name
        assert entry.section in SECTIONS


@pytest.mark.parametrize("name", VERBS)
def test_a_verb_is_what_the_table_says(name: str) -> None:
    context = click.Context(cli, info_name="dwkit")
    command = cli.get_command(context, name)
    assert command is not None
    assert (command.help or "").split("\n")[0] == VERBS[name].help
    text = command.get_help(click.Context(command, parent=context, info_name=name))
    examples = re.search(r"\nExamples:\n((?:  .*\n?)+)", text)
    assert examples
    assert f"dwkit {name}" in examples[1]


@pytest.mark.parametrize("name", VERBS)
def test_a_verb_takes_the_global_options(name: str) -> None:
    command = cli.get_command(click.Context(cli), name)
    leaves = command.commands.values() if isinstance(command, click.Group) else [command]
    for leaf in leaves:
        options = {o for p in leaf.params for o in p.opts}
        assert {"-C", "--project", "-q", "-v", "--json-log"} <= options, leaf.name


def test_version() -> None:
    ran = run("", "--version")
    assert ran.code == 0
    assert re.fullmatch(r"dwkit \d+\.\d+\.\d+\S*\n", ran.out)


def test_nothing_typed_is_a_usage_error_that_shows_the_help() -> None:
    ran = run("")
    assert ran.code == 2
    assert ran.out == ""
    assert "Pipeline:" in ran.err


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["querry"], "did you mean 'query'?"),
        (["INGEST"], "did you mean 'ingest'?"),
        (["zzzzz"], "there are: "),
        (["echo", "--formt", "csv"], "did you mean --format?"),
        (["echo", "-f", "xls"], "no format named 'xls'"),
        (["echo", "--limit", "many"], "'many' is not a valid integer"),
        (["echo", "--key", "a,,b"], "'a,,b' has an empty name"),
        (["--colour", "echo"], "no such option: --colour"),
    ],
)
def test_usage_errors_say_what_was_meant(words: list[str], said: str) -> None:
    ran = run(ECHO, *words)
    assert ran.code == 2
    assert ran.out == ""
    assert said in ran.err
    assert ran.err.startswith("error: ")
    assert "\nhint: " in ran.err
    assert "Traceback" not in ran.err


def test_a_subverb_is_suggested_too() -> None:
    code = """
@verb_group(examples="dwkit shelf list")
def command():
    '''For a test.'''

command.name = "shelf"
@command.command("list", examples="dwkit shelf list")
@standard
def list_(app):
    '''List.'''
    print(app.directory)
register(command)
"""
    ran = run(code, "shelf", "lsit")
    assert (ran.code, ran.err) == (2, "error: no shelf verb named 'lsit'\nhint: did you mean 'list'?\n")
    assert run(code, "shelf", "list", "-C", "x").out == "x\n"
    assert "Examples:\n  dwkit shelf list" in run(code, "shelf", "list", "--help").out


@pytest.mark.parametrize(
    "words",
    [
        ["-C", "there", "-v", "echo", "-f", "csv", "--rows", "3", "a", "--key", "x, y", "--limit", "2"],
        ["echo", "a", "-C", "there", "-v", "--format", "csv", "--rows=3", "--key=x,y", "--limit=2"],
        ["-v", "echo", "-f", "csv", "--rows", "3", "--project", "there", "--key", "x,y", "--limit", "2", "a"],
    ],
)
def test_global_options_stand_before_or_after_the_verb(words: list[str]) -> None:
    ran = run(ECHO, *words)
    assert ran.out == "there False True False csv 3 ('a',) ['x', 'y'] 2\n"
    assert "whispered" in ran.err


def test_the_option_after_the_verb_wins() -> None:
    assert run(ECHO, "-C", "one", "echo", "-C", "two").out.startswith("two ")


def test_talk_is_on_stderr() -> None:
    ran = run(ECHO, "echo")
    assert "said" not in ran.out
    assert ran.err == "said\nwarning: careful\nmade it: 1,234 rows, 3 quarantined, 5.6 MB, 1 min 15 s\n"
    assert run(ECHO, "-q", "echo").err == run(ECHO, "echo", "-q").err == "warning: careful\n"


def test_colours_are_for_terminals() -> None:
    assert "\x1b[32mmade it" in on_terminal(ECHO, "echo").out
    assert "\x1b[" not in on_terminal(ECHO, "echo", NO_COLOR="1").out
    assert "\x1b[" not in on_terminal(ECHO, "echo", TERM="dumb").out
    assert "\x1b[33mwarning" in run(ECHO, "echo", FORCE_COLOR="1").err


@pytest.mark.parametrize("words", [["--json-log", "echo"], ["echo", "--json-log"]])
def test_json_log_is_one_object_a_line(words: list[str]) -> None:
    lines = [json.loads(line) for line in run(ECHO, *words).err.splitlines()]
    assert [(line["level"], line["message"]) for line in lines] == [
        ("info", "said"),
        ("warning", "careful"),
        ("done", "made it"),
    ]
    assert lines[2] | {"rows": 1234, "bytes": 5_600_000, "quarantined": 3, "seconds": 75.0} == lines[2]
    assert all(re.fullmatch(r"\d{4}-\d\d-\d\dT[\d:.]+Z", line["time"]) for line in lines)


def test_json_log_holds_for_errors_before_the_verb() -> None:
    ran = run(ECHO, "--json-log", "ecoh")
    (line,) = [json.loads(line) for line in ran.err.splitlines()]
    assert (line["level"], line["exit_code"], line["hint"]) == ("error", 2, "did you mean 'echo'?")


# Completion


@pytest.fixture
def project(tmp_path: Path) -> Path:
    root = tmp_path / "shop"
    for folder in (
        "lake/orders/batch=1",
        "lake/.tmp",
        "staging/customers/quarantine",
        "warehouse/fact_order/_delta_log",
        "marts/sales",
        "models/warehouse",
        "models/marts/team",
    ):
        (root / folder).mkdir(parents=True)
    (root / "models/warehouse/dim_customer.sql").write_text("select 1")
    (root / "models/marts/team/hiring.sql").write_text("select 1")
    (root / "dwkit.toml").write_text('name = "shop"\n[datasets.products]\n')
    return root


NAMES = """
from dwkit.cli import complete
@named("pick")
@click.argument("dataset", shell_complete=complete.datasets)
@click.option("--table", shell_complete=complete.tables)
@click.option("--mart", shell_complete=complete.marts)
@click.option("--node", shell_complete=complete.nodes)
@formatted
@standard
def command(app, **_):
    '''For a test.'''
"""


def completed(cwd: Path, words: str, *, code: str = NAMES) -> list[str]:
    """Complete the last word of a command line as bash does."""
    env = {
        "_DWKIT_COMPLETE": "bash_complete",
        "COMP_WORDS": words,
        "COMP_CWORD": str(len(words.split(" ")) - 1),
    }
    ran = run(code, cwd=cwd, **env)
    assert ran.err == ""
    return [line.removeprefix("plain,") for line in ran.out.split()]


@pytest.mark.parametrize(
    ("words", "found"),
    [
        ("dwkit qu", ["quarantine", "query"] if "quarantine" in VERBS else ["query"]),
        ("dwkit pick ", ["customers", "orders", "products"]),
        ("dwkit pick p", ["products"]),
        ("dwkit pick --table ", ["dim_customer", "fact_order"]),
        ("dwkit pick --mart ", ["hiring", "sales"]),
        ("dwkit pick --node warehouse.", ["warehouse.dim_customer", "warehouse.fact_order"]),
        ("dwkit pick --node dim_", ["warehouse.dim_customer"]),
        ("dwkit pick -f p", ["parquet"]),
        ("dwkit pick --ro", ["--rows"]),
        ("dwkit --js", ["--json-log"]),
    ],
)
def test_names_complete(project: Path, words: str, found: list[str]) -> None:
    assert completed(project / "models", words) == found


def test_names_complete_for_a_project_elsewhere(project: Path, tmp_path: Path) -> None:
    assert completed(tmp_path, "dwkit pick p") == []
    assert completed(tmp_path, "dwkit -C shop pick p") == ["products"]
    assert completed(tmp_path, "dwkit pick -C shop p") == ["products"]


def test_a_broken_project_file_still_completes(project: Path) -> None:
    (project / "dwkit.toml").write_text("[[[")
    assert completed(project, "dwkit pick ") == ["customers", "orders"]


def test_completion_imports_nothing_heavy(project: Path) -> None:
    code = NAMES + (
        "import atexit\n"
        "heavy = {'polars', 'pyarrow', 'msgspec', 'sqlglot', 'deltalake', 'rich'}\n"
        "atexit.register(lambda: print('imported:', *(heavy & set(sys.modules))))\n"
    )
    assert completed(project, "dwkit pick --node dim_", code=code) == ["warehouse.dim_customer", "imported:"]


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_the_script_of_a_shell_parses(shell: str, tmp_path: Path) -> None:
    ran = run("", "completion", shell)
    assert ran.code == 0
    assert "_DWKIT_COMPLETE" in ran.out
    program = shutil.which(shell)
    if program is None:
        return
    script = tmp_path / "script"
    script.write_text(ran.out)
    subprocess.run([program, "-n", script], check=True, timeout=20)


def test_bash_completes_with_the_script(project: Path, tmp_path: Path) -> None:
    bash = shutil.which("bash")
    if bash is None:
        pytest.skip("no bash")
    (tmp_path / "bin").mkdir()
    program = tmp_path / "bin" / "dwkit"
    program.write_text(f"#!/bin/sh\nexec '{sys.executable}' -m dwkit \"$@\"\n")
    program.chmod(0o755)
    script = (
        'eval "$(dwkit completion bash)"; COMP_WORDS=(dwkit --pro); COMP_CWORD=1;'
        " _dwkit_completion dwkit; echo ${COMPREPLY[@]}"
    )
    env = environment()
    env["PATH"] = f"{tmp_path / 'bin'}:{env['PATH']}"
    ran = subprocess.run(
        [bash, "-c", script], capture_output=True, text=True, cwd=project, env=env, check=True
    )
    assert ran.stdout.split() == ["--project"]
