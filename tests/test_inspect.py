"""Looking at tables and files: show, profile, diff, lineage, and how things were."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import polars as pl
import pytest
from conftest import dwkit


def test_files_are_looked_at_without_a_project(tmp_path: Path) -> None:
    (tmp_path / "a@b.csv").write_text("id,x\n1,p\n2,q\n")
    (tmp_path / "c.csv").write_text("id,x\n2,q\n3,r\n")
    assert dwkit("show", "a@b.csv", cwd=tmp_path).stdout == "id,x\n1,p\n2,q\n"
    assert dwkit("show", "*.csv", cwd=tmp_path).stdout.splitlines() == ["id,x", "1,p", "2,q", "2,q", "3,r"]
    assert "id,int64" in dwkit("show", "c.csv", "--columns", cwd=tmp_path).stdout
    assert "\nx,string,2,0" in dwkit("profile", "c.csv", cwd=tmp_path).stdout
    differs = dwkit("diff", "a@b.csv", "c.csv", "--key", "id", cwd=tmp_path).stdout
    assert differs == "_change,id,changes\nremoved,1,\nadded,3,\n"


def test_a_file_that_is_not_there_is_named_with_the_nearest(tmp_path: Path, project: Path) -> None:
    for folder in (tmp_path, project):
        (folder / "people.csv").write_text("a\n1\n")
        done = dwkit("show", "peple.csv", cwd=folder, ok=False)
        assert (done.returncode, "did you mean 'people.csv'?" in done.stderr) == (3, True)


def test_a_file_is_found_from_a_folder_inside_the_project(project: Path) -> None:
    (project / "models" / "here.csv").write_text("a\n1\n")
    assert dwkit("show", "here.csv", cwd=project / "models").stdout == "a\n1\n"
    dwkit("ingest", "models/here.csv", "--into", "here.csv".removesuffix(".csv"), cwd=project)
    (project / "lake.here").write_text("other\n")
    assert "_batch" in dwkit("show", "lake.here", cwd=project).stdout  # tables first


def test_a_query_over_a_file_loses_no_record_in_silence(tmp_path: Path) -> None:
    (tmp_path / "r.csv").write_text("a,b,c\n1,2,3\n4,5\n6,7,8\n9,10,11,12\n")
    done = dwkit("query", "select * from 'r.csv'", cwd=tmp_path, ok=False)
    assert done.returncode == 1
    assert "r.csv, line 3: 2 fields, 3 expected: '4,5' (and 1 more like it)" in done.stderr
    assert "dwkit ingest" in done.stderr
    (tmp_path / "l1.csv").write_bytes(b"a,b\n" + b"1,x\n" * 9000 + "2,é\n".encode("latin-1"))
    done = dwkit("query", "select b from 'l1.csv' where a = 2", cwd=tmp_path)
    assert done.stdout == "b\né\n"


@pytest.fixture
def loaded(project: Path) -> Path:
    """A project with a table in every layer, and a view."""
    (project / "o.csv").write_text("id,v\n1,10\n2,20\n")
    dwkit("ingest", "o.csv", "--into", "o", cwd=project)
    dwkit("stage", "o", cwd=project)
    dwkit("load", "fact_o", "--from", "staging.o", "--kind", "fact", "--save", cwd=project)
    view = "select id, v * 2 as w from warehouse.fact_o"
    dwkit("mart", "doubled", "--kind", "view", "--sql", view, "--save", cwd=project)
    return project


def test_a_time_before_the_first_version_gives_no_rows_but_an_error(loaded: Path) -> None:
    for name in ("warehouse.fact_o", "lake.o", "marts.doubled"):
        for past in ("2020-01-01", "2020-01-01T00:00+02:00"):
            done = dwkit("show", f"{name}@{past}", cwd=loaded, ok=False)
            assert (done.returncode, done.stdout) == (2, ""), (name, past)
            assert "dwkit history" in done.stderr
        soon = (datetime.now(UTC) + timedelta(days=1)).isoformat(timespec="seconds")
        assert len(dwkit("show", f"{name}@{soon}", cwd=loaded).stdout.splitlines()) == 3, name
    done = dwkit("query", "select * from warehouse.fact_o", "--as-of", "2020-01-01", cwd=loaded, ok=False)
    assert (done.returncode, done.stdout) == (2, "")


@pytest.mark.parametrize(
    "name", ["lake.o@0", "staging.o@0", "staging.o@2099-01-01", "marts.doubled@0", "fact_o@"]
)
def test_a_version_that_a_layer_does_not_keep_is_refused(loaded: Path, name: str) -> None:
    done = dwkit("show", name, cwd=loaded, ok=False)
    assert (done.returncode, done.stdout) == (2, "")
    assert "hint:" in done.stderr


def test_as_of_is_refused_where_there_are_only_files(tmp_path: Path) -> None:
    done = dwkit("query", "select 1 as a", "--as-of", "3", cwd=tmp_path, ok=False)
    assert (done.returncode, done.stdout) == (2, "")


def test_columns_are_followed_downstream_and_must_exist(loaded: Path) -> None:
    down = dwkit("lineage", "lake.o.v", "--downstream", cwd=loaded).stdout.splitlines()
    assert down[1:] == [
        "staging.o.v,lake.o.v",
        "warehouse.fact_o.v,staging.o.v",
        "marts.doubled.w,warehouse.fact_o.v",
    ]
    for name, says in (
        ("lake.o.nosuch", "no column named 'nosuch'"),
        ("staging.o.nosuch", "no column named 'nosuch'"),
        ("doubld.w", "did you mean 'marts.doubled'?"),
        ("marts.doubld.w", "did you mean 'marts.doubled'?"),
    ):
        done = dwkit("lineage", name, cwd=loaded, ok=False)
        assert (done.returncode, says in done.stderr) == (2, True), done.stderr


def every_type() -> pl.DataFrame:
    return pl.DataFrame(
        {
            "id": [1, 2],
            "d": [timedelta(seconds=3), None],
            "b": [b"\xff", b"a"],
            "l": [[1, 2], None],
            "s": [{"a": 1}, {"a": None}],
            "t": [datetime(2026, 1, 1, 1, 2, 3), None],
            "n": [None, None],
            "e": pl.Series(["u", "v"], dtype=pl.Enum(["u", "v"])),
        }
    )


def test_every_type_is_profiled_and_compared(tmp_path: Path) -> None:
    frame = every_type()
    frame.write_parquet(tmp_path / "a.parquet")
    changed = frame.with_columns(
        id=pl.col("id").cast(pl.Float64),  # the same numbers
        t=pl.col("t").cast(pl.Datetime("ms")),  # the same instants
        l=pl.lit(pl.Series([[1, 2], [3]])),
        b=pl.lit(pl.Series([b"\xfe", b"a"])),
    )
    changed.write_parquet(tmp_path / "b.parquet")
    told = json.loads(dwkit("profile", "a.parquet", "--format", "json", cwd=tmp_path).stdout)
    assert {r["column"]: (r["distinct"], r["min"]) for r in told} == {
        "id": (2, "1"),
        "d": (1, "PT3S"),
        "b": (None, None),
        "l": (None, None),
        "s": (None, None),
        "t": (1, "2026-01-01 01:02:03"),
        "n": (None, None),
        "e": (2, "u"),
    }
    assert "no row differs" in dwkit("diff", "a.parquet", "a.parquet", cwd=tmp_path).stderr
    words = ("diff", "a.parquet", "b.parquet", "--key", "id", "--format", "json")
    rows = json.loads(dwkit(*words, cwd=tmp_path).stdout)
    assert [[(c["column"], c["before"], c["after"]) for c in row["changes"]] for row in rows] == [
        [("b", "ff", "fe")],
        [("l", None, "[3]")],
    ]


def test_a_diff_that_makes_no_sense_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("id,x\n1,p\n1,q\n")
    (tmp_path / "b.csv").write_text("other\n1\n")
    done = dwkit("diff", "a.csv", "b.csv", cwd=tmp_path, ok=False)
    assert (done.returncode, "no column in common" in done.stderr) == (2, True)
    done = dwkit("diff", "a.csv", "a.csv", "--key", "id", cwd=tmp_path, ok=False)
    assert (done.returncode, "2 rows of the first table have id = 1" in done.stderr) == (1, True)


def test_distinct_values_are_counted_not_guessed(tmp_path: Path) -> None:
    pl.DataFrame({"n": range(3000), "h": [None, *range(2999)]}).write_parquet(tmp_path / "n.parquet")
    told = json.loads(dwkit("profile", "n.parquet", "--format", "json", cwd=tmp_path).stdout)
    assert [r["distinct"] for r in told] == [3000, 2999]
