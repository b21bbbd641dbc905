"""Mixers that a second package offers by entry points: one that is slow or broken to import disturbs nobody else."""

from __future__ import annotations

from pathlib import Path

import pytest
from running import Completed, run_python, search_path

from mixbench.tables.results import ResultsFolder
from mixbench.tables.speed_rows import SpeedRow

GOOD = """
import torch
class Mine(torch.nn.Module):
    causal = True
    def __init__(self, width, tokens):
        super().__init__()
    def forward(self, x):
        return x.cumsum(1)
"""
LIAR = GOOD.replace("x.cumsum(1)", "x.flip(1).cumsum(1)")
MODULES = {"liar": LIAR, "good": GOOD, "broken": "raise OSError('planted')", "slow": "import time\ntime.sleep(600)"}


@pytest.fixture
def site(tmp_path: Path) -> Path:
    """A folder of installed packages with one that offers four mixers."""
    package, told = tmp_path / "site" / "plugged", tmp_path / "site" / "plugged-1.0.dist-info"
    package.mkdir(parents=True)
    told.mkdir()
    (package / "__init__.py").write_text("")
    for name, content in MODULES.items():
        (package / f"{name}.py").write_text(content)
    (told / "METADATA").write_text("Metadata-Version: 2.1\nName: plugged\nVersion: 1.0\n")
    points = "".join(f"plug-{name} = plugged.{name}:Mine\n" for name in MODULES)
    (told / "entry_points.txt").write_text(f"[mixbench.mixers]\n{points}")
    return tmp_path / "site"


def mixbench(site: Path, *arguments: str) -> Completed:
    return run_python("-m", "mixbench", *arguments, folder=site.parent, PYTHONPATH=search_path(site, Path(__file__).parents[2]))


def test_plug_ins_are_listed_without_being_imported(site: Path) -> None:
    listed = mixbench(site, "list")
    assert listed.exit_code == 0
    assert all(f"plug-{name}" in listed.stdout for name in MODULES)


@pytest.mark.slow
def test_a_plug_in_is_verified_and_a_broken_or_slow_one_is_told_beside_it(site: Path) -> None:
    done = mixbench(site, "verify", "none", "plug-good", "plug-broken", "plug-slow", "--timeout", "10", "--details")
    assert done.exit_code == 1
    none, good, broken, slow = (
        done.stdout.split(f"{name}\n  ")[1] for name in ("none", "plug-good", "plug-broken", "plug-slow")
    )
    assert none.startswith("ok    runs")
    assert good.startswith("ok    runs")
    assert "ok    is causal" in good
    assert broken.startswith("FAIL  runs  plugged.broken cannot be imported: OSError: planted")
    assert slow.startswith("FAIL  runs  no progress for 10 s")


@pytest.mark.slow
def test_the_speed_of_plug_ins_is_measured_and_one_that_is_broken_is_a_row_beside_them(site: Path) -> None:
    shape = ("--tokens", "8", "--width", "8", "--launches", "1", "--budget", "0.05")
    named = [word for name in ("none", "plug-good", "plug-broken", "plug-liar") for word in ("--mixer", name)]
    done = mixbench(site, "speed", *named, *shape)
    assert done.exit_code == 1
    reason = "plugged.broken cannot be imported: OSError: planted"
    assert f"plug-broken at 8 tokens, width 8: error: {reason}" in done.stderr
    warning = "it fails its contract: is causal: "
    assert f"plug-liar: {warning}" in done.stderr
    rows = {row.mixer: row for row in ResultsFolder(site.parent / "results").read(SpeedRow)}
    assert {name: row.status for name, row in rows.items()} == {
        "none": "ok",
        "plug-good": "ok",
        "plug-broken": "error",
        "plug-liar": "ok",
    }
    assert rows["plug-broken"].detail == reason
    assert rows["plug-liar"].detail.startswith(warning)
    assert warning in done.stdout
    assert rows["plug-good"].detail == ""
    alone = mixbench(site, "speed", "--mixer", "plug-broken", "--results", "alone", *shape)
    assert alone.exit_code == 2
    assert reason in alone.stderr
