"""How much of a study is said to be done, and how long the rest is said to take, by a clock of the test's own."""

from __future__ import annotations

import heapq
from collections.abc import Sequence

import pytest

from mixbench.cli import progress as displays
from mixbench.cli.progress import Estimate, in_words
from mixbench.studies.progress import Step
from mixbench.studies.speed_steps import START

Timed = Sequence[tuple[Step, float]]
"""Steps and the seconds that they take."""
Foreseen = list[tuple[float, float, float]]
"""Seconds since the begin, the total that was foreseen then, and the share that was done, after each step."""

# seconds, as recorded from `mixbench speed`, `duel`, `data-efficiency` and `tune` on two busy cores
COUNTS = {
    64: (0.37, 0.42, 0.24, 0.34, 0.43, 0.46, 0.07),
    128: (0.21, 0.39, 0.31, 0.39, 0.44, 0.51, 0.17),
    256: (0.43, 0.59, 0.38, 0.38, 0.43, 0.52, 0.24),
    512: (0.44, 0.54, 0.31, 0.36, 0.58, 0.57, 0.25),
    1024: (0.62, 0.61, 0.4, 0.43, 0.85, 0.62, 0.29),
    2048: (0.72, 0.59, 0.36, 0.58, 1.03, 0.74, 0.27),
}
LAUNCHES = (
    (2.25, 2.04, 1.97, 2.07, 2.08, 2.13, 3.12),
    (2.3, 1.82, 2.07, 1.84, 2.2, 2.23, 2.55),
    (2.07, 1.84, 2.84, 1.91, 2.34, 2.5, 2.7),
    (2.05, 2.94, 2.05, 1.95, 2.08, 2.23, 2.52),
    (2.08, 2.01, 1.99, 2.08, 2.04, 2.07, 3.9),
)
PAIRS = ((1.3, 1.1), (1.34, 1.12), (1.35, 1.11), (1.62, 1.28), (1.85, 1.24), (1.81, 1.2), (1.5, 1.2), (1.4, 1.1))
RUNS = """
    11.1 9.4 4.5 8.5 6.4 4.1 7.6 5.7 4.6 7.8 6.2 5.9 8.7 5.2 5.0 6.9 6.9 5.7 10.1 8.7 4.6 6.8 6.0 4.1 8.5 7.0 6.4 10.5 8.2 4.7
    8.0 4.9 4.2 7.8 5.9 3.7 7.0 4.9 4.4 6.6 5.3 4.2 7.1 5.5 4.0 6.8 5.1 4.5 7.5 5.4 4.1 7.7 6.5 5.2 7.2 5.5 4.0 7.2 5.6 3.1
"""
TRIALS = """
    10.6 9.0 5.1 7.9 6.4 5.6 7.5 5.8 5.1 7.5 5.9 5.2 7.6 6.0 5.8 7.6 5.9 4.8 8.5 5.8 5.2 7.7 6.3 5.7 8.0 6.5 6.1 8.7 6.8 5.4
    8.7 7.2 6.2 8.3 6.3 5.1 9.4 6.6 6.1 8.5 6.1 5.6 7.8 6.2 5.9 7.9 6.9 6.2 8.2 6.5 5.5 8.0 5.6 5.5 8.3 6.2 5.5 9.7 7.4 3.9
"""


def speed(launches: Sequence[Sequence[float]] = LAUNCHES) -> Timed:
    """The default sweep."""
    counts = [
        (Step("count", (tokens, place), 0.2 + 4e-4 * tokens), seconds)
        for tokens, own in COUNTS.items()
        for place, seconds in enumerate(own)
    ]
    groups = [Step("group", tokens, seconds=2.0, trust=5) for tokens in COUNTS]
    timed = [pair for launch in launches for pair in zip((START, *groups), launch, strict=True)]
    return [(START, 3.4), *counts, *timed]


def duel() -> Timed:
    """One workload."""
    start, contest = Step("start of a pair", seconds=1.5), Step("contest", 0, 1.2)
    return [(step, seconds) for pair in PAIRS for step, seconds in zip((start, contest), pair, strict=True)]


def training(seconds: str, factor: float = 1.0) -> Timed:
    """Runs of three mixers in turns."""
    return [(Step("run", place % 3, 6.7), factor * float(each)) for place, each in enumerate(seconds.split())]


class Player:
    """Plays steps on a clock of its own."""

    def __init__(self) -> None:
        self.now = 0.0
        self.estimate = Estimate(lambda: self.now)

    def play(self, timed: Timed, *, announced: Sequence[Step] | None = None, at_once: int = 1) -> Foreseen:
        """A part of a study."""
        self.estimate.begin([step for step, _ in timed] if announced is None else announced, at_once)
        begin, waiting, seen = self.now, list(timed), []
        running: list[tuple[float, int, Step]] = []
        while waiting or running:
            while waiting and len(running) < at_once:
                step, seconds = waiting.pop(0)
                if at_once > 1:
                    self.estimate.begun(step)
                heapq.heappush(running, (self.now + seconds, len(waiting), step))
            self.now, _, step = heapq.heappop(running)
            self.estimate.done(step)
            seen.append((self.now - begin, self.now - begin + self.estimate.left, self.estimate.share))
        return seen


def totals_after_a_tenth(seen: Foreseen) -> list[float]:
    return [total for elapsed, total, _ in seen if elapsed >= 0.1 * seen[-1][0]]


STUDIES = {
    "speed": (speed(), 1),
    "duel": (duel(), 1),
    "data-efficiency": (training(RUNS), 2),
    "tune": (training(TRIALS), 2),
    "on another machine": (training(RUNS, 0.1), 2),
    "in one process": (training(TRIALS), 1),
    "in four processes": (training(TRIALS), 4),
}


@pytest.mark.parametrize("study", list(STUDIES)[:-1])
def test_the_total_that_is_foreseen_hardly_changes_after_a_tenth_of_the_time(study: str) -> None:
    timed, at_once = STUDIES[study]
    seen = Player().play(timed, at_once=at_once)
    totals = totals_after_a_tenth(seen)
    assert max(totals) / min(totals) < 1.2
    assert 0.85 < min(totals) / seen[-1][0] <= max(totals) / seen[-1][0] < 1.2


@pytest.mark.parametrize("study", STUDIES)
def test_the_share_grows_to_1_and_the_time_left_falls_to_0(study: str) -> None:
    timed, at_once = STUDIES[study]
    seen = Player().play(timed, at_once=at_once)
    shares = [share for _, _, share in seen]
    assert shares == sorted(shares)
    assert shares[0] >= 0
    assert max(shares[:-1]) <= 0.99
    assert shares[-1] == 1
    assert min(total - elapsed for elapsed, total, _ in seen) >= 0
    assert seen[-1][1] == pytest.approx(seen[-1][0])


def test_a_disturbed_launch_does_not_double_the_time_left() -> None:
    disturbed = [[4.0, 5.3, 3.8, 4.0, 2.2, 2.1, 2.3], *LAUNCHES[1:]]
    totals = totals_after_a_tenth(Player().play(speed(disturbed)))
    assert max(totals) < 1.35 * totals[-1]


def test_launches_that_end_before_their_budget_are_foreseen_to_do_so_after_the_first() -> None:
    groups = [Step("group", tokens, seconds=20.0, trust=5) for tokens in COUNTS]
    seen = Player().play([(group, 2.0) for _ in range(5) for group in groups])
    assert all(total == pytest.approx(60, rel=0.5) for _, total, _ in seen[6:])
    assert all(total == pytest.approx(60, rel=0.2) for _, total, _ in seen[18:])


def test_a_second_part_counts_anew_and_knows_what_the_first_has_learned() -> None:
    player = Player()
    slow = [(Step("contest", number, 1.2), 6.0) for _ in range(8) for number in range(3)]
    player.play(slow)
    player.estimate.begin([step for step, _ in slow])
    assert player.estimate.share == 0
    assert player.estimate.left == pytest.approx(8 * 3 * 6.0, rel=0.1)
    assert all(total == pytest.approx(8 * 3 * 6.0, rel=0.1) for _, total, _ in player.play(slow))


def test_more_or_fewer_steps_than_were_announced_are_announced_anew() -> None:
    player = Player()
    step = Step("contest", 0)
    player.play([(step, 1.0)] * 4, announced=[step] * 8)
    before = player.estimate.left
    assert before == pytest.approx(4)
    player.estimate.remaining([step] * 9)
    assert player.estimate.left == pytest.approx(9)
    player.estimate.remaining([])
    assert (player.estimate.left, player.estimate.share) == (0, 1)


def test_steps_that_nobody_announced_do_no_harm() -> None:
    player = Player()
    seen = player.play([(Step("contest", 0), 1.0)] * 3, announced=[Step("contest", 0)])
    assert [(total - elapsed, share) for elapsed, total, share in seen] == [(0, 1)] * 3


def test_lines_are_written_now_and_then_with_the_share_and_the_time_left(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    player = Player()
    monkeypatch.setattr(displays.time, "monotonic", lambda: player.now)
    step = Step("run", seconds=5.0)
    with displays.progress_display() as progress:
        progress.begin([step] * 4)
        for place in range(4):
            progress.doing(f"run {place}")
            player.now += 20
            progress.done(step)
        progress.remark("a remark")
    first, second, third, remark = capsys.readouterr().err.splitlines()
    assert first == " 25%  about 60 s left  run 1"
    assert second == " 50%  about 40 s left  run 2"
    assert third.startswith(" 75%  about 20 s left")
    assert remark == "a remark"


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(0, "0 s"), (3, "5 s"), (58, "60 s"), (90, "90 s"), (91, "2 min"), (3600, "60 min"), (5401, "2 h"), (86400, "24 h")],
)
def test_the_time_left_is_rounded_up(seconds: float, words: str) -> None:
    assert in_words(seconds) == f"about {words} left"


def test_how_the_time_was_spent_is_told_by_the_sort_of_step(monkeypatch: pytest.MonkeyPatch) -> None:
    player = Player()
    monkeypatch.setattr(displays.time, "monotonic", lambda: player.now)
    with displays.progress_display() as progress:
        assert progress.spent == ""
        progress.begin([START, Step("counting", 1)])
        for step, seconds in ((START, 3.0), (Step("counting", 1), 0.3), (START, 2.4), (Step("timing", 1), 61.0)):
            player.now += seconds
            progress.done(step)
    assert progress.spent == "Time: 1 min 7 s (starting 5 s, timing 1 min 1 s)."


def test_a_step_that_was_to_take_no_time_says_nothing_of_others() -> None:
    now = [0.0]
    empty, full = Step("reading", "empty", 0.0), Step("reading", "full", 2.0)
    estimate = Estimate(lambda: now[0])
    estimate.begin([empty, full])
    now[0] = 1.0
    estimate.done(empty)
    assert estimate.left == pytest.approx(2.0)
