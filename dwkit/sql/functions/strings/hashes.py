"""Digests and checksums of texts and bytes."""

from __future__ import annotations

import zlib
from collections.abc import Callable

import polars as pl
import polars_hash  # noqa: F401 — gives expressions their hashes
from sqlglot import exp

from dwkit.sql.functions.call import Builder, Call, Functions
from dwkit.sql.functions.strings.xxhash import xxhash64
from dwkit.sql.value import Value

__all__ = ["HASHES"]

_TEXT, _NUMBER = pl.String(), pl.Int64()
_SHA2 = ("224", "256", "384", "512")
_SPARK = ("spark", "databricks")


def _octets(call: Call, value: Value) -> pl.Expr:
    """Return bytes as they are and other values as text: what a hash is made of."""
    return value.expr if isinstance(value.dtype, pl.Binary) else call.as_text(value)


def _digest(space: str, name: str) -> Builder:
    def build(call: Call) -> Value:
        value = call.args()[0] if isinstance(call.node, exp.Anonymous) else call.arg()
        return call.value(getattr(getattr(_octets(call, value), space), name)(), _TEXT)

    return build


def _sha2(call: Call) -> Value:
    """SHA2(text, bits): of 224, 256, 384 or 512 bits, 0 for 256; NULL for another number where MySQL and Spark say so."""
    source = _octets(call, call.arg())
    length = call.maybe("length")
    bits = 256 if length is None else length.constant
    if isinstance(bits, int) and (str(bits or 256) in _SHA2 or call.dialect not in (*_SPARK, "mysql")):
        if str(bits or 256) not in _SHA2:
            raise call.error(f"SHA2 of {bits} bits: there are 224, 256, 384, 512")
        return call.value(getattr(source.chash, f"sha2_{bits or 256}")(), _TEXT)  # type: ignore[attr-defined]
    assert length is not None
    count = call.cast(length, _NUMBER).expr
    made = pl.coalesce(
        pl.when((count == 0) | (count == 256) if n == "256" else count == int(n)).then(
            getattr(source.chash, f"sha2_{n}")()  # type: ignore[attr-defined]
        )
        for n in _SHA2
    )
    return call.value(made, _TEXT)


# -- CRC-32 ---------------------------------------------------------------------------------------


def _table() -> pl.Series:
    """Return what each byte does to a CRC-32 of four zero bytes."""
    start = zlib.crc32(b"\xff\xff\xff\xff")  # the state 0
    made = [zlib.crc32(bytes([n]), start) ^ 0xFFFFFFFF for n in range(256)]
    return pl.Series(made, dtype=pl.UInt32)


def _crc32_of(data: pl.Series) -> pl.Series:
    """Byte by byte, over all values at once; the longer ones go on alone."""
    table = _table()
    frame = pl.DataFrame({"data": data.unique()}).drop_nulls()
    frame = frame.with_columns(pl.col("data").bin.size().alias("size"))
    frame = frame.sort("size", descending=True).with_columns(pl.lit(2**32 - 1, dtype=pl.UInt32).alias("crc"))
    sizes, values, crc = frame["size"], frame["data"], frame["crc"]
    for place in range(next(iter(sizes.to_list()), 0)):
        active = int((sizes > place).sum())
        state, part = crc.head(active), values.head(active)
        byte = pl.DataFrame({"part": part}).select(pl.col("part").bin.get(place)).to_series()
        index = (state % 256).cast(pl.UInt8) ^ byte
        crc = (table.gather(index.cast(pl.UInt32)) ^ (state // 256)).append(crc.slice(active))
    made = frame.select("data", (crc ^ (2**32 - 1)).cast(pl.Int64).alias("made"))
    return pl.DataFrame({"data": data}).join(made, on="data", how="left", maintain_order="left")["made"]


def _elementwise(data: pl.Expr, make: Callable[[pl.Series], pl.Series]) -> pl.Expr:
    return data.cast(pl.Binary).map_batches(make, return_dtype=pl.Int64(), is_elementwise=True)


def _crc32(call: Call) -> Value:
    return call.value(_elementwise(_octets(call, call.args()[0]), _crc32_of), _NUMBER)


# -- XXH64 ----------------------------------------------------------------------------------------


def _xxhash64(call: Call) -> Value:
    """XXHASH64 of Spark: each value is hashed with the hash before as its seed, a NULL leaves it as it is."""
    if call.dialect not in _SPARK:
        raise call.refuse(call.name)
    return call.value(xxhash64(call, call.args()), _NUMBER)


HASHES: Functions = {
    exp.MD5: _digest("nchash", "md5"),
    exp.SHA: _digest("nchash", "sha1"),
    exp.SHA2: _sha2,
    "SHA256": _digest("chash", "sha2_256"),
    "CRC32": _crc32,
    "XXHASH64": _xxhash64,
}
