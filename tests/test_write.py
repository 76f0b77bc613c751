"""``--write``: statements that change tables of the warehouse and the marts, each a version of its own."""

from __future__ import annotations

import json
from pathlib import Path
from subprocess import CompletedProcess
from typing import Any

import pytest
from conftest import dwkit

import dwkit as api


def write(sql: str, cwd: Path, *options: str, ok: bool = True) -> CompletedProcess[str]:
    return dwkit("query", "--write", sql, *options, cwd=cwd, ok=ok)


def one(sql: str, cwd: Path) -> Any:
    return api.open(cwd).query(sql).collect().item()


def modes(table: str, cwd: Path) -> list[str]:
    return [r["mode"] for r in json.loads(dwkit("history", table, "-f", "json", cwd=cwd).stdout)]


def test_a_statement_is_a_version_and_a_run_and_can_be_taken_back(shop: Path) -> None:
    before = one("select count(*) from marts.sales", shop)
    gone = one("select count(*) from marts.sales where category = 'Coffee'", shop)
    done = write("delete from marts.sales where category = 'Coffee'", shop)
    assert done.stdout == ""
    assert f"DELETE: {gone} rows" in done.stderr
    assert "its next rebuild replaces this" in done.stderr
    assert one("select count(*) from marts.sales", shop) == before - gone
    assert modes("marts.sales", shop)[0] == "edit"
    log = json.loads(dwkit("log", "-f", "json", cwd=shop).stdout)
    assert "delete from marts.sales" in log[0]["command"]
    assert (log[0]["state"], log[0]["rows_out"]) == ("done", before - gone)
    dwkit("rollback", "marts.sales", "0", cwd=shop)
    assert one("select count(*) from marts.sales", shop) == before


def test_each_statement_of_a_script_sees_the_ones_before(shop: Path) -> None:
    script = """
    create table best as select product_id from warehouse.dim_product where is_current and list_price > 50;
    update warehouse.dim_product set category = 'Best' where product_id in (select product_id from best);
    merge into marts.headcount t using (select 'Night' as department, 3 as n) s on false
      when not matched then insert (department) values (s.department);
    select (select count(*) from warehouse.dim_product where category = 'Best') as best,
           (select count(*) from marts.headcount where department = 'Night') as night
    """
    row = json.loads(write(script, shop, "-f", "json").stdout)[0]
    assert row["best"] > 0
    assert row["night"] == 1


def test_what_was_loaded_counts_as_loaded_and_what_depends_is_made_anew(shop: Path) -> None:
    write("update warehouse.dim_product set category = 'Kaffee' where category = 'Coffee'", shop)
    said = dwkit("run", cwd=shop).stderr
    assert "skipped load warehouse.dim_product: up to date" in said
    assert one("select count(*) from marts.sales where category = 'Kaffee'", shop) > 0
    assert one("select count(*) from marts.sales where category = 'Coffee'", shop) == 0


def test_rows_that_are_only_added_are_only_written(shop: Path) -> None:
    files = {p.name for p in (shop / "marts" / "headcount").glob("*.parquet")}
    write("insert into marts.headcount select * from marts.headcount limit 1", shop)
    after = {p.name for p in (shop / "marts" / "headcount").glob("*.parquet")}
    assert files < after
    history = (shop / "marts" / "headcount" / "_delta_log" / "00000000000000000001.json").read_text()
    assert '"remove"' not in history


@pytest.mark.parametrize(
    ("statement", "code", "said"),
    [
        ("delete from warehouse.dim_product", 1, "would lose its unknown member"),
        ("truncate table warehouse.dim_customer", 1, "where customer_key <> -1"),
        (
            "update warehouse.dim_product set product_key = 7",
            1,
            "two rows have 7 in PRIMARY KEY (product_key)",
        ),
        ("alter table marts.sales add column x int", 2, "says which columns it has"),
        ("drop table marts.sales", 2, "says which columns it has"),
        ("create table marts.sales as select 1 as a", 2, "is there already"),
        ("delete from marts.top_products", 2, "is a view"),
        ("create view marts.mine as select 1 as a", 2, "CREATE VIEW in marts is not supported"),
        ("delete from marts.sale", 2, "no table 'marts.sale'"),
        ("update marts.sales set revenue = 'much'", 2, "'much' is no"),
        ("delete from lake.orders", 2, "hint: dwkit ingest adds to it"),
        ("delete from staging.orders", 2, "hint: dwkit stage makes it"),
        ("begin; delete from marts.sales", 2, "cannot be changed within a transaction"),
        (
            "insert into warehouse.fact_order_line select * from warehouse.fact_order_line limit 1",
            1,
            "two rows have",
        ),
        ("alter table marts.sales rename to best", 2, "another name"),
    ],
)
def test_what_must_not_be_changes_nothing(demo_once: Path, statement: str, code: int, said: str) -> None:
    before = api.open(demo_once).ledger.versions()
    done = write(statement, demo_once, ok=False)
    assert said.lower() in done.stderr.lower()
    assert done.returncode == code
    assert api.open(demo_once).ledger.versions() == before


def test_tests_of_the_model_must_hold(shop: Path) -> None:
    path = shop / "models" / "marts" / "people" / "headcount.sql"
    path.write_text(path.read_text().replace("/* dwkit", "/* dwkit\ntests = [\"department <> 'None'\"]", 1))
    dwkit("mart", "headcount", cwd=shop)
    before = one("select count(*) from marts.headcount", shop)
    done = write("insert into marts.headcount (department) values ('None')", shop, ok=False)
    assert done.returncode == 1
    assert "department <> 'None'" in done.stderr
    assert one("select count(*) from marts.headcount", shop) == before


def test_tables_without_a_model(shop: Path) -> None:
    write(
        "create table marts.mine as select category, sum(units) as units from marts.sales group by category",
        shop,
    )
    inputs = json.loads(dwkit("lineage", "marts.mine", "-f", "json", cwd=shop).stdout)
    assert {"table": "marts.mine", "input": "marts.sales"} in [
        {k: r[k] for k in ("table", "input")} for r in inputs
    ]
    write(
        "alter table marts.mine add column note text; update marts.mine set note = 'x' where units > 0", shop
    )
    assert one("select count(note) from marts.mine", shop) > 0
    dwkit("run", cwd=shop)
    assert modes("marts.mine", shop) == ["edit", "edit", "edit"]
    write("drop table marts.mine", shop)
    assert not (shop / "marts" / "mine").exists()
    assert "marts.mine" not in api.open(shop).catalog.names()


def test_a_dimension_keeps_counting_after_a_row_by_hand(shop: Path) -> None:
    highest = one("select max(customer_key) from warehouse.dim_customer", shop)
    write(
        f"""insert into warehouse.dim_customer
            select * replace ({highest} + 100 as customer_key, 'X-1' as customer_id) from warehouse.dim_customer
            where customer_key = 1""",
        shop,
    )
    lines = (shop / "raw" / "customers_2026-01.csv").read_text().splitlines()[:2]
    (shop / "customers_new.csv").write_text("\n".join(lines).replace("C00001", "C99999") + "\n")
    dwkit("ingest", "customers_new.csv", "--into", "customers", cwd=shop)
    dwkit("run", "+warehouse.dim_customer", cwd=shop)
    found = one("select customer_key from warehouse.dim_customer where customer_id = 'C99999'", shop)
    assert found == highest + 101


def test_it_wants_a_project_and_the_present(demo_once: Path, tmp_path: Path) -> None:
    assert "no project here" in write("select 1", tmp_path, ok=False).stderr
    then = write("select 1", demo_once, "--as-of", "2026-01-01", ok=False)
    assert then.returncode == 2
    assert "not both" in then.stderr
