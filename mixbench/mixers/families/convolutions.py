"""Convolutions, Fourier transforms and shifts."""

from __future__ import annotations

import math

from mixbench.mixers.costs.fourier import long_conv_flops, transform_flops
from mixbench.mixers.costs.hyena import hyena_flops, hyena_params, hyena_training_flops
from mixbench.mixers.description import Family, Mixer
from mixbench.mixers.families.common import CAUSAL
from mixbench.parsing.option import Option

FAMILY = Family(
    "Convolutions, Fourier transforms and shifts",
    (
        Mixer(
            name="fnet",
            summary="real part of the Fourier transform over tokens and channels",
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
            name="depthwise-conv",
            summary="depthwise convolution: one kernel over neighbouring tokens per channel",
            paper="control with local mixing",
            target="mixbench.mixers.depthwise_conv:DepthwiseConv",
            options=(Option("kernel", "count", 7, "kernel size in tokens"), CAUSAL),
            flops=lambda tokens, width, kernel, **_: 2 * tokens * width * kernel,
            params=lambda width, kernel, **_: (kernel + 1) * width,
            state="(kernel − 1)·d",
            free="kernel",
        ),
        Mixer(
            name="shift",
            summary="shifts a quarter of the channels one token to the right and a quarter to the left",
            paper="TSM, arXiv 1811.08383",
            target="mixbench.mixers.shift:Shift",
            flops=lambda **_: 0,
            params=lambda **_: 0,
        ),
        Mixer(
            name="long-conv",
            summary="long convolution: one learned filter of N taps per channel, computed by FFT",
            paper="Simple Hardware-Efficient Long Convolutions, arXiv 2302.06646",
            target="mixbench.mixers.long_conv:LongConv",
            options=(CAUSAL,),
            flops=long_conv_flops,
            params=lambda tokens, width, **_: tokens * width + width,
            training_factor=2,
            any_length=False,
        ),
        Mixer(
            name="hyena",
            summary="gated long convolutions whose filters an MLP generates from positions",
            paper="Hyena, arXiv 2302.10866",
            target="mixbench.mixers.hyena:Hyena",
            options=(Option("order", "count", 2, "number of gates; order − 1 long convolutions"),),
            flops=hyena_flops,
            training_flops=hyena_training_flops,
            params=hyena_params,
            any_length=False,
            always_causal=True,
            state="(order − 1)·N·d + 2·(order + 1)·d",
            constraint=lambda order, **_: None if order > 1 else "order 1 has no long convolution; give 2 or more",
        ),
        Mixer(
            name="gfnet",
            summary="a learned filter on the Fourier transform over tokens: a circular convolution",
            paper="GFNet, arXiv 2107.00645",
            target="mixbench.mixers.gfnet:GFNet",
            flops=lambda tokens, width, **_: 2 * width * transform_flops(tokens),
            params=lambda tokens, width, **_: 2 * width * (tokens // 2 + 1),
            training_factor=2,
            any_length=False,
        ),
    ),
)
