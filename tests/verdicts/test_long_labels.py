"""Names and settings without end, as a damaged table may hold them, are short and distinct wherever they are shown."""

from __future__ import annotations

import pytest

from mixbench.parsing.canonical import canonical_json
from mixbench.verdicts.labels import LONGEST_LABEL, find_baseline, in_words, mixer_labels, mixer_order, unpacked

LONG = "m" * 10**6


def test_labels_without_end_are_short_and_distinct() -> None:
    mixers = [(f"{LONG}a{LONG}", "{}"), (f"{LONG}b{LONG}", "{}"), ("none", "{}"), ("x.py:Mine", canonical_json({"name": LONG}))]
    labels = mixer_labels(mixers)
    assert len(set(labels.values())) == 4
    assert max(map(len, labels.values())) <= LONGEST_LABEL
    assert labels["none", "{}"] == "none"
    assert set(mixer_order(mixers)) == set(mixers)
    assert find_baseline(labels[mixers[1]], mixers) == mixers[1]


def test_a_task_without_end_is_short_in_words() -> None:
    assert len(in_words("task", LONG)) < 130


@pytest.mark.parametrize("text", ["[" * 10**5, "{", "[1]", "7", '{"a":NaN}', '{"a":1,"a":2}'])
def test_a_text_that_is_no_object_is_its_own_only_value(text: str) -> None:
    assert unpacked(text) == {"text": text}
