"""The look of every figure: a colour, a marker and a line per mixer; each alone is enough to distinguish mixers."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mixbench.errors import StorageError, UnknownNameError
from mixbench.plots.notes import add_heading
from mixbench.plots.texts import literal
from mixbench.stats import log_median_interval
from mixbench.verdicts.labels import MixerKey, mixer_labels, mixer_order

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.axis import Axis
    from matplotlib.figure import Figure
    from matplotlib.lines import Line2D

FORMATS = ("png", "svg", "pdf")
MAX_COLUMNS = 4
PANEL_ALONE, PANEL = (6.8, 4.0), (3.7, 2.6)
"""Inches, including the legend."""
FEW_LAUNCHES = 12
"""Up to this many launches, each is drawn as a dot."""
PALE = "#999999"
_FARTHEST = 1e3
"""An interval ends at this factor beyond its launches: that of two which differ wildly would hide all others."""

RC: dict[Any, Any] = {
    "font.size": 9,
    "axes.titlesize": 9,
    "axes.labelsize": 9,
    "axes.grid": True,
    "axes.axisbelow": True,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.linewidth": 0.7,
    "grid.color": "#dddddd",
    "grid.linewidth": 0.5,
    "xtick.labelsize": 8,
    "ytick.labelsize": 8,
    "xtick.major.width": 0.7,
    "ytick.major.width": 0.7,
    "legend.fontsize": 8,
    "legend.frameon": False,
    "legend.handlelength": 3.2,
    "lines.linewidth": 1.5,
    "lines.markersize": 5,
    "svg.fonttype": "none",
    "svg.hashsalt": "mixbench",
    "pdf.fonttype": 42,
}


Dashes = tuple[float, tuple[float, ...]]
Values = Mapping[int, float]
"""One positive number per launch."""


@dataclass(frozen=True)
class LineStyle:
    """How a mixer is drawn; `line` is an offset and lengths of dashes and gaps in points, as in matplotlib."""

    color: str
    marker: str
    line: Dashes


_DASHES: dict[str, Dashes] = {
    "solid": (0, ()),
    "dashed": (0, (5, 2)),
    "dotted": (0, (1, 1.5)),
    "dash-dot": (0, (5, 1.5, 1, 1.5)),
    "long": (0, (9, 2.5)),
    "dash-dot-dot": (0, (5, 1.5, 1, 1.5, 1, 1.5)),
    "short": (0, (2.5, 1.5)),
}

BUILT_IN: dict[str, LineStyle] = {
    "attention": LineStyle("#000000", "o", _DASHES["solid"]),
    "linear-attention": LineStyle("#0072b2", "s", _DASHES["dashed"]),
    "fnet": LineStyle("#009e73", "^", _DASHES["dash-dot"]),
    "mlp-mixer": LineStyle("#e69f00", "D", _DASHES["long"]),
    "gmlp": LineStyle("#cc79a7", "v", _DASHES["dash-dot-dot"]),
    "hypermixer": LineStyle("#d55e00", "P", _DASHES["solid"]),
    "none": LineStyle("#7f7f7f", "X", _DASHES["dotted"]),
}
"""Colours of Okabe and Ito, distinct for the common kinds of colour blindness."""

_OTHERS = [
    LineStyle(color, marker, line)
    for line, (marker, color) in product(
        (_DASHES["short"], _DASHES["dash-dot"], _DASHES["solid"]),
        (
            ("<", "#56b4e9"),
            (">", "#882255"),
            ("p", "#999933"),
            ("*", "#332288"),
            ("h", "#aa4499"),
            ("d", "#117733"),
            ("8", "#661100"),
        ),
    )
]


def line_styles(mixers: Iterable[MixerKey]) -> dict[str, LineStyle]:
    """Style by label: a built-in mixer's own goes to its config with the shortest label; others follow in order."""
    mixers = mixer_order(mixers)
    labels = mixer_labels(mixers)
    plainest = {name: labels[mixer] for mixer in reversed(mixers) if (name := mixer[0]) in BUILT_IN}
    looks = {label: BUILT_IN[name] for name, label in plainest.items()}
    others = (label for mixer in mixers if (label := labels[mixer]) not in looks)
    looks |= {label: _OTHERS[place % len(_OTHERS)] for place, label in enumerate(others)}
    return {labels[mixer]: looks[labels[mixer]] for mixer in mixers}


def panel_figure(title: str, common: str, titles: Sequence[str], labels: tuple[str, str]) -> tuple[Figure, list[Axes]]:
    """A figure with a log-log panel per title, which share their axes, at most `MAX_COLUMNS` next to each other.

    `common` says what all panels share; `labels` are those of the x and the y axis. Call and fill it under `RC`.
    """
    from matplotlib.figure import Figure

    rows = math.ceil(len(titles) / MAX_COLUMNS)
    columns = math.ceil(len(titles) / rows)
    figure = Figure(
        figsize=PANEL_ALONE if len(titles) == 1 else (PANEL[0] * columns, PANEL[1] * rows + 1), layout="constrained"
    )
    grid = figure.subplots(rows, columns, sharex=True, sharey=True, squeeze=False)
    for place, axes in enumerate(grid.flat):
        if place >= len(titles):
            axes.remove()
            continue
        axes.set(xscale="log", yscale="log", title=titles[place])
        lowest = place + columns >= len(titles)
        axes.tick_params(labelbottom=lowest)
        axes.set_xlabel(labels[0] if lowest else "")
        axes.set_ylabel(labels[1] if place % columns == 0 else "")
    add_heading(figure, title, common)
    return figure, list(grid.flat[: len(titles)])


def size_ticks(axes: Axes, sizes: Iterable[int], most: int) -> None:
    """Ticks at the measured sizes, about `most` of them labelled, from the largest down."""
    from matplotlib.ticker import FixedLocator, NullFormatter, StrMethodFormatter

    sizes = sorted(set(sizes))
    apart = 0.999 * math.log(sizes[-1] / sizes[0]) / most
    shown = sizes[-1:]
    for size in reversed(sizes):
        if math.log(shown[-1] / size) >= apart > 0:
            shown.append(size)
    axes.xaxis.set_major_locator(FixedLocator([float(size) for size in shown]))
    axes.xaxis.set_minor_locator(FixedLocator([float(size) for size in sizes]))
    axes.xaxis.set_major_formatter(StrMethodFormatter("{x:.0f}"))
    axes.xaxis.set_minor_formatter(NullFormatter())
    left, right = axes.get_xlim()
    if right < 1.5 * left:  # all that is drawn has one size
        axes.set_xlim(sizes[0] / 2, sizes[-1] * 2)


def value_ticks(axis: Axis, prefixed: bool) -> None:
    """Decades as plain numbers (0.1, 1, 10) or with an SI prefix (10 k, 1 M); closer ticks on a short axis."""
    from matplotlib.ticker import EngFormatter, LogLocator, MaxNLocator, NullFormatter, StrMethodFormatter

    low, high = map(math.log10, axis.get_view_interval())  # of ends so far apart that their ratio is no float, too
    logarithmic = LogLocator(subs=(1, 2, 5) if high - low < math.log10(200) else (1,), numticks=9)
    axis.set_major_locator(MaxNLocator(5) if high - low < math.log10(8) else logarithmic)
    axis.set_major_formatter(EngFormatter(sep="\N{NARROW NO-BREAK SPACE}") if prefixed else StrMethodFormatter("{x:g}"))
    axis.set_minor_formatter(NullFormatter())


def draw_line(axes: Axes, places: Sequence[float], values: Sequence[Values], look: LineStyle) -> None:
    """Median and interval over launches at each place that has values; a dot per launch if there are few."""
    points = [(place, list(launches.values())) for place, launches in zip(places, values, strict=True) if launches]
    if not points:
        return
    intervals = [log_median_interval(launches) for _, launches in points]
    where = [place for place, _ in points]
    axes.plot(where, [i.point for i in intervals], color=look.color, marker=look.marker, linestyle=look.line, zorder=3)
    within = [(i, min(own) / _FARTHEST, max(own) * _FARTHEST) for i, (_, own) in zip(intervals, points, strict=True)]
    low = [i.point if i.low is None else max(i.low, least) for i, least, _ in within]
    high = [i.point if i.high is None else min(i.high, most) for i, _, most in within]
    if low == high:
        return
    if len(where) > 1:
        axes.fill_between(where, low, high, color=look.color, alpha=0.18, linewidth=0, zorder=1)
    else:
        axes.vlines(where, low, high, color=look.color, linewidth=1, zorder=2)
    dots = [(place, value) for place, launches in points if 1 < len(launches) <= FEW_LAUNCHES for value in launches]
    if dots:
        axes.plot(*zip(*dots, strict=True), ".", color=look.color, markersize=3.5, markeredgewidth=0, alpha=0.6, zorder=2.5)


def proxy(look: LineStyle) -> Line2D:
    """The handle of a mixer in a legend."""
    from matplotlib.lines import Line2D

    return Line2D([], [], color=look.color, marker=look.marker, linestyle=look.line)


def legend_beside(axes: Axes, entries: Sequence[tuple[float, str, str]], looks: Mapping[str, LineStyle], alone: bool) -> None:
    """Texts next to a panel, the highest line first, with the names of mixers if it is the only panel."""
    shown = [
        (label, f"{label}  {text}".rstrip() if alone else text)
        for _, label, text in sorted(entries, reverse=True)
        if alone or text
    ]
    if shown:
        axes.legend(
            [proxy(looks[label]) for label, _ in shown],
            [text for _, text in shown],
            loc="center left",
            bbox_to_anchor=(1.0, 0.5),
            fontsize=8 if alone else 6.5,
            handlelength=3.2 if alone else 2.4,
        )


def legend_below(figure: Figure, looks: Mapping[str, LineStyle], names: Mapping[str, str]) -> None:
    """One legend for all panels, below them."""
    handles = [proxy(look) for look in looks.values()]
    figure.legend(handles, [names[label] for label in looks], loc="outside lower center", ncols=min(len(looks), 4))


def save(figure: Figure, folder: Path, name: str, formats: Sequence[str]) -> list[Path]:
    """Write the figure in each format, as `name.png` …, the same bytes every time. Raises UnknownNameError and StorageError."""
    from matplotlib import rc_context
    from matplotlib.text import Text

    if unknown := [kind for kind in formats if kind not in FORMATS]:
        raise UnknownNameError("format", unknown[0], FORMATS, "for figures")
    dates: dict[str, dict[str, Any]] = {"svg": {"Date": None}, "pdf": {"CreationDate": None}}
    paths = [folder / f"{name}.{kind}" for kind in formats]
    for text in figure.findobj(lambda artist: isinstance(artist, Text)):
        text.set_text(literal(text.get_text()))  # type: ignore[attr-defined]
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for path, kind in zip(paths, formats, strict=True):
            with rc_context(RC):
                figure.savefig(path, dpi=150, metadata=dates.get(kind))
    except OSError as error:
        raise StorageError(f"cannot write the figure {error.filename or folder}: {error.strerror}") from error
    return paths
