"""`mixbench plot` draws the rows that are chosen, and says which are not drawn."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest
from folders import fill_folder
from matplotlib.figure import Figure
from running import Run
from synthetic import MACHINE, speed_rows
from synthetic_training import training_rows

import mixbench
from mixbench.errors import LeftOutWarning
from mixbench.tables.results import ResultsFolder
from mixbench.tables.speed_rows import SpeedRow
from mixbench.tables.training_rows import TrainingRow

SPEED = speed_rows(("attention", "fnet"), (64, 128), modes=("inference", "training"), launches=2, rounds=1)


@pytest.fixture
def drawn(monkeypatch: pytest.MonkeyPatch) -> list[Sequence[SpeedRow | TrainingRow]]:
    """The rows of each table that were drawn; no figure is."""
    seen: list[Sequence[SpeedRow | TrainingRow]] = []

    def speed(folder: ResultsFolder, *how: object) -> list[Path]:
        seen.append(folder.read(SpeedRow))
        return [Path("speed.png")]

    def training(folder: ResultsFolder, formats: object, baseline: str | None, *how: object) -> list[Path]:
        from mixbench.verdicts.learning.scores import summarise

        seen.append(folder.read(TrainingRow))
        summarise(folder.read(TrainingRow), baseline)
        return [Path("training.png")]

    monkeypatch.setattr("mixbench.plots.FIGURES", {"speed": speed, "data-efficiency": training})
    return seen


def test_only_the_chosen_rows_are_drawn(tmp_path: Path, run: Run, drawn: list[Sequence[SpeedRow]]) -> None:
    folder = fill_folder(tmp_path, *SPEED, training_rows(("fnet", "none"), (250,)))
    done = run("plot", "--results", folder, "--mixer", "fnet", "--mode", "training", "--tokens", "64,100,256")
    assert (done.exit_code, done.stdout) == (0, "speed.png\ntraining.png\n")
    speed, training = drawn
    assert {(row.mixer, row.mode, row.tokens) for row in speed} == {("fnet", "training", 64)}
    assert {row.mixer for row in training} == {"fnet"}
    assert done.stderr == "no row has --tokens 256\n"


def test_the_baseline_is_among_the_chosen_mixers(tmp_path: Path, run: Run, drawn: list[Sequence[SpeedRow]]) -> None:
    folder = fill_folder(tmp_path, *SPEED)
    assert run("plot", "--results", folder, "--mixer", "fnet", "--baseline", "attention").exit_code == 0
    assert {row.mixer for row in drawn[0]} == {"attention", "fnet"}


def test_a_baseline_that_one_study_lacks_leaves_only_its_figures_out(
    tmp_path: Path, run: Run, drawn: list[Sequence[SpeedRow]]
) -> None:
    folder = fill_folder(tmp_path, *SPEED, training_rows(("attention", "none"), (250,)))
    done = run("plot", "--results", folder, "--baseline", "fnet")
    assert (done.exit_code, done.stdout) == (0, "speed.png\n")
    assert "not drawn: data-efficiency: unknown baseline 'fnet'" in done.stderr
    done = run("plot", "--results", folder, "--study", "data-efficiency", "--baseline", "fnet")
    assert (done.exit_code, done.stdout) == (2, "")


def test_a_choice_that_leaves_nothing_is_refused(tmp_path: Path, run: Run, drawn: list[Sequence[SpeedRow]]) -> None:
    folder = fill_folder(tmp_path, *SPEED)
    done = run("plot", "--results", folder, "--tokens", "512..1024")
    assert (done.exit_code, drawn) == (2, [])
    assert done.stderr == "mixbench: no row has --tokens 512,1024\n  Available: --tokens 64,128\n"
    assert run("plot", "--results", folder, "--mode", "trianing").exit_code == 2
    assert run("plot", "--results", folder, "--mixer", "fnets").exit_code == 2


def test_rows_of_another_machine_are_told_and_drawn_on_request(
    tmp_path: Path, run: Run, drawn: list[Sequence[SpeedRow]]
) -> None:
    newest, _ = speed_rows(("attention",), (64,), launches=2, rounds=1)
    other, _ = speed_rows(("fnet",), (64,), launches=1, rounds=1)
    fill_folder(tmp_path, newest)
    fill_folder(tmp_path, other, machine={**MACHINE, "cpu": "Example 1"})
    done = run("plot", "--results", tmp_path)
    assert {row.mixer for row in drawn.pop()} == {"attention"}
    (told,) = done.stderr.splitlines()
    beginning, _, option = told.partition("; to draw them: ")
    assert beginning == "not drawn: 1 row of speed.csv from another machine (Example 1, 4 cores, 16 GiB)"
    assert run("plot", "--results", tmp_path, *option.split()).stderr == ""
    assert {row.mixer for row in drawn.pop()} == {"fnet"}
    with pytest.warns(LeftOutWarning, match="to draw them"):
        mixbench.plot(results=tmp_path)


def test_a_typo_that_failed_is_told_and_changes_no_figure(tmp_path: Path, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Figure, "savefig", lambda figure, path, **options: path.touch())
    failures = {(mixer, 9_999_999): ("oom", "needs 9 TiB") for mixer in ("attention", "fnet")}
    typo, _ = speed_rows(("attention", "fnet"), (9_999_999,), batches=(7,), launches=1, failures=failures)
    done = run("plot", "--results", fill_folder(tmp_path, *SPEED, typo), "--study", "speed")
    assert done.exit_code == 0
    assert done.stderr.startswith("not drawn: 2 cells of speed.csv without a result: mixer · inference · 9999999 tokens")
    (tmp_path / "alone").mkdir()
    done = run("plot", "--results", fill_folder(tmp_path / "alone", typo))
    assert done.exit_code == 2
    assert "without a result" in done.stderr


def test_quantities_are_drawn_in_one_file_of_the_size_that_is_asked_for(tmp_path: Path, run: Run) -> None:
    folder = fill_folder(tmp_path, *SPEED)
    done = run("plot", "--results", folder, "--metric", "latency_ms,peak_memory_mib", "--size", "column", "--no-title")
    assert (done.exit_code, done.stdout) == (0, f"{folder}/figures/speed-latency-memory-by-tokens.png\n")
    (width, height) = (int.from_bytes((folder / done.stdout.strip()).read_bytes()[at : at + 4]) for at in (16, 20))
    assert width == 3.3 * 300
    assert height > width


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--metric", "latency"), "unknown quantity 'latency' for --metric"),
        (("--metric", "device_ms"), "the chosen rows of speed have no device_ms to draw"),
        (("--metric", ""), "unknown quantity '' for --metric"),
        (("--metric", "flops", "--study", "tune"), "--metric chooses quantities of speed, not of --study tune"),
        (("--size", "collumn"), "--size 'collumn' is not a figure size"),
        (("--size", ""), "--size '' is not a figure size"),
        (("--size", "3,5x2"), "--size '3,5x2' is not a figure size"),
        (("--size", "nanxinf"), "--size 'nanxinf' is not a figure size"),
        (("--size", "1x4"), "--size 1x4 is too small: a side of a figure has 2 to 60 inches"),
        (("--size", "3x1000"), "--size 3x1000 is too large: a side of a figure has 2 to 60 inches"),
        (("--size", "2x2"), "--size 2x2 leaves no room for 2 panels with their texts: Latency relative to attention"),
    ],
)
def test_what_cannot_be_drawn_is_an_error(tmp_path: Path, run: Run, options: Sequence[str], message: str) -> None:
    done = run("plot", "--results", fill_folder(tmp_path, *SPEED), *options)
    assert done.exit_code == 2
    assert message in " ".join(done.stderr.split())
    if "quantity" in message:
        assert "device_ms, flops, latency_ms, peak_memory_mib, state_mib, tokens_per_s" in " ".join(done.stderr.split())
