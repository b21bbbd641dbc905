"""Growing parts of a training set: nested, stratified by class, equal for every mixer. No torch here."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from mixbench.tasks.dataset import Split


def nested_order(train: Split, seed: int) -> NDArray[np.int64]:
    """An order of the training examples of which every beginning is a fair part of the whole: (examples) indices.

    Examples of one group stand together. Where each example is a group of its own and has one class, every beginning of n
    examples holds a class of share p within 1 + (classes − 2) p of n p. The same seed gives the same order.
    """
    random = np.random.default_rng(seed)
    groups, members = np.unique(train.groups, return_inverse=True)
    if len(groups) < len(train):
        return np.argsort(random.permutation(len(groups))[members], kind="stable")
    order = random.permutation(len(train))
    if train.targets.ndim > 1:
        return order
    # the k-th of the m examples of a class stands at (k + u) / m of the way, u its class's own offset
    places = np.empty(len(train))
    for label in np.unique(train.targets):
        own = order[train.targets[order] == label]
        places[own] = (np.arange(len(own)) + random.random()) / len(own)
    return np.argsort(places, kind="stable")
