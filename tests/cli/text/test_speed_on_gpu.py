"""What `mixbench speed` prints of a GPU: device time, wall time beside it, who is host-bound, what bounds a call."""

from __future__ import annotations

import re
from dataclasses import replace
from itertools import pairwise

import pytest
from synthetic import speed_rows

from mixbench.cli.text.speed import speed_table
from mixbench.tables.speed_rows import LaunchRow, SpeedRow
from mixbench.verdicts.speed.cell_summary import CellSummary
from mixbench.verdicts.speed.summary import SpeedSummary, summarise

PAPER = ("attention", "linear-attention", "fnet", "mlp-mixer", "gmlp", "hypermixer", "none")
LENGTHS = (64, 256, 1024, 4096, 16384)


def on_gpu(tokens: tuple[int, ...], devices: tuple[str, ...] = ("cuda",)) -> tuple[list[SpeedRow], list[LaunchRow]]:
    """Host-bound up to a thousand tokens, and without work in `none`."""
    return speed_rows(
        PAPER,
        tokens,
        widths=(256,),
        batches=(8,),
        dtypes=("bfloat16",),
        devices=devices,
        launch_noise=0.01,
        round_noise=0.01,
        latency_ms=lambda mixer, length, *_: 1e-6 if mixer == "none" else 0.01 + length * 3e-5 + len(mixer) / 1000,
    )


@pytest.fixture(scope="module")
def sweep() -> SpeedSummary:
    return summarise(*on_gpu(LENGTHS))


def plain(summary: SpeedSummary, *, details: bool = False) -> str:
    return speed_table(summary, 80, terminal=False, details=details).plain


def cell_of(summary: SpeedSummary, mixer: str, tokens: int) -> CellSummary:
    return next(cell for cell in summary.cells if (cell.label, cell.tokens) == (mixer, tokens))


def lines_of(text: str, mixer: str) -> list[list[str]]:
    """The words of every line of a table that is about a mixer."""
    return [line.split() for line in text.split("\n") if re.match(rf"( *\d+  )?{mixer}(, ms)?  ", line)]


@pytest.mark.parametrize("details", [False, True])
@pytest.mark.parametrize("width", [80, 120])
@pytest.mark.parametrize("tokens", [LENGTHS, (1024,), (256, 4096)])
def test_it_fits_a_terminal_and_no_column_stands_alone(tokens: tuple[int, ...], width: int, details: bool) -> None:
    lines = speed_table(summarise(*on_gpu(tokens)), width, terminal=True, details=details).plain.split("\n")
    assert max(map(len, lines)) <= width
    headers = [re.split(" {2,}", line.strip()) for line, rule in pairwise(lines) if rule.startswith("─")]
    assert min(len(header) - 1 - (header[0] == "tokens") for header in headers) > 1


def test_the_caption_and_the_ratio_say_device_time_on_a_gpu_and_latency_on_the_cpu(sweep: SpeedSummary) -> None:
    assert "device time by tokens: attention in ms" in plain(sweep)
    assert "latency" not in plain(sweep)
    assert "ratio: device time relative to attention" in plain(summarise(*on_gpu((64,))))
    both = summarise(*on_gpu((64, 256), devices=("cpu", "cuda")))
    assert "latency by tokens: attention in ms" in plain(both)
    assert "ratio: latency or device time relative to attention" in plain(both, details=True)


def test_each_row_says_up_to_which_length_it_is_host_bound_and_a_note_by_how_much(sweep: SpeedSummary) -> None:
    text = plain(sweep)
    for mixer in ("attention", "hypermixer"):
        assert lines_of(text, mixer)[0][-2:] == ["to", "1024"]
    assert lines_of(text, "none")[0][-1] == "–"
    shortest = cell_of(sweep, "attention", 64)
    assert shortest.latency_ms
    assert shortest.time_ms
    times = shortest.latency_ms.point / shortest.time_ms.point
    (note,) = (line for line in text.split("\n") if line.startswith("host-bound:"))
    assert f"up to 1024 tokens: attention ({times:.2f})" in note
    assert "--execution graph" in note
    assert "none: the GPU has nothing to do" in text


def test_graphs_are_not_advised_where_they_were_measured() -> None:
    rows, launches = on_gpu((64, 256))
    replayed = [replace(row, execution="graph", latency_ms=row.device_ms) for row in rows]
    text = plain(summarise([*rows, *replayed], launches))
    assert "host-bound: the GPU waits for Python" in text
    assert "removes the gap" not in text


def test_nothing_is_called_host_bound_that_is_not(sweep: SpeedSummary) -> None:
    rows, launches = on_gpu(LENGTHS)
    fast = [replace(row, latency_ms=(row.device_ms or 0) + 1e-6) for row in rows]
    assert "host-bound" not in plain(summarise(fast, launches))
    assert "host-bound" not in plain(summarise(*speed_rows(PAPER, LENGTHS)), details=True)


@pytest.mark.parametrize("details", [False, True])
def test_a_line_per_cell_has_wall_time_beside_device_time(details: bool) -> None:
    summary = summarise(*on_gpu((64,)))
    text = plain(summary, details=details)
    (words,) = lines_of(text, "hypermixer")
    header = next(line for line in text.split("\n") if "wall ms" in line)
    assert header.index("device ms") < header.index("wall ms") < header.index("ratio")
    cell = cell_of(summary, "hypermixer", 64)
    assert cell.latency_ms
    assert words[words.index("host-bound") - 2] == f"{cell.latency_ms.point:.3f}"


@pytest.mark.parametrize("details", [False, True])
def test_shares_of_both_peaks_and_what_bounds_a_call_are_told(sweep: SpeedSummary, details: bool) -> None:
    text = plain(sweep, details=details)
    header = next(line for line in text.split("\n") if "% of bandwidth" in line)
    assert header.index("% of peak") < header.index("% of bandwidth") < header.index("bound by")
    assert any(cell_of(sweep, "fnet", 16384).bound_by in line for line in lines_of(text, "fnet"))
    for note in ("% of peak: ", "% of bandwidth: ", "bound by: "):
        assert sum(line.startswith(note) for line in text.split("\n")) == 1


def test_on_the_cpu_details_alone_tell_what_bounds_a_call() -> None:
    rows, launches = speed_rows(("attention", "hypermixer"), (64, 128))
    summary = summarise([replace(row, moved_mib=1.0) for row in rows], launches)
    assert "bound" not in plain(summary)
    assert "bound by" in plain(summary, details=True)
    assert "% of bandwidth" in plain(summary, details=True)
