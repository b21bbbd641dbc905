from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

import pytest
from recorder import Recorder
from run_fake_training import FAKE, FORM, TASK, fake_request

from mixbench.errors import MixbenchError, RequestError
from mixbench.execution.engine import Local
from mixbench.execution.launch import Launch
from mixbench.mixers.choice import choose_mixers
from mixbench.studies.data_efficiency import run_data_efficiency
from mixbench.studies.data_efficiency_plan import plan_runs, plan_trials
from mixbench.studies.data_efficiency_request import LEARNING_RATE, LEARNING_RATES, DataRequest, train_sizes
from mixbench.studies.training_rows import key_of, read_planned
from mixbench.tables.results import ResultsFolder
from mixbench.tables.training_rows import TrainingRow

pytestmark = pytest.mark.usefixtures("children_find_helpers")

start = Launch.start


def run(folder: Path, request: DataRequest | None = None, **options: Any) -> tuple[list[TrainingRow], Recorder]:
    progress = Recorder()
    results = ResultsFolder(folder)
    run_data_efficiency(request or fake_request(), results, progress, engine=Local([{}, {}]), trainer=FAKE, **options)
    return results.read(TrainingRow), progress


def test_every_mixer_is_trained_on_every_size_with_every_seed(tmp_path: Path) -> None:
    rows, progress = run(tmp_path)
    cells = {(row.mixer, row.train_size, row.seed) for row in rows}
    assert cells == {(mixer, size, seed) for mixer in ("attention", "none") for size in (10, 100) for seed in (0, 1, 2)}
    assert len(rows) == 12
    assert (progress.total, progress.finished) == (12, 12)
    for row in rows:
        assert row.test_score == pytest.approx(10 / row.train_size * (1 + 0.01 * row.seed))
        assert (row.score, row.learning_rate, row.status, row.train_flops) == ("mse", 1e-3, "ok", 10 * 4 * 1000)


def test_the_largest_sizes_are_planned_first() -> None:
    sizes = [planned.keys["train_size"] for planned in plan_runs(fake_request())]
    assert sizes == sorted(sizes, reverse=True)
    assert plan_runs(fake_request())[0].keys.keys() < vars(run_row()).keys()


def run_row() -> TrainingRow:
    planned = plan_runs(fake_request())[0]
    return TrainingRow(**planned.keys, seed=0, environment="e", measured_at="now")


def test_several_widths_are_trained_in_one_request_each_as_it_would_be_alone(tmp_path: Path) -> None:
    both, progress = run(tmp_path, fake_request(widths=(8, 16), sizes=(1.0,)))
    assert {(row.width, row.mixer, row.seed) for row in both} == {
        (width, mixer, seed) for width in (8, 16) for mixer in ("attention", "none") for seed in (0, 1, 2)
    }
    assert {json.loads(row.settings)["feature_hidden"] for row in both if row.width == 16} == {64}
    assert any("attention of width 16 on 100 examples" in text for text in progress.texts)
    again, progress = run(tmp_path, fake_request(widths=(16,), sizes=(1.0,)))
    assert (again, progress.total) == (both, 0)
    trials = plan_trials(fake_request(widths=(8, 16), learning_rates={"": "auto"}))
    assert {(trial.keys["width"], trial.rate) for some in trials.values() for trial in some} == {
        (width, rate) for width in (8, 16) for rate in LEARNING_RATES
    }


def test_a_run_says_whether_its_mixer_takes_tokens_one_by_one() -> None:
    mixers = choose_mixers(("attention", "attention:causal=true", "mlp-mixer", "min-gru"))
    found = {planned.keys["config"]: planned.job["has_steps"] for planned in plan_runs(fake_request(mixers=mixers))}
    assert [found[mixer.config] for mixer in mixers[:2]] == [False, True]
    assert {planned.job["has_steps"] for planned in plan_runs(fake_request(mixers=mixers[2:3]))} == {False}
    assert {planned.job["has_steps"] for planned in plan_runs(fake_request(mixers=mixers[3:]))} == {True}


def test_no_more_processes_start_than_there_are_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    started = []
    monkeypatch.setattr("mixbench.execution.launch.Launch.start", lambda launch: started.append(launch) or start(launch))
    run(tmp_path, fake_request(sizes=(1.0,), seeds=(0,), mixers=fake_request().mixers[:1]))
    assert len(started) == 1


def test_a_second_run_trains_nothing_and_more_seeds_only_the_new_ones(tmp_path: Path) -> None:
    first, _ = run(tmp_path)
    again, progress = run(tmp_path)
    assert again == first
    assert progress.total == 0
    more, progress = run(tmp_path, fake_request(seeds=(0, 1, 2, 3)))
    assert more[:12] == first
    assert progress.total == 4
    assert {row.seed for row in more[12:]} == {3}


def test_what_a_machine_with_the_same_versions_has_trained_is_not_trained_again(tmp_path: Path) -> None:
    rows, _ = run(tmp_path)
    folder = ResultsFolder(tmp_path)
    own = folder.environment(rows[0].environment)
    for changes, trained in (({"cpu": "Example 9000", "python": "3.0"}, 0), ({"torch": "1.0"}, 12)):
        with folder.writing():
            digest = folder.save_environment(own | changes)
            folder.change(TrainingRow, lambda row, digest=digest: dataclasses.replace(row, environment=digest))
        after, progress = run(tmp_path)
        assert progress.total == trained
        assert len(after) == 12 + trained
    planned = [planned.identity(rows[0].environment) for planned in plan_runs(fake_request())]
    assert [row.environment for row in read_planned(folder, TrainingRow, planned, rows[0].environment)] == 12 * [
        rows[0].environment
    ]


def test_other_settings_are_other_runs(tmp_path: Path) -> None:
    first, _ = run(tmp_path)
    for changes in ({"steps": 20}, {"dropout": 0.5}, {"batch": 8}, {"learning_rates": {"": 0.1}}):
        rows, progress = run(tmp_path, fake_request(**changes))
        assert progress.total == 12, changes
    assert len({row.settings for row in rows}) == 5
    assert rows[:12] == first


def test_fresh_replaces_the_rows_of_the_request_and_no_others(tmp_path: Path) -> None:
    run(tmp_path)
    before, _ = run(tmp_path, fake_request(steps=20))
    after, progress = run(tmp_path, fresh=True)
    assert progress.total == 12
    assert len(after) == 24
    assert after[:12] == before[12:]


@pytest.mark.parametrize(
    ("behaviour", "status", "detail"),
    [
        ("die", "killed", "SIGKILL"),
        ("kill-server", "killed", "the parent of the measuring process was ended, by SIGKILL"),
        ("nonsense", "error", "the measuring process returned an invalid answer: dev_score is 'high', not float"),
        ("raise", "error", "planted"),
        ("diverge", "diverged", "loss"),
        ("hang", "timeout", "0.3 s"),
    ],
)
def test_a_run_that_fails_is_a_row_and_the_others_go_on(
    behaviour: str, status: str, detail: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FAKE_RUNS", json.dumps({"Attention": behaviour}))
    request = fake_request(timeout=0.3 if behaviour == "hang" else 20.0, sizes=(1.0,))
    rows, progress = run(tmp_path, request)
    assert {row.status for row in rows if row.mixer == "attention"} == {status}
    assert {row.status for row in rows if row.mixer == "none"} == {"ok"}
    assert len(rows) == 6
    assert all(detail in row.detail for row in rows if row.mixer == "attention")
    assert len(progress.remarks) == 3
    assert "3 failed" in progress.texts[-1]

    monkeypatch.delenv("FAKE_RUNS")
    assert run(tmp_path, request)[0] == rows, "failed runs count as finished"
    retried, progress = run(tmp_path, request, retry_failed=True)
    assert progress.total == 3
    assert {row.status for row in retried} == {"ok"}
    assert len(retried) == 6


@pytest.mark.parametrize(
    ("behaviour", "reason"),
    [("no-graphs", "RuntimeError: planted"), ("die-of-graphs", "the measuring process was killed by SIGKILL")],
)
def test_runs_that_cannot_be_graphs_are_made_without_and_no_others_of_their_mixer_try(
    behaviour: str, reason: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FAKE_RUNS", json.dumps({"Attention": behaviour}))
    begun: list[object] = []
    monkeypatch.setattr(Recorder, "begun", lambda self, step: begun.append(step), raising=False)
    rows, progress = run(tmp_path, fake_request(device="cuda", seeds=tuple(range(6)), learning_rates={"": "auto"}))
    assert {row.status for row in rows} == {"ok"}
    assert {(row.mixer, row.detail) for row in rows} == {
        ("attention", f"train_seconds: its steps ran one by one, not as a CUDA graph: {reason}"),
        ("none", ""),
    }
    assert len({key_of(row) for row in rows}) == len(rows) == progress.finished == progress.total
    (remark,) = progress.remarks
    assert f"again without CUDA graphs, which takes longer: {reason}" in remark
    # slots may start more runs before the first refusal is read, but not all
    assert 0 < len(begun) - len(rows) < [row.mixer for row in rows].count("attention")


def test_a_process_that_refuses_runs_without_graphs_gives_an_unusable_answer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FAKE_RUNS", json.dumps({"Attention": "never"}))
    rows, _ = run(tmp_path, fake_request(device="cuda", sizes=(1.0,), seeds=(0,)))
    assert sorted((row.mixer, row.status) for row in rows) == [("attention", "error"), ("none", "ok")]
    assert "invalid answer" in rows[0].detail + rows[1].detail


def test_auto_takes_the_learning_rate_that_was_best_on_the_development_set_at_the_largest_size(tmp_path: Path) -> None:
    request = fake_request(learning_rates={"": "auto", "none": 0.5})
    rows, progress = run(tmp_path, request)
    trials = [row for row in rows if json.loads(row.settings)["learning_rate"] in LEARNING_RATES]
    assert [(row.mixer, row.train_size, row.seed) for row in trials] == [("attention", 100, 0)] * len(LEARNING_RATES)
    chosen = [row for row in rows if json.loads(row.settings)["learning_rate"] == "auto"]
    assert len(chosen) == 6
    assert {row.learning_rate for row in chosen} == {1e-3}
    assert {row.learning_rate for row in rows if row.mixer == "none"} == {0.5}
    assert progress.total == progress.finished == 12 + len(LEARNING_RATES)
    assert run(tmp_path, request)[1].total == 0


def test_auto_goes_on_where_every_trial_failed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FAKE_RUNS", json.dumps({"Attention": "diverge"}))
    rows, _ = run(tmp_path, fake_request(learning_rates={"": "auto"}, seeds=(0,), sizes=(1.0,)))
    attention = [row for row in rows if row.mixer == "attention"]
    assert {row.learning_rate for row in attention if json.loads(row.settings)["learning_rate"] == "auto"} == {3e-3}
    assert {row.status for row in attention} == {"diverged"}


def test_sizes_are_shares_up_to_one_and_counts_above() -> None:
    assert train_sizes((0.1, 1.0, 25, 10), TASK) == [100, 25, 10]
    for size in (101, 0.001):
        with pytest.raises(RequestError, match="of the 100 training examples of toy"):
            train_sizes((size,), TASK)


SIGNALS = dataclasses.replace(FORM, output="value per token", score="mse")


def test_the_score_is_part_of_a_run_only_where_it_is_not_the_usual_one() -> None:
    task = dataclasses.replace(TASK, constant_scores={"accuracy": 0.6, "macro-f1": 0.4}, classes=2)
    (usual, *_), (named, *_), (other, *_) = (
        plan_runs(fake_request(tasks=(task,), score=score)) for score in (None, "accuracy", "macro-f1")
    )
    assert usual.keys == named.keys
    assert "score" not in json.loads(usual.keys["settings"])
    assert json.loads(other.keys["settings"])["score"] == "macro-f1"
    assert [planned.job["score"] for planned in (usual, other)] == ["accuracy", "macro-f1"]
    for planned, constant in ((usual, 0.6), (other, 0.4)):
        for result in ({"status": "ok"}, {"status": "diverged"}):
            (row,) = planned.rows(result, "", "e", "now")
            assert (row.constant_score, row.classes) == (constant, 2)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"score": "macro-f1", "tasks": (dataclasses.replace(TASK, form=SIGNALS),)},
            "--score macro-f1 is for tasks with classes",
        ),
        ({"steps": 0}, "--steps is 0"),
        ({"dropout": 1.0}, "--dropout is 1"),
        ({"timeout": 0.0}, "--timeout is 0"),
        ({"learning_rates": {"": -1.0}}, "--learning-rate is -1"),
        ({"learning_rates": {"atention": 0.1}}, "unknown mixer 'atention' in --learning-rate"),
        ({"sizes": (1000,)}, "of the 100 training examples of toy"),
        ({"widths": (6,)}, "4 heads do not divide the width"),
    ],
)
def test_bad_options_are_refused_before_anything_is_trained(changes: dict[str, Any], message: str, tmp_path: Path) -> None:
    with pytest.raises(MixbenchError, match=message):
        run(tmp_path, fake_request(**changes))
    assert not (tmp_path / "data_efficiency.csv").exists()


def test_two_tasks_of_one_name_are_counted_and_tried_apart(tmp_path: Path) -> None:
    longer = dataclasses.replace(
        TASK, folder=Path("elsewhere"), form=dataclasses.replace(FORM, tokens=16), settings={"task": "b"}
    )
    request = fake_request(tasks=(TASK, longer), learning_rates={"": "auto"}, seeds=(0,))
    rows, progress = run(tmp_path, request)
    assert progress.total == progress.finished == 2 * (2 * 2 + 2 * len(LEARNING_RATES))
    assert {row.tokens for row in rows} == {8, 16}
    assert {row.train_flops for row in rows} == {10 * 4 * 1000}


def test_a_mixer_without_a_learning_rate_of_its_own_has_the_default() -> None:
    request = fake_request(learning_rates={"none": 0.5})
    assert {planned.keys["mixer"]: planned.rate for planned in plan_runs(request)} == {"attention": LEARNING_RATE, "none": 0.5}


def test_trials_are_planned_only_where_they_are_asked_for() -> None:
    assert plan_trials(fake_request()) == {}
    trials = plan_trials(fake_request(learning_rates={"": 0.1, "attention": "auto"}))
    assert [len(some) for some in trials.values()] == [len(LEARNING_RATES)]


def test_weights_are_kept_where_asked_for_and_runs_without_them_are_trained_again(tmp_path: Path) -> None:
    first, progress = run(tmp_path)
    assert {row.checkpoint for row in first} == {""}
    rows, progress = run(tmp_path, save=True)
    assert progress.total == len(rows) == 12
    assert len({row.checkpoint for row in rows}) == 12
    for row in rows:
        kept = json.loads((tmp_path / row.checkpoint).read_text())
        assert {name: getattr(row, name) for name in kept} == kept
        assert kept["seed"] == row.seed
    assert run(tmp_path, save=True)[1].total == 0
    assert run(tmp_path)[0] == rows
    (tmp_path / rows[3].checkpoint).unlink()
    again, progress = run(tmp_path, save=True)
    assert progress.total == 1
    assert sorted(map(key_of, again)) == sorted(map(key_of, rows))
    assert (tmp_path / rows[3].checkpoint).exists()


def test_a_run_that_diverged_has_no_weights_to_wait_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FAKE_RUNS", json.dumps({"Attention": "diverge"}))
    rows, _ = run(tmp_path, save=True)
    assert {row.checkpoint for row in rows if row.mixer == "attention"} == {""}
    assert run(tmp_path, save=True)[1].total == 0


def test_a_mixer_that_cannot_be_causal_is_a_row_and_is_not_trained(tmp_path: Path) -> None:
    mixers = choose_mixers(("fnet", "none"), causal=True, skip_unsupported=True)
    request = fake_request(mixers=mixers, learning_rates={"": "auto"})
    rows, progress = run(tmp_path, request, save=True)
    fnet = [row for row in rows if row.mixer == "fnet"]
    assert [(row.status, row.detail, row.learning_rate) for row in fnet] == [("unsupported", "fnet cannot be causal", None)] * 6
    assert {row.status for row in rows if row.mixer == "none"} == {"ok"}
    assert not any(trials[0].keys["mixer"] == "fnet" for trials in plan_trials(request).values())
    again, progress = run(tmp_path, request, save=True, retry_failed=True)
    assert progress.total == 0
    assert [row.status for row in again] == [row.status for row in again if row.mixer == "none"] + ["unsupported"] * 6
