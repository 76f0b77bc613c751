"""dwkit.toml and model files: what is read, and what a mistake says."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from dwkit.config import load_config, load_models
from dwkit.config.edit import new_config, write_contract
from dwkit.errors import ConfigError
from dwkit.model.contract import Contract, Rules

GOOD = """\
name = "shop"
dialect = "snowflake"

[datasets.orders]
source = "raw/*.csv"
key = ["order_id"]

[datasets.orders.columns]
order_id = { type = "int64", not_null = true }
city = { trim = true }
"""


def write(folder: Path, text: str) -> Path:
    path = folder / "dwkit.toml"
    path.write_text(text, encoding="utf-8")
    return path


def test_a_config_is_decoded_into_typed_values(tmp_path: Path) -> None:
    config = load_config(write(tmp_path, GOOD))
    contract = config.datasets["orders"].contract
    assert contract is not None
    assert (config.name, config.dialect) == ("shop", "snowflake")
    assert contract.columns["order_id"] == Rules(type="int64", not_null=True)
    assert contract.key == ["order_id"]


@pytest.mark.parametrize(
    ("old", "new", "line", "words", "hint"),
    [
        ("dialect =", "dialetc =", 2, "unknown key 'dialetc'", "did you mean 'dialect'?"),
        ("source =", "sources =", 5, "unknown key 'datasets.orders.sources'", "did you mean 'source'?"),
        (
            "not_null",
            "notnull",
            9,
            "unknown key 'datasets.orders.columns.order_id.notnull'",
            "did you mean 'not_null'?",
        ),
        ('"int64"', '"int46"', 9, "'int46' is no type", "did you mean 'int64'?"),
        ('["order_id"]', '["id"]', 6, "orders.key: column 'id' is not among", ""),
        ('"order_id"', '"order_di"', 6, "column 'order_di' is not among", "did you mean 'order_id'?"),
        ('["order_id"]', '["order_id", "order_id"]', 6, "orders.key: a column is named twice", ""),
        (
            "key = [",
            "dedupe = { latest_by = 'ctiy' }\nkey = [",
            6,
            "orders.dedupe: column",
            "did you mean 'city'?",
        ),
        ("key =", 'quarantine_limit = "few"\nkey =', 6, "quarantine_limit: 'few' is neither", '"5%"'),
        ("key =", 'read = { quote = "xx" }\nkey =', 6, "orders.read: quote must be", ""),
        ("trim = true", "trim = 3", 10, "city.trim: Expected boolean, got integer", ""),
        ("{ trim = true }", '"date"', 10, "city: expected table, got string", 'city = { type = "date" }'),
        ("trim = true", 'split = ",", part = 0', 10, "city.part: the parts are counted from 1", ""),
        ("trim = true", "length = [5, 1]", 10, "city.length: the least comes first", "length = ["),
        ("trim = true", 'type = "date", format = "dd.mm.yyyy"', 10, "no % directive", '"%d.%m.%Y"'),
        ("trim = true", 'type = "date", format = "%d.%Q.%Y"', 10, "'%Q' is no directive", '"%d.%m.%Y"'),
        (
            "[datasets.orders]",
            '[retention]\nstaging = "7 days"\n[datasets.orders]',
            5,
            "'7 days' is no",
            "7d",
        ),
        ("[datasets.orders]", "[dataset.orders]", 4, "unknown key 'dataset'", "did you mean 'datasets'?"),
        ("key = [", "key = [[", 8, "not TOML", ""),
        ("orders]\n", "Orders]\n", 4, "cannot name a dataset", "'orders'"),
    ],
)
def test_a_mistake_is_named_with_file_line_and_key(
    tmp_path: Path, old: str, new: str, line: int, words: str, hint: str
) -> None:
    with pytest.raises(ConfigError) as caught:
        load_config(write(tmp_path, GOOD.replace(old, new, 1)))
    assert words in caught.value.message
    assert hint in caught.value.hint
    assert int(caught.value.message.split(":")[1]) == line, caught.value.message


def test_numbers_and_dates_need_no_quotes_in_rules(tmp_path: Path) -> None:
    rules = "accepted_values = [1, 2.5, true], default = 0, range = [2026-01-01, 9], replace = { a = 1 }"
    text = GOOD.replace("trim = true", rules).replace("key =", "quarantine_limit = 5\nkey =")
    orders = load_config(write(tmp_path, text)).datasets["orders"]
    assert orders.quarantine_limit == "5"
    assert orders.columns["city"] == Rules(
        accepted_values=["1", "2.5", "true"], default="0", range=("2026-01-01", 9), replace={"a": "1"}
    )


MINE = """\
# all of it
[datasets.orders]
key = ["order_id"]   # the key
# about the columns
[datasets.orders.columns]
order_id = {type="int64", part=1}   # as it came
size = { type = "int8", accepted_values = [1, 2] }   # sizes
[datasets.orders.columns.price]
# money
type = "int64"   # cents
range = [0, ""]
"""


def test_a_contract_that_grows_leaves_every_line_that_still_holds(tmp_path: Path) -> None:
    path = write(tmp_path, MINE)
    before = load_config(path).datasets["orders"].contract
    assert before is not None
    grown = {
        n: msgspec.structs.replace(r, type="decimal(18,2)") if n == "price" else r
        for n, r in before.columns.items()
    }
    after = msgspec.structs.replace(before, columns={**grown, "new": Rules()})
    write_contract(path, "orders", after)
    text = path.read_text(encoding="utf-8")
    assert load_config(path).datasets["orders"].contract == after
    assert text.replace('new = { type = "string" }\n', "") == MINE.replace(
        '"int64"   # c', '"decimal(18,2)"   # c'
    )


def test_writing_a_contract_keeps_comments_and_other_keys(tmp_path: Path) -> None:
    path = write(tmp_path, "# mine\n" + GOOD + "\n# the end\n")
    before = load_config(path).datasets["orders"].contract
    assert before is not None
    columns = {**before.columns, "amount": Rules(type="decimal(10,2)")}
    write_contract(path, "orders", Contract(columns=columns, key=before.key))
    text = path.read_text(encoding="utf-8")
    assert "# mine" in text
    assert 'order_id = { type = "int64", not_null = true }' in text
    after = load_config(path)
    assert after.datasets["orders"].contract == Contract(columns=columns, key=["order_id"])
    assert after.datasets["orders"].source == "raw/*.csv"


def test_a_contract_of_awkward_column_names_comes_back_the_same(tmp_path: Path) -> None:
    path = write(tmp_path, new_config("x"))
    columns = {n: Rules(type="string", pattern=r'\d+"') for n in ("select", "a b", 'q"q', "dot.ted", "é", "")}
    write_contract(path, "odd", Contract(columns=columns))
    assert load_config(path).datasets["odd"].columns == columns


def model(folder: Path, name: str, text: str) -> Path:
    path = folder / "models" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return folder / "models"


def test_a_model_has_header_sql_and_team(tmp_path: Path) -> None:
    model(tmp_path, "marts/sales/top.sql", '/* dwkit\nkind = "view"\n*/\nselect 1 as one\n')
    models = load_models(
        model(tmp_path, "warehouse/dim_x.sql", '/* dwkit\nkey = ["id"]\n*/\nselect id from staging.x')
    )
    assert models["marts.top"].header.team == "sales"
    assert models["marts.top"].kind == "view"
    assert models["warehouse.dim_x"].kind == "dimension"
    assert models["marts.top"].sql.strip() == "select 1 as one"


@pytest.mark.parametrize(
    ("text", "place", "words"),
    [
        ('/* dwkit\n\nkeys = ["id"]\n*/ select 1', "dim_x.sql:3", "unknown key 'keys'"),
        ('/* dwkit\nkind = "view"\n*/ select 1', "dim_x.sql", "does not belong in warehouse"),
        ("select 1", "dim_x.sql", "natural key"),
        ('/* dwkit\nkey = ["id"]\n*/', "dim_x.sql", "no SQL"),
        ('/* dwkit\nkey = "id"\n*/ select 1', "dim_x.sql:2", "key: Expected array, got string"),
        ('/* dwkit\nkey = ["id"]\n[columns.id]\npii = "hahs"\n*/ select 1', "dim_x.sql:", "'hahs'"),
    ],
)
def test_a_wrong_model_is_named_with_its_line(tmp_path: Path, text: str, place: str, words: str) -> None:
    with pytest.raises(ConfigError) as caught:
        load_models(model(tmp_path, "warehouse/dim_x.sql", text))
    assert place in caught.value.message
    assert words in caught.value.message


def test_descriptions_do_not_change_a_models_digest(tmp_path: Path) -> None:
    one = load_models(model(tmp_path, "warehouse/dim_x.sql", '/* dwkit\nkey = ["id"]\n*/ select 1 as id'))
    two = load_models(
        model(tmp_path, "warehouse/dim_x.sql", '/* dwkit\nkey = ["id"]\ndescription = "d"\n*/ select 1 as id')
    )
    three = load_models(
        model(tmp_path, "warehouse/dim_x.sql", '/* dwkit\nkey = ["id"]\nscd = 2\n*/ select 1 as id')
    )
    assert one["warehouse.dim_x"].digest == two["warehouse.dim_x"].digest != three["warehouse.dim_x"].digest
