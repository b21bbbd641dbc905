"""A plan is made before anything is measured: one that nobody can wait for is refused at once."""

from __future__ import annotations

import math

from mixbench.errors import RequestError

MOST = 200_000
"""Measurements of one request: at one a second, more than two days."""


def check_plan_size(**counts: int) -> None:
    """Refuse a request whose plan has more than MOST measurements: the product of these counts. Raises RequestError."""
    if (product := math.prod(counts.values())) > MOST:
        factors = " × ".join(f"{count:,} {name}" for name, count in counts.items() if count > 1)
        raise RequestError(
            f"{factors} make {product:,} measurements; at most {MOST:,} are allowed", "Ask for fewer, or split the request."
        )
