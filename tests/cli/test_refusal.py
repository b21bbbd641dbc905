"""A built-in mixer whose code breaks its contract, in a copy of the package, is not timed."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from running import run_python, search_path

from mixbench.tables.results import ResultsFolder
from mixbench.tables.speed_rows import SpeedRow

ROOT = Path(__file__).parents[2]
SWEEP = (
    "speed",
    "--mixer",
    "none",
    "--mixer",
    "attention",
    "--tokens",
    "8",
    "--width",
    "8",
    "--launches",
    "1",
    "--budget",
    "0.05",
)


@pytest.mark.slow
def test_a_built_in_mixer_that_sees_later_tokens_is_refused_and_the_others_are_measured(tmp_path: Path) -> None:
    shutil.copytree(ROOT / "mixbench", tmp_path / "mixbench", ignore=shutil.ignore_patterns("__pycache__"))
    module = tmp_path / "mixbench" / "mixers" / "attention.py"
    right, wrong = "allowed=allowed, causal=self.causal", "allowed=allowed, causal=False"
    assert right in module.read_text()
    module.write_text(module.read_text().replace(right, wrong))

    done = run_python("-m", "mixbench", *SWEEP, folder=tmp_path, PYTHONPATH=search_path(tmp_path))
    assert done.exit_code == 1
    rows = {row.mixer: row for row in ResultsFolder(tmp_path / "results").read(SpeedRow)}
    assert {name: row.status for name, row in rows.items()} == {"none": "ok", "attention": "error"}
    assert "it fails its contract: equals its slow reference: causal: forward" in rows["attention"].detail
    assert rows["attention"].detail in done.stderr
