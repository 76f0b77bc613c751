"""dwkit in a shell: pipes, formats, exit codes."""

from __future__ import annotations

import io
import os
import subprocess
import sys
from pathlib import Path

import polars as pl
import pytest
from conftest import dwkit, ran

SCRIPT = """
set -euo pipefail
dwkit init w
cd w
printf 'carrier,delay\\nAA,1\\nBB,2\\nAA,3\\n' > ../flights.csv
dwkit ingest ../flights.csv --into flights && dwkit stage flights \\
  && dwkit load fact_flight --from staging.flights --kind fact \\
  && dwkit mart by_carrier --sql "select carrier, count(*) n from warehouse.fact_flight group by carrier" \\
  && dwkit query "select * from marts.by_carrier order by n desc" --format csv
cat ../flights.csv | dwkit ingest - --into again
dwkit ls --format json | python3 -c 'import json, sys; print(sorted(t["name"] for t in json.load(sys.stdin)))'
dwkit query "select * from marts.by_carrier" --format parquet > by.parquet
dwkit query "select count(*) as n from 'by.parquet'" --format csv
set +o pipefail  # a reader that stops early ends the writer with 141, as everywhere
dwkit query "select carrier from marts.by_carrier order by 1" | head -1
"""


@pytest.fixture
def path(tmp_path: Path) -> dict[str, str]:
    """An environment in which ``dwkit`` is this one."""
    folder = tmp_path / "bin"
    folder.mkdir()
    command = folder / "dwkit"
    command.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m dwkit "$@"\n')
    command.chmod(0o755)
    return {**os.environ, "PATH": f"{folder}:{os.environ['PATH']}"}


def test_a_script_with_pipefail_gets_data_only_on_stdout(tmp_path: Path, path: dict[str, str]) -> None:
    done = subprocess.run(
        ["bash", "-c", SCRIPT], cwd=tmp_path, env=path, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == [
        "carrier,n",
        "AA,2",
        "BB,1",
        "['again', 'by_carrier', 'fact_flight', 'flights', 'flights']",
        "n",
        "2",
        "carrier",
    ]
    assert pl.read_parquet(tmp_path / "w" / "by.parquet").height == 2


@pytest.mark.parametrize("fmt", ["table", "csv", "json", "ndjson", "md", "parquet", "arrow"])
def test_every_listing_has_every_format(demo_once: Path, fmt: str) -> None:
    commands = [
        ["ls"], ["log"], ["log", "last"], ["history", "dim_customer"], ["show", "dim_date", "--columns"],
        ["lineage", "marts.sales"], ["quarantine", "list"], ["doctor"], ["run", "--dry-run"], ["test"],
    ]  # fmt: skip
    for words in commands if fmt in ("json", "parquet") else commands[:3]:
        code, out, err = ran(*words, "--format", fmt, cwd=demo_once)
        assert code == 0, err.decode()
        assert out
        if fmt == "parquet":
            assert pl.read_parquet(io.BytesIO(out)).height > 0
        if fmt == "json":
            assert pl.read_json(io.BytesIO(out)).height > 0


def test_a_query_reads_files_outside_a_project(tmp_path: Path) -> None:
    (tmp_path / "people.csv").write_text("city,born\nBonn,2001-02-03\nBonn,1999-12-31\nUlm,1980-01-01\n")
    done = dwkit(
        "query", "select city, max(born) as b, count(*) as n from 'people.csv' group by city order by n desc",
        "--format", "csv", cwd=tmp_path,
    )  # fmt: skip
    assert done.stdout.splitlines() == ["city,b,n", "Bonn,2001-02-03,2", "Ulm,1980-01-01,1"]


def test_parameters_and_dialects(demo_once: Path) -> None:
    done = dwkit(
        "query", "select count(*) as n from warehouse.dim_date where month = :m", "--param", "m=2", "--format", "csv",
        cwd=demo_once,
    )  # fmt: skip
    assert done.stdout.split() == ["n", "28"]
    done = dwkit(
        "query", "select top 2 [date] from warehouse.dim_date where date_key > 0 order by [date]", "--dialect", "tsql",
        "--format", "csv", cwd=demo_once,
    )  # fmt: skip
    assert done.stdout.split() == ["date", "2026-01-01", "2026-01-02"]


@pytest.mark.parametrize(
    ("sql", "says"),
    [
        ("select reveneu from marts.sales", "did you mean 'revenue'?"),
        ("select * from marts.sale", "did you mean 'marts.sales'?"),
        ("selec * from marts.sales", "parse"),
        ("drop table marts.sales", "can only be read here"),
    ],
)
def test_a_wrong_query_shows_the_place_and_the_right_name(demo_once: Path, sql: str, says: str) -> None:
    done = dwkit("query", sql, cwd=demo_once, ok=False)
    assert done.returncode == 2
    assert done.stdout == ""
    assert says in done.stderr


def test_load_without_a_model_says_how_to_make_one(project: Path) -> None:
    done = dwkit("load", "dim_x", cwd=project, ok=False)
    assert done.returncode == 2
    assert "--from staging.X" in done.stderr


def test_save_writes_a_model_that_run_knows(project: Path) -> None:
    (project / "c.csv").write_text("id,city,updated_at\n1,Bonn,2026-01-01\n2,Ulm,2026-01-01\n")
    dwkit("ingest", "c.csv", "--into", "c", "--save", cwd=project)
    dwkit("stage", "c", cwd=project)
    dwkit(
        "load", "dim_c", "--from", "staging.c", "--kind", "dimension", "--key", "id", "--scd", "2",
        "--updated-at", "updated_at", "--save", cwd=project,
    )  # fmt: skip
    assert (project / "models" / "warehouse" / "dim_c.sql").is_file()
    assert "up to date" in dwkit("run", cwd=project).stderr
    (project / "c.csv").write_text("id,city,updated_at\n1,Köln,2026-02-01\n2,Ulm,2026-01-01\n")
    dwkit("run", cwd=project)
    done = dwkit(
        "query",
        "select id, city, is_current from warehouse.dim_c where c_key > 0 order by id, valid_from",
        cwd=project,
    )
    assert done.stdout.split() == ["id,city,is_current", "1,Bonn,false", "1,Köln,true", "2,Ulm,true"]


@pytest.mark.parametrize("suffix", ["csv", "json", "ndjson", "parquet", "xlsx", "arrow"])
def test_a_mart_is_exported(demo_once: Path, tmp_path: Path, suffix: str) -> None:
    target = tmp_path / f"sales.{suffix}"
    dwkit("mart", "sales", "--export", str(target), cwd=demo_once)
    done = dwkit(
        "query", f"select count(*) as n, sum(units) as u from '{target}'", "--format", "csv", cwd=tmp_path
    )
    want = dwkit(
        "query", "select count(*) as n, sum(units) as u from marts.sales", "--format", "csv", cwd=demo_once
    )
    assert [float(x) for x in done.stdout.split()[1].split(",")] == [
        float(x) for x in want.stdout.split()[1].split(",")
    ]


@pytest.mark.parametrize(
    ("given", "shown"),
    [
        ("01234", '"01234"'),
        ("1_000", '"1_000"'),
        ("+49", '"+49"'),
        ("nan", '"nan"'),
        ("-1.5", "-1.5"),
        ("7", "7"),
    ],
)
def test_a_parameter_is_a_number_only_if_written_as_one(tmp_path: Path, given: str, shown: str) -> None:
    done = dwkit("query", "select :z as z", "--param", f"z={given}", "--format", "ndjson", cwd=tmp_path)
    assert done.stdout == f'{{"z":{shown}}}\n'


def test_sql_is_read_from_files_as_they_are_written(tmp_path: Path) -> None:
    (tmp_path / "my q.sql").write_bytes("select 'é' as x".encode("utf-8-sig"))
    assert dwkit("query", "my q.sql", cwd=tmp_path).stdout == "x\né\n"
    assert dwkit("query", "-", cwd=tmp_path, stdin="select 'é' as x".encode("utf-16")).stdout == "x\né\n"
    (tmp_path / "l.sql").write_bytes("select 1,\n'é' as x".encode("latin-1"))
    done = dwkit("query", "l.sql", cwd=tmp_path, ok=False)
    assert (done.returncode, "l.sql, line 2: byte 0xe9 is not utf-8" in done.stderr) == (2, True)
    done = dwkit("query", "-", cwd=tmp_path, stdin=b"select '\xff'", ok=False)
    assert (done.returncode, "line 1: byte 0xff" in done.stderr) == (2, True)


def test_a_closed_stdin_is_told(tmp_path: Path, path: dict[str, str]) -> None:
    done = subprocess.run(
        ["bash", "-c", "dwkit query - <&-"],
        cwd=tmp_path,
        env=path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr.splitlines()[0]) == (3, "error: standard input is closed")


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("-C", "nosuch", "ls"), "there is no folder nosuch"),
        (("ls", "mart"), "did you mean 'marts'?"),
        (("ls", "--format", "jsn"), "did you mean 'json'?"),
        (("show", "sale"), "did you mean 'marts.sales'?"),
        (("query", "select * from sale"), "did you mean 'marts.sales'?"),
    ],
)
def test_a_typo_is_told_with_the_nearest_name(demo_once: Path, words: tuple[str, ...], says: str) -> None:
    done = dwkit(*words, cwd=demo_once, ok=False)
    assert (done.returncode, says in done.stderr) == (2, True), done.stderr
