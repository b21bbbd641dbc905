"""What all figures share."""

from __future__ import annotations

from matplotlib.figure import Figure

from mixbench.plots import style
from mixbench.plots.style import size_ticks


def test_an_axis_of_sizes_is_wide_enough_where_one_alone_is_drawn() -> None:
    axes = Figure().subplots()
    axes.set_xscale("log")
    axes.plot([3], [1.0], "o")
    axes.vlines([3], 0.5, 2)  # its interval
    size_ticks(axes, [1, 3], most=8)
    left, right = axes.get_xlim()
    assert left <= 1 < 3 < right


def test_a_text_of_the_user_is_no_mathematics_and_has_an_end() -> None:
    assert style.literal("a$b$") == r"a\$b\$" == style.literal(style.literal("a$b$"))
    assert style.literal("m" * 10**6) == f"{'m' * 150}…{'m' * 150}"
