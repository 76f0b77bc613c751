"""Functions of text."""

from dwkit.sql.functions.call import Functions
from dwkit.sql.functions.collations import COLLATIONS
from dwkit.sql.functions.strings.basic import BASIC
from dwkit.sql.functions.strings.coding import CODING
from dwkit.sql.functions.strings.find import FIND
from dwkit.sql.functions.strings.part import PARTS
from dwkit.sql.functions.strings.tokens import TOKENS

__all__ = ["STRING"]

STRING: Functions = {**BASIC, **PARTS, **FIND, **CODING, **TOKENS, **COLLATIONS}
