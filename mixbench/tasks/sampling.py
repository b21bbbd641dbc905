"""Make splits from random examples, so that no example occurs twice and all classes are equally frequent."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from mixbench.errors import RequestError
from mixbench.parsing.option import Value
from mixbench.tasks.dataset import SPLITS, Split

_SMALLEST_ROUND = 500
_LEAST_PROGRESS = 0.01  # share of each class that a round must add, in which as many examples are drawn as are wanted


class Examples(NamedTuple):
    """Inputs, lengths and targets as in a `Split`."""

    inputs: NDArray[Any]
    lengths: NDArray[np.int32]
    targets: NDArray[Any]

    def take(self, chosen: NDArray[np.int64]) -> Examples:
        """The examples at these indices."""
        return Examples(*(array[chosen] for array in self))


Draw = Callable[[int, np.random.Generator], Examples]
"""A function that draws at most this many random examples; those that cannot be used may be left out."""


def numbered_splits(parts: Iterable[Examples]) -> tuple[Split, Split, Split]:
    """The training, development and test sets from their examples, each of which is its own group."""
    splits: list[Split] = []
    for part in parts:
        first = sum(map(len, splits))
        splits.append(Split(*part, groups=np.arange(first, first + len(part.lengths))))
    train, dev, test = splits
    return train, dev, test


def distinct_splits(
    draw: Draw, options: Mapping[str, Value], random: np.random.Generator, classes: int, task: str
) -> tuple[Split, Split, Split]:
    """Splits with the sizes that the options give, from examples with distinct inputs.

    If there is a class per example, each split has all classes equally often, to within one example; `classes` 1 leaves them
    as drawn. Raises RequestError once further draws hardly give new examples.
    """
    # (n + k) // classes, for k from 0 to classes - 1, differ by one at most and sum to n
    quotas = np.array([(int(options[name]) + np.arange(classes)) // classes for name in SPLITS])
    wanted = quotas.sum(0)
    drawn: list[Examples] = []
    found = np.zeros(classes, np.int64)
    while (found < wanted).any():
        drawn = [_distinct([*drawn, draw(max(_SMALLEST_ROUND, int(wanted.sum())), random)])]
        before, found = found, np.bincount(_classes(drawn[0], classes), minlength=classes)
        if ((found < wanted) & (found - before < _LEAST_PROGRESS * wanted)).any():
            missing = int(np.maximum(wanted - found, 0).sum())
            raise RequestError(
                f"task {task} has too few distinct examples: {missing} of {wanted.sum()} are missing",
                "Ask for fewer examples (train=, dev=, test=) or for longer sequences (tokens=).",
            )
    by_class = [np.flatnonzero(_classes(drawn[0], classes) == label) for label in range(classes)]
    ends = quotas.cumsum(0)
    return numbered_splits(
        drawn[0].take(random.permutation(np.concatenate([own[a:b] for own, a, b in zip(by_class, start, end, strict=True)])))
        for start, end in zip(ends - quotas, ends, strict=True)
    )


def _distinct(parts: list[Examples]) -> Examples:
    """The first of each group of examples with equal inputs, in the order drawn."""
    together = Examples(*(np.concatenate(arrays) for arrays in zip(*parts, strict=True)))
    _, first = np.unique(together.inputs, axis=0, return_index=True)
    return together.take(np.sort(first))


def _classes(examples: Examples, classes: int) -> NDArray[Any]:
    return examples.targets if classes > 1 else np.zeros(len(examples.lengths), np.int64)
