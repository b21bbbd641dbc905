"""Figures of a machine's gate from pairs whose noise is known."""

from __future__ import annotations

import math

import numpy as np
import pytest

from mixbench.tables.speed_rows import PairRow
from mixbench.verdicts.gate.selfcheck import Figures, figures

SOUND = {"config": "{}", "scope": "mixer", "mode": "inference", "tokens": 256, "width": 256, "batch": 1, "dtype": "float32"}


MIXERS = ("attention", "none")


def pair_rows(count: int, noise: float, *, later: float = 1.0) -> list[PairRow]:
    """Pairs with planted work whose cost is exact; mixers take `later` times as long in the second half of them."""
    generator = np.random.default_rng(0)
    rows = []
    for pair in range(1, count + 1):
        for mixer in ("calibration", *MIXERS):
            for percent in (0,) if mixer == "calibration" else (0, 5):
                log_ratio = math.log1p(percent / 100) + generator.normal(scale=noise)
                base = later if pair > count / 2 and mixer in MIXERS else 1.0
                base *= math.exp(generator.normal(scale=0.01))
                times = {"base_ms": base, "head_ms": base * math.exp(log_ratio)}
                own = {"mixer": mixer, "planted_percent": percent, "pair": pair, "log_ratio": log_ratio, **times}
                rows.append(PairRow(**SOUND, **own, device="cpu", environment="abc", measured_at="2025-01-01T00:00:00Z"))
    return rows


def figures_of(count: int, noise: float, later: float = 1.0) -> Figures:
    found = figures(pair_rows(count, noise, later=later))
    assert found is not None
    return found


def test_a_quiet_machine_raises_no_false_alarm_and_finds_small_changes():
    found = figures_of(40, 0.005)
    assert (found.pairs, found.workloads) == (40, 2)
    assert found.false_alarms.point == 0
    assert found.detected[0.05].point == pytest.approx(1)
    assert found.planted[0.05].point == pytest.approx(1)
    assert found.planted_ratio[0.05] == pytest.approx(0.05, abs=0.005)
    assert 0.01 < (found.smallest or 0) < 0.03


def test_a_noisy_machine_says_that_it_finds_less():
    noisy = figures_of(40, 0.05)
    assert noisy.false_alarms.point <= 0.01
    assert noisy.detected[0.05].point < 0.5
    assert noisy.detected[0.20].point > 0.9
    assert (noisy.smallest or 1) > (figures_of(40, 0.005).smallest or 1)


def test_the_interval_knows_that_pairs_are_drawn_again():
    found = figures_of(40, 0.005)
    assert found.false_alarms.sets == 2 * (40 // 8)
    assert found.false_alarms.low == 0
    assert found.false_alarms.high == pytest.approx(1 - 0.025 ** (1 / 10))


def test_below_sixteen_pairs_there_are_no_figures():
    assert figures(pair_rows(15, 0.01)) is None
    assert figures(pair_rows(16, 0.01)) is not None
    assert figures([]) is None


def test_the_threshold_of_stored_runs_is_beyond_what_time_does_to_equal_code():
    assert figures_of(30, 0.005).stored_threshold == 0.10
    assert figures_of(30, 0.005, later=1.25).stored_threshold == 0.30
    assert figures_of(30, 0.005, later=3.0).stored_threshold is None


def test_two_rows_without_numbers_are_no_pairs():
    failed = PairRow(
        **SOUND, mixer="attention", planted_percent=0, pair=99, device="cpu", status="error", detail="died", environment="abc",
        measured_at="2025-01-01T00:00:00Z",
    )  # fmt: skip
    with_failure = figures([*pair_rows(20, 0.01), failed])
    assert with_failure is not None
    assert with_failure.pairs == 20
