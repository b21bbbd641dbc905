"""Multi-query associative recall (Zoology, arXiv 2312.04927): k1 v1 k2 v2 …, then each key again, to give its value."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from mixbench.parsing.option import Value
from mixbench.tasks.dataset import NOT_ASKED, PADDING, Dataset, Form
from mixbench.tasks.sampling import Examples, distinct_splits

GAP = PADDING + 1
"""The token between queries; the tokens of keys and then values follow it."""
FIRST_KEY = GAP + 1


def generate(options: Mapping[str, Value], seed: int) -> Dataset:
    """All pairs, then every key once, in random order and at random places; the class of a query is its key's value.

    Keys (distinct within a sequence) and values (independent) are uniform. In the original, the distances of the queries
    follow a power law; here every place is equally likely.
    """
    tokens, pairs, vocabulary = (int(options[name]) for name in ("tokens", "pairs", "vocabulary"))
    all_keys = vocabulary // 2
    all_values = vocabulary - all_keys

    def draw(count: int, random: np.random.Generator) -> Examples:
        keys = FIRST_KEY + distinct_numbers(count, pairs, all_keys, random)
        values = random.integers(0, all_values, (count, pairs), dtype=np.int32)
        places = 2 * pairs + distinct_numbers(count, pairs, tokens - 2 * pairs, random)
        inputs = np.full((count, tokens), GAP, np.int32)
        inputs[:, 0 : 2 * pairs : 2] = keys
        inputs[:, 1 : 2 * pairs : 2] = FIRST_KEY + all_keys + values
        targets = np.full((count, tokens), NOT_ASKED, np.int32)
        np.put_along_axis(inputs, places, keys, axis=1)
        np.put_along_axis(targets, places, values, axis=1)
        return Examples(inputs, np.full(count, tokens, np.int32), targets)

    form = Form(
        tokens=tokens,
        vocabulary=FIRST_KEY + vocabulary,
        channels=0,
        output="class per token",
        classes=all_values,
        score="accuracy",
        labels=tuple(f"value {number}" for number in range(1, all_values + 1)),
    )
    return Dataset(form, *distinct_splits(draw, options, np.random.default_rng(seed), classes=1, task="mqar"))


def distinct_numbers(count: int, amount: int, below: int, random: np.random.Generator) -> NDArray[np.int32]:
    """(count, amount) numbers from 0 to `below` - 1, in random order and distinct within each row.

    By Floyd's algorithm (Bentley and Floyd, Programming Pearls: A Sample of Brilliance), which needs memory for `amount` only.
    """
    chosen = np.empty((count, amount), np.int32)
    for column, last in enumerate(range(below - amount, below)):
        number = random.integers(0, last + 1, count, dtype=np.int32)
        taken = (chosen[:, :column] == number[:, None]).any(1)
        chosen[:, column] = np.where(taken, last, number)
    return random.permuted(chosen, axis=1)
