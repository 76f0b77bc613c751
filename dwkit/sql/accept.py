"""What is accepted: each construct here was compared with what SQL says; any other is refused by name and place.

Polars' SQL passes over clauses that it does not know (PIVOT, for instance), so a list of what is right is
the only safe one.
"""

from __future__ import annotations

from sqlglot import exp

from dwkit.errors import SqlError
from dwkit.sql.place import at_node

__all__ = ["accept"]

_COMMON = frozenset({"this", "expression", "expressions", "alias", "comments"})

_CLAUSES: dict[str, str] = {
    "Select": "with_ distinct from_ joins where group having qualify windows order limit offset kind",
    "Union": "with_ distinct by_name order limit offset",
    "Except": "with_ distinct order limit offset",
    "Intersect": "with_ distinct order limit offset",
    "Subquery": "with_",
    "With": "",
    "CTE": "materialized",
    "Table": "db catalog joins",
    "TableAlias": "columns",
    "Join": "on side kind using method",
    "From": "",
    "Where": "",
    "Group": "all grouping_sets cube rollup",
    "GroupingSets": "",
    "Cube": "",
    "Rollup": "",
    "Having": "",
    "Qualify": "",
    "Order": "",
    "Ordered": "desc nulls_first",
    "Limit": "",
    "Fetch": "direction count limit_options",
    "LimitOptions": "rows",
    "Offset": "",
    "Distinct": "on",
    "Star": "except_ replace rename",
    "Values": "",
    "Tuple": "",
    "Window": "partition_by order spec over",
    "WindowSpec": "kind start start_side end end_side",
    "Filter": "",
    "WithinGroup": "",
    "IgnoreNulls": "",
    "Explode": "",
    "Unnest": "",
}
"""Arguments of clauses that are right, beside those of `_COMMON`."""

_EXPRESSIONS: dict[str, str] = {
    # Names and literals.
    "Alias": "", "Aliases": "", "Column": "table db", "Identifier": "quoted", "Literal": "is_string",
    "National": "", "Null": "", "Boolean": "", "Var": "", "Paren": "", "Dot": "", "Bracket": "offset safe",
    "DataType": "nested kind", "DataTypeParam": "", "Interval": "unit", "WeekStart": "",
    # Operators.
    "Add": "", "Sub": "", "Mul": "", "Div": "typed safe", "IntDiv": "", "Mod": "", "Neg": "", "DPipe": "safe",
    "SafeDivide": "", "BitwiseAnd": "", "BitwiseOr": "", "BitwiseXor": "padding",
    "And": "", "Or": "", "Not": "", "EQ": "", "NEQ": "", "GT": "", "GTE": "", "LT": "", "LTE": "", "Is": "",
    "NullSafeEQ": "", "NullSafeNEQ": "", "Between": "low high symmetric negate", "In": "query negate",
    "Like": "negate", "ILike": "negate", "Escape": "", "Exists": "", "Any": "", "All": "",
    "Case": "ifs default", "If": "true false", "Cast": "to _rounded", "TryCast": "to safe requires_string",
    "Coalesce": "is_nvl is_null", "Nullif": "", "Greatest": "ignore_nulls", "Least": "ignore_nulls",
    # Numbers.
    "Abs": "", "Sign": "", "Round": "decimals truncate casts_non_integer_decimals", "Ceil": "", "Floor": "", "Trunc": "",
    "Sqrt": "", "Cbrt": "", "Exp": "", "Ln": "", "Log": "", "Pow": "", "Pi": "", "Sin": "", "Cos": "",
    "Tan": "", "Cot": "", "Asin": "", "Acos": "", "Atan": "", "Atan2": "", "Degrees": "", "Radians": "",
    # Strings.
    "Upper": "", "Lower": "", "Length": "binary encoding", "BitLength": "", "ByteLength": "", "Trim": "position",
    "Substring": "start length zero_start", "Left": "negative_length_returns_empty",
    "Right": "negative_length_returns_empty",
    "Replace": "replacement", "Reverse": "", "Concat": "safe coalesce", "ConcatWs": "safe coalesce flatten",
    "StrPosition": "substr clamp_position", "StartsWith": "", "EndsWith": "", "Contains": "json_scope",
    "SplitPart": "delimiter part_index part_index_zero_as_one empty_delimiter_returns_whole",
    "Pad": "fill_pattern is_left", "RegexpLike": "flag full_match", "RegexpReplace": "replacement single_replace modifiers",
    # Dates.
    "CurrentDate": "", "CurrentTimestamp": "sysdate", "Extract": "", "Year": "", "Quarter": "", "Month": "",
    "Week": "", "WeekOfYear": "", "Day": "", "DayOfMonth": "", "DayOfWeek": "", "DayOfWeekIso": "", "DayOfYear": "",
    "Hour": "", "Minute": "", "Second": "", "DateTrunc": "unit input_type_preserved",
    "TimestampTrunc": "unit input_type_preserved", "DateDiff": "unit date_part_boundary big_int",
    "DatetimeDiff": "unit", "TimestampDiff": "unit", "TsOrDsDiff": "unit", "DateAdd": "unit", "DateSub": "unit",
    "TsOrDsAdd": "unit return_type", "TimestampAdd": "unit", "TimestampSub": "unit", "DatetimeAdd": "unit",
    "DatetimeSub": "unit", "AddMonths": "preserve_end_of_month", "LastDay": "unit", "Date": "", "TsOrDsToDate": "safe",
    "TsOrDsToTimestamp": "",
    "TimeToStr": "format", "StrToTime": "format", "StrToDate": "format",
    # Aggregates.
    "Count": "big_int", "CountIf": "", "Sum": "", "Avg": "", "Min": "", "Max": "", "AnyValue": "", "First": "", "Last": "",
    "LogicalAnd": "", "LogicalOr": "", "Median": "", "PercentileCont": "", "PercentileDisc": "", "Quantile": "quantile",
    "Stddev": "", "StddevSamp": "", "StddevPop": "", "Variance": "", "VariancePop": "", "GroupConcat": "separator",
    "ArrayAgg": "", "Grouping": "", "Corr": "", "CovarSamp": "", "CovarPop": "",
    # Windows.
    "RowNumber": "", "Rank": "", "DenseRank": "", "PercentRank": "", "CumeDist": "", "Ntile": "",
    "Lag": "offset default", "Lead": "offset default", "FirstValue": "", "LastValue": "",
    "NthValue": "offset",
    # Lists.
    "Array": "", "ArrayContains": "", "ArraySize": "",
}  # fmt: skip

_ACCEPTED = {name: _COMMON | set(words.split()) for name, words in {**_CLAUSES, **_EXPRESSIONS}.items()}

_CALLED = {
    "Pivot": "PIVOT", "TableSample": "TABLESAMPLE", "Lateral": "LATERAL", "SimilarTo": "SIMILAR TO", "Glob": "GLOB",
    "BitwiseNot": "~", "BitwiseLeftShift": "<<", "BitwiseRightShift": ">>", "RegexpILike": "~*",
    "RespectNulls": "RESPECT NULLS", "Into": "INTO", "Connect": "CONNECT BY", "JSONExtract": "a JSON path",
    "JSONExtractScalar": "a JSON path", "AtTimeZone": "AT TIME ZONE", "Struct": "a struct literal",
    "Columns": "COLUMNS", "Slice": "a slice", "ByteString": "an escaped string", "EscapeString": "an escaped string",
}  # fmt: skip
_ARGUMENT = {
    "pivots": "PIVOT or UNPIVOT", "sample": "TABLESAMPLE", "laterals": "LATERAL", "exclude": "EXCLUDE in a window frame",
    "locks": "FOR UPDATE", "into": "INTO", "connect": "CONNECT BY", "distribute": "DISTRIBUTE BY",
    "sort": "SORT BY", "cluster": "CLUSTER BY", "ordinality": "WITH ORDINALITY", "match": "MATCH_RECOGNIZE",
    "when": "time travel", "version": "time travel", "ilike": "* ILIKE",
}  # fmt: skip


def accept(tree: exp.Expr, sql: str, dialect: str) -> None:
    """Check that a tree holds nothing but what is lowered exactly.

    Raises:
        SqlError: it holds something else; the message names it and shows the place.
    """
    for node in tree.walk():
        refused = _refused(node)
        if refused:
            raise _error(refused, node, sql, dialect)


def _refused(node: exp.Expr) -> str:
    name = type(node).__name__
    known = _ACCEPTED.get(name)
    if known is None:
        return _called(node)
    for argument, value in node.args.items():
        if argument not in known and value not in (None, False, "", []):
            return f"{_ARGUMENT.get(argument, argument.strip('_').upper())} of {_called(node)}"
    return _shape(node)


def _shape(node: exp.Expr) -> str:
    """Return what is refused of an accepted construct."""
    if isinstance(node, exp.Select) and node.args.get("kind"):
        return f"SELECT AS {node.args['kind']}"
    if isinstance(node, exp.With) and node.recursive:
        return "WITH RECURSIVE"
    if isinstance(node, exp.Join) and str(node.method).upper() in ("ASOF", "POSITIONAL"):
        return f"{str(node.method).upper()} JOIN"
    if isinstance(node, exp.Tuple) and not isinstance(
        node.parent, (exp.Values, exp.Cube, exp.Rollup, exp.GroupingSets, exp.Group)
    ):
        return (
            "a row of values in ( )"
            if not node.find_ancestor(exp.GroupingSets, exp.Cube, exp.Rollup, exp.Values)
            else ""
        )
    if isinstance(node, (exp.Any, exp.All)) and isinstance(node.this, (exp.Query, exp.Subquery)) is False:
        return "ANY or ALL over a list"
    if isinstance(node, exp.Fetch) and node.args.get("limit_options"):
        options = node.args["limit_options"]
        if options.args.get("percent") or options.args.get("with_ties"):
            return "FETCH with PERCENT or TIES"
    if isinstance(node, exp.Anonymous):
        return _called(node)
    return ""


def _called(node: exp.Expr) -> str:
    name = type(node).__name__
    if name in _CALLED:
        return _CALLED[name]
    if isinstance(node, exp.Anonymous):
        return f"the function {node.name.upper()}"
    if isinstance(node, exp.Func):
        return f"the function {node.sql_name()}"
    return node.key.upper()


def _error(construct: str, node: exp.Expr, sql: str, dialect: str) -> SqlError:
    placed: exp.Expr | None = node
    while placed is not None and not any("start" in n.meta for n in placed.walk()):
        placed = placed.parent
    return at_node(sql, f"{construct} is not supported", placed or node, dialect=dialect)
