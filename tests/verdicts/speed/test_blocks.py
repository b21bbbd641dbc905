from __future__ import annotations

import json
from dataclasses import replace

import pytest
from helpers.synthetic import speed_rows

from mixbench.tables.speed_rows import SpeedRow
from mixbench.verdicts.gate.cells import Measured
from mixbench.verdicts.gate.exports import FORMATS, report
from mixbench.verdicts.speed.blocks import choose, choose_rows
from mixbench.verdicts.speed.cell_summary import CellSummary
from mixbench.verdicts.speed.ratio import compared
from mixbench.verdicts.speed.records import records, to_json
from mixbench.verdicts.speed.summary import SpeedSummary, summarise
from mixbench.verdicts.speed.verdicts import verdicts


def items(*marks: str) -> dict[int, list[tuple[str, bool]]]:
    """By process, an item per letter: clean where it is in upper case."""
    return {process: [(letter, letter.isupper()) for letter in letters] for process, letters in enumerate(marks, 1)}


@pytest.mark.parametrize(
    ("processes", "kept", "disturbed"),
    [
        (("ABC", "DEF"), ("ABC", "DEF"), False),
        (("ABcd", "EFGhijklmn"), ("AB", "EFG"), False),  # half of the blocks, or three
        (("ABC", "DEF", "GHI", "jkl", "mnO"), ("ABC", "DEF", "GHI"), False),  # three launches, and half of them
        (("ABC", "DEF", "ghi", "jkl"), ("ABC", "DEF", "ghi", "jkl"), True),  # half, but only two
        (("ABC", "DEF", "GHI", "jkl", "mno", "pqr", "stu"), ("ABC", "DEF", "GHI", "jkl", "mno", "pqr", "stu"), True),
        (("ABcde",), ("ABcde",), True),
        (("AB", "CDe"), ("AB", "CD"), False),  # two launches are all there are
        ((), (), False),
    ],
)
def test_clean_blocks_count_where_there_are_enough(processes: tuple[str, ...], kept: tuple[str, ...], disturbed: bool) -> None:
    chosen = choose(items(*processes))
    assert ["".join(letters) for letters in chosen.by_process.values()] == list(kept)
    assert chosen.disturbed == disturbed


def disturbing(rows: list[SpeedRow], *, launches: tuple[int, ...], rounds: tuple[int, ...], factor: float) -> list[SpeedRow]:
    """The rows of hypermixer as if other work had slowed some of its blocks down."""
    return [
        replace(row, latency_ms=(row.latency_ms or 0) * factor, quality="contended")
        if row.mixer == "hypermixer" and row.launch in launches and row.round in rounds
        else row
        for row in rows
    ]


def test_throttled_blocks_are_left_out_where_enough_others_stand() -> None:
    rows, _ = speed_rows(("attention",), (64,), launches=3, rounds=6, contended=0)

    def kept(throttled: range) -> tuple[set[int], bool]:
        chosen = choose_rows([replace(row, quality="throttled") if row.round in throttled else row for row in rows])
        return {row.round for own in chosen.by_process.values() for row in own}, chosen.disturbed

    assert kept(range(1, 4)) == ({4, 5, 6}, False)
    assert kept(range(1, 5)) == ({1, 2, 3, 4, 5, 6}, True)


def found(rows: list[SpeedRow]) -> tuple[SpeedSummary, CellSummary]:
    summary = summarise(rows, [])
    return summary, next(cell for cell in summary.cells if cell.label == "hypermixer")


def test_a_disturbed_block_does_not_move_an_estimate_that_has_enough_clean_ones() -> None:
    rows, _ = speed_rows(("attention", "hypermixer"), (64,), launches=5, rounds=6, contended=0)
    _, quiet = found([row for row in rows if row.round > 3])
    _, busy = found(disturbing(rows, launches=(1, 2, 3, 4, 5), rounds=(1, 2, 3), factor=4.0))
    assert (busy.latency_ms, busy.ratio, busy.disturbed) == (quiet.latency_ms, quiet.ratio, False)


def test_a_cell_that_was_disturbed_throughout_is_marked_wherever_it_goes() -> None:
    rows, _ = speed_rows(("attention", "hypermixer"), (64,), launches=5, rounds=4, contended=0)
    summary, busy = found(disturbing(rows, launches=(1, 2, 3), rounds=(1, 2, 3, 4), factor=4.0))
    assert (busy.disturbed, busy.ratio_disturbed, busy.launches) == (True, True, 5)
    (verdict,) = verdicts(summary)
    assert verdict.disturbed
    assert verdict.sentence.endswith("(disturbed while it was timed).")
    plain = to_json(summary)
    assert [cell["disturbed"] for cell in plain["cells"]] == [False, True]
    assert plain["verdicts"][0]["disturbed"]
    marked = [(r["table"], r["disturbed"]) for r in records(summary) if r["mixer"] == "hypermixer"]
    assert marked == [("cells", True), ("verdicts", True)]


def test_exports_mark_what_was_disturbed() -> None:
    rows, _ = speed_rows(("attention", "hypermixer"), (64,), launches=3, rounds=3, contended=0)
    rows = disturbing(rows, launches=(1, 2, 3), rounds=(1, 2, 3), factor=4.0)
    told = report(Measured("results", {SpeedRow: rows}, {rows[0].environment: {}}))
    marked = {(measure.cell.split(" · ")[1], measure.metric) for measure in told.measures if measure.disturbed}
    assert ("hypermixer", "latency_ms") in marked
    assert not {("attention", "latency_ms"), ("hypermixer", "flops")} & marked
    table = FORMATS["markdown"](told)["summary.md"]
    assert [line.split(" | ")[1].startswith("! ") for line in table.splitlines() if line.startswith("| speed")] == [False, True]
    assert "- !: disturbed while it was timed" in table
    benchmarks = json.loads(FORMATS["github-action-benchmark"](told)["benchmark-smaller-is-better.json"])
    extras = [entry.get("extra") for entry in benchmarks if entry["name"].endswith("latency_ms")]
    assert extras == [None, "disturbed while it was timed"]


def test_a_ratio_needs_rounds_in_which_both_were_undisturbed() -> None:
    rows, _ = speed_rows(("attention", "hypermixer"), (64,), launches=3, rounds=6, contended=0)
    rows = disturbing(rows, launches=(1, 2, 3), rounds=(1, 2, 3), factor=4.0)
    rows = [replace(row, quality="contended") if row.mixer == "attention" and row.round > 3 else row for row in rows]
    own, base = ([row for row in rows if row.mixer == mixer] for mixer in ("hypermixer", "attention"))
    assert compared(own, base).disturbed
    assert not any(cell.disturbed for cell in summarise(rows, []).cells)


def test_work_that_holds_up_the_host_of_a_gpu_marks_wall_time_alone() -> None:
    rows, launches = speed_rows(("attention", "hypermixer"), (64,), devices=("cuda",), launches=3, rounds=6, contended=1)
    cell = next(cell for cell in summarise(rows, launches).cells if cell.label == "hypermixer")
    assert (cell.disturbed, cell.ratio_disturbed, cell.wall_disturbed) == (False, False, True)
    throttled = [replace(row, quality="throttled") for row in rows]
    cell = next(cell for cell in summarise(throttled, launches).cells if cell.label == "hypermixer")
    assert (cell.disturbed, cell.ratio_disturbed, cell.wall_disturbed) == (True, True, True)


def test_wall_time_is_of_the_blocks_during_which_nothing_held_up_the_host() -> None:
    rows, _ = speed_rows(("attention",), (64,), devices=("cuda",), launches=3, rounds=6, contended=0)
    held_up = [
        replace(row, latency_ms=100.0, quality="contended") if row.round > 3 else replace(row, latency_ms=1.0) for row in rows
    ]
    (cell,) = summarise(held_up, []).cells
    assert cell.latency_ms is not None
    assert (cell.latency_ms.point, cell.wall_disturbed) == (1.0, False)
