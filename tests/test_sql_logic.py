"""Every file below tests/sql: its statements run, its queries give the rows that stand there."""

from __future__ import annotations

from pathlib import Path

import pytest
from logic import Failure, Record, alike, read, run_file, shown

HERE = Path(__file__).parent
FILES = sorted((HERE / "sql").rglob("*.test"))


@pytest.mark.parametrize("path", FILES, ids=lambda p: p.relative_to(HERE / "sql").as_posix())
def test_file(path: Path) -> None:
    wrong = run_file(path, path.relative_to(HERE.parent).as_posix())
    more = f"\n... {len(wrong) - 5} more" if len(wrong) > 5 else ""
    assert not wrong, "\n\n".join(map(str, wrong[:5])) + more


def _failures(tmp_path: Path, text: str) -> list[Failure]:
    path = tmp_path / "x.test"
    path.write_text(text)
    return run_file(path, "x.test")


def test_a_wrong_row_is_shown_with_its_place(tmp_path: Path) -> None:
    found = _failures(tmp_path, "# why\n\nquery I\nselect 1 union all select 2 order by 1\n----\n1\n3\n")
    assert len(found) == 1
    message = str(found[0])
    assert message.startswith("x.test:3: wrong rows")
    assert "expected:\n  1\n  3\ngot:\n  1\n  2" in message
    assert "select 1 union all" in message


@pytest.mark.parametrize(
    ("record", "said"),
    [
        ("query I\nselect 1, 2\n----\n1\n", "2 columns, 1 types"),
        ("query X\nselect 1\n----\n1\n", "this is no directive"),
        ("query I\nselect 1\n", "a query needs a line ----"),
        ("statement ok\nselect nothing", "no column 'nothing'"),
        ("statement error\nselect 1", "expected an error"),
        ("query error\nselect nothing\n----\nsomething else", "expected an error with"),
        (
            "statement ok\ncreate table t (a int)\n\nstatement count 2\ninsert into t values (1)",
            "1 rows changed",
        ),
        ("query I\nselect 1\n----\n1\n2\n", "wrong rows"),
        ("query R\nselect 1.5::decimal(4,2)\n----\n1.5\n", "wrong rows"),
    ],
)
def test_what_a_file_can_have_wrong(tmp_path: Path, record: str, said: str) -> None:
    found = _failures(tmp_path, record)
    assert len(found) == 1
    assert said in str(found[0])


def test_records_have_lines_conditions_and_rows() -> None:
    text = "# a\n\nskipif x\nquery I rowsort\nselect\n# not a comment of ours\n1\n----\n1\n\nstatement ok\nselect 1\n"
    assert list(read(text)) == [
        Record(4, ["query", "I", "rowsort"], "select\n# not a comment of ours\n1", ["1"], [("skipif", "x")]),
        Record(11, ["statement", "ok"], "select 1"),
    ]


def test_floats_are_compared_by_value_and_everything_else_by_text() -> None:
    assert alike("0.30000000000000004", "0.3")
    assert not alike("0.31", "0.3")
    assert not alike("1.50", "1.5")
    assert not alike("3", "3.0")
    assert shown([1.0, None, "x"]) == "[1.0, NULL, 'x']"
    assert shown({"a": True}) == "{'a': true}"
