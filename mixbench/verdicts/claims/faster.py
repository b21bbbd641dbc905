"""The claim that a mixer takes less time: the ratio of times at each length, paired within launches, and where it crosses 1."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from mixbench.stats import log_median_interval
from mixbench.tables.columns import FAILURES
from mixbench.tables.selection import distinct
from mixbench.tables.speed_rows import LaunchRow, SpeedRow
from mixbench.verdicts.claims.answers import (
    Answer,
    Decision,
    Phrases,
    decide,
    first_command,
    keys_of,
    lacking_comparisons,
)
from mixbench.verdicts.claims.claim import Claim
from mixbench.verdicts.claims.estimates import (
    FEWEST,
    LEVEL,
    NOTHING,
    Comparison,
    Estimate,
    more_replicates,
    of_interval,
    ratio_test,
)
from mixbench.verdicts.claims.evidence import Evidence, Named, NoEvidenceError, named, narrowed, no_table
from mixbench.verdicts.cost.commands import timing_command
from mixbench.verdicts.environments import of_newest
from mixbench.verdicts.labels import Context, MixerKey, context_of, context_words
from mixbench.verdicts.speed.blocks import DISTURBED
from mixbench.verdicts.speed.cell_summary import CellSummary
from mixbench.verdicts.speed.crossover import crossovers
from mixbench.verdicts.speed.summary import summarise
from mixbench.verdicts.speed.verdicts import along
from mixbench.verdicts.words import counted

TIMED = ("mode", "scope", "width", "batch", "dtype", "device", "execution", "threads")
"""The options that choose times."""


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


def faster(claim: Claim, evidence: Evidence) -> Answer:
    """The ratio of times below 1 at the largest length, or at every length from one on."""
    every = evidence.rows(SpeedRow)
    if not every:
        tokens = {"tokens": f"{start}..{4 * start}" if (start := claim.options["from-tokens"]) else None}
        raise no_table(SpeedRow, first_command("speed", claim, evidence.baseline, TIMED, **tokens))
    rows = narrowed(of_newest(every), claim, TIMED, SpeedRow)
    mixers: list[MixerKey] = distinct(rows, "mixer", "config")
    try:
        found = named(claim, mixers, evidence.baseline, SpeedRow)
    except NoEvidenceError as none:
        lacking = [mixer for mixer in keys_of([claim.options["mixer"]]) if mixer not in mixers]
        others = keys_of(claim.options["against"] or ())
        raise NoEvidenceError(none.reason, _again(rows, [*lacking, *others]) if lacking else "") from None
    lines, left_out = _lines(rows, evidence, found)
    start, below = claim.options["from-tokens"], claim.options["below"]
    comparisons = lacking_comparisons(found)
    places: list[tuple[Line, int] | None] = [None for _ in comparisons]
    for line in lines:
        lengths = [line.longest] if start is None else sorted(tokens for tokens in line.own if tokens >= start)
        able = [tokens for tokens in lengths if not _only_other_failed(line, tokens)]
        if not able:
            place = "" if start is None else f" at {start} or more tokens"
            raise NoEvidenceError(f"{found.label} was not timed beside {found.labels[line.against]}{place}")
        comparisons += [_at_length(found, line, tokens) for tokens in able]
        places += [(line, tokens) for tokens in able]
    decision = decide(ratio_test(below), comparisons, "ratio of times")
    place = "at the largest length" if start is None else f"at every length from {start} tokens on"
    any_of_them = "there" if start is None else "at any of these lengths"
    times = " (device time)" if any(cell.on_device for line in lines for cell in line.own.values()) else ""
    rule = (
        f"The time of {found.label} relative to {found.others}{times}, paired within launches: supported if its"
        f" {decision.interval_words} lies below {below:g} {place}, contradicted if it lies above {below:g} {any_of_them}."
    )
    sentence = f"{_said(decision, found, below)}.{_crossings(found, lines)}"
    notes = [*_notes(found, lines, left_out, start), *evidence.machines(SpeedRow, rows)]
    return Answer(rule, sentence, decision.findings, notes, _next(decision, places, found, rows, below))


def _lines(rows: Sequence[Any], evidence: Evidence, found: Named) -> tuple[list[Line], int]:
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
        raise NoEvidenceError(f"{found.label} was timed beside none of {', '.join(found.labels[own] for own in found.against)}")
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
        return of_interval(log_median_interval(ratios, level))

    if cell.ratio_disturbed:
        return replace(blank, at=ratio, detail=DISTURBED, failing=True)
    return replace(blank, at=ratio, detail="one launch, so no interval" if len(ratios) == 1 else "")


def _said(decision: Decision, found: Named, below: float) -> str:
    """What is found, by mixer and verdict, with the lengths."""
    than = "time than" if below == 1 else f"than {below:g} times the time of"
    phrases: Phrases = {
        "supported": f"takes less {than}",
        "contradicted": f"takes more {than}",
        "undecided": f"may take more or less {than}",
    }
    return decision.said(found.label, phrases, " times")


def _crossings(found: Named, lines: Sequence[Line]) -> str:
    """Where the mixer is level with the others."""
    told = [
        f"{found.labels[line.against]}{f' ({line.where})' if line.where else ''}: {line.crossing}"
        for line in lines
        if line.crossing
    ]
    return f" Against {'; '.join(told)}." if told else ""


def _notes(found: Named, lines: Sequence[Line], left_out: int, start: int | None) -> list[str]:
    """What was left out, and how sure it is."""
    notes = []
    for line in lines:
        label, own = found.labels[line.against], found.label
        ended = [cell for tokens, cell in sorted(line.other.items()) if cell.status != "ok" and tokens in line.own]
        notes += [f"Left out: {cell.tokens} tokens, where {label} failed ({cell.status})." for cell in ended]
        counting = [cell for tokens, cell in line.own.items() if tokens >= (start or line.longest)]
        lost = [cell for cell in counting if cell.status == "ok" and cell.failed_launches]
        notes += [
            f"{own} at {cell.tokens} tokens: {counted(cell.failed_launches, 'launch')} failed and left out." for cell in lost
        ]
        beside = [line.other[cell.tokens] for cell in counting if cell.tokens in line.other]
        if any(cell.host_bound for cell in (*counting, *beside)):
            notes.append("By device time; wall time is host-bound at some of these lengths.")
    words = context_words(list(dict.fromkeys(line.context for line in lines)))
    launches = max((cell.launches for line in lines for cell in line.own.values()), default=0)
    notes += [f"Times: {'; '.join(' · '.join(own.values()) for own in words)}; {counted(launches, 'launch')}."] if lines else []
    notes.append(f"Left out: {counted(left_out, 'other context')}." if left_out else "")
    return [*dict.fromkeys(filter(None, notes))]


def _again(rows: Sequence[Any], mixers: Sequence[MixerKey], **changes: Any) -> str:
    """The command that times mixers as in the newest rows, at all their lengths."""
    newest = max(rows, key=lambda row: row.measured_at)
    alike = [row for row in rows if context_of(row) == context_of(newest)]
    return timing_command(mixers, alike, sorted({row.tokens for row in alike}), **changes)


def _next(
    decision: Decision, places: Sequence[tuple[Line, int] | None], found: Named, rows: Sequence[Any], below: float
) -> str:
    """The command that may decide what is not decided."""
    lacking = [mixer for mixer in keys_of(found.lacking) if mixer not in found.labels]
    if lacking:
        return _again(rows, [*found.all, *lacking])
    for finding, own, place in zip(decision.findings, decision.comparisons, places, strict=True):
        if finding.verdict != "undecided" or place is None:
            continue
        line, tokens = place
        cell, alike = line.own[tokens], [row for row in rows if context_of(row) == line.context]
        command = partial(timing_command, [found.mixer, line.against], alike, [tokens])
        if cell.status in FAILURES:
            return command(retry_failed=True)
        if own.failing or not cell.paired_ratios:
            return command(fresh=True, launches=max(cell.launches, 2))  # one launch would have no interval
        estimate = own.at(LEVEL)
        if estimate.point is None or estimate.high is None:
            return command(launches=FEWEST)
        half, apart = math.log(estimate.high / estimate.point), abs(math.log(estimate.point / below))
        return command(launches=more_replicates(cell.launches, half, apart))
    return ""
