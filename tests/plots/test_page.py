"""Every kind of figure on every kind of page: what is written can be read, nothing is cut off, nothing overlaps."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import cache
from itertools import combinations, product
from pathlib import Path

import numpy as np
import pytest
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.text import Text
from matplotlib.transforms import Bbox
from synthetic import speed_rows
from synthetic_maps import map_rows, write_maps
from synthetic_training import training_rows, training_settings, trial_rows

from mixbench.errors import RequestError
from mixbench.plots.attention_map import draw_attention_maps
from mixbench.plots.cost import cost_figure
from mixbench.plots.data_efficiency import curves_figure, relative_figure
from mixbench.plots.page import Page
from mixbench.plots.speed_ratio import ratio_figure
from mixbench.plots.speed_sizes import size_figure
from mixbench.plots.task_panels import task_figures
from mixbench.plots.time_by_flops import flops_figure
from mixbench.plots.training_cost import cost_figure as training_cost_figure
from mixbench.plots.tune import tuning_figure
from mixbench.tables.speed_rows import SpeedRow
from mixbench.verdicts.cost.evidence import task_costs
from mixbench.verdicts.cost.subject import Wish
from mixbench.verdicts.learning.scores import summarise as summarise_training
from mixbench.verdicts.learning.tune import summarise as summarise_trials
from mixbench.verdicts.speed.summary import summarise

LONG = "my.py:AMixerWithQuiteALongName:gate=sigmoid_of_the_mean,depth=12,kernel=exponential_of_the_norm"
MIXERS = ("attention", "hypermixer", "mlp-mixer", "none", LONG)
PAGES = {"default": Page(), "column": Page(3.3), "page": Page(6.9), "slide": Page(13.3, 7.5), "inches": Page(5.0, 7.0, False)}
FAILURES = {("mlp-mixer", 512): ("oom", "too large")}
ONE = summarise(*speed_rows(MIXERS, launches=3, rounds=2, failures=FAILURES))
GRID = summarise(
    *speed_rows(MIXERS, (64, 256, 1024), modes=("inference", "training"), dtypes=("float32", "bfloat16"), launches=2, rounds=2)
)
TRAINING = training_rows(MIXERS, seeds=range(3), noise=0.4)
COST = task_costs(
    [row for row in speed_rows(MIXERS, (100,), modes=("training",), launches=2)[0] if isinstance(row, SpeedRow)],
    TRAINING,
    trial_rows(MIXERS, trials=12),
    Wish(targets=(0.2, 0.05)),
)[0]
(TASK,) = task_figures(summarise_training(TRAINING)).values()
(TWO_TASKS,) = task_figures(summarise_training([*TRAINING, *training_rows(settings=training_settings(steps=800))])).values()
(SEARCH,) = summarise_trials(trial_rows(MIXERS, trials=12))
KINDS: dict[str, Callable[[Page], Figure | None]] = {
    "latency": lambda page: size_figure(ONE, ("latency_ms",), "tokens", page),
    "latency, grid": lambda page: size_figure(GRID, ("latency_ms",), "tokens", page),
    "operations": lambda page: size_figure(ONE, ("flops",), "tokens", page),
    "two quantities": lambda page: size_figure(ONE, ("latency_ms", "peak_memory_mib"), "tokens", page),
    "ratio": lambda page: ratio_figure(GRID, page),
    "time by flops": lambda page: flops_figure(ONE, page),
    "learning curves": lambda page: curves_figure(TASK, "shapes", page),
    "two studies": lambda page: curves_figure(TWO_TASKS, "shapes", page),
    "relative": lambda page: relative_figure(TASK, "shapes", "attention", page),
    "training cost": lambda page: training_cost_figure(TASK, "shapes", page),
    "tune": lambda page: tuning_figure(SEARCH, page),
    "cost": lambda page: cost_figure(COST, page),
}


@cache
def drawn(kind: str, page: Page) -> Figure:
    """The figure as it is written."""
    figure = KINDS[kind](page)
    assert figure is not None
    with page.look():
        figure.draw_without_rendering()
    return figure


def texts_of(figure: Figure) -> list[Text]:
    """Every text that is seen: of the labels of ticks, those of ticks within the limits."""
    every: list[Text] = figure.findobj(lambda artist: isinstance(artist, Text))  # type: ignore[assignment]
    hidden = set()
    for axes in figure.axes:
        for axis in (axes.xaxis, axes.yaxis):
            low, high = sorted(axis.get_view_interval())
            for tick in (*axis.get_major_ticks(), *axis.get_minor_ticks()):
                hidden |= {tick.label2} | (set() if low <= tick.get_loc() <= high else {tick.label1})
    return [text for text in every if text.get_visible() and text.get_text().strip() and text not in hidden]


def box_of(text: Text) -> Bbox:
    """Where a text stands, without the empty lines at its end."""
    box = text.get_window_extent()
    lines = text.get_text().split("\n")
    empty = len(lines) - len(text.get_text().rstrip("\n").split("\n"))
    return Bbox([[box.x0, box.y0 + box.height * empty / len(lines)], [box.x1, box.y1]])


@pytest.mark.parametrize(("kind", "name"), [*product(KINDS, PAGES)])
def test_every_text_has_7_points_lies_within_the_figure_and_covers_no_other(kind: str, name: str) -> None:
    figure = drawn(kind, PAGES[name])
    texts = texts_of(figure)
    assert len(texts) > 5
    frame = figure.bbox
    boxes: dict[Text, Bbox] = {}
    for text in texts:
        assert text.get_fontsize() >= 7, text.get_text()
        boxes[text] = box = box_of(text)
        if text.get_in_layout():
            assert frame.x0 - 1 <= box.x0, text.get_text()
            assert box.x1 <= frame.x1 + 1, text.get_text()
            assert frame.y0 - 1 <= box.y0, text.get_text()
            assert box.y1 <= frame.y1 + 1, text.get_text()
    outside = [text for text in texts if text.get_rotation() in (0, 90) and text not in _inside(figure)]
    for one, other in combinations(outside, 2):
        assert not _overlap(boxes[one], boxes[other]), (one.get_text(), other.get_text())


def _inside(figure: Figure) -> list[Text]:
    """Texts that stand where the data want them."""
    return [text for axes in figure.axes for text in axes.texts]


def _overlap(one: Bbox, other: Bbox) -> bool:
    width = min(one.x1, other.x1) - max(one.x0, other.x0)
    height = min(one.y1, other.y1) - max(one.y0, other.y0)
    return width > 1 and height > 1


@pytest.mark.parametrize(("kind", "name"), [*product(KINDS, ("default", "column", "slide"))])
def test_no_marker_is_cut_off_at_the_edge_of_its_axes(kind: str, name: str) -> None:
    figure = drawn(kind, PAGES[name])
    for axes in figure.axes:
        frame = axes.get_window_extent()
        for line in axes.lines:
            if line.get_marker() in ("None", None, "") or not line.get_clip_on():
                continue
            points = line.get_transform().transform(np.column_stack([line.get_xdata(), line.get_ydata()]))
            half = line.get_markersize() / 2 * figure.dpi / 72 - 1
            for x, y in points:
                assert frame.x0 <= x - half, line.get_marker()
                assert x + half <= frame.x1, line.get_marker()
                assert frame.y0 <= y - half, line.get_marker()
                assert y + half <= frame.y1, line.get_marker()


@pytest.mark.parametrize("kind", KINDS)
def test_a_page_decides_the_size_and_whether_there_is_a_title(kind: str) -> None:
    column, slide, inches = (drawn(kind, PAGES[name]) for name in ("column", "slide", "inches"))
    assert column.get_figwidth() == 3.3
    assert 2 < column.get_figheight() < 10
    assert tuple(slide.get_size_inches()) == (13.3, 7.5)
    assert tuple(inches.get_size_inches()) == (5.0, 7.0)
    assert column.get_suptitle()
    assert not inches.get_suptitle()
    words = " ".join(" ".join(text.get_text().split()) for text in texts_of(inches))
    assert kind == "tune" or "width 64" in words, "without a title, the note says what all panels share"


@pytest.mark.parametrize("page", [Page(), Page(3.3), Page(13.3, 7.5)], ids=["default", "column", "slide"])
def test_maps_have_room_for_their_names(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, page: Page) -> None:
    figures: list[Figure] = []
    monkeypatch.setattr(Figure, "savefig", lambda figure, path, **options: figures.append(figure))
    rows = map_rows(dict.fromkeys(("attention", "hypermixer", "mlp-mixer", "gmlp", "fnet"), 0.4), drawn=range(4))
    write_maps(rows, tmp_path)
    draw_attention_maps(rows, tmp_path, page=page)
    (figure,) = figures
    with page.look():
        figure.draw_without_rendering()
    for text in texts_of(figure):
        box = text.get_window_extent()
        assert text.get_fontsize() >= 7
        assert figure.bbox.padded(1).contains(box.x0, box.y0), text.get_text()
        assert figure.bbox.padded(1).contains(box.x1, box.y1), text.get_text()
    images = [axes for axes in figure.axes if axes.images]
    assert min(axes.get_window_extent().width for axes in images) / figure.dpi > 0.6


def test_a_page_that_is_too_small_for_the_panels_is_refused() -> None:
    with pytest.raises(RequestError, match=r"--size 3x2 leaves no room for 4 panels with their texts: Latency against tokens"):
        size_figure(GRID, ("latency_ms",), "tokens", Page(3, 2))


def panels(figure: Figure) -> list[tuple[int, int, str, str]]:
    def place(axes: Axes) -> Sequence[int]:
        spec = axes.get_subplotspec()
        assert spec is not None
        return spec.rowspan.start, spec.colspan.start

    return [(*place(axes), axes.get_title(), axes.get_ylabel().replace("\n", " ")) for axes in figure.axes]  # type: ignore[misc]


def test_several_quantities_are_panels_of_one_figure() -> None:
    memory = "peak of live tensors (MiB)"
    beside = drawn("two quantities", Page())
    assert panels(beside) == [(0, 0, "Latency", "latency per call (ms)"), (0, 1, "Peak memory", memory)]
    above = drawn("two quantities", Page(3.3))
    assert panels(above) == [(0, 0, "Latency", "latency per call (ms)"), (1, 0, "Peak memory", memory)]
    assert beside.get_suptitle().strip() == "Latency and peak memory against tokens"
    grid = size_figure(GRID, ("latency_ms", "peak_memory_mib"), "tokens")
    assert grid is not None
    assert [(row, column) for row, column, _, _ in panels(grid)] == [*product(range(2), range(4))]
    one_mode = [cell for cell in GRID.cells if cell.context.mode == "training"]
    rows = size_figure(replace(GRID, cells=tuple(one_mode)), ("latency_ms", "flops"), "tokens")
    assert rows is not None
    assert panels(rows) == [
        (0, 0, "bfloat16", "latency per call (ms)"),
        (0, 1, "float32", ""),
        (1, 0, "", "operations per call (FLOP)"),
        (1, 1, "", ""),
    ]
