"""The number of a finding as an entry of a table, the same in the terminal and on a page."""

from __future__ import annotations

from mixbench.stats import Interval
from mixbench.verdicts.claims.answers import signed
from mixbench.verdicts.claims.claim import Finding
from mixbench.verdicts.entries import Entry, interval_text
from mixbench.verdicts.words import number

_RATIO = "ratio"


def value_entry(finding: Finding) -> Entry | None:
    """A number with its interval, the one end that is known where the other is open; None where nothing is."""
    shown = number if finding.quantity.startswith(_RATIO) else signed
    ends = [f"{sign} {shown(end)}" for sign, end in (("≥", finding.low), ("≤", finding.high)) if end is not None]
    if finding.point is None:
        return Entry(ends[0]) if ends else None
    if len(ends) == 1:
        return Entry(shown(finding.point), f" ({ends[0]})")
    return Entry(*interval_text(Interval(finding.point, finding.low, finding.high), shown))


def smallest_entry(finding: Finding) -> Entry | None:
    """The smallest effect that would have been shown: a ratio at most as large, a difference at least as large."""
    if finding.smallest is None:
        return None
    return Entry(f"{'≤' if finding.quantity.startswith(_RATIO) else '≥'} {number(finding.smallest)}")
