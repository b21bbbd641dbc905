"""Figures of attention_map.csv: what each mixer's outputs depend on, beside what they need, an example per line."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from mixbench.artefacts import StoredMap, read_map
from mixbench.plots import style
from mixbench.plots.task_panels import add_caption
from mixbench.rows import AttentionMapRow
from mixbench.verdicts.attention_map import MixerMaps, TaskMaps, summarise

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

MOST_EXAMPLES = 4
_COLOURS = "magma_r"
_BRIGHTEST = 99.0
"""Percentile of distant values at which the colours end."""

Maps = Mapping[str, Mapping[int, StoredMap]]
"""By label and example."""


def draw_attention_maps(
    rows: Sequence[AttentionMapRow],
    results: Path,
    formats: Sequence[str] = ("png",),
    *,
    examples: Sequence[int] | None = None,
) -> list[Path]:
    """Write a figure per task to the figures of a results folder; none where no map is kept there any more.

    `examples` are those to be drawn, by default those that have a map, as many as fit. Raises UnknownNameError for an unknown
    format, StorageError where a file cannot be read or written.
    """
    paths: list[Path] = []
    taken: set[str] = set()
    for task in summarise(rows):
        maps = {line.label: _stored(line, results, examples) for line in task.lines}
        if any(maps.values()):
            name = f"attention-map-{style.file_name(task.task)}"
            name = next(one for number in count(1) if (one := name if number == 1 else f"{name}-{number}") not in taken)
            taken.add(name)
            paths += style.save(map_figure(task, maps), results / "figures", name, formats)
    return paths


def _stored(line: MixerMaps, results: Path, examples: Sequence[int] | None) -> dict[int, StoredMap]:
    wanted = sorted(line.drawn)[:MOST_EXAMPLES] if examples is None else [one for one in examples if one in line.drawn]
    return {one: read_map(file) for one in wanted if (file := results / line.drawn[one]).is_file()}


def map_figure(task: TaskMaps, maps: Maps) -> Figure:
    """An example per line: what is needed, then what each mixer's outputs depend on, on one scale of colours."""
    from matplotlib import rc_context
    from matplotlib.figure import Figure

    lines = [line for line in task.lines if maps[line.label]]
    examples = sorted({example for own in maps.values() for example in own})
    every = [one for own in maps.values() for one in own.values()]
    signals = every[0].inputs.dtype.kind == "f"
    top = _top(every, task.reach or 0)
    with rc_context(style.RC | {"axes.grid": False}):
        columns = len(lines) + 1 + signals
        figure = Figure(figsize=(2.35 * columns + 0.9, 2.45 * len(examples) + 1.1), layout="constrained")
        heading = f"What outputs depend on: {style.literal(task.task)}"
        figure.suptitle(heading, fontsize=11, fontweight="bold")
        grid = figure.subplots(len(examples), columns, squeeze=False)
        image = None
        for place, example in enumerate(examples):
            shown = next(own[example] for own in maps.values() if example in own)
            axes = list(grid[place])
            if signals:
                _draw_signal(axes.pop(0), shown, example, place == 0)
            ideal, *others = axes
            ideal.imshow(shown.right, cmap="Greys", vmin=0, vmax=1.6, interpolation="nearest", origin="lower")
            ideal.set_ylabel("output token i" if signals else f"example {example}\noutput token i")
            if place == 0:
                ideal.set_title("needed")
            for axis, line in zip(others, lines, strict=True):
                stored = maps[line.label].get(example)
                if place == 0:
                    axis.set_title(_title(line), color="black")
                if stored is None:
                    axis.set_axis_off()
                    continue
                image = axis.imshow(stored.norms, cmap=_COLOURS, vmin=0, vmax=top, interpolation="nearest", origin="lower")
            for axis in axes:
                axis.tick_params(labelbottom=place == len(examples) - 1)
                axis.set_xlabel("input token j" if place == len(examples) - 1 else "")
        if image is not None:
            figure.colorbar(image, ax=list(grid[:, columns - len(lines) :].flat), label=_scale(signals), extend="max", pad=0.01)
        add_caption(figure, _reading(task))
    return figure


def _top(maps: Sequence[StoredMap], reach: int) -> float:
    """Where the colours end: the same for all, and by distant tokens, which nearby ones would else outshine."""
    places = np.arange(len(maps[0].norms))
    distant = np.abs(np.subtract.outer(places, places)) > reach
    values = np.concatenate([one.norms[distant & one.right.any(1, keepdims=True)] for one in maps])
    return float(np.percentile(values, _BRIGHTEST)) or 1.0 if len(values) else 1.0


def _draw_signal(axes: Axes, shown: StoredMap, example: int, titled: bool) -> None:
    axes.plot(shown.inputs, color="#000000", linewidth=1.1, label="input")
    axes.plot(shown.targets, color="#d55e00", linewidth=1.1, linestyle=(0, (3, 1.5)), label="target")
    axes.set(xlim=(0, len(shown.inputs) - 1), ylabel=f"example {example}\nheight", xlabel="token")
    if titled:
        axes.legend(loc="upper center", bbox_to_anchor=(0.5, 1.2), ncols=2, handlelength=1.8, columnspacing=1.2)


def _title(line: MixerMaps) -> str:
    share = f"{100 * line.right.point:.0f} % right" if line.right else "nothing distant"
    return f"{style.literal(line.label)}\n{share}"


def _scale(signals: bool) -> str:
    return (
        "change of output i per change of input j"
        if signals
        else "change of the class scores of i\nper change of embedded token j"
    )


def _reading(task: TaskMaps) -> str:
    chance = next((line.chance for line in task.lines if line.chance is not None), None)
    parts = [*task.words, f"{task.lines[0].examples} test examples" if task.lines[0].examples else ""]
    even = f" (even map: {100 * chance:.0f} %)" if chance is not None else ""
    return f"{' · '.join(filter(None, parts))} · right: share of needed inputs among those over {task.reach} tokens away{even}"
