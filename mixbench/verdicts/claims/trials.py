"""The claim that a mixer takes fewer tuning trials until a score is expected, by the bands of both searches."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from typing import Any

from mixbench.tables.columns import FAILURES
from mixbench.tables.selection import where
from mixbench.tables.training_rows import TrialRow
from mixbench.verdicts.claims.answers import (
    Answer,
    decide,
    failed_note,
    first_command,
    keys_of,
    lacking_comparisons,
)
from mixbench.verdicts.claims.claim import Claim
from mixbench.verdicts.claims.estimates import NOTHING, Comparison, Estimate, of_brackets, ratio_test
from mixbench.verdicts.claims.evidence import Evidence, NoEvidenceError, named, narrowed, no_table
from mixbench.verdicts.claims.needs import TRIALS, hardest, need_words, on_task, said, which
from mixbench.verdicts.claims.runs import TRAINED
from mixbench.verdicts.cost.commands import search_command
from mixbench.verdicts.environments import united
from mixbench.verdicts.labels import MixerKey
from mixbench.verdicts.learning.data_needed import Bracket
from mixbench.verdicts.learning.tune import Search, by_mixer, by_search, search_of_rows
from mixbench.verdicts.words import counted, number

SEARCHED = (*TRAINED, "size")
"""The options that choose trials."""


def fewer_trials(claim: Claim, evidence: Evidence) -> Answer:
    """The ratio of the tuning trials after which two mixers are expected to reach a score, by simultaneous bands."""
    every = evidence.rows(TrialRow)
    first = first_command("tune", claim, evidence.baseline, SEARCHED)
    if not every:
        raise no_table(TrialRow, first)
    rows = united(narrowed(every, claim, SEARCHED, TrialRow, first), evidence.contents(every))
    # what ran out of memory or time says nothing of what a trial gives; what diverged does
    kept = where(rows, "status", lambda status: status not in FAILURES)
    mixers = list(by_mixer(rows))
    try:
        found = named(claim, mixers, evidence.baseline, TrialRow)
    except NoEvidenceError as none:
        lacking = [mixer for mixer in keys_of([claim.options["mixer"]]) if mixer not in mixers]
        raise NoEvidenceError(none.reason, search_command(lacking, [], list(rows), evidence.texts) if lacking else "") from None
    below = claim.options["below"]
    groups = [own for own in by_search(kept) if found.mixer in by_mixer(own)]
    if not groups:
        raise NoEvidenceError(
            f"all trials of {found.label} failed",
            search_command([found.mixer], [], list(rows), evidence.texts, retry_failed=True),
        )
    most = max(len(by_mixer(own).keys() & set(found.against)) for own in groups)
    groups = [own for own in groups if len(by_mixer(own).keys() & set(found.against)) == most]
    comparisons = lacking_comparisons(found)
    for own in groups:
        search = search_of_rows(own, None, claim.options["target"] or ())
        for against in found.against:
            several = len(groups) > 1
            here = _trials(claim, found.label, found.labels[against], found.mixer, against, search, several)
            comparisons += [replace(one, source=own) for one in here]
    decision = decide(ratio_test(below), comparisons, "ratio of tuning trials needed")
    rule = (
        f"The tuning trials after which {found.label} is expected to reach a development score, relative to {found.others}:"
        f" supported if the interval of the ratio lies below {below:g}, contradicted if it lies above. Its ends come from"
        " the 95 % bands around both expected scores. They hold for all numbers of trials at once, so no correction for"
        f" several comparisons is needed. {which(claim)}"
    )
    sentence = f"{on_task([own[0].task for own in groups])}{said(decision, found.label, TRIALS, below)}."
    notes = []
    by_name = {found.labels[mixer]: by_mixer(rows).get(mixer, []) for mixer in found.all}
    for name, tried in by_name.items():
        broken = [row.status for row in tried if row.status in FAILURES]
        diverged, of = sum(row.status == "diverged" for row in tried), counted(len(tried), "trial")
        notes.append(failed_note(name, broken, len(tried), "trial"))
        notes.append(f"{name}: {diverged} of {of} diverged and count as the worst score seen." if diverged else "")
    searches = [
        f"{own[0].task}, {counted(_most_trials(own), 'trial')} per mixer on {own[0].train_size} examples" for own in groups
    ]
    notes.append(f"Trials: {'; '.join(searches)}.")
    notes += evidence.machines(TrialRow, rows)
    commands = []
    lacking = [mixer for mixer in keys_of(found.lacking) if mixer not in found.labels]
    failed = any(row.status in FAILURES for tried in by_name.values() for row in tried)
    for own in groups:
        if any(one.source is own or lacking for one in decision.undecided):
            changes: dict[str, Any] = {"retry_failed": True} if failed else {} if lacking else {"trials": 2 * _most_trials(own)}
            commands.append(search_command([*found.all, *lacking], [], own, evidence.texts, **changes))
    return Answer(rule, sentence, decision.findings, [*filter(None, notes)], "\n".join(commands))


def _most_trials(rows: Sequence[TrialRow]) -> int:
    return max(row.trial for row in rows)


def _trials(
    claim: Claim, label: str, against_label: str, mixer: MixerKey, against: MixerKey, search: Search, several: bool
) -> list[Comparison]:
    """A comparison for each score to reach."""
    place = f"on {search.task}, seed {search.seed}" if several else ""
    blank = Comparison(label, against_label, lambda level: NOTHING, place)
    lines = {curve.mixer: curve for curve in search.curves}
    for name, key in ((label, mixer), (against_label, against)):
        if key not in lines:
            return [replace(blank, detail=f"{name} has no trial with a score there")]
    own, other = lines[mixer], lines[against]
    targets = [target.score for target in search.targets]
    if claim.options["target"] is None:
        by_target = {target.score: target.trials for target in search.targets}
        reached = {
            score: (trials[own.label][0] is not None, trials[other.label][0] is not None) for score, trials in by_target.items()
        }
        chosen = hardest(targets, reached)
        if chosen is None:
            return [replace(blank, detail="neither reaches a score within half the trials")]
        targets = [chosen]
    sign = "≤" if search.is_error else "≥"
    comparisons = []
    for score in targets:
        needs = [_trial_brackets(curve.needed(score, search.is_error), len(curve.expected)) for curve in (own, other)]
        (mine, my_band), (theirs, their_band) = needs
        words = f"{label}: {need_words(mine, 'trial')}, {against_label}: {need_words(theirs, 'trial')}"
        estimate = of_brackets(ratio_of(mine, theirs), ratio_of(my_band, their_band))
        comparisons.append(
            replace(
                blank,
                where=f"at {search.score} {sign} {number(score)} {place}".rstrip(),
                at=partial(_whatever, estimate),
                detail=words,
            )
        )
    return comparisons


def _whatever(estimate: Estimate, level: float) -> Estimate:
    """An estimate that has one interval."""
    return estimate


def _trial_brackets(needed: tuple[float | None, float | None, float | None], most: int) -> tuple[Bracket, Bracket]:
    """The trials needed and their band, open beyond the curve."""
    point, earliest, latest = needed
    value = Bracket(most, math.inf) if point is None else Bracket(point, point)
    return value, Bracket(most if earliest is None else earliest, math.inf if latest is None else latest)


def ratio_of(own: Bracket, other: Bracket) -> Bracket:
    """The ratio of two numbers as far as known."""
    return Bracket(own.low / other.high if other.high else math.inf, own.high / other.low if other.low else math.inf)
