"""Heat maps of stored examples: what is needed, then what each mixer's outputs depend on, on one scale of colours."""

from __future__ import annotations

import math
import warnings
from base64 import b64encode
from collections.abc import Iterator, Mapping, Sequence
from io import BytesIO
from os.path import isfile
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mixbench.errors import StorageError, StorageWarning, shortened
from mixbench.plots.attention_map import against_even
from mixbench.reports.charts.chart import chart
from mixbench.reports.charts.looks import literal
from mixbench.reports.charts.traces import Trace
from mixbench.reports.contents import Chart
from mixbench.tables.artefacts import StoredMap, read_map
from mixbench.tables.pending import current
from mixbench.verdicts.attention_map import ON_NEEDED, MixerMaps, TaskMaps
from mixbench.verdicts.words import percent

MOST_MAPS, MOST_EXAMPLES, MOST_TOKENS = 16, 2, 128
"""Maps in a page by task, the examples that they are of, and outputs and inputs of one: of more, blocks are averaged."""
_COLUMNS = 4
_TOP = 10.0
"""The top of the colour scale if the value on needed inputs of an ideal map is unknown."""
_COLOURS = "magma_r"
_STEPS = 9
_GAP, _SIDE = 0.03, 165


def map_charts(name: str, task: TaskMaps, results: Path) -> Iterator[Chart]:
    """A chart per example, with a panel for what is needed and one per mixer; warns of damaged maps."""
    lines = [line for line in task.lines if any(isfile(current(results, file)) for file in line.drawn.values())][
        : MOST_MAPS - 1
    ]
    if not lines:
        return
    examples = sorted({example for line in lines for example in line.drawn})
    most = max(1, min(MOST_EXAMPLES, MOST_MAPS // (len(lines) + 1)))
    chance = next((line.chance for line in task.lines if line.chance), None)
    top = 1 / chance if chance else _TOP
    for example in examples[:most]:
        files = {line.label: current(results, line.drawn[example]) for line in lines if example in line.drawn}
        maps = {label: stored for label, file in files.items() if isfile(file) and (stored := _read(file))}
        if maps:
            yield _chart(f"{name}-{example}", task, example, [line for line in lines if line.label in maps], maps, top)


def _read(file: Path) -> StoredMap | None:
    """The map in a file; None for a damaged one, of which it warns."""
    try:
        return read_map(file)
    except StorageError as error:
        warnings.warn(f"{error}", StorageWarning, stacklevel=2)
        return None


def _chart(
    name: str, task: TaskMaps, example: int, lines: Sequence[MixerMaps], maps: Mapping[str, StoredMap], top: float
) -> Chart:
    first = next(iter(maps.values()))
    needed = blocks(first.right.astype(float), MOST_TOKENS) * top
    panels: list[tuple[str, str, NDArray[Any]]] = [("needed", "", needed)]
    panels += [
        (_title(line), line.label, blocks(against_even(maps[line.label], task.reach or 0), MOST_TOKENS)) for line in lines
    ]
    columns = min(_COLUMNS, len(panels))
    rows = math.ceil(len(panels) / columns)
    tokens = len(first.norms)
    layout: dict[str, Any] = {"height": 70 + _SIDE * rows, "annotations": [], "showlegend": False, "margin": {"t": 44}}
    traces: list[Trace] = []
    for place, (title, label, values) in enumerate(panels):
        row, column = divmod(place, columns)
        suffix = "" if place == 0 else str(place + 1)
        across, up = _domain(column, columns), _domain(rows - 1 - row, rows, 0.14)
        layout[f"xaxis{suffix}"] = _axis(across, tokens, f"y{suffix}", bottom=place + columns >= len(panels))
        layout[f"yaxis{suffix}"] = _axis(up, tokens, f"x{suffix}", bottom=column == 0)
        layout["annotations"].append(_annotation(title, across, up))
        traces.append(_heatmap(label or title, values, tokens, suffix, top) | ({"legendgroup": label} if label else {}))
    layout["xaxis"]["title"], layout["yaxis"]["title"] = {"text": ""}, {"text": "output"}
    averaged = f", averaged over blocks of {math.ceil(tokens / MOST_TOKENS)} × {math.ceil(tokens / MOST_TOKENS)} tokens"
    caption = [
        "Outputs upwards, inputs to the right" + (averaged if tokens > MOST_TOKENS else ""),
        "Colours: ‖∂output / ∂input‖, where 1 is an even map; in an ideal map, needed inputs have the darkest colour,"
        f" {top:.3g} and more",
        f"In brackets: the share of the sensitivity to distant inputs that falls {ON_NEEDED}"
        if any(line.right for line in lines)
        else "",
        f"{len(task.lines) - len(lines)} more mixers are in the table" if len(task.lines) > len(lines) else "",
    ]
    xaxis, yaxis = layout.pop("xaxis"), layout.pop("yaxis")
    return chart(name, f"What outputs depend on: {task.task}, test example {example}", caption, traces, (xaxis, yaxis), layout)


def _title(line: MixerMaps) -> str:
    share = f" ({percent(line.right.point, '.0f')} needed)" if line.right else ""
    return f"{shortened(line.label, 16)}{share}"


def blocks(values: NDArray[Any], most: int) -> NDArray[Any]:
    """A square array, with means over blocks of equal sides so that it has at most this many rows and columns."""
    side = math.ceil(len(values) / most)
    if side <= 1:
        return values
    whole = math.ceil(len(values) / side) * side
    padded = np.full((whole, whole), np.nan)
    padded[: len(values), : len(values)] = values
    parts = padded.reshape(whole // side, side, whole // side, side)
    found: NDArray[Any] = np.nanmean(parts, axis=(1, 3))
    return found


def _domain(place: int, count: int, gap: float = _GAP) -> list[float]:
    wide = (1 - gap * (count - 1)) / count
    start = place * (wide + gap)
    return [round(start, 4), round(start + wide, 4)]


def _axis(domain: Sequence[float], tokens: int, anchor: str, *, bottom: bool) -> dict[str, Any]:
    ticks = [0, tokens // 2, tokens - 1] if bottom else []
    return {
        "type": "linear",
        "domain": [*domain],
        "anchor": anchor,
        "range": [-0.5, tokens - 0.5],
        "tickvals": ticks,
        "ticktext": [*map(str, ticks)],
        "showgrid": False,
        "zeroline": False,
    }


def _annotation(title: str, across: Sequence[float], up: Sequence[float]) -> dict[str, Any]:
    place = {"x": sum(across) / 2, "y": up[1], "xref": "paper", "yref": "paper", "xanchor": "center", "yanchor": "bottom"}
    return {**place, "text": literal(title), "showarrow": False, "font": {"size": 10}}


def _heatmap(title: str, values: NDArray[Any], tokens: int, suffix: str, top: float) -> Trace:
    side = tokens / len(values)
    return {
        "type": "heatmap",
        "name": literal(title),
        "z": [[float(f"{value:.2g}") for value in row] for row in np.clip(values, 0, 99 * top).tolist()],
        "x0": (side - 1) / 2,
        "dx": side,
        "y0": (side - 1) / 2,
        "dy": side,
        "xaxis": f"x{suffix}",
        "yaxis": f"y{suffix}",
        "zmin": 0,
        "zmax": float(f"{top:.4g}"),
        "colorscale": _colorscale(),
        "showscale": False,
        "hovertemplate": "output %{y}, input %{x}: %{z}<extra>%{fullData.name}</extra>",
        "meta": {"image": _image(values, top)},
    }


def _colorscale() -> list[list[Any]]:
    """The colours of the figures, at some steps."""
    from matplotlib import colormaps
    from matplotlib.colors import to_hex

    return [[step / (_STEPS - 1), to_hex(colormaps[_COLOURS](step / (_STEPS - 1)))] for step in range(_STEPS)]


def _image(values: NDArray[Any], top: float) -> str:
    """A map as a PNG within a text: for the static SVG."""
    from matplotlib.image import imsave

    written = BytesIO()
    imsave(written, values, vmin=0, vmax=top, cmap=_COLOURS, origin="lower", format="png")
    return f"data:image/png;base64,{b64encode(written.getvalue()).decode()}"
