"""Closed forms of HyperMixer (arXiv 2203.03691) in its groupings, which grouping `auto` takes, and what `fused` needs.

Multiply-adds of one forward pass over one sequence, with N tokens, width d, hidden d', and h heads of d/h channels and d'/h
hidden units each:

- hypernetworks' first layer   N d²/h each (one when tied)
- as written                   W1, W2: N d d'/h each (W2 = W1 when tied); W1ᵀX and W2 G: N d d'/h each
- regrouped, fused             H1ᵀX and H2 P: N d²/h each; B1 (H1ᵀX) and P = B2ᵀG: d² d'/h² each, one column more with biases
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Any

WORTHWHILE = 1.15
"""Ratio of operations, as written / regrouped, from which `auto` regroups; below it, times do not follow the counts."""

WORTH_SAVING = {
    ("cpu", "single"): 3e6,
    ("cpu", "half"): 25e6,
    ("cuda", "single"): 0.4e9,
    ("cuda", "half"): 4e9,
}
"""FLOPs that regrouping must also save in one forward call, batch included, by device and precision.

Regrouping takes more operators, and each of them takes time of its own. Where less is saved, it was up to 20 % slower.

CPU: measured on two cores of an AMD EPYC at widths 32 to 512, 1 and 4 heads, tied and not, batches 1 and 8, in inference and
training: results/regrouping. From these limits on, regrouped took at most 1.04 times as long as written. float16 was not
measured.

CUDA: measured on an H100 in bfloat16 at batch 8, width 256, hidden 512, one head, in inference, as CUDA graphs. Regrouped minus
as written was +4.1 µs at 256 tokens, where 0.54 GFLOP are saved, -5.9 µs at 1,024 (5.4 GFLOP), -51 µs at 4,096 (25) and -188 µs
at 16,384 (103): about 5 µs more for the kernels and 2.1 µs less for each GFLOP. So both are equal at 2.5. float32 was not
measured: its products are 16 times slower there (51 instead of 803 TFLOP/s), but part of the time goes into memory, so a tenth
is assumed. Other GPUs, widths and batches were not measured.
"""


FUSED_NEEDS = "grouping=fused needs a CUDA device and triton"
WIDEST_FUSED = 512
"""Its kernels keep sums over all channels in registers."""


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
    """Which grouping `auto` takes in a layer; all calls of one shape, device and precision get the same.

    FLOPs of a sequence: `as_written` for each token, or `regrouped` for each token and `once` more.
    """

    as_written: int
    regrouped: int
    once: int

    def grouping(self, *, batch: int, tokens: int, cuda: bool, half: bool) -> str:
        """The grouping of a call of (batch, tokens, width), on a GPU or not, in half precision or not."""
        as_written, regrouped = tokens * self.as_written, tokens * self.regrouped + self.once
        enough = WORTH_SAVING["cuda" if cuda else "cpu", "half" if half else "single"]
        worthwhile = as_written >= WORTHWHILE * regrouped and batch * (as_written - regrouped) >= enough
        return "regrouped" if worthwhile else "as-written"


def auto_grouping(**sizes: Any) -> AutoGrouping:
    """The rule for a layer's `width`, `hidden`, `heads`, `tied` and `bias`."""
    once = grouping_flops("regrouped", tokens=0, **sizes)
    return AutoGrouping(
        grouping_flops("as-written", tokens=1, **sizes), grouping_flops("regrouped", tokens=1, **sizes) - once, once
    )


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


def fused_fault(*, grouping: str, width: int, heads: int, bias: bool, **_: Any) -> str | None:
    """What `grouping=fused` does not support among these arguments, or None."""
    if grouping == "fused" and (heads > 1 or bias or width > WIDEST_FUSED):
        return f"grouping=fused supports heads=1, bias=false and widths up to {WIDEST_FUSED}; take grouping=regrouped"
    return None


def fused_lacks(config: Mapping[str, Any], device: str) -> str | None:
    """What `grouping=fused` lacks on a device, or None. Nothing is imported."""
    if config["grouping"] != "fused" or os.environ.get("TRITON_INTERPRET") == "1":
        return None
    return FUSED_NEEDS if device == "cpu" or find_spec("triton") is None else None
