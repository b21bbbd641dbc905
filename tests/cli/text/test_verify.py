"""The text of `verify`: a table of ticks for many mixers, a line per check for a few."""

from __future__ import annotations

import io
import sys

import pytest

from mixbench.cli.text.verify import GROUPS, verify_text
from mixbench.mixers import MIXERS
from mixbench.worker.measure.contract import CHECKS


def checks(**outcomes: str) -> list[dict[str, str]]:
    """All checks, passed but for some, which are named with _ for a blank."""
    told = {name.replace("_", " "): outcome for name, outcome in outcomes.items()}
    return [{"name": name, "outcome": told.get(name, "pass"), "detail": ""} for name in ("runs", *CHECKS)]


def test_every_check_stands_in_one_column() -> None:
    grouped = [name for group in GROUPS.values() for name in group]
    assert sorted(grouped) == sorted(("runs", *CHECKS))


def test_a_table_of_all_mixers_fits_80_columns() -> None:
    lines = verify_text({name: checks() for name in MIXERS}, 80).splitlines()
    table = lines[: 1 + len(MIXERS)]
    assert [line.split()[0] for line in table] == ["mixer", *MIXERS]
    assert max(map(len, lines)) <= 80
    assert f"{len(MIXERS)} of {len(MIXERS)} mixers meet the contract." in lines


def test_a_column_fails_with_one_of_its_checks_and_is_empty_only_without_any() -> None:
    skipped = {"goes_on_after_a_prefill": "skip", "is_causal": "skip"}
    verdicts = {"a": checks(**skipped, has_countable_memory="fail"), "b": checks(), "c": checks(gives_the_same_in_steps="skip")}
    verdicts["a"][list(CHECKS).index("has countable memory") + 1]["detail"] = "why"
    heading, first, *_ = lines = verify_text(verdicts, None).splitlines()
    cells = dict(zip(heading.split(), first.split(), strict=True))
    assert {name for name, cell in cells.items() if cell == "✗"} == {"count"}
    assert {name for name, cell in cells.items() if cell == "–"} == {"causal"}
    assert "a: FAIL has countable memory  why" in lines
    assert "2 of 3 mixers meet the contract, 1 fails." in lines


def test_one_that_was_not_checked_says_why() -> None:
    verdicts = {"a": checks(), "b": checks(), "c": [{"name": "runs", "outcome": "skip", "detail": "needs a GPU"}]}
    text = verify_text(verdicts, None)
    assert "c: runs  needs a GPU" in text
    assert "2 of 3 mixers meet the contract." in text


def test_a_few_mixers_and_details_are_a_line_per_check() -> None:
    few = {"a": checks(is_causal="fail"), "b": checks()}
    assert "  FAIL  is causal\n" in verify_text(few, 80)
    assert "\n\nb\n  ok    runs\n" in verify_text(few, 80)
    many = {name: checks(is_causal="skip") for name in "abc"}
    assert "  -     is causal\n" in verify_text(many, 80, details=True)
    assert "  -     is causal\n" not in verify_text(many, 80)


def test_where_ticks_cannot_be_shown_words_stand_for_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(io.BytesIO(), "ascii"))
    text = verify_text({name: checks() for name in "abc"}, 80)
    assert text.isascii()
    assert "ok" in text
