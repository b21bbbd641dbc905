"""The most frequent symbol: averaging over tokens is enough to find it, so token mixing should not help."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from mixbench.parsing.option import Value
from mixbench.tasks.dataset import Dataset, Form
from mixbench.tasks.sampling import Examples, distinct_splits


def generate(options: Mapping[str, Value], seed: int) -> Dataset:
    """Sequences of independent uniform symbols in which one symbol is the most frequent; symbol k is token k, class k - 1."""
    tokens, symbols = int(options["tokens"]), int(options["symbols"])

    def draw(count: int, random: np.random.Generator) -> Examples:
        inputs = random.integers(1, symbols + 1, (count, tokens), dtype=np.int32)
        numbers = inputs - 1 + symbols * np.arange(count)[:, None]
        counts = np.bincount(numbers.ravel(), minlength=count * symbols).reshape(count, symbols)
        won = np.flatnonzero((counts == counts.max(1, keepdims=True)).sum(1) == 1)
        return Examples(inputs, np.full(count, tokens, np.int32), counts.argmax(1).astype(np.int32)).take(won)

    form = Form(
        tokens=tokens,
        vocabulary=symbols + 1,
        channels=0,
        output="class",
        classes=symbols,
        score="accuracy",
        labels=tuple(f"symbol {number}" for number in range(1, symbols + 1)),
    )
    return Dataset(form, *distinct_splits(draw, options, np.random.default_rng(seed), symbols, "majority"))
