"""What figures leave out is counted and named."""

from __future__ import annotations

from dataclasses import replace

from synthetic import speed_rows
from synthetic_maps import map_rows
from synthetic_training import training_rows, trial_rows

from mixbench.tables.speed_rows import SpeedRow
from mixbench.tables.training_rows import AttentionMapRow, TrainingRow, TrialRow
from mixbench.verdicts.undrawn import failures, other_environments


def test_rows_of_other_environments_are_named_with_the_option_that_draws_them() -> None:
    old, _ = speed_rows(("attention",), (64,), launches=1, rounds=2, environment="old")
    new, _ = speed_rows(("attention",), (64,), launches=2, rounds=2, environment="new")
    runs = [replace(row, environment="old") for row in training_rows(("attention",), (250,))]
    content = {"old": {"torch": "2.11", "cpu": "A"}, "new": {"torch": "2.13", "cpu": "A"}}
    told = other_environments(
        {SpeedRow: [*old, *new], TrainingRow: runs}, {SpeedRow: {"new"}, TrainingRow: set()}, lambda name: content[name]
    )
    assert told == [
        "not drawn: 2 rows of speed.csv and 5 rows of data_efficiency.csv from another environment"
        " (torch 2.11 instead of 2.13); to draw them: --environment old"
    ]
    assert other_environments({SpeedRow: new}, {SpeedRow: {"new"}}, lambda name: {}) == []


def test_of_many_environments_the_newest_are_named_and_the_others_counted() -> None:
    rows = [
        replace(row, environment=f"e{day}", measured_at=f"2025-01-0{day}T00:00:00Z")
        for day in range(1, 7)
        for row in speed_rows(("attention",), (64,), launches=1, rounds=3)[0]
    ]
    *told, last = other_environments({SpeedRow: rows}, {SpeedRow: {"e6"}}, lambda name: {})
    assert [text.rpartition(" ")[2] for text in told] == ["e5", "e4", "e3"]
    assert last == "not drawn: 6 rows from 2 older environments"


def test_failures_are_told_where_nothing_of_their_context_succeeded() -> None:
    lost = {("attention", tokens): ("oom", "needs 9 TiB") for tokens in (128, 9_999)}
    good, _ = speed_rows(("attention", "none"), (64, 128), launches=2, rounds=1, failures=lost)
    bad, _ = speed_rows(("attention",), (9_999,), batches=(7,), launches=2, failures=lost)
    diverged = {("none", 250, seed): ("diverged", "") for seed in range(3)}
    runs = training_rows(("none",), (250,), seeds=range(3), task="mqar", failures=diverged)
    trials = [replace(row, status="ok") for row in trial_rows(("none",), trials=2)]
    told = failures({SpeedRow: [*good, *bad], TrainingRow: runs, TrialRow: trials, AttentionMapRow: map_rows({"none": 0.1})})
    assert told == [
        "not drawn: 1 cell of speed.csv without a result:"
        " attention · mixer · inference · 9999 tokens · width 64 · batch 7 · float32 · cpu · 2 threads (oom)",
        "not drawn: 3 runs of data_efficiency.csv without a result:"
        " mqar · none · 2 layers · width 64 · 100 tokens · 250 examples · cpu (diverged)",
    ]
    (told_map,) = failures({AttentionMapRow: map_rows({"none": 0.1, "fnet": 0.1}, lost=("fnet",))})
    assert told_map.startswith("not drawn: 1 run of attention_map.csv without a result: shapes · fnet · 2 layers")
    lost_trials = trial_rows(("none",), trials=3, diverged=(1, 2, 3))
    (told_trials,) = failures({TrialRow: lost_trials})
    assert told_trials.startswith("not drawn: 3 trials of tuning.csv without a result: shapes")
