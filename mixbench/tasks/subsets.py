"""Growing parts of a training set: nested, stratified by class, the same for every mixer."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from mixbench.tasks.dataset import Split


def nested_order(train: Split, seed: int) -> NDArray[np.int64]:
    """An order of the training examples, (examples) indices, whose every beginning represents the whole.

    Examples of one group are adjacent. If each example has a class, every beginning keeps the proportions of the classes: for
    a class with the share p of the groups, by their first examples, the first n groups have n p of that class, to within
    1 + (classes − 2) p. The same seed gives the same order.
    """
    random = np.random.default_rng(seed)
    _, firsts, members = np.unique(train.groups, return_index=True, return_inverse=True)
    order = random.permutation(len(firsts))
    places = np.empty(len(firsts))
    classes = np.asarray(train.targets)[firsts] if train.targets.ndim == 1 else np.zeros(len(firsts))
    # the k-th of the m groups of a class is placed at (k + u) / m of the whole, with an offset u for each class
    for label in np.unique(classes):
        own = order[classes[order] == label]
        places[own] = (np.arange(len(own)) + random.random()) / len(own)
    return np.lexsort((members, places[members]))
