"""The table of mixers. To add one: a file in this folder with the module, and an entry here. No torch in this file.

Closed forms count one sequence, forward, multiply-add = 2: N tokens, d width, as in the papers named in each entry.
"""

from __future__ import annotations

import math

from mixbench.errors import UnknownNameError
from mixbench.mixers.description import Mixer, Resolved
from mixbench.mixers.hypermixer_cost import hypermixer_flops, hypermixer_params
from mixbench.parsing.option import Option

HEADS = Option("heads", "count", 4, "parallel groups of channels")


def heads_divide_width(shape: Resolved) -> str | None:
    heads = shape.size("heads")
    return f"{heads} heads do not divide the width" if shape.width % heads else None


def _heads_divide_all(shape: Resolved) -> str | None:
    hidden, heads = shape.size("hidden"), shape.size("heads")
    return heads_divide_width(shape) or (f"{heads} heads do not divide hidden {hidden}" if hidden % heads else None)


def _linear_attention_flops(shape: Resolved) -> int:
    n, d, head_width = shape.tokens, shape.width, shape.width // shape.size("heads")
    return 8 * n * d * d + 4 * n * d * head_width + 2 * n * d


def _gmlp_flops(shape: Resolved) -> int:
    n, d, f = shape.tokens, shape.width, shape.size("hidden")
    return 3 * n * d * f + n * n * f


def _gmlp_params(shape: Resolved) -> int:
    n, d, f = shape.tokens, shape.width, shape.size("hidden")
    return d * f + f + f * d // 2 + d + n * n + n + f


MIXERS: dict[str, Mixer] = {
    mixer.name: mixer
    for mixer in (
        Mixer(
            name="attention",
            summary="softmax(QKᵀ/√(d/h)) V with projections: the Transformer's mixer",
            paper="Attention Is All You Need, arXiv 1706.03762",
            target="mixbench.mixers.attention:Attention",
            options=(HEADS,),
            flops=lambda s: 8 * s.tokens * s.width**2 + 4 * s.tokens**2 * s.width,
            params=lambda s: 4 * s.width**2 + 4 * s.width,
            constraint=heads_divide_width,
        ),
        Mixer(
            name="linear-attention",
            summary="φ(Q)(φ(K)ᵀV) / φ(Q)Σφ(K) with φ = elu + 1: attention without the N × N matrix",
            paper="Transformers are RNNs, arXiv 2006.16236",
            target="mixbench.mixers.linear_attention:LinearAttention",
            options=(HEADS,),
            flops=_linear_attention_flops,
            params=lambda s: 4 * s.width**2 + 4 * s.width,
            constraint=heads_divide_width,
        ),
        Mixer(
            name="fnet",
            summary="real part of the Fourier transform over tokens and channels; a padded token counts as a token",
            paper="FNet, arXiv 2105.03824",
            target="mixbench.mixers.fnet:FNet",
            flops=lambda s: round(5 * s.tokens * s.width * math.log2(s.tokens * s.width)),
            params=lambda s: 0,
            training_factor=2,
            honours_mask=False,
            half_on_cpu=False,
        ),
        Mixer(
            name="mlp-mixer",
            summary="an MLP over the tokens, the same for every channel",
            paper="MLP-Mixer, arXiv 2105.01601",
            target="mixbench.mixers.mlp_mixer:MLPMixer",
            options=(Option("hidden", "size", "tokens/2", "hidden size of the MLP over tokens"),),
            flops=lambda s: 4 * s.tokens * s.size("hidden") * s.width,
            params=lambda s: 2 * s.tokens * s.size("hidden") + s.size("hidden") + s.tokens,
            any_length=False,
        ),
        Mixer(
            name="gmlp",
            summary="channel MLP gated by a learned N × N map over tokens; contains channel mixing",
            paper="Pay Attention to MLPs, arXiv 2105.08050",
            target="mixbench.mixers.gmlp:GMLP",
            options=(Option("hidden", "size", "4*width", "channels of the MLP, half of them the gate; even"),),
            flops=_gmlp_flops,
            params=_gmlp_params,
            any_length=False,
            constraint=lambda s: f"hidden {s.size('hidden')} is odd" if s.size("hidden") % 2 else None,
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
                    ("auto", "as-written", "regrouped"),
                ),
            ),
            flops=hypermixer_flops,
            params=hypermixer_params,
            constraint=_heads_divide_all,
        ),
        Mixer(
            name="none",
            summary="the control: tokens pass unmixed",
            paper="control without token mixing",
            target="mixbench.mixers.none:NoMixing",
            flops=lambda s: 0,
            params=lambda s: 0,
        ),
    )
}

PAPER_MIXERS = tuple(MIXERS)
"""Measured when no mixer is named: the paper's six and the control."""


def find_mixer(name: str) -> Mixer:
    """The mixer of that name. Raises UnknownNameError, which suggests the nearest."""
    if name not in MIXERS:
        raise UnknownNameError("mixer", name, MIXERS)
    return MIXERS[name]
