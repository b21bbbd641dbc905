"""Which tokens an output needs, for tasks that define it, and how much of a map falls on them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mixbench.parsing.option import Value
from mixbench.tasks import ChosenTask
from mixbench.tasks.dataset import NOT_ASKED, Split
from mixbench.tasks.shapes import PAIRS, each_alone, geometry

Needed = NDArray[np.bool_]
"""(tokens, tokens): whether output i needs input j."""


def needed_tokens(chosen: ChosenTask, split: str, content: Split, example: int) -> Needed:
    """The tokens that the outputs of one example need. The task must be in NEEDED; some outputs may need no token."""
    return NEEDED[chosen.name](chosen.options, chosen.seed, split, content, example)


def _both_of_a_pair(options: Mapping[str, Value], seed: int, split: str, content: Split, example: int) -> Needed:
    """A step in a shape needs all steps of both shapes in its pair, because it becomes their mean height."""
    steps = each_alone(geometry(options, seed, split)[[example]])[0] > 0  # (4, 100)
    pairs = np.stack([steps[list(pair)].any(0) for pair in PAIRS])
    needed: Needed = (pairs[:, :, None] & pairs[:, None, :]).any(0)
    return needed


def _key_and_value(options: Mapping[str, Value], seed: int, split: str, content: Split, example: int) -> Needed:
    """A query needs its key and the value that follows the key."""
    tokens, keys = np.asarray(content.inputs[example]), slice(0, 2 * int(options["pairs"]), 2)
    needed = np.zeros((len(tokens), len(tokens)), np.bool_)
    for query in np.flatnonzero(content.targets[example] != NOT_ASKED):
        (key,) = 2 * np.flatnonzero(tokens[keys] == tokens[query])
        needed[query, [key, key + 1]] = True
    return needed


NEEDED: dict[str, Callable[[Mapping[str, Value], int, str, Split, int], Needed]] = {
    "shapes": _both_of_a_pair,
    "mqar": _key_and_value,
}
"""The tasks that define what an output needs."""


@dataclass(frozen=True)
class Shares:
    """Shares of a map: the share of all sensitivity that is to distant tokens, and the share of that which is to needed ones.

    `chance` is the share of needed tokens among distant ones. None means that there is nothing to take a share of.
    """

    distant: float | None
    needed: float | None
    chance: float | None


def shares(norms: NDArray[np.floating], needed: Needed, reach: int) -> Shares:
    """The shares of a map (tokens, tokens), over the rows of outputs that need any token.

    Tokens are distant if they are more than `reach` tokens away.
    """
    asked = needed.any(1)
    places = np.arange(needed.shape[1])
    distant = np.abs(places[:, None] - places) > reach
    mass, wanted, distant = norms[asked].astype(np.float64), needed[asked], distant[asked]
    return Shares(
        _ratio(mass[distant].sum(), mass.sum()),
        _ratio(mass[distant & wanted].sum(), mass[distant].sum()),
        _ratio((distant & wanted).sum(), distant.sum()),
    )


def _ratio(part: float, whole: float) -> float | None:
    return float(part / whole) if whole > 0 else None
