from __future__ import annotations

from histories import cell, entry, history

from mixbench.tables.entries import ONCE, TrackedCell
from mixbench.verdicts.track.series import COUNTED, FOR_PEOPLE, TRACKED, series_of, told_apart


def test_machines_and_cells_are_series_of_their_own() -> None:
    runs = [
        run
        for number in range(3)
        for run in (
            entry(number, cell({"flops": {ONCE: 5}}), cell({"flops": {ONCE: 9}}, tokens=128)),
            entry(number, cell({"flops": {ONCE: 7}}), machine="Other CPU"),
        )
    ]
    found = [(series.machine, [point.middle for point in series.points]) for series in series_of(runs)]
    here, there = (run.machine_hash for run in runs[:2])
    assert sorted(found[:2]) == sorted([(here, [5, 5, 5]), (there, [7, 7, 7])])
    assert found[2:] == [(here, [9, 9, 9])]


def test_series_come_in_the_order_of_mixers_numbers_and_metrics() -> None:
    found = series_of(history(1, lambda *_: 1.0, mixers=("none", "hypermixer", "attention"), tokens=(1024, 64)))
    cells = [("attention", 64), ("attention", 1024), ("hypermixer", 64), ("hypermixer", 1024), ("none", 64), ("none", 1024)]
    metrics = ["cpu_per_calibration", "failed", "flops"]
    assert [(series.label, int(series.place["tokens"].split()[0]), series.metric) for series in found] == [
        (*named, metric) for named in cells for metric in metrics
    ]


def test_cells_have_the_name_that_compare_gives_them() -> None:
    (series,) = series_of([entry(0, cell({"flops": {ONCE: 5}}, mixer="hypermixer"))])
    assert series.name == "speed · hypermixer · mixer · inference · 64 tokens · width 256 · batch 1 · float32 · cpu · 2 threads"


def test_a_users_mixer_is_followed_by_its_place_once_a_run_has_two_of_its_name() -> None:
    def mine(place: str, count: int) -> TrackedCell:
        return cell({"flops": {ONCE: count}}, mixer="mine.py:Mine", config=f'{{"file":"{place}"}}' if place else "{}")

    alone = series_of([entry(0, mine("", 1)), entry(1, mine("a/mine.py", 2)), entry(2, mine("moved/mine.py", 3))])
    assert [(series.label, len(series.points)) for series in alone] == [("Mine", 3)]
    joined = series_of([entry(0, mine("a/mine.py", 1)), entry(1, mine("a/mine.py", 4), mine("b/mine.py", 2))])
    assert [(series.label, len(series.points)) for series in joined] == [("Mine file=a/mine.py", 2), ("Mine file=b/mine.py", 1)]


def test_what_cells_share_is_said_once() -> None:
    common, names = told_apart(series_of(history(1, lambda *_: 1.0)))
    assert common == "mixer · inference · width 256 · batch 1 · float32 · cpu · 2 threads"
    assert list(dict.fromkeys(names)) == [
        f"{mixer} · {tokens} tokens" for mixer in ("attention", "hypermixer") for tokens in (64, 256)
    ]


def test_metrics_of_a_newer_kind_are_left_alone() -> None:
    assert series_of([entry(0, cell({"novel": {1: 5}}))]) == []


def test_what_is_followed_is_a_column_with_a_direction_or_its_own() -> None:
    assert FOR_PEOPLE == ("latency_ms",)
    assert TRACKED.keys() - {"cpu_per_calibration", "device_ms", "test_score", "latency_ms"} == COUNTED
    assert {name for name, column in TRACKED.items() if not column.better} == {"params", "test_score"}
