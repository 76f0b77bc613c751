"""``dwkit translate``: the translation on stdout, what is lost on stderr."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from conftest import dwkit

from dwkit.errors import SqlError
from dwkit.sql import translate


def test_a_statement_is_written_in_the_other_dialect(tmp_path: Path) -> None:
    sql = "select top 3 a, isnull(b, 0) as b from t order by a"
    done = dwkit("translate", sql, "--from", "tsql", "--to", "postgres", "--no-pretty", cwd=tmp_path)
    assert done.stdout == "SELECT a, COALESCE(b, 0) AS b FROM t ORDER BY a NULLS FIRST LIMIT 3\n"
    assert done.stderr == ""
    pretty = dwkit("translate", sql, "--from", "tsql", "--to", "postgres", cwd=tmp_path).stdout
    assert pretty.splitlines()[0] == "SELECT"
    assert " ".join(pretty.split()) == done.stdout.strip()


def test_a_script_keeps_its_statements_and_comments(tmp_path: Path) -> None:
    script = b"select 1 as a; -- the first\n\n\nselect len('x') as b;\n"
    done = dwkit(
        "translate", "-", "--from", "tsql", "--to", "mysql", "--no-pretty", cwd=tmp_path, stdin=script
    )
    assert done.stdout == "/* the first */ SELECT 1 AS a;\n\nSELECT CHAR_LENGTH('x') AS b;\n"
    (tmp_path / "x.sql").write_bytes(script)
    listed = dwkit("translate", "x.sql", "--from", "tsql", "--to", "mysql", "-f", "json", cwd=tmp_path)
    rows = json.loads(listed.stdout)
    assert [r["line"] for r in rows] == [1, 4]
    assert [r["statement"] for r in rows] == ["select 1 as a", "select len('x') as b"]
    assert [r["warnings"] for r in rows] == [[], []]


def test_what_cannot_be_kept_is_a_warning_and_with_strict_a_failure(tmp_path: Path) -> None:
    words = (
        "translate",
        "select 1 union all by name select strange(2)",
        "--from",
        "duckdb",
        "--to",
        "sqlite",
    )
    done = dwkit(*words, cwd=tmp_path)
    assert "UNION ALL" in " ".join(done.stdout.split())
    assert "warning: line 1: function STRANGE is not known and kept as written" in done.stderr
    strict = dwkit(*words, "--strict", cwd=tmp_path, ok=False)
    assert strict.returncode == 1
    assert strict.stdout == done.stdout
    assert "in the translation to sqlite" in strict.stderr


def test_a_clause_that_the_other_dialect_lacks_is_named() -> None:
    [found] = translate("select * from t tablesample (10 percent)", "duckdb", "mysql", pretty=False)
    assert found.sql == "SELECT * FROM t"
    assert found.warnings == ("TABLESAMPLE unsupported",)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("selec 1 from (", "--from", "tsql", "--to", "spark"), "line 1, column"),
        (("select 1", "--from", "tsq", "--to", "spark"), "did you mean 'tsql'?"),
        (("select 1",), "--from snowflake --to spark"),
        ((" ;", "--to", "spark"), "there is no SQL"),
    ],
)
def test_errors_name_the_place_and_what_to_type(tmp_path: Path, words: tuple[str, ...], said: str) -> None:
    done = dwkit("translate", *words, cwd=tmp_path, ok=False)
    assert done.returncode == 2
    assert said in done.stderr
    assert done.stdout == ""


def test_a_statement_that_is_only_passed_on_is_told() -> None:
    [found] = translate("vacuum full t", "postgres", "duckdb")
    assert found.warnings == ("VACUUM is not understood and kept as written",)
    with pytest.raises(SqlError):
        translate("select (", "postgres", "duckdb")
