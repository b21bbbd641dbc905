"""Softmax attention. A causal map over tokens counts in full, with the half that the mask discards."""

from __future__ import annotations

from dataclasses import replace

from mixbench.mixers.costs.sliding_window import sliding_window_flops
from mixbench.mixers.description import Family, Mixer
from mixbench.mixers.families.common import CAUSAL, HEADS, even_heads_divide, heads_divide, projection_params
from mixbench.parsing.option import Option, Value


def _attention_flops(*, tokens: int, width: int, heads: int, kv_heads: int, **_: Value) -> int:
    keys_and_values = 2 * kv_heads * (width // heads)
    return 2 * tokens * width * (2 * width + keys_and_values) + 4 * tokens**2 * width


def _attention_params(*, width: int, heads: int, kv_heads: int, **_: Value) -> int:
    keys_and_values = 2 * kv_heads * (width // heads)
    return (width + 1) * (2 * width + keys_and_values)


def _fits(*, width: int, heads: int, kv_heads: int, rotary: bool, **_: Value) -> str | None:
    if fault := heads_divide(width=width, heads=heads):
        return fault
    if heads % kv_heads:
        return f"{kv_heads} kv-heads do not divide {heads} heads"
    if rotary and (width // heads) % 2:
        return f"rotary needs an even number of channels per head, not {width // heads}"
    return None


FAMILY = Family(
    "Softmax attention",
    (
        Mixer(
            name="attention",
            summary="softmax(QKᵀ/√dh) V with projections: the Transformer's mixer",
            paper="Attention Is All You Need, arXiv 1706.03762; kv-heads: GQA, arXiv 2305.13245; rotary: arXiv 2104.09864",
            target="mixbench.mixers.attention:Attention",
            options=(
                HEADS,
                Option(
                    "kv-heads",
                    "count",
                    "heads",
                    "key and value heads, shared by groups of query heads",
                    before="heads",
                ),
                replace(CAUSAL, before=False),
                Option("rotary", "flag", False, "rotary position embedding (RoPE) of queries and keys", before=False),
            ),
            flops=_attention_flops,
            params=_attention_params,
            constraint=_fits,
            state="2·N·g·dh (g kv-heads)",
        ),
        Mixer(
            name="sliding-window",
            summary="window attention: softmax over the tokens at most `window` positions away",
            paper="Longformer, arXiv 2004.05150",
            target="mixbench.mixers.sliding_window:SlidingWindow",
            options=(Option("window", "size", 128, "tokens seen on each side; with causal=true, before"), HEADS, CAUSAL),
            flops=sliding_window_flops,
            params=projection_params,
            constraint=heads_divide,
            state="2·window·d",
            free="window",
        ),
        Mixer(
            name="differential-attention",
            summary="(softmax(Q₁K₁ᵀ) − λ softmax(Q₂K₂ᵀ)) V with learned λ, normalised per head",
            paper="Differential Transformer, arXiv 2410.05258",
            target="mixbench.mixers.differential_attention:DifferentialAttention",
            options=(HEADS, CAUSAL),
            flops=lambda tokens, width, **_: 8 * tokens * width**2 + 8 * tokens**2 * width,
            params=lambda width, heads, **_: projection_params(width=width) + 3 * (width // heads),
            constraint=even_heads_divide,
            state="2·N·d",
        ),
        Mixer(
            name="latent-attention",
            summary="multi-head latent attention (MLA): keys and values from one low-dimensional latent vector per token",
            paper="DeepSeek-V2, arXiv 2405.04434",
            target="mixbench.mixers.latent_attention:LatentAttention",
            options=(
                HEADS,
                Option("latent", "size", "width/4", "size of the latent vector"),
                CAUSAL,
            ),
            flops=lambda tokens, width, latent, **_: 2 * tokens * width * (2 * width + 3 * latent) + 4 * tokens**2 * width,
            params=lambda width, latent, **_: width * (2 * width + 3 * latent) + latent,
            constraint=heads_divide,
            state="N·latent",
            free="latent",
        ),
    ),
)
