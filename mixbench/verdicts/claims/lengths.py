"""Where two mixers were timed, context by context, and their ratio of times at each length, paired within launches."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from mixbench.stats import log_median_interval
from mixbench.tables.speed_rows import LaunchRow
from mixbench.verdicts.claims.answers import listed
from mixbench.verdicts.claims.estimates import NOTHING, Comparison, Estimate, of_ratio
from mixbench.verdicts.claims.evidence import Evidence, Named, NoEvidenceError
from mixbench.verdicts.claims.timing import lengths_from, timed_again
from mixbench.verdicts.labels import Context, MixerKey, context_words
from mixbench.verdicts.speed.blocks import DISTURBED
from mixbench.verdicts.speed.cell_summary import CellSummary
from mixbench.verdicts.speed.crossover import crossovers
from mixbench.verdicts.speed.summary import summarise
from mixbench.verdicts.speed.verdicts import along


@dataclass(frozen=True)
class Line:
    """A mixer and another one in one context, at every length at which either was tried."""

    context: Context
    where: str
    """What tells it from the other contexts."""
    against: MixerKey
    own: dict[int, CellSummary]
    other: dict[int, CellSummary]
    crossing: str
    """Where both take the same time, in words."""

    @property
    def longest(self) -> int:
        """The largest length that counts: not one that only the other one failed at."""
        tried = [tokens for tokens in self.own if tokens not in self.other or self.other[tokens].status == "ok"]
        shared = [tokens for tokens in tried if tokens in self.other]
        return max(shared or tried or self.own)


def lines_of(rows: Sequence[Any], evidence: Evidence, found: Named) -> tuple[list[Line], int]:
    """The contexts in which the mixer and most of the others were tried; how many others there are."""
    launches = evidence.rows(LaunchRow)
    cells: dict[Context, dict[MixerKey, dict[int, CellSummary]]] = {}
    beside: dict[tuple[Context, MixerKey], dict[int, CellSummary]] = {}
    for against in found.against:
        summary = summarise(rows, launches, found.labels[against])
        for cell in summary.cells:
            mixer = (cell.mixer, cell.config)
            cells.setdefault(cell.context, {}).setdefault(mixer, {})[cell.tokens] = cell
            if mixer == found.mixer and cell.baseline == found.labels[against]:
                beside.setdefault((cell.context, against), {})[cell.tokens] = cell
    able = [context for context, own in cells.items() if found.mixer in own]
    if not found.against:
        return [], 0
    most = max(len(cells[context].keys() & set(found.against)) for context in able)
    if not most:
        others = " or ".join(found.labels[own] for own in found.against)
        raise NoEvidenceError(f"{found.label} was not timed together with {others}", timed_again(rows, found.all, fresh=True))
    kept = [context for context in able if len(cells[context].keys() & set(found.against)) == most]
    words = context_words(kept)
    told = [", ".join(text for name, text in own.items() if any(other.get(name) != text for other in words)) for own in words]
    lines = [
        Line(
            context,
            where,
            against,
            beside.get((context, against), {}) or cells[context][found.mixer],
            cells[context].get(against, {}),
            _crossing(list(beside.get((context, against), {}).values())),
        )
        for context, where in zip(kept, told, strict=True)
        for against in found.against
        if against in cells[context]
    ]
    return lines, len(able) - len(kept)


def _crossing(cells: Sequence[CellSummary]) -> str:
    """Where the mixer is level with the other one, of the lengths at which both were timed undisturbed; "" for one length."""
    line = [cell for cell in sorted(cells, key=lambda cell: cell.tokens) if cell.paired and not cell.ratio_disturbed]
    return along(line, crossovers({cell.tokens: cell.paired_ratios for cell in line})) if line else ""


@dataclass(frozen=True)
class Place:
    """Where a comparison is: a line, and the lengths that it is of."""

    line: Line
    lengths: Sequence[int]
    """Those to time where none was."""


def places_of(found: Named, line: Line, start: int | None) -> list[tuple[Comparison, Place]]:
    """The comparisons of a line: at its largest length, or at every length from `start` on."""
    lengths = [line.longest] if start is None else sorted(tokens for tokens in line.own if tokens >= start)
    other = found.labels[line.against]
    context = f", {line.where}" if line.where else ""
    blank = Comparison(found.label, other, lambda level: NOTHING)
    if not lengths:
        assert start is not None
        why = f"no such length was timed, the largest is {max(line.own)}"
        missing = replace(blank, where=f"at {start} or more tokens{context}", detail=why)
        return [(missing, Place(line, lengths_from(start)))]
    if able := [tokens for tokens in lengths if not _only_other_failed(line, tokens)]:
        return [(_at_length(found, line, tokens), Place(line, [tokens])) for tokens in able]
    ended = [line.other[tokens].status for tokens in lengths if tokens in line.other]
    where = f"at {listed([*map(str, lengths)])} tokens{context}"
    why = f"{other} failed there: {', '.join(dict.fromkeys(ended))}" if ended else f"{other} was not timed there"
    return [(replace(blank, where=where, detail=why), Place(line, lengths))]


def _only_other_failed(line: Line, tokens: int) -> bool:
    """Whether a length says nothing of the mixer, which was timed there, as the other one failed or was not tried."""
    other = line.other.get(tokens)
    return line.own[tokens].status == "ok" and (other is None or other.status != "ok")


def _at_length(found: Named, line: Line, tokens: int) -> Comparison:
    cell = line.own[tokens]
    context = f", {line.where}" if line.where else ""
    blank = Comparison(found.label, found.labels[line.against], lambda level: NOTHING, f"at {tokens} tokens{context}")
    if cell.status != "ok":
        return replace(blank, detail=f"{found.label} failed: {cell.status}")
    ratios = list(cell.paired_ratios.values())
    if not ratios:
        why = "not timed in the same launches" if cell.time_ms else "it has no time"
        return replace(blank, detail=why)

    def ratio(level: float) -> Estimate:
        return of_ratio(log_median_interval(ratios, level))

    if cell.ratio_disturbed:
        return replace(blank, at=ratio, detail=DISTURBED, disturbed=True)
    return replace(blank, at=ratio, detail="one launch, so no interval" if len(ratios) == 1 else "")
