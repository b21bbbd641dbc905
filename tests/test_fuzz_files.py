"""Damaged results folders and histories: every command that reads them ends with a meaning, and nothing is lost from disk."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from damaging import Files, damaged, sound_history, sound_results, with_cell, write_files
from fuzzing import CASES, measure_into, read_with, summarise
from hypothesis import given, settings
from hypothesis import strategies as st

from mixbench.tables.entries import Commit

STUDIES = ("speed", "data-efficiency", "tune", "cost", "attention-map")
READERS: dict[str, list[str]] = {
    **{f"plot {study}": ["plot", "--study", study, "--results", "R"] for study in STUDIES},
    "compare": ["compare", "S", "R"],
    "compare-base": ["compare", "R", "S", "--json"],
    "compare-counts": ["compare", "R", "R", "--tier", "counts", "--format", "markdown"],
    "export": ["export", "R", "--format", "json,junit,markdown,bencher,github-action-benchmark"],
    "cost": ["cost", "--results", "R"],
    "cost-json": ["cost", "--results", "R", "--json", "--target", "0.2"],
    "track-add": ["track", "add", "R", "--history", "H", "--commit", "HEAD"],
}
CODES_OF_SOUND = {"compare": (0, 1), "compare-base": (0, 1), "compare-counts": (0, 1)}
"""Some cells failed."""


@pytest.fixture(autouse=True, scope="module")
def quick() -> Iterator[None]:
    """Figures are made, but not drawn: that takes most of the time of a command."""
    with pytest.MonkeyPatch.context() as patch:
        quicken(patch)
        yield


def quicken(patch: pytest.MonkeyPatch, *, draw: bool = False) -> None:
    """Leave out what takes long, and needs a repository."""
    if not draw:
        patch.setattr("matplotlib.figure.Figure.savefig", lambda figure, path, **how: Path(path).write_bytes(b""))
    patch.setattr("mixbench.api.track.find_commit", lambda name: Commit("0f" * 20, "2026-01-01T12:00:00+00:00", "Subject"))
    patch.setenv("MIXBENCH_CACHE", "/nonexistent")


@pytest.mark.slow
@given(st.sampled_from(sorted(READERS)), damaged(sound_results()))
@CASES
def test_a_reader_of_a_damaged_folder_ends_with_a_meaning_and_changes_nothing(reader: str, files: Files) -> None:
    with TemporaryDirectory() as path:
        read_results(reader, files, Path(path))


@pytest.mark.parametrize("reader", sorted(READERS))
def test_a_sound_folder_is_read(reader: str, tmp_path: Path) -> None:
    assert read_results(reader, dict(sound_results()), tmp_path) in CODES_OF_SOUND.get(reader, (0,))


@pytest.mark.parametrize(
    ("reader", "name", "column", "text"),
    [
        ("cost", "speed.csv", "dtype", "float8"),
        ("cost", "speed.csv", "scope", "layer"),
        ("plot attention-map", "attention_map.csv", "map_file", "m" * 5000),
        ("plot tune", "tuning.csv", "task", "t" * 10**6),
        ("plot data-efficiency", "data_efficiency.csv", "score", "s" * 10**6),
    ],
    ids=["dtype", "scope", "map", "task", "score"],
)
def test_a_column_of_what_nobody_wrote_is_read(reader: str, name: str, column: str, text: str, tmp_path: Path) -> None:
    files = dict(sound_results())
    files[name] = with_cell(column, 1.0, text, files[name])
    read_results(reader, files, tmp_path)


def test_a_sound_history_is_shown(tmp_path: Path) -> None:
    assert show_history(dict(sound_history()), tmp_path) == 0


def read_results(reader: str, files: Files, where: Path) -> int:
    """Run a reader where `R` is a folder of these files, and `S` a sound one."""
    write_files(where / "S", sound_results())
    places = {name: str(where / name) for name in "RSH"}
    return read_with([places.get(word, word) for word in READERS[reader]], where / "R", files)


@pytest.mark.slow
@given(st.sampled_from(STUDIES), damaged(sound_results()))
@CASES
def test_a_summary_of_a_damaged_folder_is_made_or_refused(study: str, files: Files) -> None:
    with TemporaryDirectory() as path:
        summarise(study, Path(path), files)


@pytest.mark.slow
@given(damaged(sound_results()))
@settings(CASES, max_examples=40)
def test_measuring_into_a_damaged_folder_loses_no_line(files: Files) -> None:
    with TemporaryDirectory() as path:
        measure_into(Path(path), files)


@pytest.mark.slow
@given(damaged(sound_history()))
@CASES
def test_a_damaged_history_is_shown_or_named(files: Files) -> None:
    with TemporaryDirectory() as path:
        show_history(files, Path(path))


def show_history(files: Files, where: Path) -> int:
    """Run `track show` on these files."""
    return read_with(["track", "show", "--history", str(where)], where, files)
