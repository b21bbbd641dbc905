"""The claim on sensitivity, from synthetic maps."""

from __future__ import annotations

from dataclasses import replace

import pytest
from claimed import commands, judged, lost
from synthetic_maps import CHANCE, map_rows

from mixbench.stats import t_interval
from mixbench.tables.training_rows import AttentionMapRow
from mixbench.verdicts.attention_map import summarise

RULE, SEEDS = "more-needed-sensitivity", (0, 1, 2, 3, 4)


@pytest.mark.parametrize(
    ("shares", "noise", "verdict", "words"),
    [
        ((0.5, 0.2), 0.02, "supported", "that of hypermixer is larger than that of mlp-mixer"),
        ((0.2, 0.5), 0.02, "contradicted", "that of hypermixer is smaller than that of mlp-mixer"),
        ((0.30, 0.31), 0.2, "undecided", "that of hypermixer may or may not be larger than that of mlp-mixer"),
    ],
)
def test_the_difference_of_shares_is_paired_by_seed(
    shares: tuple[float, float], noise: float, verdict: str, words: str
) -> None:
    rows = map_rows(dict(zip(("hypermixer", "mlp-mixer"), shares, strict=True)), seeds=SEEDS, noise=noise)
    found = judged(RULE, rows, against=["mlp-mixer"])
    assert found.verdict == verdict
    assert words in found.sentence
    finding, even = found.findings
    assert (even.label, even.verdict) == ("hypermixer against an even map", "supported")
    lines = {line.label: line.by_seed for line in summarise(rows)[0].lines}
    own, other = lines["hypermixer"], lines["mlp-mixer"]
    expected = t_interval([100 * (own[seed] - other[seed]) for seed in SEEDS])
    assert [finding.point, finding.low, finding.high] == pytest.approx([expected.point, expected.low, expected.high])
    if verdict == "undecided":
        assert "--seeds" in commands(found)[0]


@pytest.mark.parametrize(("margin", "verdict"), [("5%", "supported"), (0.5, "contradicted"), (0.2, "undecided")])
def test_the_difference_must_exceed_the_margin(margin: object, verdict: str) -> None:
    rows = map_rows({"hypermixer": 0.5, "mlp-mixer": 0.3}, seeds=SEEDS, noise=0.05)
    assert judged(RULE, rows, against=["mlp-mixer"], margin=margin).verdict == verdict


@pytest.mark.parametrize(
    ("own", "noise", "verdict", "words"),
    [
        (0.05, 0.002, "contradicted", "that of hypermixer is smaller than that of an even map"),
        (0.11, 0.02, "undecided", "that of hypermixer may or may not be larger than that of an even map"),
        (0.2, 0.005, "supported", "that of hypermixer is larger than that of an even map"),
    ],
)
def test_a_mixer_that_looks_no_better_than_an_even_map_supports_nothing(
    own: float, noise: float, verdict: str, words: str
) -> None:
    rows = map_rows({"hypermixer": own, "mlp-mixer": own - 0.048}, seeds=SEEDS, noise=noise)
    rows = [row if row.right_share is None else replace(row, right_share=max(row.right_share, 0.0)) for row in rows]
    found = judged(RULE, rows, against=["mlp-mixer"])
    difference, _ = found.findings
    assert difference.verdict == "supported"
    assert found.verdict == verdict
    assert words in found.sentence
    assert any("--seeds" in command for command in commands(found)) is (verdict == "undecided")


def test_maps_that_do_not_tell_the_share_of_an_even_map_support_nothing() -> None:
    rows = map_rows({"hypermixer": 0.5, "attention": 0.2}, seeds=SEEDS, noise=0.02, chance_share=None)
    found = judged(RULE, rows)
    assert found.verdict == "undecided"
    assert "against an even map (its share is not known)" in found.sentence


def test_the_points_of_the_shares_are_those_of_attention_map() -> None:
    rows = map_rows({"hypermixer": 0.5, "attention": 0.3}, seeds=SEEDS)
    attention, hypermixer = (line.right.point for line in summarise(rows)[0].lines if line.right)
    finding, even = judged(RULE, rows).findings
    assert even.point == pytest.approx(100 * (hypermixer - CHANCE))
    assert finding.label == "hypermixer against attention"
    assert finding.point == pytest.approx(100 * (hypermixer - attention))


def test_one_seed_decides_nothing() -> None:
    found = judged(RULE, map_rows({"hypermixer": 0.9, "attention": 0.1}))
    assert found.verdict == "undecided"
    assert "one seed, so no interval" in found.sentence
    assert "--seeds 5" in commands(found)[0]


def test_a_mixer_that_mixes_nothing_or_failed_decides_nothing() -> None:
    shares = {"hypermixer": 0.5, "none": None, "mlp-mixer": 0.2}
    assert "none: nothing is mixed" in judged(RULE, map_rows(shares, seeds=SEEDS), against=["none"]).sentence
    rows = map_rows(shares, seeds=SEEDS, lost=("mlp-mixer",))
    found = judged(RULE, rows, against=["mlp-mixer"])
    assert found.verdict == "undecided"
    assert "mlp-mixer: diverged: the loss was not finite" in found.sentence
    assert commands(found) == []  # it would diverge again


def killed(row: AttentionMapRow) -> AttentionMapRow:
    return replace(lost(row, "killed"), map_file="")


def test_failed_runs_are_left_out_and_named() -> None:
    rows = map_rows({"hypermixer": 0.5, "attention": 0.2}, seeds=SEEDS, noise=0.02)
    rows = [killed(row) if (row.mixer, row.seed) == ("attention", 0) else row for row in rows]
    found = judged(RULE, rows)
    assert found.verdict == "supported"
    assert "attention: 1 of 5 runs failed (killed) and is left out." in found.notes
    rest = judged(RULE, [row if row.seed == 1 or row.mixer != "attention" else killed(row) for row in rows])
    assert rest.verdict == "undecided"
    assert "--retry-failed" in commands(rest)[0]


def test_models_of_another_size_are_compared_apart() -> None:
    shares = {"hypermixer": 0.5, "attention": 0.2}
    rows = map_rows(shares, seeds=SEEDS, noise=0.02) + map_rows(shares, seeds=SEEDS, noise=0.02, train_size=50)
    found = judged(RULE, rows)
    assert found.verdict == "supported"
    assert [finding.label.partition(" on ")[0] for finding in found.findings] == [
        *["hypermixer against attention"] * 2,
        *["hypermixer against an even map"] * 2,
    ]
    assert "Holm's procedure for 2 comparisons" in found.rule
    assert len(judged(RULE, rows, size=50).findings) == 2


def test_mixers_that_were_not_mapped_are_named_with_the_command() -> None:
    rows = map_rows({"attention": 0.5, "mlp-mixer": 0.2}, seeds=SEEDS)
    found = judged(RULE, rows)
    assert found.sentence == "Nothing can be said yet: hypermixer is not in attention_map.csv."
    (command,) = commands(found)
    assert command.startswith("mixbench attention-map --mixer hypermixer ")
    assert "--seeds 5" in command
    partly = judged(RULE, rows, mixer="attention", against=["mlp-mixer", "gmlp"])
    assert partly.verdict == "undecided"
    assert "--mixer gmlp" in commands(partly)[0]


@pytest.mark.parametrize(("seeds", "proposed"), [((0,), 5), ((0, 1), 2)])
def test_failed_runs_of_one_seed_are_proposed_with_seeds_that_have_an_interval(seeds: tuple[int, ...], proposed: int) -> None:
    rows = map_rows({"hypermixer": 0.5, "attention": 0.2}, seeds=seeds)
    (command,) = commands(judged(RULE, [killed(row) if row.mixer == "attention" else row for row in rows]))
    assert f"--seeds {proposed} " in command
    assert "--retry-failed" in command
