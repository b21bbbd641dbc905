"""Energy on request: announced, measured after the times, added to rows that are there, and never at the cost of a cell."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
from recorder import Recorder
from run_fake_speed import FAKE, fake_request

from mixbench.studies.progress import duration
from mixbench.studies.speed import run_speed
from mixbench.studies.speed_request import SpeedRequest
from mixbench.tables.results import ResultsFolder
from mixbench.tables.speed_rows import SpeedRow

pytestmark = pytest.mark.usefixtures("children_find_helpers")

PLAIN = replace(fake_request(1, timeout=5.0), mode=("inference",))
METERED = replace(PLAIN, energy=True)
ANNOUNCED = "Energy: 6 cells × 1 s, about 6 s"


def run(folder: Path, request: SpeedRequest) -> tuple[list[SpeedRow], Recorder]:
    progress = Recorder()
    run_speed(request, ResultsFolder(folder), progress, worker=FAKE)
    return ResultsFolder(folder).read(SpeedRow), progress


def test_without_the_option_there_is_no_energy_no_remark_and_no_time_is_taken(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FAKE_LOG", str(tmp_path / "log"))
    rows, progress = run(tmp_path, PLAIN)
    assert {(row.energy_j, row.detail) for row in rows} == {(None, "")}
    assert progress.remarks == []
    assert "energy" not in (tmp_path / "log").read_text()


def test_energy_is_announced_and_every_row_of_a_cell_has_it(tmp_path: Path) -> None:
    rows, progress = run(tmp_path, METERED)
    assert {(row.tokens, row.energy_j, row.detail) for row in rows} == {(n, float(n), "") for n in (8, 16, 32)}
    assert progress.remarks == [ANNOUNCED]
    assert progress.finished == progress.total
    assert any(text.startswith("energy of ") for text in progress.texts)


def test_cells_that_were_measured_before_get_it_and_nothing_is_timed_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before, _ = run(tmp_path, PLAIN)
    monkeypatch.setenv("FAKE_LOG", str(tmp_path / "log"))
    after, progress = run(tmp_path, METERED)
    assert after == [replace(row, energy_j=float(row.tokens)) for row in before]
    assert progress.remarks == [ANNOUNCED]
    assert progress.finished == progress.total > 0
    assert set((tmp_path / "log").read_text().split()) == {"energy", "4", "2"}
    again, progress = run(tmp_path, METERED)
    assert (again, progress.total, progress.remarks) == (after, 0, [])


def test_later_launches_have_the_energy_of_their_cell_also_where_it_is_not_asked_for(tmp_path: Path) -> None:
    run(tmp_path, METERED)
    rows, _ = run(tmp_path, replace(PLAIN, launches=2))
    assert {row.launch for row in rows} == {1, 2}
    assert {(row.tokens, row.energy_j) for row in rows} == {(n, float(n)) for n in (8, 16, 32)}


def test_a_missing_meter_is_said_once_and_remarked_in_every_row_until_there_is_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FAKE_MISSING", "no counter here")
    for _ in range(2):
        rows, progress = run(tmp_path, METERED)
        assert {(row.energy_j, row.detail) for row in rows} == {(None, "energy_j: no counter here")}
        assert progress.remarks == ["Energy is not measured: no counter here"]
        assert progress.finished == progress.total
    monkeypatch.delenv("FAKE_MISSING")
    assert {(row.tokens, row.energy_j, row.detail) for row in run(tmp_path, METERED)[0]} == {
        (n, float(n), "") for n in (8, 16, 32)
    }


@pytest.mark.parametrize(
    ("behaviour", "detail"),
    [("die-energy", "energy_j: killed: the measuring process was killed by SIGKILL"), ("hang-energy", "energy_j: timeout: no")],
)
def test_a_cell_whose_energy_cannot_be_measured_keeps_its_times(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, behaviour: str, detail: str
) -> None:
    monkeypatch.setenv("FAKE_CELLS", json.dumps({"HyperMixer": behaviour}))
    rows, progress = run(tmp_path, replace(METERED, timeout=0.2, tokens=(8, 16)))
    assert {row.status for row in rows} == {"ok"}
    assert {row.energy_j for row in rows if row.mixer == "attention"} == {8.0, 16.0}
    assert {row.energy_j for row in rows if row.mixer == "hypermixer"} == {None}
    assert all(row.detail.startswith(detail) for row in rows if row.mixer == "hypermixer")
    assert all(row.latency_ms for row in rows)
    assert progress.finished == progress.total


def test_eager_and_graph_have_an_energy_each(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run(tmp_path, replace(METERED, device=("cuda",)))
    monkeypatch.setenv("FAKE_LOG", str(tmp_path / "log"))
    rows, _ = run(tmp_path, replace(METERED, device=("cuda",), execution=("eager", "graph")))
    assert {row.execution for row in rows if row.energy_j} == {"eager", "graph"}
    assert set((tmp_path / "log").read_text().split()) == {"energy", "4", "2"}


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(0.4, "0 s"), (59.6, "1 min"), (315, "5 min 15 s"), (3599.7, "1 h"), (7800, "2 h 10 min"), (90000, "25 h")],
)
def test_durations_in_words(seconds: float, words: str) -> None:
    assert duration(seconds) == words
