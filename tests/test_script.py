"""Scripts of several statements through ``dwkit query``: scratch tables over a project that they only read."""

from __future__ import annotations

import json
import re
from pathlib import Path

import polars as pl
import pytest
from conftest import dwkit

import dwkit as api

PEOPLE = "name,age\nAda,36\nBen,\nCyd,41\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "people.csv").write_text(PEOPLE)
    return tmp_path


def test_the_last_rows_go_to_stdout_and_counts_to_stderr(folder: Path) -> None:
    script = """
    create table p as select * from 'people.csv';
    delete from p where age is null;
    select 'not the last' as x;
    insert into p values ('Dan', 7);
    select name, age from p order by age;
    """
    (folder / "x.sql").write_text(script)
    for words, stdin in ((("x.sql",), None), (("-",), script.encode())):
        done = dwkit("query", *words, "--format", "csv", cwd=folder, stdin=stdin)
        assert done.stdout == "name,age\nDan,7\nAda,36\nCyd,41\n"
        assert done.stderr.splitlines() == ["CREATE TABLE: 3 rows", "DELETE: 1 row", "INSERT: 1 row"]
    tables = dwkit("query", "x.sql", "--format", "table", "-q", cwd=folder)
    assert "not the last" in tables.stdout
    assert tables.stdout.index("not the last") < tables.stdout.index("Dan")
    assert tables.stderr == ""


def test_a_script_that_fails_names_its_place_and_keeps_nothing(folder: Path) -> None:
    done = dwkit("query", "create table t (a int);\nselect b from t", cwd=folder, ok=False)
    assert done.returncode == 2
    assert "line 2, column 8: no column 'b'" in done.stderr
    assert done.stdout == ""
    again = dwkit("query", "select * from t", cwd=folder, ok=False)
    assert again.returncode == 2
    unparsed = dwkit("query", "create table t (a int); selec 1 from (", cwd=folder, ok=False)
    assert "CREATE TABLE" not in unparsed.stderr


def test_parameters_and_limit_reach_every_statement(folder: Path) -> None:
    script = (
        "create table t as select :n as n union all select :n + 1; select * from t where n >= :n order by n"
    )
    done = dwkit("query", script, "--param", "n=5", "--limit", "1", "--format", "json", cwd=folder)
    assert json.loads(done.stdout) == [{"n": 5}]


def test_copy_reads_and_writes_files(folder: Path) -> None:
    script = """
    create table p (who text, years int);
    copy p from 'people.csv' (format csv, header);
    copy (select who from p where years > 40) to 'old.parquet';
    copy p to 'all.csv' (header);
    """
    done = dwkit("query", script, cwd=folder)
    assert done.stdout == ""
    assert pl.read_parquet(folder / "old.parquet")["who"].to_list() == ["Cyd"]
    assert (folder / "all.csv").read_text() == "who,years\nAda,36\nBen,\nCyd,41\n"
    odd = dwkit("query", "copy (select 1 as a) to 'x.csv' (delimiter ';')", cwd=folder, ok=False)
    assert odd.returncode == 2
    assert not (folder / "x.csv").exists()


@pytest.mark.parametrize(
    "statement",
    [
        "delete from marts.sales",
        "insert into warehouse.dim_product select * from warehouse.dim_product",
        "update staging.orders set order_id = 1",
        "merge into warehouse.dim_product d using marts.sales s on true when matched then delete",
        "drop table lake.orders",
        "truncate table marts.sales",
        "alter table marts.sales add column x int",
        "create table warehouse.mine as select 1 as a",
        "create view marts.mine as select 1 as a",
        "create schema warehouse",
        "select 1 as a into marts.mine",
    ],
)
def test_tables_of_the_layers_are_only_read(demo_once: Path, statement: str) -> None:
    done = dwkit("query", statement, cwd=demo_once, ok=False)
    assert done.returncode == 2
    assert "can only be read here" in done.stderr
    assert "^" in done.stderr
    layer = re.search(r"lake|staging|warehouse|marts", statement)
    who = {"lake": "dwkit ingest adds to it", "staging": "dwkit stage makes it"}
    assert f"hint: {who.get(layer[0] if layer else '', 'models change it, or --write')}" in done.stderr


def test_show_lists_scratch_tables_and_those_of_the_project(demo_once: Path) -> None:
    done = dwkit("query", "create table t (a int); show tables", "-f", "json", cwd=demo_once)
    found = {(r["schema"], r["name"]) for r in json.loads(done.stdout)}
    assert {("main", "t"), ("marts", "sales"), ("lake", "orders")} <= found
    replaced = dwkit(
        "query", "replace into marts.sales values (1)", "--dialect", "mysql", cwd=demo_once, ok=False
    )
    assert "marts.sales can only be read here" in replaced.stderr


def test_scratch_tables_stand_beside_those_of_the_project(demo_once: Path) -> None:
    script = """
    create table coffee as select * from marts.sales where category = 'Coffee';
    update coffee set units = 0;
    select sum(c.units) as none, (select sum(units) from marts.sales where category = 'Coffee') > 0 as all_there
    from coffee c
    """
    done = dwkit("query", script, "--format", "csv", cwd=demo_once)
    assert done.stdout == "none,all_there\n0,true\n"


def test_explain_shows_the_plan_with_rows_and_that_of_polars(demo_once: Path) -> None:
    sql = "explain select count(*) from warehouse.fact_order_line where quantity > 2"
    lines = [r["plan"] for r in json.loads(dwkit("query", sql, "-f", "json", cwd=demo_once).stdout)]
    rows = api.open(demo_once).query("select count(*) from warehouse.fact_order_line").collect().item()
    assert any(f"SCAN warehouse.fact_order_line  ~{rows:,} rows".replace(",", " ") in line for line in lines)
    assert any("FILTER quantity > 2" in line for line in lines)
    assert any("Parquet SCAN" in line for line in lines[lines.index("In Polars:") :])


@pytest.mark.parametrize(
    ("dialect", "how"),
    [
        ("duckdb", "analyze"),
        ("postgres", "(analyze, buffers)"),
        ("mysql", "analyze format=tree"),
        ("spark", ""),
    ],
)
def test_explain_analyze_runs_the_query(folder: Path, dialect: str, how: str) -> None:
    done = dwkit("query", f"explain {how} select 1 as a", "--dialect", dialect, "--format", "csv", cwd=folder)
    assert "SELECT 1 as a" in done.stdout
    assert ("Ran: 1 row in" in done.stdout) is bool(how)


def test_explain_analyze_changes_nothing(folder: Path) -> None:
    script = "create table t (a int); explain analyze insert into t select 1"
    done = dwkit("query", script, cwd=folder, ok=False)
    assert "EXPLAIN ANALYZE of INSERT is not supported" in done.stderr


def test_explain_points_at_the_place_in_the_script(folder: Path) -> None:
    done = dwkit("query", "select 1;\nexplain analyze select agee\nfrom 'people.csv'", cwd=folder, ok=False)
    assert "line 2, column 24: no column 'agee'" in done.stderr
    assert "explain analyze select agee" in done.stderr
    open_one = dwkit("query", "explain select (", cwd=folder, ok=False)
    assert "  explain select (" in open_one.stderr
    dwkit("query", "explain select :n as a", "--param", "n=4", cwd=folder)


def test_statistics_tell_rows_and_exact_bounds(demo_once: Path) -> None:
    catalog = api.open(demo_once).catalog
    for name in ("lake.orders", "staging.orders", "warehouse.fact_order_line", "marts.sales"):
        known = catalog.statistics(name)
        frame = catalog.scan(name).collect()
        assert known is not None
        assert known.rows == frame.height
        for column, bounds in known.columns.items():
            assert (bounds.low, bounds.high) == (frame[column].min(), frame[column].max()), column
            assert bounds.nulls == frame[column].null_count()
    known = catalog.statistics("warehouse.fact_order_line")
    assert known is not None
    assert {"customer_key", "date_key"} <= set(known.columns)
    assert catalog.statistics("marts.top_products") is None  # a view


def test_information_schema_lists_what_all_layers_have(demo_once: Path) -> None:
    script = """
    create table mine (id int);
    select table_schema, count(*) > 0 as some from information_schema.tables group by 1 order by 1;
    """
    done = dwkit("query", script, "--format", "csv", "-q", cwd=demo_once)
    assert (
        done.stdout == "table_schema,some\nlake,true\nmain,true\nmarts,true\nstaging,true\nwarehouse,true\n"
    )
    script = """
    select column_name from information_schema.columns
    where table_schema = 'marts' and table_name = 'sales' order by ordinal_position
    """
    done = dwkit("query", script, "--format", "csv", "-q", cwd=demo_once)
    assert done.stdout.splitlines()[1:] == list(
        api.open(demo_once).query("select * from marts.sales").collect_schema()
    )


def test_explain_of_a_statement_shows_the_plan_of_the_query_in_it(folder: Path) -> None:
    script = "create table t (a int); explain insert into t select 1; select count(*) as n from t"
    done = dwkit("query", script.replace("; select", ";\nselect"), "--format", "csv", "-q", cwd=folder)
    assert done.stdout == "n\n0\n"
    done = dwkit("query", "explain create table u as select 1 as x", "--format", "csv", cwd=folder)
    assert done.stdout.splitlines()[1] == "CREATE"
    done = dwkit("query", "create table t (a int); explain update t set a = 1", cwd=folder, ok=False)
    assert "EXPLAIN of UPDATE is not supported" in done.stderr


def test_an_error_in_a_statement_names_what_the_user_named(tmp_path: Path) -> None:
    done = dwkit("query", "create table t (a int); update t set a = 1 where b = 2", cwd=tmp_path, ok=False)
    assert "no column 'b' in t (" in done.stderr
    assert done.stderr.endswith("hint: there are: a\n")
