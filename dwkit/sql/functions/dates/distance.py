"""DATE_DIFF and its kin: how many units one moment is after another."""

from __future__ import annotations

import polars as pl
from sqlglot import exp

from dwkit.sql.functions.call import Call, Functions
from dwkit.sql.functions.dates.fields import field_value
from dwkit.sql.functions.dates.units import Unit, clock_of, days_from, moment_of, stamp, unit_of_node
from dwkit.sql.functions.interval import interval_value
from dwkit.sql.value import Interval, Value

__all__ = ["DISTANCE", "boundaries", "complete"]

_INT = pl.Int64()
_MICROS = {
    "WEEK": 604_800_000_000, "ISOWEEK": 604_800_000_000, "DAY": 86_400_000_000, "HOUR": 3_600_000_000,
    "MINUTE": 60_000_000, "SECOND": 1_000_000, "EPOCH": 1_000_000, "MILLISECOND": 1000, "MICROSECOND": 1,
}  # fmt: skip
_MONTHS = {"MONTH": 1, "QUARTER": 3, "YEAR": 12, "DECADE": 120, "CENTURY": 1200, "MILLENNIUM": 12000}
_LAST_DAY_REACHES = frozenset({"duckdb", "trino"})
"""From January 31st to February 29th is a whole month there: the last day of a month stands for the days it lacks."""


def _micros(value: Value) -> pl.Expr:
    if isinstance(value.dtype, pl.Time):
        return value.expr.cast(pl.Int64) // 1000
    return stamp(value).dt.epoch("us")


def boundaries(call: Call, start: Value, end: Value, unit: Unit) -> pl.Expr:
    """Return how many beginnings of a unit lie between two moments."""
    if unit in ("WEEK", "ISOWEEK") and call.dialect == "duckdb":
        # DuckDB counts seven days there, wherever they begin.
        days = days_from(end.expr) - days_from(start.expr)
        return days.sign() * (days.abs() // 7)
    return _index(call, end, unit) - _index(call, start, unit)


def _index(call: Call, value: Value, unit: Unit) -> pl.Expr:
    """Return the number of the unit that a moment is in."""
    e = value.expr
    if isinstance(value.dtype, pl.Time) and unit not in (
        "HOUR",
        "MINUTE",
        "SECOND",
        "MILLISECOND",
        "MICROSECOND",
        "NANOSECOND",
    ):
        raise call.error(f"a time has no {unit}")
    if unit in ("MONTH", "QUARTER"):
        months = e.dt.year().cast(_INT) * 12 + e.dt.month() - 1
        return months if unit == "MONTH" else months // 3
    if unit in ("YEAR", "ISOYEAR"):
        return (e.dt.year() if unit == "YEAR" else e.dt.iso_year()).cast(_INT)
    if unit in ("DECADE", "CENTURY", "MILLENNIUM"):
        if call.dialect == "duckdb" or unit == "DECADE":
            return e.dt.year().cast(_INT) // (_MONTHS[unit] // 12)
        return field_value(call, e, unit).cast(_INT)
    if unit in ("WEEK", "ISOWEEK"):
        start = 1 if unit == "ISOWEEK" else 0 if call.dialect == "redshift" else unit.start
        return (days_from(e) + 4 - start + 7) // 7
    if unit in ("DAY", "DOW", "DOY", "ISODOW"):
        return days_from(e)
    if unit == "NANOSECOND":
        return _micros(value) * 1000
    if unit in _MICROS:
        return _micros(value) // _MICROS[unit]
    raise call.error(f"a difference cannot be in {unit}")


def complete(call: Call, start: Value, end: Value, unit: Unit) -> pl.Expr:
    """Return how many whole units have passed between two moments, cut towards 0."""
    if unit == "NANOSECOND":
        return (_micros(end) - _micros(start)) * 1000
    if unit not in _MICROS and any(isinstance(v.dtype, pl.Time) for v in (start, end)):
        raise call.error(f"a time has no {unit}")
    if unit in _MICROS:
        apart = _micros(end) - _micros(start)
        return apart.sign() * (apart.abs() // _MICROS[unit])
    if unit not in _MONTHS:
        raise call.error(f"a difference cannot be in {unit}")
    months = whole_months(stamp(start), stamp(end), last_day=call.dialect in _LAST_DAY_REACHES)
    length = _MONTHS[unit]
    return months if length == 1 else months.sign() * (months.abs() // length)


def whole_months(start: pl.Expr, end: pl.Expr, *, last_day: bool = False) -> pl.Expr:
    """Return how many whole months have passed between two timestamps, cut towards 0."""
    index = boundaries_of_months(start, end)
    a, b = _within(start), _within(end)
    if last_day:
        # The later one's last day of the month is as far as the earlier one can be.
        a_end, b_end = _length(start), _length(end)
        a_cut = pl.when(b >= b_end).then(pl.min_horizontal(a, b_end + a % _DAY)).otherwise(a)
        b_cut = pl.when(a >= a_end).then(pl.min_horizontal(b, a_end + b % _DAY)).otherwise(b)
    else:
        a_cut, b_cut = a, b
    return (
        pl.when((index > 0) & (b < a_cut)).then(index - 1)
        .when((index < 0) & (b_cut > a)).then(index + 1)
        .otherwise(index)
    )  # fmt: skip


_DAY = 86_400_000_000


def boundaries_of_months(start: pl.Expr, end: pl.Expr) -> pl.Expr:
    """Return how many beginnings of a month lie between two timestamps."""
    return (end.dt.year().cast(_INT) - start.dt.year()) * 12 + end.dt.month() - start.dt.month()


def _within(e: pl.Expr) -> pl.Expr:
    """Microseconds since the month began."""
    return (e.dt.day().cast(_INT) - 1) * _DAY + e.dt.epoch("us") % _DAY


def _length(e: pl.Expr) -> pl.Expr:
    """Microseconds from the beginning of the month to that of its last day."""
    return (e.dt.days_in_month().cast(_INT) - 1) * _DAY


# -- the functions ------------------------------------------------------------------------------------


def _bare(node: exp.Expr) -> exp.Expr:
    """Take off what sqlglot puts around an argument where it does not know its type."""
    if isinstance(node, (exp.TsOrDsToDate, exp.TimeStrToTime)) and node.args.get("format") is None:
        inner: exp.Expr = node.this
        return inner
    return node


def _ends(call: Call) -> tuple[Value, Value]:
    """Return start and end of a difference."""
    end_node, start_node = call.node.this, call.node.expression
    if call.dialect == "bigquery" or call.given("unit") is not None or call.dialect == "tsql":
        end_node, start_node = _bare(end_node), _bare(start_node)
    read = clock_of if call.given("unit") is not None else moment_of
    start = read(call, call.bind(start_node), start_node, time=True)
    end = read(call, call.bind(end_node), end_node, time=True)
    if isinstance(start.dtype, pl.Time) != isinstance(end.dtype, pl.Time):
        raise call.error("there is no difference between a time and a date")
    return start, end


_CUTS: dict[type[exp.Expr], frozenset[str]] = {
    exp.TimestampDiff: frozenset({"mysql", "spark", "databricks", "bigquery"}),
    exp.DateDiff: frozenset({"trino", "spark", "databricks"}),
}
"""Only whole units count there, elsewhere the boundaries that are crossed."""


def _diff(call: Call) -> Value:
    start, end = _ends(call)
    unit = unit_of_node(call, call.given("unit"))
    if call.dialect == "mysql" and isinstance(call.node, exp.DateDiff):
        start, end = (Value(v.expr.cast(pl.Date), pl.Date(), v.refs) for v in (start, end))
    if (
        isinstance(call.node, exp.DateDiff)
        and call.dialect in ("spark", "databricks")
        and call.given("unit") is None
    ):
        start, end = call.cast(start, pl.Date()), call.cast(end, pl.Date())
    elif (
        isinstance(call.node, exp.DateDiff)
        and call.dialect in ("spark", "databricks")
        and unit == "DAY"
        and (isinstance(start.dtype, pl.Datetime) or isinstance(end.dtype, pl.Datetime))
    ):
        # DATEDIFF(a, b) counts dates, DATEDIFF(DAY, a, b) whole days; the tree does not tell them apart.
        raise call.error(
            "DATEDIFF of timestamps in days", hint="cast them to DATE, or TIMESTAMPDIFF(DAY, ...)"
        )
    whole = call.dialect in _CUTS.get(type(call.node), ())
    made = complete(call, start, end, unit) if whole else boundaries(call, start, end, unit)
    return call.value(made.cast(_INT), _INT)


def _databricks(call: Call) -> Value:
    """DATEDIFF(end, start) counts dates, DATEDIFF(unit, start, end) whole units."""
    nodes = call.node.expressions
    if len(nodes) == 2:
        return call.bind(exp.DateDiff(this=nodes[0], expression=nodes[1]))
    unit, start, end = nodes
    return call.bind(exp.TimestampDiff(this=end, expression=start, unit=exp.Var(this=unit.name)))


def _date_sub(call: Call) -> Value:
    """DATE_SUB('unit', start, end) of DuckDB counts whole units; DATE_SUB(d, interval) moves a date."""
    nodes = call.node.expressions
    if len(nodes) == 3 and call.dialect == "duckdb":
        start, end = (moment_of(call, call.bind(n), n, time=True) for n in nodes[1:])
        return call.value(complete(call, start, end, unit_of_node(call, nodes[0])).cast(_INT), _INT)
    from dwkit.sql.functions.dates.arithmetic import moved

    return moved(call, call.bind(nodes[0]), nodes[1], None, -1)


def _months_between(call: Call) -> Value:
    """MONTHS_BETWEEN(end, start): whole where both are the same day of a month, or both its last; else 31sts.

    The time of day counts in the fraction; Spark and Databricks round it to 8 digits.
    """
    end, start = (clock_of(call, call.arg(k), call.given(k)) for k in ("this", "expression"))
    b, a = stamp(end), stamp(start)
    whole = boundaries_of_months(a, b).cast(pl.Float64)
    same = (a.dt.day() == b.dt.day()) | (
        (a.dt.day() == a.dt.days_in_month()) & (b.dt.day() == b.dt.days_in_month())
    )
    part = (_within(b) - _within(a)) / (31 * _DAY)
    made = pl.when(same).then(whole).otherwise(whole + part)
    off = call.given("roundoff")
    if call.dialect in ("spark", "databricks") and not (isinstance(off, exp.Boolean) and not off.this):
        made = made.round(8)
    if call.dialect == "snowflake":
        made = made.round(6)
    return call.value(made, pl.Float64())


def _age(call: Call) -> Value:
    """AGE(end, start): years and months, then days, then time, as an interval; from midnight today with one argument."""
    nodes = call.node.expressions
    values = [moment_of(call, call.bind(n), n) for n in nodes]
    if len(values) == 1:
        today = pl.lit(call.binder.now).dt.replace_time_zone(None).dt.truncate("1d")
        values.insert(0, Value(today, pl.Datetime("us")))
    end, start = (stamp(v) for v in values)
    if any(getattr(v.dtype, "time_zone", None) for v in values):
        end, start = (
            e.dt.replace_time_zone(None) if getattr(v.dtype, "time_zone", None) else e
            for e, v in zip((end, start), values, strict=True)
        )
    sign = pl.when(end < start).then(-1).otherwise(1)
    late, early = pl.max_horizontal(end, start), pl.min_horizontal(end, start)
    months = boundaries_of_months(early, late)
    days = late.dt.day().cast(_INT) - early.dt.day()
    micros = late.dt.epoch("us") % _DAY - early.dt.epoch("us") % _DAY
    days = pl.when(micros < 0).then(days - 1).otherwise(days)
    micros = pl.when(micros < 0).then(micros + _DAY).otherwise(micros)
    # The days that are short are those of the earlier date's month.
    months = pl.when(days < 0).then(months - 1).otherwise(months)
    days = pl.when(days < 0).then(days + early.dt.days_in_month()).otherwise(days)
    known = end.is_not_null() & start.is_not_null()
    return interval_value(call, Interval(*(pl.when(known).then(p * sign) for p in (months, days, micros))))


def _minus_times(call: Call) -> Value:
    """TIMEDIFF(a, b) of MySQL: the time between two times or timestamps."""
    a, b = (moment_of(call, call.bind(n), n, time=True) for n in call.node.expressions)
    if call.dialect != "mysql":
        raise call.refuse("function TIMEDIFF")
    return interval_value(call, Interval(micros=_micros(a) - _micros(b)))


def _overlaps(call: Call) -> Value:
    """``(s1, e1) OVERLAPS (s2, e2)``: half-open periods, whose ends may come in any order, or be intervals."""
    periods = []
    for node in (call.node.this, call.node.expression):
        if not isinstance(node, exp.Tuple) or len(node.expressions) != 2:
            raise call.error("OVERLAPS wants two periods (start, end)", node)
        first = moment_of(call, call.bind(node.expressions[0]), node)
        second = call.bind(node.expressions[1])
        if second.interval is not None:
            from dwkit.sql.functions.interval import add_interval

            second = add_interval(call, first, second.interval)
        second = moment_of(call, second, node)
        exprs = [stamp(v) for v in (first, second)]
        periods.append((pl.min_horizontal(exprs), pl.max_horizontal(exprs), exprs))
    (s1, e1, one), (s2, e2, two) = periods
    made = (s1 == s2) | pl.when(s1 > s2).then(s1 < e2).otherwise(s2 < e1)
    known = pl.all_horizontal(e.is_not_null() for e in (*one, *two))
    return call.value(pl.when(known).then(made), pl.Boolean())


DISTANCE: Functions = {
    exp.DateDiff: _diff, exp.DatetimeDiff: _diff, exp.TimestampDiff: _diff, exp.TimeDiff: _diff, exp.TsOrDsDiff: _diff,
    "DATEDIFF": _databricks, exp.MonthsBetween: _months_between, "DATE_SUB": _date_sub, "DATESUB": _date_sub, "AGE": _age,
    "TIMEDIFF": _minus_times, exp.Overlaps: _overlaps,
}  # fmt: skip
