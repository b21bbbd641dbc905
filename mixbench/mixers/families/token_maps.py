"""MLPs and linear maps over tokens."""

from __future__ import annotations

from mixbench.mixers.costs.chunks import square_for
from mixbench.mixers.costs.hypermixer import fused_fault, fused_lacks, hypermixer_flops, hypermixer_params
from mixbench.mixers.description import Family, Mixer
from mixbench.mixers.families.common import heads_divide
from mixbench.parsing.option import Option

FAMILY = Family(
    "MLPs and linear maps over tokens",
    (
        Mixer(
            name="mlp-mixer",
            summary="an MLP over the tokens, the same for every channel",
            paper="MLP-Mixer, arXiv 2105.01601",
            target="mixbench.mixers.mlp_mixer:MLPMixer",
            free="hidden",
            options=(Option("hidden", "size", "tokens/2", "hidden size of the MLP over tokens"),),
            flops=lambda tokens, width, hidden, **_: 4 * tokens * hidden * width,
            params=lambda tokens, hidden, **_: 2 * tokens * hidden + hidden + tokens,
            any_length=False,
        ),
        Mixer(
            name="gmlp",
            summary="channel MLP gated by a learned N × N map over tokens; also mixes channels",
            paper="Pay Attention to MLPs, arXiv 2105.08050",
            target="mixbench.mixers.gmlp:GMLP",
            free="hidden",
            options=(Option("hidden", "size", "4*width", "channels of the MLP, half of them the gate; even"),),
            flops=lambda tokens, width, hidden, **_: 3 * tokens * width * hidden + tokens**2 * hidden,
            params=lambda tokens, width, hidden: (
                width * hidden + hidden + hidden * width // 2 + width + tokens**2 + tokens + hidden
            ),
            any_length=False,
            constraint=lambda hidden, **_: f"hidden {hidden} is odd; it must be even" if hidden % 2 else None,
        ),
        Mixer(
            name="res-mlp",
            summary="a linear map over the tokens, the same for every channel",
            paper="ResMLP, arXiv 2105.03404",
            target="mixbench.mixers.res_mlp:ResMLP",
            flops=lambda tokens, width, **_: 2 * tokens**2 * width,
            params=lambda tokens, **_: tokens**2 + tokens,
            any_length=False,
        ),
        Mixer(
            name="monarch",
            summary="a Monarch matrix over the tokens: two block-diagonal matrices with a transpose between them",
            paper="Monarch Mixer, arXiv 2310.12109",
            target="mixbench.mixers.monarch:Monarch",
            flops=lambda tokens, width, **_: 4 * square_for(tokens) ** 3 * width,
            params=lambda tokens, **_: 2 * square_for(tokens) ** 3,
            any_length=False,
        ),
        Mixer(
            name="hypermixer",
            summary="an MLP over the tokens whose weights a hypernetwork generates from the tokens",
            paper="HyperMixer, arXiv 2203.03691; heads: HyperConformer, arXiv 2305.18281",
            target="mixbench.mixers.hypermixer:HyperMixer",
            free="hidden",
            options=(
                Option("hidden", "size", "2*width", "hidden size d' of the MLP over tokens"),
                Option("heads", "count", 1, "parallel groups of channels, each with its own hypernetworks"),
                Option("tied", "flag", False, "one hypernetwork generates both weight matrices"),
                Option("bias", "flag", False, "biases in the hypernetworks"),
                Option(
                    "positions",
                    "choice",
                    "sinusoidal",
                    "positions added to the hypernetworks' input",
                    ("none", "sinusoidal", "learned"),
                ),
                Option("scale", "flag", True, "multiply x by √d before the positions are added"),
                Option("layer-norm", "flag", True, "normalise the output"),
                Option(
                    "grouping",
                    "choice",
                    "auto",
                    "order of the products: same result, different cost",
                    ("auto", "as-written", "regrouped", "fused"),
                ),
            ),
            flops=hypermixer_flops,
            params=hypermixer_params,
            constraint=lambda **arguments: heads_divide(**arguments) or fused_fault(**arguments),
            fixed_with="positions=learned",
            lacks=fused_lacks,
        ),
    ),
)
