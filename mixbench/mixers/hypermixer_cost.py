"""Closed forms of HyperMixer (arXiv 2203.03691) in both groupings, and which grouping `auto` takes.

Multiply-adds of one forward pass over one sequence, with N tokens, width d, hidden d', and h heads of d/h channels and d'/h
hidden units each:

- hypernetworks' first layer   N d²/h each (one when tied)
- as written                   W1, W2: N d d'/h each (W2 = W1 when tied); W1ᵀX and W2 G: N d d'/h each
- regrouped                    H1ᵀX and H2 P: N d²/h each; B1 (H1ᵀX) and P = B2ᵀG: d² d'/h² each, one column more with biases
"""

from __future__ import annotations

from bisect import bisect_left
from typing import Any

from mixbench.parsing.spec import LARGEST_SIZE

WORTHWHILE = 1.15
"""Ratio of operations, as written / regrouped, from which `auto` regroups; below it, times do not follow the counts."""


def grouping_flops(grouping: str, *, tokens: int, width: int, hidden: int, heads: int, tied: bool, bias: bool) -> int:
    """FLOPs of one sequence, forward, in one grouping."""
    networks = 1 if tied else 2
    first_layers = networks * tokens * width**2 // heads
    if grouping == "as-written":
        products = (networks + 2) * tokens * width * hidden // heads
    else:
        products = 2 * tokens * width**2 // heads + 2 * hidden * (width // heads) * (width // heads + bias)
    return 2 * (first_layers + products)


def choose_grouping(*, tokens: int, width: int, hidden: int, heads: int, tied: bool, bias: bool) -> str:
    """The grouping that `auto` takes at a shape."""
    as_written, regrouped = (
        grouping_flops(grouping, tokens=tokens, width=width, hidden=hidden, heads=heads, tied=tied, bias=bias)
        for grouping in ("as-written", "regrouped")
    )
    return "regrouped" if as_written >= WORTHWHILE * regrouped else "as-written"


def regroups_from(*, width: int, hidden: int, heads: int, tied: bool, bias: bool) -> int:
    """The fewest tokens at which `auto` regroups: as written costs a·tokens, regrouped b·tokens + c."""

    def regroups(tokens: int) -> bool:
        return choose_grouping(tokens=tokens, width=width, hidden=hidden, heads=heads, tied=tied, bias=bias) == "regrouped"

    return bisect_left(range(LARGEST_SIZE), True, key=regroups)


def hypermixer_flops(*, grouping: str, positions: str, scale: bool, layer_norm: bool, **sizes: Any) -> int:
    """FLOPs of one sequence, forward, in the grouping that runs at this shape."""
    return grouping_flops(choose_grouping(**sizes) if grouping == "auto" else grouping, **sizes)


def hypermixer_params(
    *, tokens: int, width: int, hidden: int, heads: int, tied: bool, bias: bool, positions: str, layer_norm: bool, **_: Any
) -> int:
    """Parameters of hypernetworks, learned positions and layer norm."""
    network = (width**2 + width * hidden) // heads + (width + hidden if bias else 0)
    learned = tokens * width if positions == "learned" else 0
    return network * (1 if tied else 2) + learned + (2 * width if layer_norm else 0)
