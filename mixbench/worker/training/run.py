"""Train one model, a pre-norm encoder, on one part of a data set: the same number of steps at every size, one test of the
best weights.
"""

from __future__ import annotations

import copy
import dataclasses
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from time import perf_counter  # as it is before a mixer's code is loaded
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from mixbench.model import Model, OverTokens, build_blocks
from mixbench.parsing.canonical import canonical_json
from mixbench.tasks.dataset import Form, Split, load
from mixbench.tasks.subsets import nested_order
from mixbench.worker.calls import build_mixer, count_parameters, named_parameters
from mixbench.worker.loading import load_class
from mixbench.worker.measure import memory
from mixbench.worker.training.batches import endless, make_batch
from mixbench.worker.training.evaluation import evaluation, score_on
from mixbench.worker.training.objective import Objective, objective_for
from mixbench.worker.training.state import state_of
from mixbench.worker.training.steps import AsGraphs, DivergedError, OneByOne, Schedule, Steps

Announce = Callable[[int], None]
Result = dict[str, Any]


@dataclass(frozen=True)
class Run:
    """The settings of one training run. `warm_up` is a share of the steps; the development set is scored `evaluations` times.

    With `honours_mask` None, the mixer gets a mask if its forward has a parameter `mask`. `full_length` pads every batch to
    the length of the data set. `flops` maps padded lengths to the FLOPs of one example, forward and backward; {} if unknown.
    `score` is that of `SCORES` by which weights are chosen and tested, by default that of the data set.
    The best weights are kept in the file `checkpoint` (none if ""), along with `about`: the keys and seed of the run's row.
    With `graphs`, steps are replayed as CUDA graphs. `has_steps` says whether the mixer can decode; with None, it
    does if it has the methods for it.
    """

    data: str
    target: str
    arguments: Mapping[str, Any]
    honours_mask: bool | None
    full_length: bool
    layers: int
    width: int
    feature_hidden: int
    dropout: float
    batch: int
    steps: int
    warm_up: float
    evaluations: int
    learning_rate: float
    weight_decay: float
    train_size: int
    seed: int
    device: str
    flops: Mapping[int, int]
    score: str = ""
    checkpoint: str = ""
    about: Mapping[str, Any] = field(default_factory=dict)
    graphs: bool = False
    has_steps: bool | None = False


@dataclass(frozen=True)
class Trained:
    """A model with its best weights, the objective it was trained with, and the results as columns of a row."""

    model: Model
    objective: Objective
    result: Result


def build_model(run: Run, form: Form) -> Model:
    """The model for a form of data. Raises ContractError.

    Token numbers are embedded; signals pass through two convolutions over five tokens. Values per token are the output of
    another such convolution.
    """
    width, mixer_class = run.width, load_class(run.target)
    stem: nn.Module = nn.Embedding(form.vocabulary, width)
    if form.channels:
        stem = nn.Sequential(OverTokens(form.channels, width), nn.GELU(), OverTokens(width, width))
    head = OverTokens(width, 1) if form.output == "value per token" else nn.Linear(width, form.classes)
    honours_mask = run.honours_mask
    if honours_mask is None:
        honours_mask = "mask" in named_parameters(_forward_of(mixer_class, run.arguments))
    blocks = build_blocks(
        lambda: build_mixer(mixer_class, run.arguments), run.layers, width, run.feature_hidden, honours_mask, run.dropout
    )
    return Model(stem, blocks, head, width=width, tokens=form.tokens, pooled=form.output == "class")


def _forward_of(mixer_class: Callable[..., nn.Module], arguments: Mapping[str, Any]) -> Callable[..., Any]:
    if isinstance(mixer_class, type):
        return mixer_class.forward  # type: ignore[attr-defined,no-any-return]
    with torch.random.fork_rng(devices=()):  # the model is to be built from the same random numbers
        return build_mixer(mixer_class, arguments).forward


def train(run: Run, announce: Announce) -> Trained:
    """Train and test one model. Raises DivergedError, CaptureError, and whatever the mixer raises."""
    dataset = load(Path(run.data))
    form = dataclasses.replace(dataset.form, score=run.score or dataset.form.score)
    before = memory.reset_resident_peak()
    torch.manual_seed(run.seed)
    model = build_model(run, form).to(run.device)
    objective = objective_for(form, dataset.train)
    examples = nested_order(dataset.train, run.seed)[: run.train_size]
    best, fitted = _fit(run, model, objective, dataset.train, dataset.dev, examples, announce)
    model.load_state_dict(best)
    tested = score_on(model, objective, dataset.test, full_length=run.full_length, device=run.device)
    if not bool(torch.isfinite(tested).all()):
        raise DivergedError("the score on the test set was not finite")
    result = {
        **fitted,
        "test_score": float(tested.mean()),
        "test_standard_error": float(tested.std() / math.sqrt(len(tested))) if len(tested) > 1 else None,
        "test_examples": len(tested),
        "steps": run.steps,
        "examples_seen": run.steps * run.batch,
        "params": count_parameters(model),
        "peak_memory_mib": _peak_mib(before, run.device),
        "score": form.score,
        "fraction": run.train_size / len(dataset.train),
        **state_of(model, run.has_steps, tokens=form.tokens, width=run.width),
    }
    return Trained(model, objective, result)


def _fit(
    run: Run,
    model: Model,
    objective: Objective,
    train_split: Split,
    dev: Split,
    examples: np.ndarray[Any, np.dtype[np.int64]],
    announce: Announce,
) -> tuple[dict[str, Tensor], Result]:
    """Train, and return the best weights and the results of training."""
    steps = _steps_for(run, model, objective)
    evaluate = evaluation(model, objective, dev, full_length=run.full_length, device=run.device, graphs=run.graphs)
    lengths = np.asarray(train_split.lengths)[examples]
    batches = endless(lengths, run.batch, np.random.default_rng(run.seed))
    due = {round(run.steps * (k + 1) / run.evaluations) for k in range(run.evaluations)}
    best: dict[str, Tensor] = {}
    scores: dict[str, float] = {}
    best_score, best_step, seconds, flops = 0.0, 0, 0.0, 0
    for step in range(1, run.steps + 1):
        announce(step)
        start = perf_counter()
        batch = make_batch(train_split, examples[next(batches)], full_length=run.full_length)
        steps.take(step, batch)
        if step in due:
            steps.finish()
        seconds += perf_counter() - start
        flops += run.batch * run.flops.get(batch.inputs.shape[1], 0)
        if step in due:
            score = float(evaluate().mean())
            if not math.isfinite(score):
                raise DivergedError(f"the score on the development set was not finite at step {step} of {run.steps}")
            scores[str(step)] = float(f"{score:.6g}")
            if not best or (score > best_score if objective.larger_is_better else score < best_score):
                best, best_score, best_step = copy.deepcopy(model.state_dict()), score, step
    result = {"dev_score": best_score, "best_step": best_step, "dev_scores": canonical_json(scores), "train_seconds": seconds}
    return best, result | {"train_flops": flops if run.flops else None}


def _steps_for(run: Run, model: Model, objective: Objective) -> Steps:
    schedule = Schedule(run.learning_rate, run.warm_up, run.steps)
    kind = AsGraphs if run.graphs else OneByOne
    return kind(model, objective, schedule, run.weight_decay, torch.device(run.device))


def _peak_mib(before: int | None, device: str) -> float | None:
    if device != "cpu":
        return torch.cuda.max_memory_allocated() / memory.MIB
    after = memory.resident_bytes("VmHWM")
    return None if before is None or after is None else (after - before) / memory.MIB
