"""The section of a study's claims: what each says, its verdict, and the numbers that decide it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import get_args

from mixbench.reports.contents import Cell, Section, Table
from mixbench.reports.sections.as_tables import MISSING, as_csv
from mixbench.verdicts.claims.claim import Finding, Judged, Verdict
from mixbench.verdicts.claims.shown import RESULTS, about_numbers, claim_text, smallest_entry, value_entry
from mixbench.verdicts.words import counted

CLAIMS = "claims"
"""The anchor of the section."""


def claims_section(judged: Sequence[Judged]) -> Section | None:
    """The claims of a study; None without any."""
    if not judged:
        return None
    findings = as_csv("claims.csv", [record for own in judged for record in _records(own)])
    return Section(
        CLAIMS,
        "Claims",
        answers=[_count(judged), *map(verdict_sentence, judged)],
        tables=[*_tables(judged)],
        downloads=[findings] if findings else [],
    )


def verdict_sentence(judged: Judged) -> str:
    """The claim as the study file states it, and what the rows say of it: `Supported: … Results: …`."""
    return f"{judged.verdict.capitalize()}: {claim_text(judged)} {RESULTS}: {judged.sentence}"


def _count(judged: Sequence[Judged]) -> str:
    """How many claims have each verdict: `Of 8 claims, 2 are supported, 0 contradicted, 6 undecided, …`"""
    found = [own.verdict for own in judged]
    first, *others = [f"{found.count(verdict)} {verdict}" for verdict in get_args(Verdict)]
    number, _, verdict = first.partition(" ")
    counts = f"{number} {'is' if number == '1' else 'are'} {', '.join([verdict, *others])}"
    return f"Of {counted(len(found), 'claim')}, {counts}, each for what was measured here."


def _tables(judged: Sequence[Judged]) -> Iterator[Table]:
    notes = [f"{own.claim.name}: {note}" for own in judged for note in own.notes]
    rows = [_row(own, finding) for own in judged for finding in own.findings]
    yield Table(
        "claims-verdicts",
        "What was claimed, and what the results say",
        ("claim", "what it says", "verdict", "decided by"),
        [[Cell(own.claim.name), Cell(own.claim.text), Cell(own.verdict), Cell(own.rule)] for own in judged],
        () if rows else notes,
    )
    if rows:
        yield Table(
            "claims-numbers",
            "The numbers that decide the claims",
            ("claim", "comparison", "quantity", "value (interval)", "detectable", "verdict"),
            rows,
            [*about_numbers(judged), *notes],
        )


def _row(judged: Judged, finding: Finding) -> list[Cell]:
    shown, least = value_entry(finding), smallest_entry(finding)
    value = Cell(shown.number + shown.tail if shown else MISSING, finding.point, finding.detail)
    smallest = Cell(least.number, finding.smallest) if least else Cell(MISSING)
    words = (judged.claim.name, finding.label, finding.quantity)
    return [*map(Cell, words), value, smallest, Cell(finding.verdict)]


def _records(judged: Judged) -> Iterator[dict[str, object]]:
    for finding in judged.findings:
        yield {"claim": judged.claim.name, "rule": judged.claim.rule, "claim_verdict": judged.verdict, **vars(finding)}
