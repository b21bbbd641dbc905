from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from emulated_graphs import emulated_graphs
from gpu import needs_gpu
from places import ODD
from sample_runs import sample_run

from mixbench.mixers import MIXERS
from mixbench.tasks.dataset import Dataset, Form, Split, prepare
from mixbench.worker import train as trainer
from mixbench.worker.training.run import Run, train
from mixbench.worker.training.steps import DivergedError

TOKENS, WIDTH = 12, 16
RAGGED = Form(tokens=TOKENS, vocabulary=6, channels=0, output="class", classes=2, score="accuracy")
SIGNALS = Form(tokens=TOKENS, vocabulary=0, channels=1, output="value per token", classes=0, score="mse")
RECALL = Form(tokens=TOKENS, vocabulary=6, channels=0, output="class per token", classes=6, score="accuracy")


def split(form: Form, count: int, seed: int) -> Split:
    """The class is whether token 5 occurs; the value is twice the signal; the class per token is the first token."""
    random = np.random.default_rng(seed)
    lengths = random.integers(3, TOKENS + 1, count).astype(np.int32)
    if form.channels:
        inputs = random.normal(3, 2, (count, TOKENS, 1)).astype(np.float32)
        return Split(inputs, np.full(count, TOKENS, np.int32), 2 * inputs[:, :, 0], np.arange(count))
    inputs = random.integers(1, 5, (count, TOKENS)).astype(np.int32)
    inputs[np.arange(count), random.integers(0, lengths)] += random.integers(0, 2, count) * 1
    inputs[np.arange(TOKENS) >= lengths[:, None]] = 0
    if form.output == "class":
        return Split(inputs, lengths, (inputs == 5).any(1).astype(np.int32), np.arange(count))
    targets = np.where(inputs > 0, inputs[:, :1], -1).astype(np.int32)
    return Split(inputs, lengths, targets, np.arange(count))


def run_on(folder: Path, form: Form, mixer: str = "attention", **changes: Any) -> Run:
    made = Dataset(form, split(form, 400, 1), split(form, 100, 2), split(form, 200, 3))
    data = prepare({"form": form.output, "channels": form.channels}, lambda: made, cache=folder)
    run = sample_run(mixer, tokens=TOKENS, width=WIDTH, data=str(data), batch=32, steps=120, evaluations=4, train_size=400)
    return dataclasses.replace(run, **changes)


def silently(step: int) -> None:
    pass


@pytest.mark.parametrize(("form", "reached"), [(RAGGED, 0.8), (RECALL, 0.9), (SIGNALS, 0.5)])
def test_a_model_learns_every_form_of_task(form: Form, reached: float, tmp_path: Path) -> None:
    result = train(run_on(tmp_path, form), silently).result
    assert result["score"] == form.score
    if form.score == "accuracy":
        assert result["test_score"] > reached
    else:
        assert result["test_score"] < reached
    assert result["test_examples"] == 200
    assert 0 <= result["test_standard_error"] < 0.1
    assert result["best_step"] in (30, 60, 90, 120)
    assert (result["steps"], result["examples_seen"], result["fraction"]) == (120, 120 * 32, 1.0)
    assert result["train_seconds"] > 0


@pytest.mark.parametrize("mixer", MIXERS)
def test_every_mixer_trains_on_ragged_data(mixer: str, tmp_path: Path) -> None:
    result = trainer.train_cell(dataclasses.asdict(run_on(tmp_path, RAGGED, mixer, steps=4)), silently)
    assert result["status"] == "ok", result["detail"]


@pytest.mark.parametrize("mixer", MIXERS)
def test_the_steps_of_every_mixer_can_be_graphs(mixer: str, tmp_path: Path) -> None:
    run = run_on(tmp_path, RAGGED, mixer, steps=8, dropout=0.1, graphs=True)
    with emulated_graphs():
        result = trainer.train_cell(dataclasses.asdict(run), silently)
    assert result.get("status") == "ok", result


@pytest.mark.parametrize(
    ("mixer", "has_steps", "numbers"),
    [("attention:causal=true", True, 2 * TOKENS * WIDTH), ("min-gru", True, WIDTH), ("attention", False, None)],
)
def test_a_row_has_the_state_of_one_sequence_in_all_layers(
    mixer: str, has_steps: bool, numbers: int | None, tmp_path: Path
) -> None:
    run = run_on(tmp_path, RECALL, mixer, steps=2, evaluations=1, layers=3, has_steps=has_steps)
    result = trainer.train_cell(dataclasses.asdict(run), silently)
    assert (result["status"], result["detail"]) == ("ok", "")
    assert result["state_mib"] == (None if numbers is None else 3 * 4 * numbers / 2**20)


def test_the_same_seed_gives_the_same_scores_and_another_gives_others(tmp_path: Path) -> None:
    first, again, other = (train(run_on(tmp_path, SIGNALS, steps=20, seed=seed), silently).result for seed in (1, 1, 2))
    assert first["test_score"] == again["test_score"]
    assert first["dev_score"] == again["dev_score"]
    assert first["test_score"] != other["test_score"]


def test_padding_does_not_change_what_is_learned(tmp_path: Path) -> None:
    short = train(run_on(tmp_path, RAGGED, steps=10), silently).result
    padded = train(run_on(tmp_path, RAGGED, steps=10, full_length=True), silently).result
    assert short["dev_score"] == padded["dev_score"]
    assert short["test_score"] == padded["test_score"]


def test_the_weights_that_were_best_on_the_development_set_are_tested(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    scores = iter([0.3, 0.9, 0.5, 0.7])
    seen: list[float] = []

    def score(model: torch.nn.Module, *ignored: object, **options: object) -> torch.Tensor:
        seen.append(sum(p.abs().sum().item() for p in model.parameters()))
        return torch.tensor([next(scores, 0.6), 0.0])

    for module in ("evaluation", "run"):
        monkeypatch.setattr(f"mixbench.worker.training.{module}.score_on", score)
    result = train(run_on(tmp_path, RAGGED), silently).result
    assert result["best_step"] == 60
    assert result["dev_score"] == pytest.approx(0.45)
    assert json.loads(result["dev_scores"]) == {"30": 0.15, "60": 0.45, "90": 0.25, "120": 0.35}
    assert seen[4] == seen[1]
    assert len(set(seen)) == 4


@pytest.mark.parametrize("form", [RAGGED, RECALL])
def test_macro_f1_chooses_and_tests_the_weights_when_asked(form: Form, tmp_path: Path) -> None:
    run = run_on(tmp_path, form, steps=40, evaluations=8)
    usual, f1 = (train(dataclasses.replace(run, score=score), silently) for score in ("", "macro-f1"))
    assert (usual.result["score"], f1.result["score"]) == ("accuracy", "macro-f1")
    assert f1.objective.form == dataclasses.replace(form, score="macro-f1")
    dev, best = json.loads(f1.result["dev_scores"]), str(f1.result["best_step"])
    assert dev[best] == max(dev.values()) == pytest.approx(f1.result["dev_score"], abs=1e-5)
    assert dev != json.loads(usual.result["dev_scores"])
    assert 0 < f1.result["test_standard_error"] < 0.1


def test_a_run_that_diverges_says_so(tmp_path: Path) -> None:
    run = run_on(tmp_path, SIGNALS, learning_rate=1e30)
    with pytest.raises(DivergedError, match="not finite at step"):
        train(run, silently)
    result = trainer.train_cell(dataclasses.asdict(run), silently)
    assert result["status"] == "diverged"


def test_a_mixer_that_turns_nan_when_it_is_tested_has_diverged(tmp_path: Path) -> None:
    result = trainer.train_cell(dataclasses.asdict(run_on(tmp_path, RAGGED, f"{ODD}:NanLater", steps=4)), silently)
    assert (result["status"], result["detail"]) == ("diverged", "the score on the test set was not finite")


def test_a_complex_parameter_is_trained_like_the_pair_of_real_ones_that_it_is(tmp_path: Path) -> None:
    as_complex, as_pair = (
        train(run_on(tmp_path, SIGNALS, f"{ODD}:{name}", steps=40), silently).result for name in ("ComplexFilter", "PairFilter")
    )
    for name in ("dev_score", "test_score", "params"):
        assert as_complex[name] == pytest.approx(as_pair[name], rel=1e-5)


def test_operations_are_those_of_the_batches_that_ran(tmp_path: Path) -> None:
    run = run_on(tmp_path, RAGGED, steps=6)
    counted = trainer.count_steps(dataclasses.asdict(run), silently)
    assert sorted(counted["flops"]) == [8, 12]
    assert counted["detail"] == ""
    width, hidden = WIDTH, 2 * WIDTH
    for tokens, flops in counted["flops"].items():
        attention = 8 * tokens * width**2 + 4 * tokens**2 * width
        assert flops == pytest.approx(3 * (attention + 4 * tokens * width * hidden + 2 * width * 2), rel=0.05)
    result = train(dataclasses.replace(run, flops=counted["flops"], full_length=True), silently).result
    assert result["train_flops"] == 6 * 32 * counted["flops"][12]


def test_a_signal_takes_no_gradient_in_the_count(tmp_path: Path) -> None:
    counted = trainer.count_steps(dataclasses.asdict(run_on(tmp_path, SIGNALS, "none", layers=1)), silently)["flops"][TOKENS]
    reach, hidden = 5, 2 * WIDTH
    first = 2 * (2 * TOKENS * reach * WIDTH)  # forward and the weight's gradient
    rest = 3 * (2 * TOKENS * reach * WIDTH**2 + 4 * TOKENS * WIDTH * hidden + 2 * TOKENS * reach * WIDTH)
    assert counted == first + rest


UNCOUNTED = """
import torch
from torch import nn

class Base(nn.Module):
    def __init__(self, *, width, tokens):
        super().__init__()
        self.weight = nn.Parameter(torch.eye(width))

class Exponential(Base):
    def forward(self, x):
        return x @ torch.linalg.matrix_exp(self.weight)

class Refusing(Base):
    def forward(self, x):
        raise OverflowError("first; second")

class Swin(Base):
    def forward(self, x):
        return x @ self.weight

    def flops(self, H, W):
        return H * W
"""
REMARKS = {
    "Exponential": "train_flops is a lower bound: it leaves out linalg_matrix_exp",
    "Refusing": "train_flops is unknown: without data: OverflowError: first, second and on cpu: OverflowError: first, second",
    "Swin": "train_flops: its flops(H, W) is not flops(batch, tokens): operators are counted",
}


@pytest.mark.parametrize("name", REMARKS)
def test_a_count_of_training_that_is_no_exact_number_says_so(name: str, tmp_path: Path) -> None:
    mine = tmp_path / "mine.py"
    mine.write_text(UNCOUNTED)
    run = run_on(tmp_path, RAGGED, f"{mine}:{name}")
    counted = trainer.count_steps(dataclasses.asdict(run), silently)
    assert (sorted(counted["flops"]), counted["detail"]) == ([] if name == "Refusing" else [12], REMARKS[name])


ITEM = """
from torch import nn

class Item(nn.Module):
    def __init__(self, *, width, tokens):
        super().__init__()
        self.linear = nn.Linear(width, width)

    def forward(self, x):
        x.sum().item()
        return self.linear(x)
"""


@pytest.mark.parametrize("form", [RAGGED, RECALL, SIGNALS], ids=lambda form: form.output)
@pytest.mark.parametrize("score", ["", "macro-f1"])
def test_a_run_with_graphs_has_the_scores_of_one_without(form: Form, score: str, tmp_path: Path) -> None:
    if form is SIGNALS and score:
        return
    run = run_on(tmp_path, form, steps=24, dropout=0.1, score=score)
    without = trainer.train_cell(dataclasses.asdict(run), silently)
    with emulated_graphs():
        with_graphs = trainer.train_cell(dataclasses.asdict(dataclasses.replace(run, graphs=True)), silently)
    assert with_graphs["status"] == without["status"] == "ok"
    assert with_graphs["train_seconds"] > 0
    assert json.loads(with_graphs["dev_scores"]) == pytest.approx(json.loads(without["dev_scores"]), rel=1e-3)
    assert with_graphs["test_score"] == pytest.approx(without["test_score"], rel=1e-3)
    assert with_graphs["best_step"] == without["best_step"]


def test_a_run_whose_steps_cannot_be_graphs_says_why_and_runs_without_them(tmp_path: Path) -> None:
    mine = tmp_path / "mine.py"
    mine.write_text(ITEM)
    run = run_on(tmp_path, RAGGED, f"{mine}:Item", steps=8)
    with emulated_graphs():
        refused = trainer.train_cell(dataclasses.asdict(dataclasses.replace(run, graphs=True)), silently)
    assert refused == {"not_as_graphs": "RuntimeError: CUDA error: operation not permitted when stream is capturing"}
    assert trainer.train_cell(dataclasses.asdict(run), silently)["status"] == "ok"


def test_a_run_with_graphs_that_diverges_says_so(tmp_path: Path) -> None:
    run = run_on(tmp_path, SIGNALS, learning_rate=1e30)
    with emulated_graphs():
        found = [trainer.train_cell(dataclasses.asdict(dataclasses.replace(run, graphs=on)), silently) for on in (False, True)]
    assert found[0] == found[1]
    assert found[0]["status"] == "diverged"


@needs_gpu
@pytest.mark.parametrize("mixer", MIXERS)
def test_on_a_gpu_every_mixer_trains_as_graphs_with_the_scores_of_steps_one_by_one(mixer: str, tmp_path: Path) -> None:
    run = run_on(tmp_path, RAGGED, mixer, steps=30, device="cuda", dropout=0.1)
    cells = [dataclasses.asdict(dataclasses.replace(run, graphs=on)) for on in (False, True)]
    without, with_graphs = (trainer.train_cell(cell, silently) for cell in cells)
    assert (without["status"], with_graphs.get("status")) == ("ok", "ok"), with_graphs
    assert with_graphs["dev_score"] == pytest.approx(without["dev_score"], abs=0.05)
    assert with_graphs["test_score"] == pytest.approx(without["test_score"], abs=0.05)


def test_what_a_mixer_raises_is_a_status_and_a_reason(tmp_path: Path) -> None:
    result = trainer.train_cell(dataclasses.asdict(run_on(tmp_path, RAGGED, arguments={"width": 3, "tokens": 4})), silently)
    assert result["status"] == "error"
    assert result["detail"]
