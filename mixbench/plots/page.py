"""What figures are drawn for: their size and with it that of their text, and whether they have a title."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from mixbench.errors import RequestError
from mixbench.verdicts.words import counted

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

TEXT, SMALL = 9.0, 0.833
"""Points of the text of labels, and what matplotlib calls small text relative to it: nothing is smaller."""
_NARROW, _PRINTED = 5.0, (8.5, 5.0)
"""Narrower figures have smaller text; those larger than a printed page larger text, as on a slide."""
_LEAST_PANEL = (0.6, 0.4)
"""Inches of the axes alone."""

RC: dict[Any, Any] = {
    "font.size": TEXT,
    "figure.titlesize": "large",
    "axes.titlesize": "medium",
    "axes.labelsize": "medium",
    "axes.grid": True,
    "axes.axisbelow": True,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.linewidth": 0.7,
    "grid.color": "#dddddd",
    "grid.linewidth": 0.5,
    "xtick.labelsize": "small",
    "ytick.labelsize": "small",
    "xtick.major.width": 0.7,
    "ytick.major.width": 0.7,
    "legend.fontsize": "small",
    "legend.title_fontsize": "small",
    "legend.frameon": False,
    "legend.handlelength": 3.2,
    "text.hinting": "none",  # texts are equally wide in all formats, so that they are placed once
    "lines.linewidth": 1.5,
    "lines.markersize": 5,
    "svg.fonttype": "none",
    "svg.hashsalt": "mixbench",
    "pdf.fonttype": 42,
}


@dataclass(frozen=True)
class Page:
    """A place for figures: inches, where None leaves a side to what is drawn, whether figures have a title, and mixers that
    stand out among many besides the best, as labels or mixer strings.
    """

    width: float | None = None
    height: float | None = None
    titled: bool = True
    highlight: tuple[str, ...] = ()
    machine: str = ""
    """A note on the machine, where the tables hold rows of several."""

    @property
    def scale(self) -> float:
        """The size of text and lines relative to that of a figure on a page."""
        if self.width is None:
            return 1.0
        if self.width < _NARROW:
            return 0.94
        return max(1.0, min(self.width / _PRINTED[0], (self.height or 0) / _PRINTED[1]))

    @property
    def dpi(self) -> int:
        """Dots per inch of a PNG: more where the size says that it is for print."""
        return 150 if self.width is None else 300 if self.width < _PRINTED[0] else 150

    @contextmanager
    def look(self, **changes: Any) -> Iterator[None]:
        """The look of figures for this place, for as long as they are made and written."""
        from matplotlib import rc_context

        marks = 0.75 if self.scale < 1 else self.scale
        scaled = {
            "font.size": TEXT * self.scale,
            "figure.dpi": self.dpi,  # as in the file, so that texts are measured once
            **{name: RC[name] * marks for name in ("lines.linewidth", "lines.markersize")},
        }
        with rc_context(RC | scaled | changes):
            yield

    def lay_out(self, figure: Figure, panels: Sequence[Axes], height: float, least: float = _LEAST_PANEL[1]) -> None:
        """Place everything; where the page leaves the height open, the axes of each row of panels get `height` inches.

        Raises RequestError if the page is too small for what is drawn, so that axes are less than `least` inches high.
        """
        engine, fits = figure.get_layout_engine(), place(figure)
        if self.width is not None and self.height is None:
            rows = len({axes.get_subplotspec().rowspan.start for axes in panels})  # type: ignore[union-attr]
            for _ in range(2):  # the first time, there may have been no room for any panel
                lacking = height - _inches(figure, panels)[1]
                if fits and abs(lacking) < 0.02 * height:
                    break
                figure.set_figheight(figure.get_figheight() + rows * lacking)
                figure.set_layout_engine(engine)
                fits = place(figure)
        if self.width is None:
            return
        wide, high = _inches(figure, panels)
        if not fits or wide < _LEAST_PANEL[0] or high < least:
            raise RequestError(
                f"--size {self.width:g}x{figure.get_figheight():.3g} leaves no room for "
                f"{counted(len(panels), 'panel')} with their texts: {figure.get_suptitle() or 'a figure'}",
                "Give a larger size, or draw less: --study, --metric.",
            )


def place(figure: Figure) -> bool:
    """Let matplotlib place everything, once and for all; whether there was room for it."""
    engine = figure.get_layout_engine()
    if engine is None:
        return True
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        engine.execute(figure)
    figure.set_layout_engine(None)  # with "none", matplotlib would draw everything twice
    return not said


def _inches(figure: Figure, panels: Sequence[Axes]) -> tuple[float, float]:
    """Width and height of the smallest panel."""
    boxes = [axes.get_position() for axes in panels]
    return min(box.width for box in boxes) * figure.get_figwidth(), min(box.height for box in boxes) * figure.get_figheight()


PLAIN = Page()
"""Figures of a size of their own, with a title."""
