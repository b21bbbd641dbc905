from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import replace

import pytest

from mixbench.worker.calls import InTurns
from mixbench.worker.measure.clock import Block, CpuClock
from mixbench.worker.measure.rounds import FEWEST_ROUNDS, SHORTEST_BLOCK, interleave


class FakeClock:
    """Time that passes only in blocks: a call's return value is how many seconds it takes."""

    def __init__(self, settling: float = 0.0) -> None:
        self.settling = settling
        self.time = 0.0
        self.log: list[tuple[Callable[[], object], int]] = []

    def now(self) -> float:
        return self.time

    def block(self, call: Callable[[], object], repeats: int) -> Block:
        wall = sum(float(str(call())) for _ in range(repeats))
        self.time += wall
        self.log.append((call, repeats))
        return Block(repeats, wall, wall)


def steady(seconds: float) -> Callable[[], float]:
    return lambda: seconds


def test_blocks_last_at_least_ten_milliseconds_and_latency_is_per_call() -> None:
    rounds = interleave({"fast": steady(3e-5)}, FakeClock(), precision=0.02, budget=1.0, order=random.Random(0))
    assert all(block.wall >= SHORTEST_BLOCK for block in rounds.blocks["fast"])
    assert rounds.blocks["fast"][0].latency == pytest.approx(3e-5)


def test_a_steady_clock_stops_by_precision_long_before_the_budget() -> None:
    clock = FakeClock()
    rounds = interleave({"a": steady(1e-3), "b": steady(2e-3)}, clock, precision=0.02, budget=100.0, order=random.Random(0))
    assert rounds.stopped_by == "precision"
    assert clock.time < 2.0


def test_a_noisy_clock_stops_at_the_budget() -> None:
    noise = random.Random(1)
    clock = FakeClock()
    rounds = interleave(
        {"noisy": lambda: 0.02 * noise.choice((1, 3))}, clock, precision=0.001, budget=2.0, order=random.Random(0)
    )
    assert rounds.stopped_by == "budget"
    assert 2.0 <= clock.time < 2.2


def test_slow_calls_get_the_fewest_rounds_beyond_the_budget() -> None:
    rounds = interleave({"slow": steady(5.0)}, FakeClock(), precision=0.0001, budget=0.1, order=random.Random(0))
    assert len(rounds.blocks["slow"]) == FEWEST_ROUNDS


def test_every_round_holds_every_call_once_in_an_order_that_changes() -> None:
    clock = FakeClock()
    calls = {name: steady(0.011) for name in "abcd"}
    names = {id(call): name for name, call in calls.items()}
    rounds = interleave(calls, clock, precision=1e-9, budget=0.6, order=random.Random(3))
    count = len(rounds.blocks["a"])
    measured = [names[id(call)] for call, _ in clock.log[-4 * count :]]
    orders = [tuple(measured[start : start + 4]) for start in range(0, len(measured), 4)]
    assert all(sorted(order) == list("abcd") for order in orders)
    assert len(set(orders)) > 1


def test_warm_up_goes_on_until_two_windows_agree() -> None:
    latencies = iter([1.0, 0.5, 0.25, 0.12])

    def cold() -> float:
        return next(latencies, 0.05)

    clock = FakeClock()
    rounds = interleave({"cold": cold}, clock, precision=0.02, budget=1000.0, order=random.Random(0))
    assert all(block.latency == pytest.approx(0.05) for block in rounds.blocks["cold"])


def test_a_device_that_settles_under_load_is_loaded_for_that_long_before_the_first_round() -> None:
    clock = FakeClock(settling=3.0)
    rounds = interleave({"a": lambda: 0.01, "b": lambda: 0.02}, clock, precision=0.02, budget=1.0, order=random.Random(0))
    measured = sum(block.wall for blocks in rounds.blocks.values() for block in blocks)
    assert clock.time - measured == pytest.approx(3.0, rel=0.02)


def test_a_disturbed_warm_up_does_not_make_blocks_too_short() -> None:
    latencies = iter([0.5, 1e-4])

    def call() -> float:
        return next(latencies, 1e-4)

    rounds = interleave({"call": call}, FakeClock(), precision=0.02, budget=0.01, order=random.Random(0))
    assert all(block.wall >= SHORTEST_BLOCK for block in rounds.blocks["call"])


def test_a_call_that_raises_is_left_out_and_the_others_go_on() -> None:
    calls_made = 0

    def breaks() -> float:
        nonlocal calls_made
        calls_made += 1
        if calls_made > 4:
            raise ValueError("planted")
        return 0.02

    announced: list[str] = []
    rounds = interleave(
        {"good": steady(0.02), "bad": breaks},
        FakeClock(),
        precision=1e-9,
        budget=1.0,
        order=random.Random(0),
        announce=announced.append,
    )
    assert "bad" not in rounds.blocks
    assert str(rounds.raised["bad"]) == "planted"
    assert len(rounds.blocks["good"]) > FEWEST_ROUNDS
    assert announced[:2] == ["good", "bad"]


@pytest.mark.parametrize(
    ("block", "quality"),
    [
        (Block(1, 1.0, 0.99), "clean"),
        (Block(1, 1.0, 2.0, page_faults=10, steal=0.0), "clean"),
        (Block(1, 1.0, 0.7), "contended"),
        (Block(1, 0.01, 0.02, context_switches=1), "clean"),
        (Block(1, 0.01, 0.02, context_switches=2), "contended"),
        (Block(1, 1.0, 2.0, context_switches=20), "clean"),
        (Block(1, 0.01, 0.01, context_switches=9, waited=0.0002), "clean"),
        (Block(1, 0.01, 0.001, waited=0.0), "clean"),  # it sleeps by itself
        (Block(1, 0.01, 0.02, waited=0.0004), "contended"),
        (Block(1, 1.0, 1.0, steal=0.05), "contended"),
        (Block(1, 1.0, 1.0, page_faults=1_000_000), "contended"),
        (Block(1, 1.0, 0.1, device=0.9, host=0.1), "clean"),
        (Block(1, 1.0, 1.0, device=0.9, sm_clock_mhz=1921.0), "clean"),  # within 3 %, as where only the power is capped
        (Block(1, 1.0, 1.0, device=0.9, sm_clock_mhz=1920.0), "throttled"),
    ],
)
def test_quality_says_what_disturbed_a_block(block: Block, quality: str) -> None:
    assert block.quality(highest_mhz=1980.0) == quality


def test_a_block_is_not_throttled_where_no_clock_is_known() -> None:
    assert Block(1, 1.0, 1.0).quality(1980.0) == Block(1, 1.0, 1.0, sm_clock_mhz=400.0).quality(None) == "clean"


def test_the_time_of_the_device_decides_when_a_launch_is_precise_enough_and_wall_time_how_long_a_block_is() -> None:
    class HostBound(FakeClock):
        """Launching takes 1 or 3 ms, the device half a millisecond."""

        def block(self, call: Callable[[], object], repeats: int) -> Block:
            return replace(super().block(call, repeats), device=5e-4 * repeats)

    noise = random.Random(1)
    rounds = interleave(
        {"noisy": lambda: 1e-3 * noise.choice((1, 3))}, HostBound(), precision=0.001, budget=9.0, order=random.Random(0)
    )
    assert rounds.stopped_by == "precision"
    assert all(block.wall >= SHORTEST_BLOCK for block in rounds.blocks["noisy"])


def test_caches_are_flushed_before_every_call_and_that_is_in_no_time(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 0.0
    order: list[str] = []

    def taking(name: str, seconds: float) -> Callable[[], None]:
        def work() -> None:
            nonlocal now
            now += seconds
            order.append(name)

        return work

    monkeypatch.setattr("mixbench.worker.measure.clock.perf_counter", lambda: now)
    call = InTurns([taking("a", 1e-3), taking("b", 2e-3)], flush=taking("flush", 5e-3))
    block = CpuClock().block(call, 10)
    assert (block.repeats, block.latency, block.flushing) == (10, pytest.approx(1.5e-3), pytest.approx(5e-2))
    assert order == ["flush", "a", "flush", "b"] * 5
    rounds = interleave({"cold": call}, CpuClock(), precision=1.0, budget=0.1, order=random.Random(0))
    assert {block.repeats for block in rounds.blocks["cold"]} == {3}, (
        "12.5 ms hold two to three calls with what comes before them"
    )


@pytest.mark.parametrize(("repeats", "calls"), [(1, 1), (7, 7), (8, 9), (100, 101)])
def test_an_untimed_call_warms_the_caches_before_a_block_of_many(repeats: int, calls: int) -> None:
    made: list[None] = []
    assert CpuClock().block(lambda: made.append(None), repeats).repeats == repeats
    assert len(made) == calls
