from __future__ import annotations

import json
from fnmatch import fnmatchcase

import pytest
from synthetic import speed_rows

from mixbench.verdicts.speed.records import records, to_json
from mixbench.verdicts.speed.summary import SpeedSummary, summarise
from mixbench.verdicts.speed.verdicts import verdicts

LENGTHS = (64, 128, 256, 512)


def measured(times: dict[str, tuple[float, ...]], lengths: tuple[int, ...] = LENGTHS, **more: object) -> SpeedSummary:
    """A run in which mixers have these latencies by length, with a little noise."""
    return summarise(
        *speed_rows(
            tuple(times),
            lengths,
            latency_ms=lambda mixer, tokens, *_: times[mixer][lengths.index(tokens)],
            **{"launch_noise": 0.005, "round_noise": 0.0, **more},  # type: ignore[arg-type]
        )
    )


ATTENTION = {"attention": (1.0, 2.0, 4.0, 8.0)}


@pytest.mark.parametrize(
    ("latencies", "speed", "along"),
    [
        ((2.0, 2.0, 2.0, 2.0), "is 4.0* (*) times as fast as", "level with it at about 1?? (1??–1??) tokens, slower below"),
        ((0.5, 1.0, 2.0, 4.0), "is 2.0* (*) times as fast as", "faster at every length from 64 on"),
        ((2.0, 4.0, 8.0, 16.0), "takes 2.0* (*) times as long as", "slower at every length from 64 on"),
        ((0.5, 1.0, 8.0, 16.0), "takes 2.0* (*) times as long as", "level with it at about 1?? (1??–1??) tokens, faster below"),
        (
            (2.0, 1.0, 2.0, 16.0),
            "takes 2.0* (*) times as long as",
            "level with it at about * (*) and * (*) tokens, faster after *",
        ),
    ],
)
def test_the_sentence_says_how_fast_and_where_both_are_level(latencies: tuple[float, ...], speed: str, along: str) -> None:
    (found,) = verdicts(measured({**ATTENTION, "hypermixer": latencies}))
    wanted = f"hypermixer {speed} attention at 512 tokens; {along}.".replace("(*)", "(*–*)")
    assert fnmatchcase(found.sentence, wanted), found.sentence


def test_what_cannot_be_told_apart_is_not_called_faster() -> None:
    (found,) = verdicts(measured({**ATTENTION, "hypermixer": ATTENTION["attention"]}))
    assert found.sentence.startswith("hypermixer and attention cannot be told apart at 512 tokens: ")


def test_an_interval_that_says_nothing_is_not_spelled_out() -> None:
    (found,) = verdicts(summarise(*speed_rows(("attention", "fnet"), (64,), launches=2, launch_noise=3)))
    assert found.sentence == "fnet and attention cannot be told apart at 64 tokens: more launches are needed."


def test_the_fastest_comes_first_and_one_launch_has_no_interval() -> None:
    found = verdicts(measured({**ATTENTION, "none": (4.0,) * 4, "hypermixer": (2.0,) * 4}, launches=1))
    assert [verdict.mixer for verdict in found] == ["hypermixer", "none"]
    assert "hypermixer is about 3.98 times as fast as attention at 512 tokens, from one launch and so" in found[0].sentence


def test_one_length_has_no_crossover_and_failed_lengths_are_left_out() -> None:
    (alone,) = verdicts(measured({"attention": (1.0,), "hypermixer": (0.5,)}, (64,)))
    assert alone.sentence.endswith("times as fast as attention at 64 tokens.")
    (shorter,) = verdicts(measured({**ATTENTION, "hypermixer": (0.5,) * 4}, failures={("hypermixer", 512): ("oom", "big")}))
    assert shorter.tokens == 256
    assert verdicts(measured(ATTENTION)) == ()


def test_programs_find_the_verdicts() -> None:
    summary = measured({**ATTENTION, "hypermixer": (2.0,) * 4})
    (plain,) = json.loads(json.dumps(to_json(summary), allow_nan=False))["verdicts"]
    (found,) = verdicts(summary)
    assert list(plain) == [
        "mixer",
        "baseline",
        "context",
        "tokens",
        "ratio",
        "paired",
        "crossovers",
        "disturbed",
        "smaller",
        "sentence",
    ]
    (crossover,) = found.crossovers
    assert plain["crossovers"] == [vars(crossover)]
    (record,) = (record for record in records(summary) if record["table"] == "verdicts")
    assert (record["crossover"], record["crossover_low"]) == (crossover.tokens, crossover.low)
    assert (record["sentence"], record["ratio"]) == (found.sentence, found.ratio.point)
