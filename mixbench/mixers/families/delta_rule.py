"""Delta rule."""

from __future__ import annotations

from mixbench.mixers.delta_rule_cost import CONVOLUTION, delta_net_flops
from mixbench.mixers.description import Family, Mixer
from mixbench.mixers.families.common import HEADS, heads_divide

STATE = f"H·dh·dh + {3 * (CONVOLUTION - 1)}·d"

FAMILY = Family(
    "Delta rule",
    (
        Mixer(
            name="delta-net",
            summary="S ← S(1 - β k kᵀ) + β v kᵀ: a memory that replaces what it held for a key; short convolutions",
            paper="Parallelizing Linear Transformers with the Delta Rule, arXiv 2406.06484",
            target="mixbench.mixers.delta_net:DeltaNet",
            options=(HEADS,),
            flops=delta_net_flops,
            params=lambda width, heads, **_: 4 * width**2 + (heads + 3 * CONVOLUTION) * width + width // heads,
            always_causal=True,
            state=STATE,
            constraint=heads_divide,
        ),
    ),
)
