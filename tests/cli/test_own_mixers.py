"""A user's mixer is all of its code: two of one name are never taken for one, nor an edited one for what it was."""

from __future__ import annotations

import json
from pathlib import Path

import pandas
import pytest
from running import Run

MINE = """
import torch
from helper import REPEATS


class Mine(torch.nn.Module):
    def __init__(self, width, tokens):
        super().__init__()
        self.w = torch.nn.Parameter(torch.eye(width))

    def forward(self, x):
        for _ in range(REPEATS):
            x = x @ self.w
        return x
"""
FAST = ("--tokens", 8, "--width", 4, "--launches", 1, "--budget", 0.1)


def write(folder: Path, repeats: int) -> str:
    """The mixer string of a mixer that is written into a folder."""
    folder.mkdir(exist_ok=True)
    (folder / "mine.py").write_text(MINE)
    (folder / "helper.py").write_text(f"REPEATS = {repeats}\n")
    return f"{folder / 'mine.py'}:Mine"


@pytest.mark.slow
def test_two_mixers_of_one_name_stay_two_and_an_edited_one_is_measured_again(tmp_path: Path, run: Run) -> None:
    results = tmp_path / "results"
    old, new = write(tmp_path / "old", 1), write(tmp_path / "new", 3)
    names = ["Mine file=old/mine.py", "Mine file=new/mine.py"]
    speed = run("speed", "--mixer", old, "--mixer", new, *FAST, "--results", results)
    assert speed.exit_code == 0
    assert all(name in speed.stdout for name in names)
    rows = pandas.read_csv(results / "speed.csv")
    assert sorted(rows.groupby("config").flops.first()) == [256, 768]

    assert run("export", results, "--format", "bencher").exit_code == 0
    exported = json.loads((results / "exports" / "bencher.json").read_text())
    assert [any(name in cell for cell in exported) for name in names] == [True, True]
    compared = json.loads(run("compare", results, results, "--json").stdout)
    assert {cell["mixer"] for cell in compared["comparison"]["cells"]} == set(names)

    write(tmp_path / "old", 2)
    again = run("speed", "--mixer", old, *FAST, "--results", results)
    assert again.exit_code == 0
    rows = pandas.read_csv(results / "speed.csv")
    assert sorted(rows.groupby("config").flops.first()) == [256, 512, 768]
    compared = json.loads(run("compare", results, results, "--json").stdout)
    assert {cell["mixer"] for cell in compared["comparison"]["cells"]} == set(names)


@pytest.mark.slow
def test_a_mixer_that_fails_is_checked_beside_a_sound_one_of_its_name(tmp_path: Path, run: Run) -> None:
    sound, broken = write(tmp_path / "sound", 1), write(tmp_path / "broken", 1)
    (tmp_path / "broken" / "helper.py").write_text("REPEATS = 'none'\n")
    checked = run("verify", "--mixer", broken, "--mixer", sound)
    assert checked.exit_code == 1
    assert "sound/mine.py:Mine" in checked.stdout
    assert "broken/mine.py:Mine" in checked.stdout
