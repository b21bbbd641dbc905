"""How many blocks a Monarch matrix has."""

from __future__ import annotations

import math


def blocks_for(tokens: int) -> int:
    """m, the number of blocks and their size: m² is the smallest square that holds all tokens."""
    return math.isqrt(tokens - 1) + 1
