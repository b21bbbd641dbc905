"""`mixbench tune` as a user runs it: a small search, trials made elsewhere, wrong requests."""

from __future__ import annotations

import json
import warnings
from pathlib import Path

import pandas
import pytest
from running import Run
from synthetic_training import trial_rows

from mixbench.api.tune import RANGES
from mixbench.cli.text.tune import tuning_table
from mixbench.parsing.ranges import parse_ranges
from mixbench.plots.tune import draw_tuning, tuning_figure
from mixbench.studies.data_efficiency_request import LEARNING_RATES
from mixbench.verdicts.learning.tune import summarise

TASK = "majority:train=60,dev=20,test=20,tokens=8,symbols=2"


MIXERS = (("slow", 0.1), ("quick", 0.2))


@pytest.mark.slow
def test_a_small_search_is_trained_printed_and_kept(run: Run, tmp_path: Path) -> None:
    words = ["tune", "--task", TASK, "--mixer", "none", "--mixer", "fnet", "--trials", "4"]
    words += ["--steps", "20", "--width", "8", "--size", "1.0", "--results", tmp_path, "--save", "--jobs", "1"]
    done = run(*words)
    assert done.exit_code == 0, done.stderr
    assert "expected best development accuracy by number of trials" in done.stdout
    assert "Trial k draws the same values for every mixer." in done.stdout
    rows = pandas.read_csv(tmp_path / "tuning.csv")
    assert sorted(zip(rows.mixer, rows.trial, strict=True)) == [(m, k) for m in ("fnet", "none") for k in (1, 2, 3, 4)]
    kept = {name: (tmp_path / name).stat().st_mtime_ns for name in rows.checkpoint}
    assert len(kept) == 8
    again = run(*words, "--json")
    assert again.exit_code == 0, again.stderr
    assert len(json.loads(again.stdout)["searches"][0]["curves"]) == 2
    assert len(pandas.read_csv(tmp_path / "tuning.csv")) == 8
    assert {name: (tmp_path / name).stat().st_mtime_ns for name in rows.checkpoint} == kept
    assert run("plot", "--study", "tune", "--results", tmp_path).exit_code == 0
    assert (tmp_path / "figures" / "tune-majority.png").exists()


def test_a_file_whose_name_no_text_can_hold_is_drawn(run: Run, tmp_path: Path) -> None:
    file = tmp_path / "swe\nep\udcff.csv"
    file.write_text("score\n0.1\n0.2\n0.3\n")
    done = run("tune", "--from", file, "--results", tmp_path)
    assert done.exit_code == 0, done.stderr
    assert (tmp_path / "figures" / "tune-swe-ep.png").exists()


def test_errors_are_compared_as_ratios_and_shares_as_changes() -> None:
    (errors,) = summarise(trial_rows(("attention", "hypermixer"), trials=8))
    (shares,) = summarise(trial_rows(("attention", "hypermixer"), trials=8, score="accuracy"))
    for search, label, scale in ((errors, "relative to attention", "log"), (shares, "change against attention, %", "linear")):
        axes = tuning_figure(search).axes[1]
        assert (axes.get_ylabel(), axes.get_yscale()) == (label, scale)
    line = tuning_figure(errors).axes[1].lines[1]
    assert list(line.get_ydata()) == pytest.approx([1 + change for change in errors.relative(errors.curves[1])])


def test_trials_made_elsewhere_are_summarised_and_drawn(run: Run, tmp_path: Path) -> None:
    file = tmp_path / "sweep.csv"
    file.write_text("mixer,score\n" + "".join(f"{mixer},{0.1 * k + shift}\n" for k in range(6) for mixer, shift in MIXERS))
    done = run("tune", "--from", file, "--results", tmp_path / "results", "--baseline", "slow")
    assert done.exit_code == 0, done.stderr
    assert "relative change against slow" in done.stdout
    assert "Trial k" not in done.stdout
    assert (tmp_path / "results" / "figures" / "tune-sweep.png").exists()
    wanted = run("tune", "--from", file, "--results", tmp_path, "--target", "0.55,0.61")
    assert "≥ 0.550" in wanted.stdout
    assert "≥ 0.610" in wanted.stdout
    errors = run("tune", "--from", file, "--results", tmp_path, "--lower-is-better")
    assert "lower is better" in errors.stdout


def test_learning_curves_made_elsewhere_are_reduced_and_the_bounds_of_scores_told(run: Run, tmp_path: Path) -> None:
    file = tmp_path / "log.csv"
    file.write_text("trial,step,score\n" + "".join(f"{k},{step},{20 * step + k}\n" for k in range(6) for step in (1, 2, 3)))
    refused = run("tune", "--from", file, "--results", tmp_path)
    assert refused.exit_code == 2
    assert "--take last" in refused.stderr
    taken = run("tune", "--from", file, "--results", tmp_path, "--take", "last")
    assert taken.exit_code == 0, taken.stderr
    assert "log.csv: 18 rows reduced to 6 trials, the last score of each." in taken.stderr
    assert "From 6 independent random trials" in taken.stdout
    assert "The bands assume that all scores lie between 0 and 100 (guessed). Set the range with --bounds." in taken.stdout
    given = run("tune", "--from", file, "--results", tmp_path, "--take", "best", "--bounds", "0,100", "--json")
    (search,) = json.loads(given.stdout)["searches"]
    assert search["bounds"] == {"low": 0.0, "high": 100.0, "origin": "known"}
    assert max(search["curves"][0]["high"]) > 65
    assert "a guess" not in run("tune", "--from", file, "--results", tmp_path, "--take", "best", "--bounds", "0,100").stdout


@pytest.mark.parametrize(
    ("bounds", "message"),
    [("0,0.5", "has the score 0.6, outside --bounds 0,0.5"), ("1,0", "Give two numbers"), ("1", "Give two numbers")],
)
def test_wrong_bounds_are_refused(bounds: str, message: str, run: Run, tmp_path: Path) -> None:
    file = tmp_path / "sweep.csv"
    file.write_text("score\n0.2\n0.6\n")
    done = run("tune", "--from", file, "--results", tmp_path, "--bounds", bounds)
    assert done.exit_code == 2
    assert message in done.stderr


@pytest.mark.parametrize("low", [-1e299, 0.0])
@pytest.mark.parametrize("options", [(), ("--lower-is-better",)])
def test_no_warning_of_a_library_is_seen(low: float, options: tuple[str, ...], run: Run, tmp_path: Path) -> None:
    file = tmp_path / "sweep.csv"
    file.write_text("mixer,score\n" + "".join(f"{m},{s}\n" for m in ("a", "b") for s in (low, low, 0, 1e299)))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        done = run("tune", "--from", file, "--results", tmp_path, "--json", *options)
    assert done.exit_code == 0
    assert "NaN" not in done.stdout
    assert "Infinity" not in done.stdout


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--take", "last"), "--take needs a file of trials made elsewhere"),
        (("--bounds", "0,100"), "--bounds needs a file of trials made elsewhere"),
        (("--lower-is-better",), "--lower-is-better needs a file of trials made elsewhere"),
        (("--range", "steps=1..2"), "steps is not a training option"),
        (("--range", "dropout=0..0.5", "--dropout", "0.1"), "--dropout fixes what --range dropout draws"),
        (("--range", "learning_rate=1e-3..1e-2", "--learning-rate", "1e-3"), "--learning-rate fixes what"),
        (("--mixer", "attention", "--range", "attention.heads=3"), "3 heads do not divide the width"),
        (("--range", "dropout=0..0.5", "--dropout", "0"), "--dropout fixes what --range dropout draws"),
        (("--mixer", "none", "--mixer", "fnet", "--learning-rate", "fnet=1e-3"), "--learning-rate gives no rate for none"),
        (("--learning-rate", "auto"), "itself chooses among rates"),
        (("--size", "0.5,1.0"), "one part of the data"),
        (("--baseline", "gmlp"), "unknown baseline 'gmlp'"),
        (("--target", "0.5,good"), "'0.5,good' is not a list of scores"),
        (("--from", "nowhere.csv"), "cannot read nowhere.csv"),
    ],
)
def test_a_wrong_request_is_named_before_anything_is_trained(
    arguments: tuple[str, ...], message: str, run: Run, tmp_path: Path
) -> None:
    done = run("tune", "--task", TASK, *arguments, "--results", tmp_path / "results")
    assert done.exit_code == 2
    assert message in done.stderr
    assert not (tmp_path / "results" / "tuning.csv").exists()


@pytest.mark.parametrize("width", [80, 120])
def test_no_line_is_wider_than_the_terminal(width: int) -> None:
    searches = summarise(trial_rows(("attention", "hypermixer", "mlp-mixer"), trials=20))
    lines = tuning_table(searches, width, True).plain.split("\n")
    assert max(map(len, lines)) <= width
    assert any("attention" in line for line in lines)


@pytest.mark.parametrize(("trials", "shown"), [(1, ["1"]), (16, ["1", "2", "4", "8"]), (23, ["1", "2", "4", "8", "11"])])
def test_the_table_goes_as_far_as_the_estimate_by_doubling_numbers(trials: int, shown: list[str]) -> None:
    lines = tuning_table(summarise(trial_rows(("attention", "none"), trials=trials)), 80, False).plain.split("\n")
    start = next(place for place, line in enumerate(lines) if line.startswith("trials "))
    assert [line.split()[0] for line in lines[start + 1 : start + 1 + len(shown)]] == shown
    assert lines[start + 1 + len(shown)] == ""


def test_a_search_of_which_every_trial_diverged_is_told_and_not_drawn(tmp_path: Path) -> None:
    rows = trial_rows(("attention",), trials=3, diverged=(1, 2, 3))
    assert "Every trial diverged" in tuning_table(summarise(rows), 80, False).plain
    assert draw_tuning(rows, tmp_path) == []


def test_each_search_has_a_figure_of_its_own(tmp_path: Path) -> None:
    rows = trial_rows(("attention", "none"), trials=4) + trial_rows(("attention", "none"), trials=4, seed=1)
    drawn = draw_tuning(rows, tmp_path, ("png", "svg"))
    assert [path.name for path in drawn] == ["tune-shapes.png", "tune-shapes.svg", "tune-shapes-2.png", "tune-shapes-2.svg"]


def test_diverged_trials_stand_below_the_table() -> None:
    rows = trial_rows(("attention", "none"), trials=6, diverged=(2,))
    assert "1 of 6 trials diverged or failed and count as the worst score" in tuning_table(summarise(rows), 80, False).plain


def test_auto_tries_learning_rates_over_the_range_that_tune_searches() -> None:
    (searched,) = parse_ranges(RANGES[:1], ())
    assert (min(LEARNING_RATES), max(LEARNING_RATES)) == (searched.low, searched.high)
