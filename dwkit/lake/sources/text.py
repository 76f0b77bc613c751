"""From any bytes of text to a plain UTF-8 file: compression, encoding, line ends."""

from __future__ import annotations

import bz2
import codecs
import gzip
import lzma
import re
import zlib
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import IO, Any, NamedTuple

from dwkit.errors import DataError, UsageError
from dwkit.lake.sources.extract import Source

__all__ = [
    "BLOCK",
    "Encoding",
    "binary_reason",
    "blocks",
    "compression_of",
    "copy_bounded",
    "encoding_of",
    "head",
    "open_packed",
    "plain_text",
    "refuse_bomb",
    "unpack_limit",
    "unpacked",
    "valid_utf8",
]

BLOCK = 4 << 20
SAMPLE = 256 << 10

# A source may grow this much when it is unpacked, and beyond it only by this factor.
UNPACKED_FREE = 2 << 30
UNPACKED_RATIO = 200

_MAGIC: tuple[tuple[bytes, str], ...] = (
    (b"\x1f\x8b\x08", "gzip"),
    (b"\x28\xb5\x2f\xfd", "zstd"),
    (b"\xfd7zXZ\x00", "xz"),
    (b"\x04\x22\x4d\x18", "lz4"),
)
_BROKEN = (OSError, EOFError, zlib.error, lzma.LZMAError)


def compression_of(start: bytes) -> str | None:
    """Return the compression that the first bytes of a file tell, None for none."""
    for magic, name in _MAGIC:
        if start.startswith(magic):
            return name
    if re.match(rb"BZh[1-9](1AY&SY|\x17rE8P\x90)", start):
        return "bz2"
    return None


def open_packed(path: Path, compression: str) -> AbstractContextManager[IO[bytes]]:
    """Open a compressed file for reading what is in it."""
    openers: dict[str, Callable[[Path], Any]] = {"gzip": gzip.open, "bz2": bz2.open, "xz": lzma.open}
    if compression in openers:
        return openers[compression](path)  # type: ignore[no-any-return]
    import pyarrow as pa

    return pa.input_stream(str(path), compression=compression)  # type: ignore[no-any-return]


def head(path: Path, size: int = SAMPLE) -> bytes:
    """Return the first bytes of a file, unpacked if it is compressed; fewer if it breaks off."""
    with path.open("rb") as handle:
        start = handle.read(size)
    compression = compression_of(start)
    if compression is None:
        return start
    made = b""
    try:
        with open_packed(path, compression) as stream:
            while len(made) < size and (block := stream.read(min(size - len(made), 64 << 10))):
                made += block
    except _BROKEN:
        pass  # reading all of it will tell
    return made


def unpacked(source: Source) -> Path:
    """Return the source's bytes as a plain file: itself, or unpacked into the scratch folder.

    Raises:
        DataError: the compressed file is damaged, breaks off or is a bomb.
    """
    with source.path.open("rb") as handle:
        compression = compression_of(handle.read(16))
    if compression is None:
        return source.path
    target = source.scratch("unpacked")
    limit = unpack_limit(source.path)
    try:
        with open_packed(source.path, compression) as stream, target.open("wb") as out:
            copy_bounded(stream, out, limit, source.name)
    except _BROKEN as error:
        target.unlink(missing_ok=True)
        raise DataError(
            f"{source.name} is a damaged {compression} file: {error}",
            hint="get the file again; nothing of it was ingested",
        ) from None
    return target


def unpack_limit(path: Path) -> int:
    """Return how many bytes a packed file may come to."""
    return max(UNPACKED_FREE, UNPACKED_RATIO * path.stat().st_size)


def copy_bounded(stream: IO[bytes], out: IO[bytes], limit: int, name: str) -> int:
    """Copy a stream and return its bytes.

    Raises:
        DataError: there are more than ``limit``.
    """
    copied = 0
    while block := stream.read(1 << 20):
        copied += len(block)
        refuse_bomb(copied, limit, name)
        out.write(block)
    return copied


def refuse_bomb(size: int, limit: int, name: str) -> None:
    """Refuse what unpacks to more bytes than ``limit``.

    Raises:
        DataError: it does.
    """
    if size > limit:
        raise DataError(
            f"{name} unpacks to more than {limit >> 20} MiB, which looks like a decompression bomb",
            hint="unpack it yourself and ingest the files if you trust it",
        )


class Encoding(NamedTuple):
    """A text encoding, and how many bytes of byte-order mark precede the text."""

    name: str
    mark: int = 0

    @property
    def utf8(self) -> bool:
        """Whether the bytes can be read as they are."""
        return self.name == "utf-8"


_MARKS = (
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)


def encoding_of(sample: bytes, wanted: str | None = None) -> Encoding:
    """Return the encoding of a text from its first bytes.

    UTF-8 unless the bytes say otherwise: a byte-order mark, the zeros of UTF-16, or bytes that are
    not UTF-8 without a single one that is; those are cp1252, or what charset-normalizer says of a
    text of which more than a third of the letters are not ASCII.

    Raises:
        UsageError: Python does not know the encoding that was asked for.
    """
    for mark, name in _MARKS:
        if sample.startswith(mark) and (wanted is None or _same(wanted, name)):
            return Encoding(name, len(mark))
    if wanted is not None:
        try:
            return Encoding(codecs.lookup(wanted).name)
        except LookupError:
            raise UsageError(
                f"no encoding named {wanted!r}", hint="for instance utf-8, latin-1, cp1252 or utf-16"
            ) from None
    wide = _wide(sample)
    if wide:
        return Encoding(wide)
    good, bad = _high_bytes(sample)
    if not bad or good:
        return Encoding("utf-8")
    if 2 * bad > len(re.findall(rb"[A-Za-z]", sample)):
        from charset_normalizer import from_bytes

        best = from_bytes(sample[:65536]).best()
        if best is not None and best.encoding not in ("ascii", "utf_8"):
            return Encoding(codecs.lookup(best.encoding).name)
    return Encoding("cp1252")


def _same(wanted: str, name: str) -> bool:
    try:
        known = codecs.lookup(wanted).name
    except LookupError:
        return False
    return known == name or name.startswith(known + "-") or (known == "utf-8-sig" and name == "utf-8")


def _wide(sample: bytes) -> str | None:
    """UTF-16 without a mark: every other byte of Western text is zero."""
    sample = sample[: len(sample) & ~1][:4096]
    if len(sample) < 4 or b"\0" not in sample:
        return None
    even, odd = sample[::2].count(0), sample[1::2].count(0)
    half = len(sample) // 2
    if odd > 0.7 * half and even < 0.05 * half:
        return "utf-16-le"
    if even > 0.7 * half and odd < 0.05 * half:
        return "utf-16-be"
    return None


def _high_bytes(sample: bytes) -> tuple[int, int]:
    """Count the characters beyond ASCII that are UTF-8 and the bytes that are not."""
    bad = 0

    def count(error: UnicodeError) -> tuple[str, int]:
        nonlocal bad
        assert isinstance(error, UnicodeDecodeError)
        if error.end < len(sample) or len(sample) - error.start > 3:  # the sample may end in a character
            bad += error.end - error.start
        return "", error.end

    codecs.register_error("dwkit-count", count)
    text = sample.decode("utf-8", "dwkit-count")
    return len(text) - len(text.encode("ascii", "ignore")), bad


def binary_reason(sample: bytes) -> str | None:
    """Say why bytes are no text, None if they may be."""
    zeros = sample.count(0)
    if zeros and not _wide(sample) and not any(sample.startswith(mark) for mark, _ in _MARKS):
        return (
            "holds nothing but NUL bytes" if zeros == len(sample) else f"holds {zeros} NUL bytes at its start"
        )
    if zeros:
        return None
    control = sum(sample.count(b) for b in (*range(3, 7), *range(14, 27)))
    if control > max(8, len(sample) // 50):
        return "is binary, not text"
    return None


def blocks(path: Path, size: int = BLOCK, *, skip_lines: int = 0) -> Iterator[bytes]:
    """Yield the bytes of a text file in blocks of whole lines; a long line makes a long block.

    Only the last block may lack its final line end. A byte-order mark is left out.
    """
    with path.open("rb") as handle:
        if handle.read(3) != codecs.BOM_UTF8:
            handle.seek(0)
        for _ in range(skip_lines):
            handle.readline()
        held: list[bytes] = []
        while block := handle.read(size):
            cut = block.rfind(b"\n") + 1
            if not cut:
                held.append(block)
                continue
            held.append(block[:cut])
            yield b"".join(held)
            held = [block[cut:]] if cut < len(block) else []
        if held:
            yield b"".join(held)


def valid_utf8(path: Path) -> bool:
    """Say whether all of a file is UTF-8."""
    decoder = codecs.getincrementaldecoder("utf-8")()
    try:
        with path.open("rb", buffering=0) as handle:
            while block := handle.read(BLOCK):
                if not block.isascii() or decoder.getstate()[0]:
                    decoder.decode(block)
        decoder.decode(b"", final=True)
    except UnicodeDecodeError:
        return False
    return True


def plain_text(source: Source, path: Path, *, thorough: bool) -> Path:
    """Return a text as a UTF-8 file whose lines end in LF or CRLF: itself, or a copy.

    Args:
        path: the unpacked bytes.
        thorough: read all of it to make sure; else the start decides.

    Raises:
        DataError: it is binary, or bytes do not fit the encoding that was asked for.
    """
    sample = _ends(path)
    encoding = encoding_of(sample, source.options.encoding)
    lone = _lone_returns(sample, encoding)
    if encoding.utf8 and not lone and (not thorough or valid_utf8(path)):
        return path
    return _copied(source, path, encoding, lone=lone)


def _ends(path: Path) -> bytes:
    with path.open("rb") as handle:
        return handle.read(SAMPLE)


def _lone_returns(sample: bytes, encoding: Encoding) -> bool:
    text = sample[encoding.mark :].decode(encoding.name, "ignore")
    return "\r" in text[:-1] and "\n" not in text


def _copied(source: Source, path: Path, encoding: Encoding, *, lone: bool) -> Path:
    target = source.scratch("text")
    mended = 0

    def mend(error: UnicodeError) -> tuple[str, int]:
        nonlocal mended
        if not isinstance(error, UnicodeDecodeError):
            raise error
        mended += error.end - error.start
        return "".join(_CP1252[b] for b in error.object[error.start : error.end]), error.end

    codecs.register_error("dwkit-mend", mend)
    strict = encoding.name not in ("utf-8", "cp1252")
    decoder = codecs.getincrementaldecoder(encoding.name)("strict" if strict else "dwkit-mend")
    held = ""
    try:
        with path.open("rb") as handle, target.open("wb") as out:
            handle.seek(encoding.mark)
            while True:
                block = handle.read(BLOCK)
                text = held + decoder.decode(block, final=not block)
                held = ""
                if lone:
                    if text.endswith("\r") and block:
                        text, held = text[:-1], "\r"
                    text = text.replace("\r\n", "\n").replace("\r", "\n")
                out.write(text.encode("utf-8", "surrogatepass"))
                if not block:
                    break
    except UnicodeDecodeError as error:
        raise DataError(
            f"{source.name} is not {encoding.name}: {error.reason} at byte {error.start} of a block",
            hint="name its encoding with --encoding, for instance --encoding cp1252",
        ) from None
    if encoding.name == "utf-8" and mended:
        source.note(
            f"{mended} bytes that are not UTF-8 were read as cp1252; --encoding names another encoding"
        )
    elif source.options.encoding is None and not encoding.utf8:
        source.note(f"read as {encoding.name}; --encoding names another encoding")
    if lone:
        source.note("its lines end in CR alone")
    return target


# The five bytes that cp1252 leaves out are what Latin-1 makes of them: controls, but not lost.
_CP1252 = [bytes([b]).decode("cp1252", "ignore") or chr(b) for b in range(256)]
