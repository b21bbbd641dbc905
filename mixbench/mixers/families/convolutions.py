"""Convolutions, Fourier transforms and shifts."""

from __future__ import annotations

import math

from mixbench.mixers.description import Family, Mixer
from mixbench.parsing.option import Option

FAMILY = Family(
    "Convolutions, Fourier transforms and shifts",
    (
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
    ),
)
