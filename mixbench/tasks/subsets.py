"""Growing parts of a training set: nested, stratified by class, the same for every mixer."""

from __future__ import annotations

from collections.abc import Iterable

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


def classes_lacking(form: Form, train: Split, parts: Iterable[tuple[int, int]]) -> dict[int, list[str]]:
    """By size: the names of the classes that some of these parts of the training set lack; a part is a size and a seed.

    Parts are put in order only as long as they can add a class, which most cannot: see `_certain_from`.
    """
    if form.output != "class":
        return {}
    targets = np.asarray(train.targets)
    certain = _certain_from(train)
    by_seed: dict[int, set[int]] = {}
    for size, seed in parts:
        by_seed.setdefault(seed, set()).add(size)
    sizes = sorted(set().union(*by_seed.values()))
    unsure = {size: np.array([label for label, enough in certain.items() if size < enough], int) for size in sizes}
    lacking: dict[int, set[int]] = {size: set() for size in sizes}
    for seed, own in by_seed.items():
        if unclear := [size for size in own if len(unsure[size])]:
            order = nested_order(train, seed)
            for size in unclear:
                missing = np.setdiff1d(unsure[size], targets[order[:size]])
                lacking[size].update(missing.tolist())
                unsure[size] = np.setdiff1d(unsure[size], missing)
    name = form.labels.__getitem__ if form.labels else str
    return {size: [name(label) for label in sorted(labels)] for size, labels in lacking.items() if labels}


def _certain_from(train: Split) -> dict[int, int]:
    """For each class, a number of examples with which every beginning of every `nested_order` has it."""
    _, firsts, sizes = np.unique(train.groups, return_index=True, return_counts=True)
    targets = np.asarray(train.targets)
    labels, groups = np.unique(targets[firsts], return_counts=True)
    found = dict.fromkeys(np.unique(targets).tolist(), len(train))
    for label, own in zip(labels.tolist(), groups, strict=True):
        # its first group has a place below 1 / own, and so have at most ceil(of another / own) groups of another class
        before = int(np.ceil(groups / own).sum()) - 1
        found[label] = min(len(train), before * int(sizes.max()) + 1)
    return found
