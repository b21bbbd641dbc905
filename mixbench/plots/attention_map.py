"""Figures of attention_map.csv: what each mixer's outputs depend on, next to what they need; an example per row."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from os.path import isfile
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from mixbench.plots import style, texts
from mixbench.plots.notes import add_caption, add_heading
from mixbench.tables.artefacts import StoredMap, read_map
from mixbench.tables.rows import AttentionMapRow
from mixbench.verdicts.attention_map import MixerMaps, TaskMaps, summarise
from mixbench.verdicts.words import counted, percent

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

MOST_EXAMPLES = 4
_PANEL = (1.75, 1.55)
"""Inches, including labels."""
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
) -> list[Path]:
    """Write a figure per task to the figures of a results folder; none for a task without stored maps.

    `examples` are the ones to draw, by default those with a map, at most MOST_EXAMPLES. Raises UnknownNameError for an unknown
    format, StorageError if a file cannot be read or written.
    """
    paths: list[Path] = []
    taken: set[str] = set()
    for task in summarise(rows):
        maps = {line.label: _stored(line, results, examples) for line in task.lines}
        if any(maps.values()):
            name = texts.distinct_name(f"attention-map-{texts.file_name(task.task)}", taken)
            paths += style.save(map_figure(task, maps), results / "figures", name, formats)
    return paths


def _stored(line: MixerMaps, results: Path, examples: Sequence[int] | None) -> dict[int, StoredMap]:
    wanted = (
        sorted(line.drawn)[:MOST_EXAMPLES] if examples is None else [example for example in examples if example in line.drawn]
    )
    return {example: read_map(file) for example in wanted if isfile(file := results / line.drawn[example])}


def map_figure(task: TaskMaps, maps: Maps) -> Figure:
    """An example per row: what is needed, then what each mixer's outputs depend on, on one scale of colours."""
    from matplotlib import rc_context
    from matplotlib.figure import Figure

    lines = [line for line in task.lines if maps[line.label]]
    examples = sorted({example for own in maps.values() for example in own})
    signals = next(stored for own in maps.values() for stored in own.values()).inputs.dtype.kind == "f"
    chance = next((line.chance for line in task.lines if line.chance), None)
    top = 1 / chance if chance else _TOP
    needed = int(signals)  # the column after the signal
    columns = needed + 1 + len(lines)
    with rc_context(style.RC | {"axes.grid": False}):
        figure = Figure(figsize=(_PANEL[0] * columns + 0.9, _PANEL[1] * len(examples) + 1.35), layout="constrained")
        add_heading(figure, f"What outputs depend on: {task.task}")
        grid = figure.subplots(len(examples), columns, squeeze=False)
        for row, example in zip(grid, examples, strict=True):
            shown = next(own[example] for own in maps.values() if example in own)
            if signals:
                _draw_signal(row[0], shown)
            _draw_needed(row[needed], shown)
            for axes, line in zip(row[needed + 1 :], lines, strict=True):
                if stored := maps[line.label].get(example):
                    _draw_map(axes, stored, task.reach or 0, top)
                else:
                    axes.set_axis_off()
            row[needed].set_ylabel("output i")
            row[0].set_ylabel(f"example {example}\n" + row[0].get_ylabel())
        titles = [*(["input, target (dashed)"] if signals else []), "needed", *map(_title, lines)]
        for axes, title in zip(grid[0], titles, strict=True):
            axes.set_title(title, fontsize=8)
        for axes in grid[:-1].flat:
            axes.tick_params(labelbottom=False)
        for axes in grid[-1, needed:]:
            axes.set_xlabel("input j")
        drawn = next(axes for axes in grid[:, needed + 1 :].flat if axes.images)
        panels = list(grid[:, needed + 1 :].flat)
        figure.colorbar(drawn.images[0], ax=panels, label=_SCALE, extend="max", pad=0.05 / grid.shape[1], aspect=25)
        add_caption(figure, _reading(task))
    return figure


def _draw_signal(axes: Axes, shown: StoredMap) -> None:
    axes.plot(shown.inputs, color="#000000", linewidth=1.0)
    axes.plot(shown.targets, color="#d55e00", linewidth=1.0, linestyle=(0, (3, 1.5)))
    axes.set(xlim=(0, len(shown.inputs) - 1), ylabel="height", box_aspect=1)


def _draw_needed(axes: Axes, shown: StoredMap) -> None:
    axes.imshow(shown.right, cmap="Blues", vmin=0, vmax=1.2, interpolation="nearest", origin="lower")


def _draw_map(axes: Axes, stored: StoredMap, reach: int, top: float) -> None:
    """The map, with the borders of what is needed."""
    from matplotlib.collections import LineCollection

    axes.imshow(_against_even(stored, reach), cmap=_COLOURS, vmin=0, vmax=top, interpolation="nearest", origin="lower")
    axes.add_collection(LineCollection(_borders(stored.right), colors="#0072b2", linewidths=0.6))


def _against_even(stored: StoredMap, reach: int) -> NDArray[np.floating]:
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
    share = f"{percent(line.right.point, '.0f')} right" if line.right else "no distant inputs"
    return f"{line.label}\n{share}"


def _reading(task: TaskMaps) -> str:
    """How to read the figure."""
    chance = next((line.chance for line in task.lines if line.chance is not None), None)
    even = f" (even map: {percent(chance, '.0f')})" if chance is not None else ""
    nearer = f"more than {task.reach} tokens away (stem and head see the nearer ones)" if task.reach else "other than i"
    examples = max(line.examples for line in task.lines)
    parts = [
        " · ".join([*task.words, *([f"right: over {counted(examples, 'test example')}"] if examples else [])]),
        f"right: of the sensitivity to inputs {nearer}, the share on needed ones{even}",
        "colours: 1 is an even map; in an ideal map, needed inputs have the darkest colour; blue outlines: needed inputs",
    ]
    return "\n".join(parts)
