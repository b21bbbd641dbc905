"""Closed forms of HyperMixer (arXiv 2203.03691) in both groupings, and which grouping `auto` takes. No torch here.

With N tokens, width d, hidden d', h heads (d/h channels and d'/h hidden units each), multiply-adds of one sequence, forward:

- hypernetworks' first layer   N d²/h each (one when tied)
- as written                   W1, W2: N d d'/h each (W2 = W1 when tied); W1ᵀX and W2 G: N d d'/h each
- regrouped                    H1ᵀX and H2 P: N d²/h each; B1 (H1ᵀX) and P = B2ᵀG: d² d'/h² each, one column more with biases
"""

from __future__ import annotations

from bisect import bisect_left

from mixbench.mixers.description import Resolved
from mixbench.parsing.spec import LARGEST_SIZE

WORTHWHILE = 1.15
"""`auto` regroups where that needs at least this many times fewer operations; below, measured times do not follow the count."""


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


def hypermixer_flops(shape: Resolved) -> int:
    """FLOPs of one sequence, forward, in the grouping that runs at this shape."""
    sizes = {
        "tokens": shape.tokens,
        "width": shape.width,
        "hidden": shape.size("hidden"),
        "heads": shape.size("heads"),
        "tied": bool(shape.options["tied"]),
        "bias": bool(shape.options["bias"]),
    }
    grouping = str(shape.options["grouping"])
    return grouping_flops(choose_grouping(**sizes) if grouping == "auto" else grouping, **sizes)  # type: ignore[arg-type]


def hypermixer_params(shape: Resolved) -> int:
    """Parameters: hypernetworks, learned positions, layer norm."""
    d, hidden, heads = shape.width, shape.size("hidden"), shape.size("heads")
    network = (d * d + d * hidden) // heads + (d + hidden if shape.options["bias"] else 0)
    positions = shape.tokens * d if shape.options["positions"] == "learned" else 0
    return network * (1 if shape.options["tied"] else 2) + positions + (2 * d if shape.options["layer-norm"] else 0)
