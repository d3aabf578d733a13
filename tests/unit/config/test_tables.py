"""TOML that people wrote: checked keys, and errors that name them without their values."""

from __future__ import annotations

from pathlib import Path

import pytest

from pratique.config.tables import Table
from pratique.errors import InvalidInput

TABLE = Table(
    Path("a.toml"), "", {"name": "captain", "open": True, "crew": ["a", "b"], "hold": {"deep": 1}, "boats": [{}]}
)


def test_values_by_their_types() -> None:
    assert TABLE.text("name") == "captain"
    assert TABLE.flag("open") is True
    assert TABLE.texts("crew") == ("a", "b")
    assert TABLE.table("hold").values == {"deep": 1}
    assert [table.where for table in TABLE.tables("boats")] == ["boats[0]."]
    assert list(TABLE.others(["name", "open", "crew"])) == ["hold", "boats"]


def test_what_is_absent() -> None:
    assert (TABLE.text("x"), TABLE.flag("x"), TABLE.texts("x")) == ("", False, None)
    assert TABLE.table("x").values == {}
    assert list(TABLE.tables("x")) == []


READS = {"text": str, "flag": bool, "table": dict}


@pytest.mark.parametrize("method", ["text", "flag", "texts", "table", "tables"])
@pytest.mark.parametrize("value", [1, 1.5, None, ["secret", 1], "secret", {"secret": 1}, True])
def test_an_error_names_the_key_and_not_the_value(method: str, value: object) -> None:
    table = Table(Path("a.toml"), "outer.", {"key": value})
    if READS.get(method) is type(value):
        getattr(table, method)("key")
        return
    with pytest.raises(InvalidInput) as caught:
        list(getattr(table, method)("key"))
    assert str(caught.value).startswith("a.toml: outer.key is not ")
    assert "secret" not in str(caught.value)


def test_a_table_does_not_show_its_values() -> None:
    assert "captain" not in repr(TABLE)


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    assert Table.load(tmp_path / "nothing.toml") is None
