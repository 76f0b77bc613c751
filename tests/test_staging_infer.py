"""Inference: the narrowest type that holds all values, exactly."""

from __future__ import annotations

import string
from datetime import UTC, date, datetime, time
from decimal import Decimal
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dwkit.model.contract import Rules
from dwkit.staging import infer, typed
from dwkit.staging.candidates import CANDIDATES, TOKENS, Candidate


def rules_of(values: list[Any], name: str = "x") -> Rules:
    contract, _ = infer(pl.LazyFrame({name: values}, schema={name: pl.String}))
    return contract.columns[name]


@pytest.mark.parametrize(
    ("values", "kind"),
    [
        (["1", "-20", "0"], "int64"),
        (["1", None, ""], "int64"),
        (["01234", "99999"], "string"),
        (["+49123", "1"], "string"),
        ([" 1", "2"], "string"),
        (["1.50", "2", "-0.25", ".5"], "decimal(18,2)"),
        (["12345678901234567890", "1"], "decimal(38,0)"),
        (["9" * 39, "1"], "string"),
        (["1.5e3", "0.1234567890123456789"], "string"),
        (["1e400", "2.5"], "string"),
        (["0.12345678901234567e-10", "-2.5E+10", "0.00000000000000000001"], "float64"),
        (["1e5", "2.5"], "float64"),
        (["1.0", "abc"], "string"),
        (["2026-01-02", "2026-1-3"], "date"),
        (["2026-01-02", "2026-02-30"], "string"),
        (["26-01-02", "27-01-02"], "string"),
        (["2026-01-02 03:04:05", "2026-01-02"], "timestamp"),
        (["2026-01-02T03:04:05.123", "2026-01-02T03:04"], "timestamp"),
        (["2026-01-02T03:04:05Z", "2026-01-02 03:04:05+02:00"], "timestamptz"),
        (["12:34", "12:34:56.5"], "time"),
        (["true", "FALSE"], "boolean"),
        (["yes", "no", "Yes"], "boolean"),
        (["y", "n"], "boolean"),
        (["n", "n"], "string"),
        (["0", "1"], "int64"),
        (["on", "off"], "boolean"),
        ([None, None], "string"),
        (["", None], "string"),
        (["NA", "-"], "string"),
        (["20260101", "20260102"], "int64"),
    ],
)
def test_type_of_text(values: list[Any], kind: str) -> None:
    assert rules_of(values).type == kind


@pytest.mark.parametrize(
    ("values", "kind", "style"),
    [
        (["31/12/2026", "01/02/2026"], "date", "%d/%m/%Y"),
        (["12/31/2026", "01/02/2026"], "date", "%m/%d/%Y"),
        (["31.12.2026", "01.02.2026"], "date", "%d.%m.%Y"),
        (["2026/01/02"], "date", "%Y/%m/%d"),
        (["02 Jan 2026", "3 Feb 2026"], "date", "%d %b %Y"),
        (["10/Oct/2000:13:55:36 -0700"], "timestamptz", "%d/%b/%Y:%H:%M:%S %z"),
        (["31/12/2026 10:00", "01/02/2026 11:30"], "timestamp", "%d/%m/%Y %H:%M"),
        (["Fri, 02 Jan 2026 10:00:00 GMT"], "timestamptz", "%a, %d %b %Y %H:%M:%S GMT"),
    ],
)
def test_formats_of_dates(values: list[str], kind: str, style: str) -> None:
    found = rules_of(values)
    assert (found.type, found.format) == (kind, style)


def test_a_zone_that_is_spelled_out_makes_an_instant() -> None:
    made = typed(pl.LazyFrame({"x": ["Fri, 02 Jan 2026 10:00:00 GMT"]})).collect()["x"]
    assert made.to_list() == [datetime(2026, 1, 2, 10, tzinfo=UTC)]


def test_compact_dates_need_a_likely_name() -> None:
    assert rules_of(["20260101", "20260102"], "order_date").format == "%Y%m%d"
    assert rules_of(["20260101", "20261301"], "order_date").type == "int64"


def test_day_and_month_that_cannot_be_told_apart_stay_text_with_a_note() -> None:
    contract, notes = infer(pl.LazyFrame({"born": ["01/02/2026", "03/04/2026"]}), dataset="people")
    assert contract.columns["born"].type == "string"
    assert 'set type = "date", format = "%d/%m/%Y" in [datasets.people.columns.born]' in notes[0]
    assert "%d/%m/%Y and %m/%d/%Y" in notes[0]


def test_decimal_comma() -> None:
    found = rules_of(["1.234,5", "0,25", "7"])
    assert (found.type, found.decimal_comma) == ("decimal(18,2)", True)
    assert rules_of(["1,500", "2,750"]).type == "string"


def test_null_tokens_count_only_where_they_let_the_column_be_typed() -> None:
    assert rules_of(["1", "NA", "N/A"]).null_values == ["N/A", "NA"]
    assert rules_of(["1.5e3", "nan"]) == Rules(type="float64", null_values=["nan"])
    assert rules_of(["1", "?", "#DIV/0!"]) == Rules(type="int64", null_values=["#DIV/0!", "?"])
    assert rules_of(["2026-01-02", "0000-00-00"]) == Rules(type="date", null_values=["0000-00-00"])
    assert rules_of(["a", "NA"]).null_values == []
    assert rules_of(["a", ""]) == Rules()


def test_a_nearly_typed_column_stays_text_with_a_note() -> None:
    values = ["2026-01-02 10:11:12"] * 97 + ["2026-02-30 10:11:12", "soon", "NA"]
    contract, notes = infer(pl.LazyFrame({"ordered_at": values}), dataset="orders")
    assert contract.columns["ordered_at"].type == "string"
    assert notes[0].startswith("ordered_at: 2 of 99 values are no timestamp ('2026-02-30 10:11:12', 'soon')")
    assert notes[0].endswith(
        'set type = "timestamp" in [datasets.orders.columns.ordered_at] to quarantine those rows'
    )


def test_all_rows_are_looked_at_not_a_sample() -> None:
    many = 60_000
    frame = pl.LazyFrame(
        {
            "text": ["1"] * many + ["x"],
            "late": [None] * many + ["2026-01-01"],
            "moment": ["2026-01-01"] * many + ["2026-01-01 10:00:00"],
            "exact": ["5"] * many + ["0.125"],
            "big": ["5"] * many + ["1e7"],
            "missing": ["5"] * many + ["NA"],
            "day": ["01/02/2026"] * many + ["31/12/2026"],
            "code": ["12"] * many + ["012"],
        }
    )
    contract, notes = infer(frame)
    assert {n: r.type for n, r in contract.columns.items()} == {
        "text": "string", "late": "date", "moment": "timestamp", "exact": "decimal(18,3)", "big": "float64",
        "missing": "int64", "day": "date", "code": "string",
    }  # fmt: skip
    assert contract.columns["missing"].null_values == ["NA"]
    assert any("text: 1 of 60,001 values is no int64 ('x')" in n for n in notes)


def test_a_number_too_long_for_a_float_deep_in_a_column_keeps_its_digits() -> None:
    values = ["1e5", "2.5"] * 15_000 + ["12345678901234567890123456789012345678901234"]
    assert typed(pl.LazyFrame({"x": values})).collect()["x"].to_list() == values


def test_typed_columns_keep_their_types_and_their_texts_are_inferred() -> None:
    frame = pl.LazyFrame({"a": [1.5, None], "b": [[1], []], "c": [{"d": "x"}] * 2, "e": ["2026-01-01"] * 2})
    contract, _ = infer(frame)
    types = {n: r.type for n, r in contract.columns.items()}
    assert types == {"a": "float64", "b": "list(int64)", "c": "struct(d string)", "e": "date"}


def test_keys_are_suggested_by_name_and_judged_by_batch() -> None:
    frame = pl.LazyFrame({"customer_id": ["1", "2", "1", "2"], "x": list("abab"), "_batch": list("ppqq")})
    contract, notes = infer(frame)
    assert contract.key == ["customer_id"]
    assert notes == ['key = ["customer_id"]: unique in every batch and never missing']


def test_pairs_are_keys_too() -> None:
    frame = pl.LazyFrame({"order_id": ["1", "1", "2"], "line_no": ["1", "2", "1"], "x": list("aaa")})
    assert infer(frame)[0].key == ["order_id", "line_no"]


def test_a_key_with_a_few_repeats_is_only_noted() -> None:
    frame = pl.LazyFrame({"order_id": [str(i) for i in range(99)] + ["5"]})
    contract, notes = infer(frame, dataset="orders")
    assert contract.key == []
    assert "1 of 100 rows repeat a value" in notes[0]


def test_typed_frame() -> None:
    frame = typed(pl.LazyFrame({"a": ["1", ""], "b": ["x", "y"]}))
    assert frame.collect().to_dict(as_series=False) == {"a": [1, None], "b": ["x", "y"]}


_PLAIN = st.text(string.ascii_letters + string.digits + " -+./:,", max_size=8)


def _exact(values: list[Any], texts: list[str | None]) -> None:
    frame = pl.LazyFrame({"x": texts}, schema={"x": pl.String})
    found = typed(frame).collect()["x"].to_list()
    assert found == values


@settings(max_examples=25, deadline=None)
@given(
    st.one_of(
        st.lists(st.integers(-(2**63), 2**63 - 1), min_size=1, max_size=20),
        st.lists(st.dates(date(1000, 1, 1)), min_size=1, max_size=20),
        st.lists(st.datetimes(datetime(1000, 1, 1)), min_size=1, max_size=20),
        st.lists(st.times(), min_size=1, max_size=20),
        st.lists(st.decimals(-(10**12), 10**12, places=4), min_size=1, max_size=20),
        st.lists(st.booleans(), min_size=2, max_size=20),
    ),
    st.integers(0, 3),
)
def test_what_was_typed_is_inferred_back_exactly(values: list[Any], missing: int) -> None:
    texts: list[str | None] = []
    for value in values:
        texts.append(
            "yes"
            if value is True
            else "no"
            if value is False
            else f"{value:f}"
            if isinstance(value, Decimal)
            else str(value)
        )
    _exact([*values, *[None] * missing], [*texts, *[None] * missing])


@settings(max_examples=25, deadline=None)
@given(st.lists(st.datetimes(datetime(1000, 1, 2), datetime(9998, 1, 1)), min_size=1, max_size=10))
def test_instants_are_inferred_back_exactly(values: list[datetime]) -> None:
    instants = [v.replace(tzinfo=UTC) for v in values]
    _exact(instants, [v.isoformat().replace("+00:00", "Z") for v in instants])


@settings(max_examples=40, deadline=None)
@given(st.lists(_PLAIN, min_size=1, max_size=10))
def test_no_text_is_lost_or_changed(texts: list[str]) -> None:
    """Whatever the type, a value is NULL only for a spelling of NULL, and numbers keep their value."""
    found = typed(pl.LazyFrame({"x": texts})).collect()["x"]
    for text, value in zip(texts, found.to_list(), strict=True):
        if value is None:
            assert text in ("", *TOKENS)
        elif isinstance(value, str):
            assert value == text
        elif isinstance(value, int) and not isinstance(value, bool):
            assert str(value) == text
        elif isinstance(value, Decimal) and "," not in text:
            assert value == Decimal(text)
        elif isinstance(value, time):
            assert text.startswith((f"{value.hour:02d}:", f"{value.hour}:"))


FORMATS = [c for c in CANDIDATES if c.rules.format]


@settings(deadline=None, max_examples=50)
@given(
    candidate=st.sampled_from(FORMATS),
    instant=st.datetimes(datetime(1000, 1, 1), datetime(9999, 12, 31), timezones=st.just(UTC)),
    swaps=st.lists(st.sampled_from([("/0", "/"), (" 0", " "), (" ", "  "), (":0", ":"), (".000000", "")])),
)
def test_every_text_of_a_format_has_its_shape(
    candidate: Candidate, instant: datetime, swaps: list[tuple[str, str]]
) -> None:
    text = instant.strftime(candidate.rules.format.replace("%.f", ".%f").replace("%#z", "%z"))
    for old, new in swaps:
        text = text.replace(old, new)
    for one in CANDIDATES:
        if one.fits(pl.Series([text])).item():
            assert one.resembles([text]), (one.rules, text)
