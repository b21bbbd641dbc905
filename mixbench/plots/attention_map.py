"""Figures of attention_map.csv: what each mixer's outputs depend on, next to what they need; an example per row."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from os.path import isfile
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from mixbench.plots import style, texts
from mixbench.plots.notes import add_caption, add_heading, fitted, fitted_label
from mixbench.plots.page import PLAIN, Page
from mixbench.tables.artefacts import StoredMap, read_map
from mixbench.tables.pending import current
from mixbench.tables.training_rows import AttentionMapRow
from mixbench.verdicts.attention_map import ON_NEEDED, MixerMaps, TaskMaps, summarise
from mixbench.verdicts.environments import UNKNOWN, Environments
from mixbench.verdicts.words import counted, percent

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

MOST_EXAMPLES = 4
_PANEL = (1.75, 1.55)
"""Inches, including labels."""
_LEAST_PANEL, _SIDE = 0.95, 0.9
"""Inches of the smallest panel, and of the names beside panels that stand above each other."""
_UPRIGHT = "panels: output i upwards, input j to the right"
_COLOURS = "magma_r"
_SCALE = "‖∂output i / ∂input j‖ relative to an even map"
_TOP = 10.0
"""The top of the colour scale if the value on needed inputs of an ideal map is unknown."""

Maps = Mapping[str, Mapping[int, StoredMap]]
"""Maps by label and example."""


def draw_attention_maps(
    rows: Sequence[AttentionMapRow],
    results: Path,
    formats: Sequence[str] = ("png",),
    *,
    examples: Sequence[int] | None = None,
    page: Page = PLAIN,
    contents: Environments = UNKNOWN,
) -> list[Path]:
    """Write a figure per task to the figures of a results folder; none for a task without stored maps.

    Rows are chosen as by `summarise`. `examples` are the ones to draw, by default those with a map, at most MOST_EXAMPLES.
    Raises UnknownNameError for an unknown format, StorageError if a file cannot be read or written, RequestError if the page is
    too small.
    """
    paths: list[Path] = []
    taken: set[str] = set()
    for task in summarise(rows, contents):
        maps = {line.label: _stored(line, results, examples) for line in task.lines}
        if any(maps.values()):
            name = texts.distinct_name(f"attention-map-{texts.file_name(task.task)}", taken)
            paths += style.save(map_figure(task, maps, page), results / "figures", name, formats, page)
    return paths


def _stored(line: MixerMaps, results: Path, examples: Sequence[int] | None) -> dict[int, StoredMap]:
    wanted = (
        sorted(line.drawn)[:MOST_EXAMPLES] if examples is None else [example for example in examples if example in line.drawn]
    )
    return {example: read_map(file) for example in wanted if isfile(file := current(results, line.drawn[example]))}


def map_figure(task: TaskMaps, maps: Maps, page: Page = PLAIN) -> Figure:
    """What is needed, then what each mixer's outputs depend on, on one scale of colours: an example per row.

    On a page that has no room for all mixers next to each other, an example per column, of as many as there is room for.
    """
    from matplotlib.figure import Figure

    lines = [line for line in task.lines if maps[line.label]]
    examples = sorted({example for own in maps.values() for example in own})
    shown = {example: next(own[example] for own in maps.values() if example in own) for example in examples}
    chance = next((line.chance for line in task.lines if line.chance), None)
    top = 1 / chance if chance else _TOP
    parts: dict[str, Callable[[Axes, int], None]] = {}
    if next(iter(shown.values())).inputs.dtype.kind == "f":
        parts["input, target (dashed)"] = lambda axes, example: _draw_signal(axes, shown[example])
    parts["needed"] = lambda axes, example: _draw_needed(axes, shown[example])
    for line in lines:
        parts[_title(line)] = partial(_draw_map_of, maps[line.label], task.reach or 0, top)
    upright = page.width is not None and page.width < page.scale * (_LEAST_PANEL * len(parts) + 0.9)
    if upright:
        examples = examples[: max(1, int(((page.width or 0) / page.scale - _SIDE) / _LEAST_PANEL))]
    rows, columns = (len(parts), len(examples)) if upright else (len(examples), len(parts))
    with page.look(**{"axes.grid": False}):
        size = page.width or _PANEL[0] * columns + 0.9, page.height or (_PANEL[1] if not upright else 0.9) * rows + 1.35
        figure = Figure(figsize=size, layout="constrained")
        if page.titled:
            add_heading(figure, f"What outputs depend on: {task.task}")
        grid = figure.subplots(rows, columns, squeeze=False)
        by_part = grid if upright else grid.T
        wide = (size[0] - (_SIDE * page.scale if upright else 1.5)) / columns
        for line, (title, draw) in zip(by_part, parts.items(), strict=True):
            for axes, example in zip(line, examples, strict=True):
                draw(axes, example)
                name = f"example {example}"
                if upright:
                    axes.set_title(name if title == next(iter(parts)) else "", fontsize="small")
                    axes.set_ylabel(fitted_label(title, wide, 4) if example == examples[0] else "", fontsize="small")
                else:
                    axes.set_title(fitted_label(title, wide, 4) if example == examples[0] else "", fontsize="small")
                    axes.set_ylabel(f"{name}\n{axes.get_ylabel()}" if title == next(iter(parts)) else axes.get_ylabel())
        maps_drawn = list(by_part[list(parts).index("needed") :].flat)
        for axes in grid[:-1].flat:
            axes.tick_params(labelbottom=False)
        for axes in grid[:, 1:].flat if upright else ():
            axes.tick_params(labelleft=False)
        for axes in grid[-1] if not upright else ():
            axes.set_xlabel("input j" if axes in maps_drawn else "")
        drawn = [axes for axes in maps_drawn[len(examples) :] if axes.images]
        bar = {"location": "bottom", "aspect": 30} if upright else {"pad": 0.05 / columns, "aspect": 25}
        beside = list(grid.flat) if upright else maps_drawn[len(examples) :]
        long = size[0] if upright else size[1]
        figure.colorbar(drawn[0].images[0], ax=beside, label=fitted(_SCALE, 0.85 * long), extend="max", **bar)
        add_caption(figure, _reading(task, [_UPRIGHT] if upright else []))
        if page.width is not None:
            page.lay_out(figure, maps_drawn, wide)
    return figure


def _draw_signal(axes: Axes, shown: StoredMap) -> None:
    axes.plot(shown.inputs, color="#000000", linewidth=1.0)
    axes.plot(shown.targets, color="#d55e00", linewidth=1.0, linestyle=(0, (3, 1.5)))
    axes.set(xlim=(0, len(shown.inputs) - 1), ylabel="height", box_aspect=1)


def _draw_needed(axes: Axes, shown: StoredMap) -> None:
    axes.set_ylabel("output i")
    axes.imshow(shown.right, cmap="Blues", vmin=0, vmax=1.2, interpolation="nearest", origin="lower")


def _draw_map_of(maps: Mapping[int, StoredMap], reach: int, top: float, axes: Axes, example: int) -> None:
    if stored := maps.get(example):
        _draw_map(axes, stored, reach, top)
    else:
        axes.set_axis_off()


def _draw_map(axes: Axes, stored: StoredMap, reach: int, top: float) -> None:
    """The map, with the borders of what is needed."""
    from matplotlib.collections import LineCollection

    axes.imshow(against_even(stored, reach), cmap=_COLOURS, vmin=0, vmax=top, interpolation="nearest", origin="lower")
    axes.add_collection(LineCollection(_borders(stored.right), colors="#0072b2", linewidths=0.6))


def against_even(stored: StoredMap, reach: int) -> NDArray[np.floating]:
    """The map relative to its mean over distant inputs, for outputs that need any: an even map is 1 everywhere.

    Mixers that differ only in their overall sensitivity therefore look the same.
    """
    places = np.arange(len(stored.norms))
    distant = np.abs(np.subtract.outer(places, places)) > reach
    values = stored.norms[distant & stored.right.any(1, keepdims=True)]
    mean = float(values.mean()) if values.size else 0.0
    return stored.norms / (mean or 1e-3 * float(stored.norms.max()) or 1.0)


def _borders(right: NDArray[np.bool_]) -> list[list[tuple[float, float]]]:
    """The edges between what is needed and what is not, in image coordinates."""
    padded = np.pad(right, 1)
    across = [[(j - 1.5, i - 0.5), (j - 0.5, i - 0.5)] for i, j in np.argwhere(padded[1:] != padded[:-1])]
    along = [[(j - 0.5, i - 1.5), (j - 0.5, i - 0.5)] for i, j in np.argwhere(padded[:, 1:] != padded[:, :-1])]
    return across + along


def _title(line: MixerMaps) -> str:
    share = f"{percent(line.right.point, '.0f')} {ON_NEEDED}" if line.right else "no distant inputs"
    return f"{line.label}\n{share}"


def _reading(task: TaskMaps, further: Sequence[str]) -> str:
    """How to read the figure."""
    chance = next((line.chance for line in task.lines if line.chance is not None), None)
    even = f" (even map: {percent(chance, '.0f')})" if chance is not None else ""
    nearer = f"more than {task.reach} tokens away (stem and head see the nearer ones)" if task.reach else "other than i"
    examples = max(line.examples for line in task.lines)
    parts = [
        " · ".join([*task.words, *([f"{ON_NEEDED}: over {counted(examples, 'test example')}"] if examples else [])]),
        f"{ON_NEEDED}: of the sensitivity to inputs {nearer}, the share on needed ones{even}",
        "colours: 1 is an even map; in an ideal map, needed inputs have the darkest colour; blue outlines: needed inputs",
    ]
    return "\n".join([*parts, *further])
