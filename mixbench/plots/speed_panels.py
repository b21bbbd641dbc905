"""The panels of the figures of speed.csv: one per context."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal, TypeVar

from mixbench.tables.fields import Quantity
from mixbench.verdicts.labels import CONTEXT_COLUMNS, Context, context_words
from mixbench.verdicts.records import AT_LEAST
from mixbench.verdicts.speed.blocks import DISTURBED
from mixbench.verdicts.speed.cell_summary import CellSummary
from mixbench.verdicts.speed.summary import SpeedSummary
from mixbench.verdicts.speed.times import time_column

HOLLOW = f"hollow: {DISTURBED}"
"""The note on the markers of values that are disturbed."""
MOST_PANELS = 24
"""More are no longer one figure: they fill metres, and take minutes to draw."""
_APART = 1.05
_FAR = 8
"""A failed cell this many times beyond the measured sizes is told, not drawn."""
Key = TypeVar("Key")
Size = Literal["tokens", "width"]


@dataclass(frozen=True)
class Panels:
    """What all panels have in common, in words; by panel, what it differs in, and its cells."""

    common: str
    words: Sequence[Mapping[str, str]]
    cells: Sequence[Sequence[CellSummary]]
    told: str = ""
    """How many panels there would be, if not all are drawn, and how to choose others."""

    @property
    def every(self) -> list[CellSummary]:
        """The cells of all panels."""
        return [cell for cells in self.cells for cell in cells]

    def without_far_failures(self, size_of: Callable[[CellSummary], int]) -> tuple[Panels, list[CellSummary]]:
        """Without the cells that failed far beyond every size that was measured, and these: they would stretch the axis."""
        sizes = [size_of(cell) for cell in self.every if cell.status == "ok"]
        far = [
            cell
            for cell in self.every
            if cell.status != "ok" and sizes and not min(sizes) / _FAR <= size_of(cell) <= max(sizes) * _FAR
        ]
        left_out = set(map(id, far))
        return replace(self, cells=[[cell for cell in cells if id(cell) not in left_out] for cells in self.cells]), far


def panels_of(summary: SpeedSummary, size: Size, drawable: Callable[[CellSummary], object], most: int = MOST_PANELS) -> Panels:
    """A panel per context with a cell that is drawable; against the width, per context and length with several widths.

    Of more than `most`, some are taken at equal distances, from the first to the last.
    """
    groups: dict[tuple[Context, int], list[CellSummary]] = defaultdict(list)
    for cell in summary.cells:
        by_width = (replace(cell.context, width=0), cell.tokens)
        groups[by_width if size == "width" else (cell.context, 0)].append(cell)
    if size == "width":
        groups = {key: cells for key, cells in groups.items() if len({cell.context.width for cell in cells}) > 1}
    groups = {key: cells for key, cells in groups.items() if any(map(drawable, cells))}
    words = context_words([context for context, _ in groups])
    for fields, (_, tokens) in zip(words, groups, strict=True):
        if size == "width":
            fields["width"] = f"{tokens} tokens"
    varying = {name for name in (words[0] if words else ()) if len({fields[name] for fields in words}) > 1}
    told = ""
    if len(groups) > most:
        taken = [round(place * (len(groups) - 1) / max(1, most - 1)) for place in range(most)]
        chosen_by = ["tokens" if (name, size) == ("width", "width") else name for name in words[0] if name in varying]
        options = ", ".join(f"--{name}" for name in chosen_by if name in ("tokens", *CONTEXT_COLUMNS))
        told = f"{most} of {len(groups)} panels; to draw others, choose them by {options}"
        words, groups = [words[place] for place in taken], dict([*groups.items()][place] for place in taken)
    common = [text for fields in words[:1] for name, text in fields.items() if name not in varying]
    return Panels(
        " · ".join(common),
        [{name: text for name, text in fields.items() if name in varying} for fields in words],
        list(groups.values()),
        told,
    )


def factors_apart(labels: Collection[str], sizes: Collection[int]) -> dict[str, float]:
    """By mixer, what sizes are multiplied by as they are drawn: in a panel of one size, mixers stand next to each other."""
    step = _APART if len(set(sizes)) == 1 else 1.0
    return {label: step ** (place - len(labels) // 2) for place, label in enumerate(labels)}


def time_quantity(cells: Iterable[CellSummary]) -> Quantity:
    """How the time of a panel is drawn: device time on a GPU, else latency; in decode, it is that of one new token."""
    cells = list(cells)
    quantity = time_column(any(cell.on_device for cell in cells)).quantity
    assert quantity is not None
    if any(cell.decoding for cell in cells):
        return replace(quantity, title=f"{quantity.title} per token", axis=quantity.axis.replace("per call", "per token"))
    return quantity


def tokens_axis(cells: Iterable[CellSummary]) -> tuple[str, str]:
    """The label of an axis of tokens, and what it stands for: in decode, the context."""
    decoding = all(cell.decoding for cell in cells)
    return ("context (tokens)", "context") if decoding else ("tokens", "tokens")


def in_words(quantities: Iterable[Quantity]) -> str:
    """The titles of quantities, as the title of a figure."""
    first, *others = dict.fromkeys(quantity.title for quantity in quantities)
    *between, last = [first, *(other.lower() for other in others)]
    return f"{', '.join(between)} and {last}" if between else last


def without_flops(cells: Sequence[CellSummary]) -> str:
    """Why a logarithmic axis has no place for the FLOPs of a mixer: none are known, or 0, which may be too few."""
    marks = [cell.flops_mark for cell in cells if cell.value("flops") is not None]
    return f"FLOPs {AT_LEAST} 0" if any(marks) else "no FLOPs" if marks else "FLOPs unknown"


def grouped(cells: Sequence[CellSummary], key: Callable[[CellSummary], Key]) -> dict[Key, list[CellSummary]]:
    groups: dict[Key, list[CellSummary]] = defaultdict(list)
    for cell in cells:
        groups[key(cell)].append(cell)
    return groups
