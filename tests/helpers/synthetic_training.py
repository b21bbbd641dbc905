"""Rows of data_efficiency.csv without training anything: a known law per mixer, noise by seed and by run."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence

from synthetic import _named

from mixbench.parsing.canonical import canonical_json
from mixbench.tables.columns import columns
from mixbench.tables.training_rows import TrainingRow, TrialRow

LAWS = {
    "attention": (0.02, 6.0, 0.7),
    "linear-attention": (0.03, 5.0, 0.6),
    "fnet": (0.05, 4.0, 0.5),
    "mlp-mixer": (0.04, 20.0, 0.75),
    "gmlp": (0.04, 9.0, 0.65),
    "hypermixer": (0.03, 2.5, 0.6),
    "none": (0.3, 1.5, 0.4),
}
"""Floor, scale and exponent of the error by the number of training examples."""


def true_error(mixer: str, train_size: int) -> float:
    """The error that the law of a mixer gives; of an unknown one that of attention."""
    floor, scale, exponent = LAWS.get(mixer, LAWS["attention"])
    return floor + scale * train_size**-exponent


def training_rows(
    mixers: Sequence[str] = ("attention", "hypermixer", "none"),
    sizes: Sequence[int] = (250, 500, 1000, 2000),
    *,
    score: str = "mse",
    seeds: Sequence[int] = range(5),
    noise: float = 0.05,
    seed_noise: float = 0.1,
    failures: Mapping[tuple[str, int, int], tuple[str, str]] | None = None,
    error: Callable[[str, int], float] = true_error,
    rates: Mapping[str, float | str] | None = None,
    rng: random.Random | None = None,
    **keys: object,
) -> list[TrainingRow]:
    """Every combination trained once; `mixers` are mixer strings, `failures` maps (mixer, size, seed) to (status, detail).

    Noise is log-normal in the error: one factor per seed, shared by all mixers and sizes, and one per run. `rates` are the
    learning rates that were asked for, by mixer (default auto); other keys are columns.
    """
    rng = rng or random.Random(0)
    shared = {seed: rng.lognormvariate(0, seed_noise) for seed in seeds}
    rows = []
    for text in mixers:
        for size in sizes:
            for seed in seeds:
                rate = (rates or {}).get(text, "auto")
                cell: dict[str, object] = {
                    "task": "shapes",
                    "layers": 2,
                    "width": 64,
                    "tokens": 100,
                    "train_size": size,
                    "device": "cpu",
                    "settings": training_settings(learning_rate=rate),
                    "seed": seed,
                    "learning_rate": rate if isinstance(rate, float) else 0.001,
                    "dropout": 0.0,
                    "fraction": size / max(sizes),
                    "environment": "abc123",
                    "measured_at": f"2025-01-01T00:00:{seed % 60:02}Z",
                    **_named(text),
                    **keys,
                }
                if failure := (failures or {}).get((text, size, seed)):
                    rows.append(TrainingRow(**cell, status=failure[0], detail=failure[1]))  # type: ignore[arg-type]
                    continue
                wrong = error(str(cell["mixer"]), size) * shared[seed] * rng.lognormvariate(0, noise)
                rows.append(_trained(cell, wrong, score))
    return rows


def training_settings(**changes: object) -> str:
    """The `settings` column of a run."""
    return canonical_json({"batch": 32, "learning_rate": "auto", "steps": 400, "task": {"data": "0f" * 8}, **changes})


def _trained(cell: Mapping[str, object], wrong: float, score: str) -> TrainingRow:
    value = wrong if score == "mse" else 1 - min(wrong, 1.0)
    place = list(LAWS).index(str(cell["mixer"])) if cell["mixer"] in LAWS else len(LAWS)
    return TrainingRow(
        **{
            "dev_score": value,
            "test_score": value,
            "test_standard_error": 0.03 * wrong if score == "mse" else (value * (1 - value) / 1000) ** 0.5,
            "train_seconds": 20.0 - 2 * place,
            "train_flops": 10**9 * (12 - place),
            "steps": 400,
            "examples_seen": 12_800,
            "best_step": 400,
            "params": 100_000,
            "score": score,
            "test_examples": 1000,
            **cell,
        }  # type: ignore[arg-type]
    )


def trial_rows(
    mixers: Sequence[str],
    *,
    trials: int,
    seed: int = 0,
    score: str = "mse",
    diverged: Sequence[int] = (),
    size: int = 800,
    error: Callable[[str, int], float] = true_error,
) -> list[TrialRow]:
    """A random search: errors around the law's, twice as spread out as over seeds; `diverged` are trials without a score."""
    rng = random.Random(seed)
    rows = []
    for trial in range(1, trials + 1):
        for row in training_rows(mixers, (size,), seeds=(trial,), score=score, seed_noise=0.5, noise=0.3, rng=rng, error=error):
            values = {name: value for name, value in vars(row).items() if name != "seed"}
            if trial in diverged:
                lost = dict.fromkeys((name for name, column in columns(TrialRow).items() if column.role == "metric"), None)
                values |= lost | {"status": "diverged", "detail": "the loss was not finite"}
            rows.append(TrialRow(**values, seed=seed, trial=trial, sampled='{"learning_rate":0.001}'))
    return rows
