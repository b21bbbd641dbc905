"""Command lines of random options: every one ends at once with a meaning; nothing is measured, trained or downloaded."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from damaging import sound_history, sound_results, write_files
from fuzzing import CASES, run_command
from hostile_options import command_lines
from hypothesis import given, settings

from mixbench.errors import RequestError
from mixbench.plots import FIGURES
from mixbench.tasks.dataset import Dataset, Form, Split


def refuse(*given: Any, **options: Any) -> Any:
    raise RequestError("nothing is measured here")


class NothingButGit(subprocess.Popen[Any]):
    """Refuses to start any other process: those that measure."""

    def __init__(self, args: Any, *given: Any, **options: Any) -> None:
        if not str(args[0]).endswith("git"):
            refuse()
        super().__init__(args, *given, **options)


@pytest.fixture(autouse=True, scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A folder to work in, with results in `R`."""
    with pytest.MonkeyPatch.context() as patch:
        folder = tmp_path_factory.mktemp("place")
        prepare_place(patch, folder)
        yield folder


def examples(count: int) -> Split:
    """Examples of two classes."""
    numbers = np.arange(count)
    return Split(np.ones((count, 32), np.int32), np.full(count, 32, np.int32), (numbers % 2).astype(np.int32), numbers)


def prepare_place(patch: pytest.MonkeyPatch, folder: Path) -> None:
    """Work in a folder, and refuse whatever would begin to measure, train or download."""
    for name, files in {"R": sound_results(), "S": sound_results(), "H": sound_history()}.items():
        write_files(folder / name, files)
    (folder / "trials.csv").write_text("mixer,score\na,0.5\na,0.6\nb,0.7\n")
    for name, target in {"results": "R", "history": "H", "link": "link"}.items():
        (folder / name).symlink_to(target)
    (folder / "file.txt").write_text("a file")
    (folder / "locked").mkdir(mode=0o500)
    form = Form(tokens=32, vocabulary=20, channels=0, output="class", classes=2, score="accuracy")
    dataset = Dataset(form, *map(examples, (2000, 100, 100)))
    patch.chdir(folder)
    patch.setenv("MIXBENCH_CACHE", str(folder / "cache"))
    patch.delenv("GITHUB_STEP_SUMMARY", raising=False)
    patch.setattr("matplotlib.figure.Figure.savefig", lambda figure, path, **how: Path(path).write_bytes(b""))
    for study in ("data-efficiency", "tune", "cost", "attention-map"):
        patch.setitem(FIGURES, study, lambda *given, **options: [])
    patch.setattr("mixbench.tasks.dataset.prepare", lambda recipe, make: folder / "data")
    patch.setattr("mixbench.tasks.dataset.load", lambda path: dataset)
    patch.setattr("mixbench.tasks.hub.hub_task", refuse)
    patch.setattr("mixbench.tables.results.ResultsFolder.writing", refuse)
    patch.setattr("subprocess.Popen", NothingButGit)


@pytest.mark.slow
@given(command_lines())
@settings(CASES, max_examples=80)
def test_any_command_line_ends_with_a_meaning(words: list[str]) -> None:
    run_command(words)
