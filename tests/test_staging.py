"""Staging by a contract: rules, cleansing, drift, thresholds; all or nothing, also when killed."""

from __future__ import annotations

import json
import subprocess
import sys
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec
import polars as pl
import pytest
from lake_fixture import Lake

from dwkit.errors import CheckError, ConfigError, NotFoundError
from dwkit.model.contract import Contract, Dedupe, Drift, Expression, Rules
from dwkit.model.header import Header, Model
from dwkit.staging import StageResult, pending, quarantined, stage_dataset
from dwkit.storage.tables import scan_parts


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    return Lake(tmp_path)


def stage(lake: Lake, contract: Contract | None = None, dataset: str = "d", **options: Any) -> StageResult:
    return stage_dataset(
        dataset,
        layout=lake.layout,
        ledger=lake.ledger,
        run="run",
        contract=contract,
        tables=lake.tables,
        **options,
    )


def staged(lake: Lake, dataset: str = "d") -> pl.DataFrame:
    return scan_parts(lake.layout, lake.ledger.parts(dataset)).sort("_batch", "_row").collect()


def held(lake: Lake, dataset: str = "d") -> list[tuple[Any, ...]]:
    frame = quarantined(lake.layout, lake.ledger, dataset).sort("_batch", "_row")
    return frame.select("_row", "column", "rule", "value").collect().rows()


def contract(columns: dict[str, Rules], **rest: Any) -> Contract:
    return Contract(columns=columns, **rest)


# -- first stage ----------------------------------------------------------------------------------


def test_first_stage_infers_writes_and_then_does_nothing(lake: Lake) -> None:
    lake.batch("d", {"id": ["1", "2"], "day": ["2026-01-01", ""], "price": ["1.50", "2"]})
    first = stage(lake)
    assert first.contract_changed
    assert first.contract.key == ["id"]
    assert (first.rows_in, first.rows_out, first.quarantined) == (2, 2, 0)
    assert staged(lake)["price"].to_list() == [Decimal("1.50"), Decimal("2.00")]
    assert staged(lake)["day"].to_list() == [date(2026, 1, 1), None]
    again = stage(lake, first.contract)
    assert again.nothing_to_do
    assert not again.contract_changed
    assert stage(lake).nothing_to_do, "inference comes to the same contract"


def test_contract_holds_for_all_batches_that_are_there(lake: Lake) -> None:
    lake.batch("d", {"a": ["1"]})
    lake.batch("d", {"a": ["2.5"], "b": ["x"]})
    first = stage(lake)
    assert {n: r.type for n, r in first.contract.columns.items()} == {"a": "decimal(18,1)", "b": "string"}
    assert staged(lake)["b"].to_list() == [None, "x"]


def test_a_column_named_like_a_keyword_and_one_with_blanks(lake: Lake) -> None:
    lake.batch("d", {"select": ["1"], "Order ID": ["2"]})
    stage(lake)
    assert staged(lake).row(0)[:2] == (1, 2)


def test_malformed_records_are_held_back_never_lost(lake: Lake) -> None:
    lake.batch("d", {"a": ["1", "2"]}, malformed=["1,2,3,4"])
    result = stage(lake)
    assert (result.rows_in, result.rows_out, result.quarantined) == (3, 2, 1)
    assert held(lake) == [(3, None, "malformed", None)]
    raw = quarantined(lake.layout, lake.ledger, "d").collect()["raw"][0]
    assert json.loads(raw) == {"_raw": "1,2,3,4"}


def test_rules_given_before_the_first_stage_are_kept(lake: Lake) -> None:
    lake.batch("d", {"id": ["1", "1"], "x": ["a", "b"]})
    result = stage(lake, contract({}, key=["id"], dedupe=Dedupe()))
    assert result.contract.dedupe == Dedupe()
    assert staged(lake)["x"].to_list() == ["b"]


def test_empty_batch(lake: Lake) -> None:
    lake.batch("d", pl.DataFrame(schema={"a": pl.String}))
    result = stage(lake)
    assert (result.rows_out, len(result.parts)) == (0, 1)
    assert stage(lake, result.contract).nothing_to_do


def test_unknown_dataset(lake: Lake) -> None:
    lake.batch("orders", {"a": ["1"]})
    with pytest.raises(NotFoundError, match="order_s") as error:
        stage(lake, dataset="order_s")
    assert error.value.hint == "did you mean 'orders'?"


# -- rules ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("rules", "values", "bad"),
    [
        (Rules(type="int64"), ["1", "x", None, ""], {2: "type"}),
        (Rules(type="decimal(5,2)"), ["1.25", "1.255", "1.250", "99999"], {2: "type", 4: "type"}),
        (
            Rules(type="date", format="%d/%m/%Y"),
            ["31/12/2026", "12/31/2026", "31/12/26"],
            {2: "type", 3: "type"},
        ),
        (
            Rules(type="boolean", true_values=["ja"], false_values=["nein"]),
            ["Ja", "nein", "yes"],
            {3: "type"},
        ),
        (Rules(not_null=True), ["a", None, ""], {2: "not_null", 3: "not_null"}),
        (Rules(not_null=True, null_values=["-"]), ["a", "-", ""], {2: "not_null", 3: "not_null"}),
        (Rules(type="int64", unique=True), ["1", "2", "01", None, None], {3: "unique"}),
        (Rules(accepted_values=["a", "b"]), ["a", "c", None], {2: "accepted_values"}),
        (Rules(type="int64", accepted_values=["1", "2"]), ["01", "3"], {2: "accepted_values"}),
        (Rules(pattern="[a-z]+"), ["abc", "abc1", None], {2: "pattern"}),
        (Rules(type="int64", range=(1, 9)), ["0", "1", "9", "10", None], {1: "range", 4: "range"}),
        (Rules(type="date", range=("2026-01-01", "")), ["2025-12-31", "2026-01-01"], {1: "range"}),
        (Rules(type="decimal(9,2)", range=(None, 1.5)), ["1.50", "1.51"], {2: "range"}),
        (Rules(length=(2, 3)), ["a", "äö", "abcd", None], {1: "length", 3: "length"}),
        (Rules(references="warehouse.dim.k"), ["1", "9", None], {2: "references"}),
        (Rules(type="int64", references="dim.k"), ["1", "9"], {2: "references"}),
    ],
)
def test_rule(lake: Lake, rules: Rules, values: list[Any], bad: dict[int, str]) -> None:
    lake.frames["warehouse.dim"] = pl.LazyFrame({"k": ["2", "1", None]})
    lake.frames["staging.dim"] = pl.LazyFrame({"k": [2, 1]}, schema={"k": pl.Int32})
    lake.batch("d", pl.DataFrame({"x": values}, schema={"x": pl.String}))
    result = stage(lake, contract({"x": rules}, drift=Drift(widened_type="ignore")))
    assert {row: rule for row, _, rule, _ in held(lake)} == bad
    assert result.quarantined == len(bad)
    assert staged(lake)["_row"].to_list() == [i for i in range(1, len(values) + 1) if i not in bad]


def test_expressions_over_several_columns(lake: Lake) -> None:
    lake.batch("d", {"a": ["1", "5", ""], "b": ["2", "2", "2"]})
    ordered = Expression(sql="a <= b", name="a before b")
    stage(lake, contract({"a": Rules(type="int64"), "b": Rules(type="int64")}, expressions=[ordered]))
    found = quarantined(lake.layout, lake.ledger, "d").collect()
    assert found.select("_row", "rule", "message").rows() == [(2, "expression", "breaks the rule a before b")]


@pytest.mark.parametrize(
    ("sql", "words"),
    [("a >", "does not parse"), ("aa > 1", "no column 'aa'"), ("a + 1", "neither true nor false")],
)
def test_an_expression_that_is_no_condition(lake: Lake, sql: str, words: str) -> None:
    lake.batch("d", {"a": ["1"]})
    rules = [Expression(sql="a > 0"), Expression(sql=sql)]
    with pytest.raises(ConfigError, match=rf"expressions\.1: .*{words}"):
        stage(lake, contract({"a": Rules(type="int64")}, expressions=rules))


def test_one_row_tells_all_its_failures_with_column_and_value(lake: Lake) -> None:
    lake.batch("d", {"a": ["x", "1"], "b": ["toolong", "ok"]})
    stage(lake, contract({"a": Rules(type="int64"), "b": Rules(length=(1, 3))}))
    assert held(lake) == [(1, "a", "type", "x"), (1, "b", "length", "toolong")]
    whole = quarantined(lake.layout, lake.ledger, exploded=False).collect()
    assert whole.height == 1
    assert json.loads(whole["raw"][0]) == {"a": "x", "b": "toolong"}
    assert whole["dataset"].to_list() == ["d"]


def test_the_key_is_unique_and_never_missing(lake: Lake) -> None:
    lake.batch("d", {"k": ["1", "1", "", "2"], "v": ["a", "b", "c", "d"]})
    stage(lake, contract({"k": Rules(type="int64"), "v": Rules()}, key=["k"]))
    assert [(r, rule) for r, _, rule, _ in held(lake)] == [(2, "unique"), (3, "not_null")]
    raw = quarantined(lake.layout, lake.ledger, "d").sort("_row").collect()["raw"].to_list()
    assert json.loads(raw[0]) == {"k": "1", "v": "b"}


def test_uniqueness_is_judged_within_a_batch(lake: Lake) -> None:
    for _ in range(2):
        lake.batch("d", {"k": ["1", "2"]})
    assert stage(lake, contract({"k": Rules()}, key=["k"])).quarantined == 0


@pytest.mark.parametrize(
    "rules",
    [
        Rules(pattern="(?=a)"),
        Rules(type="int64", range=("x", "")),
        Rules(type="int64", range=(10, 9)),
        Rules(type="int64", default="x"),
    ],
)
def test_a_rule_that_cannot_be_applied_is_a_configuration_error(lake: Lake, rules: Rules) -> None:
    lake.batch("d", {"x": ["1"]})
    with pytest.raises(ConfigError, match=r"columns\.x\."):
        stage(lake, contract({"x": rules}))


def test_a_reference_to_nothing(lake: Lake) -> None:
    lake.batch("d", {"x": ["1"]})
    lake.frames["warehouse.dim"] = pl.LazyFrame({"key": ["1"]})
    with pytest.raises(ConfigError, match=r"no column of warehouse\.dim named 'ky'") as error:
        stage(lake, contract({"x": Rules(references="warehouse.dim.ky")}))
    assert error.value.keys == ("columns", "x", "references")
    assert "did you mean 'key'" in error.value.hint
    with pytest.raises(ConfigError, match=r"columns\.x\.references: a dataset cannot refer to itself"):
        stage(lake, contract({"x": Rules(references="d.x")}))


# -- cleansing ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("rules", "raw", "clean"),
    [
        (Rules(trim=True), [" a ", "b"], ["a", "b"]),
        (Rules(case="lower"), ["ABC"], ["abc"]),
        (Rules(case="upper"), ["abc"], ["ABC"]),
        (Rules(case="title"), ["new york"], ["New York"]),
        (Rules(replace={"N.Y.": "New York"}), ["N.Y.", "L.A."], ["New York", "L.A."]),
        (Rules(null_values=["-", "NA"]), ["-", "x"], [None, "x"]),
        (Rules(type="int64", null_values=["-999"]), ["-999", "5"], [None, 5]),
        (Rules(), ["", "x"], [None, "x"]),
        (Rules(default="unknown"), ["", "x"], ["unknown", "x"]),
        (Rules(default=""), ["", "x"], ["", "x"]),
        (Rules(type="int64", trim=True, replace={"one": "1"}), [" one ", "2"], [1, 2]),
        (Rules(type="decimal(9,2)", decimal_comma=True), ["1.234,50"], [Decimal("1234.50")]),
        (Rules(split=",", part=2, trim=True), ["Doe, Jane", "Cher"], ["Jane", None]),
        (Rules(trim=True, case="lower", replace={"n/a": ""}), [" N/A "], [None]),
    ],
)
def test_cleansing(lake: Lake, rules: Rules, raw: list[str], clean: list[Any]) -> None:
    lake.batch("d", {"x": raw})
    stage(lake, contract({"x": rules}))
    assert staged(lake)["x"].to_list() == clean


def test_rename_split_and_fields_of_structs(lake: Lake) -> None:
    lake.batch("d", pl.DataFrame({"full": ["Doe Jane"], "place": [{"city": "Rome", "zip": 185}]}))
    columns = {
        "last": Rules(source="full", split=" ", part=1),
        "first": Rules(source="full", split=" ", part=2),
        "city": Rules(source="place.city"),
        "zip": Rules(source="place.zip", type="string"),
    }
    stage(lake, contract(columns))
    assert staged(lake).row(0)[:4] == ("Doe", "Jane", "Rome", "185")


def test_dedupe_keeps_the_latest_and_counts_the_others(lake: Lake) -> None:
    lake.batch("d", {"k": ["1", "1", "2", "1"], "at": ["2026-01-02", "2026-01-03", "2026-01-01", ""]})
    columns = {"k": Rules(type="int64"), "at": Rules(type="date")}
    result = stage(lake, contract(columns, key=["k"], dedupe=Dedupe(latest_by="at")))
    assert (result.rows_in, result.rows_out, result.deduplicated, result.quarantined) == (4, 2, 2, 0)
    assert staged(lake)["_row"].to_list() == [2, 3]


def test_dedupe_without_a_column_keeps_the_last_row(lake: Lake) -> None:
    lake.batch("d", {"k": ["1", "1"], "v": ["a", "b"]})
    stage(lake, contract({"k": Rules(), "v": Rules()}, key=["k"], dedupe=Dedupe()))
    assert staged(lake)["v"].to_list() == ["b"]


def test_sql_step(lake: Lake) -> None:
    lake.batch("d", {"id": ["1", "2", "3"], "who": [" Ann ", "Bob", "Cid"]})
    sql = "SELECT CAST(id AS INTEGER) AS id, trim(who) AS who FROM lake.d WHERE id <> '2'"
    model = Model(layer="staging", name="d", header=Header(), sql=sql, path="models/staging/d.sql")
    result = stage(lake, contract({"id": Rules(type="int64"), "who": Rules(length=(3, 9))}), sql_step=model)
    assert staged(lake).select("id", "who", "_row").rows() == [(1, "Ann", 1), (3, "Cid", 3)]
    assert result.rows_out == 2
    changed = msgspec.structs.replace(model, sql=sql.replace("'2'", "'1'"))
    assert stage(lake, result.contract, sql_step=changed).rows_out == 2
    assert staged(lake)["id"].to_list() == [2, 3]


def test_a_held_back_row_of_a_sql_step_shows_its_raw_row(lake: Lake) -> None:
    lake.batch("d", {"id": ["1", "x"], "other": ["p", "q"]})
    model = Model(layer="staging", name="d", header=Header(), sql="SELECT id FROM lake.d")
    stage(lake, contract({"id": Rules(type="int64")}), sql_step=model)
    raw = quarantined(lake.layout, lake.ledger, "d").collect()["raw"].to_list()
    assert [json.loads(r) for r in raw] == [{"id": "x", "other": "q"}]


# -- drift ----------------------------------------------------------------------------------------

TWO = {"a": Rules(type="int64"), "b": Rules()}


def drifted(lake: Lake, rows: Any, **policies: Any) -> StageResult:
    lake.batch("d", {"a": ["1"], "b": ["x"]})
    given = contract(TWO, drift=Drift(**policies))
    stage(lake, given)
    lake.batch("d", rows)
    return stage(lake, given)


NEW = {"a": ["2", "3"], "b": ["y", "z"], "c": ["2026-01-01", ""]}
LACKING = {"a": ["2", "3"]}
WIDER = {"a": ["2.5", "3"], "b": ["y", "z"]}


def test_new_column_evolves_the_contract(lake: Lake) -> None:
    result = drifted(lake, NEW, new_column="evolve")
    assert result.contract_changed
    assert result.contract.columns["c"].type == "date"
    assert staged(lake)["c"].to_list() == [None, date(2026, 1, 1), None]
    assert "a column 'c' that the contract lacks: the contract has it now (c date)" in result.notes[0]


def test_a_raw_column_whose_name_another_one_was_given_stays_out(lake: Lake) -> None:
    lake.batch("d", {"mail": ["new@x"], "email": ["old@x"]})
    given = contract({"email": Rules(source="mail")}, drift=Drift(new_column="fail"))
    result = stage(lake, given)
    assert (result.contract, result.notes) == (given, [])
    assert staged(lake)["email"].to_list() == ["new@x"]


def test_a_source_that_no_batch_has_is_told(lake: Lake) -> None:
    lake.batch("d", {"mail": ["a@x"]})
    result = stage(lake, contract({"email": Rules(source="mial"), "one": Rules(default="1")}))
    assert "no batch has a column 'mial': email is NULL everywhere; did you mean 'mail'?" in result.notes
    assert set(result.contract.columns) == {"email", "one", "mail"}
    assert not any("one" in n for n in result.notes)


def test_new_column_ignored(lake: Lake) -> None:
    result = drifted(lake, NEW, new_column="ignore")
    assert not result.contract_changed
    assert "c" not in staged(lake).columns
    assert result.rows_out == 2


def test_new_column_quarantined(lake: Lake) -> None:
    result = drifted(lake, NEW, new_column="quarantine")
    assert held(lake) == [(1, "c", "drift", "2026-01-01")]
    assert result.rows_out == 1


@pytest.mark.parametrize(
    ("rows", "policy"), [(NEW, "new_column"), (LACKING, "missing_column"), (WIDER, "widened_type")]
)
def test_drift_fails_and_leaves_everything(lake: Lake, rows: Any, policy: str) -> None:
    with pytest.raises(CheckError, match=policy) as error:
        drifted(lake, rows, **{policy: "fail"})
    assert policy in error.value.hint
    assert staged(lake).height == 1
    assert len(lake.ledger.parts("d")) == 1


@pytest.mark.parametrize("policy", ["evolve", "ignore"])
def test_missing_column_is_null(lake: Lake, policy: str) -> None:
    result = drifted(lake, LACKING, missing_column=policy)
    assert staged(lake)["b"].to_list() == ["x", None, None]
    assert bool(result.notes) == (policy == "evolve")


def test_missing_column_quarantined(lake: Lake) -> None:
    drifted(lake, LACKING, missing_column="quarantine")
    assert [rule for _, _, rule, _ in held(lake)] == ["drift", "drift"]


def test_wider_text_evolves_and_all_batches_are_staged_again(lake: Lake) -> None:
    result = drifted(lake, WIDER, widened_type="evolve")
    assert result.contract.columns["a"].type.startswith("decimal")
    assert len(result.parts) == 2
    assert staged(lake)["a"].to_list() == [Decimal("1.0"), Decimal("2.5"), Decimal("3.0")]


def test_decimals_stay_exact_however_often_they_widen(lake: Lake) -> None:
    made = stage(lake_with(lake, "a", "5"))
    for value, kind in [("5.5", 1), ("5.55", 2), ("0.12345678901", 11)]:
        made = stage(lake_with(lake, "a", value), made.contract)
        assert made.contract.columns["a"].type == f"decimal(38,{kind})"
    long = "1" * 38
    made = stage(lake_with(lake, "a", long), made.contract)
    assert made.contract.columns["a"].type == "decimal(38,11)", "no float comes in its place"
    assert held(lake) == [(1, "a", "type", long)]
    assert staged(lake)["a"].to_list() == [Decimal(v) for v in ("5", "5.5", "5.55", "0.12345678901")]


def lake_with(lake: Lake, column: str, value: str) -> Lake:
    lake.batch("d", {column: [value]})
    return lake


@pytest.mark.parametrize("policy", ["ignore", "quarantine"])
def test_wider_text_held_back(lake: Lake, policy: str) -> None:
    result = drifted(lake, WIDER, widened_type=policy)
    assert held(lake) == [(1, "a", "type", "2.5")]
    assert result.contract.columns["a"].type == "int64"


def test_dirt_is_no_drift(lake: Lake) -> None:
    result = drifted(lake, {"a": ["x", "y", "2.5"], "b": ["p", "q", "r"]})
    assert result.contract.columns["a"].type == "int64"
    assert result.quarantined == 3


def test_typed_sources_widen_and_narrow(lake: Lake) -> None:
    lake.batch("d", pl.DataFrame({"a": [1]}, schema={"a": pl.Int32}))
    first = stage(lake)
    assert first.contract.columns["a"].type == "int32"
    lake.batch("d", pl.DataFrame({"a": [2**40]}))
    second = stage(lake, first.contract)
    assert second.contract.columns["a"].type == "int64"
    lake.batch("d", pl.DataFrame({"a": [7]}, schema={"a": pl.Int8}))
    third = stage(lake, second.contract)
    assert not third.contract_changed
    assert staged(lake)["a"].to_list() == [1, 2**40, 7]


def test_floats_that_are_decimals_leave_the_contract_alone(lake: Lake) -> None:
    lake.batch("d", pl.DataFrame({"p": [19.99, 0.1, None]}))
    given = contract({"p": Rules(type="decimal(12,2)")})
    assert not stage(lake, given).contract_changed
    assert staged(lake)["p"].to_list() == [Decimal("19.99"), Decimal("0.10"), None]
    lake.batch("d", pl.DataFrame({"p": [0.125]}))
    assert stage(lake, given).contract.columns["p"].type == "float64"


def test_nested_fields_join_the_contract(lake: Lake) -> None:
    lake.batch("d", pl.DataFrame({"s": [{"x": 1}]}))
    first = stage(lake)
    lake.batch("d", pl.DataFrame({"s": [{"x": 2, "y": "new"}]}))
    second = stage(lake, first.contract)
    assert second.contract.columns["s"].type == "struct(x int64, y string)"
    assert staged(lake)["s"].to_list() == [{"x": 1, "y": None}, {"x": 2, "y": "new"}]


def test_timestamps_from_typed_sources_keep_their_instant(lake: Lake) -> None:
    lake.batch(
        "d",
        pl.DataFrame({"t": [datetime(2026, 7, 1, 12)]}).select(
            pl.col("t").dt.replace_time_zone("Europe/Berlin")
        ),
    )
    assert stage(lake).contract.columns["t"].type == "timestamptz"
    assert staged(lake)["t"].dt.replace_time_zone(None).to_list() == [datetime(2026, 7, 1, 10)]


# -- thresholds -----------------------------------------------------------------------------------


def snapshot(lake: Lake) -> dict[str, bytes]:
    folder = lake.root / "staging"
    return {str(p.relative_to(folder)): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


@pytest.mark.parametrize("limit", ["1", "25%"])
def test_a_threshold_fails_and_leaves_the_staging_area_untouched(lake: Lake, limit: str) -> None:
    given = contract({"a": Rules(type="int64")}, quarantine_limit=limit)
    lake.batch("d", {"a": ["1", "2", "3", "x"]})
    stage(lake, given)
    before, parts = snapshot(lake), lake.ledger.parts("d")
    lake.batch("d", {"a": ["4"]})
    lake.batch("d", {"a": ["5", "y", "zz", "6"]})
    with pytest.raises(CheckError) as error:
        stage(lake, given)
    assert error.value.exit_code == 1
    assert "2 of 4 rows (50.0%)" in error.value.message
    assert "2 x a is no int64 ('y', 'zz')" in error.value.message
    assert snapshot(lake) == before
    assert lake.ledger.parts("d") == parts
    rejected = pl.read_parquet(lake.root / ".dwkit/rejected/d.parquet")
    assert rejected.select("_row", "column", "value").rows() == [(2, "a", "y"), (3, "a", "zz")]
    assert ".dwkit/rejected/d.parquet" in error.value.hint
    assert stage(lake, given, limit="50%").quarantined == 2
    assert not (lake.root / ".dwkit/rejected/d.parquet").exists()


def test_the_limit_is_no_reason_to_stage_again(lake: Lake) -> None:
    lake.batch("d", {"a": ["1"]})
    stage(lake, contract({"a": Rules()}))
    assert stage(lake, contract({"a": Rules()}, quarantine_limit="5%")).nothing_to_do


@pytest.mark.parametrize(
    "given",
    [
        {"quarantine_limit": "five"},
        {"key": ["b"]},
        {"dedupe": Dedupe()},
        {"columns": {"a": Rules(pattern="(")}},
    ],
)
def test_a_contract_that_contradicts_itself(lake: Lake, given: dict[str, Any]) -> None:
    lake.batch("d", {"a": ["1"]})
    with pytest.raises(ConfigError) as error:
        stage(lake, Contract(**({"columns": {"a": Rules()}} | given)))
    assert error.value.keys[0] == next(iter(given))


# -- again from the lake, and kills ---------------------------------------------------------------


def test_a_changed_contract_stages_all_batches_again(lake: Lake) -> None:
    lake.batch("d", {"a": ["1"]})
    lake.batch("d", {"a": ["2"]})
    stage(lake, contract({"a": Rules(type="int64")}))
    digests = {p.digest for p in lake.ledger.parts("d")}
    wider = contract({"a": Rules(type="string")})
    assert len(pending("d", ledger=lake.ledger, contract=wider)) == 2
    stage(lake, wider)
    assert staged(lake)["a"].to_list() == ["1", "2"]
    assert not digests & {p.digest for p in lake.ledger.parts("d")}
    assert pending("d", ledger=lake.ledger, contract=wider) == []


def test_staging_can_be_deleted_and_comes_back_the_same(lake: Lake) -> None:
    lake.batch("d", {"a": ["1", "x", "3"], "k": ["1", "2", "1"]})
    given = contract({"a": Rules(type="int64"), "k": Rules(unique=True)})
    stage(lake, given)
    rows, parts, bad = staged(lake), lake.ledger.parts("d"), held(lake)
    for path in (lake.root / "staging").rglob("*.parquet"):
        path.unlink()
    stage(lake, given)
    assert staged(lake).equals(rows)
    assert [p.digest for p in lake.ledger.parts("d")] == [p.digest for p in parts]
    assert held(lake) == bad


_KILLED = """
import os, sys
from pathlib import Path
sys.path[:0] = [{tests!r}]
from lake_fixture import Lake
from dwkit.model.contract import Contract, Rules
from dwkit.staging import stage_dataset
import dwkit.staging.commit as commit
from dwkit.ledger import Ledger
lake, left = Lake(Path({root!r})), [{at}]
def dying(real):
    def step(*args, **kwargs):
        if left[0] == 0:
            os._exit(9)
        left[0] -= 1
        return real(*args, **kwargs)
    return step
commit.commit_file = dying(commit.commit_file)
Ledger.replace_parts = dying(Ledger.replace_parts)
contract = Contract(columns={{"a": Rules(type="int64")}})
stage_dataset("d", layout=lake.layout, ledger=lake.ledger, run="r", contract=contract, tables=lake.tables)
"""


@pytest.mark.parametrize("at", range(6))
def test_a_kill_between_any_two_steps_loses_and_doubles_nothing(lake: Lake, at: int) -> None:
    lake.batch("d", {"a": ["1", "x"]})
    lake.batch("d", {"a": ["2", "y"]})
    code = _KILLED.format(tests=str(Path(__file__).parent), root=str(lake.root), at=at)
    died = subprocess.run([sys.executable, "-c", code], check=False, cwd=Path(__file__).parents[1])
    assert died.returncode == 9
    for part in lake.ledger.parts("d"):
        assert lake.layout.part("d", part.id).is_file()
    given = contract({"a": Rules(type="int64")})
    stage(lake, given)
    assert staged(lake)["a"].to_list() == [1, 2]
    assert [(r, v) for r, _, _, v in held(lake)] == [(2, "x"), (2, "y")]
    assert not any((lake.root / ".dwkit/scratch").iterdir())
    assert stage(lake, given).nothing_to_do
