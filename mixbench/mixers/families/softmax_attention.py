"""Softmax attention."""

from __future__ import annotations

from mixbench.mixers.description import Family, Mixer
from mixbench.mixers.families.common import HEADS, heads_divide

FAMILY = Family(
    "Softmax attention",
    (
        Mixer(
            name="attention",
            summary="softmax(QKᵀ/√(d/h)) V with projections: the Transformer's mixer",
            paper="Attention Is All You Need, arXiv 1706.03762",
            target="mixbench.mixers.attention:Attention",
            options=(HEADS,),
            flops=lambda tokens, width, heads, **_: 8 * tokens * width**2 + 4 * tokens**2 * width,
            params=lambda width, **_: 4 * width**2 + 4 * width,
            constraint=heads_divide,
        ),
    ),
)
