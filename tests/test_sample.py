"""The sample shop: its generator gives the committed bytes, and what README.md says of them is so."""

from __future__ import annotations

import csv
import gzip
import io
import itertools
import json
import os
import re
import struct
import subprocess
import sys
import zlib
from collections import Counter, defaultdict
from collections.abc import Callable
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any, NamedTuple

import pytest

SAMPLE = Path(__file__).parent.parent / "sample"
MONTHS = ("2026-01", "2026-02", "2026-03")
SAVED_AS = {"2026-01": ("utf-8", ","), "2026-02": ("latin-1", ";"), "2026-03": ("utf-8-sig", ",")}
COMBINED = re.compile(
    r'(?P<host>\S+) \S+ (?P<user>\S+) \[(?P<time>[^]]+)\] "(?P<method>[A-Z]+) (?P<path>\S+) HTTP/[\d.]+" '
    r'(?P<status>\d{3}) (?:\d+|-) "[^"]*" "[^"]*"'
)


class Spot(NamedTuple):
    """A fault's place, as README.md has it."""

    file: str
    line: int
    kind: str


class Numbered(dict[str, Any]):
    """A record and the line it stands on."""

    line: int = 0


def moment(text: str) -> datetime | None:
    """Read a timestamp; None if it is none."""
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        return None


class Shop:
    """A folder of raw files and its page, read without help from dwkit."""

    def __init__(self, raw: Path, page: Path) -> None:
        self.raw = raw
        self.page = page.read_text(encoding="utf-8")
        self.customers = {m: self._customers(m) for m in MONTHS}
        self.products = {m: self._json(m) for m in MONTHS}
        self.orders = {m: self._csv(f"orders_{m}.csv", "utf-8", ",") for m in MONTHS}
        self.lines = {m: self._ndjson(f"order_lines_{m}.ndjson.gz") for m in MONTHS}
        self.log = {m: self.text(f"access_{m}.log.gz").splitlines() for m in MONTHS}
        self.staff = self._csv("staff.csv", "utf-8", ",")

    def text(self, file: str) -> str:
        return gzip.decompress((self.raw / file).read_bytes()).decode()

    def _csv(self, file: str, encoding: str, delimiter: str) -> list[Numbered]:
        text = (self.raw / file).read_bytes().decode(encoding)
        reader = csv.DictReader(io.StringIO(text, newline=""), delimiter=delimiter, restkey="?", strict=True)
        found = []
        for row in reader:
            found.append(Numbered(row))
            found[-1].line = reader.line_num
        return found

    def _customers(self, month: str) -> list[Numbered]:
        return self._csv(f"customers_{month}.csv", *SAVED_AS[month])

    def _json(self, month: str) -> dict[str, dict[str, Any]]:
        answer = json.loads((self.raw / f"products_{month}.json").read_bytes(), parse_float=Decimal)
        assert answer["page"]["total"] == len(answer["data"])
        return {p["product_id"]: p for p in answer["data"]}

    def _ndjson(self, file: str) -> list[Numbered]:
        found = [Numbered(json.loads(t, parse_float=Decimal)) for t in self.text(file).splitlines()]
        for number, record in enumerate(found, 1):
            record.line = number
        return found

    def table(self, heading: str) -> list[dict[str, str]]:
        """Return a table of the page by the first cell of its header."""
        lines = self.page.splitlines()
        top = next(n for n, text in enumerate(lines) if text.startswith(heading))
        cells = [[c.strip() for c in text.strip("|").split("|")] for text in lines[top:]]
        header, body = cells[0], cells[2:]
        end = next((n for n, row in enumerate(body) if len(row) != len(header)), len(body))
        return [dict(zip(header, row, strict=True)) for row in body[:end]]

    def dirt(self) -> list[dict[str, str]]:
        return self.table("| file | line |")

    def spots(self, kind: str) -> set[Spot]:
        """Return where the page says that there are faults of a kind."""
        found = set()
        for row in self.dirt():
            if row["kind"] == kind and row["line"] != "all":
                found |= {Spot(row["file"].strip("`"), int(n), kind) for n in row["line"].split(", ")}
        return found

    def current(self, month: str) -> dict[str, Numbered]:
        """Return a month's customers by key, the latest row of each."""
        rows = sorted(self.customers[month], key=lambda r: r["updated_at"])
        return {r["customer_id"]: r for r in rows}

    def versions(self) -> dict[str, list[Numbered]]:
        """Return all versions of all customers, oldest first."""
        found: dict[str, list[Numbered]] = defaultdict(list)
        for month in MONTHS:
            for key, row in self.current(month).items():
                if not found[key] or found[key][-1]["updated_at"] != row["updated_at"]:
                    found[key].append(row)
        return found

    def good_orders(self) -> dict[str, dict[str, Any]]:
        """Return the orders that stay, by key; of two with one key the later."""
        good: dict[str, dict[str, Any]] = {}
        for month in MONTHS:
            for row in self.orders[month]:
                if "?" not in row and moment(row["ordered_at"]):
                    good[row["order_id"]] = row
        return good


def run(folder: Path, *arguments: str, **environment: str) -> None:
    command = [sys.executable, "-B", str(SAMPLE / "generate.py"), str(folder), *arguments]
    subprocess.run(command, check=True, env={**os.environ, **environment}, capture_output=True)


@pytest.fixture(scope="module", params=["committed", "another seed"])
def shop(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Shop:
    """Return the committed shop, and one of another seed: what holds is no luck."""
    if request.param == "committed":
        return Shop(SAMPLE / "raw", SAMPLE / "README.md")
    folder = tmp_path_factory.mktemp("seed")
    run(folder / "raw", "--readme", str(folder / "README.md"), "--seed", "7")
    return Shop(folder / "raw", folder / "README.md")


def contents(path: Path) -> bytes:
    """Return what a compressed file holds, whatever zlib wrote it."""
    if path.suffix == ".gz":
        return gzip.decompress(path.read_bytes())
    if path.suffix == ".png":
        return b"".join(zlib.decompress(b) if t == b"IDAT" else t + b for t, b in chunks(path))
    return path.read_bytes()


def chunks(path: Path) -> list[tuple[bytes, bytes]]:
    """Take a PNG file apart, checking signature and checksums."""
    content = path.read_bytes()
    assert content[:8] == b"\x89PNG\r\n\x1a\n"
    found, place = [], 8
    while place < len(content):
        (size,) = struct.unpack_from(">I", content, place)
        tag, body = content[place + 4 : place + 8], content[place + 8 : place + 8 + size]
        assert struct.unpack_from(">I", content, place + 8 + size)[0] == zlib.crc32(tag + body)
        found.append((tag, body))
        place += size + 12
    return found


def test_generator_gives_the_committed_files(tmp_path: Path) -> None:
    page = tmp_path / "README.md"
    odd = {"PYTHONHASHSEED": "4711", "TZ": "Pacific/Chatham", "PYTHONUTF8": "0", "LC_ALL": "C"}
    run(tmp_path / "raw", "--readme", str(page), **odd)
    assert page.read_bytes() == (SAMPLE / "README.md").read_bytes()
    made = {p.relative_to(tmp_path / "raw"): p for p in (tmp_path / "raw").rglob("*") if p.is_file()}
    kept = {p.relative_to(SAMPLE / "raw"): p for p in (SAMPLE / "raw").rglob("*") if p.is_file()}
    assert made.keys() == kept.keys()
    probe = b"".join(b"%d;" % (n * n % 977) for n in range(5000))
    same_zlib = zlib.crc32(zlib.compress(probe, 9)) == 4007287801  # zlib-ng and others pack otherwise
    for name, path in made.items():
        assert contents(path) == contents(kept[name]), name
        if same_zlib:
            assert path.read_bytes() == kept[name].read_bytes(), name


def test_with_a_folder_the_page_is_written_only_on_request(tmp_path: Path) -> None:
    run(tmp_path / "raw")
    assert [p.name for p in tmp_path.iterdir()] == ["raw"]
    assert not list((tmp_path / "raw").glob("*.md"))


def test_sizes(shop: Shop) -> None:
    sizes = {p.name: p.stat().st_size for p in shop.raw.rglob("*") if p.is_file()}
    assert sum(sizes.values()) < 1_500_000
    assert [len(shop.current(m)) for m in MONTHS] == [400, 460, 520]
    assert [len(shop.products[m]) for m in MONTHS] == [56, 58, 60]
    for month in MONTHS:
        assert 1350 <= len(shop.orders[month]) <= 1650
        assert 2.1 <= len(shop.lines[month]) / len(shop.orders[month]) <= 2.5
        assert 2500 <= len(shop.log[month]) <= 3500
    assert len(shop.staff) == 60


def test_images_are_valid_and_differ_in_size(shop: Shop) -> None:
    paths = sorted((shop.raw / "images").iterdir())
    assert [p.stem for p in paths] == [f"P-{n:04d}" for n in range(1, 13)]
    seen = set()
    for path in paths:
        assert path.stat().st_size < 2048
        (first, header), *_, (last, _) = parts = chunks(path)
        assert (first, last) == (b"IHDR", b"IEND")
        width, height, depth, kind = struct.unpack(">IIBB", header[:10])
        pixels = zlib.decompress(b"".join(b for t, b in parts if t == b"IDAT"))
        assert len(pixels) == height * (1 + width * depth // 8 * {0: 1, 2: 3, 6: 4}[kind])
        seen.add((width, height))
    assert len(seen) == 12
    assert {p["image"] for p in shop.products["2026-01"].values()} == {None, *(p.name for p in paths)}


def test_page_counts_the_rows(shop: Shop) -> None:
    said = {r["file"].strip("`"): int(r["rows"].replace(",", "")) for r in shop.table("| file | rows |")}
    found = {"staff.csv": len(shop.staff), "images/*.png": 12}
    for month in MONTHS:
        found[f"customers_{month}.csv"] = len(shop.customers[month])
        found[f"products_{month}.json"] = len(shop.products[month])
        found[f"orders_{month}.csv"] = len(shop.orders[month])
        found[f"order_lines_{month}.ndjson.gz"] = len(shop.lines[month])
        found[f"access_{month}.log.gz"] = len(shop.log[month])
    assert said == found


def order_spots(shop: Shop, kind: str, test: Callable[[Numbered], object]) -> set[Spot]:
    return {Spot(f"orders_{m}.csv", r.line, kind) for m in MONTHS for r in shop.orders[m] if test(r)}


def customer_spots(shop: Shop, kind: str, test: Callable[[Numbered], object]) -> set[Spot]:
    return {Spot(f"customers_{m}.csv", r.line, kind) for m in MONTHS for r in shop.customers[m] if test(r)}


def line_spots(shop: Shop, kind: str, test: Callable[[Numbered], object]) -> set[Spot]:
    found = set()
    for month in MONTHS:
        found |= {Spot(f"order_lines_{month}.ndjson.gz", r.line, kind) for r in shop.lines[month] if test(r)}
    return found


def test_dirt_in_orders_is_where_the_page_says_and_nowhere_else(shop: Shop) -> None:
    bad = order_spots(shop, "bad_date", lambda r: not moment(r["ordered_at"]))
    assert bad == shop.spots("bad_date")
    assert len(bad) == 5
    ragged = order_spots(shop, "ragged_row", lambda r: len(r.get("?", [])) == 1)
    assert ragged == shop.spots("ragged_row")
    assert len(ragged) == 2
    known = {key for month in MONTHS for key in shop.current(month)}
    orphans = order_spots(shop, "orphan_order", lambda r: r["customer_id"] not in known)
    assert orphans == shop.spots("orphan_order")
    assert len(orphans) == 1
    absent = order_spots(shop, "null_token", lambda r: r["coupon"] == "N/A")
    assert absent == shop.spots("null_token")
    seen: dict[str, Numbered] = {}
    again = set()
    for row in (r for m in MONTHS for r in shop.orders[m]):
        if first := seen.get(row["order_id"]):
            again.add(row.line)
            assert row["ordered_at"] > first["ordered_at"]
        seen[row["order_id"]] = row
    assert again == {s.line for s in shop.spots("duplicate_key") if s.file.startswith("orders")}
    assert len(again) == 1


def test_dirt_in_customers_is_where_the_page_says_and_nowhere_else(shop: Shop) -> None:
    padded = customer_spots(shop, "padding", lambda r: r["name"] != r["name"].strip())
    assert padded == shop.spots("padding")
    mixed = customer_spots(shop, "case", lambda r: r["email"] != r["email"].lower())
    assert mixed == shop.spots("case")
    copies, rivals = set(), set()
    for month in MONTHS:
        by_key = defaultdict(list)
        for row in shop.customers[month]:
            by_key[row["customer_id"]].append(row)
        for rows in by_key.values():
            if len(rows) > 1 and rows[0] == rows[1]:
                copies.add(Spot(f"customers_{month}.csv", rows[1].line, "duplicate_row"))
            elif len(rows) > 1:
                assert rows[0]["updated_at"] != rows[1]["updated_at"]
                rivals |= {Spot(f"customers_{month}.csv", r.line, "duplicate_key") for r in rows}
    assert copies == shop.spots("duplicate_row")
    assert len(copies) == 1
    assert rivals == {s for s in shop.spots("duplicate_key") if s.file.startswith("customers")}
    assert len(rivals) == 2


def test_encodings_and_the_new_column(shop: Shop) -> None:
    january, february, march = ((shop.raw / f"customers_{m}.csv").read_bytes() for m in MONTHS)
    assert b"\r" not in january
    assert b";" not in january.splitlines()[0]
    with pytest.raises(UnicodeDecodeError):
        february.decode("utf-8")
    assert february.decode("latin-1") == february.decode("cp1252")
    assert february.count(b"\r\n") == february.count(b"\n") > 400
    assert march.startswith(b"\xef\xbb\xbf")
    assert {s.file for s in shop.spots("new_column")} == {"customers_2026-02.csv"}
    assert {r["file"] for r in shop.dirt() if r["kind"] == "encoding"} == {
        "`customers_2026-02.csv`",
        "`customers_2026-03.csv`",
    }
    columns = [set(shop.customers[m][0]) for m in MONTHS]
    assert columns[1] == columns[2] == columns[0] | {"loyalty_tier"}
    names = {r["name"] for r in shop.customers["2026-02"]}
    assert all(any(letter in name for name in names) for letter in "éüñø")
    assert any(r["postcode"].startswith("0") for r in shop.customers["2026-01"])
    assert all(r["postcode"].isdigit() for m in MONTHS for r in shop.customers[m])


def test_dirt_in_order_lines_is_where_the_page_says_and_nowhere_else(shop: Shop) -> None:
    words = line_spots(shop, "text_quantity", lambda r: not isinstance(r["quantity"], int))
    assert words == shop.spots("text_quantity")
    assert len(words) == 1
    status = {r["order_id"]: r["status"] for m in MONTHS for r in shop.orders[m]}
    orphans = line_spots(shop, "orphan_line", lambda r: r["order_id"] not in status)
    assert orphans == shop.spots("orphan_line")
    assert len(orphans) == 1
    negative = line_spots(
        shop,
        "negative_quantity",
        lambda r: (
            isinstance(r["quantity"], int) and r["quantity"] < 0 and status.get(r["order_id"]) != "returned"
        ),
    )
    assert negative == shop.spots("negative_quantity")
    assert len(negative) == 1
    for record in (r for m in MONTHS for r in shop.lines[m]):
        assert ("return_reason" in record) == (status.get(record["order_id"]) == "returned")


def test_malformed_log_lines(shop: Shop) -> None:
    bad = set()
    for month in MONTHS:
        for number, text in enumerate(shop.log[month], 1):
            if not COMBINED.fullmatch(text):
                bad.add(Spot(f"access_{month}.log.gz", number, "malformed_line"))
    assert bad == shop.spots("malformed_line")
    assert Counter(s.file for s in bad) == {f"access_{m}.log.gz": 2 for m in MONTHS}


def test_what_the_page_says_is_left(shop: Shop) -> None:
    good = shop.good_orders()
    lines = [r for m in MONTHS for r in shop.lines[m]]
    faulty = {(s.file, s.line) for kind in ("text_quantity", "negative_quantity") for s in shop.spots(kind)}
    left = sum(r["order_id"] in good for r in lines) - len(faulty)
    told = {r["dataset"]: [int(v.replace(",", "")) for v in list(r.values())[1:]]
            for r in shop.table("| dataset |")}  # fmt: skip
    raw = {
        "customers": sum(map(len, shop.customers.values())),
        "products": sum(map(len, shop.products.values())),
        "orders": sum(map(len, shop.orders.values())),
        "order_lines": len(lines),
        "access": sum(map(len, shop.log.values())),
        "staff": 60,
    }
    assert {name: cells[0] for name, cells in told.items()} == raw
    assert all(cells[0] - cells[1] - cells[2] == cells[3] for cells in told.values())
    kept = {
        "customers": sum(len(shop.current(m)) for m in MONTHS),
        "products": raw["products"],
        "orders": len(good),
        "order_lines": left,
        "access": raw["access"] - 6,
        "staff": 60,
    }
    assert {name: cells[3] for name, cells in told.items()} == kept


def test_each_order_finds_its_customer_and_lines(shop: Shop) -> None:
    (stray,) = shop.spots("orphan_order")
    for month in MONTHS:
        here = shop.current(month)
        with_lines = {r["order_id"] for r in shop.lines[month]}
        for row in shop.orders[month]:
            assert row["order_id"] in with_lines
            assert row["customer_id"] in here or (row.line, month) == (stray.line, stray.file[7:14])
            if when := moment(row["ordered_at"]):
                assert when.strftime("%Y-%m") == month


def test_orders_come_after_the_first_version_of_their_customer(shop: Shop) -> None:
    first = {key: rows[0]["updated_at"] for key, rows in shop.versions().items()}
    dated = [r for r in shop.good_orders().values() if r["customer_id"] in first]
    assert len(dated) > 4000
    assert all(first[r["customer_id"]] <= r["ordered_at"] for r in dated)


def test_snapshots_change_only_with_updated_at(shop: Shop) -> None:
    for month in MONTHS:
        assert all(r["signed_up"] <= r["updated_at"][:10] for r in shop.customers[month])
        assert all(r["updated_at"][:7] <= month for r in shop.customers[month])
        assert all(p["updated_at"][:7] <= month for p in shop.products[month].values())
    for before, after in itertools.pairwise(MONTHS):
        was, now = shop.current(before), shop.current(after)
        assert was.keys() < now.keys()
        told = 0
        for key, old in was.items():
            new = {"loyalty_tier": "", **old} | now[key]
            moved = new["updated_at"] != old["updated_at"]
            assert moved == (new != {"loyalty_tier": "", **old})
            assert not moved or new["updated_at"][:7] == after
            told += any(new[c] != old[c] for c in ("city", "segment", "email"))
        assert 0.04 <= told / len(was) <= 0.08
        products, later = shop.products[before], shop.products[after]
        assert products.keys() < later.keys()
        changed = [k for k in products if products[k] != later[k]]
        assert all(later[k]["updated_at"][:7] == after for k in changed)
        assert all(products[k]["updated_at"] == later[k]["updated_at"] for k in products.keys() - changed)
        assert sum(products[k]["price"] != later[k]["price"] for k in changed) == 8
        assert sum(products[k]["name"] != later[k]["name"] for k in changed) == 2
        assert sum(products[k]["category"] != later[k]["category"] for k in changed) == 1


def test_history_is_worth_keeping(shop: Shop) -> None:
    """Customers whose city or segment changed have orders on both sides of the change."""
    ordered = defaultdict(list)
    for row in shop.good_orders().values():
        ordered[row["customer_id"]].append(row["ordered_at"])
    both = set()
    for key, rows in shop.versions().items():
        for old, new in itertools.pairwise(rows):
            told = (old["city"], old["segment"]) != (new["city"], new["segment"])
            since = new["updated_at"]
            if told and min(ordered[key], default="9") < since <= max(ordered[key], default=""):
                both.add(key)
    assert len(both) >= 15


def test_lines_cost_what_the_product_cost_that_day(shop: Shop) -> None:
    prices: dict[str, list[tuple[str, Decimal]]] = defaultdict(list)
    for month in MONTHS:
        for key, product in shop.products[month].items():
            prices[key].append((product["updated_at"], Decimal(product["price"]["amount"])))
    orders = shop.good_orders()
    revenue: dict[str, Decimal] = defaultdict(Decimal)
    keys = set()
    for month in MONTHS:
        for line in shop.lines[month]:
            assert line["product_id"] in shop.products[month]
            keys.add((line["order_id"], line["line_no"]))
            order = orders.get(line["order_id"])
            if not order or not isinstance(line["quantity"], int):
                continue
            if order["status"] != "returned":
                when = order["ordered_at"].replace(" ", "T")
                assert line["unit_price"] == [p for t, p in prices[line["product_id"]] if t <= when][-1]
            share = 1 - Decimal(line["discount_pct"] or 0) / 100
            revenue[month] += line["quantity"] * line["unit_price"] * share
    assert len(keys) == sum(map(len, shop.lines.values()))
    for month in MONTHS:  # an order's worth, in euro
        assert 40 < revenue[month] / len(shop.orders[month]) < 160


def test_returns_give_back_what_was_bought(shop: Shop) -> None:
    lines: dict[str, dict[str, Numbered]] = defaultdict(dict)
    for line in (r for m in MONTHS for r in shop.lines[m]):
        lines[line["order_id"]][line["product_id"]] = line
    orders = {r["order_id"]: r for m in MONTHS for r in shop.orders[m]}
    returned = [r for r in orders.values() if r["status"] == "returned"]
    assert 60 < len(returned) < 300
    for row in returned:
        first = orders[row["note"].removeprefix("Return of ")]
        assert first["order_id"] < row["order_id"]
        for product, line in lines[row["order_id"]].items():
            bought = lines[first["order_id"]][product]
            assert line["unit_price"] == bought["unit_price"]
            if bought["quantity"] not in ("two", -2):
                assert line["quantity"] == -bought["quantity"]


def test_the_shop_lives(shop: Shop) -> None:
    """Working days are busier than weekends, customers come back, the outage shows in the log."""
    orders = shop.good_orders().values()
    by_day = Counter(datetime.fromisoformat(r["ordered_at"]).weekday() for r in orders)
    assert min(by_day[d] for d in range(5)) > 1.2 * by_day[5] > 1.2 * by_day[6]
    in_store = [datetime.fromisoformat(r["ordered_at"]) for r in orders if r["channel"] == "store"]
    assert len(in_store) > 200
    assert all(when.weekday() < 6 and 10 <= when.hour <= 20 for when in in_store)
    times = Counter(r["customer_id"] for r in orders)
    assert sum(n > 1 for n in times.values()) > 0.7 * len(times)
    errors: Counter[str] = Counter()
    for month in MONTHS:
        for text in shop.log[month]:
            if (hit := COMBINED.fullmatch(text)) and hit["status"] >= "500":
                errors[hit["time"][:11]] += 1
    assert errors.most_common(1)[0][0] == "14/Feb/2026"


def test_logged_customers_ordered_then(shop: Shop) -> None:
    times = {(r["customer_id"], r["ordered_at"]) for m in MONTHS for r in shop.orders[m]}
    found = 0
    for text in (t for m in MONTHS for t in shop.log[m]):
        hit = COMBINED.fullmatch(text)
        if hit and hit["path"] == "/checkout/thanks":
            when = datetime.strptime(hit["time"], "%d/%b/%Y:%H:%M:%S %z").replace(tzinfo=None)
            found += (hit["user"], str(when)) in times
    assert found > 200


def test_staff(shop: Shop) -> None:
    keys = [r["employee_id"] for r in shop.staff]
    assert len(set(keys)) == len(keys)
    assert [r["employee_id"] for r in shop.staff if not r["manager_id"]] == ["E001"]
    for row in shop.staff:
        assert row["manager_id"] in {"", *keys}
        assert row["manager_id"] != row["employee_id"]
        assert not row["left_on"] or row["hired_on"] < row["left_on"] <= "2026-03-31"
        assert re.fullmatch(r"\d{5,6}\.\d\d", row["salary"])
    assert 3 <= sum(bool(r["left_on"]) for r in shop.staff) <= 20
