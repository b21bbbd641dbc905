"""How a sliding window is cut into blocks: what runs, and what it costs."""

from __future__ import annotations

from math import ceil

from mixbench.parsing.option import Value

SMALLEST = 16
"""Tokens in a block, at least: smaller ones were slower on a CPU at every window."""


def block_of(window: int) -> tuple[int, int]:
    """The tokens in a block of queries, and how many blocks on a side hold what they see: half a window, and two."""
    size = max(SMALLEST, ceil(window / 2))
    return size, ceil(window / size)


def scores_of(tokens: int, window: int, causal: bool) -> int:
    """Products of a query with a key that are computed for one sequence: of whole blocks, or of all where blocks save none."""
    size, reach = block_of(window)
    seen = size * (1 + reach * (1 if causal else 2))
    return tokens**2 if tokens <= seen else ceil(tokens / size) * size * seen


def sliding_window_flops(*, tokens: int, width: int, window: int, causal: bool, **_: Value) -> int:
    return 8 * tokens * width**2 + 4 * width * scores_of(tokens, window, causal)
