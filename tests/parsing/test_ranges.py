"""What a random search draws from: ranges as typed, and draws that do not depend on who draws."""

from __future__ import annotations

import math
from statistics import fmean

import pytest

from mixbench.errors import RequestError
from mixbench.parsing.ranges import Range, drawn_share, parse_ranges

MIXERS = ("attention", "hypermixer")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("learning_rate=1e-4..1e-2:log", Range("learning_rate", low=1e-4, high=1e-2, log=True)),
        ("learning_rate=1e-3..1e-2", Range("learning_rate", low=1e-3, high=1e-2)),
        (" dropout = 0..0.5 ", Range("dropout", low=0.0, high=0.5)),
        ("dropout=0.1", Range("dropout", low=0.1, high=0.1)),
        ("hypermixer.hidden=64, 128,64", Range("hidden", "hypermixer", choices=("64", "128"))),
        ("attention.heads=1..8", Range("heads", "attention", choices=("1", "2", "4", "8"))),
        ("hypermixer.tied=true,false", Range("tied", "hypermixer", choices=("true", "false"))),
    ],
)
def test_a_range_is_read_as_it_is_typed(text, expected):
    assert parse_ranges([text], MIXERS) == (expected,)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("learning_rate", "is not a range"),
        ("=1..2", "is not a range"),
        ("learning_rate=", "is not a range"),
        ("learning_rate=a..b", "not a range of numbers"),
        ("learning_rate=1e-2..1e-4:log", "runs backwards"),
        ("learning_rate=0..1e-2", "must not be negative, nor 0"),
        ("learning_rate=nan..1", "runs backwards or is infinite"),
        ("learning_rate=1e-4..1e-2:ln", "'ln' is not a scale"),
        ("dropout=0..1", "dropout must be below 1"),
        ("dropout=0..0.5:log", "must not be negative, nor 0"),
        ("steps=1..2", "steps is not a training option"),
        ("fnet.hidden=1", "fnet is not one of the mixers"),
        ("hypermixer.hidden=,", "has no values"),
        ("attention.heads=8..1", "runs backwards"),
    ],
)
def test_what_is_no_range_is_refused_with_what_is_wrong(text, message):
    with pytest.raises(RequestError, match=message):
        parse_ranges([text], MIXERS)


def test_an_option_has_one_range():
    with pytest.raises(RequestError, match="gives dropout twice"):
        parse_ranges(["dropout=0..0.1", "dropout=0..0.2"], MIXERS)


def test_values_lie_where_their_share_says():
    log, plain, choice = parse_ranges(
        ["learning_rate=1e-4..1e-2:log", "dropout=0..0.5", "hypermixer.hidden=64,128,256"], MIXERS
    )
    assert [log.value(share) for share in (0, 0.5, 1)] == pytest.approx([1e-4, 1e-3, 1e-2])
    assert [plain.value(share) for share in (0, 0.5, 1)] == [0.0, 0.25, 0.5]
    assert [choice.value(share) for share in (0, 0.34, 0.999, 1)] == ["64", "128", "256", "256"]


def test_draws_are_uniform_and_depend_on_seed_trial_and_option_alone():
    shares = [drawn_share(0, trial, "learning_rate") for trial in range(2000)]
    assert fmean(shares) == pytest.approx(0.5, abs=4 * math.sqrt(1 / 12 / 2000))
    assert min(shares) >= 0
    assert max(shares) < 1
    assert drawn_share(0, 3, "dropout") == drawn_share(0, 3, "dropout")
    assert len({drawn_share(0, 3, "dropout"), drawn_share(1, 3, "dropout"), drawn_share(0, 4, "dropout")}) == 3
    assert drawn_share(0, 3, "dropout") != drawn_share(0, 3, "learning_rate")
