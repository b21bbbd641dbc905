"""`mixbench cost` as a user runs it: three tables, missing ones, tables of different environments."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from documents import parse
from folders import fill_folder
from running import Run
from synthetic import MACHINE, speed_rows
from synthetic_training import training_rows, training_settings, trial_rows

import mixbench
from mixbench.api.cost import cost_of
from mixbench.api.cost_options import CostOptions
from mixbench.cli.text.cost import cost_table
from mixbench.tables.columns import Row
from mixbench.tables.remarks import lower_bound
from mixbench.tables.speed_rows import SpeedRow
from mixbench.verdicts.words import COUNTED_OPERATIONS, number

MIXERS = ("attention", "hypermixer", "mlp-mixer")


def speed(mixers: Sequence[str] = MIXERS) -> list[Row]:
    return list(speed_rows(mixers, (100,), modes=("training",))[0])


def three_tables(path: Path) -> Path:
    return fill_folder(path, speed(), training_rows(MIXERS), trial_rows(MIXERS, trials=12, diverged=(3,)))


def test_three_tables_give_a_table_a_sentence_per_mixer_and_a_figure(run: Run, tmp_path: Path) -> None:
    results = three_tables(tmp_path / "my results")
    done = run("cost", "--results", results, "--target", "0.2,0.1,0.001")
    assert done.exit_code == 0, done.stderr
    assert "for mse ≤ 0.1" in done.stdout
    for label in MIXERS:
        assert [line for line in done.stdout.splitlines() if line.startswith((f"{label} reaches", f"{label} does not"))]
    assert re.search(
        r"hypermixer reaches mse ≤ 0.1 at .* times the cost of attention \(time [\d.]+ × data [\d.]+ × trials", done.stdout
    )
    assert "tuning.csv, 36 rows: batch 32, steps 400, 800 examples, 12 trials." in done.stdout
    assert (results / "figures" / "cost-shapes.png").exists()
    assert "Figure: " in done.stderr


def test_the_same_as_json_and_from_python(run: Run, tmp_path: Path) -> None:
    results = three_tables(tmp_path)
    done = run("cost", "--results", results, "--target", "0.15", "--json")
    (task,) = json.loads(done.stdout)["tasks"]
    assert len(task["costs"]) == 3 * 4
    frame = mixbench.cost(results=results, target=(0.15,))
    assert list(frame.factor[:4]) == ["example", "data", "trials", "product"]
    by_name = {record["factor"]: record for record in task["costs"] if record["mixer"] == "hypermixer"}
    own = frame[frame.mixer == "hypermixer"].set_index("factor")
    assert own.relative_low["product"] == pytest.approx(by_name["product"]["relative_low"])
    assert own.relative_low["product"] == pytest.approx(own.relative_low[["example", "data", "trials"]].prod())


def flops_bounded(*mixers: str) -> list[Row]:
    rows, detail = speed_rows(MIXERS, (100,), modes=("training",))[0], lower_bound("flops", ["foo"])
    return [replace(row, detail=detail) if row.mixer in mixers else row for row in rows]


def test_a_lower_bound_of_operations_stays_one_in_tables_sentences_json_and_figure(run: Run, tmp_path: Path) -> None:
    trained = training_rows(MIXERS), trial_rows(MIXERS, trials=12)
    rows = flops_bounded("hypermixer")
    flops = {row.mixer: row.flops for row in rows if isinstance(row, SpeedRow) and row.flops}
    own, other = flops["hypermixer"] / 1e6, flops["attention"] / 1e6
    results = fill_folder(tmp_path / "one", rows, *trained)
    asked = ("cost", "--measure", "flops", "--target", "0.08", "--results")
    done = run(*asked, results)
    assert re.search(rf"hypermixer +≥ {number(own)} ", done.stdout)
    assert re.search(rf"hypermixer +≥ {number(own / other)} .* ≥ [\d.]+ \(", done.stdout)
    assert "hypermixer reaches mse ≤ 0.08 at a cost at least " in done.stdout
    assert "hypermixer: flops is a lower bound: it leaves out foo." in done.stdout
    assert f"FLOPs: {COUNTED_OPERATIONS}." in done.stdout
    (task,) = json.loads(run(*asked, results, "--json").stdout)["tasks"]
    marks = {one["factor"]: one["relative_mark"] for one in task["costs"] if one["mixer"] == "hypermixer"}
    assert marks == {"example": "≥", "data": "", "trials": "", "product": "≥"}
    assert "at a cost at most " in run(*asked, results, "--baseline", "hypermixer").stdout
    both = fill_folder(tmp_path / "both", flops_bounded("attention", "hypermixer"), *trained)
    compared = run(*asked, both).stdout
    assert "attention reaches mse ≤ 0.08 with " in compared
    assert f"at {number(other)} MFLOP or more per example." in compared
    assert "their FLOPs are lower bounds, so their costs cannot be compared." in compared


def test_what_is_not_reached_stays_visible(run: Run, tmp_path: Path) -> None:
    results = three_tables(tmp_path)
    done = run("cost", "--results", results, "--target", "0.001")
    assert "not reached" in done.stdout
    assert "hypermixer does not reach mse ≤ 0.001 within 2000 examples or 6 trials, nor does attention" in done.stdout
    easy = run("cost", "--results", results, "--target", "5")
    assert "hypermixer and attention reach mse ≤ 5 with the fewest examples that were tried" in easy.stdout
    harder = run("cost", "--results", results, "--target", "0.1")
    assert "mlp-mixer does not reach mse ≤ 0.1 within 2000 examples" in harder.stdout
    assert "its cost is at least " in harder.stdout


def test_no_tables_give_the_three_commands_that_make_them(run: Run, tmp_path: Path) -> None:
    done = run("cost", "--results", tmp_path / "none")
    assert done.exit_code == 2
    commands = [line.strip() for line in done.stderr.splitlines() if line.startswith("  mixbench ")]
    assert [shlex.split(command)[1] for command in commands] == ["data-efficiency", "tune", "speed"]
    for command in commands:
        parse(shlex.split(command))
        assert command.endswith(f"--results {tmp_path / 'none'}")


def test_a_missing_table_gives_its_command_alone(run: Run, tmp_path: Path) -> None:
    results = fill_folder(tmp_path, training_rows(MIXERS), trial_rows(MIXERS, trials=12))
    done = run("cost", "--results", results)
    assert done.exit_code == 2
    commands = [line.strip() for line in done.stderr.splitlines() if line.startswith("  mixbench ")]
    assert [shlex.split(command)[1] for command in commands] == ["speed"]
    assert "speed.csv has no rows for attention, mlp-mixer, hypermixer" in done.stderr


def test_without_a_score_in_between_the_one_that_every_mixer_reaches_is_taken(run: Run, tmp_path: Path) -> None:
    level = [replace(row, test_score=0.5) for row in training_rows(MIXERS)]
    results = fill_folder(tmp_path, speed(), level, trial_rows(MIXERS, trials=12))
    done = run("cost", "--results", results)
    assert done.exit_code == 0, done.stderr
    assert "attention reaches mse ≤ 0.5 with at most 250 examples" in done.stdout
    assert "hypermixer and attention reach mse ≤ 0.5 with the fewest examples that were tried" in done.stdout


def test_a_mixer_that_lacks_a_table_is_named_with_the_command(run: Run, tmp_path: Path) -> None:
    results = fill_folder(tmp_path, speed(), training_rows((*MIXERS, "none")), trial_rows(MIXERS, trials=12))
    done = run("cost", "--results", results, "--target", "0.15")
    assert done.exit_code == 0
    assert "tuning.csv has no rows for none with these settings. To include it:" in done.stdout
    assert (
        "  mixbench tune --mixer none --task shapes --layers 2 --width 64 --batch 32 --steps 400"
        f" --size 800 --trials 12 --seed 0 --results {results}" in done.stdout
    )


def test_tables_of_different_environments_are_not_mixed_unless_told_to(run: Run, tmp_path: Path) -> None:
    results = fill_folder(
        tmp_path, training_rows(MIXERS), trial_rows(MIXERS, trials=12), machine={**MACHINE, "torch": "2.13.0"}
    )
    fill_folder(
        results, [replace(row, measured_at="2024-01-01T00:00:00Z") for row in speed()], machine={**MACHINE, "torch": "2.11.0"}
    )
    done = run("cost", "--results", results, "--target", "0.15")
    assert done.exit_code == 2
    assert "speed.csv: torch 2.11.0 instead of 2.13.0" in done.stderr
    assert "mixbench speed --mixer attention" in done.stderr
    assert "--mix-environments" in done.stderr
    mixed = run("cost", "--results", results, "--target", "0.15", "--mix-environments")
    assert mixed.exit_code == 0, mixed.stderr
    assert "The tables come from different environments" in mixed.stdout
    fill_folder(results, speed(), machine={**MACHINE, "torch": "2.13.0"})
    whole = run("cost", "--results", results, "--target", "0.15")
    assert whole.exit_code == 0
    assert "not shown: 105 rows of speed.csv from another environment (torch 2.11.0 instead of 2.13.0)" in whole.stdout


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--measure", "watts"), "'watts' is not one of"),
        (("--mode", "both"), "'both' is not one of"),
        (("--scope", "layer"), "'layer' is not one of"),
        (("--dtype", "int8"), "'int8' is not one of"),
        (("--target", "low"), "--target: 'low' is not a list of scores"),
        (("--task", "shaps"), "unknown task 'shaps'"),
        (("--baseline", "atention"), "unknown baseline 'atention'"),
        (("--mode", "inference"), "--scope block --mode inference"),
        (("--measure", "energy"), "--energy"),
    ],
)
def test_a_wrong_request_is_refused(run: Run, tmp_path: Path, arguments: tuple[str, ...], message: str) -> None:
    done = run("cost", "--results", three_tables(tmp_path), *arguments)
    assert done.exit_code == 2, done.stderr
    assert message in done.stderr


def test_no_line_is_wider_than_a_terminal_but_for_commands(tmp_path: Path) -> None:
    outcome = cost_of(CostOptions(results=three_tables(tmp_path), target="0.2,0.05"))
    for width in (60, 80, 120):
        lines = cost_table(outcome, width, terminal=True).plain.splitlines()
        assert max(len(line) for line in lines if not line.startswith("  mixbench")) <= width


def test_plot_draws_the_cost_where_the_three_tables_are(run: Run, tmp_path: Path) -> None:
    results = three_tables(tmp_path)
    done = run("plot", "--study", "cost", "--results", results, "--format", "svg")
    assert done.exit_code == 0, done.stderr
    text = (results / "figures" / "cost-shapes.svg").read_text()
    for shown in ("time per example", "training examples", "tuning trials", "relative to attention", "hypermixer"):
        assert shown in text
    lone = fill_folder(tmp_path / "lone", training_rows(MIXERS, settings=training_settings(steps=1)))
    assert run("plot", "--study", "cost", "--results", lone).exit_code == 2
