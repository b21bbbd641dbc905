"""The claim that a mixer takes less time: the ratio of times at each length, paired within launches, and where it crosses 1."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from mixbench.tables.columns import FAILURES
from mixbench.tables.selection import distinct
from mixbench.tables.speed_rows import SpeedRow
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
    Comparison,
    enough,
    more_replicates,
    ratio_test,
)
from mixbench.verdicts.claims.evidence import Evidence, Named, NoEvidenceError, named, narrowed, no_table
from mixbench.verdicts.claims.lengths import Line, Place, lines_of, places_of
from mixbench.verdicts.claims.timing import lengths_from, timed_again
from mixbench.verdicts.cost.commands import timing_command
from mixbench.verdicts.environments import of_newest
from mixbench.verdicts.labels import Context, MixerKey, context_of, context_words, find_baseline
from mixbench.verdicts.words import counted

TIMED = ("mode", "scope", "width", "batch", "dtype", "device", "execution", "threads")
"""The options that choose times."""


def faster(claim: Claim, evidence: Evidence) -> Answer:
    """The ratio of times below 1 at the largest length, or at every length from one on."""
    every = evidence.rows(SpeedRow)
    lengths = lengths_from(start) if (start := claim.options["from-tokens"]) else []
    tokens = f"{lengths[0]}..{lengths[-1]}" if lengths else None
    first = first_command("speed", claim, evidence.baseline, TIMED, tokens=tokens)
    if not every:
        raise no_table(SpeedRow, first)
    rows = narrowed(of_newest(every), claim, TIMED, SpeedRow, first)
    mixers: list[MixerKey] = distinct(rows, "mixer", "config")
    try:
        found = named(claim, mixers, evidence.baseline, SpeedRow)
    except NoEvidenceError as none:
        lacking = [mixer for mixer in keys_of([claim.options["mixer"]]) if mixer not in mixers]
        wanted = claim.options["against"] or ((evidence.baseline,) if evidence.baseline else ())
        others = keys_of(wanted) or [*filter(None, [find_baseline(None, mixers)])]
        # times are only paired within launches of both
        raise NoEvidenceError(none.reason, timed_again(rows, [*lacking, *others], fresh=True) if lacking else "") from None
    lines, left_out = lines_of(rows, evidence, found)
    below = claim.options["below"]
    pairs: list[tuple[Comparison, Place | None]] = [(own, None) for own in lacking_comparisons(found)]
    for line in lines:
        pairs += places_of(found, line, start)
    comparisons = [own for own, _ in pairs]
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
    return Answer(rule, sentence, decision.findings, notes, _next(decision, [place for _, place in pairs], found, rows, below))


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
        notes += [f"{own} at {cell.tokens} tokens: {counted(cell.failed_launches, 'failed launch')} left out." for cell in lost]
        beside = [line.other[cell.tokens] for cell in counting if cell.tokens in line.other]
        if any(cell.host_bound for cell in (*counting, *beside)):
            notes.append("By device time; wall time is host-bound at some of these lengths.")
    words = context_words(list(dict.fromkeys(line.context for line in lines)))
    launches = max((cell.launches for line in lines for cell in line.own.values()), default=0)
    notes += [f"Times: {'; '.join(' · '.join(own.values()) for own in words)}; {counted(launches, 'launch')}."] if lines else []
    notes.append(f"Left out: {counted(left_out, 'other context')}." if left_out else "")
    return [*dict.fromkeys(filter(None, notes))]


def _next(decision: Decision, places: Sequence[Place | None], found: Named, rows: Sequence[Any], below: float) -> str:
    """The commands that may decide what is not decided, a line each: lengths that lack the same are in one."""
    lacking = [mixer for mixer in keys_of(found.lacking) if mixer not in found.labels]
    if lacking:
        return timed_again(rows, [*found.all, *lacking], fresh=True)
    wanted: dict[tuple[Context, MixerKey, str], tuple[list[int], dict[str, Any]]] = {}
    for finding, own, place in zip(decision.findings, decision.comparisons, places, strict=True):
        if finding.verdict != "undecided" or place is None or not (changes := _lacks(own, place, below)):
            continue
        lengths, together = wanted.setdefault((place.line.context, place.line.against, next(iter(changes))), ([], changes))
        lengths += place.lengths
        if "launches" in changes:
            together["launches"] = max(together["launches"], changes["launches"])
    return "\n".join(
        timing_command([found.mixer, against], [row for row in rows if context_of(row) == context], sorted(lengths), **changes)
        for (context, against, _), (lengths, changes) in wanted.items()
    )


def _lacks(own: Comparison, place: Place, below: float) -> dict[str, Any]:
    """What must differ from the rows that are there, as options of `mixbench speed`; empty where nothing helps."""
    line = place.line
    cells = [cell for tokens in place.lengths for side in (line.own, line.other) if (cell := side.get(tokens))]
    if statuses := {cell.status for cell in cells} - {"ok"}:
        launches = max(cell.launches for side in (line.own, line.other) for cell in side.values())
        return {"retry_failed": True, **enough("launches", launches)} if statuses & set(FAILURES) else {}
    if not cells:
        return {"launches": max(FEWEST, *(cell.launches for cell in line.own.values()))}
    launches = max(cell.launches for cell in cells)
    if own.disturbed or not any(line.own[tokens].paired_ratios for tokens in place.lengths):
        return {"fresh": True, "launches": max(launches, 2)}  # one launch would have no interval
    estimate = own.at(LEVEL)
    if estimate.point is None or estimate.high is None:
        return {"launches": more_replicates(launches, None, 0.0)}
    half, apart = math.log(estimate.high / estimate.point), abs(math.log(estimate.point / below))
    return {"launches": more_replicates(launches, half, apart)}
