"""What is shown of a claim and its findings, the same in the terminal and on a page."""

from __future__ import annotations

import math
from collections.abc import Sequence

from mixbench.stats import Interval
from mixbench.verdicts.brackets import ratio
from mixbench.verdicts.claims.answers import signed
from mixbench.verdicts.claims.claim import Finding, Judged
from mixbench.verdicts.entries import DISTURBED, UNKNOWN, Entry, difference_text
from mixbench.verdicts.entries import signed as with_signs
from mixbench.verdicts.learning.data_needed import UNKNOWN as NOTHING
from mixbench.verdicts.learning.data_needed import Bracket
from mixbench.verdicts.words import number

_RATIO, _SCORE = "ratio", "test "
"""What the quantity of a ratio and of a plain score begins with."""
CLAIM, RESULTS, RULE = "Claim", "Results", "Rule"
"""What stands before the text of a claim, before what the rows say of it, and before how it is decided."""
_ABOUT_NUMBERS = (
    "A verdict is on these rows only: their tasks, models, lengths and machine. Undecided does not mean equal.",
    "In brackets: 95 % intervals; with several comparisons they are wider, as the rule says.",
    "detectable: the smallest effect that an interval of this width would have shown; for on-par, the narrowest margin"
    " that it could have shown to hold.",
)


def about_numbers(judged: Sequence[Judged]) -> list[str]:
    """How to read the numbers of claims; nothing where there are none."""
    findings = [finding for own in judged for finding in own.findings]
    marked = [DISTURBED.explained] if any(finding.disturbed for finding in findings) else []
    return [*_ABOUT_NUMBERS, *marked] if findings else []


def claim_text(judged: Judged) -> str:
    """What is claimed, as a sentence. No quotation: a study file may put it in words of its own."""
    text = judged.claim.text
    return text if text.endswith((".", "!", "?")) else f"{text}."


def value_entry(finding: Finding) -> Entry | None:
    """A number with its interval and its mark as the tables have it, the one end that is known without a number; None where
    nothing is.
    """
    entry = _value_entry(finding)
    return with_signs(entry, DISTURBED) if entry and finding.disturbed else entry


def _value_entry(finding: Finding) -> Entry | None:
    if finding.quantity.startswith(_RATIO):
        return _ratio_entry(finding)
    if finding.point is None:
        return None
    form = number if finding.quantity.startswith(_SCORE) else signed
    if finding.unknown:
        return Entry(form(finding.point), UNKNOWN)
    return Entry(*difference_text(Interval(finding.point, finding.low, finding.high), form))


def _ratio_entry(finding: Finding) -> Entry | None:
    ends = None if finding.low is finding.high is None else Bracket(finding.low or 0.0, finding.high or math.inf)
    if finding.point is not None:
        value = Bracket(finding.point, finding.point)
    else:
        value = Bracket(finding.at_least or 0.0, finding.at_most or math.inf)
    shown = ratio(value, NOTHING if finding.unknown else ends)
    if shown or ends is None:
        return shown and Entry(shown.number, shown.tail)
    return Entry(f"≥ {number(ends.low)}" if ends.low else f"≤ {number(ends.high)}")


def smallest_entry(finding: Finding) -> Entry | None:
    """The smallest effect that would have been shown: a ratio at most as large, a difference at least as large."""
    if finding.smallest is None:
        return None
    return Entry(f"{'≤' if finding.quantity.startswith(_RATIO) else '≥'} {number(finding.smallest)}")
