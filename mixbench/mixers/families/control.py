"""Control."""

from __future__ import annotations

from mixbench.mixers.description import Family, Mixer

FAMILY = Family(
    "Control",
    (
        Mixer(
            name="none",
            summary="returns its input unchanged",
            paper="control without token mixing",
            target="mixbench.mixers.none:NoMixing",
            flops=lambda **_: 0,
            params=lambda **_: 0,
            always_causal=True,
            state="nothing",
        ),
    ),
)
