from __future__ import annotations

from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from matplotlib.colors import to_hex
from matplotlib.figure import Figure
from matplotlib.text import Text
from synthetic import speed_rows

from mixbench.mixers import MIXERS
from mixbench.plots.arrangement import arrange
from mixbench.plots.page import Page
from mixbench.plots.speed import draw_speed
from mixbench.plots.speed_families import families_figure
from mixbench.plots.speed_ratio import ratio_figure
from mixbench.plots.speed_sizes import size_figure
from mixbench.plots.style import BACKGROUND, BUILT_IN
from mixbench.plots.time_by_flops import flops_figure
from mixbench.verdicts.speed.summary import SpeedSummary, summarise
from mixbench.verdicts.speed.verdicts import verdicts
from mixbench.verdicts.speed.view import standing_out


def test_ratios_are_drawn_with_the_crossover_on_the_line_of_the_baseline() -> None:
    summary = summarise(*speed_rows(("attention", "hypermixer", "none"), (64, 128, 256), launch_noise=0.02))
    figure = ratio_figure(summary)
    assert figure is not None
    (axes,) = figure.axes
    lines = {line.get_marker(): line for line in axes.lines if line.get_marker() not in ("None", ".")}
    points = [cell.ratio.point for cell in summary.cells if cell.label == "hypermixer" and cell.ratio]
    assert list(lines[BUILT_IN["hypermixer"].marker].get_ydata()) == pytest.approx(points)
    assert BUILT_IN["none"].marker not in lines  # thousands of times as fast
    (crossover,) = (found for verdict in verdicts(summary) for found in verdict.crossovers)
    diamond = lines["D"]
    assert (list(diamond.get_xdata()), list(diamond.get_ydata())) == ([crossover.tokens], [1])
    assert to_hex(diamond.get_color()) == BUILT_IN["hypermixer"].color


def test_the_ratio_is_the_first_figure_and_needs_a_mixer_beside_the_baseline(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Figure, "savefig", lambda figure, path, **options: path.touch())
    first, *_ = draw_speed(*speed_rows(("attention", "none"), (64,)), tmp_path)
    assert first.name == "speed-ratio-by-tokens.png"
    assert ratio_figure(summarise(*speed_rows(("attention",)))) is None


def test_what_was_disturbed_has_hollow_markers_which_a_note_explains() -> None:
    rows, launches = speed_rows(("attention", "hypermixer"), (64, 128), contended=0)
    disturbed = [replace(row, quality="contended") if (row.mixer, row.tokens) == ("hypermixer", 128) else row for row in rows]
    for draw in (ratio_figure, partial(size_figure, metrics=["latency_ms"], size="tokens"), flops_figure):
        figure, quiet = draw(summarise(disturbed, launches)), draw(summarise(rows, launches))
        assert figure is not None
        assert quiet is not None
        hollow = [line for line in figure.axes[0].lines if line.get_markerfacecolor() == "white"]
        assert [len(line.get_xdata()) for line in hollow] == [1]
        assert sum(text.get_text().count("hollow: disturbed while it was timed") for text in figure.findobj(Text)) == 1
        assert not any("hollow" in text.get_text() for text in quiet.findobj(Text))
    counted = size_figure(summarise(disturbed, launches), ["flops"], "tokens")
    assert counted is not None
    assert not any("hollow" in text.get_text() for text in counted.findobj(Text))


def many(monkeypatch: pytest.MonkeyPatch, number: int = 11, own: int = 1) -> tuple[SpeedSummary, list[str]]:
    """Mixers of known speed besides attention and the control, the fastest first; the last ones are the user's own."""
    names = [f"m.py:M{place:02}" for place in range(number)]
    monkeypatch.setattr("mixbench.verdicts.prominent.MIXERS", (*MIXERS, *names[: number - own]))
    slowness = {name: 2.0**place for place, name in enumerate(names)}
    rows, launches = speed_rows(
        ("attention", "none", *names),
        (64, 128, 256),
        latency_ms=lambda mixer, tokens, *_: slowness.get(mixer, 0.01) * tokens,
        launches=2,
        rounds=1,
    )
    return summarise(rows, launches), [name.partition(":")[2] for name in names]


def test_of_many_mixers_the_baseline_the_best_five_the_users_own_and_those_named_stand_out(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    summary, labels = many(monkeypatch)
    figure = ratio_figure(summary, Page(highlight=("M07",)))
    assert figure is not None
    legend = [text.get_text() for text in figure.axes[0].get_legend().get_texts()]  # type: ignore[union-attr]
    *shown, rest = [text.split("  ")[0] for text in legend]
    assert set(shown) == {*labels[:5], "M07", "M10"}
    assert rest == "4 other mixers"
    pale = [line for line in figure.axes[0].lines if line.get_color() == BACKGROUND.color]
    assert len(pale) == 1
    assert np.isnan(np.asarray(pale[0].get_ydata())).sum() == 4  # each mixer's part ends with a gap


def test_of_forty_own_mixers_the_best_five_stand_out(monkeypatch: pytest.MonkeyPatch) -> None:
    summary, labels = many(monkeypatch, 40, own=40)
    figure = ratio_figure(summary, Page(highlight=("M37",)))
    assert figure is not None
    legend = [text.get_text() for text in figure.axes[0].get_legend().get_texts()]  # type: ignore[union-attr]
    *shown, rest = [text.split("  ")[0] for text in legend]
    assert set(shown) == {*labels[:5], "M37"}
    assert rest == "34 other mixers"
    summary, labels = many(monkeypatch, 40, own=11)
    assert standing_out(summary) == {"attention", *labels[:5], *labels[29:34]}


def test_every_family_has_panels_with_its_own_names_where_not_all_mixers_stand_out(monkeypatch: pytest.MonkeyPatch) -> None:
    summary, labels = many(monkeypatch)
    figure = families_figure(summary)
    assert figure is not None
    legends = [axes.get_legend() for axes in figure.axes]  # none of these has a family
    names = [[text.get_text().split("  ")[0] for text in legend.get_texts()] for legend in legends if legend]
    assert names == [labels[4::-1], labels[:4:-1]], "the slowest is drawn at the top"
    titles = [axes.get_title(loc) for axes in figure.axes for loc in ("left", "center", "right")]
    assert [title for title in titles if title] == ["Other mixers, part 1 of 2", "Other mixers, part 2 of 2"]
    for page in (Page(3.3), Page(13.3, 7.5)):
        assert families_figure(summary, page) is None
    assert families_figure(summarise(*speed_rows(("attention", "fnet"), (64, 128)))) is None


MARKERS = {BUILT_IN[mixer].marker for mixer in ("hypermixer", "fnet")}


def lengths_and_one_block() -> SpeedSummary:
    """Mixers at several lengths in two modes, and their blocks at one length in training alone."""
    names = ("attention", "hypermixer", "fnet")
    parts = [speed_rows(names, (64, 512, 4096), modes=("inference", "training"), rounds=1), speed_rows(names, (100,), rounds=1)]
    (rows, launches), (blocks, others) = parts
    blocks, others = ([replace(row, scope="block", mode="training", width=32) for row in part] for part in (blocks, others))
    return summarise([*rows, *blocks], [*launches, *others])


def test_a_panel_of_one_length_does_not_stretch_the_axis_of_the_others(recwarn: pytest.WarningsRecorder) -> None:
    figure = ratio_figure(lengths_and_one_block())
    assert figure is not None
    assert len(figure.axes) == 3
    for axes in figure.axes:
        low, high = axes.get_xlim()
        assert 32 < low < 64
        assert 4096 < high < 8192
    assert not recwarn.list


def test_mixers_stand_next_to_each_other_in_a_panel_of_one_length_alone() -> None:
    for figure in (ratio_figure(lengths_and_one_block()), size_figure(lengths_and_one_block(), ["flops"], "tokens")):
        assert figure is not None
        drawn = [
            [[*np.asarray(line.get_xdata())] for line in axes.lines if line.get_marker() in MARKERS] for axes in figure.axes
        ]
        *of_lengths, of_one = sorted(drawn, key=lambda panel: -len(panel[0]))
        assert len({place for (place,) in of_one}) == len(of_one) > 1
        assert {place for panel in of_lengths for places in panel for place in places} == {64, 512, 4096}


def test_a_column_without_a_panel_in_the_first_row_has_its_title_on_its_first_panel() -> None:
    grid = [("inference", "mixer"), ("training", "mixer"), ("training", "block")]
    places = arrange([{"mode": mode, "scope": scope} for mode, scope in grid], 4, 4)
    assert [(place.row, place.column, place.title) for place in places] == [(0, 0, "mixer"), (1, 0, ""), (1, 1, "block")]
