from __future__ import annotations

import csv
import json
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from mixbench.cli import app
from mixbench.tables.columns import columns
from mixbench.tables.rows import SpeedRow

SOURCE = """
import torch

class Mean(torch.nn.Module):
    def __init__(self, width, tokens, gain=1.0):
        super().__init__()
        self.gain = gain
        self.linear = torch.nn.Linear(width, width)

    def forward(self, x, mask=None):
        return self.gain * self.linear(x).mean(1, keepdim=True).expand_as(x)

class Cutting(Mean):
    def forward(self, x):
        return x[:, 1:]

class Dying(Mean):
    def forward(self, x):
        import os
        os.abort()
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("cli")
    (path / "mine.py").write_text(SOURCE)
    return path


def mixbench(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "mixbench", *words]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, cwd=folder, check=False)


SWEEP = ["speed", "--tokens", "8,16", "--width", "16", "--threads", "1"]
SWEEP += ["--launches", "2", "--budget", "0.1", "--precision", "0.5"]
MIXERS = ["--mixer", "attention", "--mixer", "mine.py:Mean:gain=0.5"]
MIXERS += ["--mixer", "mine.py:Cutting", "--mixer", "mine.py:Dying"]


def test_a_sweep_with_cells_that_fail_measures_the_others_prints_them_and_exits_with_1(folder: Path) -> None:
    done = mixbench(folder, *SWEEP, *MIXERS)
    assert done.returncode == 1, done.stderr
    with (folder / "results" / "speed.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert list(rows[0]) == list(columns(SpeedRow))
    status = {(row["mixer"], row["tokens"]): row["status"] for row in rows}
    for tokens in ("8", "16"):
        assert status["attention", tokens] == status["mine.py:Mean", tokens] == "ok"
        assert status["mine.py:Cutting", tokens] == "error"
        assert status["mine.py:Dying", tokens] == "killed"
    flops = {int(row["flops"]) for row in rows if row["mixer"] == "attention" and row["tokens"] == "16"}
    assert flops == {8 * 16 * 16**2 + 4 * 16**2 * 16}
    assert "Mean gain=0.5" in done.stdout
    assert "forward returned the shape (1, 7, 16), not (1, 8, 16)" in done.stdout
    assert "SIGABRT" in done.stderr
    assert "4 cells failed; measure again with --retry-failed." in done.stderr
    assert "mixbench plot" in done.stderr
    assert "\x1b" not in done.stdout

    again = mixbench(folder, *SWEEP, *MIXERS, "--json")
    assert again.returncode == 1
    cells = json.loads(again.stdout)["cells"]
    assert {(cell["label"], cell["tokens"]) for cell in cells} >= {("attention", 8), ("Mean gain=0.5", 16)}
    with (folder / "results" / "speed.csv").open() as file:
        assert list(csv.DictReader(file)) == rows, "what was measured is not measured again"

    drawn = mixbench(folder, "plot")
    assert drawn.returncode == 0, drawn.stderr
    figures = drawn.stdout.split()
    assert "results/figures/speed-latency-by-tokens.png" in figures
    assert all((folder / figure).stat().st_size > 5000 for figure in figures)


def test_a_mixer_that_does_not_import_is_refused_before_anything_is_measured(folder: Path) -> None:
    (folder / "broken.py").write_text("import no_such_package\nclass Mine: pass\n")
    done = mixbench(folder, *SWEEP, "--mixer", "broken.py:Mine", "--results", "none")
    assert done.returncode == 2
    assert "does not import: ModuleNotFoundError: No module named 'no_such_package'" in done.stderr
    assert "Traceback" not in done.stderr
    assert not (folder / "none" / "speed.csv").exists()


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--mixer", "hypermixr"], "Did you mean 'hypermixer'?"),
        (["--mixer", "attention:head=2"], "Did you mean 'heads'?"),
        (["--mixer", "attention:heads=3"], "3 heads do not divide the width"),
        (["--tokens", "64..100"], "doubling 64 does not arrive at 100"),
        (["--tokens", "ten"], "--tokens: 'ten' is not a positive whole number"),
        (["--width", "0"], "--width: '0' is not a positive whole number"),
        (["--dtype", "float64"], "unknown value 'float64' for --dtype"),
        (["--mode", "train"], "Did you mean 'training'?"),
        (["--scope", "layer"], "unknown value 'layer' for --scope"),
        (["--device", "tpu"], "--device 'tpu' is not known"),
        (["--precision", "0"], "--precision is 0.0; it must be above 0"),
        (["--baseline", "gmpl"], "Did you mean 'gmlp'?"),
        (["--launches", "0"], "launches"),
        (["--results", __file__], "cannot write to the results folder"),
        (["--nonsense"], "--nonsense"),
    ],
)
def test_a_wrong_request_exits_with_2_and_says_what_next(words: list[str], message: str) -> None:
    done = CliRunner().invoke(app, ["speed", *words])
    assert done.exit_code == 2
    assert message in done.stderr
    assert "Traceback" not in done.output


def test_a_folder_without_tables_says_what_to_do_first(tmp_path: Path) -> None:
    done = CliRunner().invoke(app, ["plot", "--results", str(tmp_path)])
    assert done.exit_code == 2
    assert "Measure first: mixbench speed." in done.stderr
