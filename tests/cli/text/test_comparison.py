"""The text of a comparison, on a terminal and in a pipe."""

from __future__ import annotations

from typing import Any

import pytest

from mixbench.cli.text.comparison import comparison_table
from mixbench.stats import Interval
from mixbench.verdicts.gate.comparison import ComparedCell, Comparison, Judgement, exit_code


def cell(mixer: str, *judgements: Judgement, **rest: Any) -> ComparedCell:
    place = {"mode": rest.pop("mode", "inference"), "tokens": rest.pop("tokens", "2048 tokens"), "dtype": "float32"}
    return ComparedCell("speed", mixer, place, judgements, **rest)


def timed(verdict: str, low: float, point: float, high: float, remark: str = "") -> Judgement:
    return Judgement("cpu_per_calibration", verdict, 1.0, 1 + point, Interval(point, low, high), 0.5, remark)


LONG = "hypermixer heads=4 hidden=tokens/2 positions=none tied=true"
REASON = "needs 12.3 GiB, but 7.9 GiB are available; fewer tokens or a smaller batch would fit into the memory of this machine"
EVERY_CASE = Comparison(
    "results/reference",
    "results/of a folder with quite a long name that fills the terminal from side to side and beyond",
    (
        cell(LONG, Judgement("status", "broken"), detail=f"oom: {REASON}"),
        cell(
            "attention", Judgement("cell", "missing"), mode="training", detail="not in the head; renamed to linear-attention?"
        ),
        cell("gmlp", timed("slower", 0.84, 0.9, 0.97), cause="+25 % FLOPs, 2 more operators, a=1 became b=2"),
        cell("gmlp", Judgement("peak_memory_mib", "slower", 1.0, 1.0001, Interval(0.0001)), tokens="64 tokens"),
        cell(LONG, timed("undecided", -0.5, 0.1, 5000.0, "+84 % would be detected"), mode="training"),
        cell("fnet", timed("faster", -0.046, -0.031, -0.012)),
        cell("fnet", Judgement("cell", "new"), tokens="64 tokens"),
        cell("none", timed("same", -0.01, 0.0, 0.01)),
    ),
    ("head: 30 rows of speed.csv from older environments are left out, because only the newest one counts",),
    {"time": 0.3},
)


def table(width: int, terminal: bool, comparison: Comparison = EVERY_CASE) -> str:
    return comparison_table(comparison, exit_code(comparison) if comparison.cells else 4, width, terminal).plain


@pytest.mark.parametrize("width", [60, 80, 120])
def test_on_a_terminal_no_line_is_wider_than_it_and_nothing_is_cut(width: int) -> None:
    text = table(width, terminal=True)
    assert max(map(len, text.split("\n"))) <= width
    assert "…" not in text
    shown = text.replace("·", " ").split()
    for word in table(width, terminal=False).replace("·", " ").split():
        assert word in shown, word


def test_in_a_pipe_every_cell_is_one_line_whatever_the_width() -> None:
    text = table(40, terminal=False)
    assert text == table(200, terminal=False)
    assert [line.split()[0] for line in text.split("\n")[3:11]] == [compared.verdict for compared in EVERY_CASE.cells]
    assert "─" not in text
    assert "\N{NO-BREAK SPACE}" not in text


def test_changes_have_as_many_digits_as_they_deserve() -> None:
    text = table(120, terminal=False)
    assert "+90 (+84 to +97)" in text
    assert "-3.1 (-4.6 to -1.2)" in text
    assert "+0.0100" in text
    assert "+10 (unknown)" in text
    assert "+0.0 (-1.0 to +1.0)" in text


def test_what_all_cells_share_stands_in_the_heading_and_what_differs_in_the_lines() -> None:
    text = table(120, terminal=False).split("\n")
    assert text[1] == "speed · float32"
    assert "gmlp · inference · 64 tokens" in text[6]


def test_a_comparison_without_cells_says_so() -> None:
    nothing = Comparison("a", "b", (), ("a has speed.csv from a machine that the other folder lacks: not compared",))
    assert table(80, False, nothing).split("\n")[-1] == "no cells: not comparable"
