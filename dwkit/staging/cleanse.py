"""Cleansing of one column: from the raw column to the value that is then typed.

The order is fixed: take the ``source`` (a column, or a field of a struct), ``split``, ``trim``,
``case``, ``replace`` (whole values), ``null_values``. Empty text is NULL: a text file has no other way to say so.
"""

from __future__ import annotations

from collections.abc import Mapping

import polars as pl

from dwkit.model.contract import Rules
from dwkit.staging.cast import Cast, as_text

__all__ = ["cleanser", "source_column", "source_of"]


def source_of(name: str, rules: Rules) -> str:
    """Return the name by which the raw data holds a staged column: ``source``, else its own."""
    return rules.source or name


def source_column(source: str, schema: Mapping[str, pl.DataType]) -> tuple[pl.Expr, pl.DataType] | None:
    """Return the expression and type of a raw column, or of a field ``a.b`` of a struct.

    Returns:
        None when the raw data has no such column.
    """
    if source in schema:
        return pl.col(source), schema[source]
    column, dot, path = source.partition(".")
    if not dot or column not in schema:
        return None
    value, dtype = pl.col(column), schema[column]
    for field in path.split("."):
        held = {f.name: f.dtype for f in dtype.fields} if isinstance(dtype, pl.Struct) else {}
        if field not in held:
            return None
        value, dtype = value.struct.field(field), held[field]  # type: ignore[assignment]
    return value, dtype


def cleanser(rules: Rules) -> Cast:
    """Return what cleanses a column."""
    steps: list[Cast] = []
    if rules.split:
        steps.append(
            lambda s: (
                s.to_frame()
                .select(pl.all().str.split(rules.split).list.get(rules.part - 1, null_on_oob=True))
                .to_series()
            )
        )
    if rules.trim:
        steps.append(lambda s: s.str.strip_chars())
    if rules.case == "lower":
        steps.append(lambda s: s.str.to_lowercase())
    elif rules.case == "upper":
        steps.append(lambda s: s.str.to_uppercase())
    elif rules.case == "title":
        steps.append(lambda s: s.str.to_titlecase())
    if rules.replace:
        steps.append(lambda s: s.replace(list(rules.replace), list(rules.replace.values())))
    nulls = [text for text in rules.null_values if text]

    def cleanse(values: pl.Series) -> pl.Series:
        if steps:
            values = as_text(values)
            for step in steps:
                values = step(values)
        if values.dtype == pl.String():
            values = _without(values, values == "")
            return _without(values, values.is_in(nulls)) if nulls else values
        if nulls:
            return _without(values, as_text(values).is_in(nulls))
        return values

    return cleanse


def _without(values: pl.Series, gone: pl.Series) -> pl.Series:
    gone = gone.fill_null(False)
    if not gone.any():  # most batches have none: look before copying
        return values
    frame = pl.DataFrame({"x": values, "gone": gone})
    return frame.select(pl.when(~pl.col("gone")).then("x")).to_series().alias(values.name)
