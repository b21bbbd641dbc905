"""Which tokens an output needs, where a task says it, and how much of a map falls on them. No torch here."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mixbench.parsing.option import Value
from mixbench.tasks import ChosenTask
from mixbench.tasks.dataset import NOT_ASKED, Split
from mixbench.tasks.shapes import PAIRS, each_alone, geometry

Right = NDArray[np.bool_]
"""(tokens, tokens): whether output i needs input j."""


def right_tokens(chosen: ChosenTask, split: str, content: Split, example: int) -> Right:
    """What the outputs of one example need; nothing where an output needs no token. The task is one of RIGHT."""
    return RIGHT[chosen.name](chosen.options, chosen.seed, split, content, example)


def _both_of_a_pair(options: Mapping[str, Value], seed: int, split: str, content: Split, example: int) -> Right:
    """A step in a shape needs the steps of both shapes of its pair: their mean height is asked for."""
    steps = each_alone(geometry(options, seed, split)[[example]])[0] > 0  # (4, 100)
    pairs = np.stack([steps[list(pair)].any(0) for pair in PAIRS])
    right: Right = (pairs[:, :, None] & pairs[:, None, :]).any(0)
    return right


def _key_and_value(options: Mapping[str, Value], seed: int, split: str, content: Split, example: int) -> Right:
    """A query needs its key and the value behind it."""
    tokens, keys = np.asarray(content.inputs[example]), slice(0, 2 * int(options["pairs"]), 2)
    right = np.zeros((len(tokens), len(tokens)), np.bool_)
    for query in np.flatnonzero(content.targets[example] != NOT_ASKED):
        (key,) = 2 * np.flatnonzero(tokens[keys] == tokens[query])
        right[query, [key, key + 1]] = True
    return right


RIGHT: dict[str, Callable[[Mapping[str, Value], int, str, Split, int], Right]] = {
    "shapes": _both_of_a_pair,
    "mqar": _key_and_value,
}
"""Tasks of which it is known what an output needs."""


@dataclass(frozen=True)
class Shares:
    """Of what outputs see, the share of distant tokens; of that, the share of right ones, and what it were if all saw alike.

    None where there is nothing to share.
    """

    distant: float | None
    right: float | None
    chance: float | None


def shares(norms: NDArray[np.floating], right: Right, reach: int) -> Shares:
    """What rows of a map that need any token see, (rows, tokens) each; row i of `right` is that of output i.

    Distant is what is more than `reach` tokens away.
    """
    asked = right.any(1)
    places = np.arange(right.shape[1])
    distant = np.abs(places[:, None] - places) > reach
    mass, wanted, distant = norms[asked].astype(np.float64), right[asked], distant[asked]
    return Shares(
        _ratio(mass[distant].sum(), mass.sum()),
        _ratio(mass[distant & wanted].sum(), mass[distant].sum()),
        _ratio((distant & wanted).sum(), distant.sum()),
    )


def _ratio(part: float, whole: float) -> float | None:
    return float(part / whole) if whole > 0 else None
