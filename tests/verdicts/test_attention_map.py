"""Summaries of attention maps: shares with intervals over the right replicates, reasons, a group per data set."""

from __future__ import annotations

from statistics import fmean

import pytest
from synthetic_maps import CHANCE, map_rows

from mixbench.cli.text.attention_map import attention_table
from mixbench.stats import t_interval
from mixbench.verdicts.attention_map import summarise

SHARES = {"hypermixer": 0.4, "attention": 0.6, "none": None}


def test_with_one_seed_the_interval_is_over_examples() -> None:
    rows = map_rows(SHARES)
    (task,) = summarise(rows)
    assert [line.label for line in task.lines] == ["attention", "hypermixer", "none"]
    assert (task.task, task.score, task.reach) == ("shapes", "mse", 2)
    for line in task.lines[:2]:
        shares = [row.right_share for row in rows if row.mixer == line.label and row.right_share is not None]
        assert line.right == t_interval(shares)
        assert (line.seeds, line.examples) == (1, 20)
        assert line.chance == pytest.approx(CHANCE)
        assert line.score
        assert line.score.point == pytest.approx(0.1)


def test_with_several_seeds_the_interval_is_over_seeds() -> None:
    rows = map_rows({"attention": 0.6}, seeds=(0, 1, 2))
    (line,) = summarise(rows)[0].lines
    means = [fmean(row.right_share for row in rows if row.seed == seed and row.right_share) for seed in (0, 1, 2)]
    assert line.right == t_interval(means)
    assert (line.seeds, line.examples) == (3, 20)


def test_mixers_that_mix_nothing_or_failed_have_a_reason_and_no_number() -> None:
    (task,) = summarise(map_rows({**SHARES, "fnet": 0.2}, lost=("fnet",)))
    lines = {line.label: line for line in task.lines}
    assert lines["none"].right is lines["none"].chance is None
    assert lines["none"].detail == "nothing is mixed"
    assert lines["none"].distant == 0.0
    assert lines["fnet"].right is lines["fnet"].score is None
    assert lines["fnet"].detail == "diverged: the loss was not finite"
    text = attention_table([task], 80, False).plain
    assert "none: nothing is mixed" in text
    assert "fnet: diverged: the loss was not finite" in text


def test_other_data_are_another_table_and_older_environments_are_left_out() -> None:
    rows = map_rows(SHARES) + map_rows(SHARES, settings='{"task":{"data":"other"}}')
    assert len(summarise(rows)) == 2
    older = map_rows({"fnet": 0.1}, environment="old", measured_at="2024-01-01T00:00:00Z")
    assert [line.label for line in summarise(older + map_rows(SHARES))[0].lines] == ["attention", "hypermixer", "none"]
    assert summarise([]) == ()


def test_models_of_one_mixer_are_labelled_with_what_differs() -> None:
    rows = map_rows({"attention": 0.6}) + map_rows({"attention": 0.5}, train_size=50) + map_rows({"none": None})
    (task,) = summarise(rows)
    assert sorted(line.label for line in task.lines) == [
        "attention 1000 examples",
        "attention 50 examples",
        "none 1000 examples",
    ]
    assert task.words == ("2 layers", "width 64", "12 tokens", "cpu")


def test_only_maps_of_the_first_seed_are_drawn() -> None:
    (line,) = summarise(map_rows({"attention": 0.6}, seeds=(4, 3, 5), drawn=(0, 2)))[0].lines
    assert line.drawn == {0: "attention_maps/attention-3-0.npz", 2: "attention_maps/attention-3-2.npz"}


@pytest.mark.parametrize("width", [60, 80, 120])
def test_no_line_is_wider_than_the_terminal(width: int) -> None:
    lines = attention_table(summarise(map_rows(SHARES, seeds=(0, 1))), width, True).plain.split("\n")
    assert max(map(len, lines)) <= width
    assert any("over 2 seeds" in line for line in lines)
