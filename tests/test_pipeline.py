"""The main job, through the command line: raw files to marts, and again, and after a kill."""

from __future__ import annotations

import csv
import io
import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import polars as pl
import pytest
from conftest import dwkit


def rows(folder: Path, sql: str) -> list[dict[str, object]]:
    return json.loads(dwkit("query", sql, "--format", "json", cwd=folder).stdout)


def everything(folder: Path) -> dict[str, list[str]]:
    """All rows of warehouse and marts as sorted text, without ids that differ from run to run."""
    found = {}
    for table in json.loads(dwkit("ls", "--format", "json", cwd=folder).stdout):
        if table["layer"] in ("warehouse", "marts"):
            name = f"{table['layer']}.{table['name']}"
            text = dwkit("query", f"select * from {name}", "--format", "csv", cwd=folder).stdout
            records = list(csv.DictReader(io.StringIO(text)))
            found[name] = sorted(str({k: v for k, v in r.items() if k != "_batch"}) for r in records)
    return found


@pytest.fixture(scope="session")
def demo_rows(demo_once: Path) -> dict[str, list[str]]:
    return everything(demo_once)


def test_the_demo_ends_with_the_sales_mart_and_says_what_was_held_back(tmp_path: Path) -> None:
    done = dwkit("demo", "shop", cwd=tmp_path)
    assert done.stdout.splitlines()[0] == "month,category,segment,orders,units,revenue,revenue_per_order"
    assert "orders.ordered_at: 5 × type: is no timestamp" in done.stderr
    assert "cd shop" in done.stderr
    for line in done.stderr.split("try next:")[1].splitlines()[2:]:
        words = line.strip().removeprefix("dwkit ")
        if words:
            import shlex

            assert dwkit(*shlex.split(words), cwd=tmp_path / "shop").stdout


def test_what_the_demo_makes_is_right(demo_once: Path) -> None:
    counts = {
        f"{t['layer']}.{t['name']}": t["rows"]
        for t in json.loads(dwkit("ls", "--format", "json", cwd=demo_once).stdout)
    }
    # The figures are those of sample/README.md.
    assert counts["lake.orders"] == 4450
    assert counts["staging.orders"] == 4444
    assert counts["staging.order_lines"] == 10112
    assert counts["staging.customers"] == 1380
    assert counts["warehouse.fact_order_line"] == 10112
    fact = rows(
        demo_once,
        "select sum(amount) as s, count(*) as n from warehouse.fact_order_line where status <> 'cancelled'",
    )
    mart = rows(demo_once, "select sum(revenue) as s, sum(units) as u from marts.sales")
    assert fact[0]["s"] == mart[0]["s"]
    daily = rows(demo_once, "select sum(revenue) as s from marts.daily_sales")
    assert daily == rows(demo_once, "select sum(amount) as s from warehouse.fact_order_line")
    orphan = rows(
        demo_once, "select distinct customer_key from warehouse.fact_order_line where customer_id = 'C09999'"
    )
    assert orphan == [{"customer_key": -1}]
    february = rows(
        demo_once,
        "select distinct l.city from lake.customers l where l.city like 'M_nchen' or l.city like 'K_ln'",
    )
    assert {r["city"] for r in february} == {"München", "Köln"}


def test_each_order_line_points_at_the_version_of_its_time(demo_once: Path) -> None:
    wrong = rows(
        demo_once,
        """select count(*) as n from warehouse.fact_order_line f
           join warehouse.dim_customer d on d.customer_key = f.customer_key
           where f.customer_key > 0
             and (d.customer_id <> f.customer_id or f.ordered_at < d.valid_from or f.ordered_at >= d.valid_to)""",
    )
    assert wrong == [{"n": 0}]
    several = rows(
        demo_once,
        """select count(*) as n from (select customer_id from warehouse.fact_order_line
           where customer_key > 0 group by customer_id having count(distinct customer_key) > 1) x""",
    )
    assert several[0]["n"] >= 15


def test_the_second_run_does_nothing_and_says_so(shop: Path) -> None:
    before = {p: p.stat().st_mtime_ns for p in shop.rglob("*") if p.is_file() and ".dwkit" not in p.parts}
    done = dwkit("run", cwd=shop)
    assert "everything is up to date" in done.stderr
    after = {p: p.stat().st_mtime_ns for p in shop.rglob("*") if p.is_file() and ".dwkit" not in p.parts}
    assert before == after
    plan = json.loads(dwkit("run", "--dry-run", "--format", "json", cwd=shop).stdout)
    assert {step["action"] for step in plan} == {"nothing"}


def test_a_new_file_moves_only_what_depends_on_it(shop: Path) -> None:
    (shop / "raw" / "staff.csv").write_text(
        (shop / "raw" / "staff.csv").read_text() + "E999,New Person,Sales,Berlin,2026-03-01,,50000.00,E001\n"
    )
    plan = json.loads(dwkit("run", "--dry-run", "--format", "json", cwd=shop).stdout)
    due = {step["node"] for step in plan if step["action"] != "nothing"}
    assert due == {"lake.staff", "staging.staff", "marts.headcount"}
    dwkit("run", cwd=shop)
    assert "up to date" in dwkit("run", cwd=shop).stderr


def test_force_makes_everything_again_from_the_same_batches(
    shop: Path, demo_rows: dict[str, list[str]]
) -> None:
    forced = dwkit("run", "--dry-run", "--force", "--format", "json", cwd=shop).stdout
    assert {r["node"].split(".")[0] for r in json.loads(forced) if r["action"] != "nothing"} == {
        "staging", "warehouse", "marts",
    }  # fmt: skip
    dwkit("run", "--force", cwd=shop)
    assert rows(shop, "select count(*) n from lake.orders") == [{"n": 4450}]
    assert everything(shop) == demo_rows


def test_a_dry_run_says_why_a_load_is_due(shop: Path) -> None:
    more = (shop / "raw/customers_2026-03.csv").read_text(encoding="utf-8").replace("Linz", "Wien")
    (shop / "raw/customers_2026-04.csv").write_text(more, encoding="utf-8")
    dwkit("run", "+staging.customers", cwd=shop)

    def why(node: str) -> str:
        planned = json.loads(dwkit("run", "--dry-run", "--format", "json", cwd=shop).stdout)
        return next(str(r["why"]) for r in planned if r["node"] == node)

    assert why("warehouse.dim_customer") == "1 new part"
    dwkit("load", "dim_customer", cwd=shop)
    assert why("warehouse.fact_order_line") == "warehouse.dim_customer changed"


def test_load_and_mart_take_selectors_of_their_layer(shop: Path) -> None:
    def steps(*words: str) -> set[str]:
        done = dwkit(*words, cwd=shop)
        return {line.split()[2].strip(":") for line in done.stderr.splitlines() if line.startswith("skipped")}

    dims = {"warehouse.dim_customer", "warehouse.dim_product", "warehouse.dim_date"}
    assert steps("load", "+fact_order_line") == dims | {"warehouse.fact_order_line"}
    assert steps("load", "dim_*") == dims
    assert steps("mart", "tag:daily") == {"marts.sales"}
    assert steps("mart", "team:people", "sales") == {"marts.headcount", "marts.sales"}


def test_a_run_says_when_nothing_is_selected(shop: Path) -> None:
    assert "nothing to do: no table is state:new" in dwkit("run", "state:new", cwd=shop).stderr
    assert "nothing to do: all is excluded" in dwkit("run", "sales", "--exclude", "marts.*", cwd=shop).stderr
    assert dwkit("run", "tag:none", cwd=shop, ok=False).returncode == 2


def test_save_keeps_a_model_in_the_folder_of_its_team(shop: Path) -> None:
    dwkit("mart", "daily_sales", "--lookback", "9d", "--save", cwd=shop)
    (path,) = (shop / "models").rglob("daily_sales.sql")
    assert path.parent.name == "sales"
    assert 'lookback = "9d"' in path.read_text()
    assert "everything is up to date" in dwkit("run", "team:sales", cwd=shop).stderr


def test_files_of_a_model_are_the_projects_and_any_change_of_them_counts(project: Path) -> None:
    (project / "more").mkdir()
    (project / "more/a.csv").write_text("n\n1\n")
    (project / "models/marts/m.sql").write_text("select * from 'more/*.csv'")
    (project / "models/marts/v.sql").write_text("/* dwkit\nkind = 'view'\n*/\nselect * from 'more/a.csv'")
    elsewhere = project / "models"
    dwkit("run", cwd=elsewhere)
    assert rows(elsewhere, "select * from marts.v") == [{"n": 1}]
    (project / "more/b.csv").write_text("n\n2\n")
    assert "more/*.csv changed" in dwkit("run", "--dry-run", cwd=elsewhere).stdout
    dwkit("run", cwd=elsewhere)
    assert rows(elsewhere, "select n from marts.m order by n") == [{"n": 1}, {"n": 2}]
    assert "everything is up to date" in dwkit("run", cwd=project).stderr


def test_a_changed_model_is_built_again_with_what_depends_on_it(shop: Path) -> None:
    path = shop / "models" / "warehouse" / "dim_product.sql"
    path.write_text(path.read_text().replace("weight_g, active", "active"))
    plan = json.loads(dwkit("run", "state:modified+", "--dry-run", "--format", "json", cwd=shop).stdout)
    assert {s["node"] for s in plan} == {
        "warehouse.dim_product", "warehouse.fact_order_line", "marts.sales", "marts.top_products", "marts.daily_sales",
    }  # fmt: skip
    dwkit("run", cwd=shop)
    assert "weight_g" not in dwkit("show", "dim_product", "--columns", "--format", "csv", cwd=shop).stdout
    assert "up to date" in dwkit("run", cwd=shop).stderr


def test_a_failed_step_stops_its_descendants_only_and_the_next_run_goes_on(shop: Path) -> None:
    path = shop / "models" / "warehouse" / "dim_product.sql"
    good = path.read_text()
    path.write_text(good.replace("weight_g, active", "wait_g, active"))
    failed = dwkit("run", cwd=shop, ok=False)
    assert failed.returncode == 2
    assert "did you mean 'weight_g'?" in failed.stderr
    steps = {
        s["node"]: s["state"] for s in json.loads(dwkit("log", "last", "--format", "json", cwd=shop).stdout)
    }
    assert steps["warehouse.dim_product"] == "failed"
    assert steps["marts.sales"] == "blocked"
    assert steps.get("marts.segments", "skipped") == "skipped"
    selected = json.loads(dwkit("run", "result:error", "--dry-run", "--format", "json", cwd=shop).stdout)
    assert {"warehouse.dim_product", "marts.sales"} <= {s["node"] for s in selected}
    path.write_text(good)
    dwkit("run", cwd=shop)
    assert "up to date" in dwkit("run", cwd=shop).stderr


@pytest.mark.parametrize("seed", range(4))
def test_a_killed_demo_goes_on_and_ends_the_same(
    tmp_path: Path, demo_rows: dict[str, list[str]], seed: int
) -> None:
    chance = random.Random(seed)
    for _ in range(3):
        process = subprocess.Popen(
            [sys.executable, "-m", "dwkit", "demo", "shop"],
            cwd=tmp_path, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True,
        )  # fmt: skip
        time.sleep(chance.uniform(0.2, 2.5))
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    dwkit("demo", "shop", cwd=tmp_path)
    assert everything(tmp_path / "shop") == demo_rows
    assert "up to date" in dwkit("run", cwd=tmp_path / "shop").stderr


def test_staging_can_be_thrown_away_and_comes_back_from_the_lake(
    shop: Path, demo_rows: dict[str, list[str]]
) -> None:
    import shutil

    shutil.rmtree(shop / "staging")
    dwkit("repair", cwd=shop)
    dwkit("stage", "--force", cwd=shop)
    assert "up to date" in dwkit("run", cwd=shop).stderr
    assert everything(shop) == demo_rows


def test_what_people_decided_outlives_the_ledger(shop: Path) -> None:
    import shutil

    dwkit("quarantine", "fix", "orders", "--row", "852", "--set", "ordered_at=2026-01-31 09:15:00", cwd=shop)
    dwkit("quarantine", "discard", "orders", "--row", "1055", cwd=shop)
    dwkit("quarantine", "replay", "orders", cwd=shop)
    dwkit("quarantine", "replay", "order_lines", cwd=shop)
    dwkit("run", cwd=shop)
    before, held = everything(shop), dwkit("quarantine", "list", "--format", "csv", cwd=shop).stdout
    assert "discarded" in held
    shutil.rmtree(shop / ".dwkit")
    assert "2 decisions on quarantined rows" in dwkit("repair", cwd=shop).stdout
    dwkit("run", cwd=shop)
    assert everything(shop) == before
    assert dwkit("quarantine", "list", "--format", "csv", cwd=shop).stdout == held


@pytest.mark.parametrize("how", ["lost", "damaged"])
def test_a_lost_ledger_is_made_again_from_the_files(
    shop: Path, demo_rows: dict[str, list[str]], how: str
) -> None:
    import shutil

    if how == "lost":
        shutil.rmtree(shop / ".dwkit")
    else:
        (shop / ".dwkit" / "ledger.db").write_bytes(b"no ledger at all" * 1000)
        assert "hint: dwkit repair" in dwkit("ls", cwd=shop, ok=False).stderr
    dwkit("repair", cwd=shop)
    dwkit("run", cwd=shop)
    assert everything(shop) == demo_rows
    assert "up to date" in dwkit("run", cwd=shop).stderr


def test_a_rule_looks_into_a_dataset_that_retention_has_emptied(tmp_path: Path) -> None:
    dwkit("init", "w", cwd=tmp_path)
    w = tmp_path / "w"
    config = w / "dwkit.toml"
    config.write_text(
        config.read_text().replace('"7d"', '"loaded"')
        + '[datasets.lines.columns]\nid = { type = "int64", references = "goods.id" }\n'
    )
    model = w / "models/warehouse/goods.sql"
    model.parent.mkdir(parents=True, exist_ok=True)
    model.write_text("SELECT id FROM staging.goods")
    for number in (1, 2):
        (w / "goods.csv").write_text(f"id\n{number}\n")
        (w / "lines.csv").write_text(f"id\n1\n{number}\n9{number}\n")
        for name in ("goods", "lines"):
            dwkit("ingest", f"{name}.csv", "--into", name, cwd=w)
        dwkit("run", cwd=w)
        assert not list((w / "staging/goods").glob("*.parquet"))
    assert [r["id"] for r in rows(w, "select id from staging.lines order by id")] == [1, 1, 1, 2]
    held = dwkit("quarantine", "show", "lines", "--format", "json", cwd=w).stdout
    assert [r["value"] for r in json.loads(held)] == ["91", "92"]


def test_quarantined_rows_are_mended_and_flow_on(shop: Path) -> None:
    held = json.loads(dwkit("quarantine", "show", "orders", "--format", "json", cwd=shop).stdout)
    dates = [h for h in held if h["rule"] == "type"]
    assert len(dates) == 5
    dwkit(
        "quarantine",
        "fix",
        "orders",
        "--where",
        "_rule = 'type'",
        "--set",
        "ordered_at=2026-02-28 10:11:12",
        cwd=shop,
    )
    dwkit("quarantine", "replay", "orders", cwd=shop)
    dwkit("quarantine", "replay", "order_lines", cwd=shop)
    dwkit("quarantine", "replay", "order_lines", cwd=shop)
    dwkit("quarantine", "discard", "orders", "--where", "_rule = 'malformed'", cwd=shop)
    dwkit("run", cwd=shop)
    assert rows(shop, "select count(*) as n from staging.orders") == [{"n": 4449}]
    states = {
        h["state"]
        for h in json.loads(dwkit("quarantine", "list", "--format", "json", cwd=shop).stdout)
        if h["dataset"] == "orders"
    }
    assert states == {"discarded"}
    before = everything(shop)
    dwkit("stage", "--force", cwd=shop)
    dwkit("run", cwd=shop)
    assert everything(shop) == before


def test_trace_leads_back_to_the_record_of_the_file(shop: Path) -> None:
    found = json.loads(
        dwkit(
            "trace", "dim_customer", "--where", "customer_id = 'C00001'", "--format", "json", cwd=shop
        ).stdout
    )
    assert found[0]["source"] == "raw/customers_2026-01.csv"
    assert found[0]["record"] == 1
    assert found[0]["raw"]["email"] == "renate.vogel@example.org"


def test_lineage_reaches_the_files(shop: Path) -> None:
    edges = json.loads(dwkit("lineage", "marts.sales", "--format", "json", cwd=shop).stdout)
    assert {"table": "lake.orders", "input": "raw/orders_2026-01.csv"} in edges
    assert {"table": "marts.sales", "input": "warehouse.fact_order_line"} in edges
    columns = json.loads(dwkit("lineage", "marts.sales.revenue", "--format", "json", cwd=shop).stdout)
    assert {"column": "staging.order_lines.unit_price", "input": "lake.order_lines.unit_price"} in columns


def test_rollback_brings_earlier_rows_back(shop: Path) -> None:
    before = everything(shop)["marts.segments"]
    path = shop / "models" / "marts" / "marketing" / "segments.sql"
    good = path.read_text()
    path.write_text(good.replace("GROUP BY segment, country", "AND country = 'DE' GROUP BY segment, country"))
    dwkit("run", cwd=shop)
    assert everything(shop)["marts.segments"] != before
    dwkit("rollback", "marts.segments", "0", cwd=shop)
    assert everything(shop)["marts.segments"] == before
    changed = dwkit(
        "diff", "marts.segments@1", "marts.segments", "--key", "segment,country", "--format", "json", cwd=shop
    )
    assert {r["_change"] for r in json.loads(changed.stdout)} == {"added"}


def test_doctor_finds_a_lost_file(shop: Path) -> None:
    assert dwkit("doctor", cwd=shop).returncode == 0
    next((shop / "lake" / "orders").rglob("part-*.parquet")).unlink()
    found = dwkit("doctor", "--format", "json", cwd=shop, ok=False)
    assert found.returncode == 1
    assert any(r["check"] == "lake" and r["state"] == "fail" for r in json.loads(found.stdout))


def test_the_python_api_mirrors_the_verbs(demo_once: Path) -> None:
    import dwkit as api

    frame = api.open(demo_once).query("select count(*) as n from marts.sales")
    assert isinstance(frame, pl.LazyFrame)
    assert frame.collect().item() == 73


def test_a_dry_run_does_nothing(project: Path) -> None:
    (project.parent / "a.csv").write_text("n,day\n1,2026-01-01\n2,2026-01-02\n")
    dwkit("ingest", "../a.csv", "--into", "a", cwd=project)
    dwkit("stage", cwd=project)
    for name, header in [("t", ""), ("v", 'kind = "view"'), ("i", 'kind = "incremental"\nwatermark = "day"')]:
        text = f"/* dwkit\n{header}\n*/\nselect * from staging.a"
        (project / "models" / "marts" / f"{name}.sql").write_text(text)
    before = sorted(p for p in project.rglob("*") if p.is_file())
    steps = json.loads(dwkit("run", "layer:marts", "--dry-run", "--format", "json", cwd=project).stdout)
    assert [(s["action"], s["why"]) for s in steps] == [("mart", "no table yet")] * 3
    assert sorted(p for p in project.rglob("*") if p.is_file()) == before
    dwkit("run", cwd=project)
    steps = json.loads(dwkit("run", "layer:marts", "--dry-run", "--format", "json", cwd=project).stdout)
    assert [s["action"] for s in steps] == ["nothing"] * 3


def test_a_value_that_cannot_be_computed_stops_its_own_mart_only(project: Path) -> None:
    (project.parent / "a.csv").write_text("n,t\n1,x\n2,7\n")
    dwkit("ingest", "../a.csv", "--into", "a", cwd=project)
    marts = project / "models" / "marts"
    marts.joinpath("bad.sql").write_text("select n, cast(t as int) as t from staging.a")
    marts.joinpath("after.sql").write_text("select count(*) as n from marts.bad")
    for number in range(5):
        marts.joinpath(f"good{number}.sql").write_text(f"select n + {number} as n from staging.a")
    done = dwkit("run", cwd=project, ok=False)
    assert done.returncode == 1
    assert "error: marts.bad: models/marts/bad.sql: conversion from" in done.stderr
    assert "TRY_CAST" in done.stderr
    steps = {
        s["node"]: s["state"]
        for s in json.loads(dwkit("log", "last", "--format", "json", cwd=project).stdout)
    }
    assert steps["marts.bad"] == "failed"
    assert steps["marts.after"] == "blocked"
    assert [steps[f"marts.good{n}"] for n in range(5)] == ["done"] * 5
