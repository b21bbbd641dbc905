"""The table of mixers. To add one, write its module in this folder and its entry here: `mixbench verify` compares them.

Closed forms count multiply-add as 2 FLOPs and leave elementwise operations out, as in the paper named in each entry.
"""

from __future__ import annotations

import math

from mixbench.errors import UnknownNameError
from mixbench.mixers.description import Mixer
from mixbench.mixers.hypermixer_cost import fused_fault, fused_lacks, hypermixer_flops, hypermixer_params
from mixbench.parsing.option import Option, Value

PAPER_MIXERS = ("attention", "linear-attention", "fnet", "mlp-mixer", "gmlp", "hypermixer", "none")
"""The mixers measured by default: the six that the HyperMixer paper compares, and the control."""

_HEADS = Option("heads", "count", 4, "parallel groups of channels")


def _heads_divide(*, width: int, heads: int, hidden: int | None = None, **_: Value) -> str | None:
    if width % heads:
        return f"{heads} heads do not divide the width"
    return f"{heads} heads do not divide hidden {hidden}" if hidden and hidden % heads else None


MIXERS: dict[str, Mixer] = {
    mixer.name: mixer
    for mixer in (
        Mixer(
            name="attention",
            summary="softmax(QKᵀ/√(d/h)) V with projections: the Transformer's mixer",
            paper="Attention Is All You Need, arXiv 1706.03762",
            target="mixbench.mixers.attention:Attention",
            options=(_HEADS,),
            flops=lambda tokens, width, heads, **_: 8 * tokens * width**2 + 4 * tokens**2 * width,
            params=lambda width, **_: 4 * width**2 + 4 * width,
            constraint=_heads_divide,
        ),
        Mixer(
            name="linear-attention",
            summary="φ(Q)(φ(K)ᵀV) / φ(Q)Σφ(K) with φ = elu + 1: attention without the N × N matrix",
            paper="Transformers are RNNs, arXiv 2006.16236",
            target="mixbench.mixers.linear_attention:LinearAttention",
            options=(_HEADS,),
            flops=lambda tokens, width, heads, **_: (
                8 * tokens * width**2 + 4 * tokens * width * (width // heads) + 2 * tokens * width
            ),
            params=lambda width, **_: 4 * width**2 + 4 * width,
            constraint=_heads_divide,
        ),
        Mixer(
            name="fnet",
            summary="real part of the Fourier transform over tokens and channels; a padded token counts as a token",
            paper="FNet, arXiv 2105.03824",
            target="mixbench.mixers.fnet:FNet",
            options=(
                Option(
                    "norm",
                    "choice",
                    "ortho",
                    "ortho divides by √(N·d), none does not (paper)",
                    ("ortho", "none"),
                    before="none",
                ),
            ),
            flops=lambda tokens, width, **_: round(5 * tokens * width * math.log2(tokens * width)),
            params=lambda **_: 0,
            training_factor=2,
            honours_mask=False,
        ),
        Mixer(
            name="mlp-mixer",
            summary="an MLP over the tokens, the same for every channel",
            paper="MLP-Mixer, arXiv 2105.01601",
            target="mixbench.mixers.mlp_mixer:MLPMixer",
            options=(Option("hidden", "size", "tokens/2", "hidden size of the MLP over tokens"),),
            flops=lambda tokens, width, hidden, **_: 4 * tokens * hidden * width,
            params=lambda tokens, hidden, **_: 2 * tokens * hidden + hidden + tokens,
            any_length=False,
        ),
        Mixer(
            name="gmlp",
            summary="channel MLP gated by a learned N × N map over tokens; contains channel mixing",
            paper="Pay Attention to MLPs, arXiv 2105.08050",
            target="mixbench.mixers.gmlp:GMLP",
            options=(Option("hidden", "size", "4*width", "channels of the MLP, half of them the gate; even"),),
            flops=lambda tokens, width, hidden, **_: 3 * tokens * width * hidden + tokens**2 * hidden,
            params=lambda tokens, width, hidden: (
                width * hidden + hidden + hidden * width // 2 + width + tokens**2 + tokens + hidden
            ),
            any_length=False,
            constraint=lambda hidden, **_: f"hidden {hidden} is odd" if hidden % 2 else None,
        ),
        Mixer(
            name="hypermixer",
            summary="an MLP over the tokens whose weights a hypernetwork makes from the tokens",
            paper="HyperMixer, arXiv 2203.03691; heads: HyperConformer, arXiv 2305.18281",
            target="mixbench.mixers.hypermixer:HyperMixer",
            options=(
                Option("hidden", "size", "2*width", "hidden size d' of the MLP over tokens"),
                Option("heads", "count", 1, "parallel groups of channels, each with its own hypernetworks"),
                Option("tied", "flag", False, "one hypernetwork makes both weights"),
                Option("bias", "flag", False, "biases in the hypernetworks"),
                Option(
                    "positions",
                    "choice",
                    "sinusoidal",
                    "what the hypernetworks see besides x",
                    ("none", "sinusoidal", "learned"),
                ),
                Option("scale", "flag", True, "multiply x by √d before the positions are added"),
                Option("layer-norm", "flag", True, "normalise the output"),
                Option(
                    "grouping",
                    "choice",
                    "auto",
                    "order of the products: same result, other cost",
                    ("auto", "as-written", "regrouped", "fused"),
                ),
            ),
            flops=hypermixer_flops,
            params=hypermixer_params,
            constraint=lambda **arguments: _heads_divide(**arguments) or fused_fault(**arguments),
            lacks=fused_lacks,
        ),
        Mixer(
            name="none",
            summary="the control: tokens pass unmixed",
            paper="control without token mixing",
            target="mixbench.mixers.none:NoMixing",
            flops=lambda **_: 0,
            params=lambda **_: 0,
        ),
    )
}


def find_mixer(name: str) -> Mixer:
    """The mixer of that name. Raises UnknownNameError, which suggests the closest one."""
    if name not in MIXERS:
        raise UnknownNameError("mixer", name, MIXERS)
    return MIXERS[name]
