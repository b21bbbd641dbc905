"""The text of claims: for each its verdict, the sentence and the numbers behind it, how it is decided, and what to do next."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from mixbench.cli.text.layout import BLANK, Column, Paragraph, Table, caption, fitted, notes
from mixbench.verdicts.claims.claim import Finding, Judged
from mixbench.verdicts.claims.shown import CLAIM, RESULTS, RULE, about_numbers, claim_text, smallest_entry, value_entry
from mixbench.verdicts.entries import Entry

if TYPE_CHECKING:
    from rich.text import Text

STYLES = {"supported": "green", "contradicted": "red", "undecided": "yellow"}
_COMMAND = ": mixbench "


def claims_text(judged: Sequence[Judged], width: int, terminal: bool) -> Text:
    """A block per claim; `width` and `terminal` as for `data_efficiency_table`."""
    parts = [part for own in judged for part in _claim(own)]
    return fitted([*parts, *notes(about_numbers(judged))], width if terminal else None)


def _claim(judged: Judged) -> Iterator[Paragraph | Table]:
    yield Paragraph(f"{judged.verdict.upper()}: {judged.claim.name}", f"bold {STYLES[judged.verdict]}")
    yield Paragraph(f"{CLAIM}: {claim_text(judged)}", "italic")
    yield Paragraph(f"{RESULTS}: {judged.sentence}")
    yield Paragraph(f"{RULE}: {judged.rule}", "dim")
    yield from _numbers(judged.findings)
    for note in judged.notes:
        what, found, command = note.partition(_COMMAND)
        yield from notes([f"{what}:" if found else note])
        if found:
            yield Paragraph(f"  mixbench {command}", "dim", wraps=False)
    yield BLANK


def _numbers(findings: Sequence[Finding]) -> Iterator[Paragraph | Table]:
    """A table for each quantity, with what an interval as wide would have shown."""
    for quantity in dict.fromkeys(finding.quantity for finding in findings):
        own = [finding for finding in findings if finding.quantity == quantity]
        columns = [Column("value", [value_entry(finding) for finding in own])]
        if any(finding.smallest is not None for finding in own):
            columns.append(Column("detectable", [smallest_entry(finding) for finding in own]))
        verdicts = [Entry(finding.verdict, style=STYLES[finding.verdict]) for finding in own]
        yield BLANK
        yield caption(quantity)
        yield Table([finding.label for finding in own], [*columns, Column("verdict", verdicts, words=True)], "comparison")
        yield BLANK
