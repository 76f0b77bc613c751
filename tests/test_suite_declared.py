"""The list of known differences from public suites names declared differences only."""

from __future__ import annotations

from pathlib import Path

import pytest
from suite_declared import declared


def test_list_can_be_read() -> None:
    found = declared()
    assert all(line.rpartition(":")[2].isdigit() for line in found)
    assert found["decimal.slt:1221"].startswith("declared: whole numbers beyond 64 bits")


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("declared a.slt:1 no such construct: why", "is no declared difference"),
        ("guess a.slt:1 why", "there is no kind 'guess'"),
        ("order a.slt:1,2,1 why", "a.slt:1 is there twice"),
    ],
)
def test_bad_lines(tmp_path: Path, line: str, message: str) -> None:
    path = tmp_path / "known.txt"
    path.write_text(f"# a remark\n\n{line}\n", encoding="utf-8")
    with pytest.raises(ValueError, match=message):
        declared(path)
