"""Results that are found once for an object."""

from __future__ import annotations

import gc

from mixbench.verdicts.once import once


class Summary:
    """Something that can be asked about."""


def test_a_result_is_found_once_for_each_object_and_forgotten_with_it() -> None:
    asked: list[int] = []

    @once
    def count(summary: Summary) -> int:
        asked.append(id(summary))
        return len(asked)

    first, second = Summary(), Summary()
    assert [count(first), count(second), count(first), count(second)] == [1, 2, 1, 2]
    places = set(asked)
    del first, second
    gc.collect()
    again = [Summary() for _ in range(50)]  # some of them stand where the first ones were
    assert [count(summary) for summary in again] == [*range(3, 53)]
    assert len(places) == 2
