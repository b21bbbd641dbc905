"""Attention at a lower cost."""

from __future__ import annotations

from dataclasses import replace

from mixbench.mixers.causal_sums_cost import causal_sums_flops
from mixbench.mixers.description import Family, Mixer
from mixbench.mixers.families.common import CAUSAL, HEADS, heads_divide
from mixbench.parsing.option import Option


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
        Mixer(
            name="synthesizer",
            summary="softmax(B) V with a map B that each token makes from itself (dense), or that is learned (random)",
            paper="Synthesizer, arXiv 2005.00743",
            target="mixbench.mixers.synthesizer:Synthesizer",
            options=(Option("kind", "choice", "dense", "where the N × N map comes from", ("dense", "random")), HEADS),
            flops=lambda tokens, width, kind, **_: (
                {"dense": 6, "random": 4}[kind] * tokens * width**2 + {"dense": 4, "random": 2}[kind] * tokens**2 * width
            ),
            params=lambda tokens, width, kind, heads: (
                3 * width**2 + 3 * width + tokens * width if kind == "dense" else 2 * width**2 + 2 * width + heads * tokens**2
            ),
            any_length=False,
            constraint=heads_divide,
        ),
        Mixer(
            name="aft",
            summary="σ(Q) ⊙ Σ exp(K + w) ⊙ V / Σ exp(K + w): simple without w, full with one w per pair of tokens",
            paper="An Attention Free Transformer, arXiv 2105.14103",
            target="mixbench.mixers.aft:AFT",
            options=(
                Option("kind", "choice", "simple", "without w, or with it, at a fixed length", ("simple", "full")),
                CAUSAL,
            ),
            flops=lambda tokens, width, kind, **_: 8 * tokens * width**2 + (kind == "full") * 4 * tokens**2 * width,
            params=lambda tokens, width, kind, **_: 4 * width**2 + 4 * width + (kind == "full") * tokens**2,
            state="2d",
            constraint=lambda kind, causal, **_: "kind=full has no causal form here" if causal and kind == "full" else None,
        ),
    ),
)
