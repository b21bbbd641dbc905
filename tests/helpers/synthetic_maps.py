"""Rows of attention_map.csv without training anything: shares that are known, maps that are."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from synthetic import _named

from mixbench.parsing.canonical import canonical_json
from mixbench.tables.artefacts import StoredMap
from mixbench.tables.training_rows import AttentionMapRow

TOKENS = 12
CHANCE = 0.1


def map_rows(
    shares: Mapping[str, float | None],
    *,
    examples: int = 20,
    seeds: Sequence[int] = (0,),
    drawn: Sequence[int] = (),
    noise: float = 0.05,
    lost: Sequence[str] = (),
    **keys: object,
) -> list[AttentionMapRow]:
    """A row per mixer, seed and example around the mixer's share; None for one that mixes nothing, `lost` diverged."""
    rng = random.Random(0)
    rows = []
    for mixer, share in shares.items():
        for seed in seeds:
            shift = rng.gauss(0, noise)
            for example in range(1 if mixer in lost else examples):
                cell: dict[str, object] = {
                    "task": "shapes",
                    "layers": 2,
                    "width": 64,
                    "tokens": TOKENS,
                    "train_size": 1000,
                    "device": "cpu",
                    "settings": canonical_json({"steps": 400, "learning_rate": 0.003, "task": {"data": "0f" * 8}}),
                    "seed": seed,
                    "example": example,
                    "environment": "abc123",
                    "measured_at": "2025-01-01T00:00:00Z",
                    **_named(mixer),
                }
                if mixer in lost:
                    cell |= {"status": "diverged", "detail": "the loss was not finite"}
                else:
                    cell |= {
                        "right_share": None if share is None else share + shift + rng.gauss(0, noise),
                        "detail": "right_share: nothing is mixed" if share is None else "",
                        "chance_share": CHANCE,
                        "distant_share": 0.0 if share is None else 0.3,
                        "test_score": 0.1,
                        "score": "mse",
                        "reach": 2,
                        "map_file": f"attention_maps/{mixer}-{seed}-{example}.npz" if example in drawn else "",
                    }
                rows.append(AttentionMapRow(**{**cell, **keys}))  # type: ignore[arg-type]
    return rows


def write_maps(rows: Sequence[AttentionMapRow], results: Path, *, signals: bool = True) -> None:
    """The map of each row that names one: a block that is right, more or less seen."""
    random = np.random.default_rng(0)
    for row in rows:
        if row.map_file:
            right = np.zeros((TOKENS, TOKENS), bool)
            right[2:5, 7:10] = True
            norms = (random.random((TOKENS, TOKENS)) + 5 * right).astype(np.float32)
            norms *= np.abs(np.subtract.outer(range(TOKENS), range(TOKENS))) <= 2 if row.right_share is None else 1
            inputs = random.normal(size=TOKENS).astype(np.float32) if signals else random.integers(9, size=TOKENS)
            StoredMap(norms, right, inputs, inputs).write(results / row.map_file)
