"""A study that is killed between its parts, or in one, goes on where it stopped when the same command is given again."""

from __future__ import annotations

from pathlib import Path

import pytest
from killing import kill_when
from places import HELPERS
from run_fake_study import with_fakes
from running import Run

STUDY = """\
[mixers]
mixer = ["attention", "none"]
[model]
width = 8
task = "majority:train=60,dev=20,test=20,tokens=8,symbols=2"
[speed]
tokens = 8
launches = 1
[data-efficiency]
sizes = [20, 40]
seeds = 3
[tune]
trials = 40
size = 1.0
"""
TABLES = ("speed", "data_efficiency", "tuning")


def lines_of(folder: Path) -> dict[str, list[bytes]]:
    files = {table: folder / f"{table}.csv" for table in TABLES}
    return {table: file.read_bytes().splitlines(keepends=True) for table, file in files.items() if file.exists()}


@pytest.mark.slow
@pytest.mark.parametrize("table", ["data_efficiency", "tuning"])
def test_a_study_that_is_killed_continues_where_it_stopped(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, children_find_helpers: None, table: str
) -> None:
    (tmp_path / "s.toml").write_text(STUDY)
    kill_when(
        lambda children: children and (tmp_path / "results" / f"{table}.csv").exists(),
        HELPERS / "run_fake_study.py",
        "s.toml",
        folder=tmp_path,
    )
    before = lines_of(tmp_path / "results")
    assert list(before) == list(TABLES)[: list(TABLES).index(table) + 1]
    assert len(before.get("tuning", [])) < 1 + 2 * 40
    with_fakes(monkeypatch)
    monkeypatch.chdir(tmp_path)
    done = run("study", "s.toml")
    assert done.exit_code == 0, done.stderr
    after = lines_of(tmp_path / "results")
    for name, lines in before.items():
        whole = [line for line in lines if line.endswith(b"\n")]
        assert after[name][: len(whole)] == whole
    assert {name: len(lines) - 1 for name, lines in after.items() if name != "speed"} == {"data_efficiency": 12, "tuning": 80}
