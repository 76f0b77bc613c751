"""Files that nobody prepared, from packages that carry public data: from raw file to mart in five commands."""

from __future__ import annotations

import csv
import io
import json
from importlib.util import find_spec
from pathlib import Path

import pytest
from conftest import dwkit

FILES = [
    ("vega_datasets", "_data/airports.csv", "state"),
    ("vega_datasets", "_data/seattle-weather.csv", "weather"),
    ("vega_datasets", "_data/la-riots.csv", "gender"),
    ("vega_datasets", "_data/stocks.csv", "symbol"),
    ("vega_datasets", "_data/iowa-electricity.csv", "source"),
    ("vega_datasets", "_data/cars.json", "Origin"),
    ("vega_datasets", "_data/burtin.json", "Genus"),
    ("palmerpenguins", "data/penguins.csv", "island"),
    ("palmerpenguins", "data/penguins-raw.csv", "Species"),
    ("gapminder", "gapminder.csv", "continent"),
]


def records_of(path: Path) -> list[dict[str, object]]:
    text = path.read_text(encoding="utf-8-sig")
    return json.loads(text) if path.suffix == ".json" else list(csv.DictReader(io.StringIO(text)))


@pytest.mark.parametrize(
    ("package", "name", "group"), FILES, ids=[f"{p}/{Path(n).name}" for p, n, _ in FILES]
)
def test_a_public_file_becomes_a_mart(package: str, name: str, group: str, tmp_path: Path) -> None:
    spec = find_spec(package)
    assert spec is not None
    assert spec.submodule_search_locations
    path = Path(spec.submodule_search_locations[0]) / name
    records, w = records_of(path), tmp_path / "w"
    dwkit("init", "w", cwd=tmp_path)
    dwkit("ingest", str(path), "--into", "data", cwd=w)
    dwkit("stage", "data", cwd=w)
    dwkit("load", "fact_data", "--from", "staging.data", "--kind", "fact", cwd=w)
    count = f'select "{group}" as g, count(*) as n from warehouse.fact_data group by all'
    dwkit("mart", "by_group", "--sql", count, cwd=w)
    found = dwkit("query", "select * from marts.by_group order by n desc, g", "--format", "csv", cwd=w).stdout
    expected: dict[str, int] = {}
    for record in records:
        key = str(record[group] or "")
        expected[key] = expected.get(key, 0) + 1
    assert {r["g"]: int(r["n"]) for r in csv.DictReader(io.StringIO(found))} == expected
    assert json.loads(dwkit("quarantine", "list", "--format", "json", cwd=w).stdout) == []
