"""Mixers that harm what measures them, in one request with good ones. `python tests/attack.py` tries the whole table."""

from __future__ import annotations

from pathlib import Path

import pytest
from hostile_mixers import GOOD, HOSTILE, measure
from left_behind import new_mark, with_mark

TRIED = (
    "loops at import",
    "forks in forward",
    "leaves a daemon",
    "kills its parent",
    "patches the clock",
    "patches torch",
)


@pytest.mark.slow
def test_hostile_mixers_are_rows_with_their_reasons_the_others_are_measured_and_nothing_is_left(tmp_path: Path) -> None:
    mark = new_mark()
    done, rows = measure(TRIED, tmp_path, mark, timeout=12)
    assert done.exit_code == 1
    assert {name: {row["status"] for row in rows[name]} for name in GOOD} == {name: {"ok"} for name in GOOD}
    assert [(name, rows[name]) for name in TRIED if not HOSTILE[name].fits(rows[name])] == []
    assert with_mark(mark) == []
