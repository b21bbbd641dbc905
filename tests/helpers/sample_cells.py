"""A small cell, as a worker receives it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from mixbench.mixers.choice import choose_mixer
from mixbench.worker.measure.subject import Cell

TOKENS, WIDTH, BATCH = 6, 8, 2


def cell(mixer: str, **changes: Any) -> Cell:
    """A mixer alone, in inference, float32, on the CPU."""
    chosen = choose_mixer(mixer)
    tokens, width = changes.get("tokens", TOKENS), changes.get("width", WIDTH)
    plain = Cell(
        target=chosen.target,
        arguments=chosen.arguments(tokens + (changes.get("mode") == "decode"), width),
        scope="mixer",
        mode="inference",
        tokens=TOKENS,
        width=WIDTH,
        batch=BATCH,
        dtype="float32",
        device="cpu",
        execution="eager",
        caches="warm",
        seed=0,
        honours_mask=bool(chosen.entry and chosen.entry.honours_mask),
        layers=2,
        feature_hidden=16,
        vocabulary=50,
        classes=3,
    )
    return replace(plain, **changes)
