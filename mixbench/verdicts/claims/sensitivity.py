"""The claim that a mixer looks where it must: more of its long-range sensitivity falls on needed inputs.

More than that of another mixer, and more than that of an even map: of two mixers that look past what is needed, neither looks
where it must. Both are asked at 95 %. Without any difference, a claim is still decided in at most 5 % of cases: it takes both
to support it, which is as rare as that both contradict it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from statistics import fmean
from typing import Any

from mixbench.tables.selection import grouped
from mixbench.tables.training_rows import AttentionMapRow
from mixbench.verdicts.attention_map import MixerMaps, summarise
from mixbench.verdicts.claims.answers import (
    Answer,
    Decision,
    Phrases,
    can_be_repeated,
    decide,
    failed_note,
    first_command,
    keys_of,
    lacking_comparisons,
    signed,
)
from mixbench.verdicts.claims.claim import Claim
from mixbench.verdicts.claims.estimates import (
    FEWEST,
    LEVEL,
    NOTHING,
    Comparison,
    Criterion,
    Estimate,
    enough,
    half_width,
    more_replicates,
    of_interval,
)
from mixbench.verdicts.claims.evidence import Evidence, Named, NoEvidenceError, named, narrowed, no_table
from mixbench.verdicts.cost.commands import map_command
from mixbench.verdicts.environments import united
from mixbench.verdicts.labels import in_words, mixer_order
from mixbench.verdicts.learning.context import by_context
from mixbench.verdicts.learning.means import known_mean, mean_difference
from mixbench.verdicts.words import counted, number

MAPPED = ("task", "size", "layers", "width", "tokens", "device")
"""The options that choose maps."""
_STUDY = "attention-map"
_EVEN = "an even map"
_ABOVE_EVEN = Criterion(
    supports=lambda estimate: estimate.above(0),
    contradicts=lambda estimate: estimate.below(0),
    smallest=half_width,
)
_EVEN_PHRASES: Phrases = {
    "supported": "is larger than that of",
    "contradicted": "is smaller than that of",
    "undecided": "may or may not be larger than that of",
}


@dataclass(frozen=True)
class Maps:
    """The maps of models that share everything but the mixer and the seed."""

    words: str
    rows: Sequence[AttentionMapRow]
    lines: dict[tuple[str, str], MixerMaps]
    failed: dict[tuple[str, str], dict[int, str]]
    """Status by seed of the runs that failed."""


def more_needed_sensitivity(claim: Claim, evidence: Evidence) -> Answer:
    """The paired difference of the share of long-range sensitivity on needed inputs, in percentage points."""
    every = evidence.rows(AttentionMapRow)
    first = first_command(_STUDY, claim, evidence.baseline, MAPPED, seeds=FEWEST)
    if not every:
        raise no_table(AttentionMapRow, first)
    rows = united(narrowed(every, claim, MAPPED, AttentionMapRow, first), evidence.contents(every))
    mixers = mixer_order((row.mixer, row.config) for row in rows)
    try:
        found = named(claim, mixers, evidence.baseline, AttentionMapRow)
    except NoEvidenceError as none:
        lacking = [mixer for mixer in keys_of([claim.options["mixer"]]) if mixer not in mixers]
        raise NoEvidenceError(none.reason, map_command(lacking, list(rows)) if lacking else "") from None
    groups, left_out = _groups(rows, found)
    margin = 100 * claim.options["margin"]
    test = Criterion(
        supports=lambda estimate: estimate.above(margin),
        contradicts=lambda estimate: estimate.below(margin),
        smallest=lambda estimate: None if (half := half_width(estimate)) is None else margin + half,
    )
    comparisons = lacking_comparisons(found)
    comparisons += [_comparison(found, maps, mixer, len(groups) > 1) for maps in groups for mixer in found.against]
    quantity = "difference of the share on needed inputs, percentage points"
    decision = decide(test, comparisons, quantity)
    even = decide(_ABOVE_EVEN, [own for maps in groups if (own := _against_even(found, maps, len(groups) > 1))], quantity)
    beyond = f"{number(margin)} percentage points" if margin else "0"
    rule = (
        f"The share of long-range sensitivity that falls on needed inputs, {found.label} minus {found.others}, paired by"
        f" seed: supported if the {decision.interval_words} of the difference lies above {beyond}{found.against_each}, and"
        f" that of {found.label} minus an even map above 0 (its {even.interval_words}); contradicted if any of"
        " these intervals lies below instead."
    )
    more = f"more than {number(margin)} points larger" if margin else "larger"
    phrases: Phrases = {
        "supported": f"is {more} than that of",
        "contradicted": f"is not {more} than that of" if margin else "is smaller than that of",
        "undecided": f"may or may not be {more} than that of",
    }
    said = decision.said(f"that of {found.label}", phrases, " points", signed)
    if even.findings:
        said = f"{said}; {even.said(f'that of {found.label}', _EVEN_PHRASES, ' points', signed)}"
    sentence = f"The share of long-range sensitivity that falls on needed inputs{_on(groups)}: {said}."
    notes = [*_notes(found, groups, left_out), *evidence.machines(AttentionMapRow, rows)]
    commands = _next(((decision, margin), (even, 0.0)), found, groups)
    return Answer(rule, sentence, [*decision.findings, *even.findings], notes, commands)


def _groups(rows: Sequence[Any], found: Named) -> tuple[list[Maps], int]:
    """The maps by what the models share, of the groups with the mixer and most of the others; how many others there are."""
    groups = []
    for context, (own, _) in by_context(rows).items():
        for (size,), alike in grouped(own, "train_size").items():
            lines = {line.mixer: line for task in summarise(list(alike)) for line in task.lines}
            failed: dict[tuple[str, str], dict[int, str]] = {}
            for row in alike:
                if row.status != "ok":
                    failed.setdefault((row.mixer, row.config), {})[row.seed] = row.status
            words = [in_words(name, getattr(context, name)) for name in ("task", "layers", "width", "tokens", "device")]
            groups.append(Maps(" · ".join([*words, in_words("train_size", size)]), list(alike), lines, failed))
    able = [maps for maps in groups if found.mixer in maps.lines]
    most = max(len(maps.lines.keys() & set(found.against)) for maps in able)
    kept = [maps for maps in able if len(maps.lines.keys() & set(found.against)) == most]
    return kept, len(able) - len(kept)


def _comparison(found: Named, maps: Maps, mixer: tuple[str, str], several: bool) -> Comparison:
    where = f"on {maps.words}" if several else ""
    blank = partial(Comparison, found.label, found.labels[mixer], where=where, source=maps)
    for key in (found.mixer, mixer):
        line = maps.lines.get(key)
        if line is None or not line.by_seed:
            why = line.detail if line else "no maps there"
            return blank(at=lambda level: NOTHING, detail=f"{found.labels[key]}: {why}")
    own, other = maps.lines[found.mixer].by_seed, maps.lines[mixer].by_seed
    shares = [(own[seed], other[seed]) for seed in own if seed in other]
    return blank(at=partial(_difference, shares), detail=_why_nothing(shares) or ("" if shares else "no seed has both"))


def _against_even(found: Named, maps: Maps, several: bool) -> Comparison | None:
    """The mixer's share against that of an even map on the same examples; None where it has no share."""
    by_seed: dict[int, list[AttentionMapRow]] = {}
    for row in maps.rows:
        if (row.mixer, row.config) == found.mixer and row.right_share is not None:
            by_seed.setdefault(row.seed, []).append(row)
    if not by_seed:
        return None
    shares = [
        (fmean(row.right_share or 0.0 for row in rows), even)
        for rows in by_seed.values()
        if (even := known_mean(row.chance_share for row in rows)) is not None
    ]
    why = _why_nothing(shares) or ("" if shares else "its share is not known")
    where = f"on {maps.words}" if several else ""
    return Comparison(found.label, _EVEN, partial(_difference, shares), where, why, source=maps)


def _difference(shares: Sequence[tuple[float, float]], level: float) -> Estimate:
    return of_interval(mean_difference(shares, level), 100)


def _why_nothing(shares: Sequence[tuple[float, float]]) -> str:
    """Why there is no interval."""
    if len(shares) == 1:
        return "one seed, so no interval"
    difference = mean_difference(shares)
    return "all seeds agree exactly, so no interval" if difference and difference.low is None else ""


def _on(groups: Sequence[Maps]) -> str:
    return f", on {groups[0].rows[0].task}" if len(groups) == 1 else ""


def _notes(found: Named, groups: Sequence[Maps], left_out: int) -> list[str]:
    """What was left out, and how sure it is."""
    notes = []
    for maps in groups:
        there = [mixer for mixer in found.all if mixer in maps.lines]
        for mixer in there:
            failed = maps.failed.get(mixer, {})
            runs = len(failed.keys() | maps.lines[mixer].by_seed.keys())
            notes.append(failed_note(found.labels[mixer], list(failed.values()), runs, "run"))
        seeds = counted(max(maps.lines[mixer].seeds for mixer in there), "seed")
        examples = counted(max(maps.lines[mixer].examples for mixer in there), "test example")
        notes.append(f"Maps: {maps.words}, {seeds}, {examples} each.")
    notes.append(f"Left out: {counted(left_out, 'other context')}." if left_out else "")
    return [*filter(None, notes)]


def _next(decisions: Sequence[tuple[Decision, float]], found: Named, groups: Sequence[Maps]) -> str:
    """The commands that may decide what is not decided, a line each; with each decision, what its numbers are held against."""
    left = [(own, limit) for decision, limit in decisions for own in decision.undecided]
    lacking = [mixer for mixer in keys_of(found.lacking) if mixer not in found.labels]
    commands = []
    for maps in groups:
        here = [(own.at(LEVEL), limit) for own, limit in left if own.source is maps]
        more: dict[str, Any] = {**enough("seeds", len({row.seed for row in maps.rows}))}
        if left and lacking:
            commands.append(map_command([*found.all, *lacking], maps.rows, **more))
        elif here and any(can_be_repeated(statuses.values()) for statuses in maps.failed.values()):
            commands.append(map_command(found.all, maps.rows, retry_failed=True, **more))
        elif here:
            commands += _more_seeds(here, found, maps)
    return "\n".join(commands)


def _more_seeds(undecided: Sequence[tuple[Estimate, float]], found: Named, maps: Maps) -> Iterator[str]:
    """The command that maps more models; none where there is no number to go by, as of mixers that look nowhere else."""
    seeds = len(maps.lines[found.mixer].by_seed)
    wanted = [
        more_replicates(seeds, half_width(own), abs(own.point - limit)) for own, limit in undecided if own.point is not None
    ]
    if wanted:
        yield map_command(found.all, maps.rows, seeds=max(wanted))
