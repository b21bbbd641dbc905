"""torch.compile compiles a cell once: what it made is kept in the results folder."""

from __future__ import annotations

import shutil
from dataclasses import replace
from datetime import datetime
from pathlib import Path

import pytest
from recorder import Recorder
from run_fake_speed import FAKE, fake_request

from mixbench.errors import StorageError
from mixbench.mixers.choice import choose_mixers
from mixbench.studies.compiled_code import FOLDER, keep_compiled_code
from mixbench.studies.speed import run_speed
from mixbench.studies.speed_worker import Worker
from mixbench.tables.remarks import notes_in
from mixbench.tables.results import ResultsFolder
from mixbench.tables.speed_rows import SpeedRow


def test_the_folder_is_kept_unless_all_is_compiled_afresh_and_git_leaves_it_out(tmp_path: Path) -> None:
    used = keep_compiled_code(tmp_path, fresh=False)
    folder = tmp_path / FOLDER
    assert used["TORCHINDUCTOR_CACHE_DIR"] == str(folder)
    assert (folder / ".gitignore").read_text() == "*\n"
    (folder / "code").write_text("")
    keep_compiled_code(tmp_path, fresh=False)
    assert (folder / "code").exists()
    keep_compiled_code(tmp_path, fresh=True)
    assert [path.name for path in folder.iterdir()] == [".gitignore"]


def test_a_folder_that_cannot_be_made_is_an_error_that_names_it(tmp_path: Path) -> None:
    (tmp_path / FOLDER).write_text("")
    with pytest.raises(StorageError, match=rf"cannot write .*{FOLDER}"):
        keep_compiled_code(tmp_path, fresh=False)


@pytest.mark.slow
@pytest.mark.usefixtures("children_find_helpers")
@pytest.mark.skipif(not shutil.which("g++"), reason="torch.compile needs a C++ compiler")
def test_a_cell_is_compiled_once_and_its_time_is_in_every_row(tmp_path: Path) -> None:
    mixers = choose_mixers(["attention"])
    request = replace(fake_request(launches=1, timeout=300.0), mixers=mixers, tokens=(8,), mode=("inference",))
    request = replace(request, execution=("compiled",))
    folder = ResultsFolder(tmp_path)

    def measured(worker: Worker) -> list[SpeedRow]:
        run_speed(request, folder, Recorder(), worker=worker)
        return folder.read(SpeedRow)

    first = measured(Worker(watch=list))
    code = {path: path.stat().st_mtime for path in (tmp_path / FOLDER).rglob("*.py")}
    assert code
    assert {row.status for row in first} == {"ok"}, first[0].detail
    ((seconds, execution, compiled),) = {(row.compile_s, row.execution, row.compiled) for row in first}
    assert seconds is not None
    assert (execution, compiled) == ("compiled", True)
    assert max(code.values()) < datetime.fromisoformat(first[0].measured_at).timestamp(), "it was compiled again to be timed"
    for table in ("speed.csv", "launches.csv"):
        (tmp_path / table).unlink()
    # how it is timed says nothing of compiling
    again = measured(Worker(module=FAKE.module, for_compiling=(), watch=list))
    assert {path: path.stat().st_mtime for path in (tmp_path / FOLDER).rglob("*.py")} == code
    assert {row.compile_s for row in again} == {None}
    assert notes_in(again[0].detail, "compile_s") == ["compile_s: it had been compiled before, --fresh compiles again"]
