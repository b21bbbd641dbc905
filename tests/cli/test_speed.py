"""`mixbench speed` as a user runs it: a small sweep with cells that fail, and wrong requests."""

from __future__ import annotations

import csv
import json
import re
import shutil
from pathlib import Path

import pytest
from gpu import needs_gpu
from places import SAMPLES
from running import Run
from synthetic import speed_rows

from mixbench.api.speed import SpeedOutcome
from mixbench.tables.columns import columns
from mixbench.tables.speed_rows import SpeedRow
from mixbench.verdicts.speed.summary import summarise

SWEEP = ["speed", "--tokens", "8,16", "--width", "16", "--threads", "1"]
SWEEP += ["--launches", "2", "--budget", "0.1", "--precision", "0.5"]
MIXERS = ["--mixer", "attention", "--mixer", "mine.py:Mean:gain=0.5"]
MIXERS += ["--mixer", "mine.py:Cutting", "--mixer", "mine.py:Aborting"]


@pytest.mark.slow
def test_a_sweep_with_cells_that_fail_measures_the_others_prints_them_and_exits_with_1(
    run_process: Run, run_in: Run, tmp_path: Path
) -> None:
    shutil.copy(SAMPLES, tmp_path / "mine.py")
    done = run_process(*SWEEP, *MIXERS, folder=tmp_path)
    assert done.exit_code == 1, done.stderr
    with (tmp_path / "results" / "speed.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert list(rows[0]) == list(columns(SpeedRow))
    status = {(row["mixer"], row["tokens"]): row["status"] for row in rows}
    for tokens in ("8", "16"):
        assert status["attention", tokens] == status["mine.py:Mean", tokens] == "ok"
        assert status["mine.py:Cutting", tokens] == "error"
        assert status["mine.py:Aborting", tokens] == "killed"
    flops = {int(row["flops"]) for row in rows if row["mixer"] == "attention" and row["tokens"] == "16"}
    assert flops == {8 * 16 * 16**2 + 4 * 16**2 * 16}
    assert "Mean gain=0.5" in done.stdout
    assert "forward returned the shape (1, 7, 16), not (1, 8, 16)" in done.stdout
    assert "SIGABRT" in done.stderr
    assert "4 cells failed; measure again with --retry-failed." in done.stderr
    assert "mixbench plot" in done.stderr
    assert re.search(r"^Time: \d+ s \(starting \d+ s, .*timing \d+ s.*\)\.$", done.stderr, re.MULTILINE)
    assert "energy" not in done.stderr.lower()
    assert "\x1b" not in done.stdout

    again = run_in(*SWEEP, *MIXERS, "--json", folder=tmp_path)
    assert again.exit_code == 1
    cells = json.loads(again.stdout)["cells"]
    assert {(cell["label"], cell["tokens"]) for cell in cells} >= {("attention", 8), ("Mean gain=0.5", 16)}
    with (tmp_path / "results" / "speed.csv").open() as file:
        assert list(csv.DictReader(file)) == rows, "what was measured is not measured again"

    metered = run_in(*SWEEP, "--mixer", "attention", "--energy", folder=tmp_path)
    assert metered.exit_code == 0, metered.stderr
    assert len(re.findall(r"^Energy(?:: 2 cells × 1 s, about 2 s| is not measured: .*)$", metered.stderr, re.MULTILINE)) == 1
    with (tmp_path / "results" / "speed.csv").open() as file:
        later = list(csv.DictReader(file))
    timed = [row for row in later if row["mixer"] == "attention"]
    assert all(float(row["energy_j"] or 0) > 0 or row["detail"].startswith("energy_j: ") for row in timed)
    kept = [{**row, "energy_j": "", "detail": "" if row in timed else row["detail"]} for row in later]
    assert kept == rows, "nothing else has changed"

    drawn = run_in("plot", folder=tmp_path)
    assert drawn.exit_code == 0, drawn.stderr
    figures = drawn.stdout.split()
    assert "results/figures/speed-latency-by-tokens.png" in figures
    assert all((tmp_path / figure).stat().st_size > 5000 for figure in figures)


@pytest.mark.slow
@needs_gpu
def test_on_a_gpu_the_table_shows_device_time(run_process: Run, tmp_path: Path) -> None:
    sweep = [*SWEEP, "--device", "cuda", "--mixer", "attention", "--mixer", "hypermixer", "--mixer", "none"]
    done = run_process(*sweep, folder=tmp_path, timeout=300)
    assert done.exit_code == 0, done.stderr
    assert "device time by tokens: attention in ms" in done.stdout
    assert "none: the GPU has nothing to do" in done.stdout
    cells = json.loads(run_process(*sweep, "--json", folder=tmp_path).stdout)["cells"]
    timed = [cell for cell in cells if cell["label"] != "none"]
    assert len(timed) == 4
    for cell in timed:
        assert cell["time_ms"]["point"] == pytest.approx(cell["device_ms"])
        assert cell["host_bound"] is True, "layers of 16 tokens"
        assert cell["tokens_per_s"] == pytest.approx(1e3 * cell["tokens"] / cell["device_ms"], rel=0.05)
        assert 0 < cell["share_of_bandwidth"] < 1
        assert cell["bound_by"] == "neither"
    assert all(cell["time_ms"] is None and cell["latency_ms"] for cell in cells if cell["label"] == "none")


def test_details_are_printed_on_request_only(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rows, launches = speed_rows(("attention", "none"), (64, 128))
    outcome = SpeedOutcome(rows, launches, summarise(rows, launches), tmp_path)
    monkeypatch.setattr("mixbench.api.speed.measure_speed", lambda options: outcome)
    brief, details = run("speed"), run("speed", "--details")
    assert (brief.exit_code, details.exit_code) == (0, 0)
    assert "at 128 tokens" in brief.stdout
    assert "tokens/s" not in brief.stdout
    assert "tokens/s" in details.stdout
    assert run("speed", "--json").stdout == run("speed", "--details", "--json").stdout


def test_a_mixer_that_does_not_import_is_refused_before_anything_is_measured(run: Run, tmp_path: Path) -> None:
    (tmp_path / "broken.py").write_text("import no_such_package\nclass Mine: pass\n")
    done = run(*SWEEP, "--mixer", tmp_path / "broken.py:Mine", "--results", tmp_path / "none")
    assert done.exit_code == 2
    assert "cannot be imported: ModuleNotFoundError: No module named 'no_such_package'" in done.stderr
    assert not (tmp_path / "none" / "speed.csv").exists()


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--mixer", "hypermixr"], "Did you mean 'hypermixer'?"),
        (["--mixer", "attention:head=2"], "Did you mean 'heads'?"),
        (["--mixer", "attention:heads=3"], "3 heads do not divide the width"),
        (["--tokens", "64..100"], "doubling 64 does not reach 100 exactly"),
        (["--tokens", "ten"], "--tokens: 'ten' is not a positive whole number"),
        (["--width", "0"], "--width: '0' is not a positive whole number"),
        (["--dtype", "float64"], "unknown value 'float64' for --dtype"),
        (["--mode", "train"], "Did you mean 'training'?"),
        (["--scope", "layer"], "unknown value 'layer' for --scope"),
        (["--execution", "graphs"], "Did you mean 'graph'?"),
        (["--execution", "eager,graph"], "--execution graph replays CUDA graphs, and --device is cpu"),
        (["--compile", "--execution", "eager"], "--compile means --execution compiled, and --execution is eager"),
        (["--device", "tpu"], "unknown --device 'tpu'"),
        (["--precision", "0"], "--precision is 0.0; it must be above 0"),
        (["--baseline", "gmpl"], "Did you mean 'gmlp'?"),
        (["--launches", "0"], "launches"),
        (["--results", __file__], "cannot write to the results folder"),
        (["--nonsense"], "--nonsense"),
    ],
)
def test_a_wrong_request_exits_with_2_and_says_what_next(words: list[str], message: str, run: Run) -> None:
    done = run("speed", *words)
    assert done.exit_code == 2
    assert message in done.stderr


def test_a_folder_without_tables_says_what_to_do_first(run: Run, tmp_path: Path) -> None:
    done = run("plot", "--results", tmp_path)
    assert done.exit_code == 2
    assert "Measure first: mixbench speed." in done.stderr
