"""Rows are dropped with the launches, weights and maps that no other row needs; everything else stays."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from synthetic import speed_rows
from synthetic_maps import map_rows
from synthetic_training import training_rows

from mixbench.tables.artefacts import checkpoint_name, map_name
from mixbench.tables.columns import identity
from mixbench.tables.removal import drop
from mixbench.tables.results import ResultsFolder
from mixbench.tables.speed_rows import LaunchRow, SpeedRow
from mixbench.tables.training_rows import AttentionMapRow, TrainingRow


def dropped(folder: ResultsFolder, row_type: type[Any], reject: Callable[[Any], bool]) -> int:
    with folder.writing():
        return drop(folder, row_type, lambda row: not reject(row))


def test_launches_go_with_the_last_row_of_their_process(tmp_path: Path) -> None:
    folder = ResultsFolder(tmp_path)
    speed, launches = speed_rows(("attention", "none"), (64, 128), launches=2, rounds=2)
    with folder.writing():
        folder.append(speed)
        folder.append([*launches, replace(launches[0], measured_at="2020-01-01T00:00:00Z")])
    *_, orphan = before = folder.read(LaunchRow)
    assert dropped(folder, SpeedRow, lambda row: row.mixer == "none") == 8
    assert folder.read(LaunchRow) == before, "the other mixer was measured in the same processes"
    assert dropped(folder, SpeedRow, lambda row: row.tokens == 64) == 4
    assert {row.tokens for row in folder.read(LaunchRow)} == {64, 128}
    assert [row for row in folder.read(LaunchRow) if row.tokens == 64] == [orphan], "it belonged to no row before"


def with_files(folder: Path, run: TrainingRow, example: int) -> tuple[TrainingRow, AttentionMapRow]:
    """A run and its map, with their files."""
    (row,) = map_rows({"attention": 0.5}, examples=1)
    shared = {name: value for name, value in vars(run).items() if name in vars(row) and name not in ("score", "checkpoint")}
    weights = checkpoint_name((*identity(run), run.seed))
    mapped = replace(row, **shared, example=example, checkpoint=weights, map_file=map_name((*identity(run), run.seed), example))
    for name in (weights, mapped.map_file):
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).touch()
    return replace(run, checkpoint=weights), mapped


def test_weights_and_maps_go_with_the_last_row_that_names_them(tmp_path: Path) -> None:
    folder = ResultsFolder(tmp_path)
    run, mapped = with_files(tmp_path, training_rows(("attention",), (250,), seeds=(3,))[0], 0)
    given = replace(mapped, seed=9, checkpoint="checkpoints/given.pt", map_file="../elsewhere.npz")
    for name in (given.checkpoint, given.map_file):
        (tmp_path / name).touch()
    with folder.writing():
        folder.append([run])
        folder.append([mapped, given])
    files = [tmp_path / name for name in (mapped.map_file, mapped.checkpoint, given.checkpoint, given.map_file)]
    assert dropped(folder, AttentionMapRow, lambda row: row.seed == 3) == 1
    assert [file.exists() for file in files] == [False, True, True, True], "the run still names its weights"
    assert dropped(folder, TrainingRow, lambda row: True) == 1
    assert dropped(folder, AttentionMapRow, lambda row: True) == 1
    assert [file.exists() for file in files] == [False, False, True, True], "what no study wrote here is not deleted"
