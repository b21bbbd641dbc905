"""Efficient attention."""

from __future__ import annotations

from dataclasses import replace

from mixbench.mixers.costs.causal_sums import causal_sums_flops
from mixbench.mixers.costs.nystromformer import nystromformer_flops
from mixbench.mixers.costs.sliding_window import sliding_window_flops
from mixbench.mixers.description import Family, Mixer
from mixbench.mixers.families.common import CAUSAL, HEADS, heads_divide, projection_params
from mixbench.parsing.option import Option, Value


def _kernel_flops(*, tokens: int, width: int, heads: int, features: int, causal: bool, **_: Value) -> int:
    """Projections, and per head φ(Q)(φ(K)ᵀV) and φ(Q)Σφ(K), or their causal form."""
    channels = width // heads
    sums = causal_sums_flops(tokens, features, channels) if causal else 2 * tokens * features * (2 * channels + 1)
    return 8 * tokens * width**2 + heads * sums


def _linear_flops(*, width: int, heads: int, causal: bool = False, **shape: Value) -> int:
    return _kernel_flops(width=width, heads=heads, features=width // heads, causal=causal, **shape)  # type: ignore[arg-type]


def _directions_flops(*, tokens: int, width: int, features: int, **_: Value) -> int:
    """The products of queries and keys with random directions."""
    return 4 * tokens * width * features


def _based_flops(*, tokens: int, width: int, features: int, window: int, heads: int, **_: Value) -> int:
    """A sliding window with its projections, those of the features' factors, and the sums of each head."""
    near = sliding_window_flops(tokens=tokens, width=width, window=window, causal=True)
    sums = causal_sums_flops(tokens, 1 + features + features**2, width // heads, factors=features)
    return near + 4 * tokens * width * heads * features + heads * sums


FAMILY = Family(
    "Efficient attention",
    (
        Mixer(
            name="linear-attention",
            summary="φ(Q)(φ(K)ᵀV) / φ(Q)Σφ(K) with φ = elu + 1: attention without the N × N matrix",
            paper="Transformers are RNNs, arXiv 2006.16236",
            target="mixbench.mixers.linear_attention:LinearAttention",
            options=(HEADS, replace(CAUSAL, before=False)),
            flops=_linear_flops,
            params=projection_params,
            state="H·dh·dh + d",
            constraint=heads_divide,
        ),
        Mixer(
            name="performer",
            summary="linear attention with random features φ(x) = exp(wx − ‖x‖²/2), which approximate softmax attention",
            paper="Rethinking Attention with Performers, arXiv 2009.14794",
            target="mixbench.mixers.performer:Performer",
            options=(Option("features", "count", 128, "number of random features, shared by the heads"), HEADS, CAUSAL),
            flops=lambda **shape: _kernel_flops(**shape) + _directions_flops(**shape),
            training_flops=lambda **shape: 3 * _kernel_flops(**shape) + 2 * _directions_flops(**shape),
            params=projection_params,
            state="H·features·(dh + 1)",
            free="features",
            constraint=heads_divide,
        ),
        Mixer(
            name="cosformer",
            summary="linear attention with weights relu(q)·relu(k)·cos(π(i−j)/2N)",
            paper="cosFormer, arXiv 2202.08791",
            target="mixbench.mixers.cosformer:Cosformer",
            options=(HEADS,),
            flops=lambda tokens, width, heads, **_: (
                8 * tokens * width**2 + 8 * tokens * width * (width // heads) + 4 * tokens * width
            ),
            params=projection_params,
            constraint=heads_divide,
        ),
        Mixer(
            name="linformer",
            summary="low-rank attention: softmax(Q(EK)ᵀ/√dh) FV, where learned E and F project N tokens to rank rows",
            paper="Linformer, arXiv 2006.04768",
            target="mixbench.mixers.linformer:Linformer",
            options=(Option("rank", "count", 128, "rows of E and F, shared by the heads"), HEADS),
            flops=lambda tokens, width, rank, **_: 8 * tokens * width**2 + 8 * tokens * rank * width,
            params=lambda tokens, width, rank, **_: projection_params(width=width) + 2 * rank * tokens,
            any_length=False,
            free="rank",
            constraint=heads_divide,
        ),
        Mixer(
            name="nystromformer",
            summary="softmax(QK̃ᵀ) pinv(softmax(Q̃K̃ᵀ)) softmax(Q̃Kᵀ)V with segment means as landmarks Q̃, K̃",
            paper="Nyströmformer, arXiv 2102.03902",
            target="mixbench.mixers.nystromformer:Nystromformer",
            options=(Option("landmarks", "count", 64, "maximum number of landmarks"), HEADS),
            flops=nystromformer_flops,
            params=projection_params,
            honours_mask=False,
            free="landmarks",
            constraint=heads_divide,
        ),
        Mixer(
            name="synthesizer",
            summary="softmax(B) V with an N × N map B, predicted from each token alone (dense) or learned (random)",
            paper="Synthesizer, arXiv 2005.00743",
            target="mixbench.mixers.synthesizer:Synthesizer",
            options=(
                Option("kind", "choice", "dense", "how the N × N map is made", ("dense", "random")),
                HEADS,
            ),
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
            name="based",
            summary="window attention plus linear attention with a second-order Taylor expansion of exp",
            paper="Simple linear attention language models balance the recall-throughput tradeoff, arXiv 2402.18668",
            target="mixbench.mixers.based:Based",
            options=(
                Option("features", "count", 16, "channels f of queries and keys per head, expanded to 1 + f + f² features"),
                Option("window", "size", 64, "earlier tokens that window attention sees"),
                HEADS,
            ),
            flops=_based_flops,
            params=lambda width, heads, features, **_: projection_params(width=width) + 2 * heads * features * (width + 1),
            always_causal=True,
            state="H·(1 + f + f²)·(dh + 1) + 2·window·d (f features)",
            free="features",
            constraint=heads_divide,
        ),
        Mixer(
            name="aft",
            summary="σ(Q) ⊙ Σ exp(K + w) ⊙ V / Σ exp(K + w): w is 0 (simple) or learned per pair of positions (full)",
            paper="An Attention Free Transformer, arXiv 2105.14103",
            target="mixbench.mixers.aft:AFT",
            options=(
                Option("kind", "choice", "simple", "without w, or with w and a fixed length", ("simple", "full")),
                CAUSAL,
            ),
            flops=lambda tokens, width, kind, **_: 8 * tokens * width**2 + (kind == "full") * 4 * tokens**2 * width,
            params=lambda tokens, width, kind, **_: projection_params(width=width) + (kind == "full") * tokens**2,
            state="2·d",
            fixed_with="kind=full",
            constraint=lambda kind, causal, **_: "kind=full has no causal form" if causal and kind == "full" else None,
        ),
    ),
)
