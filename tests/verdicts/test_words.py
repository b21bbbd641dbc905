from __future__ import annotations

import pytest

from mixbench.verdicts.words import counted, in_percent, percent, sized, span


@pytest.mark.parametrize(
    ("share", "form", "signed", "text"),
    [
        (0.1234, ".1f", True, "+12.3 %"),
        (0.1234, ".1f", False, "12.3 %"),
        (-0.5, ".0f", True, "-50 %"),
        (0.07, "g", False, "7 %"),
        (-0.0004, ".1f", True, "+0.0 %"),
        (-0.0004, ".1f", False, "0.0 %"),
        (1.5, ".3g", True, "+150 %"),
    ],
)
def test_a_share_is_written_in_per_cent_and_zero_has_no_minus(share: float, form: str, signed: bool, text: str) -> None:
    assert percent(share, form, signed=signed) == text
    assert in_percent(share, form, signed=signed) == text.removesuffix(" %")


def test_a_count_agrees_with_its_noun() -> None:
    assert [counted(count, "seed") for count in (0, 1, 2)] == ["0 seeds", "1 seed", "2 seeds"]
    assert counted(2, "launch") == "2 launches"
    assert counted(1, "launch") == "1 launch"


def test_a_large_count_has_separators_as_in_tables() -> None:
    assert counted(100_000, "row") == "100,000 rows"


def test_a_size_is_written_as_in_columns() -> None:
    assert [sized(size, "token") for size in (1, 4096)] == ["1 token", "4096 tokens"]


def test_a_range_of_equal_numbers_is_one_number() -> None:
    assert span([5, 3, 4]) == "3 to 5"
    assert span({5}) == span([5, 5]) == "5"
