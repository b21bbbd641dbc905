"""The study of attention maps on a fake mapper: a row for each example, nothing trained or mapped twice, failures as rows."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from run_fake_training import FAKE, FAKE_MAPPER, FORM, SHAPES, fake_maps

from mixbench.errors import RequestError
from mixbench.execution.engine import Local
from mixbench.studies.attention_map import run_attention_map
from mixbench.studies.attention_map_plan import LoadedRun, MapRequest, plan_maps
from mixbench.studies.data_efficiency import run_data_efficiency
from mixbench.studies.data_efficiency_request import LEARNING_RATES, PreparedTask
from mixbench.studies.progress import Silent
from mixbench.studies.training_rows import key_of
from mixbench.tables.results import ResultsFolder
from mixbench.tables.training_rows import AttentionMapRow, TrainingRow

pytestmark = pytest.mark.usefixtures("children_find_helpers")


@pytest.fixture(autouse=True)
def log(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    monkeypatch.setenv("FAKE_MAPS", str(tmp_path / "log"))
    return tmp_path / "log"


def study(folder: Path, wanted: MapRequest, **options: Any) -> list[AttentionMapRow]:
    results = ResultsFolder(folder / "results")
    run_attention_map(wanted, results, Silent(), engine=Local([{}, {}]), trainer=FAKE_MAPPER, learner=FAKE, **options)
    return results.read(AttentionMapRow)


def said(log: Path) -> list[str]:
    """What the mapper did since it was last asked."""
    lines = sorted(log.read_text().splitlines()) if log.exists() else []
    log.unlink(missing_ok=True)
    return lines


def test_every_example_of_every_run_is_a_row_and_those_drawn_have_a_map(tmp_path: Path) -> None:
    rows = study(tmp_path, fake_maps(seeds=(0, 1)))
    found = {(row.mixer, row.seed, row.example) for row in rows}
    assert found == {(mixer, seed, example) for mixer in ("attention", "none") for seed in (0, 1) for example in range(3)}
    assert len(rows) == 12
    for row in rows:
        assert (row.status, row.chance_share, row.reach, row.learning_rate) == ("ok", 0.2, 6, 1e-3)
        assert row.right_share == pytest.approx(0.5 + row.example / 100)
        assert (tmp_path / "results" / row.checkpoint).is_file()
        assert bool(row.map_file) == (row.example == 1)
        assert not row.map_file or (tmp_path / "results" / row.map_file).is_file()
    assert len({row.checkpoint for row in rows}) == 4
    assert len({row.map_file for row in rows}) == 5


def test_what_stands_is_neither_trained_nor_mapped_again(tmp_path: Path, log: Path) -> None:
    rows = study(tmp_path, fake_maps())
    assert said(log) == ["trained 3", "trained 3"]
    assert study(tmp_path, fake_maps()) == rows
    assert said(log) == []
    more = study(tmp_path, fake_maps(examples=5))
    assert said(log) == ["loaded 2", "loaded 2"]
    assert sorted(map(key_of, more[:6])) == sorted(map(key_of, rows))
    assert len(more) == 10


def test_another_example_to_draw_and_a_map_that_is_gone_are_mapped_alone(tmp_path: Path, log: Path) -> None:
    rows = study(tmp_path, fake_maps())
    said(log)
    again = study(tmp_path, fake_maps(drawn=(1, 2)))
    assert said(log) == ["loaded 1", "loaded 1"]
    assert {row.example for row in again if row.map_file} == {1, 2}
    assert sorted(map(key_of, again)) == sorted(map(key_of, rows))
    (tmp_path / "results" / next(row.map_file for row in again if row.map_file)).unlink()
    study(tmp_path, fake_maps(drawn=(1, 2)))
    assert said(log) == ["loaded 1"]


def test_fresh_trains_again_and_replaces(tmp_path: Path, log: Path) -> None:
    rows = study(tmp_path, fake_maps())
    said(log)
    again = study(tmp_path, fake_maps(), fresh=True)
    assert said(log) == ["trained 3", "trained 3"]
    assert sorted(map(key_of, again)) == sorted(map(key_of, rows))


def test_a_run_that_fails_is_one_row_and_is_tried_again_when_asked(
    tmp_path: Path, log: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FAKE_RUNS", json.dumps({"Attention": "die", "NoMixing": "diverge"}))
    rows = study(tmp_path, fake_maps())
    assert {(row.mixer, row.example, row.status) for row in rows} == {("attention", 0, "killed"), ("none", 0, "diverged")}
    assert len(rows) == 2
    monkeypatch.delenv("FAKE_RUNS")
    assert study(tmp_path, fake_maps()) == rows, "failed runs count as finished"
    retried = study(tmp_path, fake_maps(), retry_failed=True)
    assert len(retried) == 6
    assert {row.status for row in retried} == {"ok"}


AUTO = {"learning_rates": {"": "auto"}}


def test_a_rate_is_chosen_as_by_data_efficiency_whose_rows_and_weights_the_maps_have(tmp_path: Path, log: Path) -> None:
    wanted = fake_maps(seeds=(0, 1), **AUTO)
    rows = study(tmp_path, wanted)
    assert said(log) == ["loaded 3"] * 4
    trained = ResultsFolder(tmp_path / "results").read(TrainingRow)
    trials = [row for row in trained if json.loads(row.settings)["learning_rate"] != "auto"]
    assert sorted((row.mixer, row.learning_rate) for row in trials) == [
        (m, r) for m in ("attention", "none") for r in LEARNING_RATES
    ]
    chosen = {(row.mixer, row.seed): row for row in trained if row not in trials}
    assert len(chosen) == 4
    assert {row.learning_rate for row in rows} == {1e-3}, "the best rate of the fake trainer"
    assert {row.checkpoint for row in rows} == {row.checkpoint for row in chosen.values()}
    assert study(tmp_path, wanted) == rows
    assert said(log) == []
    assert ResultsFolder(tmp_path / "results").read(TrainingRow) == trained


def test_models_that_data_efficiency_kept_are_not_trained_again_for_their_maps(tmp_path: Path, log: Path) -> None:
    wanted, results = fake_maps(**AUTO), ResultsFolder(tmp_path / "results")
    run_data_efficiency(wanted.base, results, Silent(), engine=Local([{}]), trainer=FAKE, save=True)
    before = results.read(TrainingRow)
    kept = {row.checkpoint for row in before if json.loads(row.settings)["learning_rate"] == "auto"}
    assert {row.checkpoint for row in study(tmp_path, wanted)} == kept
    assert said(log) == ["loaded 3"] * 2
    assert results.read(TrainingRow) == before


def test_models_whose_weights_were_not_kept_are_trained_again_and_only_they(tmp_path: Path, log: Path) -> None:
    wanted, results = fake_maps(**AUTO), ResultsFolder(tmp_path / "results")
    run_data_efficiency(wanted.base, results, Silent(), engine=Local([{}]), trainer=FAKE)
    before = {key_of(row): row for row in results.read(TrainingRow)}
    assert {row.status for row in study(tmp_path, wanted)} == {"ok"}
    after = {key_of(row): row for row in results.read(TrainingRow)}
    assert after.keys() == before.keys()
    changed = [row for key, row in after.items() if row != before[key]]
    assert {json.loads(row.settings)["learning_rate"] for row in changed} == {"auto"}
    assert all(row.checkpoint for row in changed)


def test_a_model_that_failed_while_its_rate_was_chosen_is_a_row_and_is_tried_again_when_asked(
    tmp_path: Path, log: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FAKE_RUNS", json.dumps({"Attention": "raise"}))
    rows = study(tmp_path, fake_maps(**AUTO))
    (failed,) = [row for row in rows if row.mixer == "attention"]
    assert (failed.status, failed.detail, failed.learning_rate) == ("error", "ValueError: planted", LEARNING_RATES[2])
    assert said(log) == ["loaded 3"], "only the other mixer is mapped"
    monkeypatch.delenv("FAKE_RUNS")
    assert study(tmp_path, fake_maps(**AUTO)) == rows
    retried = study(tmp_path, fake_maps(**AUTO), retry_failed=True)
    assert [row.status for row in retried] == ["ok"] * 6


def test_a_loaded_run_is_not_taken_for_one_that_was_trained_here(tmp_path: Path, log: Path) -> None:
    study(tmp_path, fake_maps())
    said(log)
    own = plan_maps(fake_maps())[0]
    other = tmp_path / "other.pt"
    other.write_text("weights")
    loaded = LoadedRun(str(other), SHAPES, own.keys, own.seed, 1e-3)
    rows = study(tmp_path, fake_maps(loaded=(loaded,)), fresh=True)
    assert said(log) == ["loaded 3"]
    assert {row.checkpoint for row in rows if row.mixer == own.keys["mixer"]} == {str(other)}
    assert study(tmp_path, fake_maps(loaded=(loaded,))) == rows
    assert said(log) == []
    back = study(tmp_path, fake_maps())
    assert said(log) == ["loaded 3"], "its own weights are still there"
    assert {row.checkpoint for row in back if row.mixer == own.keys["mixer"]} != {str(other)}
    assert len(back) == 6


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"examples": 0}, "--examples is 0"),
        ({"examples": 21}, "--examples is 21, but the test set of shapes has only 20 examples"),
        ({"drawn": (0, 3)}, "--draw 3: only 3 examples are mapped"),
        ({"sizes": (0.5, 1.0)}, "one part of the data"),
        (
            {"tasks": (PreparedTask("listops", Path("."), FORM, 100, {"options": {"test": 20}}),)},
            "does not define which tokens an output needs",
        ),
        ({"widths": (6,)}, "4 heads do not divide the width"),
    ],
)
def test_a_wrong_request_is_refused_before_anything_is_trained(changes: dict[str, Any], message: str, tmp_path: Path) -> None:
    with pytest.raises(RequestError, match=message):
        study(tmp_path, fake_maps(**changes))
    assert not (tmp_path / "results" / "attention_map.csv").exists()
