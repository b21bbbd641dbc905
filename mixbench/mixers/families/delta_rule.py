"""Delta rule."""

from __future__ import annotations

from mixbench.mixers.costs.delta_rule import (
    CONVOLUTION,
    delta_net_flops,
    delta_net_params,
    rwkv7_flops,
    rwkv7_params,
)
from mixbench.mixers.description import Family, Mixer
from mixbench.mixers.families.common import HEADS, heads_divide

STATE = f"H·dh·dh + {3 * (CONVOLUTION - 1)}·d"


def _gates(width: int, heads: int) -> int:
    """Weights of Gated DeltaNet's decay and gate."""
    return width * (heads + width)


def _channel_gates(width: int, heads: int) -> int:
    """Weights of Kimi Delta Attention's decay and gate, both of rank width/heads."""
    return 4 * width * (width // heads)


FAMILY = Family(
    "Delta rule",
    (
        Mixer(
            name="delta-net",
            summary="delta rule S ← S(I − βkkᵀ) + βvkᵀ: overwrites the value stored for a key; short convolutions",
            paper="Parallelizing Linear Transformers with the Delta Rule, arXiv 2406.06484",
            target="mixbench.mixers.delta_net:DeltaNet",
            options=(HEADS,),
            flops=delta_net_flops,
            params=delta_net_params,
            always_causal=True,
            state=STATE,
            constraint=heads_divide,
        ),
        Mixer(
            name="gated-delta-net",
            summary="DeltaNet with a decay per head and a gated output",
            paper="Gated Delta Networks, arXiv 2412.06464",
            target="mixbench.mixers.gated_delta_net:GatedDeltaNet",
            options=(HEADS,),
            flops=lambda **sizes: delta_net_flops(**sizes, gates=_gates(sizes["width"], sizes["heads"])),
            params=lambda width, heads, **_: delta_net_params(width=width, heads=heads, gates=_gates(width, heads)) + 2 * heads,
            always_causal=True,
            state=STATE,
            constraint=heads_divide,
        ),
        Mixer(
            name="kimi-delta",
            summary="DeltaNet with a decay per channel and a gated output",
            paper="Kimi Linear, arXiv 2510.26692",
            target="mixbench.mixers.kimi_delta:KimiDelta",
            options=(HEADS,),
            flops=lambda **sizes: delta_net_flops(
                **sizes, gates=_channel_gates(sizes["width"], sizes["heads"]), by_halves=True
            ),
            params=lambda width, heads, **_: (
                delta_net_params(width=width, heads=heads, gates=_channel_gates(width, heads)) + 2 * width + heads
            ),
            always_causal=True,
            state=STATE,
            constraint=heads_divide,
        ),
        Mixer(
            name="rwkv7",
            summary="S ← S(diag(w) − κ̂ᵀ(a ⊙ κ̂)) + vᵀk: decay and learning rate per channel; token shift",
            paper="RWKV-7, arXiv 2503.14456",
            target="mixbench.mixers.rwkv7:RWKV7",
            options=(HEADS,),
            flops=rwkv7_flops,
            params=rwkv7_params,
            always_causal=True,
            state="H·dh·dh + d",
            constraint=heads_divide,
        ),
    ),
)
