"""Memory: a file ten times larger than what ingest may take goes through."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

MEASURE = """
import sys, threading, time
from pathlib import Path
sys.path.insert(0, sys.argv[1])
from lake_fixture import Lake

peak, done = 0, threading.Event()

def anonymous():
    text = Path("/proc/self/status").read_text()
    return int(text.split("RssAnon:")[1].split()[0]) << 10

def watch():
    global peak
    while not done.wait(0.005):
        peak = max(peak, anonymous())

watcher = threading.Thread(target=watch)
watcher.start()
try:
    (one,) = Lake(Path(sys.argv[2])).ingest(sys.argv[3], into="x")
finally:
    done.set()
    watcher.join()
print(one.batch.rows, one.batch.malformed, max(peak, anonymous()))
"""
# Small pieces and one thread, so that the file need not be large: the memory that Polars takes is a
# number of pieces for each thread, whatever the size of the file.
SMALL = {"POLARS_CSV_CHUNK_SIZE": str(256 << 10), "POLARS_MAX_THREADS": "1"}


def measured(root: Path, name: str) -> tuple[int, int, int]:
    """Return rows, malformed records and peak of anonymous memory (what no file backs), in bytes."""
    words = [sys.executable, "-c", MEASURE, str(Path(__file__).parent), str(root), name]
    done = subprocess.run(words, env={**os.environ, **SMALL}, capture_output=True, check=True, text=True)
    rows, malformed, peak = map(int, done.stdout.split())
    return rows, malformed, peak


def block(rows: int) -> bytes:
    lines = (
        f"{n},name {n % 1000},{n * 7919 % 100_003},2026-01-{n % 28 + 1:02d},{n / 7:.2f}" for n in range(rows)
    )
    return ("\n".join(lines) + "\n").encode()


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="the system does not tell")
def test_a_file_ten_times_larger_than_the_memory_goes_through(tmp_path: Path) -> None:
    head, piece, size = b"id,name,v,day,price\n", block(50_000), 600_000_000
    (tmp_path / "small.csv").write_bytes(head + piece[:1000])
    count = size // len(piece) + 1
    with (tmp_path / "large.csv").open("wb") as out:
        out.write(head)
        for _ in range(count):
            out.write(piece)
    least = measured(tmp_path, "small.csv")[2]
    rows, malformed, most = measured(tmp_path, "large.csv")
    assert (rows, malformed) == (50_000 * count, 0)
    assert most - least < size // 10, f"{(most - least) >> 20} MiB for a file of {size >> 20} MiB"
