"""Mutated queries end in rows or in an error of ours; `python tests/fuzz.py` does it with many more."""

from __future__ import annotations

import random

import pytest
from fuzz import failure, mutated, queries

from dwkit.errors import SqlError
from dwkit.sql import to_lazy


@pytest.mark.parametrize("seed", range(8))
def test_mutated_queries_end_in_rows_or_a_clear_error(seed: int) -> None:
    wrong = [
        f"{what}\n  [{dialect}] {sql!r}"
        for dialect, setup, sql in queries(25, seed)
        if (what := failure(dialect, setup, sql, limit=60)) is not None
    ]
    assert not wrong, "\n".join(wrong)


def test_mutations_differ_and_repeat() -> None:
    made = [mutated("select a, b from t where a > 1", ["select 1"], random.Random(n)) for n in range(40)]
    assert len(set(made)) > 30
    assert made == [
        mutated("select a, b from t where a > 1", ["select 1"], random.Random(n)) for n in range(40)
    ]


def test_what_is_nested_too_deep_is_refused() -> None:
    deep = "select " + "(" * 3000 + "1" + ")" * 3000
    with pytest.raises(SqlError):
        to_lazy(deep, {})
    with pytest.raises(SqlError):
        to_lazy("select " + "1 + " * 4000 + "1", {})
