"""Notes below figures, and the marks of numbers of which only a lower bound is known."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from mixbench.verdicts.words import COUNTED_OPERATIONS

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

OPERATIONS = f"operations: {COUNTED_OPERATIONS}"
AT_LEAST = "(≥) and arrows: lower bounds, because some operators are not counted"


def add_caption(figure: Figure, text: str) -> None:
    """Write how to read the figure below it, as the title of the legend if there is one."""
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
