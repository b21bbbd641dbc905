import re
from collections import Counter
from dataclasses import replace
from itertools import pairwise

import pytest
from places import REPOSITORY as ROOT
from synthetic import speed_rows

from mixbench.cli.text.speed import speed_table
from mixbench.mixers import MIXERS
from mixbench.stats import Interval
from mixbench.tables.columns import columns
from mixbench.tables.remarks import ALONE, CHANGED, HOLDS_MORE, lower_bound, unknown
from mixbench.tables.results import ResultsFolder
from mixbench.tables.speed_rows import LaunchRow, SpeedRow
from mixbench.verdicts.entries import interval_text, with_prefix
from mixbench.verdicts.speed.cells import margin, point
from mixbench.verdicts.speed.summary import SpeedSummary, summarise
from mixbench.verdicts.speed.tables import exponent_text
from mixbench.verdicts.speed.view import views_of
from mixbench.verdicts.words import COUNTED_OPERATIONS, number

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


def plain(summary: SpeedSummary, details: bool = False) -> str:
    return speed_table(summary, 80, terminal=False, details=details).plain


def line_of(text: str, mixer: str) -> str:
    """The first line of a table that is about a mixer."""
    return next(line for line in text.split("\n") if re.match(rf"( *\d+  )?{mixer}(, ms)?  ", line))


@pytest.mark.parametrize("details", [False, True])
@pytest.mark.parametrize("width", [80, 120])
@pytest.mark.parametrize("case", CASES)
def test_no_line_is_wider_than_the_terminal_and_nothing_is_cut(case: str, width: int, details: bool) -> None:
    text = speed_table(summarise(*CASES[case]), width, terminal=True, details=details).plain
    assert max(map(len, text.split("\n"))) <= width
    assert "…" not in text


@pytest.mark.parametrize("width", [80, 120])
@pytest.mark.parametrize("case", ["paper", "failures", "wide intervals"])
def test_a_terminal_shows_every_number_of_the_plain_details(case: str, width: int) -> None:
    summary = summarise(*CASES[case])
    shown = Counter(speed_table(summary, width, terminal=True, details=True).plain.split())
    lengths = {str(cell.tokens) for cell in summary.cells}
    wanted = Counter(word for word in plain(summary, details=True).split() if word not in lengths)
    assert not wanted - shown


@pytest.mark.parametrize("case", CASES)
def test_plain_details_have_one_line_per_cell_whatever_the_terminal(case: str) -> None:
    summary = summarise(*CASES[case])
    text = plain(summary, details=True)
    starts = Counter(tuple(line.split()[:2]) for line in text.split("\n") if line.split()[:1] and line.split()[0].isdigit())
    assert starts == Counter((str(cell.tokens), cell.label.split()[0]) for cell in summary.cells)
    assert speed_table(summary, 20, terminal=False, details=True).plain == text
    assert "─" not in text


REFERENCE = ResultsFolder(ROOT / "results" / "reference")


@pytest.fixture(scope="module")
def reference() -> SpeedSummary:
    """The default sweep, in inference."""
    return summarise([row for row in REFERENCE.read(SpeedRow) if row.mode == "inference"], REFERENCE.read(LaunchRow))


@pytest.mark.parametrize("width", [80, 100, 120])
def test_the_default_sweep_fits_a_screen(reference: SpeedSummary, width: int) -> None:
    assert 24 <= len(speed_table(reference, width, terminal=True).plain.split("\n")) <= 40


@pytest.mark.parametrize("details", [False, True])
@pytest.mark.parametrize("width", [80, 120])
@pytest.mark.parametrize("lengths", [(2048,), (1024, 2048), ()])
def test_no_column_stands_alone_in_a_second_table(
    reference: SpeedSummary, width: int, details: bool, lengths: tuple[int, ...]
) -> None:
    cells = tuple(cell for cell in reference.cells if cell.tokens in lengths or not lengths)
    lines = speed_table(replace(reference, cells=cells), width, terminal=True, details=details).plain.split("\n")
    headers = [re.split(" {2,}", line.strip()) for line, rule in pairwise(lines) if rule.startswith("─")]
    assert min(len(header) - 1 - (header[0] == "tokens") for header in headers) > 1


def test_the_baseline_is_shown_in_ms_and_the_others_relative_to_it() -> None:
    summary = summarise(*speed_rows(("hypermixer", "attention", "none"), (64, 128)))
    text = plain(summary)
    by_mixer = {cell.label: cell for cell in summary.cells if cell.tokens == 128}
    for label, interval in (
        ("attention", by_mixer["attention"].latency_ms),
        ("hypermixer", by_mixer["hypermixer"].ratio),
        ("none", by_mixer["none"].ratio),
    ):
        assert interval is not None
        assert line_of(text, label).endswith("".join(interval_text(interval)))
    assert [line.split()[0] for line in text.split("\n")[3:6]] == ["attention,", "none", "hypermixer"]


def test_intervals_become_margins_and_then_stand_at_the_longest_length_only(reference: SpeedSummary) -> None:
    wide, middle, narrow = (line_of(speed_table(reference, width, True).plain, "mlp-mixer") for width in (200, 120, 80))
    ratios = [cell.ratio for cell in reference.cells if (cell.label, cell.context.mode) == ("mlp-mixer", "inference")]
    before, last = (ratio for ratio in ratios[-2:] if ratio)
    assert wide.split("  ")[-1].strip() == "".join(interval_text(last))
    assert middle.split()[-4:] == "".join((*margin(before), " ", *margin(last))).split()
    assert narrow.split()[-3:] == "".join((point(before)[0], " ", *margin(last))).split()
    assert re.search(
        r"Intervals at fewer tokens: median ±\d+%, at most ±\d+%; all of them: --details",
        speed_table(reference, 80, True).plain,
    )


@pytest.mark.parametrize(
    ("interval", "text"),
    [
        (Interval(0.905, 0.867, 0.944), "0.905 ±5%"),
        (Interval(0.5, 0.5, 0.5), "0.500 ±0%"),
        (Interval(2.0, 1.001, 3.99), "2.00 ±>99%"),
        (Interval(0.00249, 0.00233, 0.00266), "0.0025 ±7%"),
        (Interval(0.00104, 0.00103, 0.00105), "0.0010 ±1%"),
        (Interval(2.31e-5, 2.29e-5, 2.33e-5), "2.3e-5 ±1%"),
        (Interval(1.25), "1.25"),
    ],
)
def test_a_margin_is_rounded_up(interval: Interval, text: str) -> None:
    assert "".join(margin(interval)) == text


def test_where_the_baseline_has_no_time_latencies_are_in_ms() -> None:
    failures = {("attention", 128): ("oom", REASON), ("fnet", 64): ("error", "")}
    summary = summarise(*speed_rows(PAPER, (64, 128), failures=failures))
    text = plain(summary)
    assert "in ms where attention has no time" in text
    assert line_of(text, "attention").split()[-1] == "oom"
    assert re.search(r"\d ms \(\S+\)$", line_of(text, "none"))
    assert line_of(text, "fnet").split()[1] == "error"
    assert f"attention at 128 tokens: oom: {REASON}" in text
    nowhere = plain(summarise(*speed_rows(PAPER, (64, 128), failures={("attention", n): ("oom", "") for n in (64, 128)})))
    assert "latency by tokens, ms" in nowhere
    assert "attention at 64, 128 tokens: oom" in nowhere
    assert " ms " not in line_of(nowhere, "none")


def test_a_single_mixer_is_shown_by_its_latencies() -> None:
    text = plain(summarise(*speed_rows(("hypermixer",), (64, 128))))
    assert text.split("\n")[1] == "latency by tokens, ms"
    assert line_of(text, "hypermixer").count("(") == 2


def test_a_single_length_has_a_line_per_mixer_with_everything() -> None:
    text = plain(summarise(*speed_rows(("attention", "none"), (64,))))
    assert text.split("\n")[0].endswith(" · 64 tokens")
    assert text.split("\n")[1].split("  ")[0] == "mixer"
    for heading in ("latency ms", "ratio", "tokens/s", "peak MiB", "GFLOP", "% of peak", "params"):
        assert heading in text.split("\n")[1]


def test_the_other_costs_are_those_at_the_longest_length(reference: SpeedSummary) -> None:
    lines = speed_table(reference, 80, True).plain.split("\n")
    costs = lines[next(place for place, line in enumerate(lines) if line.startswith("at 2048 tokens")) :]
    assert "time grows as (512–2048)" in costs[0]
    line = line_of("\n".join(costs), "hypermixer").split()
    grown = next(growth.exponent for growth in reference.growths if growth.label == "hypermixer")
    assert line[1:] == ["15.5", "1.21", "394", "k", *exponent_text(grown).split()]


def test_lengths_over_which_time_grows_are_told_per_mixer_where_they_differ() -> None:
    rows, launches = speed_rows(("attention", "none"), (64, 128, 256, 512), failures={("attention", 512): ("oom", "")})
    text = plain(summarise(rows, launches))
    assert re.search(r"attention .*  64, 128, 256$", text, re.MULTILINE)
    assert re.search(r"none .*  128, 256, 512$", text, re.MULTILINE)


def test_a_ratio_that_may_be_on_either_side_of_1_is_marked() -> None:
    times = {"attention": 1.0, "fnet": 1.0, "none": 0.5}
    rows, launches = speed_rows(tuple(times), (64, 128), latency_ms=lambda mixer, *_: times[mixer])
    text = plain(summarise(rows, launches))
    assert line_of(text, "fnet").count("~") == 2
    assert "~" not in line_of(text, "attention") + line_of(text, "none")
    assert text.count("~: cannot be told apart from 1.") == 1


def test_the_ratio_of_the_baseline_is_1_without_interval() -> None:
    line = line_of(plain(summarise(*speed_rows(("attention", "none"), (64,)))), "attention")
    assert re.search(r"[kM]  +1  +", line)


def test_details_give_the_whole_reason_of_a_failed_cell() -> None:
    summary = summarise(*CASES["failures"])
    assert f"oom: {REASON}" in plain(summary, details=True)
    narrow = speed_table(summary, 80, terminal=True, details=True).plain
    assert set(REASON.split()) <= set(narrow.split())


def test_a_cell_that_failed_in_some_launches_is_noted() -> None:
    rows, launches = speed_rows(("none",), (64,), launches=3, rounds=1)
    metrics = [name for name, column in columns(SpeedRow).items() if column.role == "metric"]
    lost = replace(rows[1], **dict.fromkeys(metrics), status="timeout", detail="over 300 s")
    assert "none at 64 tokens: 1 of 3 launches failed: over 300 s" in plain(summarise([rows[0], lost, rows[2]], launches))


def test_the_caption_counts_launches_and_disturbed_blocks() -> None:
    rows, launches = speed_rows(("none",), (64,), launches=3, rounds=2, contended=0)
    text = plain(summarise([replace(rows[0], quality="contended"), *rows[1:]], launches))
    assert "95 % intervals of the median over 3 launches" in text
    assert "16.7 % of 6 blocks of calls were contended (held up by other work)." in text
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
    assert [line.split()[0] for line in text.split("\n") if ") *" in line] == ["none"]


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
    assert "≥ 0.00315     ≥ 24.4" in line  # the share of the peak is one, too
    assert f"≥: {remark}." in text
    by_length = plain(summarise(*(_lower_bounds(speed_rows(("attention",), (64, 128)), remark))))
    costs = by_length[by_length.index("at 128 tokens") :]
    assert "≥ 0.00839" in line_of(costs, "attention")
    assert f"≥: {remark}." in costs


def _lower_bounds(table: Table, remark: str) -> Table:
    return [replace(row, detail=remark) for row in table[0]], table[1]


def test_flops_that_could_not_be_counted_are_unknown_with_the_reason() -> None:
    rows, launches = speed_rows(("attention", "none"), (64,))
    remark = unknown("flops", "on cpu: RuntimeError: planted")
    lost = [replace(row, flops=None, gflops_per_s=None, detail=remark) if row.mixer == "none" else row for row in rows]
    text = plain(summarise(lost, launches))
    assert line_of(text, "none").count("unknown") == 1
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
    assert "attention  N^2.00 (2.00–2.00)  128, 256, 512" in plain(summarise(*table), details=True)


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
    [
        (0, "0"),
        (72, "72"),
        (72.0, "72"),
        (12.34, "12.3"),
        (999.9, "1.00 k"),
        (48_700, "48.7 k"),
        (3.13e6, "3.13 M"),
        (1.2e13, "12.0 T"),
    ],
)
def test_large_numbers_have_prefixes(value: float, text: str) -> None:
    assert with_prefix(value) == text


def test_intervals_with_a_negative_end_are_spelled_out() -> None:
    assert exponent_text(Interval(-0.001, -0.05, 0.04)) == "N^0.00 (-0.05 to 0.04)"
    assert exponent_text(Interval(1.98, 1.93, 2.02)) == "N^1.98 (1.93–2.02)"
    assert exponent_text(Interval(1.98, None, None)) == "N^1.98"


def test_what_was_disturbed_has_its_sign_behind_times_ratios_and_exponents() -> None:
    rows, launches = speed_rows(("attention", "hypermixer"), (64, 128, 256), contended=0)
    rows = [replace(row, quality="contended") if row.mixer == "hypermixer" else row for row in rows]
    lines = [line for line in plain(summarise(rows, launches)).split("\n") if line.startswith(("attention", "hypermixer"))]
    tables = [line for line in lines if "times as" not in line]
    assert [line.split()[0].rstrip(",") for line in tables if "!" in line] == ["hypermixer", "hypermixer"]
    assert "!: disturbed for too much of the time" in plain(summarise(rows, launches))


def test_a_crossover_keeps_as_many_digits_as_tell_its_ends_apart() -> None:
    times = {"attention": 1.0, "hypermixer": 1.0}
    rows, launches = speed_rows(
        tuple(times),
        (64, 256),
        launch_noise=0.012,
        round_noise=0.002,
        latency_ms=lambda mixer, tokens, *_: 1.0 if mixer == "attention" else (122 / tokens) ** 0.5,
    )
    text = plain(summarise(rows, launches))
    low, high = map(int, re.search(r"level with it at about \d+ \((\d+)–(\d+)\)", text).groups())  # type: ignore[union-attr]
    assert 115 < low < high < 130


def test_mixers_stand_from_fast_to_slow_and_those_without_a_time_at_the_end() -> None:
    slowness = {"attention": 1.0, "fnet": 3.0, "gmlp": 2.0, "hypermixer": 0.5, "mlp-mixer": 0.1}
    failures = {
        ("mlp-mixer", 128): ("oom", "needs 9 TiB"),
        ("linear-attention", 64): ("error", "no"),
        ("linear-attention", 128): ("error", "no"),
    }
    rows, launches = speed_rows(
        (*slowness, "linear-attention"),
        (64, 128),
        latency_ms=lambda mixer, tokens, *_: slowness.get(mixer, 1.0) * tokens,
        failures=failures,
    )
    summary = summarise(rows, launches)
    ordered = ["attention", "hypermixer", "gmlp", "fnet", "mlp-mixer", "linear-attention"]
    (view,) = views_of(summary)
    assert view.labels == ordered
    assert [cell.label for cell in view.cells if cell.tokens == 128] == ordered


def test_of_many_mixers_the_best_five_and_the_users_own_are_put_into_words(monkeypatch: pytest.MonkeyPatch) -> None:
    names = [f"m.py:M{place}" for place in range(10)]
    monkeypatch.setattr("mixbench.verdicts.prominent.MIXERS", (*MIXERS, *names[:-1]))
    slowness = {name: 2.0**place for place, name in enumerate(names)}
    rows, launches = speed_rows(
        ("attention", "none", *names), (64, 128), latency_ms=lambda mixer, tokens, *_: slowness.get(mixer, 0.01) * tokens
    )
    text = plain(summarise(rows, launches))
    told = re.findall(r"^(\w+) (?:is|takes) ", text, re.MULTILINE)
    assert told == ["M0", "M1", "M2", "M3", "M4", "M9"]
    assert "\n5 more mixers: see the table, or --details for their verdicts.\n" in text
