"""Closed forms of HyperMixer (arXiv 2203.03691) in both groupings, and which grouping `auto` takes.

Multiply-adds of one forward pass over one sequence, with N tokens, width d, hidden d', and h heads of d/h channels and d'/h
hidden units each:

- hypernetworks' first layer   N d²/h each (one when tied)
- as written                   W1, W2: N d d'/h each (W2 = W1 when tied); W1ᵀX and W2 G: N d d'/h each
- regrouped                    H1ᵀX and H2 P: N d²/h each; B1 (H1ᵀX) and P = B2ᵀG: d² d'/h² each, one column more with biases
"""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import dataclass
from typing import Any

from mixbench.parsing.spec import LARGEST_SIZE

WORTHWHILE = 1.15
"""Ratio of operations, as written / regrouped, from which `auto` regroups; below it, times do not follow the counts."""

WORTHWHILE_ON_CUDA = {True: 4e9, False: 0.4e9}
"""FLOPs that regrouping must also save in a forward call on a GPU, by whether numbers have half precision.

Regrouping takes more kernels, each of them small. Measured on an H100 (bfloat16, batch 8, width 256, hidden 512, one head,
inference, CUDA graphs): regrouped minus as written took +4.1 µs at 256 tokens, where 0.54 GFLOP are saved, -5.9 µs at 1,024
(5.4 GFLOP), -51 µs at 4,096 (25) and -188 µs at 16,384 (103). That is 5 µs more for the kernels and 2.1 µs less for each GFLOP:
both are equal at 2.5 GFLOP. float32 was not measured: its products are 16 times slower there (51 instead of 803 TFLOP/s), so a
saved operation counts for more, by how much depends on memory as well; a tenth is assumed. Other GPUs, widths and batches were
not measured either.
"""


def grouping_flops(grouping: str, *, tokens: int, width: int, hidden: int, heads: int, tied: bool, bias: bool) -> int:
    """FLOPs of one sequence, forward, in one grouping."""
    networks = 1 if tied else 2
    first_layers = networks * tokens * width**2 // heads
    if grouping == "as-written":
        products = (networks + 2) * tokens * width * hidden // heads
    else:
        products = 2 * tokens * width**2 // heads + 2 * hidden * (width // heads) * (width // heads + bias)
    return 2 * (first_layers + products)


@dataclass(frozen=True)
class AutoGrouping:
    """Which grouping `auto` takes in a layer: the same answer for every call of a shape, device and precision.

    Per sequence, regrouping saves `saved_per_token` FLOPs for each token, less `spent`.
    """

    fewest_tokens: int
    saved_per_token: float
    spent: float

    def grouping(self, *, batch: int, tokens: int, cuda: bool, half: bool) -> str:
        """The grouping of a call of (batch, tokens, width), on a GPU or not, in half precision or not."""
        worthwhile = tokens >= self.fewest_tokens
        if cuda:
            worthwhile = worthwhile and batch * (tokens * self.saved_per_token - self.spent) >= WORTHWHILE_ON_CUDA[half]
        return "regrouped" if worthwhile else "as-written"


def auto_grouping(**sizes: Any) -> AutoGrouping:
    """The rule for a layer's `width`, `hidden`, `heads`, `tied` and `bias`."""

    def both(tokens: int) -> tuple[int, int]:
        return grouping_flops("as-written", tokens=tokens, **sizes), grouping_flops("regrouped", tokens=tokens, **sizes)

    def worthwhile(tokens: int) -> bool:
        as_written, regrouped = both(tokens)
        return as_written >= WORTHWHILE * regrouped

    fewest = bisect_left(range(LARGEST_SIZE), True, key=worthwhile)  # as written costs a·tokens, regrouped b·tokens + c
    (_, spent), (as_written, regrouped) = both(0), both(1)
    return AutoGrouping(fewest, as_written - regrouped + spent, spent)


def hypermixer_flops(
    *,
    grouping: str,
    tokens: int,
    batch: int,
    device: str,
    dtype: str,
    positions: str,
    scale: bool,
    layer_norm: bool,
    **sizes: Any,
) -> int:
    """FLOPs of one sequence, forward, in the grouping that runs in such a call."""
    if grouping == "auto":
        rule = auto_grouping(**sizes)
        grouping = rule.grouping(batch=batch, tokens=tokens, cuda=device.startswith("cuda"), half=dtype.endswith("16"))
    return grouping_flops(grouping, tokens=tokens, **sizes)


def hypermixer_params(
    *, tokens: int, width: int, hidden: int, heads: int, tied: bool, bias: bool, positions: str, layer_norm: bool, **_: Any
) -> int:
    """Parameters of hypernetworks, learned positions and layer norm."""
    network = (width**2 + width * hidden) // heads + (width + hidden if bias else 0)
    learned = tokens * width if positions == "learned" else 0
    return network * (1 if tied else 2) + learned + (2 * width if layer_norm else 0)
