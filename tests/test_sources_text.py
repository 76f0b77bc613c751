"""Text that is no table by itself: XML, logs, columns of fixed width."""

from __future__ import annotations

from pathlib import Path

import pytest
from lake_fixture import Lake

from dwkit.errors import DataError, UsageError


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    return Lake(tmp_path)


SHOP = """<?xml version="1.0" encoding="ISO-8859-1"?>
<!-- a comment --><s:shop xmlns:s="urn:x" made="2026-01-05"><about><name>Böhm</name></about>
<s:items>
  <s:item sku="A1"><name>Tea &amp; more</name><price cur="EUR">2.50</price><tag>hot</tag></s:item>
  <s:item sku="A2"><name><![CDATA[<Mug>]]></name><price cur="EUR">7</price><tag>a</tag><tag>b</tag></s:item>
  <s:item sku="A3"><name/></s:item>
</s:items></s:shop>"""


@pytest.mark.parametrize("name", ["shop.xml", "shop", "shop.txt"])
def test_the_element_that_repeats_is_a_row(lake: Lake, name: str) -> None:
    frame = lake.read(name, SHOP.encode("latin-1"))
    assert frame["@sku"].to_list() == ["A1", "A2", "A3"]
    assert frame["name"].to_list() == ["Tea & more", "<Mug>", ""]
    assert frame["price"].to_list() == [
        {"@cur": "EUR", "#text": "2.50"},
        {"@cur": "EUR", "#text": "7"},
        None,
    ]
    assert frame["tag"].to_list() == [["hot"], ["a", "b"], None]
    assert frame["_row"].to_list() == [1, 2, 3]


def test_the_row_element_can_be_told(lake: Lake) -> None:
    assert lake.read("s.xml", SHOP.encode("latin-1"), row_tag="about").rows() == [("Böhm", 1)]
    assert lake.read("s.xml", SHOP.encode("latin-1"), row_tag="tag").height == 3
    with pytest.raises(DataError, match="no element 'itm'") as caught:
        lake.read("s.xml", SHOP.encode("latin-1"), row_tag="itm")
    assert "--row-tag" in caught.value.hint


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("<a><b>1</b><b>2</b>", "it breaks off"),
        ("<a><b>1</b></c></a>", "line 1, column"),
        ("<a>\n<b>1</b>\n<b x=1/></a>", "line 3"),
        ("no xml at all", "not XML"),
        ("<!-- only a comment -->", "no XML element"),
        ('<!DOCTYPE a [<!ENTITY e "x">]><a><b>&e;</b><b/></a>', "declares entities"),
        ('<!DOCTYPE a [<!ENTITY e SYSTEM "file:///etc/passwd">]><a><b>&e;</b></a>', "declares entities"),
    ],
)
def test_what_is_no_xml_is_refused_with_the_place(lake: Lake, text: str, says: str) -> None:
    with pytest.raises(DataError) as caught:
        lake.read("x.xml", text)
    assert says in str(caught.value)
    assert caught.value.hint
    assert not lake.ledger.batches()


COMBINED = (
    '203.0.113.7 - ann [05/Jan/2026:10:00:00 +0100] "GET /a?b=1 HTTP/1.1" 200 512 "https://x/" "Mozilla \\"5\\""\n'
    '2001:db8::1 - - [05/Jan/2026:10:00:01 +0100] "POST /b HTTP/2" 404 - "-" "-"\n'
)
COMMON = "".join(line.split(' "https', 1)[0].split(' "-"', 1)[0] + "\n" for line in COMBINED.splitlines())
SYSLOG = (
    "Jan  5 10:00:00 web1 sshd[812]: Accepted key for ann\n<34>Jan 15 10:00:01 web1 kernel: up\n"
    "2026-01-05T10:00:02.5+01:00 web2 cron[1]: (root) CMD (x: y)\n"
)
SYSLOG5424 = '<34>1 2026-01-05T10:00:00Z web1 su 81 ID47 [a@1 k="v ] w"] failed\n<13>1 - - - - - - \n'
LOGFMT = 'at=info msg="hello \\"you\\"" ms=12\nat=warn msg=slow ms=900 retry\n'
JSONS = '{"at": "info", "ms": 12}\n{"at": "warn", "ms": 900, "tags": ["x"]}\n'


@pytest.mark.parametrize(
    ("pattern", "text", "column", "values"),
    [
        ("combined", COMBINED, "user_agent", ['Mozilla \\"5\\"', "-"]),
        ("combined", COMBINED, "host", ["203.0.113.7", "2001:db8::1"]),
        ("common", COMMON, "path", ["/a?b=1", "/b"]),
        ("common", COMMON, "status", ["200", "404"]),
        ("syslog", SYSLOG, "message", ["Accepted key for ann", "up", "(root) CMD (x: y)"]),
        ("syslog", SYSLOG, "pid", ["812", None, "1"]),
        ("syslog5424", SYSLOG5424, "message", ["failed", ""]),
        ("logfmt", LOGFMT, "msg", ['hello "you"', "slow"]),
        ("json", JSONS, "ms", [12, 900]),
    ],
)
@pytest.mark.parametrize("told", [True, False])
def test_the_usual_logs_have_columns(
    lake: Lake, told: bool, pattern: str, text: str, column: str, values: list[object]
) -> None:
    frame = lake.read("app.log", text, **({"pattern": pattern} if told else {}))
    assert frame[column].to_list() == values
    assert frame["_row"].to_list() == list(range(1, len(values) + 1))


def test_a_pattern_of_ones_own_names_the_columns(lake: Lake) -> None:
    text = "2026-01-05 ERROR disk full\r\n2026-01-06 INFO ok\r\n\r\n  Traceback: x\r\n2026-01-07 INFO\r\n"
    frame = lake.read("a.log", text, pattern=r"^(?P<day>\S+) (?P<_row>\w+)(?: (?P<text>.*))?$")
    assert frame.columns == ["day", "_row_source", "text", "_row"]
    assert frame["text"].to_list() == ["disk full", "ok", None]
    assert frame["_row"].to_list() == [1, 2, 4]
    assert lake.malformed("a") == [(3, 4, "  Traceback: x", "the pattern does not match")]


def test_lines_without_a_pattern_are_one_column(lake: Lake) -> None:
    done = lake.ingest(lake.file("x.log", "one\ntwo, three\n\nfour\n"))
    assert lake.rows("x")["line"].to_list() == ["one", "two, three", "four"]
    assert lake.rows("x")["_row"].to_list() == [1, 2, 3]
    assert "--pattern" in done[0].batch.notes[0]


@pytest.mark.parametrize(
    ("pattern", "says"),
    [("(?P<a>\\d+", "no regular expression"), ("\\d+ .*", "names no groups"), ("combind", "no log pattern")],
)
def test_a_pattern_that_cannot_be_is_explained(lake: Lake, pattern: str, says: str) -> None:
    with pytest.raises(UsageError, match=says):
        lake.read("x.log", "1 a\n", pattern=pattern)


def test_a_pattern_that_fits_almost_nothing_is_refused(lake: Lake) -> None:
    with pytest.raises(DataError, match="10 of 11 records cannot be read; the first is line 1"):
        lake.read("x.log", "nothing\n" * 10 + "1 a\n", pattern=r"^(?P<n>\d+) (?P<t>.*)")


FIXED = "id   city      n\n0001 Bonn     12\n0002 Köln    345\n0003           1\n"


def test_columns_of_fixed_width_are_found(lake: Lake) -> None:
    frame = lake.read("c.fwf", FIXED)
    assert frame.columns == ["id", "city", "n", "_row"]
    assert frame.rows() == [("0001", "Bonn", "12", 1), ("0002", "Köln", "345", 2), ("0003", "", "1", 3)]


@pytest.mark.parametrize("encoding", ["utf-8", "latin-1", "utf-16"])
def test_widths_can_be_told(lake: Lake, encoding: str) -> None:
    text = "0001BonnX12\r\n0002KölnY34\r\n\r\n0003Ulm Z\r\n0004Kiel-56 more\r\n"
    frame = lake.read("c.txt", text.encode(encoding), widths=(4, 4, 1, 2), columns=("id", "city", "k", "n"))
    assert frame.drop("_row").rows() == [
        ("0001", "Bonn", "X", "12"),
        ("0002", "Köln", "Y", "34"),
        ("0003", "Ulm", "Z", ""),
    ]
    bad = lake.malformed("c")
    assert [record[:3] for record in bad] == [(4, 5, "0004Kiel-56 more")]


def test_one_word_a_line_has_no_columns(lake: Lake) -> None:
    with pytest.raises(DataError, match="no columns of fixed width") as caught:
        lake.read("c.fwf", "Bonn\nUlm\n")
    assert "--widths" in caught.value.hint
