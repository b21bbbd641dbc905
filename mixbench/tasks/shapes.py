"""The synthetic attention task of HyperMixer (arXiv 2203.03691), after F. Fleuret's course on attention.

A signal of 100 steps has two triangles and two rectangles; in the target, both shapes of a pair have their mean height.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from mixbench.parsing.option import Value
from mixbench.tasks.dataset import SPLITS, Dataset, Form
from mixbench.tasks.sampling import Examples, numbered_splits

TOKENS = 100
NOISE = 0.15
"""Largest amount of noise in a step, in inputs and targets alike."""
LEAST_DIFFERENCE = 4.0
"""The heights of a pair differ by more than this."""

_LOWEST = (5.5, 1.0, 5.0)  # centre, height, width
_HIGHEST = (94.5, 25.0, 11.0)
PAIRS = ((0, 1), (2, 3))  # triangles, rectangles
_TWO_OF_FOUR = np.triu_indices(4, k=1)
_CANDIDATES = 9  # drawn for each missing example; about one in nine is accepted


def generate(options: Mapping[str, Value], seed: int) -> Dataset:
    """Signals and targets in units of height. Both pairs differ in height; the original tests only the triangles."""
    form = Form(tokens=TOKENS, vocabulary=0, channels=1, output="value per token", classes=0, score="mse")
    splits = numbered_splits(_examples(int(options[name]), _generator(seed, name)) for name in SPLITS)
    remark = (
        "a model must give both triangles the mean of their heights, and both rectangles that of theirs;"
        f" the two heights differ by more than {LEAST_DIFFERENCE:g}"
    )
    return Dataset(form, *splits, remarks=(remark,))


def geometry(options: Mapping[str, Value], seed: int, split: str) -> NDArray[np.float64]:
    """The shapes in a split of `generate`, (examples, 4, 3): two triangles, two rectangles; centre, height, width."""
    return draw_shapes(int(options[split]), _generator(seed, split))


def _generator(seed: int, split: str) -> np.random.Generator:
    return np.random.default_rng([seed, SPLITS.index(split)])


def _examples(count: int, random: np.random.Generator) -> Examples:
    shapes = draw_shapes(count, random)  # before any noise, so that `geometry` draws the same
    inputs, targets = (
        (signals(drawn) + random.uniform(-NOISE, NOISE, (count, TOKENS))).astype(np.float32)
        for drawn in (shapes, levelled(shapes))
    )
    return Examples(inputs[:, :, None], np.full(count, TOKENS, np.int32), targets)


def draw_shapes(count: int, random: np.random.Generator) -> NDArray[np.float64]:
    """(count, 4, 3) shapes that do not touch, in pairs that differ in height."""
    found = np.empty((0, 4, 3))
    while len(found) < count:
        candidates = random.uniform(_LOWEST, _HIGHEST, (max(100, _CANDIDATES * (count - len(found))), 4, 3))
        heights = candidates[:, :, 1]
        good = ~_touching(candidates)
        for first, second in PAIRS:
            good &= np.abs(heights[:, first] - heights[:, second]) > LEAST_DIFFERENCE
        found = np.concatenate((found, candidates[good]))
    return found[:count]


def _touching(shapes: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Whether any two shapes of an example share a step or are on neighbouring steps, (examples)."""
    centres, _, widths = np.moveaxis(shapes, 2, 0)
    reach = widths / 2 + [0.5, 0.5, 0, 0]  # a triangle has a flat top, one step wide
    first, last = np.floor(centres - reach) + 1, np.ceil(centres + reach) - 1
    a, b = _TWO_OF_FOUR
    near = (first[:, a] <= last[:, b] + 1) & (first[:, b] <= last[:, a] + 1)
    touching: NDArray[np.bool_] = near.any(1)
    return touching


def signals(shapes: NDArray[np.float64]) -> NDArray[np.float64]:
    """The signals (examples, 100) of shapes (examples, 4, 3), without noise."""
    highest: NDArray[np.float64] = each_alone(shapes).max(1)
    return highest


def each_alone(shapes: NDArray[np.float64]) -> NDArray[np.float64]:
    """The signal of each shape alone, (examples, 4, 100), which is above 0 exactly at the shape's steps."""
    centres, heights, widths = np.moveaxis(shapes[:, :, :, None], 2, 0)
    distance = np.abs(np.arange(TOKENS) - centres)  # (examples, 4, 100)
    slope = 2 * heights[:, :2] / widths[:, :2]
    triangles = np.maximum(heights[:, :2] - np.maximum(distance[:, :2] - 0.5, 0) * slope, 0)
    rectangles = heights[:, 2:] * (distance[:, 2:] < widths[:, 2:] / 2)
    return np.concatenate((triangles, rectangles), axis=1)


def levelled(shapes: NDArray[np.float64]) -> NDArray[np.float64]:
    """The shapes (examples, 4, 3), each with the mean height of its pair."""
    result = shapes.copy()
    for pair in PAIRS:
        result[:, pair, 1] = shapes[:, pair, 1].mean(1, keepdims=True)
    return result
