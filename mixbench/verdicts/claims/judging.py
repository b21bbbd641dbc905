"""Judge the claims of a study by the tables of a results folder."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any

from mixbench.parsing.command import with_folder
from mixbench.tables.results import ResultsFolder
from mixbench.verdicts.claims.answers import Answer
from mixbench.verdicts.claims.claim import Claim, Judged
from mixbench.verdicts.claims.evidence import Evidence, NoEvidenceError
from mixbench.verdicts.claims.rules import RULES

_STARTS = ("nothing", "reaching")
"""Words that begin a sentence and are no label."""


def judge(
    claims: Iterable[Claim], folder: ResultsFolder, *, environment: str | None = None, baseline: str | None = None
) -> list[Judged]:
    """What the tables of a folder say of each claim.

    Every table is read once. The rows that count are those that the tables show: times of one machine, by default the newest,
    runs of all with the same versions; `environment` takes only the rows of one. `baseline` is the mixer that a claim without
    `against` compares with, by default attention. Raises StorageError.
    """
    evidence = Evidence(folder, environment, baseline)
    return [_judged(claim, evidence) for claim in claims]


def _judged(claim: Claim, evidence: Evidence) -> Judged:
    rule = RULES[claim.rule]
    try:
        answer = rule.decide(_with_options(claim, evidence), evidence)
    except NoEvidenceError as none:
        condition = f"Supported if {rule.text[0].lower()}{rule.text[1:]}"
        answer = Answer(condition, f"Nothing can be said yet: {none.reason}.", (), (), none.command)
    notes = [*answer.notes]
    if answer.command and answer.verdict == "undecided":
        why = "This may decide it" if answer.findings else "To measure it"
        notes += [f"{why}: {with_folder(command, evidence.folder.path)}" for command in answer.command.split("\n")]
    sentence = answer.sentence[0].upper() + answer.sentence[1:] if answer.sentence.startswith(_STARTS) else answer.sentence
    return Judged(claim, answer.rule, answer.verdict, sentence, tuple(answer.findings), tuple(notes))


def _with_options(claim: Claim, evidence: Evidence) -> Claim:
    """The claim with its mixers as the folder has them, with their options."""
    against = claim.options["against"]
    others = against and tuple(map(evidence.named, against))
    return replace(claim, options={**claim.options, "mixer": evidence.named(claim.options["mixer"]), "against": others})


def _plain(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else value


def records(judged: Sequence[Judged]) -> list[dict[str, Any]]:
    """The claims as plain values: JSON."""
    return [
        {
            "name": own.claim.name,
            "claim": own.claim.text,
            "rule": own.claim.rule,
            "options": {name: _plain(value) for name, value in own.claim.options.items() if value is not None},
            "decided_by": own.rule,
            "verdict": own.verdict,
            "sentence": own.sentence,
            "findings": [dataclasses.asdict(finding) for finding in own.findings],
            "notes": list(own.notes),
        }
        for own in judged
    ]
