"""The date dimension: one row a day, generated (Kimball, chapter 3)."""

from __future__ import annotations

from datetime import date

import polars as pl

from dwkit.errors import ConfigError
from dwkit.model.header import Model
from dwkit.warehouse.keys import unknown_member

__all__ = ["date_dimension"]


def date_dimension(model: Model) -> pl.DataFrame:
    """Return one row for each day from the header's ``start`` to its ``end``, and the unknown member.

    The key is the day as a number, 20260131; weeks and days of the week are ISO 8601 (Monday is 1);
    names are English.

    Raises:
        ConfigError: ``start`` or ``end`` is missing, is no date, or they are the wrong way round.
    """
    place = model.path or f"{model.layer}.{model.name}"
    start, end = (_day(model, name, place) for name in ("start", "end"))
    if start > end:
        raise ConfigError(f"start {start} is after end {end}", place=place)
    day, key = pl.col("date"), model.surrogate_key
    days = pl.select(pl.date_range(start, end, interval="1d").alias("date")).select(
        (day.dt.year().cast(pl.Int64) * 10_000 + day.dt.month().cast(pl.Int64) * 100 + day.dt.day()).alias(
            key
        ),
        day,
        day.dt.year().alias("year"),
        day.dt.quarter().cast(pl.Int32).alias("quarter"),
        day.dt.month().cast(pl.Int32).alias("month"),
        day.dt.strftime("%B").alias("month_name"),
        day.dt.day().cast(pl.Int32).alias("day"),
        day.dt.weekday().cast(pl.Int32).alias("day_of_week"),
        day.dt.strftime("%A").alias("day_name"),
        day.dt.week().cast(pl.Int32).alias("iso_week"),
        day.dt.iso_year().alias("iso_year"),
        day.dt.ordinal_day().cast(pl.Int32).alias("day_of_year"),
        (day.dt.weekday() > 5).alias("is_weekend"),
        (day == day.dt.month_end()).alias("is_month_end"),
        day.dt.month_start().alias("first_of_month"),
        day.dt.strftime("%Y-%m").alias("year_month"),
        pl.format("{}-Q{}", day.dt.year(), day.dt.quarter()).alias("year_quarter"),
        day.dt.strftime("%G-W%V").alias("year_week"),
    )
    return pl.concat([unknown_member(dict(days.schema), key, ["date"]), days])


def _day(model: Model, name: str, place: str) -> date:
    text: str = getattr(model.header, name)
    if not text:
        raise ConfigError(
            f"a date dimension needs {name}", place=place, hint=f'{name} = "2025-01-01" in the header'
        )
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise ConfigError(
            f"{name} = {text!r} is no date", place=place, hint=f'{name} = "2025-01-31"'
        ) from None
