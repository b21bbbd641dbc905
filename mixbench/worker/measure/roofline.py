"""Where a call stands between the best rates of a device: its shares of the FLOP/s and of the bandwidth, and what bounds it.

The roofline model (Williams, Waterman, Patterson 2009, doi 10.1145/1498765.1498785): a call takes at least as long as its
operations at the best rate of products, and as the bytes that it moves at the best rate of copies.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

CLOSE = 0.5
"""Share of a best rate from which a call is bound by it."""

Bound = Literal["compute", "memory", "neither"]


@dataclass(frozen=True)
class Rates:
    """The best rates of a device: products in GFLOP/s, copies in GB/s (1e9 bytes) read and written."""

    gflops_per_s: float
    gb_per_s: float

    @property
    def ridge(self) -> float:
        """FLOP per byte at which products and memory would take equally long."""
        return self.gflops_per_s / self.gb_per_s

    def standing(self, flops: float, moved: float, seconds: float) -> Standing:
        """Where a call stands that computes `flops` and moves `moved` bytes in `seconds`."""
        return Standing(flops / seconds / 1e9 / self.gflops_per_s, moved / seconds / 1e9 / self.gb_per_s)


@dataclass(frozen=True)
class Standing:
    """Shares of the best rates, as fractions: `compute` of the FLOP/s, `memory` of the bandwidth."""

    compute: float
    memory: float

    @property
    def bound(self) -> Bound:
        """The larger share's name if it is at least CLOSE: nothing but less work makes the call much faster."""
        if max(self.compute, self.memory) < CLOSE:
            return "neither"
        return "compute" if self.compute >= self.memory else "memory"
