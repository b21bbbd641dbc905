"""Attention at a lower cost."""

from __future__ import annotations

from mixbench.mixers.description import Family, Mixer
from mixbench.mixers.families.common import HEADS, heads_divide

FAMILY = Family(
    "Attention at a lower cost",
    (
        Mixer(
            name="linear-attention",
            summary="φ(Q)(φ(K)ᵀV) / φ(Q)Σφ(K) with φ = elu + 1: attention without the N × N matrix",
            paper="Transformers are RNNs, arXiv 2006.16236",
            target="mixbench.mixers.linear_attention:LinearAttention",
            options=(HEADS,),
            flops=lambda tokens, width, heads, **_: (
                8 * tokens * width**2 + 4 * tokens * width * (width // heads) + 2 * tokens * width
            ),
            params=lambda width, **_: 4 * width**2 + 4 * width,
            constraint=heads_divide,
        ),
    ),
)
