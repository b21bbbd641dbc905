"""Random search on the fake trainer: what is drawn, what a row holds, what is trained again."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from run_fake_training import FAKE, fake_search

from mixbench.cli.text.tune import tuning_table
from mixbench.errors import RequestError
from mixbench.execution.engine import Local
from mixbench.mixers.choice import choose_mixers
from mixbench.studies.progress import Silent
from mixbench.studies.tune import run_tuning
from mixbench.studies.tune_plan import TuneRequest, plan_trials
from mixbench.tables.results import ResultsFolder
from mixbench.tables.training_rows import TrialRow
from mixbench.verdicts.learning.tune import summarise

pytestmark = pytest.mark.usefixtures("children_find_helpers")


def search(folder: Path, request: TuneRequest | None = None, **options: Any) -> list[TrialRow]:
    results = ResultsFolder(folder)
    run_tuning(request or fake_search(), results, Silent(), engine=Local([{}, {}]), trainer=FAKE, **options)
    return results.read(TrialRow)


def test_a_trial_is_a_row_with_what_it_drew(tmp_path: Path) -> None:
    rows = search(tmp_path)
    assert sorted((row.mixer, row.trial) for row in rows) == [(mixer, k) for mixer in ("attention", "none") for k in (1, 2, 3)]
    for row in rows:
        drawn = json.loads(row.sampled)
        assert row.learning_rate == pytest.approx(drawn["learning_rate"])
        assert row.dropout == pytest.approx(drawn["dropout"])
        assert 1e-4 <= drawn["learning_rate"] <= 1e-2
        assert 0 <= drawn["dropout"] <= 0.5
        assert ("attention.heads" in drawn) == (row.mixer == "attention")
        assert (row.status, row.seed, row.train_size) == ("ok", 0, 50)
        settings = json.loads(row.settings)
        assert settings["learning_rate"] == "0.0001..0.01:log"
        assert settings["searched"] == ({"attention.heads": "1,2,4"} if row.mixer == "attention" else {})


def test_every_mixer_draws_the_same_values_in_a_trial_and_others_in_the_next() -> None:
    drawn: dict[int, set[tuple[float, float]]] = {}
    for trial in plan_trials(fake_search(trials=5)):
        drawn.setdefault(trial.trial, set()).add((float(trial.sampled["learning_rate"]), float(trial.sampled["dropout"])))
    assert [len(values) for values in drawn.values()] == [1] * 5
    assert len(set.union(*drawn.values())) == 5


def test_more_trials_leave_the_first_ones_as_they_are(tmp_path: Path) -> None:
    first = search(tmp_path)
    more = search(tmp_path, fake_search(trials=5))
    assert more[:6] == first
    assert {row.trial for row in more[6:]} == {4, 5}
    few = [(trial.keys, trial.trial, trial.sampled) for trial in plan_trials(fake_search(trials=2))]
    assert few == [(trial.keys, trial.trial, trial.sampled) for trial in plan_trials(fake_search(trials=5))][: len(few)]


def test_another_seed_is_another_search(tmp_path: Path) -> None:
    search(tmp_path)
    rows = search(tmp_path, fake_search(seeds=(1,)))
    assert len(rows) == 12
    assert len({row.sampled for row in rows if row.mixer == "none"}) == 6


def test_trials_differ_in_their_weights_and_mixers_of_one_trial_do_not() -> None:
    seeds: dict[int, set[int]] = {}
    for trial in plan_trials(fake_search(trials=4)):
        seeds.setdefault(trial.trial, set()).add(trial.job["seed"])
    assert [len(of_trial) for of_trial in seeds.values()] == [1] * 4
    assert len(set.union(*seeds.values())) == 4


def test_an_option_of_a_mixer_reaches_its_class_and_keeps_its_type() -> None:
    request = fake_search(
        "hypermixer.hidden=16,32", "hypermixer.tied=true", mixers=choose_mixers(("hypermixer:heads=2", "none"))
    )
    arguments = [trial.job["arguments"] for trial in plan_trials(request) if trial.keys["mixer"] == "hypermixer"]
    assert {own["hidden"] for own in arguments} <= {16, 32}
    assert all(own["tied"] is True and own["heads"] == 2 for own in arguments)


@pytest.mark.parametrize(
    ("ranges", "message"),
    [
        (("attention.heads=3",), "3 heads do not divide the width"),
        (("attention.hidden=8",), "unknown option 'hidden' of attention"),
        (("attention.heads=two",), "cannot be 'two'"),
    ],
)
def test_a_draw_that_no_mixer_can_be_is_refused_before_anything_is_trained(
    ranges: tuple[str, ...], message: str, tmp_path: Path
) -> None:
    with pytest.raises(RequestError, match=message):
        search(tmp_path, fake_search(*ranges))
    assert ResultsFolder(tmp_path).read(TrialRow) == []


def test_a_trial_that_fails_is_a_row_and_is_trained_again_when_asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FAKE_RUNS", json.dumps({"Attention": "die", "NoMixing": "diverge"}))
    rows = search(tmp_path)
    assert {(row.mixer, row.status) for row in rows} == {("attention", "killed"), ("none", "diverged")}
    monkeypatch.delenv("FAKE_RUNS")
    assert search(tmp_path) == rows
    assert {row.status for row in search(tmp_path, retry_failed=True)} == {"ok"}


@pytest.mark.parametrize("changes", [{"trials": 0}, {"sizes": (0.1, 0.5)}])
def test_a_wrong_request_is_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(RequestError):
        fake_search(**changes)


def test_weights_of_a_trial_are_kept_with_what_it_drew(tmp_path: Path) -> None:
    rows = search(tmp_path, save=True)
    assert len({row.checkpoint for row in rows}) == len(rows) == 6
    for row in rows:
        kept, drawn = json.loads((tmp_path / row.checkpoint).read_text()), json.loads(row.sampled)
        assert json.loads(kept["settings"])["learning_rate"] == drawn["learning_rate"]
        assert row.mixer == "none" or str(json.loads(kept["config"])["heads"]) == str(drawn["attention.heads"])
    assert search(tmp_path, save=True) == rows


def test_a_mixer_that_cannot_be_causal_is_not_searched_and_is_no_worst_score(tmp_path: Path) -> None:
    mixers = choose_mixers(("fnet", "none"), causal=True, skip_unsupported=True)
    (found,) = summarise(search(tmp_path, fake_search("learning_rate=1e-4..1e-2:log", mixers=mixers)))
    assert [curve.label for curve in found.curves] == ["none"]
    assert found.unsupported == {"fnet causal=true": "fnet cannot be causal"}
    assert found.baseline == "none"
    assert "fnet causal=true: not searched, unsupported: fnet cannot be causal" in str(tuning_table([found], 100, False))
