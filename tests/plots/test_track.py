from __future__ import annotations

from pathlib import Path

import pytest
from histories import cell, commit, entry, history
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from mixbench.errors import StorageError, UnknownNameError
from mixbench.plots.track import MOST_PANELS, draw_trends, trend_figure
from mixbench.tables.entries import ONCE, Entry
from mixbench.verdicts.track.change_points import Change, find_changes
from mixbench.verdicts.track.series import Series, series_of


def slower_hypermixer(mixer: str, tokens: int, number: int) -> float:
    return 1.5 if mixer == "hypermixer" and number >= 6 else 1.0


def judged(entries: list[Entry], metric: str = "cpu_per_calibration") -> tuple[list[Series], list[Change]]:
    series = [trend for trend in series_of(entries) if trend.metric == metric]
    return series, [change for trend in series for change in find_changes(trend)]


def vertical_lines(axes: Axes) -> list[float]:
    return [
        float(line.get_xdata()[0]) for line in axes.lines if line.get_linestyle() == "--" and len(set(line.get_xdata())) == 1
    ]


@pytest.fixture
def unsaved(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Figure, "savefig", lambda figure, path, **options: path.touch())


def test_every_series_is_a_panel_with_what_tells_it_apart() -> None:
    figure = trend_figure(*judged(history(8, lambda *_: 1.0)))
    assert [axes.get_title() for axes in figure.axes] == [
        f"{mixer} · {tokens} tokens" for mixer in ("attention", "hypermixer") for tokens in (64, 256)
    ]
    assert not any(vertical_lines(axes) for axes in figure.axes)


def test_each_commit_stands_with_its_launches_as_dots_and_an_interval() -> None:
    series, changes = judged(history(8, lambda *_: 1.0, mixers=("attention",), tokens=(64,)))
    (axes,) = trend_figure(series, changes).axes
    dots = next(line for line in axes.lines if line.get_marker() == ".")
    launches = sorted(value for point in series[0].points for value in point.values.values())
    assert sorted(map(float, dots.get_ydata())) == launches
    assert len(launches) == 8 * 5
    assert len(axes.collections) == 1


def test_the_suspected_commit_is_marked_between_it_and_the_last_good_one() -> None:
    series, changes = judged(history(12, slower_hypermixer, tokens=(64,)))
    attention, hypermixer = trend_figure(series, changes).axes
    assert vertical_lines(hypermixer) == [5.5]
    assert [text.get_text() for text in hypermixer.texts] == [commit(6).short]
    assert not vertical_lines(attention)
    assert not attention.texts


def test_levels_before_and_after_a_change_are_drawn_over_their_commits() -> None:
    series, changes = judged(history(12, slower_hypermixer, mixers=("hypermixer",), tokens=(64,)))
    (axes,) = trend_figure(series, changes).axes
    levels = [path.vertices for bars in axes.collections[1:] for path in bars.get_paths()]
    assert [(round(float(line[0][0]), 1), round(float(line[1][0]), 1)) for line in levels] == [(-0.4, 5.4), (5.6, 11.4)]
    assert [float(line[0][1]) for line in levels] == pytest.approx([changes[0].before, changes[0].after])


def test_counts_are_drawn_as_they_are_zeros_too() -> None:
    runs = [entry(number, cell({"failed": {ONCE: float(number > 2)}})) for number in range(5)]
    (axes,) = trend_figure(*judged(runs, "failed")).axes
    assert list(map(float, axes.lines[0].get_ydata())) == [0, 0, 0, 1, 1]
    assert vertical_lines(axes) == [2.5]


def test_scores_with_a_zero_are_drawn_on_a_linear_axis() -> None:
    runs = [entry(number, cell({"test_score": {0: 0.0, 1: number + 1.0, 2: number + 2.0}})) for number in range(4)]
    (axes,) = trend_figure(*judged(runs, "test_score")).axes
    assert axes.get_yscale() == "linear"
    assert list(map(float, axes.lines[0].get_ydata())) == [1, 2, 3, 4]


def test_a_commit_that_lacks_a_series_leaves_its_place_free() -> None:
    runs = [
        entry(number, cell({"flops": {ONCE: 5}}), *([cell({"flops": {ONCE: 7}}, tokens=128)] * (number != 1)))
        for number in range(3)
    ]
    longer, shorter = trend_figure(*judged(runs, "flops")).axes
    assert list(map(float, longer.lines[0].get_xdata())) == [0, 1, 2]
    assert list(map(float, shorter.lines[0].get_xdata())) == [0, 2]


def test_noise_of_a_percent_does_not_fill_the_axis() -> None:
    runs = [entry(number, cell({"cpu_per_calibration": {1: 1 + number % 2 / 100}})) for number in range(8)]
    low, high = trend_figure(*judged(runs)).axes[0].get_ylim()
    assert low < 0.92
    assert high > 1.09


def test_a_single_commit_of_a_single_launch_is_drawn() -> None:
    (axes,) = trend_figure(*judged([entry(0, cell({"cpu_per_calibration": {1: 1.0}}))])).axes
    assert list(map(float, axes.lines[0].get_ydata())) == [1.0]


def test_machines_are_told_apart_in_the_titles() -> None:
    runs = [entry(0, cell({"flops": {ONCE: 5}}), machine=machine) for machine in ("One", "Two")]
    titles = [axes.get_title() for axes in trend_figure(*judged(runs, "flops")).axes]
    assert titles == [f"attention ({run.machine_hash[:6]})" for run in runs]


@pytest.mark.usefixtures("unsaved")
def test_more_series_than_fit_stand_in_further_files_the_most_important_first(tmp_path: Path) -> None:
    tokens = tuple(range(1, MOST_PANELS + 2))
    series, _ = judged(history(12, lambda mixer, length, number: 2.0 if length == 13 and number > 5 else 1.0, tokens=tokens))
    changes = [change for trend in series for change in find_changes(trend)]
    paths = draw_trends(series, changes, tmp_path / "figures", ("png", "svg"))
    names = [f"trend-cpu_per_calibration{number}.{kind}" for number in ("", "-2", "-3") for kind in ("png", "svg")]
    assert [path.name for path in paths] == names


@pytest.mark.usefixtures("unsaved")
def test_the_first_file_holds_the_change_that_matters_most(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    drawn: list[list[str]] = []
    monkeypatch.setattr(
        "mixbench.plots.track.trend_figure",
        lambda series, changes: drawn.append([trend.label for trend in series]) or Figure(),
    )
    series, changes = judged(history(12, slower_hypermixer, tokens=tuple(range(1, 13))))
    draw_trends(series, changes, tmp_path)
    assert drawn == [["hypermixer"] * 12, ["attention"] * 12]


@pytest.mark.usefixtures("unsaved")
def test_each_metric_has_a_file_of_its_own(tmp_path: Path) -> None:
    paths = draw_trends(series_of(history(2, lambda *_: 1.0)), [], tmp_path)
    assert [path.name for path in paths] == ["trend-cpu_per_calibration.png", "trend-failed.png", "trend-flops.png"]


def test_a_figure_has_the_same_bytes_every_time(tmp_path: Path) -> None:
    series, changes = judged(history(8, slower_hypermixer, tokens=(64,)))
    first, again = (draw_trends(series, changes, tmp_path / name, ("png",)) for name in ("one", "two"))
    assert first[0].read_bytes() == again[0].read_bytes()
    assert first[0].read_bytes().startswith(b"\x89PNG")


def test_an_unknown_format_and_a_folder_that_cannot_be_written_are_errors(tmp_path: Path) -> None:
    series, changes = judged(history(2, lambda *_: 1.0, tokens=(64,)))
    with pytest.raises(UnknownNameError, match="unknown format 'jpg'"):
        draw_trends(series, changes, tmp_path, ("jpg",))
    (tmp_path / "figures").write_text("a file")
    with pytest.raises(StorageError, match="figures"):
        draw_trends(series, changes, tmp_path / "figures")
