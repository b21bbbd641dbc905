"""The look of every figure: a colour, a marker and a line per mixer; each alone is enough to distinguish mixers."""

from __future__ import annotations

import math
from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mixbench.errors import StorageError, UnknownNameError
from mixbench.plots.ends import End, ends_of
from mixbench.plots.page import PLAIN, Page, place
from mixbench.plots.texts import literal
from mixbench.stats import log_median_interval
from mixbench.verdicts.labels import MixerKey, mixer_labels, mixer_order
from mixbench.verdicts.words import counted

if TYPE_CHECKING:
    from matplotlib.artist import Artist
    from matplotlib.axes import Axes
    from matplotlib.axis import Axis
    from matplotlib.figure import Figure
    from matplotlib.lines import Line2D
    from matplotlib.text import Text

_WRITTEN: dict[str, dict[str, Any]] = {
    "png": {"pil_kwargs": {"compress_level": 3}},  # half of the time for a tenth more bytes
    "svg": {"metadata": {"Date": None}},
    "pdf": {"metadata": {"CreationDate": None}},
}
"""How `savefig` writes each format: without the date, so that equal figures are equal files."""
FORMATS = tuple(_WRITTEN)
FEW_LAUNCHES = 12
"""Up to this many launches, each is drawn as a dot."""
PALE = "#999999"
_FARTHEST = 1e3
"""An interval ends at this factor beyond its launches: that of two which differ wildly would hide all others."""

Dashes = tuple[float, tuple[float, ...]]
_GAP = (math.nan, math.nan)
"""A point between two lines that are one to matplotlib."""
Values = Mapping[int, float]
"""One positive number per launch."""
Entry = tuple[float, str, str]
"""The line of a mixer in a legend: the height of its last point, its label, and a text about it."""


@dataclass(frozen=True)
class LineStyle:
    """How a mixer is drawn; `line` is an offset and lengths of dashes and gaps in points, as in matplotlib."""

    color: str
    marker: str
    line: Dashes
    pale: bool = False
    """Whether it is one of many in the background."""


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


BACKGROUND = LineStyle("#c4c4c4", "None", _DASHES["solid"], pale=True)
"""How mixers are drawn that do not stand out."""


def line_styles(mixers: Iterable[MixerKey], standing_out: Container[str] | None = None) -> dict[str, LineStyle]:
    """Style by label: a built-in mixer's own goes to its config with the shortest label; others follow in order.

    If only some labels stand out, the other mixers are in the background.
    """
    mixers = mixer_order(mixers)
    labels = mixer_labels(mixers)
    shown = [mixer for mixer in mixers if standing_out is None or labels[mixer] in standing_out]
    plainest = {name: labels[mixer] for mixer in reversed(shown) if (name := mixer[0]) in BUILT_IN}
    looks = {label: BUILT_IN[name] for name, label in plainest.items()}
    others = (label for mixer in shown if (label := labels[mixer]) not in looks)
    looks |= {label: _OTHERS[place % len(_OTHERS)] for place, label in enumerate(others)}
    return {labels[mixer]: looks.get(labels[mixer], BACKGROUND) for mixer in mixers}


def named_in_legend(labels: Iterable[str], looks: Mapping[str, LineStyle]) -> dict[str, LineStyle]:
    """The entries of a legend for these mixers: one for each that stands out, and one for all others together."""
    labels = list(labels)
    shown = {label: looks[label] for label in labels if not looks[label].pale}
    rest = len(labels) - len(shown)
    return shown | ({counted(rest, "other mixer"): BACKGROUND} if rest else {})


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
    limit_to_one_size(axes, sizes)


def limit_to_one_size(axes: Axes, sizes: Sequence[int]) -> None:
    """Leave room on either side where all that is drawn has one size: matplotlib takes its rounding errors for limits."""
    left, right = axes.get_xlim()
    if right < 1.5 * left:
        axes.set_xlim(sizes[0] / 2, sizes[-1] * 2)


def value_ticks(axis: Axis, prefixed: bool, most: int = 9) -> None:
    """Decades as plain numbers (0.1, 1, 10) or with an SI prefix (10 k, 1 M); closer ticks on a short axis, at about `most`."""
    from matplotlib.ticker import EngFormatter, LogLocator, MaxNLocator, NullFormatter, StrMethodFormatter

    low, high = map(math.log10, axis.get_view_interval())  # of ends so far apart that their ratio is no float, too
    logarithmic = LogLocator(subs=(1, 2, 5) if high - low < math.log10(200) else (1,), numticks=most)
    axis.set_major_locator(MaxNLocator(min(most, 5)) if high - low < math.log10(8) else logarithmic)
    axis.set_major_formatter(EngFormatter(sep="\N{NARROW NO-BREAK SPACE}") if prefixed else StrMethodFormatter("{x:g}"))
    axis.set_minor_formatter(NullFormatter())


@dataclass(frozen=True)
class Line:
    """A mixer in a panel: values by launch at some places, `hollow` where something is wrong with them."""

    places: Sequence[float]
    values: Sequence[Values]
    look: LineStyle
    hollow: Sequence[bool] = ()

    @property
    def points(self) -> list[tuple[float, list[float]]]:
        """The places that have values, and these."""
        return [(place, list(own.values())) for place, own in zip(self.places, self.values, strict=True) if own]


def draw_lines(axes: Axes, lines: Iterable[Line]) -> list[End]:
    """Draw mixers; those in the background by their medians alone.

    Returns the ends of the intervals, for `mark_ends` once the limits of the axis are final.
    """
    lines = list(lines)
    draw_in_background(
        axes,
        *([(place, log_median_interval(own).point) for place, own in line.points] for line in lines if line.look.pale),
    )
    return [end for line in lines if not line.look.pale for end in _draw_line(axes, line)]


def _draw_line(axes: Axes, line: Line) -> list[End]:
    """Median and interval over launches at each place that has values; a dot per launch if there are few."""
    points, look = line.points, line.look
    if not points:
        return []
    intervals = [log_median_interval(launches) for _, launches in points]
    where = [place for place, _ in points]
    axes.plot(where, [i.point for i in intervals], color=look.color, marker=look.marker, linestyle=look.line, zorder=3)
    wrong = {place for place, is_hollow in zip(line.places, line.hollow, strict=bool(line.hollow)) if is_hollow}
    empty = [(place, i.point) for place, i in zip(where, intervals, strict=True) if place in wrong]
    if empty:
        axes.plot(*zip(*empty, strict=True), look.marker, color=look.color, markerfacecolor="white", zorder=3.1)
    ends = ends_of(where, intervals, look.color, [(min(own) / _FARTHEST, max(own) * _FARTHEST) for _, own in points])
    if not ends:
        return []
    sides = ({end.place: end.drawn for end in ends if end.upper is upper} for upper in (False, True))
    low, high = ([drawn.get(place, i.point) for place, i in zip(where, intervals, strict=True)] for drawn in sides)
    if len(where) > 1:
        axes.fill_between(where, low, high, color=look.color, alpha=0.18, linewidth=0, zorder=1)
    else:
        axes.vlines(where, low, high, color=look.color, linewidth=1, zorder=2)
    dots = [(place, value) for place, launches in points if 1 < len(launches) <= FEW_LAUNCHES for value in launches]
    if dots:
        axes.plot(*zip(*dots, strict=True), ".", color=look.color, markersize=3.5, markeredgewidth=0, alpha=0.6, zorder=2.5)
    return ends


def draw_in_background(axes: Axes, *lines: Sequence[tuple[float, float]]) -> None:
    """The thin lines of mixers that do not stand out, each through its points; a dot where it has one.

    To matplotlib, which takes its time for each line, all together are one.
    """
    for marker, own in ((".", [line for line in lines if len(line) == 1]), ("None", [line for line in lines if len(line) > 1])):
        if points := [point for line in own for point in (*line, _GAP)]:
            axes.plot(*zip(*points, strict=True), color=BACKGROUND.color, linewidth=0.8, marker=marker, zorder=1.5)


def proxy(look: LineStyle, *, line: bool = True) -> Line2D:
    """The handle of a mixer in a legend: its line with a marker, or the marker alone."""
    from matplotlib.lines import Line2D

    return Line2D([], [], color=look.color, marker=look.marker, linestyle=look.line if line else "none")


def save(figure: Figure, folder: Path, name: str, formats: Sequence[str], page: Page = PLAIN) -> list[Path]:
    """Write the figure in each format, as `name.png` …, the same bytes every time. Raises UnknownNameError and StorageError."""
    if unknown := [kind for kind in formats if kind not in FORMATS]:
        raise UnknownNameError("format", unknown[0], FORMATS, "for figures")
    paths = [folder / f"{name}.{kind}" for kind in formats]
    for text in texts_of(figure):
        text.set_text(literal(text.get_text()))
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with page.look():
            place(figure)  # once for all formats, which else would each do so
            for path, kind in zip(paths, formats, strict=True):
                figure.savefig(path, dpi=page.dpi, **_WRITTEN[kind])
    except OSError as error:
        raise StorageError(f"cannot write the figure {error.filename or folder}: {error.strerror}") from error
    return paths


def texts_of(artist: Artist) -> Iterator[Text]:
    """Every text of a figure or of a part of it, but for the labels of ticks, which are made when it is drawn."""
    from matplotlib.axis import Axis
    from matplotlib.text import Text

    if isinstance(artist, Text):
        yield artist
    for part in [artist.label] if isinstance(artist, Axis) else artist.get_children():
        yield from texts_of(part)
