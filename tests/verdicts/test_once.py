"""Results that are found once for an object."""

from __future__ import annotations

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
    # each stands where the one before it stood
    assert [count(Summary()) for _ in range(20)] == [*range(3, 23)]
