"""The figure of a cost: what weakens a number is seen where it is drawn."""

from __future__ import annotations

import pytest
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Rectangle
from sample_costs import cost_with_disturbed

from mixbench.plots.cost import cost_figure
from mixbench.plots.speed_panels import HOLLOW
from mixbench.plots.style import texts_of


def weak(figure: Figure) -> tuple[list[bool], list[bool]]:
    """Which products are hollow and which bars of times are faint, from the top down."""
    (axes,) = figure.axes
    products = sorted((line for line in axes.lines if line.get_marker() == "D"), key=lambda line: float(line.get_ydata()[0]))  # type: ignore[index,arg-type]
    bars = sorted((bar for bar in axes.patches if isinstance(bar, Rectangle)), key=Rectangle.get_y)
    return [_is_white(line) for line in products], [bar.get_alpha() != 1 for bar in bars[::3]]


def _is_white(line: Line2D) -> bool:
    return str(line.get_markerfacecolor()) == "white"


@pytest.mark.parametrize(
    ("disturbed", "expected"), [((), [False, False]), (("hypermixer",), [True, False]), (("attention",), [True, True])]
)
def test_disturbed_times_have_a_pale_bar_and_a_hollow_product(disturbed: tuple[str, ...], expected: list[bool]) -> None:
    figure = cost_figure(cost_with_disturbed(disturbed))
    assert weak(figure) == (expected, expected)
    assert any(HOLLOW in text.get_text() for text in texts_of(figure)) == bool(disturbed)
