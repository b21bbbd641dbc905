"""Headings and notes of figures, and the marks of numbers of which only a lower bound is known."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from textwrap import fill, wrap
from typing import TYPE_CHECKING

from mixbench.errors import shortened
from mixbench.plots.page import SMALL
from mixbench.plots.texts import literal
from mixbench.verdicts.words import COUNTED_OPERATIONS

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

OPERATIONS = f"operations: {COUNTED_OPERATIONS}"
_LETTER, _BOLD = 0.6, 0.75
"""Width of a letter, on average at most, relative to the size of the text."""
_LARGE = 1.2
"""The size of a title relative to that of labels."""
AT_LEAST = "(≥) and arrows: lower bounds, because some operators are not counted"


def add_heading(figure: Figure, title: str, common: str = "") -> None:
    """Write the title above a figure, and below it what all panels share."""
    from matplotlib.text import Annotation

    wide = figure.get_figwidth()
    title, common = _broken(title, letters(wide, _LARGE * _BOLD / _LETTER)), _broken(common, letters(wide))
    room = "\n" * (common.count("\n") + 1) if common else ""
    heading = figure.suptitle(f"{title}{room}", fontweight="bold")
    if common:
        below = Annotation(common, (0.5, 0), xycoords=heading, ha="center", va="bottom", fontsize="small", color="#444444")
        figure.add_artist(below)


def letters(inches: float, relative: float = SMALL) -> int:
    """How many letters have room in a line; `relative` is their size, where 1 is that of a label."""
    from matplotlib import rcParams

    return max(1, int(72 * inches / (_LETTER * relative * rcParams["font.size"])))


def fitted(text: str, inches: float) -> str:
    """The label of an axis or a panel, in lines that are no longer than this."""
    return _broken(text, letters(inches, 1.0))


def fitted_label(label: str, inches: float, lines: int = 2, relative: float = SMALL) -> str:
    """The label of a mixer in at most so many lines, broken before an option; of a longer one the beginning and the end."""
    most = letters(inches, relative)
    return "\n".join(_in_lines(part, most, lines) for part in label.split("\n"))


def _in_lines(text: str, most: int, lines: int) -> str:
    for length in range(max(len(text), 1), 1, -1):
        broken = wrap(shortened(text, length), most, break_on_hyphens=False)
        if len(broken) <= lines:
            return "\n".join(broken)
    return text


def _broken(text: str, most: int) -> str:
    """A text in lines of at most so many letters, broken before a word and after a dot between two parts, but not in short
    brackets.
    """
    whole = re.sub(r"\([^()]{,20}\)", lambda found: found[0].replace(" ", "\N{NO-BREAK SPACE}"), literal(text))
    lines = whole.replace(" · ", "\N{NO-BREAK SPACE}· ").split("\n")
    broken = "\n".join(fill(line, most, break_on_hyphens=False) for line in lines)
    return broken.replace("\N{NO-BREAK SPACE}", " ")


def add_caption(figure: Figure, text: str) -> None:
    """Write how to read the figure below it, as the title of the legend if there is one."""
    text = _broken(text, letters(figure.get_figwidth()))
    if figure.legends:
        figure.legends[0].set_title(text)
        figure.legends[0].get_title().set(color="#444444")
    else:
        figure.supxlabel(text, fontsize="small", color="#444444")


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


def not_drawn(mixers: Mapping[str, str], where: str = "") -> list[str]:
    """Which mixers a figure leaves out, and why; nothing if there is none."""
    return [f"not drawn{where}: {', '.join(f'{label} ({why})' for label, why in mixers.items())}"] if mixers else []
