"""Numbers of which only bounds are known, as entries of tables."""

from __future__ import annotations

import math

import pytest

from mixbench.verdicts.brackets import ratio
from mixbench.verdicts.entries import Entry
from mixbench.verdicts.learning.data_needed import UNKNOWN, Bracket


@pytest.mark.parametrize(
    ("value", "interval", "entry"),
    [
        (Bracket(2.0, 2.0), Bracket(1.5, 2.5), Entry("2.00", " (1.50–2.50)", "red")),
        (Bracket(0.0, 0.91), Bracket(0.0, 1.07), Entry("≤ 0.910", " (≤ 1.07)")),
        (Bracket(0.0, 0.5), Bracket(0.0, 0.7), Entry("≤ 0.500", " (≤ 0.700)", "green")),
        (Bracket(3.0, math.inf), Bracket(2.5, math.inf), Entry("≥ 3.00", " (2.50–∞)", "red")),
        (Bracket(3.0, math.inf), UNKNOWN, Entry("≥ 3.00", " (unknown)")),
        (Bracket(0.9, 0.9), Bracket(1.76e-6, 7e5), Entry("0.900", " (unknown)")),
        (UNKNOWN, None, None),
    ],
)
def test_an_open_end_of_an_interval_is_not_a_number(value: Bracket, interval: Bracket | None, entry: Entry | None) -> None:
    assert ratio(value, interval) == entry
