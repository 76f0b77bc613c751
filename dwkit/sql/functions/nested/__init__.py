"""Lists, structs, maps and JSON."""

from dwkit.sql.functions.call import Builder, Call, Functions
from dwkit.sql.functions.nested.access import ACCESS
from dwkit.sql.functions.nested.arrays import ARRAYS
from dwkit.sql.functions.nested.dimensions import DIMENSIONS
from dwkit.sql.functions.nested.documents import DOCUMENTS
from dwkit.sql.functions.nested.json import JSON
from dwkit.sql.functions.nested.kinds import KINDS
from dwkit.sql.functions.nested.lambdas import LAMBDAS
from dwkit.sql.functions.nested.lists import LISTS
from dwkit.sql.functions.nested.maps import MAPS
from dwkit.sql.functions.nested.parts import PARTS
from dwkit.sql.functions.nested.records import RECORDS
from dwkit.sql.functions.nested.searched import SEARCHED
from dwkit.sql.functions.nested.sets import SETS
from dwkit.sql.functions.nested.totals import TOTALS
from dwkit.sql.functions.nested.tuple import TUPLE
from dwkit.sql.functions.nested.vectors import VECTORS
from dwkit.sql.value import Value

__all__ = ["NESTED"]

_GENERAL: Functions = {
    **ACCESS, **LISTS, **PARTS, **SETS, **TOTALS, **MAPS, **LAMBDAS, **JSON, **KINDS, **RECORDS, **DOCUMENTS, **VECTORS,
    **TUPLE,
}  # fmt: skip
_DATAFUSION: Functions = {**ARRAYS, **DIMENSIONS, **SEARCHED}
_ONLY_THERE = frozenset({"ARRAY_DIMS", "ARRAY_NDIMS", "EMPTY"})
"""Names that other databases have for something else."""


def _by_dialect(name: str) -> Builder:
    """Return a function that means something else in DataFusion than in the other dialects."""
    own, general = _DATAFUSION[name], _GENERAL.get(name)
    if general is None and name not in _ONLY_THERE:
        return own

    def build(call: Call) -> Value:
        if call.dialect == "datafusion":
            return own(call)
        if general is None:
            raise call.refuse(f"function {name}")
        return general(call)

    return build


NESTED: Functions = {**_GENERAL, **{str(n): _by_dialect(str(n)) for n in _DATAFUSION}}
