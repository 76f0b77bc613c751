"""The ledger: what is entered comes back; a newer format and another writer are refused clearly."""

from __future__ import annotations

import gc
import sqlite3
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from dwkit.errors import ConfigError, NotFoundError, ReachError
from dwkit.ledger import Ledger
from dwkit.ledger.ledger import Decision, Edge
from dwkit.model.batch import Batch, Part, TableVersion
from dwkit.model.ids import new_id


@pytest.fixture
def ledger(tmp_path: Path) -> Ledger:
    return Ledger(tmp_path / ".dwkit" / "ledger.db")


def test_entries_come_back_as_they_went_in(ledger: Ledger) -> None:
    batch = Batch(
        id=new_id(), dataset="a", source="x.csv", digest="d", format="csv", rows=3, columns={"x": "string"},
        options={"delimiter": ";", "widths": [1, 2]}, notes=["n"], files=["p.parquet"],
    )  # fmt: skip
    part = Part(id=batch.id, dataset="a", batch=batch.id, digest="e", contract="c", rows_in=3, rows_out=2)
    version = TableVersion(
        layer="marts", name="m", version=0, model="d", kind="table", rows=1, bytes=2, mode="overwrite",
        inputs={"staging.a": "f"}, parts=[batch.id],
    )  # fmt: skip
    decision = Decision(dataset="a", batch=batch.id, row=7, action="fix", changes={"x": None, "y": "1"})
    edge = Edge(node="marts.m", input="staging.a", columns={"x": ["y"]})
    ledger.add_batch(batch)
    ledger.add_part(part)
    ledger.add_version(version, {part.id: part.digest}, rebuilt=True)
    ledger.decide([decision])
    ledger.set_edges("marts.m", [edge])
    again = Ledger(ledger.path)
    assert again.batches("a") == [batch] == again.batches()
    assert again.batch_with("a", "d") == batch
    assert again.batch_with("b", "d") is None
    assert again.parts("a") == [part]
    assert again.version("marts", "m") == version
    assert again.applied("marts", "m") == {part.id: "e"}
    assert again.decisions("a") == [decision]
    assert again.edges() == [edge]


def test_a_run_keeps_its_steps_and_their_ends(ledger: Ledger) -> None:
    run = ledger.start("dwkit x")
    with run.step("stage", "staging.a") as step:
        step.count(rows_in=5, rows_out=4, quarantined=1)
    with pytest.raises(ValueError, match="boom"), run.step("load", "warehouse.b"):
        raise ValueError("boom")
    run.block("mart", "marts.c", "warehouse.b failed")
    run.finish(1)
    first, second, third = ledger.steps(run.id)
    assert (first.state, first.rows_in, first.rows_out, first.quarantined) == ("done", 5, 4, 1)
    assert (second.state, second.error) == ("failed", "ValueError: boom")
    assert third.state == "blocked"
    found = ledger.run("last")
    assert (found.state, found.exit_code, found.steps, found.quarantined) == ("failed", 1, 3, 1)
    with pytest.raises(NotFoundError):
        ledger.run("zzz")


def test_a_killed_run_is_shown_as_interrupted(ledger: Ledger) -> None:
    script = (
        "import os, sys; from pathlib import Path; from dwkit.ledger import Ledger\n"
        "run = Ledger(Path(sys.argv[1])).start('dwkit x')\n"
        "with run.step('stage', 'staging.a'): os._exit(9)\n"
    )
    subprocess.run([sys.executable, "-c", script, str(ledger.path)], check=False)
    ledger.start("dwkit y").finish(0)
    killed = ledger.runs()[1]
    assert killed.state == "interrupted"
    assert ledger.steps(killed.id)[0].state == "interrupted"


def test_several_threads_write_at_once(ledger: Ledger) -> None:
    run = ledger.start("dwkit x")

    def work(n: int) -> None:
        for _ in range(20):
            with run.step("stage", f"staging.t{n}") as step:
                step.count(rows_in=1)

    threads = [threading.Thread(target=work, args=(n,)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(ledger.steps(run.id)) == 80


def test_a_newer_format_is_refused(ledger: Ledger) -> None:
    ledger.runs()
    con = sqlite3.connect(ledger.path)
    con.execute("PRAGMA user_version = 99")
    con.commit()
    con.close()
    with pytest.raises(ConfigError, match="newer dwkit"):
        Ledger(ledger.path).runs()


def test_a_file_that_is_no_ledger_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "ledger.db"
    path.write_bytes(b"not a database at all, just bytes" * 100)
    with pytest.raises(ConfigError, match="not a ledger"):
        Ledger(path).runs()


def test_an_older_format_is_made_whole(tmp_path: Path) -> None:
    path = tmp_path / "ledger.db"
    first = Ledger(path)
    decision = Decision(dataset="a", batch="b", row=1, action="discard", made_at="2026-01-01")
    first.decide([decision])
    con = sqlite3.connect(path)
    con.execute("DROP TABLE file")
    con.execute("ALTER TABLE decision RENAME TO repair")
    con.execute("PRAGMA user_version = 1")
    con.close()
    again, file = Ledger(path), tmp_path / "x.csv"
    file.write_text("a")
    assert again.decisions("a") == [decision]
    assert not again.file_digest(file, file.stat())
    again.add_file_digest(file, file.stat(), "d")
    assert again.file_digest(file, file.stat()) == "d"


def test_a_full_disk_leaves_the_ledger_as_it_was(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path / "ledger.db")
    con = ledger.database.connection()
    con.execute(f"PRAGMA max_page_count = {con.execute('PRAGMA page_count').fetchone()[0]}")
    with pytest.raises(ReachError, match=r"ledger\.db: database or disk is full"):
        ledger.start("dwkit run " + "x" * 100_000)
    assert ledger.runs() == []
    con.execute("PRAGMA max_page_count = 1000000")
    ledger.start("dwkit run").finish(0)
    assert [r.command for r in ledger.runs()] == ["dwkit run"]


def test_a_ledger_that_may_only_be_read_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = Ledger(tmp_path / "ledger.db")
    before.start("dwkit run").finish(0)
    before.database.connection().close()
    monkeypatch.setattr("os.access", lambda *_: False)
    ledger = Ledger(tmp_path / "ledger.db")
    assert [r.command for r in ledger.runs()] == ["dwkit run"]
    with pytest.raises(ReachError, match="readonly"):
        ledger.start("dwkit load")


def test_a_ledger_that_is_let_go_is_one_file_without_help_of_the_collector(tmp_path: Path) -> None:
    gc.disable()
    try:
        ledger = Ledger(tmp_path / "ledger.db")
        ledger.start("x")
        assert (tmp_path / "ledger.db-wal").exists()
        del ledger
        assert [p.name for p in tmp_path.iterdir()] == ["ledger.db"]
    finally:
        gc.enable()
