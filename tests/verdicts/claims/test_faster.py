"""Claims on time, from synthetic times: every verdict, the lengths that decide, and what must not."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import pytest
from claimed import commands, judged
from synthetic import MACHINE, speed_rows
from synthetic_training import training_rows

from mixbench.tables.speed_rows import LaunchRow, SpeedRow
from mixbench.verdicts.claims.shown import value_entry
from mixbench.verdicts.entries import UNKNOWN
from mixbench.verdicts.speed.cells import RATIO, timed
from mixbench.verdicts.speed.summary import summarise
from mixbench.verdicts.speed.verdicts import verdicts

Rows = tuple[list[SpeedRow], list[LaunchRow]]
TOKENS = (64, 128, 256, 512)


def times(ratio: Callable[[int], float], *, tokens: Sequence[int] = TOKENS, **options: object) -> Rows:
    """Times of hypermixer relative to those of every other mixer, by the number of tokens."""

    def latency(mixer: str, length: int, width: int, batch: int, mode: str) -> float:
        return length / 100 * (ratio(length) if mixer == "hypermixer" else 1.0)

    return speed_rows(
        **{"mixers": ("attention", "hypermixer", "fnet"), "tokens": tokens, "latency_ms": latency, "contended": 0.0, **options}  # type: ignore[arg-type]
    )


def crossing(at: int) -> Callable[[int], float]:
    """Slower below a length, faster beyond it."""
    return lambda tokens: (at / tokens) ** 0.5


FASTER, SLOWER, LEVEL = (times(lambda tokens, ratio=ratio: ratio) for ratio in (0.5, 2.0, 1.0))  # type: ignore[misc]


@pytest.mark.parametrize(
    ("rows", "verdict", "words"),
    [
        (FASTER, "supported", "hypermixer takes less time than attention at 512 tokens"),
        (SLOWER, "contradicted", "hypermixer takes more time than attention at 512 tokens"),
        (LEVEL, "undecided", "hypermixer may take more or less time than attention at 512 tokens"),
    ],
)
def test_the_ratio_at_the_largest_length_decides(rows: Rows, verdict: str, words: str) -> None:
    found = judged("faster", *rows)
    assert found.verdict == verdict
    assert words in found.sentence
    (finding,) = found.findings
    (cell,) = [cell for cell in summarise(*rows).cells if (cell.label, cell.tokens) == ("hypermixer", 512)]
    assert cell.ratio
    assert [finding.point, finding.low, finding.high] == [cell.ratio.point, cell.ratio.low, cell.ratio.high]
    assert bool(commands(found)) == (verdict == "undecided")


@pytest.mark.parametrize(
    ("start", "verdict"),
    [(512, "supported"), (256, "supported"), (64, "contradicted"), (128, "undecided")],
)
def test_the_ratio_must_be_below_1_at_every_length_from_one_on(start: int, verdict: str) -> None:
    rows = times(crossing(128), launch_noise=0.02)
    found = judged("faster", *rows, from_tokens=start)
    assert found.verdict == verdict
    deciding = [tokens for tokens in TOKENS if tokens >= start]
    assert [finding.label for finding in found.findings] == [f"hypermixer against attention at {n} tokens" for n in deciding]
    if len(deciding) > 1:
        assert f"Holm's procedure for {len(deciding)} comparisons" in found.rule
    (answer,) = [answer for answer in verdicts(summarise(*rows)) if answer.mixer == "hypermixer"]
    level = answer.sentence.partition("; ")[2]
    assert level.startswith("level with it at about ")
    assert found.sentence.endswith(f" Against attention: {level}")


@pytest.mark.parametrize(("below", "verdict"), [(0.6, "supported"), (0.4, "contradicted"), (0.5, "undecided")])
def test_the_ratio_can_be_held_against_another_number_than_1(below: float, verdict: str) -> None:
    assert judged("faster", *times(lambda tokens: 0.5), below=below).verdict == verdict


def test_every_mode_must_hold_unless_one_is_named() -> None:
    def latency(mixer: str, length: int, width: int, batch: int, mode: str) -> float:
        return length * {"hypermixer": {"inference": 0.5, "training": 2.0}}.get(mixer, {}).get(mode, 1.0)

    rows = times(lambda tokens: 1.0, latency_ms=latency, modes=("inference", "training"))
    found = judged("faster", *rows)
    assert found.verdict == "contradicted"
    assert "more time than attention at 512 tokens, training" in found.sentence
    assert judged("faster", *rows, mode="inference").verdict == "supported"


def test_it_must_be_faster_than_every_one_of_several() -> None:
    def latency(mixer: str, length: int, width: int, batch: int, mode: str) -> float:
        return length * {"fnet": 0.2, "hypermixer": 0.5}.get(mixer, 1.0)

    rows = times(lambda tokens: 1.0, latency_ms=latency)
    found = judged("faster", *rows, against=["attention", "fnet"])
    assert found.verdict == "contradicted"
    assert [finding.verdict for finding in found.findings] == ["supported", "contradicted"]


def disturbed(rows: Rows, lengths: Sequence[int], quality: str = "contended") -> Rows:
    speed = [replace(row, quality=quality) if row.tokens in lengths and row.mixer == "hypermixer" else row for row in rows[0]]
    return speed, rows[1]


@pytest.mark.parametrize("quality", ["contended", "throttled"])
@pytest.mark.parametrize(("rows", "clean"), [(FASTER, "supported"), (SLOWER, "contradicted")])
def test_disturbed_times_are_no_evidence(rows: Rows, clean: str, quality: str) -> None:
    found = judged("faster", *disturbed(rows, [512], quality))
    assert found.verdict == "undecided"
    assert "disturbed while it was timed" in found.sentence
    assert found.findings[0].smallest is None
    (command,) = commands(found)
    assert "--fresh" in command
    assert "--tokens 512" in command
    # a length that does not decide may be disturbed
    assert judged("faster", *disturbed(rows, [64], quality)).verdict == clean


def test_a_disturbed_length_among_those_that_decide_keeps_a_claim_open_but_not_what_contradicts_it() -> None:
    assert judged("faster", *disturbed(FASTER, [256]), from_tokens=128).verdict == "undecided"
    assert judged("faster", *disturbed(SLOWER, [256]), from_tokens=128).verdict == "contradicted"


def test_the_crossover_leaves_out_disturbed_lengths() -> None:
    rows = times(crossing(128), launch_noise=0.02)
    assert "level with it at about" in judged("faster", *rows).sentence
    assert "level with it" not in judged("faster", *disturbed(rows, [64, 128])).sentence


def test_where_the_mixer_failed_a_claim_stays_open() -> None:
    rows = times(lambda tokens: 0.5, failures={("hypermixer", 512): ("oom", "needs 9 GiB")})
    found = judged("faster", *rows)
    assert found.verdict == "undecided"
    assert "hypermixer failed: oom" in found.sentence
    assert "--retry-failed" in commands(found)[0]


def test_where_only_the_other_mixer_failed_the_largest_length_of_both_decides() -> None:
    rows = times(lambda tokens: 0.5, failures={("attention", 512): ("oom", "needs 9 GiB")})
    found = judged("faster", *rows)
    assert found.verdict == "supported"
    assert [finding.label for finding in found.findings] == ["hypermixer against attention at 256 tokens"]
    assert "Left out: 512 tokens, where attention failed (oom)." in found.notes
    assert len(judged("faster", *rows, from_tokens=128).findings) == 2
    nothing = judged("faster", *rows, from_tokens=512)
    assert nothing.verdict == "undecided"
    assert "Nothing can be said of hypermixer against attention at 512 tokens (attention failed there: oom)" in nothing.sentence
    (command,) = commands(nothing)
    assert command.endswith("--retry-failed")
    untried = [row for row in rows[0] if (row.mixer, row.tokens) != ("attention", 512)]
    alone = judged("faster", untried, rows[1], from_tokens=512)
    assert "attention was not timed there" in alone.sentence
    assert "--mixer hypermixer --mixer attention --tokens 512 " in commands(alone)[0]
    assert commands(alone)[0].endswith("--launches 5 --fresh")  # of other launches, times are not paired


@pytest.mark.parametrize("launches", [1, 8])
def test_lengths_that_were_not_timed_are_named_with_the_command_that_times_both(launches: int) -> None:
    found = judged("faster", *times(lambda tokens: 0.5, launches=launches), from_tokens=1024)
    assert found.verdict == "undecided"
    (finding,) = found.findings
    assert finding.label == "hypermixer against attention at 1024 or more tokens"
    assert finding.detail == "no such length was timed, the largest is 512"
    assert finding.detail in found.sentence
    (command,) = commands(found)
    assert command.startswith("mixbench speed --mixer hypermixer --mixer attention --tokens 1024,2048,4096 --width 64 ")
    assert command.endswith(f"--launches {max(launches, 5)}")


def test_contexts_without_such_lengths_do_not_hide_the_others() -> None:
    longer, shorter = times(lambda tokens: 0.5), times(lambda tokens: 0.5, tokens=(64,), modes=("training",))
    found = judged("faster", [*longer[0], *shorter[0]], [*longer[1], *shorter[1]], from_tokens=128)
    assert [finding.verdict for finding in found.findings] == [*3 * ["supported"], "undecided"]
    assert found.verdict == "undecided"
    (command,) = commands(found)
    assert "--mode training" in command


def test_lengths_that_lack_the_same_are_measured_by_one_command() -> None:
    found = judged("faster", *disturbed(FASTER, [64, 256, 512]), from_tokens=64)
    (command,) = commands(found)
    assert "--tokens 64,256,512 " in command
    assert "--fresh" in command


def test_one_launch_decides_nothing_and_more_are_proposed() -> None:
    found = judged("faster", *times(lambda tokens: 0.1, launches=1))
    assert found.verdict == "undecided"
    assert "one launch, so no interval" in found.sentence
    assert "--launches 5" in commands(found)[0]


def test_times_of_different_launches_are_not_compared() -> None:
    speed, launches = FASTER
    other = [
        replace(row, launch=row.launch + 5, measured_at=row.measured_at.replace("2025", "2026"))
        if row.mixer == "attention"
        else row
        for row in speed
    ]
    found = judged("faster", other, launches)
    assert found.verdict == "undecided"
    assert "not timed in the same launches" in found.sentence
    assert commands(found)[0].endswith("--launches 5 --fresh")


def test_mixers_that_were_not_timed_are_named_with_the_command() -> None:
    found = judged("faster", *times(lambda tokens: 1.0, mixers=("attention", "fnet")))
    assert found.sentence == "Nothing can be said yet: hypermixer is not in speed.csv."
    (command,) = commands(found)
    assert command.startswith("mixbench speed --mixer hypermixer --mixer attention ")
    assert command.endswith("--fresh")  # times of other launches are not paired
    assert "--tokens 64,128,256,512" in command
    partly = judged("faster", *FASTER, against=["attention", "gmlp"])
    assert partly.verdict == "undecided"
    assert "--mixer gmlp" in commands(partly)[0]
    assert commands(partly)[0].endswith("--fresh")


def test_without_a_table_the_command_covers_the_lengths_that_decide() -> None:
    found = judged("faster", from_tokens=512, mode="training")
    assert commands(found) == ["mixbench speed --mixer hypermixer --mixer attention --mode training --tokens 512..2048"]
    assert "no row with mode training" in judged("faster", *FASTER, mode="training").sentence


def test_the_newest_machine_is_judged_and_named() -> None:
    old = times(lambda tokens: 2.0, environment="old")
    aged = [replace(row, measured_at="2024-01-01T00:00:00Z") for row in old[0]]
    machines = {"abc123": MACHINE, "old": {**MACHINE, "cpu": "Example 1"}}
    found = judged("faster", [*aged, *FASTER[0]], FASTER[1], machines=machines)
    assert found.verdict == "supported"
    assert "speed.csv: Example 9000, 4 cores, 16 GiB." in found.notes


@pytest.mark.parametrize(("launches", "wanted"), [(2, 8), (5, 20)])
def test_an_interval_that_says_nothing_decides_nothing_as_in_the_table_of_speed(launches: int, wanted: int) -> None:
    speed, of_launches = times(lambda tokens: 0.01, launches=launches)
    wild = [
        replace(row, latency_ms=(row.latency_ms or 0) * 10 ** (3 * row.launch)) if row.mixer == "hypermixer" else row
        for row in speed
    ]
    found = judged("faster", wild, of_launches)
    (cell,) = [cell for cell in summarise(wild, of_launches).cells if (cell.label, cell.tokens) == ("hypermixer", 512)]
    shown = timed(cell, RATIO)
    assert shown
    assert UNKNOWN in shown.tail
    (finding,) = found.findings
    assert (finding.low, finding.high, found.verdict) == (None, None, "undecided")
    assert "no usable interval: its ends are more than 1000 times apart" in found.sentence
    assert finding.unknown in finding.detail
    entry = value_entry(finding)
    assert entry
    assert (entry.number, entry.tail) == (shown.number, UNKNOWN)
    assert f"--launches {wanted}" in commands(found)[0]


def test_on_a_gpu_device_time_is_judged_and_host_bound_cells_are_named() -> None:
    rows = times(
        lambda tokens: 0.5, devices=("cuda",), latency_ms=lambda mixer, *shape: 0.01 if mixer == "hypermixer" else 0.02
    )
    found = judged("faster", *rows)
    assert found.verdict == "supported"
    assert "(device time)" in found.rule
    assert any("host-bound" in note for note in found.notes)


def test_a_mixer_that_was_not_timed_is_proposed_with_the_options_that_other_tables_have() -> None:
    rows = times(lambda tokens: 1.0, mixers=("attention", "fnet"))
    found = judged("faster", *rows, training_rows(("hypermixer:tied=true", "attention"), (250,)))
    assert commands(found)[0].startswith("mixbench speed --mixer hypermixer:tied=true --mixer attention ")
    both = training_rows(("hypermixer:tied=true", "hypermixer"), (250,))
    assert "--mixer hypermixer --mixer attention " in commands(judged("faster", *rows, both))[0]
    against = judged("faster", *FASTER, training_rows(("gmlp:hidden=32",), (250,)), against=["gmlp"])
    assert "--mixer gmlp:hidden=32 " in commands(against)[0]


def test_failed_mixers_are_proposed_with_launches_that_have_an_interval() -> None:
    failures = {("hypermixer", 512): ("oom", "needs 9 GiB")}
    one, two = (commands(judged("faster", *times(lambda _: 0.5, failures=failures, launches=n)))[0] for n in (1, 2))
    assert "--launches 5 --retry-failed" in one
    assert "--launches 2 --retry-failed" in two
