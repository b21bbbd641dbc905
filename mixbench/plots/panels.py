"""The panels of a figure, one legend for all of them, and texts beside each."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from mixbench.plots import style
from mixbench.plots.arrangement import arrange
from mixbench.plots.ends import BEYOND, End, mark_ends
from mixbench.plots.notes import add_caption, add_heading, fitted, fitted_label, letters
from mixbench.plots.page import SMALL, Page

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

MAX_COLUMNS = 4
PANEL_ALONE, PANEL = (6.8, 4.0), (3.7, 2.6)
"""Inches with labels and legend, where the page does not say otherwise."""
_LEAST_WIDTH, _WIDTH_WITH_TEXTS, _LABELS, _TEXTS, _LEGEND = 1.35, 2.3, 0.55, 1.05, 2.5
"""Inches of a panel in a grid, of one with texts beside it, of the labels of the y axis, of these texts, of a legend."""
_LEAST_OF_HEIGHT = 0.5
"""Share of the wanted height below which a page is too small."""
_LEAST_HEIGHT, _MOST_HEIGHT = 1.25, 2.6
"""Inches of the axes of a panel where the page leaves the height open."""
_MOST_LEGEND_COLUMNS, _LABEL, _BESIDE = 4, 21, 1.7
"""Columns of a legend; a label below panels that is longer than so many times its size may be broken, beside, than inches."""
_MATHEMATICS = re.compile(r"\\text|[$^{}]")
_LITTLE_ROOM, _DECADE = 1.1, 10.0
"""What the limits of an axis with a single value are apart from it."""
_ALONE_BESIDE = 5.5
"""From this width on, the legend of a single panel stands beside it."""


@dataclass(frozen=True)
class Sheet:
    """A figure with its panels, which are complete once `finish` has placed everything."""

    figure: Figure
    page: Page
    axes: Sequence[Axes]
    panel: tuple[float, float]
    """Width and height of a panel's axes in inches, about."""
    common: str
    beside: bool
    """Whether there is room for texts next to each panel."""
    least: float = 0.4
    """Inches that the axes of a panel must be high."""

    leaders: Sequence[Axes] = ()
    """The panel of which each has the y axis. All have the x axis of the first."""

    def unite(self) -> None:
        """Let panels with one axis have limits that hold what all of them draw.

        Until `mark`, the axes of the first panel then stand for all. matplotlib's own shared axes take time with the square of
        the number of panels.
        """
        _give_single_values_room(self.axes, "x")
        for panels in self._led().values():
            _give_single_values_room(panels, "y")
        _contain(self.axes[0].set_xlim, [axes.get_xlim() for axes in self.axes])
        for leader, own in self._led().items():
            _contain(leader.set_ylim, [axes.get_ylim() for axes in own])

    def _led(self) -> dict[Axes, list[Axes]]:
        """The panels that have the y axis of each leader."""
        led: dict[Axes, list[Axes]] = {leader: [] for leader in self.leaders}
        for axes, leader in zip(self.axes, self.leaders, strict=True):
            led[leader].append(axes)
        return led

    def mark(self, ends: Sequence[Sequence[End]] = (), *, sideways: bool = False) -> str:
        """Give every panel the final axes, and mark the ends of intervals beyond them, by panel; a note if there are any.

        Between labels, the y axes of many small panels have no ticks.
        """
        from matplotlib.ticker import NullLocator

        for leader in dict.fromkeys(self.leaders) if len(self.axes) > MAX_COLUMNS else ():
            leader.yaxis.set_minor_locator(NullLocator())
        for axes, leader in zip(self.axes, self.leaders, strict=True):
            for axis, model in ((axes.xaxis, self.axes[0].xaxis), (axes.yaxis, leader.yaxis)):
                axis.major, axis.minor = model.major, model.minor
            axes.set(xlim=self.axes[0].get_xlim(), ylim=leader.get_ylim())
        found = [mark_ends(axes, own, sideways=sideways) for axes, own in zip(self.axes, ends, strict=False)]
        return BEYOND if any(found) else ""

    @property
    def alone(self) -> bool:
        """Whether there is only one panel."""
        return len(self.axes) == 1

    def ticks(self, apart: float = 0.4) -> int:
        """How many labels an x axis has room for, if each takes so many inches at the usual size of text."""
        return max(2, min(8, int(self.panel[0] / (apart * self.page.scale))))

    def legends(self, entries: Sequence[Sequence[style.Entry]], looks: Mapping[str, style.LineStyle]) -> None:
        """The names of the mixers that are drawn, below the panels, and beside each panel its texts, the highest line first.

        A single panel has names and texts in one legend, beside it where the figure is wide. `entries` are by panel.
        """
        there = {label for own in entries for _, label, _ in own}
        if self.alone and not self.beside:
            texts = {label: text for _, label, text in sorted(entries[0], reverse=True)}
            self.below(style.named_in_legend(texts, looks), texts)
            return
        if not self.alone:
            self.below(style.named_in_legend([label for label in looks if label in there], looks), {})
        for axes, own in zip(self.axes, entries, strict=True) if self.beside else ():
            texts = {label: text for _, label, text in sorted(own, reverse=True)}
            named = style.named_in_legend(texts, looks)
            self._legend_beside(axes, [(label, texts.get(label, "")) for label in named], named)

    def _legend_beside(self, axes: Axes, texts: Sequence[tuple[str, str]], looks: Mapping[str, style.LineStyle]) -> None:
        """With the names of the mixers if it is the only panel, else texts alone."""
        if self.alone:
            names = {label: f"{fitted_label(label, _BESIDE)}  {text}".rstrip() for label, text in texts}
        else:
            names = {label: text for label, text in texts if text}
        if names:
            axes.legend(
                [style.proxy(looks[label], line=self.alone) for label in names],
                list(names.values()),
                loc="center left",
                bbox_to_anchor=(1.0, 0.5),
                handlelength=3.2 if self.alone else 0.9,
                handletextpad=0.8 if self.alone else 0.4,
                borderaxespad=0.5 if self.alone else 0.2,
                labelspacing=0.5 if self.alone else 0.35,
            )

    def names_beside(self, entries: Sequence[Sequence[style.Entry]], looks: Sequence[Mapping[str, style.LineStyle]]) -> None:
        """Beside each panel the names of its own mixers with their texts, the highest line first; each has its own looks."""
        for axes, own, look in zip(self.axes, entries, looks, strict=True):
            names = {label: f"{fitted_label(label, _BESIDE)}  {text}".rstrip() for _, label, text in sorted(own, reverse=True)}
            axes.legend(
                [style.proxy(look[label]) for label in names],
                list(names.values()),
                loc="center left",
                bbox_to_anchor=(1.0, 0.5),
                handlelength=2.2,
                handletextpad=0.5,
                borderaxespad=0.3,
                labelspacing=0.4,
            )

    def below(self, looks: Mapping[str, style.LineStyle], texts: Mapping[str, str]) -> None:
        """One legend for all panels, below them, with a text behind the name of a mixer that has one."""
        legend_below(
            self.figure, [style.proxy(look) for look in looks.values()], [(label, texts.get(label, "")) for label in looks]
        )

    def finish(self, *notes: str) -> Figure:
        """Write the notes below the panels, place everything, and return the figure."""
        lines = [*([] if self.page.titled else [self.common]), *notes, self.page.machine]
        if any(lines):
            add_caption(self.figure, "\n".join(filter(None, dict.fromkeys(lines))))
        if self.page.width is not None:
            self.page.lay_out(self.figure, self.axes, self.panel[1], self.least)
        return self.figure


def legend_below(figure: Figure, handles: Sequence[Any], names: Sequence[tuple[str, str]]) -> None:
    """A legend below all panels, of names and a text behind each, with as many columns as there is room for."""
    if not names:
        return
    from matplotlib import rcParams

    em = SMALL * rcParams["font.size"] / 72  # inches
    spent, between = 4 * em, 2 * em
    wide = figure.get_figwidth() - 2 * em
    room = min(wide - spent, max(_LABEL * em, wide / 3 - spent))
    shown = [_behind(fitted_label(name, room), text, letters(wide - spent)) for name, text in names]
    longest = max(_letters_in(line) for name in shown for line in name.split("\n"))
    column = spent + longest * wide / letters(wide)
    columns = max(1, min(len(names), _MOST_LEGEND_COLUMNS, int((wide + between) / (column + between))))
    figure.legend(handles, shown, loc="outside lower center", ncols=columns)


def _give_single_values_room(panels: Sequence[Axes], direction: Literal["x", "y"]) -> None:
    """A single value on a logarithmic axis gets two decades if all panels have just one, else as little as it needs.

    matplotlib would give it two decades in any case, which stretch the axis of the other panels, and warn.
    """
    spans = [getattr(axes.dataLim, f"interval{direction}") for axes in panels]
    room = _LITTLE_ROOM if any(low < high for low, high in spans) else _DECADE
    for axes, (low, high) in zip(panels, spans, strict=True):
        if low == high and getattr(axes, f"get_{direction}scale")() == "log":
            axes.set(**{f"{direction}lim": (low / room, high * room)})


def _contain(limit: Callable[[float, float], object], limits: Sequence[tuple[float, float]]) -> None:
    limit(min(low for low, _ in limits), max(high for _, high in limits))


def _behind(name: str, text: str, most: int) -> str:
    """A name with a text behind it, or below it where a line has no room for both."""
    if not text:
        return name
    beside = f"{name} {text}" if text.startswith("(") else f"{name}  {text}"
    return beside if max(map(_letters_in, beside.split("\n"))) <= most else f"{name}\n{text}"


def _letters_in(line: str) -> int:
    return len(_MATHEMATICS.sub("", line))


def panel_sheet(
    page: Page,
    title: str,
    common: str,
    panels: Sequence[Mapping[str, str]],
    labels: tuple[str, str | Sequence[str]],
    scales: tuple[str, str] = ("log", "log"),
    *,
    beside: bool = True,
    stacked: bool = False,
    natural: tuple[float, float] | None = None,
    height: float | None = None,
    columns: int = MAX_COLUMNS,
) -> Sheet:
    """A figure with a panel for each of these words about it; they share the x axis, and with equal labels the y axis.

    `common` says what all panels share; `labels` are those of the x axis and of the y axes, one or by panel. Without `beside`,
    panels have no texts next to them; `stacked`, they stand above each other, else at most `columns` next to each other. Where
    the page leaves it open, `natural` is the size of the figure, `height` that of the axes of a panel, in inches. Call it and
    fill the panels under `page.look()`.
    """
    from matplotlib.figure import Figure

    y_labels = [labels[1]] * len(panels) if isinstance(labels[1], str) else labels[1]
    most, most_with_texts = (min(columns, found) for found in _most_columns(page, beside, len(set(y_labels)) > 1))
    if stacked:
        most = most_with_texts = 1
    places = arrange(panels, most, most_with_texts)
    rows, wanted = (1 + max(side) for side in zip(*((place.row, place.column) for place in places), strict=True))
    alone = len(places) == 1
    natural = natural or (PANEL_ALONE if alone else (PANEL[0] * wanted, PANEL[1] * rows + 1))
    wide = page.width or natural[0]
    beside = beside and (wide >= _ALONE_BESIDE * page.scale if alone else wanted <= most_with_texts)
    panel = _panel_size(page, natural, (rows, wanted), beside, height)
    figure = Figure(figsize=(wide, page.height or (rows * panel[1] + 2 if page.width else natural[1])), layout="constrained")
    grid = figure.add_gridspec(rows, wanted)
    leaders: dict[str, Axes] = {}
    taken = {(place.row, place.column): label for place, label in zip(places, y_labels, strict=True)}
    found: list[Axes] = []
    for place, label in zip(places, y_labels, strict=True):
        axes = figure.add_subplot(grid[place.row, place.column], xscale=scales[0], yscale=scales[1])
        leaders.setdefault(label, axes)
        found.append(axes)
        axes.set_title(fitted(place.title, panel[0]))
        lowest, leftmost = (place.row + 1, place.column) not in taken, taken.get((place.row, place.column - 1)) != label
        axes.tick_params(labelbottom=lowest, labelleft=leftmost)
        axes.set_xlabel(fitted(labels[0], panel[0]) if lowest else "")
        side = f"{place.side}\n" if place.side else ""
        axes.set_ylabel(fitted(f"{side}{label}", panel[1]) if leftmost else "")
    if page.titled:
        add_heading(figure, title, common)
    least = _LEAST_OF_HEIGHT * (height or _LEAST_HEIGHT / 2)
    return Sheet(figure, page, found, panel, common, beside, least, [leaders[label] for label in y_labels])


def _most_columns(page: Page, texts: bool, labelled: bool) -> tuple[int, int]:
    """How many panels have room next to each other in a grid, and how many in a line, where they may have texts beside them.

    If they are `labelled`, in a line each has a y axis with a label of its own.
    """
    if page.width is None:
        return MAX_COLUMNS, MAX_COLUMNS
    room = page.width / page.scale - _LABELS
    least = (_WIDTH_WITH_TEXTS if texts else _LEAST_WIDTH) + (_LABELS if labelled else 0)
    most, in_line = (max(1, min(MAX_COLUMNS, int(room / width))) for width in (_LEAST_WIDTH, least))
    return most, in_line


def _panel_size(
    page: Page, natural: tuple[float, float], grid: tuple[int, int], beside: bool, height: float | None
) -> tuple[float, float]:
    """Width and height of the axes of a panel, about, in inches."""
    rows, columns = grid
    texts = (_TEXTS if rows * columns > 1 else _LEGEND) * page.scale if beside else 0.1
    width = ((page.width or natural[0]) - _LABELS * page.scale) / columns - texts
    if page.height or page.width is None:
        return width, max(0.3, ((page.height or natural[1]) - 1.2 * page.scale) / rows - 0.2)
    return width, height or min(max(0.66 * width, _LEAST_HEIGHT), _MOST_HEIGHT)
