"""The section of a study's claims: what each says, its verdict, and the numbers that decide it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from mixbench.reports.contents import Cell, Section, Table
from mixbench.reports.sections.as_tables import MISSING, as_csv
from mixbench.verdicts.claims.claim import Finding, Judged
from mixbench.verdicts.claims.shown import smallest_entry, value_entry

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
        answers=[*map(verdict_sentence, judged)],
        tables=[*_tables(judged)],
        notes=[f"{own.claim.name}: {note}" for own in judged for note in own.notes],
        downloads=[findings] if findings else [],
    )


def verdict_sentence(judged: Judged) -> str:
    """What the rows say of a claim: `Supported: …`."""
    return f"{judged.verdict.capitalize()}: {judged.sentence}"


def _tables(judged: Sequence[Judged]) -> Iterator[Table]:
    yield Table(
        "claims-verdicts",
        "What was claimed, and what the results say",
        ("claim", "in the words of its source", "verdict", "decided by"),
        [[Cell(own.claim.name), Cell(own.claim.text), Cell(own.verdict), Cell(own.rule)] for own in judged],
    )
    rows = [_row(own, finding) for own in judged for finding in own.findings]
    if rows:
        yield Table(
            "claims-numbers",
            "The numbers that decide the claims",
            ("claim", "of", "quantity", "value (95 % interval)", "smallest detectable effect", "verdict", "remarks"),
            rows,
        )


def _row(judged: Judged, finding: Finding) -> list[Cell]:
    shown, least = value_entry(finding), smallest_entry(finding)
    value = Cell(MISSING, mark=finding.detail)
    if shown:
        value = Cell(shown.number + shown.tail, finding.point, mark="" if finding.point is not None else finding.detail)
    smallest = Cell(least.number, finding.smallest) if least else Cell(MISSING)
    words = (judged.claim.name, finding.label, finding.quantity)
    return [*map(Cell, words), value, smallest, Cell(finding.verdict), Cell(finding.detail or MISSING)]


def _records(judged: Judged) -> Iterator[dict[str, object]]:
    for finding in judged.findings:
        yield {"claim": judged.claim.name, "rule": judged.claim.rule, "claim_verdict": judged.verdict, **vars(finding)}
