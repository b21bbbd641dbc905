"""In decode, from which context on the state and the peak memory of a mixer are smaller than those of the baseline."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

from mixbench.tables.columns import columns
from mixbench.tables.speed_rows import SpeedRow
from mixbench.verdicts.speed.cell_summary import CellSummary
from mixbench.verdicts.words import number

SIZES = ("state_mib", "peak_memory_mib")
"""The sizes that are compared. They are counted, so they have no interval."""


@dataclass(frozen=True)
class Smaller:
    """A size of a mixer against that of the baseline, over the contexts that both were measured at."""

    metric: str
    ratio: float
    """The size relative to the baseline's at the longest context."""
    smaller_at: tuple[int, ...]
    """The measured contexts at which it is smaller."""
    larger_at: tuple[int, ...]
    smaller_from: int | None
    """The first context from which on it is smaller, where it is larger before; exact for sizes that are linear in between."""


def compared_sizes(line: Sequence[CellSummary], baseline: Mapping[int, CellSummary]) -> tuple[Smaller, ...]:
    """Each of SIZES of the cells of a mixer against those of the baseline, by its number of tokens."""
    found = []
    for metric in SIZES:
        shared = [cell for cell in line if cell.tokens in baseline]
        pairs = [(cell.tokens, cell.value(metric), baseline[cell.tokens].value(metric)) for cell in shared]
        both = {tokens: (own, base) for tokens, own, base in sorted(pairs) if own is not None and base}
        if both:
            own, base = both[max(both)]
            above = {tokens: own - base for tokens, (own, base) in both.items()}
            smaller = tuple(tokens for tokens, excess in above.items() if excess < 0)
            larger = tuple(tokens for tokens, excess in above.items() if excess > 0)
            found.append(Smaller(metric, own / base, smaller, larger, _smaller_from(above)))
    return tuple(found)


def _smaller_from(above: Mapping[int, float]) -> int | None:
    """The first number of tokens at which the excess over the baseline is negative, if its sign changes once."""
    signs = [(excess > 0) - (excess < 0) for excess in above.values()]
    if signs != sorted(signs, reverse=True) or not signs[0] > 0 > signs[-1]:
        return None
    for (start, more), (end, less) in pairwise(above.items()):
        if less < 0 <= more:
            return math.floor(start + more / (more - less) * (end - start) + 1e-6) + 1
    return None


def in_words(sizes: Sequence[Smaller]) -> str:
    """`State: 0.0977 times as large, smaller from a context of 51 tokens on.` for each size; empty without any."""
    return " ".join(f"{_sentence(size)}." for size in sizes)


def _sentence(size: Smaller) -> str:
    words = columns(SpeedRow)[size.metric].words
    ratio = {0.0: "none", 1.0: "as large"}.get(size.ratio, f"{number(size.ratio)} times as large")
    return ", ".join(filter(None, (f"{words[0].upper()}{words[1:]}: {ratio}", _where(size))))


def _where(size: Smaller) -> str:
    smaller, larger = size.smaller_at, size.larger_at
    if size.smaller_from is not None:
        return f"smaller from a context of {size.smaller_from} tokens on"
    if smaller and larger:
        return f"smaller at {', '.join(map(str, smaller))} tokens, larger at {', '.join(map(str, larger))}"
    every = smaller or larger
    return f"{'smaller' if smaller else 'larger'} at every context from {every[0]} on" if len(every) > 1 else ""
