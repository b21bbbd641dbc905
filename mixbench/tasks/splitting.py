"""Parts of labelled texts: what is split off, with equal texts on one side and all classes on both."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from mixbench.errors import RequestError
from mixbench.tasks.reading.rows import Rows
from mixbench.tasks.subsets import evenly_spread

SEED = 0
"""Of every split, so that runs with any seed train on and are tested on the same examples."""


def normalised(text: str) -> str:
    """Texts that differ in nothing but case and white space are equal here: to the tokenizer that is trained they are."""
    return " ".join(text.lower().split())


def group_numbers(texts: Sequence[str]) -> NDArray[np.int64]:
    """(texts) numbers from 0, equal for equal texts, whatever their case and white space."""
    numbers: dict[str, int] = {}
    return np.fromiter((numbers.setdefault(normalised(text), len(numbers)) for text in texts), np.int64, len(texts))


def split_off(rows: Rows, count: int, part: str) -> tuple[Rows, Rows]:
    """The remaining rows, and about `count` rows split off, the same for equal rows; equal first texts stay together.

    Both keep the proportions of the labels and have every label, except that labels with too few texts are not in the part
    split off. Raises RequestError, which names that `part`, if nothing can be split off.
    """
    groups = group_numbers(rows.texts)
    sizes = np.bincount(groups)
    _, firsts = np.unique(groups, return_index=True)
    classes = np.unique(np.array(rows.labels, object)[firsts], return_inverse=True)[1]
    order = np.argsort(evenly_spread(classes, np.random.default_rng(SEED)), kind="stable")
    rank = {group: (sizes[group], place) for place, group in enumerate(order.tolist())}
    holders: dict[str, set[int]] = {}
    for group, label in zip(groups.tolist(), rows.labels, strict=True):
        holders.setdefault(label, set()).add(group)

    # for every label, rare ones first, the largest group stays and the smallest is split off
    rare_first = sorted(holders, key=lambda label: (len(holders[label]), label))
    stay: set[int] = set()
    go: set[int] = set()
    for label in rare_first:
        if stay.isdisjoint(holders[label]):
            stay.add(max(holders[label], key=rank.__getitem__))
    for label in rare_first:
        if go.isdisjoint(holders[label]) and (free := holders[label] - stay):
            go.add(min(free, key=rank.__getitem__))
    left = count - sum(int(sizes[group]) for group in go)
    for group in order.tolist():
        if group not in stay and group not in go and sizes[group] <= left:
            go.add(group)
            left -= int(sizes[group])
    if not go:
        raise RequestError(f"{rows.source}: too few different texts to split off a {part} set", f"Give one with --{part}.")
    goes = np.isin(groups, list(go))
    return rows.take(np.flatnonzero(~goes).tolist()), rows.take(np.flatnonzero(goes).tolist())
