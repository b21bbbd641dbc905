"""Recurrences."""

from __future__ import annotations

from mixbench.mixers.description import Family

FAMILY = Family(
    "Recurrences",
    (),
)
