"""Where a call stands between the best rates of a device: its shares of the FLOP/s and of the bandwidth, and what bounds it.

The roofline model (Williams, Waterman, Patterson 2009, doi 10.1145/1498765.1498785): a call takes at least the time
of its operations at the best rate of products, and that of the bytes that it moves at the best rate of copies.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

NEAR = 0.5
"""From this share of a best rate on, a call is bound by it: only less work makes it much faster."""

SHAPES = {"cpu": ((1, 1024, 256), "float32"), "cuda": ((8, 4096, 256), "bfloat16")}
"""(batch, tokens, width) and dtype at which kernels and mixers are timed, by the kind of device."""

Bound = Literal["compute", "memory", "neither"]


def bound_by(*, compute: float, memory: float) -> Bound:
    """What bounds a call that reaches these shares of the best FLOP/s and of the best bandwidth, as fractions."""
    if max(compute, memory) < NEAR:
        return "neither"
    return "memory" if memory > compute else "compute"


def share_of_bandwidth(moved: float, seconds: float, gb_per_s: float) -> float:
    """What a call reaches of the best bandwidth that moves `moved` bytes in `seconds`, as a fraction."""
    return moved / seconds / 1e9 / gb_per_s


@dataclass(frozen=True)
class Rates:
    """The best rates of a device: products in GFLOP/s, copies in GB/s (1e9 bytes) read and written."""

    gflops_per_s: float
    gb_per_s: float

    @property
    def ridge(self) -> float:
        """FLOP per byte at which products and memory would take equally long."""
        return self.gflops_per_s / self.gb_per_s

    def shares(self, flops: float, moved: float, seconds: float) -> dict[str, float]:
        """As `compute` and `memory`, what a call reaches that computes `flops` and moves `moved` bytes in `seconds`."""
        compute = flops / seconds / 1e9 / self.gflops_per_s
        return {"compute": compute, "memory": share_of_bandwidth(moved, seconds, self.gb_per_s)}
