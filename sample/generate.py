"""Make the sample shop's raw files: the same bytes on every run, from the standard library alone.

    python sample/generate.py [DIR] [--readme FILE] [--seed N]

Without DIR the files go to raw/ beside this script and README.md, with the table of the deliberate dirt,
is written anew beside it. With DIR a README is written only where --readme says.

Only ``random.Random.random()`` is drawn from: Python promises its sequence across versions and nothing
of choice(), shuffle() and the rest. Money is counted in cents, and no function of libm is called.
"""

from __future__ import annotations

import argparse
import bisect
import csv
import io
import json
import random
import struct
import zlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

T = TypeVar("T")
HERE = Path(__file__).resolve().parent
SEED = 2026
MONTHS = ("2026-01", "2026-02", "2026-03")
LAST = datetime(2026, 3, 31, 23, 59, 59)  # noqa: DTZ001  the shop's clock: local time without a zone
CUSTOMERS_BEFORE, CUSTOMERS_NEW = 345, (55, 60, 60)
ORDERS = (1440, 1380, 1500)  # a month, before returns

# country: share, telephone number, cities with postcode, first names, family names
COUNTRIES: dict[str, tuple[int, str, str, str, str]] = {
    "DE": (38, "+49 30 23125###",
           "Berlin 10115,Berlin 10997,Hamburg 20095,Leipzig 04109,Dresden 01067,München 80331,Köln 50667,Halle 06108",
           "Anna Jürgen Lukas Sofie Jörg Käthe Mia Felix Hannelore Björn Lena Günther Emil Renate",
           "Schmidt Müller Weiß Krüger Vogel Schäfer Böhm Hartmann Groß Lange Köhler Brandt"),
    "AT": (10, "+43 720 ######", "Wien 1010,Wien 1070,Graz 8010,Linz 4020",
           "Leopold Theresa Vinzenz Katharina Jakob Rosa", "Gruber Huber Pichler Höfer Moser Wöss"),
    "FR": (14, "+33 1 99 00 ## ##", "Paris 75011,Lyon 69002,Nice 06000,Nîmes 30000,Bourg-en-Bresse 01000,Gap 05000",
           "Zoé Éric Hélène François Chloé André Inès Noël Agnès Rémi",
           "Lefèvre Martin Bérard Dupré Fontaine Côté Marchand Girard"),
    "ES": (12, "+34 900 555 ###", "Madrid 28004,Barcelona 08001,Palma 07001,Málaga 29001,Logroño 26001,Vitoria 01001",
           "Begoña Íñigo Lucía José Núria Andrés Sofía Martín", "Muñoz Ibáñez García Peña López Ordóñez Núñez Vidal"),
    "IT": (8, "+39 06 555 ####", "Roma 00184,Torino 10121,Milano 20121,Perugia 06121,Forlì 47121",
           "Giulia Marco Niccolò Chiara Elisa Matteo", "Rossi Ferrari Greco Conti Fabbri Lodà"),
    "DK": (8, "+45 55 50 ## ##", "København 1620,København 2100,Aarhus 8000,Helsingør 3000",
           "Søren Mette Jørgen Astrid Frode Kirsten", "Sørensen Nørgaard Holm Kjær Østergaard Dahl"),
    "NO": (5, "+47 555 01 ###", "Oslo 0150,Oslo 0251,Bergen 5003,Tromsø 9008,Ålesund 6002",
           "Bjørn Ingrid Håkon Solveig Pål Åse", "Hansen Ødegård Lien Bråten Moe Strøm"),
    "SE": (5, "+46 8 465 004 ##", "Stockholm 11120,Malmö 21119,Göteborg 41103",
           "Åke Märta Göran Linnéa Örjan Ebba", "Lindström Åberg Öhman Sjögren Nyman Ek"),
}  # fmt: skip
SEGMENTS = ("consumer", "business", "vip")
STORES = ("Berlin", "Hamburg", "Wien", "København")
ASCII = str.maketrans(
    {**dict(zip("äáàåöóòôøüúéèêëíìñç", "aaaaooooouueeeeiinc", strict=True)), "ß": "ss", "æ": "ae"}
)

# category: season in January, February, March (per cent); name / price / weight in grams
CATALOGUE: dict[str, tuple[tuple[int, int, int], str]] = {
    "Coffee": ((115, 100, 95), """House Blend 250 g/7.90/260, House Blend 1 kg/24.90/1030, Espresso Nero 1 kg/26.50/1030,
        Decaf Crème 250 g/8.40/260, Filter Roast 500 g/13.90/515, Ethiopia Yirgacheffe 250 g/11.90/260,
        Moka Pot 3 cups/29.90/410, French Press 1 l/34.50/820, Hand Grinder/49.00/560, Paper Filters 100/3.90/140"""),
    "Tea": ((130, 110, 90), """Earl Grey 100 g/6.90/130, Sencha 100 g/9.80/130, Rooibos Orange 100 g/5.90/130,
        Früchtetee 150 g/6.40/180, Teapot Glass 1.2 l/27.90/690, Tea Strainer/8.50/60, Honey Jar 500 g/9.20/780"""),
    "Kitchen": ((95, 100, 105), """Chef's Knife 20 cm/69.00/240, Paring Knife/18.90/70, Smørrebrød Board/22.50/950,
        Cast Iron Pan 26 cm/54.90/2650, Sauce Pan 1.8 l/39.90/1340, Crème Brûlée Torch/32.90/450,
        Kitchen Scale/24.90/510, Spice Rack Jalapeño/28.50/1120, Mixing Bowls Set of 3/31.90/1480, Apron Linen/26.90/310"""),
    "Tableware": ((90, 115, 105), """Mug Stoneware/12.90/390, Espresso Cups Set of 4/28.00/640, Müsli Bowl/11.50/420,
        Dinner Plate/14.90/720, Wine Glasses Set of 6/44.90/1230, Carafe 1 l/23.90/880, Cutlery Set 24/89.00/2350,
        Egg Cups Pair/9.90/180"""),
    "Textiles": ((140, 95, 85), """Wool Blanket/79.00/1650, Cushion Cover/19.90/220, Tea Towels Set of 3/16.90/260,
        Table Runner/21.50/240, Bath Towel/24.90/580, Napkins Linen Set of 4/27.90/200, Bed Linen Flannel/64.90/1900"""),
    "Lighting": ((120, 125, 80), """Beeswax Candles 6/13.90/420, Scented Candle Fig/18.50/390, Lantern Small/26.90/860,
        Desk Lamp/59.00/1540, String Lights 5 m/15.90/210, Candle Holder Brass/22.90/530"""),
    "Garden": ((40, 70, 190), """Seed Box Herbs/9.90/90, Watering Can 5 l/34.90/1180, Secateurs/29.50/310,
        Plant Pot Terracotta/12.50/1350, Garden Gloves/11.90/120, Bird Feeder/19.90/680"""),
    "Stationery": ((110, 100, 95), """Notebook A5/9.50/280, Calendar 2026/17.90/350, Fountain Pen/38.00/60,
        Gift Wrap Set/7.90/190, Gift Card 50/50.00/0, Postcards Niño 10/8.90/80"""),
}  # fmt: skip
NEW_PRODUCTS = {"Bird Feeder": 2, "Postcards Niño 10": 2, "Egg Cups Pair": 3, "Secateurs": 3}
COUPONS = {"WELCOME10": "10", "WINTER15": "15", "SPRING5": "5", "VIP12": "12.5"}
NOTES = ("Please gift wrap", "Leave at the door", "Ring twice", 'Card: "Alles Gute, Oma"', "Call before delivery",
         "Deliver to the café, ground floor", "Invoice to the office", "Happy birthday, José!")  # fmt: skip
BROWSERS = (
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/143.0.0.0 Safari/537.36",
    "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.2 Safari/605.1.15",
    "Mozilla/5.0 (iPhone; CPU iPhone OS 18_2 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Mobile/15E148",
    "Mozilla/5.0 (X11; Linux x86_64; rv:146.0) Gecko/20100101 Firefox/146.0",
)
BOTS = (
    "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)",
    "Mozilla/5.0 (compatible; bingbot/2.0; +http://www.bing.com/bingbot.htm)",
)
SCANNER = "curl/8.5.0"
SITE = "https://shop.example"


class Dice:
    """Draws for one subject, so that a change to one file's recipe leaves the other files alone."""

    def __init__(self, seed: int, subject: str) -> None:
        self._draw = random.Random((seed << 32) + zlib.crc32(subject.encode())).random

    def below(self, end: int) -> int:
        """Draw 0 to ``end`` - 1."""
        return int(self._draw() * end)

    def between(self, low: int, high: int) -> int:
        """Draw ``low`` to ``high``, both included."""
        return low + self.below(high - low + 1)

    def chance(self, per_cent: int) -> bool:
        """Draw true in ``per_cent`` of the cases."""
        return self.below(100) < per_cent

    def one(self, of: Sequence[T]) -> T:
        """Draw one item."""
        return of[self.below(len(of))]

    def weighted(self, of: Sequence[T], weights: Iterable[int]) -> T:
        """Draw one item, the heavier the likelier."""
        ends, total = [], 0
        for weight in weights:
            total += weight
            ends.append(total)
        return of[bisect.bisect_right(ends, self.below(total))]

    def some(self, of: Sequence[T], count: int) -> list[T]:
        """Draw ``count`` different items."""
        rest = list(of)
        return [rest.pop(self.below(len(rest))) for _ in range(count)]

    def digits(self, pattern: str) -> str:
        """Draw a digit for each #."""
        return "".join(str(self.below(10)) if c == "#" else c for c in pattern)

    def moment(self, first: date, last: date, hours: tuple[int, int] = (7, 21)) -> datetime:
        """Draw a time on one of the days, both included."""
        day = first + timedelta(days=self.below((last - first).days + 1))
        return at(day, self.between(*hours), self.below(60), self.below(60))


class Dirt(NamedTuple):
    """One deliberate fault: where it is, what it is, and what is to become of it."""

    file: str
    lines: tuple[int, ...]
    kind: str
    what: str
    then: str


@dataclass
class Thing:
    """A customer or product with all its versions, oldest first; the heavier, the oftener drawn."""

    key: str
    weight: int
    versions: list[tuple[datetime, dict[str, Any]]]

    def at(self, when: datetime) -> dict[str, Any]:
        """Return the version that held at ``when``."""
        return next(v[1] for v in reversed(self.versions) if v[0] <= when)

    def as_of(self, when: datetime) -> tuple[datetime, dict[str, Any]] | None:
        """Return the version that held at ``when`` and since when it did; None before the first."""
        return next((v for v in reversed(self.versions) if v[0] <= when), None)

    def change(self, when: datetime, **values: Any) -> None:
        """Add a version."""
        self.versions.append((when, {**self.versions[-1][1], **values}))


@dataclass
class Order:
    """An order, or the return of one."""

    when: datetime
    customer: str
    channel: str
    status: str
    country: str
    coupon: str
    note: str
    lines: list[dict[str, Any]]
    of: Order | None = None  # what a return returns
    key: str = ""
    held: bool = False  # its row is spoilt


@dataclass
class Shop:
    """What has been made so far: the world, its files and the faults in them."""

    files: dict[str, bytes] = field(default_factory=dict)
    rows: dict[str, int] = field(default_factory=dict)
    dirt: list[Dirt] = field(default_factory=list)
    waiting: int = 0  # order lines whose order is held back

    def spoilt(self, file: str, lines: Iterable[int], kind: str, what: str, then: str) -> None:
        """Keep a record of a fault; no lines: the whole file has it."""
        self.dirt.append(Dirt(file, tuple(lines), kind, what, then))

    def put_csv(
        self, name: str, rows: list[list[str]], encoding: str = "utf-8", delimiter: str = ",", end: str = "\n"
    ) -> None:
        """Keep a CSV file, header included."""
        text = io.StringIO(newline="")
        csv.writer(text, delimiter=delimiter, lineterminator=end).writerows(rows)
        self.files[name], self.rows[name] = text.getvalue().encode(encoding), len(rows) - 1

    def put_lines(self, name: str, lines: list[str]) -> None:
        """Keep a gzip file of lines, without time and name; gzip.compress's header depends on the version."""
        payload = ("\n".join(lines) + "\n").encode()
        deflate = zlib.compressobj(9, zlib.DEFLATED, -15)
        content = deflate.compress(payload) + deflate.flush()
        end = struct.pack("<II", zlib.crc32(payload), len(payload))
        self.files[name] = b"\x1f\x8b\x08\0\0\0\0\0\x02\xff" + content + end
        self.rows[name] = len(lines)


def at(day: date, hour: int, minute: int, second: int) -> datetime:
    """Return a time of ``day`` on the shop's clock."""
    return datetime(day.year, day.month, day.day, hour, minute, second)  # noqa: DTZ001


def days(month: int) -> tuple[date, date]:
    """Return the first and last day of a month of 2026."""
    return date(2026, month, 1), date(2026, month + 1, 1) - timedelta(days=1)


def money(cents: int) -> str:
    """Write cents as 12.30."""
    return f"{'-' if cents < 0 else ''}{abs(cents) // 100}.{abs(cents) % 100:02d}"


# -- the world -------------------------------------------------------------------------------------


def make_customers(dice: Dice) -> list[Thing]:
    """Make the customers by date of their first sign-up, with every change until the end of March."""
    first = [dice.moment(date(2023, 1, 2), date(2025, 12, 29)) for _ in range(CUSTOMERS_BEFORE)]
    for month, count in enumerate(CUSTOMERS_NEW, 1):
        start, end = days(month)
        first += [dice.moment(start, end - timedelta(days=2)) for _ in range(count)]
    customers: list[Thing] = []
    emails: set[str] = set()
    for number, joined in enumerate(sorted(first), 1):
        country = dice.weighted(list(COUNTRIES), [c[0] for c in COUNTRIES.values()])
        _, phone, cities, given, family = COUNTRIES[country]
        one, other = dice.one(given.split()), dice.one(family.split())
        segment = dice.weighted(SEGMENTS, (74, 18, 8))
        name = f"{one} {other}"
        if segment == "business" and dice.chance(60):
            name = dice.one(("Café {0}", "{0} & Söhne", "Studio {0}", "{0}, Holm & Partner")).format(other)
        email = f"{one}.{other}".lower().translate(ASCII) + f"@example.{dice.one(('com', 'org', 'net'))}"
        if email in emails:
            email = email.replace("@", f"{number}@")
        emails.add(email)
        values: dict[str, Any] = {
            "name": name,
            "email": email.title() if number % 37 == 0 else email,
            "phone": "" if dice.chance(8) else dice.digits(phone),
            **city_of(dice, cities),
            "country": country,
            "segment": segment,
            "signed_up": joined.date().isoformat(),
            "marketing_opt_in": "yes" if dice.chance(58) else "no",
            "loyalty_tier": "bronze" if joined.year == 2026 and joined.month > 1 and dice.chance(40) else "",
        }
        if number % 131 == 0:
            values["name"] = f"  {name} "
        # Those from before 2026 may have changed since, but not in 2026: no order is older than its customer.
        since = joined
        if joined.year < 2026 and dice.chance(40):
            since = dice.moment(joined.date() + timedelta(days=1), date(2025, 12, 31))
        share = dice.below(1000)
        weight = 0 if share < 50 else 2 + share * share * share // 40_000_000
        weight = weight * {"consumer": 2, "business": 3, "vip": 4}[segment]
        customers.append(Thing(f"C{number:05d}", weight, [(since, values)]))
    for month in (2, 3):
        change_customers(dice, customers, month)
    return customers


def city_of(dice: Dice, cities: str, other_than: str = "") -> dict[str, str]:
    """Draw a city with its postcode."""
    pairs = [c.rsplit(" ", 1) for c in cities.split(",")]
    city, postcode = dice.one([p for p in pairs if p[0] != other_than])
    return {"city": city, "postcode": postcode}


def change_customers(dice: Dice, customers: list[Thing], month: int) -> None:
    """Change about 6 % of those who were there before ``month``, and let others join the loyalty scheme."""
    start, end = days(month)
    there = [c for c in customers if c.versions[0][0] < at(start, 0, 0, 0)]
    busy = [c for c in there if c.weight >= 6]
    changed = dice.some(busy, len(there) * 6 // 100)
    for customer in changed:
        now = customer.versions[-1][1]
        what = dice.weighted(("city", "segment", "email", "phone"), (46, 34, 12, 8))
        values: dict[str, Any]
        if what == "city":
            values = city_of(dice, COUNTRIES[now["country"]][2], now["city"])
        elif what == "segment":
            values = {"segment": dice.one([s for s in SEGMENTS if s != now["segment"]])}
        elif what == "email":
            values = {"email": f"{now['email'].lower().split('@')[0]}.{month}@example.net"}
        else:
            values = {"phone": dice.digits(COUNTRIES[now["country"]][1])}
        customer.change(dice.moment(start + timedelta(days=5), end - timedelta(days=6)), **values)
    for customer in dice.some([c for c in there if c not in changed], len(there) // 10):
        tier = {"": "bronze", "bronze": "silver", "silver": "gold"}[customer.versions[-1][1]["loyalty_tier"]]
        customer.change(dice.moment(start, end), loyalty_tier=tier)


def make_products(dice: Dice) -> list[Thing]:
    """Make the catalogue; prices move at night, when nobody orders, whatever the zone they are read in."""
    entries = [(c, *e.strip().split("/")) for c, (_, text) in CATALOGUE.items() for e in text.split(",")]
    order = dice.some(range(len(entries)), len(entries))
    order.sort(key=lambda i: NEW_PRODUCTS.get(entries[i][1], 1))
    products: list[Thing] = []
    names = list(CATALOGUE)
    for number, index in enumerate(order, 1):
        category, name, price, weight = entries[index]
        month = NEW_PRODUCTS.get(name, 1)
        start = days(month)[0]
        since = dice.moment(date(2024, 3, 1), date(2025, 12, 30), (2, 3))
        if month > 1:
            since = dice.moment(start + timedelta(days=2), start + timedelta(days=9), (2, 3))
        cents = int(price.replace(".", ""))
        grams = int(weight)
        side = next(n for n in range(1, 999) if n * n * n >= grams * 1500)
        box = {
            "weight_g": grams,
            "length_mm": side + dice.between(5, 60),
            "width_mm": side,
            "height_mm": side * 3 // 4,
        }
        values: dict[str, Any] = {
            "name": name,
            "category": {"id": 10 * (names.index(category) + 1), "name": category},
            "price": cents,
            "cost": cents * dice.between(38, 62) // 100,
            "tags": dice.some(("new", "bestseller", "organic", "handmade", "gift", "eco"), dice.below(4)),
            "dimensions": box if grams else None,
            "image": f"P-{number:04d}.png" if number <= len(PICTURES) else None,
            "active": True,
        }
        weight_of = 3 + dice.below(10) * dice.below(10) + (12 if cents < 2500 else 0)
        products.append(Thing(f"P-{number:04d}", weight_of, [(since, values)]))
    for month in (2, 3):
        start, end = days(month)
        there = [p for p in products if p.versions[0][0] < at(start, 0, 0, 0) and p.at(LAST)["active"]]
        touched = dice.some(there, 12)
        for position, product in enumerate(touched):
            when = dice.moment(start + timedelta(days=1), end - timedelta(days=2), (2, 3))
            now = product.versions[-1][1]
            if position < 8:  # dearer by up to 12 % or cheaper by up to 8 %, on round ten cents
                product.change(when, price=now["price"] * dice.one((92, 95, 104, 106, 109, 112)) // 1000 * 10)
            elif position < 10:
                product.change(when, name=f"{now['name']} {dice.one(('Classic', 'Édition 2026', 'No. 2'))}")
            elif position < 11:
                category = dice.one([c for c in names if c != now["category"]["name"]])
                product.change(when, category={"id": 10 * (names.index(category) + 1), "name": category})
            else:
                product.change(when, active=False)
    return products


def make_orders(dice: Dice, customers: list[Thing], products: list[Thing]) -> list[Order]:
    """Make the orders and returns of the three months, by time, with their keys."""
    by_start = sorted(customers, key=lambda c: c.versions[0][0])
    starts = [c.versions[0][0] for c in by_start]
    ends = [0]
    for customer in by_start:
        ends.append(ends[-1] + customer.weight)
    welcomed: set[str] = set()
    orders: list[Order] = []
    for month, count in enumerate(ORDERS, 1):
        first, last = days(month)
        calendar = [first + timedelta(days=n) for n in range((last - first).days + 1)]
        weights = [day_weight(d) for d in calendar]
        for day in sorted(dice.weighted(calendar, weights) for _ in range(count)):
            there = bisect.bisect_left(starts, at(day, 0, 0, 0))
            buyer = by_start[bisect.bisect_right(ends, dice.below(ends[there])) - 1]
            orders.append(make_order(dice, day, buyer, products, welcomed))
    for order in [o for o in orders if o.status == "completed" and dice.chance(4)]:
        when = order.when + timedelta(days=dice.between(4, 20), minutes=dice.between(1, 50))
        when += timedelta(days=when.weekday() == 6)
        if when <= LAST:
            reason = dice.one(("damaged", "wrong item", "changed mind", "arrived late"))
            back = dice.some(order.lines, dice.between(1, len(order.lines)))
            lines = [{**line, "quantity": -line["quantity"], "reason": reason} for line in back]
            who = (order.customer, order.channel, "returned", order.country)
            orders.append(Order(when, *who, "", "", lines, order))
    orders.sort(key=lambda o: o.when)
    for number, order in enumerate(orders, 100_001):
        order.key = f"O{number}"
    for order in orders:
        if order.of:
            order.note = f"Return of {order.of.key}"
    return orders


def day_weight(day: date) -> int:
    """Weigh a day: working days before weekends, the winter sale, Saint Valentine's, the run-up to Easter."""
    season = 100
    if day.month == 1:
        season = 25 if day.day == 1 else 125 if day.day <= 14 else 95
    elif day.month == 2 and 9 <= day.day <= 13:
        season = 155
    elif day.month == 3 and day.day >= 20:
        season = 130
    return (12, 11, 11, 12, 13, 7, 5)[day.weekday()] * season


def make_order(dice: Dice, day: date, buyer: Thing, products: list[Thing], welcomed: set[str]) -> Order:
    """Make one order of ``buyer`` on ``day``."""
    city = buyer.at(at(day, 12, 0, 0))["city"]
    channel = "web"
    if city in STORES and day.weekday() < 6 and dice.chance(58):
        channel = "store"
    elif day.weekday() < 5 and dice.chance(10):
        channel = "phone"
    hours = {"web": (6, 23), "store": (10, 19), "phone": (9, 16)}[channel]
    # The mean of two draws: most orders in the afternoon, few at the ends of the day.
    when = at(day, (dice.between(*hours) + dice.between(*hours) + 1) // 2, dice.below(60), dice.below(60))
    who = buyer.at(when)
    coupon = ""
    if buyer.key not in welcomed and (day - date.fromisoformat(who["signed_up"])).days <= 14:
        coupon = "WELCOME10" if channel == "web" else ""
    elif who["segment"] == "vip" and dice.chance(35):
        coupon = "VIP12"
    elif dice.chance(9):
        coupon = "SPRING5" if day.month == 3 else "WINTER15"
    welcomed.add(buyer.key)
    on_sale = [p for p in products if p.versions[0][0] <= when and p.at(when)["active"]]
    weights = [p.weight * CATALOGUE[p.at(when)["category"]["name"]][0][day.month - 1] for p in on_sale]
    lines: list[dict[str, Any]] = []
    wanted = dice.weighted((1, 2, 3, 4, 5), (32, 29, 22, 11, 6))
    while len(lines) < wanted:
        product = dice.weighted(on_sale, weights)
        if product.key in {line["product"] for line in lines}:
            continue
        now = product.at(when)
        quantity = dice.weighted((1, 2, 3, 4), (72, 18, 6, 4))
        if who["segment"] == "business" and now["price"] < 5000:
            quantity *= dice.between(1, 5)
        sale = now["category"]["name"] == "Textiles" and day <= date(2026, 1, 14)
        discount = COUPONS.get(coupon, "20" if sale else "null" if channel == "store" else "0")
        line = {"product": product.key, "quantity": quantity, "price": now["price"], "discount": discount}
        lines.append(line)
    fresh = (day + timedelta(days=2)).month != day.month  # on its way when the month was exported
    status = "cancelled" if dice.chance(3) else "shipped" if fresh else "completed"
    country = who["country"] if dice.chance(97) else dice.one(list(COUNTRIES))
    note = dice.one(NOTES) if channel != "store" and dice.chance(6) else ""
    return Order(when, buyer.key, channel, status, "" if channel == "store" else country, coupon, note, lines)


# -- the files -------------------------------------------------------------------------------------


SAVED_AS = (("utf-8", ",", "\n"), ("latin-1", ";", "\r\n"), ("utf-8-sig", ",", "\n"))


def write_customers(shop: Shop, dice: Dice, customers: list[Thing]) -> None:
    """Write the monthly snapshots, each as another program would have saved it."""
    columns = list(customers[0].versions[0][1])
    for month, name in enumerate(MONTHS, 1):
        file = f"customers_{name}.csv"
        shown = [c for c in columns if month > 1 or c != "loyalty_tier"]
        rows = [["customer_id", *shown, "updated_at"]]
        for customer in customers:
            if state := customer.as_of(at(days(month)[1], 23, 59, 59)):
                rows.append(customer_row(customer.key, state, shown))
        if month == 2:
            what = "Latin-1 (ISO 8859-1), semicolons, CRLF: another export program than in January"
            shop.spoilt(file, (), "encoding", what, "detect all three; the names agree with January's")
            then = "drift policy `evolve`: null in January's rows"
            shop.spoilt(file, (1,), "new_column", "`loyalty_tier` appears", then)
        elif month == 3:
            what = "UTF-8 with a byte order mark"
            shop.spoilt(file, (), "encoding", what, "the mark is no part of the first column's name")
            repeat_customers(shop, dice, file, rows, customers)
        padded = [line for line, row in enumerate(rows, 1) if row[1] != row[1].strip()]
        shop.spoilt(file, padded, "padding", "blanks around `name`", "`trim`")
        mixed = [line for line, row in enumerate(rows[1:], 2) if row[2] != row[2].lower()]
        shop.spoilt(file, mixed, "case", "`email` in mixed case", '`case = "lower"`')
        shop.put_csv(file, rows, *SAVED_AS[month - 1])


def customer_row(key: str, state: tuple[datetime, dict[str, Any]], columns: list[str]) -> list[str]:
    """Write one version of a customer as fields."""
    since, values = state
    return [key, *(values[c] for c in columns), since.isoformat(" ")]


def repeat_customers(
    shop: Shop, dice: Dice, file: str, rows: list[list[str]], customers: list[Thing]
) -> None:
    """Let one customer appear a second time as before its last change, and another exactly as it is."""
    march = at(days(3)[0], 0, 0, 0)
    moved = dice.one([c for c in customers if len(c.versions) > 1 and c.versions[-1][0] >= march])
    line = 1 + next(place for place, row in enumerate(rows) if row[0] == moved.key)
    rows.insert(line, customer_row(moved.key, moved.versions[-2], rows[0][1:-1]))
    rows.append(list(rows[dice.between(20, 200)]))
    what = f"{moved.key} twice: as it is, and as it was before its change in March"
    then = "dedupe keeps the row with the later `updated_at`"
    shop.spoilt(file, (line, line + 1), "duplicate_key", what, then)
    what = f"{rows[-1][0]} a second time, every field the same"
    shop.spoilt(file, (len(rows),), "duplicate_row", what, "dedupe keeps one")


def write_products(shop: Shop, products: list[Thing]) -> None:
    """Write the product API's answers: the catalogue as it stood when each month ended."""
    for month, name in enumerate(MONTHS, 1):
        end = at(days(month)[1], 23, 0, 0)
        data = []
        for product in products:
            if state := product.as_of(end):
                since, now = state
                price = {"amount": money(now["price"]), "currency": "EUR"}
                stamp = {"cost": now["cost"] / 100, "updated_at": f"{since.isoformat()}Z"}
                data.append({"product_id": product.key, **now, "price": price, **stamp})
        page = {"number": 1, "size": 100, "total": len(data)}
        answer = {"generated_at": f"{end.isoformat()}Z", "page": page, "data": data}
        file = f"products_{name}.json"
        shop.files[file] = (json.dumps(answer, ensure_ascii=False, indent=1) + "\n").encode()
        shop.rows[file] = len(data)


BAD_DATES = (
    ("31/13/2026", "2026-01-32 09:15:00"),
    ("2026-02-30 10:11:12", "yesterday"),
    ("0000-00-00 00:00:00",),
)
ORDER_COLUMNS = "order_id customer_id ordered_at channel status ship_country coupon note"


def write_orders(shop: Shop, dice: Dice, name: str, orders: list[Order]) -> None:
    """Write one month's orders, and spoil some."""
    file, month = f"orders_{name}.csv", int(name[-2:])
    rows = [ORDER_COLUMNS.split()]
    for o in orders:
        rows.append(
            [o.key, o.customer, o.when.isoformat(" "), o.channel, o.status, o.country, o.coupon, o.note]
        )
    plain = [n for n, o in enumerate(orders, 1) if o.status == "completed" and not o.coupon and not o.note]
    picks = dice.some(plain, 20)
    found: list[tuple[list[str], str, str, str]] = []

    def hold(place: int, kind: str, what: str) -> None:
        """Note an order that goes to quarantine, and that its lines must follow."""
        orders[place - 1].held = True
        count = len(orders[place - 1].lines)
        lines = "its one line waits" if count == 1 else f"its {count} lines wait"
        found.append((rows[place], kind, f"{rows[place][0]}: {what}", f"quarantine; {lines} there with it"))

    for text in BAD_DATES[month - 1]:
        place = picks.pop()
        rows[place][2] = text
        hold(place, "bad_date", f"`ordered_at` is `{text}`")
    if month != 2:
        place = picks.pop()
        rows[place][7:] = ["Leave with the neighbour", " second floor"]
        hold(place, "ragged_row", "nine fields under eight columns, for a comma in `note` that wants quotes")
    for place in picks[:8]:
        rows[place][6] = "N/A"
    if month == 3:
        row = rows[picks[8]]
        row[1] = "C09999"
        what = f"{row[0]}: customer C09999 is in no customer file"
        found.append((row, "orphan_order", what, "stays; the fact points at the unknown customer"))
    if month == 2:
        place = picks[8]
        later = orders[place - 1].when + timedelta(seconds=3)
        again = [*rows[place][:2], later.isoformat(" "), *rows[place][3:]]
        rows.insert(place + 1, again)
        what = f"{again[0]} again, three seconds after the first"
        found.append((again, "duplicate_key", what, "dedupe keeps the later `ordered_at`"))
    line_of = {id(row): line for line, row in enumerate(rows, 1)}
    for row, kind, what, then in found:
        shop.spoilt(file, (line_of[id(row)],), kind, what, then)
    absent = [line for line, row in enumerate(rows, 1) if row[6] == "N/A"]
    shop.spoilt(file, absent, "null_token", "`coupon` is `N/A`, elsewhere empty", "null, as the empty ones")
    shop.put_csv(file, rows)


def write_order_lines(shop: Shop, dice: Dice, name: str, orders: list[Order]) -> None:
    """Write the lines of one month's orders, one of them wrong."""
    file = f"order_lines_{name}.ndjson.gz"
    lines: list[str] = []
    sound: list[int] = []
    for order in orders:
        for number, line in enumerate(order.lines, 1):
            lines.append(order_line(order.key, number, line))
            if order.status == "completed" and not order.held and line["quantity"] == 2:
                sound.append(len(lines))
        shop.waiting += len(order.lines) if order.held else 0
    place = dice.one(sound)
    kind, what = "orphan_line", "order O999999 is in no order file"
    then = "quarantine: its `order_id` is found in no order"
    if name == "2026-01":
        lines.insert(place - 1, order_line("O999999", 1, orders[0].lines[0]))
    elif name == "2026-02":
        lines[place - 1] = lines[place - 1].replace('"quantity": 2', '"quantity": "two"')
        kind, what, then = "text_quantity", '`quantity` is the text `"two"`', "quarantine: no whole number"
    else:
        lines[place - 1] = lines[place - 1].replace('"quantity": 2', '"quantity": -2')
        kind, what = "negative_quantity", "`quantity` is -2 in an order that is no return"
        then = "quarantine by the rule `quantity > 0 OR return_reason IS NOT NULL`"
    shop.spoilt(file, (place,), kind, what, then)
    shop.put_lines(file, lines)


def order_line(order: str, number: int, line: dict[str, Any]) -> str:
    """Write an order line as JSON; by hand, so that 19.90 keeps its cents."""
    reason = f', "return_reason": "{line["reason"]}"' if "reason" in line else ""
    return (
        f'{{"order_id": "{order}", "line_no": {number}, "product_id": "{line["product"]}", '
        f'"quantity": {line["quantity"]}, "unit_price": {money(line["price"])}, '
        f'"discount_pct": {line["discount"]}{reason}}}'
    )


def write_access(shop: Shop, dice: Dice, name: str, orders: list[Order], products: list[Thing]) -> None:
    """Write one web server's log: visits that end in an order, visits that do not, bots, an outage."""
    file, month = f"access_{name}.log.gz", int(name[-2:])
    first, last = days(month)
    hits: list[tuple[datetime, str]] = []
    for order in orders:
        if order.channel == "web" and order.status != "returned" and dice.chance(14):
            hits += visit(dice, order.when, [line["product"] for line in order.lines], order.customer)
    for _ in range(190):
        end = dice.moment(first, last, (6, 22))
        seen = [p.key for p in products if p.as_of(end)]
        hits += visit(dice, end, [dice.one(seen) for _ in range(dice.between(1, 3))], "-")
    for _ in range(330):
        when, path, status, agent = dice.moment(first, last, (0, 22)), "/robots.txt", 200, dice.one(BOTS)
        if dice.chance(20):
            path, status, agent = dice.one(("/wp-login.php", "/.env", "/admin.php")), 404, SCANNER
        elif dice.chance(10):
            path, status = dice.one(("/products/P-9999", "/sale-2025")), 404
        elif dice.chance(90):
            path = f"/products/{dice.one(products[:56]).key}"
        hits.append((when, hit(when, address(dice), "-", f"GET {path}", status, "-", agent)))
    for _ in range(36 if month == 2 else 0):  # the shop was down for most of an hour
        when = at(date(2026, 2, 14), 19, dice.between(4, 51), dice.below(60))
        request = dice.one(("GET /checkout", "POST /checkout", "GET /products/P-0003", "GET /"))
        status = dice.one((500, 500, 503))
        hits.append((when, hit(when, address(dice), "-", request, status, "-", dice.one(BROWSERS))))
    hits.sort(key=lambda h: h[0])
    lines = [text for _, text in hits]
    cut, stray = dice.some(range(100, len(lines) - 100), 2)
    lines[cut] = lines[cut][: lines[cut].index('"') + 9]
    lines[stray] = f"nginx: worker process {dice.between(2000, 9000)} exited on signal 9"
    shop.spoilt(file, (cut + 1,), "malformed_line", "cut off in the middle of the request", "quarantine")
    shop.spoilt(file, (stray + 1,), "malformed_line", "a message that is no request", "quarantine")
    shop.put_lines(file, lines)


def address(dice: Dice) -> str:
    """Draw an address of the blocks that are set aside for documentation."""
    return f"{dice.one(('192.0.2', '198.51.100', '203.0.113'))}.{dice.between(1, 254)}"


def hit(when: datetime, host: str, user: str, request: str, status: int, referer: str, agent: str) -> str:
    """Write one request in the combined log format; 304 has no size, which Apache writes as a hyphen."""
    zone = "+0200" if when >= at(date(2026, 3, 29), 3, 0, 0) else "+0100"
    # strftime's %b follows the locale
    time = f"{when.day:02d}/{('Jan', 'Feb', 'Mar')[when.month - 1]}/{when.year}:{when:%H:%M:%S} {zone}"
    size = "-" if status == 304 else 312 if status >= 400 else 400 + zlib.crc32(request.encode()) % 23_000
    return f'{host} - {user} [{time}] "{request} HTTP/1.1" {status} {size} "{referer}" "{agent}"'


def visit(dice: Dice, end: datetime, products: list[str], user: str) -> Iterator[tuple[datetime, str]]:
    """Make a visit's requests, the last at ``end``; with a user it ends in an order."""
    host, agent = address(dice), dice.one(BROWSERS)
    requests = [("GET /", 200, dice.one(("-", "-", "https://search.example/", f"{SITE}/newsletter/2026")))]
    requests.append(("GET /static/site.css", 304 if user != "-" else 200, f"{SITE}/"))
    page = "/"
    for product in products:
        requests.append((f"GET /products/{product}", 200, SITE + page))
        page = f"/products/{product}"
        if dice.chance(70):
            requests.append((f"GET /images/{product}.png", 304 if dice.chance(25) else 200, SITE + page))
    if user != "-":
        requests += [("POST /cart", 302, SITE + page), ("GET /checkout", 200, f"{SITE}/cart")]
        if dice.chance(4):
            requests.append(("POST /checkout", 500, f"{SITE}/checkout"))
        requests.append(("POST /checkout", 302, f"{SITE}/checkout"))
        requests.append(("GET /checkout/thanks", 200, f"{SITE}/checkout"))
    elif dice.chance(12):
        requests.append(("GET /checkout", 200, f"{SITE}/cart"))
    gaps = [dice.between(0, 1) if ".css" in r[0] or ".png" in r[0] else dice.between(4, 55) for r in requests]
    when = max(end - timedelta(seconds=sum(gaps)), at(end.replace(day=1).date(), 0, 0, 0))
    for (request, status, referer), gap in zip(requests, gaps, strict=True):
        when += timedelta(seconds=gap)
        named = user if request.startswith("POST") or "/checkout" in request else "-"
        yield when, hit(when, host, named, request, status, referer, agent)


def write_staff(shop: Shop, dice: Dice) -> None:
    """Write the people who work there: heads first, then those who report to them."""
    teams = {"Management": (1, 98_000), "Sales": (17, 36_000), "Logistics": (13, 33_500), "Marketing, PR": (8, 44_000),
             "IT": (8, 58_000), "Finance": (6, 51_000), "Customer care": (7, 34_000)}  # fmt: skip
    rows = [["employee_id", "name", "department", "location", "hired_on", "left_on", "salary", "manager_id"]]
    people = [(team, True) for team in teams]
    people += [(team, False) for team, (size, _) in teams.items() for _ in range(size - 1)]
    heads: dict[str, str] = {}
    for number, (team, head) in enumerate(people, 1):
        _, _, _, given, family = COUNTRIES[dice.weighted(tuple(COUNTRIES), (60, 12, 6, 6, 4, 8, 2, 2))]
        place = "Berlin" if head or team not in ("Sales", "Logistics", "Customer care") else dice.one(STORES)
        hired = dice.moment(date(2014, 4, 1), date(2017, 12, 1) if head else date(2025, 12, 1)).date()
        left = ""
        if not head and dice.chance(14):
            earliest = max(hired + timedelta(days=60), date(2025, 4, 1))
            left = dice.moment(earliest, LAST.date()).date().isoformat()
        pay = teams[team][1] * (160 if head and number > 1 else 100 + dice.below(30)) + dice.below(12) * 2550
        heads.setdefault(team, f"E{number:03d}")
        manager = "" if number == 1 else "E001" if head else heads[team]
        name = f"{dice.one(given.split())} {dice.one(family.split())}"
        rows.append([f"E{number:03d}", name, team, place, hired.isoformat(), left, money(pay), manager])
    shop.put_csv("staff.csv", rows)


PICTURES = ((64, 64), (96, 96), (160, 120), (120, 160), (128, 128), (64, 96), (96, 64), (144, 108), (80, 80), (150, 100),
            (100, 120), (72, 128))  # fmt: skip


def write_images(shop: Shop, dice: Dice) -> None:
    """Write the product pictures: a shape before a sky that darkens downwards; some grey, some see-through."""
    for number, (width, height) in enumerate(PICTURES, 1):
        kind = {5: 0, 9: 6}.get(number, 2)  # PNG colour types: grey, RGBA, RGB
        sky, ink = ([dice.between(low, high) for _ in range(3)] for low, high in ((150, 235), (20, 140)))
        shape, radius = number % 4, min(width, height) * 3 // 8
        pixels = bytearray()
        for y in range(height):
            pixels.append(0)
            dy = y - height // 2
            row_sky = [c - c * (y // 4 * 4) // (height * 2) for c in sky]
            for x in range(width):
                dx = x - width // 2
                inside = (
                    dx * dx + dy * dy <= radius * radius,
                    abs(dx) + abs(dy) <= radius,
                    abs(dx) <= radius * 2 // 3 and abs(dy) <= radius,
                    abs(dx) * 2 <= dy + radius and dy <= radius,
                )[shape]
                lit = inside and dx < -dy - radius // 3
                colour = [c + 50 for c in ink] if lit else ink if inside else row_sky
                pixels += bytes({0: colour[:1], 2: colour, 6: [*colour, 255 if inside else 96]}[kind])
        header = struct.pack(">IIBBBBB", width, height, 8, kind, 0, 0, 0)
        content = b"\x89PNG\r\n\x1a\n"
        for tag, body in ((b"IHDR", header), (b"IDAT", zlib.compress(bytes(pixels), 9)), (b"IEND", b"")):
            content += struct.pack(">I", len(body)) + tag + body + struct.pack(">I", zlib.crc32(tag + body))
        shop.files[f"images/P-{number:04d}.png"] = content


# -- all together ----------------------------------------------------------------------------------

README = """\
# The sample shop

Nordlicht sells coffee, tea and things for the house, on the web, by phone and in four stores. `raw/` holds what
its programs left behind in the first three months of 2026. Nobody in it is real: mail goes to `example.com`, the
web server's visitors come from networks set aside for documentation.

`generate.py` makes every file, and this page, from one seed: `python sample/generate.py` gives the same bytes on
every run. `dwkit.toml` and `models/` beside it take them to the marts; `dwkit demo` does that in one go.

## Files

| file | rows | what |
| --- | ---: | --- |
{files}

What holds, but for the dirt below:

- A row of a customer or product differs from last month's only if its `updated_at` moved, and `updated_at` of a
  first appearance lies before that customer's or product's first order: each order finds the version of its day.
- Each month's orders find their customers and products in that month's snapshots.
- `unit_price` is the list price of the moment of the order. A return is an order of its own with status
  `returned`, negative quantities and a `return_reason`.
- Things to find: the winter sale on textiles until 14 January, the days before Saint Valentine's, the shop being
  down on the evening of 14 February, the garden waking up in March, weekends quieter than working days.

## Deliberate dirt

Lines are counted from 1 in the unpacked file, a CSV file's header being line 1.

| file | line | kind | what | what dwkit should do |
| --- | --- | --- | --- | --- |
{dirt}

What that leaves, under a contract that checks dates, numbers, keys and references:

| dataset | rows in raw files | held back | merged by key | left |
| --- | ---: | ---: | ---: | ---: |
{totals}

Of the order lines held back, {waiting} are sound themselves and wait for a quarantined order.
"""

WHAT = {
    "access": "one web server's log, Apache's combined format",
    "customers": "all customers at the end of the month",
    "order_lines": "the orders' lines, one JSON object each; `discount_pct` is null where a store's till sent none",
    "orders": "the month's orders and returns",
    "products": "the product API's answer at the end of the month: nested objects under `data`",
    "staff": "the people who work there",
}


def readme(shop: Shop) -> str:
    """Write the page that documents the files and what is wrong with them."""
    files = [f"| `{f}` | {n:,} | {WHAT[dataset(f)]} |" for f, n in sorted(shop.rows.items())]
    files.append(f"| `images/*.png` | {len(PICTURES)} | pictures of the first products |")
    dirt = []
    for d in sorted(shop.dirt):
        lines = ", ".join(map(str, d.lines)) or "all"
        dirt.append(f"| `{d.file}` | {lines} | {d.kind} | {d.what} | {d.then} |")
    totals = []
    for name in ("customers", "products", "orders", "order_lines", "access", "staff"):
        raw = sum(n for f, n in shop.rows.items() if dataset(f) == name)
        mine = [d for d in shop.dirt if dataset(d.file) == name]
        held = sum(d.then.startswith("quarantine") for d in mine)
        held += shop.waiting if name == "order_lines" else 0
        merged = sum(d.kind.startswith("duplicate") for d in mine)
        totals.append(f"| {name} | {raw:,} | {held} | {merged} | {raw - held - merged:,} |")
    parts = {"files": files, "dirt": dirt, "totals": totals, "waiting": [str(shop.waiting)]}
    return README.format(**{name: "\n".join(lines) for name, lines in parts.items()})


def dataset(file: str) -> str:
    """Return the dataset of a file: its name up to the month."""
    return file.split("_2026", 1)[0].removesuffix(".csv")


def generate(seed: int = SEED) -> Shop:
    """Make all files in memory.

    Returns:
        The shop: ``files`` by path below raw/, and ``dirt``, what is wrong with them.
    """
    shop = Shop()
    customers = make_customers(Dice(seed, "customers"))
    products = make_products(Dice(seed, "products"))
    orders = make_orders(Dice(seed, "orders"), customers, products)
    write_customers(shop, Dice(seed, "customer dirt"), customers)
    write_products(shop, products)
    for month, name in enumerate(MONTHS, 1):
        of_month = [o for o in orders if o.when.month == month]
        write_orders(shop, Dice(seed, f"orders {name}"), name, of_month)
        write_order_lines(shop, Dice(seed, f"order lines {name}"), name, of_month)
        write_access(shop, Dice(seed, f"access {name}"), name, of_month, products)
    write_staff(shop, Dice(seed, "staff"))
    write_images(shop, Dice(seed, "images"))
    return shop


def main() -> None:
    """Write the files where the command line says."""
    options = argparse.ArgumentParser(description="Make the sample shop's raw files.")
    text = "folder to write to; default: raw/ beside this script"
    options.add_argument("dir", nargs="?", type=Path, metavar="DIR", help=text)
    text = "page with the table of the dirt; default without DIR: README.md beside this script"
    options.add_argument("--readme", type=Path, metavar="FILE", help=text)
    text = "another seed, another shop; default: %(default)s"
    options.add_argument("--seed", type=int, default=SEED, metavar="N", help=text)
    chosen = options.parse_args()
    folder: Path = chosen.dir or HERE / "raw"
    page: Path | None = chosen.readme or (None if chosen.dir else HERE / "README.md")
    shop = generate(chosen.seed)
    for name, content in shop.files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    if page:
        page.write_bytes(readme(shop).encode())
    print(f"{len(shop.files)} files, {sum(map(len, shop.files.values())):,} bytes in {folder}")


if __name__ == "__main__":
    main()
