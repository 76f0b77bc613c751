"""Lists, structs, maps and JSON."""

from dwkit.sql.functions.call import Functions
from dwkit.sql.functions.nested.access import ACCESS
from dwkit.sql.functions.nested.documents import DOCUMENTS
from dwkit.sql.functions.nested.json import JSON
from dwkit.sql.functions.nested.kinds import KINDS
from dwkit.sql.functions.nested.lambdas import LAMBDAS
from dwkit.sql.functions.nested.lists import LISTS
from dwkit.sql.functions.nested.maps import MAPS
from dwkit.sql.functions.nested.parts import PARTS
from dwkit.sql.functions.nested.sets import SETS
from dwkit.sql.functions.nested.totals import TOTALS
from dwkit.sql.functions.nested.tuple import TUPLE

__all__ = ["NESTED"]

NESTED: Functions = {
    **ACCESS, **LISTS, **PARTS, **SETS, **TOTALS, **MAPS, **LAMBDAS, **JSON, **KINDS, **DOCUMENTS,
    **TUPLE,
}  # fmt: skip
