"""ListOps (arXiv 1804.06028; Long Range Arena, arXiv 2011.04006): `[MAX 2 [SM 7 8 ] 1 ]` is 5.

SM is the sum modulo 10; MED is the median, which for an even count is the mean of the middle two, rounded down.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mixbench.parsing.option import Value
from mixbench.tasks.dataset import PADDING, Dataset, Form
from mixbench.tasks.sampling import Examples, distinct_splits

DIGITS = tuple("0123456789")
OPERATIONS = ("[MIN", "[MAX", "[MED", "[SM")
SYMBOLS = ("", *DIGITS, *OPERATIONS, "]")
"""The meaning of each token; the first is padding."""

_ZERO = PADDING + 1
_FIRST_OPERATION = _ZERO + len(DIGITS)
_CLOSE = _FIRST_OPERATION + len(OPERATIONS)
_SHORTEST = 4  # an operation, two digits, a bracket


def generate(options: Mapping[str, Value], seed: int) -> Dataset:
    """Expressions with random shapes, digits and operations; the class is the value."""
    tokens, depth, arguments = (int(options[name]) for name in ("tokens", "depth", "arguments"))

    def draw(count: int, random: np.random.Generator) -> Examples:
        most = random.integers(max(_SHORTEST, tokens // 2), tokens + 1, count)
        shape = draw_shapes(most, tokens, depth, arguments, random)
        digits = random.integers(_ZERO, _FIRST_OPERATION, shape.shape, dtype=np.int32)
        operations = random.integers(_FIRST_OPERATION, _CLOSE, shape.shape, dtype=np.int32)
        inputs = np.where(shape == _ZERO, digits, np.where(shape == _FIRST_OPERATION, operations, shape))
        return Examples(inputs, (inputs != PADDING).sum(1, dtype=np.int32), evaluate(inputs))

    form = Form(
        tokens=tokens,
        vocabulary=len(SYMBOLS),
        channels=0,
        output="class",
        classes=len(DIGITS),
        score="accuracy",
        labels=DIGITS,
    )
    splits = distinct_splits(draw, options, np.random.default_rng(seed), len(DIGITS), "listops")
    return Dataset(form, *splits, remarks=("the median of an even count is the mean of the middle two, rounded down",))


def draw_shapes(
    most: NDArray[np.int64], tokens: int, depth: int, arguments: int, random: np.random.Generator
) -> NDArray[np.int32]:
    """Expressions (examples, tokens) of at most `most` (examples) tokens each, with 0 for every digit, MIN for every operation.

    Each grows from one digit: a random digit less than `depth` operations deep becomes an operation on 2 to `arguments`
    digits, again and again until no more fits.
    """
    shape = np.zeros((len(most), tokens), np.int32)
    shape[:, 0] = _ZERO
    levels = np.zeros_like(shape)
    column = np.arange(tokens)
    while True:
        open_digits = (shape == _ZERO) & (levels < depth)
        room = most - (shape != PADDING).sum(1)
        growing = np.flatnonzero(open_digits.any(1) & (room >= _SHORTEST - 1))
        if not len(growing):
            return shape
        # one token becomes an operation, its arguments and a bracket, which adds `added` tokens
        added = 1 + random.integers(2, np.minimum(arguments, room[growing] - 1), endpoint=True)[:, None]
        place = (random.random((len(growing), tokens), np.float32) * open_digits[growing]).argmax(1)[:, None]
        distance = column - place
        source = np.where(distance > added, column - added, column)
        inside = (distance >= 0) & (distance <= added)
        level = np.take_along_axis(levels[growing], place, axis=1)
        levels[growing] = np.where(inside, level + 1, np.take_along_axis(levels[growing], source, axis=1))
        shape[growing] = np.select(
            [distance == 0, distance == added, inside],
            [_FIRST_OPERATION, _CLOSE, _ZERO],
            np.take_along_axis(shape[growing], source, axis=1),
        )


def evaluate(inputs: NDArray[np.int32]) -> NDArray[np.int32]:
    """The values (examples) of expressions (examples, tokens), all at once, with a stack of digit counts per level for each."""
    opens = (inputs >= _FIRST_OPERATION) & (inputs < _CLOSE)
    levels = (opens.astype(np.int32) - (inputs == _CLOSE)).cumsum(1)
    deepest = int(levels.max())
    counts = np.zeros((len(inputs), deepest + 1, len(DIGITS)), np.int32)
    operations = np.zeros((len(inputs), deepest + 1), np.int32)
    for token, level, opening in zip(inputs.T, levels.T, opens.T, strict=True):
        row = np.flatnonzero(opening)
        operations[row, level[row]] = token[row] - _FIRST_OPERATION
        counts[row, level[row]] = 0
        row = np.flatnonzero((token >= _ZERO) & (token < _FIRST_OPERATION))
        counts[row, level[row], token[row] - _ZERO] += 1
        row = np.flatnonzero(token == _CLOSE)
        closed = level[row] + 1
        counts[row, level[row], _apply(operations[row, closed], counts[row, closed])] += 1
    values: NDArray[np.int64] = counts[:, 0].argmax(1)
    return values.astype(np.int32)


def _apply(operations: NDArray[np.int32], counts: NDArray[np.int32]) -> NDArray[Any]:
    """The results (examples) of operations (examples) on arguments, given as counts of each digit (examples, 10)."""
    up_to = counts.cumsum(1)
    amount = up_to[:, -1:]
    low, high = ((up_to > rank).argmax(1) for rank in ((amount - 1) // 2, amount // 2))
    results = {
        "[MIN": (up_to > 0).argmax(1),
        "[MAX": (up_to == amount).argmax(1),
        "[MED": (low + high) // 2,
        "[SM": counts @ np.arange(len(DIGITS)) % len(DIGITS),
    }
    return np.choose(operations, [results[name] for name in OPERATIONS])
