"""Progress on stderr: a moving display on a terminal, plain lines elsewhere."""

from __future__ import annotations

import json
import re

import pytest
from cli_frame_tools import bare, on_terminal, run

STEPS = """
import time
from concurrent.futures import ThreadPoolExecutor
from dwkit.cli.progress import StepNode, progress, steps_view

@named("steps")
@standard
def command(app):
    '''For a test.'''
    nodes = [
        StepNode("stage", "staging.orders"),
        StepNode("load", "warehouse.dim_customer"),
        StepNode("load", "warehouse.fact_order"),
        StepNode("mart", "marts.sales"),
    ]
    with steps_view(app.talk, nodes) as view:
        view.start("staging.orders", why="2 new batches")
        view.update("staging.orders", rows=700)
        time.sleep(0.4)
        view.finish("staging.orders", "done", rows_in=1240, rows_out=1234, quarantined=6, seconds=0.5)
        app.talk.warn("6 rows held back")
        view.finish("warehouse.dim_customer", "skipped", why="up to date")
        view.start("warehouse.fact_order")
        view.finish("warehouse.fact_order", "failed", why="column [bold]x is not there\\nat line 3", seconds=0.1)
        view.finish("marts.sales", "blocked", why="warehouse.fact_order failed")
    print("data")

@named("threads")
@click.argument("many", type=int)
@standard
def threads(app, many):
    '''For a test.'''
    nodes = [StepNode("mart", f"marts.m{i}") for i in range(many)]
    def work(node):
        view.start(node.node)
        for rows in range(0, 100, 10):
            view.update(node.node, rows=rows, bytes=rows)
        time.sleep(0.005)
        view.finish(node.node, "done" if node.node.endswith("7") else "skipped", rows_out=100, why="up to date")
    with steps_view(app.talk, nodes) as view, ThreadPoolExecutor(8) as pool:
        list(pool.map(work, nodes))

@named("task")
@click.option("--total", type=int)
@click.option("--fail", is_flag=True)
@standard
def task(app, total, fail):
    '''For a test.'''
    with progress(app.talk, "ingest orders.csv") as task:
        for n in range(1, 21):
            time.sleep(0.05)
            task.update(rows=1000 * n, bytes=50_000 * n, total=total or 0)
        task.update(rows=20_000, bytes=1_000_000, total=total or 0, note="part-3.csv")
        time.sleep(0.2)
        app.talk.warn("odd row")
        if fail:
            raise KeyboardInterrupt
    app.talk.done("ingested orders", rows=20_000)
    print("data")
"""


def test_a_run_ends_with_its_tree() -> None:
    ran = on_terminal(STEPS, "steps")
    assert ran.code == 0
    text = bare(ran.out)
    tree = text[text.rindex("staging\n") :]
    assert [line.strip() for line in tree.split("\n") if line.strip()] == [
        "staging",
        "└── ✓ stage staging.orders               1,234 rows    0.50 s  6 quarantined",
        "warehouse",
        "├── = load warehouse.dim_customer  up to date",
        "└── ✗ load warehouse.fact_order    column [bold]x is not there",
        "marts",
        "└── – mart marts.sales             warehouse.fact_order failed",
        "data",
    ]
    # While it ran: what runs, what waits, and how far all is.
    before = text[: text.rindex("staging\n")]
    assert re.search(r"▸ stage staging\.orders +700 rows +0\.\d\d s", before)
    assert "· mart marts.sales" in before
    assert "0 of 4 steps" in before
    assert "warning: 6 rows held back\n" in before


def test_the_display_is_cleared_away_and_the_cursor_shown_again() -> None:
    for words in (["steps"], ["task"], ["task", "--fail"]):
        out = on_terminal(STEPS, *words).out
        assert out.count("\x1b[?25l") == out.count("\x1b[?25h") >= 1
        assert out.rindex("\x1b[?25h") > out.rindex("\x1b[?25l")


def test_without_colours_or_unicode() -> None:
    plain = on_terminal(STEPS, "steps", NO_COLOR="1").out
    assert not re.search(r"\x1b\[[0-9;]*3[0-9]m", plain)
    ascii_only = bare(on_terminal(STEPS, "steps", PYTHONUTF8="0", PYTHONIOENCODING="ascii").out)
    assert ascii_only.isascii()
    assert "+ stage staging.orders" in ascii_only


def test_lines_where_no_terminal_is() -> None:
    lines = [
        "done stage staging.orders: 1,234 rows, 6 quarantined, 0.50 s",
        "warning: 6 rows held back",
        "skipped load warehouse.dim_customer: up to date",
        "failed load warehouse.fact_order: after 0.10 s",
        "blocked mart marts.sales: warehouse.fact_order failed",
    ]
    assert run(STEPS, "steps") == (0, "data\n", "\n".join(lines) + "\n")
    assert run(STEPS, "steps", "-q") == (0, "data\n", lines[1] + "\n")
    dumb = on_terminal(STEPS, "steps", TERM="dumb").out
    assert lines[0] in dumb
    assert "\x1b" not in dumb


def test_steps_as_json() -> None:
    events = [json.loads(line) for line in run(STEPS, "--json-log", "steps").err.splitlines()]
    steps = [(e["node"], e["state"]) for e in events if e.get("event") == "step"]
    assert steps == [
        ("staging.orders", "running"),
        ("staging.orders", "done"),
        ("warehouse.dim_customer", "skipped"),
        ("warehouse.fact_order", "running"),
        ("warehouse.fact_order", "failed"),
        ("marts.sales", "blocked"),
    ]
    done = events[1]
    assert (done["rows_in"], done["rows_out"], done["quarantined"], done["seconds"]) == (1240, 1234, 6, 0.5)
    assert events[5]["why"] == "column [bold]x is not there\nat line 3"


@pytest.mark.parametrize("many", [8, 300])
def test_many_steps_at_once_on_a_small_terminal(many: int) -> None:
    ran = on_terminal(STEPS, "threads", str(many), lines=20, columns=60)
    assert ran.code == 0
    text = bare(ran.out)
    tree = text[text.rindex("marts\n") :]
    assert tree.count("✓ mart marts.m") == sum(str(i).endswith("7") for i in range(many))
    if many > 100:
        assert "= 270 skipped" in tree
    else:
        assert tree.count("up to date") == 7


def test_a_task_shows_rows_bytes_and_rate() -> None:
    ran = on_terminal(STEPS, "task", "--total", "1000000", columns=100)
    text = bare(ran.out)
    assert re.search(r"ingest orders\.csv .*\d,000 rows, \d+ kB, \d+ kB/s, \d\.\d\d s", text)
    assert "part-3.csv" in text
    assert "━" in text
    assert text.rstrip().endswith("ingested orders: 20,000 rows\ndata")
    assert "━" not in bare(on_terminal(STEPS, "task", columns=100).out)


def test_a_task_is_silent_where_no_terminal_is() -> None:
    assert run(STEPS, "task") == (0, "data\n", "warning: odd row\ningested orders: 20,000 rows\n")


def test_a_short_task_shows_nothing() -> None:
    code = STEPS.replace("range(1, 21)", "range(1, 2)").replace("time.sleep(0.2)", "pass")
    text = on_terminal(code, "task").out
    assert "ingest orders.csv" not in text
