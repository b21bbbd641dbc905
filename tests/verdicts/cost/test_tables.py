"""The marks of a cost stand where its numbers do: in each cell, in the sentences, in JSON and CSV."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from sample_costs import MIXERS, cost_with_disturbed

from mixbench.verdicts.cost.evidence import TaskCost
from mixbench.verdicts.cost.records import records, to_json
from mixbench.verdicts.cost.tables import cost_notes, sentence, target_tables
from mixbench.verdicts.entries import DISTURBED
from mixbench.verdicts.speed.blocks import DISTURBED as WORDS


def marked(cost: TaskCost) -> Iterator[tuple[str, str]]:
    """Label and heading of every cell that is marked as disturbed, in text and for a page."""
    for target in cost.targets:
        for _, table in target_tables(cost, target):
            for column in table.columns:
                for label, entry in zip(table.labels, column.entries, strict=True):
                    if entry:
                        assert entry.tail.endswith(DISTURBED.sign) == (DISTURBED.word in entry.mark)
                        if DISTURBED.word in entry.mark:
                            yield label, column.heading


@pytest.mark.parametrize(
    ("disturbed", "cells"),
    [
        (("hypermixer",), [("hypermixer", name) for name in ("ms per example", "time per example", "cost")]),
        (
            ("attention",),
            [
                ("attention", "ms per example"),
                *((label, name) for name in ("time per example", "cost") for label in ("hypermixer", "none")),
            ],
        ),
        ((), []),
    ],
)
def test_disturbed_times_mark_every_number_that_comes_from_them_and_no_other(
    disturbed: tuple[str, ...], cells: list[tuple[str, str]]
) -> None:
    cost = cost_with_disturbed(disturbed)
    assert list(marked(cost)) == cells
    assert (DISTURBED.explained in cost_notes(cost)) == bool(disturbed)
    told = {label for label in cost.mixers if WORDS in sentence(cost, label)}
    assert told == {label for label, heading in cells if heading == ("ms per example" if label == "attention" else "cost")}


def test_json_and_csv_mark_the_same_numbers() -> None:
    cost = cost_with_disturbed(("hypermixer",))
    for found in (records(cost), to_json(cost)["costs"]):
        by_key = {(one["mixer"], one["factor"]): (one["disturbed"], one["relative_disturbed"]) for one in found}
        assert by_key == {
            (label, factor): (
                busy := label == "hypermixer" and factor in ("example", "product"),
                None if label == "attention" else busy,
            )
            for label in MIXERS
            for factor in ("example", "data", "trials", "product")
        }


def test_operations_are_counted_and_never_disturbed() -> None:
    assert list(marked(cost_with_disturbed(MIXERS, MIXERS[:2], measure="flops"))) == []


def test_a_score_that_is_not_reached_keeps_the_mark_of_the_times() -> None:
    cost = cost_with_disturbed(("none",), targets=(0.1,))
    said = sentence(cost, "none")
    assert "does not reach" in said
    assert said.endswith(f"({WORDS}); it could still be cheaper.")
    shown = next(
        column.entries[1] for _, table in target_tables(cost, 0.1) for column in table.columns if column.heading == "cost"
    )
    assert shown
    assert shown.number.startswith("≥")
    assert shown.mark == "a lower bound, disturbed"
