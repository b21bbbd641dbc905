from __future__ import annotations

from dataclasses import dataclass

import pytest

from mixbench.errors import UnknownNameError
from mixbench.verdicts.environments import choose_environment, of_newest, of_shared, shared_environment


@dataclass(frozen=True)
class Row:
    environment: str
    measured_at: str


def rows(*environments: str) -> list[Row]:
    """One row per environment, each measured a day after the one before it."""
    return [Row(environment, f"2025-01-0{day}T00:00:00Z") for day, environment in enumerate(environments, 1)]


def test_the_newest_environment_is_taken_unless_another_is_named() -> None:
    table = rows("old", "new", "older")
    assert choose_environment(table) == "older"
    assert choose_environment(table, "old") == "old"
    with pytest.raises(UnknownNameError, match="elsewhere"):
        choose_environment(table, "elsewhere")
    assert choose_environment([]) == ""
    assert of_newest(rows("a", "b", "a")) == [Row("a", "2025-01-01T00:00:00Z"), Row("a", "2025-01-03T00:00:00Z")]
    assert of_newest([]) == []


def test_of_several_tables_the_newest_environment_that_all_share_is_taken() -> None:
    assert shared_environment(rows("a", "b", "c"), rows("b", "a")) == "b"
    assert shared_environment(rows("a", "b"), rows("b", "c"), rows("b")) == "b"
    assert shared_environment(rows("a"), rows("b")) is None
    assert shared_environment(rows("a"), []) is None
    taken = of_shared({"one": rows("a", "b", "c"), "other": rows("b", "a")})
    assert {name: {row.environment for row in table} for name, table in taken.items()} == {"one": {"b"}, "other": {"b"}}


def test_tables_that_share_no_environment_keep_the_rows_of_the_newest() -> None:
    assert of_shared({"one": rows("a"), "other": rows("b", "c")}) == {"one": [], "other": rows("b", "c")[1:]}
    assert of_shared({"one": rows("a"), "other": []}) == {"one": rows("a"), "other": []}
    assert of_shared({"one": [], "other": []}) == {"one": [], "other": []}
