"""Headings and notes of figures, and the marks of numbers of which only a lower bound is known."""

from __future__ import annotations

from collections.abc import Sequence
from textwrap import fill
from typing import TYPE_CHECKING

from mixbench.plots.texts import literal
from mixbench.verdicts.words import COUNTED_OPERATIONS

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

OPERATIONS = f"operations: {COUNTED_OPERATIONS}"
_WIDTH, _BOLD = 0.6, 0.75
"""Width of a letter, on average at most, relative to the size of the text."""
AT_LEAST = "(≥) and arrows: lower bounds, because some operators are not counted"


def add_heading(figure: Figure, title: str, common: str = "") -> None:
    """Write the title above a figure, and below it what all panels share."""
    from matplotlib.text import Annotation

    title, common = _fitted(figure, title, 11, _BOLD), _fitted(figure, common, 8)
    room = "\n" * (common.count("\n") + 1) if common else ""
    heading = figure.suptitle(f"{title}{room}", fontsize=11, fontweight="bold")
    if common:
        below = Annotation(common, (0.5, 0), xycoords=heading, ha="center", va="bottom", fontsize=8, color="#444444")
        figure.add_artist(below)


def _fitted(figure: Figure, text: str, size: float, width: float = _WIDTH) -> str:
    """A text with lines that are no longer than a figure is wide, broken before a word and after a dot between two parts."""
    most = int(72 * figure.get_figwidth() / (width * size))
    lines = literal(text).replace(" · ", "\N{NO-BREAK SPACE}· ").split("\n")
    broken = "\n".join(fill(line, most, break_on_hyphens=False) for line in lines)
    return broken.replace("\N{NO-BREAK SPACE}·", " ·")


def add_caption(figure: Figure, text: str) -> None:
    """Write how to read the figure below it, as the title of the legend if there is one."""
    text = _fitted(figure, text, 7)
    if figure.legends:
        figure.legends[0].set_title(text)
        figure.legends[0].get_title().set(fontsize=7, color="#444444")
    else:
        figure.supxlabel(text, fontsize=7, color="#444444")


def about_operations(marks: Sequence[str | None]) -> list[str]:
    """How to read counts of operations with these marks."""
    return [OPERATIONS, *([AT_LEAST] if any(marks) else [])]


def named(text: str, marks: Sequence[str | None]) -> str:
    """A name in a legend, with a sign if any of its numbers is a lower bound."""
    return f"{text} (≥)" if any(marks) else text


def mark_bounds(axes: Axes, points: Sequence[tuple[float, float]], color: str, *, upwards: bool) -> None:
    """An arrow at each point of which only a lower bound is known, towards larger values: upwards or to the right."""
    from matplotlib import markers

    if points:
        arrow = markers.CARETUPBASE if upwards else markers.CARETRIGHTBASE
        axes.plot(*zip(*points, strict=True), linestyle="", marker=arrow, color=color, markersize=9, markeredgewidth=0)
