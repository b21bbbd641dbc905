"""The mixers that every test of mixers runs through: all with their defaults, and further cases in a module per family."""

from __future__ import annotations

import importlib
from collections.abc import Iterator

import torch
from torch import nn

from mixbench.mixers import FAMILIES, MIXERS
from mixbench.worker.calls import build_mixer
from mixbench.worker.loading import load_class

Case = tuple[str, dict[str, str], int, int]
"""Name, options as typed, tokens, width."""


def own_and_causal(name: str) -> Iterator[dict[str, str]]:
    """The defaults of a mixer and, where it can be made causal, the causal form."""
    yield {}
    if MIXERS[name].causality == "option":
        yield {"causal": "true"}


def further_cases() -> list[Case]:
    """The cases that the modules of the families name."""
    return [case for key in FAMILIES for case in importlib.import_module(f"{__name__}.{key}").CASES]


def causal_cases(*tokens: int) -> list[Case]:
    """At these lengths, the cases in which a token sees only itself and those before it: defaults, and the causal form."""
    every = [(name, given, length, 8) for name in MIXERS for given in own_and_causal(name) for length in tokens]
    return [case for case in every if is_causal(case)]


def is_causal(case: Case) -> bool:
    """Whether a token sees only itself and those before it."""
    name, given, _, _ = case
    return MIXERS[name].is_causal(MIXERS[name].config(given))


def random_mixer(case: Case) -> nn.Module:
    """A mixer whose parameters are all random: no bias is zero, no gate nearly so."""
    name, given, tokens, width = case
    entry = MIXERS[name]
    mixer = build_mixer(load_class(entry.target), entry.arguments(entry.config(given), tokens, width))
    with torch.no_grad():
        for parameter in mixer.parameters():
            parameter.add_(0.3 * torch.randn_like(parameter))
    return mixer


def named(case: Case) -> str:
    """The case in the name of a test."""
    name, given, tokens, width = case
    return f"{name}-{tokens}x{width}-{','.join(given.values())}"
