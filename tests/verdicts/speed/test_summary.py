import math
from dataclasses import replace
from statistics import median

import pytest
from sample_rows import speed_row
from synthetic import PEAK_GFLOPS_PER_S, speed_rows

from mixbench.errors import UnknownNameError
from mixbench.tables.remarks import CHANGES_INPUT, REMEMBERS
from mixbench.tables.speed_rows import SpeedRow
from mixbench.verdicts.speed.cell_summary import CellSummary
from mixbench.verdicts.speed.records import to_json
from mixbench.verdicts.speed.summary import SpeedSummary, summarise

T_95_1 = 12.706204736432095
"""Quantile 0.975 of Student's t with one degree of freedom."""


def block(mixer: str = "attention", **values: object) -> SpeedRow:
    launch = values.get("launch", 1)
    return speed_row(
        **{"mixer": mixer, "threads": 2, "environment": "abc", "measured_at": f"2025-01-01T00:00:0{launch}Z", **values}
    )


def blocks(mixer: str, by_launch: dict[int, list[float]], **values: object) -> list[SpeedRow]:
    return [
        block(mixer, launch=launch, round=number, latency_ms=ms, **values)
        for launch, latencies in by_launch.items()
        for number, ms in enumerate(latencies, 1)
    ]


def cell(summary: SpeedSummary, label: str, tokens: int = 64) -> CellSummary:
    (found,) = [cell for cell in summary.cells if (cell.label, cell.tokens) == (label, tokens)]
    return found


def test_the_interval_is_over_the_medians_of_launches_and_not_over_rounds() -> None:
    by_launch = {1: [1.0, 1.0, 50.0], 2: [2.0, 2.0, 0.1], 3: [4.0, 4.0, 4.0]}
    latency = cell(summarise(blocks("attention", by_launch), []), "attention").latency_ms
    # medians 1, 2, 4: on the log scale a range of log 4, of which three replicates take 0.8133 more on both sides
    assert latency is not None
    assert latency.low is not None
    assert latency.high is not None
    assert latency.point == pytest.approx(2.0)
    assert latency.low == pytest.approx(4**-0.8133)
    assert latency.high == pytest.approx(4**1.8133)


def test_more_rounds_do_not_narrow_an_interval() -> None:
    few = summarise(blocks("attention", {1: [1.0], 2: [2.0]}), [])
    many = summarise(blocks("attention", {1: [1.0] * 50, 2: [2.0] * 50}), [])
    assert cell(few, "attention").latency_ms == cell(many, "attention").latency_ms


def test_one_launch_gives_a_point_without_interval() -> None:
    latency = cell(summarise(blocks("attention", {1: [3.0, 1.0, 2.0]}), []), "attention").latency_ms
    assert latency is not None
    assert (latency.point, latency.low, latency.high) == (2.0, None, None)


def test_ratios_are_taken_round_by_round_within_a_process() -> None:
    # a drift that hits both mixers alike: medians alone would give 2/2 and 20/10
    rows = blocks("attention", {1: [1.0, 2.0, 4.0], 2: [10.0, 20.0, 5.0]})
    rows += blocks("hypermixer", {1: [2.0, 2.0, 12.0], 2: [20.0, 20.0, 20.0]})
    found = cell(summarise(rows, []), "hypermixer")
    ratios = [median([2.0, 1.0, 3.0]), median([2.0, 1.0, 4.0])]
    assert found.paired
    assert found.ratio is not None
    assert found.ratio.point == pytest.approx(math.sqrt(ratios[0] * ratios[1]))


def test_the_interval_of_a_paired_ratio_has_one_replicate_per_launch() -> None:
    rows = blocks("attention", {1: [1.0, 5.0], 2: [2.0, 9.0]}) + blocks("none", {1: [0.5, 2.5], 2: [0.25, 1.125]})
    ratio = cell(summarise(rows, []), "none").ratio
    assert ratio is not None
    assert ratio.high is not None
    assert ratio.point == pytest.approx(math.sqrt(0.5 * 0.125))
    # logs of 1/2 and 1/8: standard deviation log 4 / √2, over two replicates
    assert ratio.high == pytest.approx(ratio.point * math.exp(T_95_1 * math.log(4) / math.sqrt(2) / math.sqrt(2)), rel=1e-3)


def test_launches_of_other_processes_are_compared_unpaired() -> None:
    rows = blocks("attention", {1: [1.0], 2: [2.0], 3: [1.5]})
    later = [replace(row, measured_at="2025-02-01T00:00:00Z") for row in blocks("none", {1: [0.5], 2: [0.25], 3: [1.0]})]
    apart = cell(summarise(rows + later, []), "none")
    together = cell(summarise(rows + blocks("none", {1: [0.5], 2: [0.25], 3: [1.0]}), []), "none")
    assert not apart.paired
    assert together.paired
    assert apart.ratio is not None
    assert apart.ratio.point == pytest.approx(0.5 / (3 ** (1 / 3)))
    assert apart.ratio != together.ratio


def test_a_launch_that_one_side_lacks_does_not_undo_pairing() -> None:
    rows = blocks("attention", {1: [1.0], 2: [2.0], 3: [100.0]}) + blocks("none", {1: [0.5], 2: [1.0]})
    found = cell(summarise(rows, []), "none")
    assert found.paired
    assert found.ratio is not None
    assert found.ratio.point == pytest.approx(0.5)


def test_a_ratio_compares_only_within_its_context() -> None:
    rows = blocks("attention", {1: [1.0]}) + blocks("none", {1: [0.5]}, dtype="bfloat16")
    assert cell(summarise(rows, []), "none").ratio is None


def test_the_baseline_is_attention_then_the_first_or_what_the_user_names() -> None:
    rows = blocks("none", {1: [1.0]}) + blocks("hypermixer", {1: [2.0]})
    assert summarise(rows, []).baseline == "none"
    assert summarise(rows + blocks("attention", {1: [4.0]}), []).baseline == "attention"
    named = summarise(rows, [], baseline="hypermixer")
    assert named.baseline == "hypermixer"
    assert cell(named, "none").ratio.point == pytest.approx(0.5)  # type: ignore[union-attr]


def test_an_unknown_baseline_is_refused_with_the_nearest_name() -> None:
    with pytest.raises(UnknownNameError, match="unknown baseline 'hipermixer'") as caught:
        summarise(blocks("hypermixer", {1: [1.0]}), [], baseline="hipermixer")
    assert "Did you mean 'hypermixer'?" in caught.value.hint


def test_a_failed_cell_keeps_its_status_and_has_no_numbers() -> None:
    failures = {("attention", 512): ("oom", "needs 12 GiB, 8 GiB available")}
    failed = cell(summarise(*speed_rows(failures=failures)), "attention", 512)
    assert (failed.status, failed.detail, failed.launches) == ("oom", "needs 12 GiB, 8 GiB available", 0)
    assert failed.latency_ms is None
    assert failed.ratio is None
    assert failed.value("flops") is None


def test_a_cell_that_failed_in_some_launches_keeps_the_others() -> None:
    good = [replace(row, detail=f"{CHANGES_INPUT}; {row.launch}") for row in blocks("attention", {1: [1.0], 3: [1.0]})]
    failed = block("attention", launch=2, round=0, status="timeout", detail="slow")
    found = cell(summarise([*good, failed], []), "attention")
    assert (found.status, found.launches, found.failed_launches, found.detail) == ("ok", 2, 1, "slow")
    assert found.remarks == f"{CHANGES_INPUT}; 1; 3"


def test_cells_that_were_not_measured_are_not_invented() -> None:
    rows, launches = speed_rows(("attention", "none"), (64, 128))
    partial = [row for row in rows if (row.mixer, row.tokens) != ("none", 128)]
    cells = summarise(partial, launches).cells
    assert [(c.label, c.tokens) for c in cells] == [("attention", 64), ("none", 64), ("attention", 128)]


def test_no_rows_give_an_empty_summary() -> None:
    summary = summarise([], [], environment="new")
    assert summary.environment == "new"
    assert (summary.cells, summary.growths, summary.baseline) == ((), (), None)


def test_the_share_of_peak_uses_the_peak_of_the_same_launch() -> None:
    rows, launches = speed_rows(("attention",), (64,), launches=3, rounds=1)
    launches = [replace(row, peak_gflops_per_s=PEAK_GFLOPS_PER_S * row.launch) for row in launches]
    shares = [row.gflops_per_s / (PEAK_GFLOPS_PER_S * row.launch) for row in rows if row.gflops_per_s]
    assert cell(summarise(rows, launches), "attention").share_of_peak == pytest.approx(median(shares))
    assert cell(summarise(rows, []), "attention").share_of_peak is None


def test_only_the_newest_environment_is_summarised_unless_another_is_named() -> None:
    old = blocks("attention", {1: [1.0]}, environment="old", measured_at="2024-01-01T00:00:00Z")
    new = blocks("attention", {1: [2.0], 2: [2.0]}, environment="new")
    newest, named = summarise([*new, *old], []), summarise([*new, *old], [], environment="old")
    assert (newest.environment, newest.left_out, cell(newest, "attention").launches) == ("new", 1, 2)
    assert (named.environment, named.left_out, cell(named, "attention").launches) == ("old", 2, 1)
    with pytest.raises(UnknownNameError, match="unknown environment 'nwe'"):
        summarise([*new, *old], [], environment="nwe")


def test_blocks_that_others_disturbed_are_counted() -> None:
    rows = [
        replace(row, quality=name)
        for row, name in zip(
            blocks("attention", {1: [1.0, 1.0], 2: [1.0, 1.0]}), ("clean", "contended", "throttled", "clean"), strict=True
        )
    ]
    summary = summarise(rows, [])
    assert (summary.blocks, summary.contended_blocks, summary.throttled_blocks) == (4, 1, 1)
    assert cell(summary, "attention").clean_share == 0.5


def test_the_rates_of_a_cell_agree_with_its_latency() -> None:
    rows, launches = speed_rows(("attention",), (64,), launches=4, rounds=3)
    found = cell(summarise(rows, launches), "attention")
    assert found.latency_ms is not None
    flops = found.value("flops")
    assert flops is not None
    assert found.value("tokens_per_s") == pytest.approx(64 / found.latency_ms.point * 1e3, rel=1e-6)
    assert found.value("gflops_per_s") == pytest.approx(flops / found.latency_ms.point / 1e6, rel=1e-6)


def test_rare_slow_calls_that_the_median_hides_are_marked_with_their_mean() -> None:
    rare = blocks("attention", {launch: [1.0, 1.0, 1.0, 5.0] for launch in (1, 2, 3)})
    found = cell(summarise(rare, []), "attention")
    assert (found.uneven, found.mean_ms) == (True, pytest.approx(2.0))
    once = blocks("attention", {1: [1.0, 1.0, 1.0, 5.0], 2: [1.0] * 4, 3: [1.0] * 4})
    assert not cell(summarise(once, []), "attention").uneven
    assert not cell(summarise([replace(row, quality="contended") for row in rare], []), "attention").uneven


def test_a_mixer_that_remembers_its_inputs_is_marked() -> None:
    rows = [replace(row, detail=REMEMBERS) for row in blocks("attention", {1: [1.0], 2: [1.0]})]
    (plain,) = to_json(summarise(rows, []))["cells"]
    assert plain["remembers"]
