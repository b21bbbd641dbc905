"""The table of mixers, by family.

To add one, write its module in this folder, its entry in `families` and its slow reference in `references`:
`mixbench verify` compares all three.
"""

from __future__ import annotations

from mixbench.errors import UnknownNameError
from mixbench.mixers.description import Family, Mixer
from mixbench.mixers.families import (
    control,
    convolutions,
    delta_rule,
    efficient_attention,
    pooling,
    recurrences,
    softmax_attention,
    token_maps,
)

PAPER_MIXERS = ("attention", "linear-attention", "fnet", "mlp-mixer", "gmlp", "hypermixer", "none")
"""The mixers measured by default: the six that the HyperMixer paper compares, and the control."""

FAMILIES: dict[str, Family] = {
    module.__name__.rpartition(".")[2]: module.FAMILY
    for module in (softmax_attention, efficient_attention, token_maps, pooling, convolutions, recurrences, delta_rule, control)
}
"""The families, by the name of their module in `families` and in `references`."""

CONTROLS = {mixer.name for mixer in FAMILIES["control"].mixers}
"""Mixers that mix nothing and cost nothing."""

_ALL = {mixer.name: mixer for family in FAMILIES.values() for mixer in family.mixers}

MIXERS: dict[str, Mixer] = {name: _ALL[name] for name in dict.fromkeys((*PAPER_MIXERS, *_ALL))}
"""All mixers by name: the default run first, then the others by family."""


def find_mixer(name: str) -> Mixer:
    """The mixer of that name. Raises UnknownNameError, which suggests the closest one."""
    if name not in MIXERS:
        raise UnknownNameError("mixer", name, MIXERS)
    return MIXERS[name]
