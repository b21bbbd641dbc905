"""Growing parts of a training set: nested, stratified by class, the same for every mixer."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np
from numpy.typing import NDArray

from mixbench.tasks.dataset import Form, Split


def nested_order(train: Split, seed: int) -> NDArray[np.int64]:
    """An order of the training examples, (examples) indices, whose every beginning represents the whole.

    Examples of one group are adjacent. If each example has a class, every beginning keeps the proportions of the classes: for
    a class with the share p of the groups, by their first examples, the first n groups have n p of that class, to within
    1 + (classes − 2) p. The same seed gives the same order.
    """
    _, firsts, members = np.unique(train.groups, return_index=True, return_inverse=True)
    classes = np.asarray(train.targets)[firsts] if train.targets.ndim == 1 else np.zeros(len(firsts))
    return np.lexsort((members, evenly_spread(classes, np.random.default_rng(seed))[members]))


def evenly_spread(classes: NDArray[np.generic], random: np.random.Generator) -> NDArray[np.float64]:
    """(groups) places from 0 to 1, random, with those of each class evenly apart; `classes` are those of the groups."""
    order = random.permutation(len(classes))
    places = np.empty(len(classes))
    # the k-th of the m groups of a class is placed at (k + u) / m of the whole, with an offset u for each class
    for label in np.unique(classes):
        own = order[classes[order] == label]
        places[own] = (np.arange(len(own)) + random.random()) / len(own)
    return places


def classes_lacking(form: Form, train: Split, parts: Iterable[tuple[int, int]]) -> Iterator[tuple[int, int, list[str]]]:
    """Of parts of the training set, by their size and seed: those that lack classes, with the names of these."""
    if form.output != "class":
        return
    targets = np.asarray(train.targets)
    there = np.unique(targets)
    for size, seed in parts:
        missing = np.setdiff1d(there, targets[nested_order(train, seed)[:size]])
        if len(missing):
            yield size, seed, [form.labels[number] if form.labels else str(number) for number in missing]
