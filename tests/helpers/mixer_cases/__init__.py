"""The mixers that every test of mixers runs through: all with their defaults, and further cases in a module per family."""

from __future__ import annotations

import importlib
from collections.abc import Iterator

from mixbench.mixers import FAMILIES, MIXERS

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


def causal_cases() -> list[Case]:
    """Cases in which a token sees only itself and those before it; lengths that chunks do not divide."""
    plain: list[Case] = [(name, given, tokens, 8) for name in MIXERS for given in own_and_causal(name) for tokens in (7, 150)]
    return [case for case in (*plain, *further_cases()) if MIXERS[case[0]].is_causal(MIXERS[case[0]].config(case[1]))]
