"""Every number that a command prints is in its records, and an open end is told from a missing one."""

from __future__ import annotations

import math
import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas
import pytest
from synthetic import speed_rows
from synthetic_maps import map_rows
from synthetic_training import training_rows, trial_rows

from mixbench.api.cost import CostOutcome
from mixbench.api.machines import Told
from mixbench.cli.text.attention_map import attention_table
from mixbench.cli.text.cost import cost_table
from mixbench.cli.text.data_efficiency import data_efficiency_table
from mixbench.cli.text.tune import tuning_table
from mixbench.stats import Interval
from mixbench.tables.results import ResultsFolder
from mixbench.verdicts import attention_map
from mixbench.verdicts.brackets import needed, ratio
from mixbench.verdicts.cost import evidence
from mixbench.verdicts.cost.records import records as cost_records
from mixbench.verdicts.cost.subject import Wish
from mixbench.verdicts.entries import Entry
from mixbench.verdicts.learning import scores, tune
from mixbench.verdicts.learning.data_needed import Bracket
from mixbench.verdicts.records import bracket_columns, interval_columns

Record = Mapping[str, Any]
MIXERS = ("attention", "hypermixer", "none")
_NUMBER = re.compile(r"[-+]?\d+(?:\.\d+)?(?:e[-+]\d+)?")


def tables(text: str, labels: Iterable[str], heading: str = "mixer") -> list[dict[str, str]]:
    """What stands beside each label, table by table."""
    lines = text.split("\n")
    found = []
    for place, line in enumerate(lines):
        if line.startswith(f"{heading} ") and "  " in line:
            rows = lines[place + 1 : lines.index("", place)]
            own = {max((label for label in labels if row.startswith(label)), key=len): row for row in rows}
            found.append({label: row.removeprefix(label) for label, row in own.items()})
    return found


def assert_printed(row: str, values: Iterable[float | None]) -> None:
    """The numbers of a printed row are these values in this order, as far as there are any."""
    shown = [float(number) for number in _NUMBER.findall(row.replace("–", " "))]
    assert shown == pytest.approx([value for value in values if value is not None], rel=0.006, abs=0.06)


def assert_entries(row: str, entries: Iterable[Entry | None]) -> None:
    """A printed row consists of these entries."""
    assert row.split() == [word for entry in entries for word in ((entry.number + entry.tail).split() if entry else ["–"])]


def interval(record: Record, name: str) -> list[float | None]:
    return [record[name], record[f"{name}_low"], record[f"{name}_high"]]


def bracket(record: Record, prefix: str) -> Bracket | None:
    low, high = record[f"{prefix}low"], record[f"{prefix}high"]
    return None if low is None else Bracket(low, high)


def by_mixer(records: Iterable[Record], **wanted: object) -> dict[str, list[Record]]:
    found: dict[str, list[Record]] = defaultdict(list)
    for record in records:
        if all(record[name] == value for name, value in wanted.items()):
            found[record["mixer"]].append(record)
    return found


TRAINED: dict[str, Callable[[], list[Any]]] = {
    "errors": training_rows,
    "shares": lambda: training_rows(("attention", "hypermixer:heads=4", "none"), score="accuracy"),
    "one seed": lambda: training_rows(seeds=[0]),
    "failures": lambda: training_rows(
        failures={("none", 500, 3): ("diverged", "not finite"), **{("none", 250, s): ("oom", "too large") for s in range(5)}}
    ),
}


@pytest.mark.parametrize("case", TRAINED)
def test_scores_changes_and_examples_needed_of_data_efficiency(case: str) -> None:
    rows = [replace(row, constant_score=0.1 if row.score == "accuracy" else 32.0) for row in TRAINED[case]()]
    summary = scores.summarise(rows)
    records = scores.records(summary)
    (task,) = summary.tasks
    text = data_efficiency_table(summary, 80, terminal=False).plain
    score, difference, relative, need, need_ratio = tables(text, [*task.lines, "best constant", "majority class", "epochs"])
    constant, epochs = score.pop(task.constant_words), score.pop("epochs")
    cells = by_mixer(records, table="scores")
    for label, row in score.items():
        assert [record["train_size"] for record in cells[label]] == task.sizes
        counts = [[r["seeds"], r["seeds"] + r["failed_runs"]] if r["failed_runs"] and r["seeds"] else [] for r in cells[label]]
        values = zip((interval(record, "test_score") for record in cells[label]), counts, strict=True)
        assert_printed(row, [value for found, counted in values for value in (*found, *counted)])
        assert [record["status"] for record in cells[label]].count("oom") == row.count("oom")
    by_size = {record["train_size"]: record for own in cells.values() for record in own if record["examples_seen"]}
    assert_printed(epochs, [record["examples_seen"] / size for size, record in sorted(by_size.items())])
    assert_printed(constant, [record["constant_score"] for _, record in sorted(by_size.items())])
    for name, table in (("difference", difference), ("relative_change_percent", relative)):
        assert table.keys() == task.lines.keys() - {"attention"}
        for label, row in table.items():
            assert_printed(row, [value for record in cells[label] for value in interval(record, name)])
    needs = by_mixer(records, table="examples needed")
    for label, row in need.items():
        sizes = [record["train_size"] for record in cells[label] if record["seeds"]]
        prefix = "examples_needed_"
        assert_entries(
            row,
            (
                needed(bracket(r, prefix) or Bracket(0, 0), bracket(r, f"{prefix}interval_"), min(sizes), max(sizes))
                for r in needs[label]
            ),
        )
        assert [record[f"{prefix}mark"] for record in needs[label]].count("not reached") == row.count("not reached")
    for label, row in need_ratio.items():
        prefix = "relative_examples_needed_"
        assert_entries(row, (ratio(bracket(record, prefix), bracket(record, f"{prefix}interval_")) for record in needs[label]))
        assert sum(record[f"{prefix}mark"] in ("≥", "≤") for record in needs[label]) == row.count("≥") + row.count("≤")


def test_expected_scores_and_trials_needed_of_tune() -> None:
    (search,) = searches = tune.summarise(trial_rows(MIXERS, trials=40, diverged=(3,)))
    records = tune.records(searches)
    labels = [curve.label for curve in search.curves]
    text, numbers = tuning_table(searches, 80, terminal=False).plain, (1, 2, 4, 8, 16, 20)
    expected, relative = tables(text, list(map(str, numbers)), "trials")
    (needs,) = tables(text, labels)
    cells = by_mixer(records, table="expected scores")
    assert {len(own) for own in cells.values()} == {20}
    for trials in numbers:
        shown = [record for label in labels for record in cells[label] if record["trials"] == trials]
        assert_printed(expected[str(trials)], [value for record in shown for value in interval(record, "expected_score")])
        assert_printed(relative[str(trials)], [record["relative_change_percent"] for record in shown])
    assert {(record["all_trials"], record["lost_trials"]) for own in cells.values() for record in own} == {(40, 1)}
    assert {record["relative_change_percent"] for record in cells["attention"]} == {None}
    by_target = by_mixer(records, table="trials needed")
    for label, row in needs.items():
        assert_printed(
            row,
            [
                value
                for record in by_target[label]
                for value in (
                    record["trials_needed_high"],
                    # where nothing is reached, not even by the band, nothing more is said
                    record["trials_needed_interval_low"] if record["trials_needed_interval_low"] < 20 else None,
                    record["trials_needed_interval_high"],
                )
                if value not in (None, math.inf)
            ],
        )
        assert [record["trials_needed_mark"] for record in by_target[label]].count("not reached") == row.count("not reached")
    assert math.inf in [record["trials_needed_high"] for record in by_target["none"]]


def test_factors_and_product_of_cost(tmp_path: Path) -> None:
    rows = speed_rows(MIXERS, (100,), modes=("training",))[0], training_rows(MIXERS), trial_rows(MIXERS, trials=12)
    (cost,) = evidence.task_costs(*rows, Wish(targets=(0.2, 0.1, 0.01)))
    records = cost_records(cost)
    text = cost_table(CostOutcome((cost,), Told(), False, ResultsFolder(tmp_path)), 80, terminal=False).plain
    printed = iter(tables(text, cost.mixers))
    assert {record["unit"] for record in records} == {"s per example", "examples", "trials", "s"}
    for target in cost.targets:
        own = by_mixer(records, target=target)
        for label, row in next(printed).items():
            example, data, trials, _ = own[label]
            values = [1000 * example[name] for name in ("low", "interval_low", "interval_high")]
            needs = [
                needed(bracket(record, "") or Bracket(0, 0), bracket(record, "interval_"), *cost.reach[label][record["factor"]])
                for record in (data, trials)
            ]
            words = row.split()
            assert_printed(" ".join(words[:2]), values)
            assert_entries(" ".join(words[2:]), needs)
            assert [data["mark"], trials["mark"]].count("not reached") == row.count("not reached")
        for label, row in next(printed).items():
            assert_entries(row, (ratio(bracket(r, "relative_"), bracket(r, "relative_interval_")) for r in own[label]))
        assert {record["relative_mark"] for record in own["attention"]} == {None}
    marks = {record["relative_mark"] for record in records}
    assert {"", "≥", "unknown"} <= marks


def test_shares_and_scores_of_attention_maps() -> None:
    (task,) = tasks = attention_map.summarise(map_rows({"attention": 0.6, "none": None, "fnet": 0.2}, lost=("fnet",)))
    (table,) = tables(attention_table(tasks, 80, terminal=False).plain, [line.label for line in task.lines])
    for record in attention_map.records(tasks):
        assert_printed(
            table[record["mixer"]],
            [
                *interval(record, "right_share_percent"),
                record["even_map_share_percent"],
                record["distant_share_percent"],
                *interval(record, "test_score"),
            ],
        )
    assert [bool(record["detail"]) for record in attention_map.records(tasks)] == [False, True, True]


def test_columns_of_an_interval_are_scaled_and_a_missing_bound_stays_missing() -> None:
    columns = interval_columns("share_percent", Interval(0.5, 0.25, 0.75), 100)
    assert columns == {"share_percent": 50, "share_percent_low": 25, "share_percent_high": 75}
    assert list(interval_columns("score", Interval(0.5)).values()) == [0.5, None, None]
    assert list(interval_columns("score", None).values()) == [None, None, None]


@pytest.mark.parametrize(
    ("value", "mark"),
    [
        (Bracket(2, 2), ""),
        (Bracket(0, 2), "≤"),
        (Bracket(2, math.inf), "not reached"),
        (Bracket(0, math.inf), "unknown"),
        (Bracket(1, 2), "–"),
        (None, None),
    ],
)
def test_the_mark_says_what_is_known_of_a_number(value: Bracket | None, mark: str | None) -> None:
    columns = bracket_columns("needed_", value, None, beyond="not reached")
    assert columns["needed_mark"] == mark
    assert (columns["needed_low"], columns["needed_high"]) == ((value.low, value.high) if value else (None, None))


def test_an_open_end_is_infinite_and_a_missing_one_empty_in_a_data_frame() -> None:
    records = [bracket_columns("", Bracket(1, 1), known) for known in (None, Bracket(1, math.inf))]
    frame = pandas.DataFrame(records)
    assert frame.interval_high.isna().tolist() == [True, False]
    assert frame.interval_high[1] == math.inf
