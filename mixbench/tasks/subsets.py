"""Growing parts of a training set: nested, stratified by class, equal for every mixer. No torch here."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from mixbench.tasks.dataset import Split


def nested_order(train: Split, seed: int) -> NDArray[np.int64]:
    """An order of the training examples of which every beginning is a fair part of the whole: (examples) indices.

    Examples of one group stand together. Where each example has one class, groups come in the proportions of the classes of
    their first examples: a beginning of n groups holds a class of share p within 1 + (classes − 2) p of n p. The same seed
    gives the same order.
    """
    random = np.random.default_rng(seed)
    _, firsts, members = np.unique(train.groups, return_index=True, return_inverse=True)
    order = random.permutation(len(firsts))
    places = np.empty(len(firsts))
    classes = np.asarray(train.targets)[firsts] if train.targets.ndim == 1 else np.zeros(len(firsts))
    # the k-th of the m groups of a class stands at (k + u) / m of the way, u its class's own offset
    for label in np.unique(classes):
        own = order[classes[order] == label]
        places[own] = (np.arange(len(own)) + random.random()) / len(own)
    return np.lexsort((members, places[members]))
