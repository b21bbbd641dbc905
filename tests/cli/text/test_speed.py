from collections import Counter
from dataclasses import replace

import pytest
from synthetic import speed_rows

from mixbench.cli.text.speed import exponent_text, interval_text, number, speed_table, with_prefix
from mixbench.stats import Interval
from mixbench.tables.columns import columns
from mixbench.tables.remarks import ALONE, CHANGED, HOLDS_MORE, lower_bound, unknown
from mixbench.tables.rows import LaunchRow, SpeedRow
from mixbench.verdicts.speed.summary import SpeedSummary, summarise
from mixbench.verdicts.words import COUNTED_OPERATIONS

Table = tuple[list[SpeedRow], list[LaunchRow]]

PAPER = ("attention", "linear-attention", "fnet", "mlp-mixer", "gmlp", "hypermixer", "none")
LONG = (
    "attention",
    "hypermixer:heads=4,hidden=tokens/2,positions=none,tied=true",
    "my.py:GatedConvolutionWithALongName:size=3",
)
REASON = "needs 12.3 GiB, but 7.9 GiB are available; fewer tokens or a smaller batch would fit into the memory of this machine"


def every_case() -> dict[str, Table]:
    return {
        "paper": speed_rows(PAPER, (64, 1024, 16384), widths=(256,)),
        "long labels": speed_rows(LONG, (64, 128), modes=("inference", "training")),
        "failures": speed_rows(PAPER, (64, 128), failures={("attention", 128): ("oom", REASON), ("fnet", 64): ("error", "")}),
        "one launch": speed_rows(("none",), (64,), launches=1, rounds=1),
        "all failed": speed_rows(("none",), (64,), failures={("none", 64): ("killed", REASON)}),
        "wide intervals": speed_rows(PAPER, (4096,), launches=2, launch_noise=3),
        "nothing": ([], []),
    }


CASES = every_case()


def plain(summary: SpeedSummary) -> str:
    return speed_table(summary, 80, terminal=False).plain


@pytest.mark.parametrize("width", [80, 120])
@pytest.mark.parametrize("case", CASES)
def test_no_line_is_wider_than_the_terminal_and_nothing_is_cut(case: str, width: int) -> None:
    text = speed_table(summarise(*CASES[case]), width, terminal=True).plain
    assert max(map(len, text.split("\n"))) <= width
    assert "…" not in text


@pytest.mark.parametrize("width", [80, 120])
@pytest.mark.parametrize("case", ["paper", "failures", "wide intervals"])
def test_a_terminal_shows_every_number_of_the_plain_table(case: str, width: int) -> None:
    summary = summarise(*CASES[case])
    shown = Counter(speed_table(summary, width, terminal=True).plain.split())
    lengths = {str(cell.tokens) for cell in summary.cells}
    wanted = Counter(word for word in plain(summary).split() if word not in lengths)
    assert not wanted - shown


@pytest.mark.parametrize("case", CASES)
def test_plain_output_has_one_line_per_cell_whatever_the_terminal(case: str) -> None:
    summary = summarise(*CASES[case])
    text = plain(summary)
    starts = Counter(tuple(line.split()[:2]) for line in text.split("\n") if line.split()[:1] and line.split()[0].isdigit())
    assert starts == Counter((str(cell.tokens), cell.label.split()[0]) for cell in summary.cells)
    assert speed_table(summary, 20, terminal=False).plain == text
    assert "─" not in text


def test_latency_and_ratio_stand_beside_their_intervals() -> None:
    summary = summarise(*speed_rows(("attention", "none"), (64,)))
    line = next(line for line in plain(summary).split("\n") if " none " in line)
    cell = summary.cells[1]
    assert cell.latency_ms is not None
    assert cell.ratio is not None
    for interval in (cell.latency_ms, cell.ratio):
        assert "".join(interval_text(interval)) in line


def test_the_ratio_of_the_baseline_is_1_without_interval() -> None:
    line = plain(summarise(*speed_rows(("attention", "none"), (64,)))).split("\n")[2]
    assert line.split()[1] == "attention"
    assert line.split()[4] == "1"


def test_a_failed_cell_shows_its_status_and_the_whole_reason() -> None:
    summary = summarise(*CASES["failures"])
    assert f"oom: {REASON}" in plain(summary)
    narrow = speed_table(summary, 80, terminal=True).plain
    assert set(REASON.split()) <= set(narrow.split())


def test_a_cell_that_failed_in_some_launches_is_noted() -> None:
    rows, launches = speed_rows(("none",), (64,), launches=3, rounds=1)
    metrics = [name for name, column in columns(SpeedRow).items() if column.role == "metric"]
    lost = replace(rows[1], **dict.fromkeys(metrics), status="timeout", detail="over 300 s")
    assert "none at 64 tokens: 1 of 3 launches failed: over 300 s" in plain(summarise([rows[0], lost, rows[2]], launches))


def test_the_caption_counts_launches_and_disturbed_blocks() -> None:
    rows, launches = speed_rows(("none",), (64,), launches=3, rounds=2, contended=0)
    text = plain(summarise([replace(rows[0], quality="contended"), *rows[1:]], launches))
    assert "95 % t-intervals over 3 launches" in text
    assert "16.7 % of 6 blocks were contended." in text
    single = plain(summarise(*speed_rows(("none",), (64,), launches=1)))
    assert "One launch: no intervals." in single
    assert "95 %" not in single


def test_rows_of_other_environments_and_unpaired_ratios_are_mentioned() -> None:
    rows, launches = speed_rows(("attention",), (64,), rounds=1)
    other, _ = speed_rows(("none",), (64,), rounds=1)
    later = [replace(row, measured_at="2026-01-01T00:00:00Z") for row in other]
    old = [replace(row, environment="old", measured_at="2000-01-01T00:00:00Z") for row in rows]
    text = plain(summarise([*rows, *later, *old], launches))
    assert "Left out: 5 rows from other environments." in text
    assert "*: measured in different processes" in text
    assert [line.split()[1] for line in text.split("\n") if ") *" in line] == ["none"]


@pytest.mark.parametrize("remark", [HOLDS_MORE, f"{ALONE} it changes threads", f"{CHANGED}the threads, which was reset"])
def test_what_is_special_about_the_calls_or_the_process_of_a_mixer_is_noted_once(remark: str) -> None:
    rows, launches = speed_rows(("none", "attention"), (64, 128))
    rows = [replace(row, detail=f"energy_j: no meter; {remark}") if row.mixer == "none" else row for row in rows]
    text = plain(summarise(rows, launches))
    assert text.count(f"none: {remark}.") == text.count(remark) == 1


def test_flops_that_may_miss_products_are_a_lower_bound_and_elementwise_operators_alone_do_not_make_one() -> None:
    rows, launches = speed_rows(("attention",), (64,))
    launches = [replace(row, peak_gflops_per_s=100.0) for row in launches]
    assert "≥" not in plain(summarise([replace(row, uncounted_operators="add gelu") for row in rows], launches))
    remark = lower_bound("flops", ["foo", "bar"])
    text = plain(summarise([replace(row, detail=f"energy_j: no meter; {remark}") for row in rows], launches))
    line = next(line for line in text.split("\n") if "0.00315" in line)
    assert "≥ 0.00315     ≥ 25.2" in line  # the share of the peak is one, too
    assert f"≥: {remark}." in text


def test_flops_that_could_not_be_counted_are_unknown_with_the_reason() -> None:
    rows, launches = speed_rows(("attention", "none"), (64,))
    remark = unknown("flops", "on cpu: RuntimeError: planted")
    lost = [replace(row, flops=None, gflops_per_s=None, detail=remark) if row.mixer == "none" else row for row in rows]
    text = plain(summarise(lost, launches))
    assert next(line for line in text.split("\n") if " none " in line).count("unknown") == 1
    assert f"unknown: {remark}." in text


def test_how_a_count_was_taken_is_told_of_its_mixer() -> None:
    rows, launches = speed_rows(("attention", "none"), (64, 128))
    remark = "flops: its flops(H, W) is not flops(batch, tokens): operators are counted"
    told = [replace(row, detail=f"energy_j: no meter; {remark}") if row.mixer == "none" else row for row in rows]
    assert plain(summarise(told, launches)).count(f"none: {remark}.") == 1


def test_what_a_count_leaves_out_is_said_once_where_there_is_one() -> None:
    rows, launches = speed_rows(("attention", "none"), (64, 128))
    assert plain(summarise(rows, launches)).count(COUNTED_OPERATIONS) == 1
    assert COUNTED_OPERATIONS not in plain(summarise([replace(row, flops=None, gflops_per_s=None) for row in rows], launches))


def test_an_interval_a_thousandfold_wide_is_not_spelled_out() -> None:
    assert interval_text(Interval(20.0, 1e-6, 3e8)) == ("20.0", " (unknown)")
    assert interval_text(Interval(20.0, 1.0, 400.0)) == ("20.0", " (1.00–400)")


def test_growth_is_shown_with_its_lengths() -> None:
    table = speed_rows(
        ("attention",), (64, 128, 256, 512), launch_noise=0, round_noise=0, latency_ms=lambda mixer, n, d, b, mode: 1e-4 * n**2
    )
    assert "attention  N^2.00 (2.00–2.00)  128, 256, 512" in plain(summarise(*table))


def test_columns_without_any_value_are_left_out() -> None:
    rows, launches = speed_rows(("attention",), (64,))
    assert " J\n" not in plain(summarise(rows, launches))
    assert " J\n" in plain(summarise([replace(row, energy_j=0.5) for row in rows], launches))
    assert "% of peak" not in plain(summarise(rows, []))


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0, "0"),
        (0.0000123, "1.23e-05"),
        (0.012345, "0.0123"),
        (0.9996, "1.00"),
        (1.2345, "1.23"),
        (99.96, "100"),
        (1234.5, "1230"),
        (12345, "12 300"),
        (1234567, "1 230 000"),
    ],
)
def test_numbers_have_three_significant_digits(value: float, text: str) -> None:
    assert number(value) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [(0, "0"), (12.34, "12.3"), (999.9, "1.00 k"), (48_700, "48.7 k"), (3.13e6, "3.13 M"), (1.2e13, "12.0 T")],
)
def test_large_numbers_have_prefixes(value: float, text: str) -> None:
    assert with_prefix(value) == text


def test_intervals_with_a_negative_end_are_spelled_out() -> None:
    assert exponent_text(Interval(-0.001, -0.05, 0.04)) == "N^0.00 (-0.05 to 0.04)"
    assert exponent_text(Interval(1.98, 1.93, 2.02)) == "N^1.98 (1.93–2.02)"
    assert exponent_text(Interval(1.98, None, None)) == "N^1.98"
