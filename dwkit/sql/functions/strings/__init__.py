"""Functions of text."""

from dwkit.sql.functions.call import Functions
from dwkit.sql.functions.collations import COLLATIONS
from dwkit.sql.functions.strings.basic import BASIC
from dwkit.sql.functions.strings.codes import CODES
from dwkit.sql.functions.strings.coding import CODING
from dwkit.sql.functions.strings.digests import DIGESTS
from dwkit.sql.functions.strings.distance import DISTANCES
from dwkit.sql.functions.strings.find import FIND
from dwkit.sql.functions.strings.hashes import HASHES
from dwkit.sql.functions.strings.part import PARTS
from dwkit.sql.functions.strings.paths import PATHS
from dwkit.sql.functions.strings.printf import PRINTF
from dwkit.sql.functions.strings.quoting import QUOTING
from dwkit.sql.functions.strings.sounds import SOUNDS
from dwkit.sql.functions.strings.tokens import TOKENS
from dwkit.sql.functions.strings.urls import URLS

__all__ = ["STRING"]

STRING: Functions = {
    **BASIC, **PARTS, **FIND, **CODING, **CODES, **DIGESTS, **DISTANCES, **HASHES, **PRINTF, **QUOTING, **SOUNDS,
    **TOKENS, **URLS, **COLLATIONS, **PATHS,
}  # fmt: skip
