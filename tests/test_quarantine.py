"""Quarantine: held-back rows are seen, mended, replayed and discarded; retention empties the staging area."""

from __future__ import annotations

import importlib
import os
import time
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from lake_fixture import Lake

from dwkit.errors import DataError, NotFoundError, UsageError
from dwkit.model.contract import Contract, Dedupe, Rules
from dwkit.model.retention import parse_policy
from dwkit.staging import (
    Choice,
    ReplayResult,
    discard,
    export,
    fix,
    fix_file,
    held_rows,
    purge,
    quarantined,
    replay,
    stage_dataset,
)
from dwkit.storage.tables import scan_parts

replaying = importlib.import_module("dwkit.staging.replay")

TYPED = Contract(columns={"k": Rules(type="int64"), "day": Rules(type="date")}, key=["k"])


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    lake = Lake(tmp_path)
    lake.batch(
        "d", {"k": ["1", "two", "3", "3"], "day": ["2026-01-01", "2026-01-02", "2026-02-30", "2026-01-04"]}
    )
    stage(lake, TYPED)
    return lake


def options(lake: Lake) -> dict[str, Any]:
    return {"layout": lake.layout, "ledger": lake.ledger, "run": "run"}


def stage(lake: Lake, contract: Contract = TYPED, **rest: Any) -> Any:
    return stage_dataset("d", contract=contract, tables=lake.tables, **options(lake), **rest)


def again(lake: Lake, contract: Contract = TYPED, **rest: Any) -> ReplayResult:
    return replay("d", contract=contract, tables=lake.tables, **options(lake), **rest)


def mend(lake: Lake, row: int, **changes: str | None) -> int:
    return fix("d", changes, choice=Choice(rows=[("", row)]), **options(lake))


def staged(lake: Lake) -> list[tuple[Any, ...]]:
    parts = [p for p in lake.ledger.parts("d") if not p.purged_at]
    return scan_parts(lake.layout, parts).sort("_row").select("_row", "k").collect().rows()


def states(lake: Lake) -> list[tuple[Any, ...]]:
    frame = quarantined(lake.layout, lake.ledger, "d").sort("_row")
    return frame.select("_row", "state", "column", "rule").collect().rows()


def counted(lake: Lake) -> int:
    return sum(p.quarantined for p in lake.ledger.parts("d"))


def test_what_is_held_back(lake: Lake) -> None:
    assert states(lake) == [(2, "open", "k", "type"), (3, "open", "day", "type")]
    rows = held_rows(lake.layout, lake.ledger, "d")
    assert rows.select("_row", "_rule", "_value", "k", "day").rows() == [
        (2, "type", "two", "two", "2026-01-02"),
        (3, "type", "2026-02-30", "3", "2026-02-30"),
    ]
    assert quarantined(lake.layout, lake.ledger, "other").collect().height == 0


def test_a_fixed_row_comes_back_as_a_part_of_its_own(lake: Lake) -> None:
    before = lake.ledger.parts("d")
    assert mend(lake, 2, k="2") == 1
    assert states(lake)[0] == (2, "fixed", "k", "type")
    result = again(lake)
    assert (result.rows_in, result.rows_out, result.quarantined) == (2, 1, 1)
    assert staged(lake) == [(1, 1), (2, 2), (4, 3)]
    parts = lake.ledger.parts("d")
    assert [p.digest for p in parts][:1] == [p.digest for p in before], "what was staged stays as it was"
    assert (len(parts), parts[1].batch, parts[1].rows_out) == (2, parts[0].id, 1)
    assert states(lake) == [(3, "open", "day", "type")]
    assert counted(lake) == 1
    assert again(lake).rows_out == 0


def test_a_fix_that_does_not_help_stays_with_its_new_reason(lake: Lake) -> None:
    mend(lake, 3, day="2026-02-28")
    again(lake)
    assert states(lake) == [(2, "open", "k", "type"), (3, "fixed", "k", "unique")]
    mend(lake, 3, k="5")
    assert again(lake).rows_out == 1
    day = scan_parts(lake.layout, lake.ledger.parts("d")).filter(pl.col("_row") == 3).collect()
    assert day.row(0)[0] == 5
    assert str(day.row(0)[1]) == "2026-02-28", "an earlier fix of another column still holds"


def test_staging_again_from_the_lake_ends_as_the_replays_did(lake: Lake) -> None:
    mend(lake, 2, k="2")
    again(lake)
    mend(lake, 3, day="2026-01-03", k="1")
    again(lake)
    rows, digests, left = staged(lake), [p.digest for p in lake.ledger.parts("d")], states(lake)
    assert left == [(3, "fixed", "k", "unique")]
    stage(lake, force=True)
    assert (staged(lake), [p.digest for p in lake.ledger.parts("d")], states(lake)) == (rows, digests, left)
    for path in (lake.root / "staging").rglob("*.parquet"):
        path.unlink()
    stage(lake)
    assert (staged(lake), states(lake)) == (rows, left)


def test_fix_by_condition_and_by_staged_name(lake: Lake) -> None:
    renamed = Contract(columns={"key": Rules(type="int64", source="k"), "day": Rules(type="date")})
    stage(lake, renamed)
    choice = Choice(where="day = '2026-02-30' AND _rule = 'type'")
    assert fix("d", {"day": None}, choice=choice, **options(lake)) == 1
    assert fix("d", {"key": "2"}, choice=Choice(where="k = 'two'"), contract=renamed, **options(lake)) == 1
    assert again(lake, renamed).rows_out == 2
    assert states(lake) == []
    assert not list((lake.root / "staging/d/quarantine").iterdir())


def test_discarded_rows_stay_out_and_are_still_told(lake: Lake) -> None:
    assert discard("d", choice=Choice(rows=[("", 2)]), **options(lake)) == 1
    assert counted(lake) == 1
    mend(lake, 3, day="2026-01-03", k="9")
    assert again(lake).rows_out == 1
    assert states(lake) == [(2, "discarded", "k", "type")]
    loose = Contract(columns={"k": Rules(), "day": Rules()})
    result = stage(lake, loose)
    assert result.quarantined == 0
    assert [row for row, _ in staged(lake)] == [1, 3, 4]
    assert [s for _, s, _, _ in states(lake)] == ["discarded"]
    mend(lake, 2, k="2")
    assert again(lake, loose).rows_out == 1


def test_export_edit_and_take_back(lake: Lake, tmp_path: Path) -> None:
    path = tmp_path / "held.csv"
    assert export("d", path, layout=lake.layout, ledger=lake.ledger) == 2
    path.write_text(
        path.read_text().replace(",two,2026-01-02", ",22,2026-01-02").replace(",3,2026-02-30", ",33,")
    )
    assert fix_file("d", path, **options(lake)) == 2
    assert again(lake).rows_out == 2
    assert staged(lake) == [(1, 1), (2, 22), (3, 33), (4, 3)]
    with pytest.raises(UsageError, match=r"held\.csv:2: this row is not held back"):
        fix_file("d", path, **options(lake))


@pytest.mark.parametrize(
    ("mark", "encoding"), [(";", "utf-8-sig"), (";", "utf-8"), ("\t", "utf-16"), (",", "utf-8-sig")]
)
def test_a_spreadsheet_may_save_it_its_own_way(lake: Lake, tmp_path: Path, mark: str, encoding: str) -> None:
    path = tmp_path / "held.csv"
    export("d", path, layout=lake.layout, ledger=lake.ledger)
    assert path.read_bytes().startswith(b"\xef\xbb\xbf"), "what tells Excel the encoding"
    rows = pl.read_csv(path, infer_schema=False).with_columns(
        pl.col("k").replace("two", "22"), pl.col("day").replace("2026-02-30", "2026-02-28")
    )
    path.write_bytes(rows.write_csv(separator=mark, line_terminator="\r\n").encode(encoding))
    assert fix_file("d", path, **options(lake)) == 2
    assert again(lake).rows_out == 1
    assert staged(lake) == [(1, 1), (2, 22), (4, 3)]


def test_a_file_that_cannot_be_taken_back_says_why(lake: Lake, tmp_path: Path) -> None:
    path = tmp_path / "held.csv"
    export("d", path, layout=lake.layout, ledger=lake.ledger)
    text = path.read_text(encoding="utf-8-sig")
    path.write_bytes(text.replace("two", "tw\xf6").encode("latin-1"))
    with pytest.raises(DataError, match=r"held\.csv:2: not UTF-8"):
        fix_file("d", path, **options(lake))
    path.write_text(text.replace(",day", ",dya", 1))
    with pytest.raises(NotFoundError, match="raw column of d named 'dya'"):
        fix_file("d", path, **options(lake))
    with pytest.raises(DataError, match="No such file"):
        fix_file("d", tmp_path / "none.csv", **options(lake))
    assert lake.ledger.decisions("d") == []


def test_many_rows_are_mended_and_replayed_in_one_go(tmp_path: Path) -> None:
    lake = Lake(tmp_path)
    lake.batch("d", {"k": ["x"] * 30_000})
    contract = Contract(columns={"k": Rules(type="int64")})
    stage(lake, contract)
    assert fix("d", {"k": "5"}, choice=Choice(), **options(lake)) == 30_000
    result = again(lake, contract)
    assert (result.rows_in, result.rows_out, result.quarantined) == (30_000, 30_000, 0)


def test_an_exported_file_that_was_not_edited_changes_nothing(lake: Lake, tmp_path: Path) -> None:
    path = tmp_path / "held.csv"
    export("d", path, layout=lake.layout, ledger=lake.ledger)
    assert fix_file("d", path, **options(lake)) == 0
    assert lake.ledger.decisions("d") == []


def test_wrong_names_and_rows(lake: Lake) -> None:
    with pytest.raises(NotFoundError, match="raw column of d named 'dya'"):
        mend(lake, 2, dya="2026-01-01")
    with pytest.raises(UsageError, match="row 1 is not held back"):
        mend(lake, 1, k="1")
    with pytest.raises(NotFoundError):
        fix("nothing", {}, choice=Choice(), **options(lake))


def test_a_fix_must_be_of_the_raw_type(tmp_path: Path) -> None:
    lake = Lake(tmp_path)
    lake.batch("d", pl.DataFrame({"n": [1, 99]}))
    contract = Contract(columns={"n": Rules(type="int64", range=(0, 9))})
    stage(lake, contract)
    with pytest.raises(UsageError, match="n: 'x' is no int64"):
        mend(lake, 2, n="x")
    mend(lake, 2, n="9")
    assert again(lake, contract).rows_out == 1


def test_a_malformed_record_is_given_its_columns(tmp_path: Path) -> None:
    lake = Lake(tmp_path)
    lake.batch("d", {"k": ["1"], "day": ["2026-01-01"]}, malformed=["2,2026-01-02,zzz"])
    stage(lake)
    assert held_rows(lake.layout, lake.ledger, "d")["_raw"].to_list() == ["2,2026-01-02,zzz"]
    mend(lake, 2, k="2", day="2026-01-02")
    assert again(lake).rows_out == 1
    assert staged(lake) == [(1, 1), (2, 2)]
    stage(lake, force=True)
    assert staged(lake) == [(1, 1), (2, 2)]


def test_an_orphan_is_replayed_when_its_parent_has_come(tmp_path: Path) -> None:
    lake = Lake(tmp_path)
    lake.frames["staging.parents"] = pl.LazyFrame({"id": ["1"]})
    lake.batch("d", {"k": ["1", "2"]})
    contract = Contract(columns={"k": Rules(references="parents.id")})
    stage(lake, contract)
    assert again(lake, contract).rows_out == 0
    lake.frames["staging.parents"] = pl.LazyFrame({"id": ["1", "2"]})
    assert again(lake, contract).rows_out == 1
    assert staged(lake) == [(1, "1"), (2, "2")]


def test_a_replayed_row_that_is_the_latest_takes_the_place_of_the_staged_one(tmp_path: Path) -> None:
    lake = Lake(tmp_path)
    lake.batch("d", {"k": ["1", "1", "2"], "v": ["1", "x", "5"]})
    contract = Contract(
        columns={"k": Rules(), "v": Rules(type="int64")}, key=["k"], dedupe=Dedupe(latest_by="v")
    )
    stage(lake, contract)
    assert staged(lake) == [(1, "1"), (3, "2")]
    mend(lake, 2, v="9")
    again(lake, contract)
    assert staged(lake) == [(2, "1"), (3, "2")]
    assert states(lake) == []


@pytest.mark.parametrize("step", ["part", "ledger", "quarantine"])
def test_a_kill_during_a_replay_doubles_nothing(
    lake: Lake, step: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Killed(BaseException):
        pass

    real, calls = replaying.commit_file, []

    def dying(made: Path, final: Path) -> None:
        calls.append(final)
        if (step == "part") == (len(calls) == 1) and step != "ledger":
            raise Killed
        real(made, final)

    def lost(*_: object) -> None:
        raise Killed

    mend(lake, 2, k="2")
    with monkeypatch.context() as patched:
        patched.setattr(replaying, "commit_file", dying)
        if step == "ledger":
            patched.setattr("dwkit.ledger.Ledger.add_part", lost)
        with pytest.raises(Killed):
            again(lake)
    assert len(staged(lake)) == (3 if step == "quarantine" else 2)
    again(lake)
    assert staged(lake) == [(1, 1), (2, 2), (4, 3)]
    assert [s for s, *_ in states(lake)] == [3]
    stage(lake, force=True)
    assert staged(lake) == [(1, 1), (2, 2), (4, 3)]
    known = {p.id for p in lake.ledger.parts("d")}
    assert {p.stem for p in (lake.root / "staging/d").glob("*.parquet")} == known


# -- retention ------------------------------------------------------------------------------------


def rows_by_part(lake: Lake) -> dict[str, pl.DataFrame]:
    return {p.id: pl.read_parquet(lake.layout.part("d", p.id)) for p in lake.ledger.parts("d")}


def test_loaded_parts_are_purged_and_come_back_row_for_row(lake: Lake) -> None:
    mend(lake, 2, k="2")
    again(lake)
    rows, parts = rows_by_part(lake), lake.ledger.parts("d")
    purged = purge(lake.layout, lake.ledger, "loaded", lambda _: True)
    assert [p.id for p in purged] == [p.id for p in parts]
    assert all(p.purged_at for p in lake.ledger.parts("d"))
    assert not list((lake.root / "staging/d").glob("*.parquet"))
    assert stage(lake).nothing_to_do, "what is purged is done with"
    stage(lake, bring_back=True)
    assert [(p.id, p.digest, p.purged_at) for p in lake.ledger.parts("d")] == [
        (p.id, p.digest, "") for p in parts
    ]
    back = rows_by_part(lake)
    assert all(back[i].equals(rows[i]) for i in rows)
    assert purge(lake.layout, lake.ledger, "loaded", lambda _: False) == []


@pytest.mark.parametrize(
    ("policy", "days", "gone"), [("keep", 99, 0), ("7d", 6, 0), ("7d", 8, 1), ("12h", 1, 1)]
)
def test_parts_go_by_age(lake: Lake, policy: str, days: int, gone: int) -> None:
    path = lake.layout.part("d", lake.ledger.parts("d")[0].id)
    then = time.time() - days * 86400
    os.utime(path, (then, then))
    assert len(purge(lake.layout, lake.ledger, policy, lambda _: True)) == gone
    assert path.exists() == (gone == 0)


def test_a_policy_that_is_none() -> None:
    assert parse_policy("2w") == 14 * 86400
    with pytest.raises(UsageError, match="'soon' is no retention"):
        parse_policy("soon")


def test_a_replay_after_a_purge_still_knows_the_keys(lake: Lake) -> None:
    purge(lake.layout, lake.ledger, "loaded", lambda _: True)
    mend(lake, 3, day="2026-01-03")
    again(lake)
    assert (3, "fixed", "k", "unique") in states(lake)
    stage(lake, bring_back=True)
    assert staged(lake) == [(1, 1), (4, 3)]
