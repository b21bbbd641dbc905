"""Attention at a lower cost."""

from __future__ import annotations

from dataclasses import replace

from mixbench.mixers.causal_sums_cost import causal_sums_flops
from mixbench.mixers.description import Family, Mixer
from mixbench.mixers.families.common import CAUSAL, HEADS, heads_divide


def kernel_attention_flops(*, tokens: int, features: int, channels: int, causal: bool) -> int:
    """FLOPs of one head: φ(Q)(φ(K)ᵀV) and φ(Q)Σφ(K), or their causal form."""
    return causal_sums_flops(tokens, features, channels) if causal else 2 * tokens * features * (2 * channels + 1)


FAMILY = Family(
    "Attention at a lower cost",
    (
        Mixer(
            name="linear-attention",
            summary="φ(Q)(φ(K)ᵀV) / φ(Q)Σφ(K) with φ = elu + 1: attention without the N × N matrix",
            paper="Transformers are RNNs, arXiv 2006.16236",
            target="mixbench.mixers.linear_attention:LinearAttention",
            options=(HEADS, replace(CAUSAL, before=False)),
            flops=lambda tokens, width, heads, causal, **_: (
                8 * tokens * width**2
                + heads * kernel_attention_flops(tokens=tokens, features=width // heads, channels=width // heads, causal=causal)
            ),
            params=lambda width, **_: 4 * width**2 + 4 * width,
            state="H·dh·dh + d",
            constraint=heads_divide,
        ),
    ),
)
