"""Lists, structs and JSON."""

from dwkit.sql.functions.call import Functions
from dwkit.sql.functions.nested.access import ACCESS
from dwkit.sql.functions.nested.json import JSON
from dwkit.sql.functions.nested.lambdas import LAMBDAS
from dwkit.sql.functions.nested.lists import LISTS

__all__ = ["NESTED"]

NESTED: Functions = {**ACCESS, **LISTS, **LAMBDAS, **JSON}
