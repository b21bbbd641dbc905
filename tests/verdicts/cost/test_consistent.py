"""Sentences, tables and JSON of a cost say the same, whatever the rows: random studies, most of them with gaps."""

from __future__ import annotations

import math
import random
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from synthetic import speed_rows
from synthetic_training import training_rows, trial_rows

from mixbench.api.cost import CostOutcome
from mixbench.api.machines import Told
from mixbench.cli.text.cost import cost_table
from mixbench.tables.remarks import lower_bound
from mixbench.tables.results import ResultsFolder
from mixbench.verdicts.cost import draws
from mixbench.verdicts.cost.evidence import TaskCost, task_costs
from mixbench.verdicts.cost.records import to_json
from mixbench.verdicts.cost.subject import Wish
from mixbench.verdicts.cost.tables import sentence
from mixbench.verdicts.learning import resampling
from mixbench.verdicts.words import number

MIXERS = ("attention", "hypermixer", "mlp-mixer", "none")
CASES = 300


@pytest.fixture(autouse=True)
def few_draws(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(resampling.seed_draws, "__defaults__", (20,))
    monkeypatch.setattr(resampling.drawn_means, "__defaults__", (20,))
    monkeypatch.setattr(draws, "DRAWS", 20)


def random_cost(case: int) -> TaskCost:
    """The cost of a random study: gaps in sizes and seeds, few or many trials, counts that are bounds, targets far and near."""
    rng = random.Random(case)
    mixers = rng.sample(MIXERS, rng.randint(1, 4))
    score = rng.choice(("mse", "accuracy"))
    level = {mixer: math.exp(rng.uniform(-4, 1)) if rng.random() < 0.9 else 0.0 for mixer in MIXERS}
    slope = {mixer: rng.choice((0.0, 0.3, 0.7)) for mixer in MIXERS}

    def error(mixer: str, size: int) -> float:
        return level[mixer] * (size / 100) ** -slope[mixer]

    sizes = sorted(rng.sample((50, 100, 200, 400, 800), rng.randint(1, 4)))
    options = {"score": score, "noise": rng.choice((0.0, 0.1, 0.5)), "error": error, "rng": rng}
    training = training_rows(mixers, sizes, seeds=range(rng.randint(1, 6)), **options)  # type: ignore[arg-type]
    kept = [row for row in training if rng.random() < 0.9]
    training = kept if {row.mixer for row in kept} == set(mixers) else training
    lost = tuple(trial for trial in range(1, 13) if rng.random() < 0.15)
    trials = trial_rows(mixers, trials=rng.randint(1, 12), seed=case, score=score, diverged=lost, error=error)
    if all(row.dev_score is None for row in trials):
        trials = trial_rows(mixers, trials=2, score=score, error=error)
    speed = speed_rows(mixers, (100,), modes=("training",), launches=rng.randint(1, 5), rounds=2, seed=case)[0]
    bounded = rng.sample(mixers, rng.randint(0, len(mixers)))
    speed = [replace(row, detail=lower_bound("flops", ["foo"])) if row.mixer in bounded else row for row in speed]
    measure = rng.choice(("time", "time", "flops"))
    known = mixers if measure == "time" else [mixer for mixer in mixers if mixer != "none"]
    targets = rng.choice(((), (math.exp(rng.uniform(-5, 1)),), (0.9, 0.3), (0.3, 0.9), (0.0, 1.0)))
    baseline = rng.choice((None, *known[:1]))
    (found,) = task_costs(speed, training, trials, Wish(measure=measure, targets=targets, baseline=baseline))
    return found


def tables_of(text: str, cost: TaskCost) -> Iterator[dict[str, str]]:
    """The printed rows of each table by label; each row is what stands beside the label."""
    rows: dict[str, str] = {}
    for line in [*text.splitlines(), ""]:
        label = next((label for label in cost.mixers if re.match(rf"{label} {{2,}}", line)), None)
        if label:
            rows[label] = line[len(label) :]
        elif rows:
            yield rows
            rows = {}


@pytest.mark.parametrize("part", range(10))
def test_sentences_tables_and_json_never_contradict_each_other(part: int, tmp_path: Path) -> None:
    for case in range(part, CASES, 10):
        cost = random_cost(case)
        if not cost.mixers:
            continue
        assert cost.targets, case
        check(cost, tmp_path)


def check(cost: TaskCost, folder: Path) -> None:
    text = cost_table(CostOutcome((cost,), Told(), False, ResultsFolder(folder)), 200, terminal=False).plain
    assert "nan" not in text.split()
    printed = tables_of(text, cost)
    records = {(one["mixer"], one["target"], one["factor"]): one for one in to_json(cost)["costs"]}
    numbers = [value for one in records.values() for value in one.values() if isinstance(value, float)]
    assert all(map(math.isfinite, numbers))
    told = told_of(cost)
    for target in cost.targets:
        absolute = next(printed)
        relative = next(printed) if len(cost.mixers) > 1 else {}
        assert absolute.keys() == cost.mixers.keys()
        assert relative.keys() == cost.mixers.keys() - {cost.baseline}
        for label in cost.mixers:
            own = {factor: records[label, target, factor] for factor in ("example", "data", "trials", "product")}
            missed = [own[factor]["mark"] == "not reached" for factor in ("data", "trials")]
            assert [own[factor]["high"] == "not reached" for factor in ("data", "trials")] == missed
            assert (own["product"]["mark"] == own["product"]["high"] == "not reached") == any(missed)
            assert absolute[label].count("not reached") == sum(missed)
            if own["data"]["mark"] == "≤":
                assert f"≤ {own['data']['high']:.0f}" in absolute[label]
            if own["data"]["mark"] == "":
                assert f" {number(own['data']['low'])}" in absolute[label]
                assert not re.search(rf"[≤>] {number(own['data']['low'])} ", absolute[label])
            ratio = own["product"]
            if label == cost.baseline:
                assert {one["relative_mark"] for one in own.values()} == {None}
            elif ratio["relative_mark"] == "":
                factors = [own[factor]["relative_low"] for factor in ("example", "data", "trials")]
                assert ratio["relative_low"] == pytest.approx(math.prod(factors))
            if target == told:
                check_sentence(cost, label, own, absolute[label], relative.get(label, ""))


def check_sentence(cost: TaskCost, label: str, own: dict[str, dict[str, object]], absolute: str, relative: str) -> None:
    said = sentence(cost, label)
    missed = [factor for factor in ("data", "trials") if own[factor]["mark"] == "not reached"]
    reaches = bool(re.match(rf"{label} (and {cost.baseline} )?reach", said))
    assert reaches != bool(missed), said
    assert f"{label} does not reach" in said or reaches, said
    base_missed = any(not one.reached for one in cost.costs if (one.label, one.target) == (cost.baseline, told_of(cost)))
    assert ("nor does" in said or f"but {cost.baseline} does not" in said) <= base_missed, said
    for factor, noun in (("data", "examples"), ("trials", "trials")):
        if missed:
            assert (f"{own[factor]['low']:.0f} {noun}" in said) == (factor in missed), said
    if found := re.search(r"\(\w+ (.+?) × data (.+?) × trials (.+?)\)", said):
        assert all(entry in relative for entry in found.groups()), (said, relative)
    if found := re.match(rf"{label} reaches .* with (.+?) examples and (.+?) trials", said):
        assert all(signed(entry) in absolute for entry in found.groups()), (said, absolute)
    mark = own["product"]["relative_mark"]
    if label != cost.baseline:
        assert ("at least" in said) == (mark == "≥"), said
        assert ("at most" in said) == (mark == "≤"), said
        assert ("cannot be compared" in said or "try a harder score" in said) == (mark == "unknown"), said


def told_of(cost: TaskCost) -> float:
    """The target of the sentences: the hardest that the baseline reaches, else the easiest."""
    ordered = sorted(cost.targets, reverse=cost.is_error)
    reached = {own.target for own in cost.costs if own.label == cost.baseline and own.reached}
    return [*ordered[:1], *(target for target in ordered if target in reached)][-1]


def signed(text: str) -> str:
    return text.replace("at least", "≥").replace("at most", "≤")
