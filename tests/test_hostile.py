"""Input that nobody would wish for: a clear error or quarantine, never a traceback, never a lost row."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import pytest
from conftest import dwkit


def counted(project: Path, name: str) -> int:
    done = dwkit("query", f"select count(*) as n from {name}", "--format", "json", cwd=project)
    return int(json.loads(done.stdout)[0]["n"])


def refused(project: Path, *words: str, code: int, says: str) -> str:
    before = sorted(p for p in project.rglob("*") if "lake" in p.parts and p.is_file())
    done = dwkit(*words, cwd=project, ok=False)
    assert done.returncode == code, done.stderr
    assert done.stderr.startswith("error: ")
    assert says in done.stderr, done.stderr
    assert "hint: " in done.stderr
    assert sorted(p for p in project.rglob("*") if "lake" in p.parts and p.is_file()) == before
    return done.stderr


def test_ragged_rows_end_in_quarantine_with_their_text(project: Path) -> None:
    lines = [
        "a,b,c",
        *(f"{n},x,y" for n in range(50)),
        "1,2",
        "1,2,3,4",
        *(f"{n},x,y" for n in range(50, 100)),
    ]
    (project / "r.csv").write_text("\n".join(lines) + "\n")
    dwkit("ingest", "r.csv", "--into", "r", cwd=project)
    dwkit("stage", "r", cwd=project)
    held = json.loads(dwkit("quarantine", "show", "r", "--format", "json", cwd=project).stdout)
    assert [h["rule"] for h in held] == ["malformed", "malformed"]
    assert ["1,2" in str(h["raw"]) for h in held] == [True, True]
    assert counted(project, "staging.r") == 100


def test_a_truncated_gzip_is_refused(project: Path) -> None:
    data = gzip.compress(b"a,b\n" + b"".join(b"%d,%d\n" % (n, n * 7919 % 1000) for n in range(50_000)))
    (project / "t.csv.gz").write_bytes(data[: len(data) // 2])
    refused(project, "ingest", "t.csv.gz", "--into", "t", code=1, says="t.csv.gz")


def test_an_empty_file_is_refused(project: Path) -> None:
    (project / "e.csv").write_bytes(b"")
    refused(project, "ingest", "e.csv", "--into", "e", code=1, says="e.csv is empty")


def test_a_file_of_nul_bytes_is_refused(project: Path) -> None:
    (project / "n.csv").write_bytes(b"\0" * 5000)
    said = refused(project, "ingest", "n.csv", "--into", "n", code=1, says="NUL bytes")
    assert "--as-objects" in said
    dwkit("ingest", "n.csv", "--into", "n", "--as-objects", cwd=project)
    assert counted(project, "lake.n") == 1


def test_a_line_of_ten_megabytes_goes_through(project: Path) -> None:
    (project / "l.csv").write_text("a,b\n1,x\n2," + "y" * 10_000_000 + "\n3,z\n")
    dwkit("ingest", "l.csv", "--into", "l", cwd=project)
    dwkit("stage", "l", cwd=project)
    done = dwkit(
        "query", "select a, length(b) as n from staging.l order by a", "--format", "csv", cwd=project
    )
    assert done.stdout.split() == ["a,n", "1,1", "2,10000000", "3,1"]


def test_json_of_mixed_types_loses_no_row(project: Path) -> None:
    (project / "m.json").write_text(
        '[{"a": 1, "b": {"c": 1}}, {"a": "two", "b": [1]}, {"a": null}, {"a": [1, 2], "d": 1.5}]'
    )
    dwkit("ingest", "m.json", "--into", "m", cwd=project)
    done = dwkit("query", "select a from lake.m order by _row", "--format", "json", cwd=project)
    assert [r["a"] for r in json.loads(done.stdout)] == ["1", "two", None, "[1, 2]"]
    dwkit("stage", "m", cwd=project)
    assert counted(project, "staging.m") == 4


def test_an_array_of_scalars_is_no_table_but_loses_nothing(project: Path) -> None:
    (project / "s.json").write_text('[1, "a", null, {"x": 1}]')
    done = dwkit("ingest", "s.json", "--into", "s", cwd=project, ok=False)
    if done.returncode == 0:
        batch = json.loads(next((project / "lake" / "s").rglob("_batch.json")).read_text())
        assert batch["rows"] + batch.get("malformed", 0) == 4
    else:
        assert done.returncode == 1
        assert "hint: " in done.stderr


def test_a_column_named_select_can_be_used_everywhere(project: Path) -> None:
    (project / "k.csv").write_text('select,order,"a ""b"""\n1,x,p\n2,y,q\n')
    dwkit("ingest", "k.csv", "--into", "k", cwd=project)
    dwkit("stage", "k", cwd=project)
    dwkit("load", "fact_k", "--from", "staging.k", "--kind", "fact", "--key", "select", cwd=project)
    dwkit(
        "mart",
        "m_k",
        "--sql",
        'select "order", sum("select") as n from warehouse.fact_k group by "order"',
        cwd=project,
    )
    done = dwkit("query", 'select * from marts.m_k order by "order"', "--format", "csv", cwd=project)
    assert done.stdout.split() == ["order,n", "x,1", "y,2"]
    dwkit("profile", "fact_k", cwd=project)


@pytest.mark.parametrize("name", ["../x", "a/b", "", "Sales Data", "x;drop"])
def test_a_dataset_that_cannot_be_a_folder_is_refused(project: Path, name: str) -> None:
    (project / "x.csv").write_text("a\n1\n")
    refused(project, "ingest", "x.csv", "--into", name, code=2, says="cannot name a dataset")
    assert not (project.parent / "x").exists()


def test_a_missing_file_is_named_with_the_nearest(project: Path) -> None:
    (project / "flights.csv").write_text("a\n1\n")
    said = refused(project, "ingest", "flihgts.csv", "--into", "f", code=3, says="flihgts.csv")
    assert "flights.csv" in said


def test_the_same_bytes_are_not_ingested_twice_unless_forced(project: Path) -> None:
    (project / "x.csv").write_text("a\n1\n2\n")
    dwkit("ingest", "x.csv", "--into", "x", cwd=project)
    (project / "copy of x.csv").write_text("a\n1\n2\n")
    for name in ("x.csv", "copy of x.csv"):
        again = dwkit("ingest", name, "--into", "x", cwd=project)
        assert "already ingested" in again.stderr
    assert counted(project, "lake.x") == 2
    dwkit("ingest", "x.csv", "--into", "x", "--force", cwd=project)
    assert counted(project, "lake.x") == 4


def test_a_header_without_rows_is_a_table_without_rows(project: Path) -> None:
    (project / "h.csv").write_text("a,b\n")
    dwkit("ingest", "h.csv", "--into", "h", cwd=project)
    dwkit("stage", "h", cwd=project)
    assert counted(project, "staging.h") == 0


def test_past_the_limit_nothing_is_staged(project: Path) -> None:
    (project / "o.csv").write_text("id,n\n1,5\n2,6\n")
    dwkit("ingest", "o.csv", "--into", "o", cwd=project)
    dwkit("stage", "o", cwd=project)
    (project / "o2.csv").write_text("id,n\n3,x\n4,y\n5,7\n")
    dwkit("ingest", "o2.csv", "--into", "o", cwd=project)
    toml = project / "dwkit.toml"
    toml.write_text(
        toml.read_text().replace(
            "[datasets.o.columns]", '[datasets.o.drift]\nwidened_type = "quarantine"\n\n[datasets.o.columns]'
        )
    )
    done = dwkit("stage", "o", "--quarantine-limit", "10%", cwd=project, ok=False)
    assert done.returncode == 1
    assert "2 of 3 rows" in done.stderr
    assert counted(project, "staging.o") == 2
    dwkit("stage", "o", cwd=project)
    assert counted(project, "staging.o") == 3


def test_what_came_before_a_failing_file_is_told(project: Path) -> None:
    (project / "in").mkdir()
    (project / "in" / "a.csv").write_text("id,n\n1,x\n")
    (project / "in" / "b.csv").write_bytes(b"")
    done = dwkit("ingest", "in", "--format", "json", cwd=project, ok=False)
    assert done.returncode == 1
    assert "lake.a ← in/a.csv: 1 row" in done.stderr
    assert "error: b.csv is empty" in done.stderr
    assert not done.stdout
    assert counted(project, "lake.a") == 1


_NAMES = [
    "n",
    "first",
    "value",
    "x",
    "at",
    "gone",
    "keep",
    "v",
    "w",
    "rows",
    "count",
    "select",
    "from",
    "group",
    "order",
    "file",
    "pos",
    "state",
    "failures",
    "raw",
    "column",
    "rule",
    "message",
    "_pos",
    "_first",
    "_file",
    "_n",
    "_l",
    "_r",
    "_m",
    "_at",
    "_order",
    "_hash",
    "_since",
    "_until",
    "_held",
    "_newer",
    "_group",
    "_opens",
    "_last",
    "_closes",
    "_place",
    "_from",
    "_to",
    "_seen",
    "_said",
    "_rank",
    "_was_k",
    "_column",
    "_value",
    "n_right",
    "key",
]


@pytest.mark.parametrize("key", [["n"], ["first", "_pos"], ["_file", "_at", "value"]])
def test_no_column_name_collides_with_those_in_use(key: list[str], project: Path) -> None:
    """Rows go through every step that ranks, joins or counts them."""
    header = ",".join(f'"{n}"' for n in [*_NAMES, "since"])

    def write(name: str, rows: list[tuple[int, str]]) -> None:
        lines = [",".join([*(f"{i}{v}" for _ in _NAMES), f"2026-01-0{len(v)}"]) for i, v in rows]
        (project.parent / name).write_text("\n".join([header, *lines]) + "\n")

    write("a_1.csv", [(1, "a"), (2, "a"), (2, "a"), (3, "a")])
    write("a_2.csv", [(3, "a"), (4, "bb")])
    dwkit("ingest", "../a_1.csv", "--into", "a", cwd=project)
    config = project / "dwkit.toml"
    config.write_text(config.read_text() + f"\n[datasets.a]\nkey = {json.dumps(key)}\n")
    dwkit("stage", cwd=project)
    dwkit("ingest", "../a_2.csv", "--into", "a", cwd=project)
    dwkit("stage", cwd=project)
    held = json.loads(dwkit("quarantine", "list", "--format", "json", cwd=project).stdout)
    assert [(h["rule"], h["rows"]) for h in held] == [("unique", 1)]
    names = ",".join(key)
    dwkit(
        "load",
        "dim_a",
        "--from",
        "staging.a",
        "--key",
        names,
        "--scd",
        "2",
        "--updated-at",
        "since",
        cwd=project,
    )
    lookup = f"a_key=dim_a:{names}"
    fact = [
        "load",
        "fact_a",
        "--from",
        "staging.a",
        "--key",
        names,
        "--event-time",
        "since",
        "--dimension",
        lookup,
    ]
    dwkit(*fact, cwd=project)
    dwkit("load", "dim_a", "--from", "staging.a", "--key", names, "--scd", "2", "--updated-at", "since", "--rebuild", cwd=project)  # fmt: skip
    found = dwkit("query", "select count(*) as n, count(distinct a_key) as k from warehouse.fact_a", "--format", "csv", cwd=project)  # fmt: skip
    assert found.stdout == "n,k\n4,4\n"
    mart = ["mart", "m", "--kind", "incremental", "--key", names, "--watermark", "since", "--sql", "select * from warehouse.fact_a"]  # fmt: skip
    dwkit(*mart, cwd=project)
    dwkit(*mart, "--force", cwd=project)
    dwkit("diff", "warehouse.fact_a@0", "warehouse.fact_a", "--key", names, cwd=project)
    dwkit("diff", "warehouse.fact_a", "marts.m", cwd=project)
    dwkit("profile", "staging.a", cwd=project)
