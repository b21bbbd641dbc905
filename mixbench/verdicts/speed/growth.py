"""How time and state grow with the length: an exponent for each mixer, over its longest lengths."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from mixbench.stats import Interval, growth_exponent, median_interval
from mixbench.verdicts.labels import Context
from mixbench.verdicts.speed.cell_summary import CellSummary

GROWTH_LENGTHS = 3
"""Growth is taken over this many of the largest lengths, where the leading term dominates."""


@dataclass(frozen=True)
class Growth:
    """Time grows as tokens to the power `exponent`, over these lengths."""

    label: str
    context: Context
    exponent: Interval
    lengths: tuple[int, ...]
    disturbed: bool
    """Whether the time is disturbed at one of these lengths."""


def growth(sizes: Sequence[int], values: Sequence[Mapping[int, float]]) -> tuple[Interval, tuple[int, ...]] | None:
    """Exponent of `values` (launch to positive number, one mapping per size) over the largest sizes, and these sizes.

    One slope per launch that has all of these sizes, their median over launches. None below three sizes or without one.
    """
    by_size = {size: launches for size, launches in zip(sizes, values, strict=True) if launches}
    largest = tuple(sorted(by_size)[-GROWTH_LENGTHS:])
    if len(largest) < GROWTH_LENGTHS:
        return None
    common = [launch for launch in by_size[largest[0]] if all(launch in by_size[size] for size in largest)]
    slopes = [growth_exponent(largest, [by_size[size][launch] for size in largest]) for launch in common]
    return (median_interval(slopes), largest) if slopes else None


def growths_of(cells: Sequence[CellSummary]) -> tuple[Growth, ...]:
    """The growth of each mixer in each context, where enough lengths were timed."""
    lines: dict[tuple[Context, str], list[CellSummary]] = defaultdict(list)
    for cell in cells:
        lines[cell.context, cell.label].append(cell)
    found = []
    for (context, label), part in lines.items():
        if grown := growth([cell.tokens for cell in part], [cell.launch_ms for cell in part]):
            disturbed = any(cell.disturbed for cell in part if cell.tokens in grown[1])
            found.append(Growth(label, context, *grown, disturbed))
    return tuple(found)
