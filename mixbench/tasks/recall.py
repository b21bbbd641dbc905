"""Multi-query associative recall (Zoology, arXiv 2312.04927): k1 v1 k2 v2 …, then each key again, to give its value."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
from numpy.typing import NDArray

from mixbench.parsing.option import Value
from mixbench.tasks.dataset import NOT_ASKED, PADDING, Dataset, Form
from mixbench.tasks.sampling import Examples, distinct_splits

GAP = PADDING + 1
"""The token between queries at uniform places; the tokens of keys and then values follow it."""
FIRST_KEY = GAP + 1
FIRST_SYMBOL = PADDING + 1
"""In zoology's form: the token of its symbol 0, which is never a key of a pair; the keys and then the values follow it."""
_MOST_AT_A_TIME = 2**22
"""Random numbers drawn at once for the places of queries."""

Numbers = NDArray[np.int32]


def generate(options: Mapping[str, Value], seed: int) -> Dataset:
    """All pairs, then every key once; the class of a query is its key's value, counted from 0.

    Loss and score count only the positions of queries. The option `form` says where these are and what is between them.
    """
    form, draw = _FORMS[str(options["form"])](options)
    return Dataset(form, *distinct_splits(draw, options, np.random.default_rng(seed), classes=1, task="mqar"))


Drawn = tuple[Form, Callable[[int, np.random.Generator], Examples]]


def _uniform(options: Mapping[str, Value]) -> Drawn:
    """Keys (distinct within a sequence) and values (independent) are uniform, and so are the places of queries."""
    tokens, pairs, vocabulary = _sizes(options)
    all_keys = vocabulary // 2
    all_values = vocabulary - all_keys

    def draw(count: int, random: np.random.Generator) -> Examples:
        keys = FIRST_KEY + distinct_numbers(count, pairs, all_keys, random)
        values = random.integers(0, all_values, (count, pairs), dtype=np.int32)
        places = 2 * pairs + distinct_numbers(count, pairs, tokens - 2 * pairs, random)
        inputs = np.full((count, tokens), GAP, np.int32)
        return _examples(inputs, keys, FIRST_KEY + all_keys + values, places, values)

    return _form(tokens, FIRST_KEY + vocabulary, all_values), draw


def _zoology(options: Mapping[str, Value]) -> Drawn:
    """As zoology's multiquery_ar has it (zoology/data/multiquery_ar.py).

    Keys and values are both distinct within a sequence. Key by key, one of the places 0, 2, 4, … after the pairs that are
    still free is drawn, the n-th with probability in proportion to n^(power - 1): a power law of the distance to the pairs,
    uniform for power 1. All other places have random symbols, keys among them, of which nothing is asked.
    """
    tokens, pairs, vocabulary = _sizes(options)
    first_value = vocabulary // 2
    free = (tokens - 2 * pairs) // 2
    weights = np.arange(1.0, free + 1) ** (float(options["power"]) - 1)

    def draw(count: int, random: np.random.Generator) -> Examples:
        keys = 1 + distinct_numbers(count, pairs, first_value - 1, random)
        values = distinct_numbers(count, pairs, vocabulary - first_value, random)
        places = 2 * pairs + 2 * weighted_numbers(count, pairs, weights, random)
        inputs = FIRST_SYMBOL + random.integers(0, vocabulary, (count, tokens), dtype=np.int32)
        return _examples(inputs, FIRST_SYMBOL + keys, FIRST_SYMBOL + first_value + values, places, values)

    return _form(tokens, FIRST_SYMBOL + vocabulary, vocabulary - first_value), draw


_FORMS: dict[str, Callable[[Mapping[str, Value]], Drawn]] = {"uniform": _uniform, "zoology": _zoology}


def _sizes(options: Mapping[str, Value]) -> tuple[int, int, int]:
    tokens, pairs, vocabulary = (int(options[name]) for name in ("tokens", "pairs", "vocabulary"))
    return tokens, pairs, vocabulary


def _form(tokens: int, vocabulary: int, values: int) -> Form:
    return Form(
        tokens=tokens,
        vocabulary=vocabulary,
        channels=0,
        output="class per token",
        classes=values,
        score="accuracy",
        labels=tuple(f"value {number}" for number in range(1, values + 1)),
    )


def _examples(inputs: Numbers, keys: Numbers, values: Numbers, places: Numbers, classes: Numbers) -> Examples:
    """Write tokens of pairs (count, pairs), and the keys again at `places`, into inputs (count, tokens)."""
    count, tokens = inputs.shape
    pairs = keys.shape[1]
    inputs[:, 0 : 2 * pairs : 2] = keys
    inputs[:, 1 : 2 * pairs : 2] = values
    targets = np.full((count, tokens), NOT_ASKED, np.int32)
    np.put_along_axis(inputs, places, keys, axis=1)
    np.put_along_axis(targets, places, classes, axis=1)
    return Examples(inputs, np.full(count, tokens, np.int32), targets)


def distinct_numbers(count: int, amount: int, below: int, random: np.random.Generator) -> Numbers:
    """(count, amount) numbers from 0 to `below` - 1, in random order and distinct within each row.

    By Floyd's algorithm (Bentley and Floyd, Programming Pearls: A Sample of Brilliance), which needs memory for `amount` only.
    """
    chosen = np.empty((count, amount), np.int32)
    for column, last in enumerate(range(below - amount, below)):
        number = random.integers(0, last + 1, count, dtype=np.int32)
        taken = (chosen[:, :column] == number[:, None]).any(1)
        chosen[:, column] = np.where(taken, last, number)
    return random.permuted(chosen, axis=1)


def weighted_numbers(count: int, amount: int, weights: NDArray[np.floating], random: np.random.Generator) -> Numbers:
    """(count, amount) numbers from 0 to len(weights) - 1, distinct within each row, drawn one after the other by weight.

    The first `amount` to finish a race of exponential times with these rates, in their order (Efraimidis and Spirakis 2006).
    """
    chosen = np.empty((count, amount), np.int32)
    step = max(1, _MOST_AT_A_TIME // len(weights))
    for start in range(0, count, step):
        own = chosen[start : start + step]
        times = random.standard_exponential((len(own), len(weights))) / weights
        own[:] = times.argsort(axis=1)[:, :amount]
    return chosen
