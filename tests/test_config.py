"""dwkit.toml and model files: what is read, and what a mistake says."""

from __future__ import annotations

from pathlib import Path

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
        ('["order_id"]', '["id"]', 4, "column 'id' is not among", ""),
        ("trim = true", "trim = 3", 10, "Expected `bool`, got `int`", ""),
        ("key = [", "key = [[", 8, "not TOML", ""),
        ("orders]\n", "Orders]\n", 1, "cannot name a dataset", "'orders'"),
    ],
)
def test_a_mistake_is_named_with_file_line_and_key(
    tmp_path: Path, old: str, new: str, line: int, words: str, hint: str
) -> None:
    with pytest.raises(ConfigError) as caught:
        load_config(write(tmp_path, GOOD.replace(old, new, 1)))
    assert words in caught.value.message
    assert hint in caught.value.hint
    if "cannot name" not in words:
        found = int(caught.value.message.split(":")[1])
        assert abs(found - line) <= 1, caught.value.message


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
        ('/* dwkit\nkey = "id"\n*/ select 1', "dim_x.sql:2", "Expected `array`"),
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
