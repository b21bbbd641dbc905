"""A folder with rows of two machines, as after a merge: every command shows the times of one, and says so."""

from __future__ import annotations

import json
import warnings
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from folders import fill_folder
from matplotlib.figure import Figure
from repositories import Repository
from running import Run
from synthetic import MACHINE, speed_rows
from synthetic_maps import map_rows
from synthetic_training import training_rows, trial_rows

import mixbench
from mixbench.errors import LeftOutWarning
from mixbench.tables.history import read_history
from mixbench.tables.results import ResultsFolder
from mixbench.tables.speed_rows import SpeedRow
from mixbench.tables.training_rows import TrainingRow

MIXERS = ("attention", "hypermixer")
OLD = MACHINE | {"torch": "2.13.0"}
NEW = OLD | {"cpu": "Example 7000", "logical_cores": 16, "gpus": ["Example GPU", "Example GPU"]}
OLD_WORDS, NEW_WORDS = "Example 9000, 4 cores, 16 GiB", "Example 7000, 16 cores, 16 GiB, 2 × Example GPU"


def later(rows: list[Any]) -> list[Any]:
    """As measured in March, by a clock that may be wrong."""
    return [replace(row, measured_at="2025-03" + row.measured_at[7:]) for row in rows]


@pytest.fixture
def merged(tmp_path: Path) -> Path:
    """Times at lengths of their own and one in common; seeds, trials and maps in turns, and one seed on both machines."""
    folder = tmp_path / "merged"
    options: dict[str, Any] = {"modes": ("training",), "rounds": 2, "launches": 3, "launch_noise": 0.01, "round_noise": 0.01}
    speed, launches = speed_rows(MIXERS, (100, 200), **options)
    runs, trials = training_rows(MIXERS, (250, 500), train_seconds=10.0), trial_rows(MIXERS, trials=8)
    maps = map_rows(dict.fromkeys(MIXERS, 0.5))
    fill_folder(
        folder,
        speed,
        launches,
        [run for run in runs if run.seed % 2 == 0],
        [trial for trial in trials if trial.trial % 2 == 0],
        [row for row in maps if row.mixer == "attention"],
        machine=OLD,
    )
    slow, others = speed_rows(MIXERS, (200, 400), latency_ms=lambda *shape: 77.0, seed=1, **options)
    fill_folder(
        folder,
        later(slow),
        later(others),
        later([replace(run, train_seconds=99.0) for run in runs if run.seed % 2 == 1 or run.seed == 0]),
        later([trial for trial in trials if trial.trial % 2 == 1]),
        later([row for row in maps if row.mixer != "attention"]),
        machine=NEW,
    )
    return folder


def environment_of(folder: Path, machine: dict[str, Any]) -> str:
    stored = ResultsFolder(folder)
    known = {
        json.dumps(stored.environment(file.stem), sort_keys=True): file.stem for file in (folder / "environments").iterdir()
    }
    return known[json.dumps(machine, sort_keys=True)]


def summary(folder: Path, **options: Any) -> tuple[Any, list[str]]:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        frame = mixbench.summary(folder, **options)
    return frame, [str(warning.message) for warning in caught if warning.category is LeftOutWarning]


def caption_of(figure: Figure) -> str:
    texts = [figure.get_supxlabel(), *(legend.get_title().get_text() for legend in figure.legends)]
    return " ".join("\n".join(texts).split())


def test_times_are_those_of_the_newest_machine_and_the_other_one_is_named_with_how_to_see_it(merged: Path) -> None:
    old, new = environment_of(merged, OLD), environment_of(merged, NEW)
    frame, told = summary(merged)
    cells = frame[frame.table == "cells"]
    assert set(frame.environment) == {new}
    assert sorted({*cells.tokens}) == [200, 400]
    assert cells.time_ms.between(70, 85).all()
    assert told == [
        f"speed.csv: {NEW_WORDS}",
        f"not shown: 24 rows of speed.csv from another machine ({OLD_WORDS}); to see them: environment={old}",
    ]
    other, remarks = summary(merged, environment=old)
    assert set(other.environment) == {old}
    assert sorted({*other[other.table == "cells"].tokens}) == [100, 200]
    assert other[other.table == "cells"].time_ms.max() < 10
    assert remarks == [f"speed.csv: {OLD_WORDS}"]


@pytest.mark.parametrize("study", ["data-efficiency", "tune", "attention-map"])
def test_scores_of_both_machines_are_united_and_each_run_counts_once(study: str, merged: Path) -> None:
    frame, told = summary(merged, study=study)
    assert set(frame.mixer) == {*MIXERS}
    counted = {"data-efficiency": ("seeds", 5), "tune": ("all_trials", 8), "attention-map": ("seeds", 1)}
    name, number = counted[study]
    assert set(frame[name].dropna()) == {number}
    assert len(told) == 1
    assert f".csv: scores of runs in 2 environments, times of {NEW_WORDS}" in told[0]
    assert ("4 rows of repeated runs left out" in told[0]) == (study == "data-efficiency")


def test_training_times_of_two_machines_are_never_averaged(merged: Path) -> None:
    frame, _ = summary(merged, study="data-efficiency")
    assert set(frame.train_seconds.dropna()) == {99.0}
    old, _ = summary(merged, study="data-efficiency", environment=environment_of(merged, OLD))
    assert set(old.train_seconds.dropna()) == {10.0}
    assert set(old.seeds.dropna()) == {3}


def test_runs_of_another_version_are_not_united(merged: Path) -> None:
    file = ResultsFolder(merged)
    rows = later(later(training_rows(MIXERS, (250, 500))))
    fill_folder(
        merged, [replace(row, measured_at="2025-04" + row.measured_at[7:]) for row in rows], machine=NEW | {"torch": "2.14.0"}
    )
    frame, told = summary(merged, study="data-efficiency")
    assert len({row.environment for row in file.read(TrainingRow)}) == 3
    assert set(frame.seeds.dropna()) == {5}
    assert told[0] == f"data_efficiency.csv: {NEW_WORDS}"
    assert sum(text.startswith("not shown: ") for text in told) == 2


def test_figures_of_several_machines_say_which_one_they_show(merged: Path, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    notes: dict[str, str] = {}

    def keep(figure: Figure, path: Any, **options: Any) -> None:
        notes[Path(path).stem] = caption_of(figure)

    monkeypatch.setattr(Figure, "savefig", keep)
    old = environment_of(merged, OLD)
    done = run("plot", "--results", merged, "--format", "svg")
    assert done.exit_code == 0, done.stderr
    speed = {name: text for name, text in notes.items() if name.startswith("speed-")}
    assert len(speed) > 3
    assert all(f"speed.csv: {NEW_WORDS}" in text for text in speed.values())
    assert f"scores of runs in 2 environments, times of {NEW_WORDS}" in notes["data-efficiency-shapes-cost"]
    assert f"not drawn: 24 rows of speed.csv from another machine ({OLD_WORDS}); to draw them: --environment {old}" in (
        " ".join(done.stderr.split())
    )
    notes.clear()
    assert run("plot", "--results", merged, "--format", "svg", "--environment", old, "--study", "speed").exit_code == 0
    assert all(f"speed.csv: {OLD_WORDS}" in text for text in notes.values())


def test_the_figures_of_one_machine_say_nothing_of_it(tmp_path: Path, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    texts: list[str] = []
    monkeypatch.setattr(Figure, "savefig", lambda figure, *how, **options: texts.append(figure.get_supxlabel()))
    speed, launches = speed_rows(MIXERS, (100, 200), rounds=2, launches=2)
    done = run("plot", "--results", fill_folder(tmp_path, speed, launches), "--study", "speed")
    assert (done.exit_code, done.stderr) == (0, "")
    assert not any("Example 9000" in text for text in texts)


def test_exports_name_the_machine_and_what_is_left_out(merged: Path, run: Run) -> None:
    done = run("export", merged, "--format", "markdown,json", "--output", merged / "ci")
    remarks = json.loads((merged / "ci" / "mixbench.json").read_text())["remarks"]
    assert f"speed.csv: {NEW_WORDS}" in remarks
    old = environment_of(merged, OLD)
    left = f"left out: 24 rows of speed.csv from another machine ({OLD_WORDS}); to export them: --environment {old}"
    assert left in remarks
    assert left in " ".join(done.stderr.split())
    measures = json.loads((merged / "ci" / "mixbench.json").read_text())["measures"]
    seconds = [own["value"] for own in measures if own["metric"] == "train_seconds" and own["cell"].startswith("data")]
    assert seconds == pytest.approx([99.0] * 4)
    assert not any("100 tokens" in measure["cell"] and measure["cell"].startswith("speed") for measure in measures)
    assert run("export", merged, "--format", "json", "--environment", old).stderr == ""


def test_cost_takes_times_of_one_machine_and_scores_of_both(merged: Path, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    notes: list[str] = []
    monkeypatch.setattr(Figure, "savefig", lambda figure, *how, **options: notes.append(caption_of(figure)))
    done = run("cost", "--results", merged, "--environment", environment_of(merged, OLD))
    assert "speed.csv" not in done.stderr, done.stderr
    alike = [row for row in ResultsFolder(merged).read(SpeedRow) if row.tokens == 100]
    fill_folder(merged, later([replace(row, tokens=100) for row in later(alike)]), machine=NEW)
    done = run("cost", "--results", merged)
    assert done.exit_code == 0, done.stderr
    text = " ".join(done.stdout.split())
    assert f"speed.csv: {NEW_WORDS}" in text
    assert "scores of runs in 2 environments" in text
    assert f"not shown: 24 rows of speed.csv from another machine ({OLD_WORDS}); to see them: --environment" in text
    assert f"speed.csv: {NEW_WORDS}; data_efficiency.csv: scores of runs in 2 environments" in notes[-1]
    told = json.loads(run("cost", "--results", merged, "--json").stdout)["machines"]
    assert told[0] == f"speed.csv: {NEW_WORDS}"


def test_a_history_has_an_entry_for_each_machine(
    merged: Path, run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    repository = Repository(tmp_path)
    repository.commit("First", {"code.py": ""})
    monkeypatch.chdir(repository.path)
    done = run("track", "add", merged, "--history", "history", "--commit", "HEAD")
    assert done.exit_code == 0, done.stderr
    found = {
        str(entry.machine["cpu"]): {cell.key["tokens"] for cell in entry.cells if cell.table == "speed"}
        for entry in read_history(Path("history"))
    }
    assert found == {"Example 9000": {100, 200}, "Example 7000": {200, 400}}
    times = {
        str(entry.machine["cpu"]): max(
            max(cell.metrics["latency_ms"].values()) for cell in entry.cells if cell.table == "speed"
        )
        for entry in read_history(Path("history"))
    }
    assert times["Example 9000"] < 10 < times["Example 7000"]
