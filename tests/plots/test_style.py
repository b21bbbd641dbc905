"""What all figures share."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from matplotlib.figure import Figure
from matplotlib.text import Text

from mixbench.plots import notes, style, texts
from mixbench.plots.page import PLAIN
from mixbench.plots.panels import PANEL_ALONE
from mixbench.plots.style import size_ticks


def test_an_axis_of_sizes_is_wide_enough_where_one_alone_is_drawn() -> None:
    axes = Figure().subplots()
    axes.set_xscale("log")
    axes.plot([3], [1.0], "o")
    axes.vlines([3], 0.5, 2)  # its interval
    size_ticks(axes, [1, 3], most=8)
    left, right = axes.get_xlim()
    assert left <= 1 < 3 < right


def test_every_text_of_a_figure_is_no_mathematics_and_has_an_end(tmp_path: Path) -> None:
    figure = Figure()
    axes = figure.subplots()
    axes.plot([1, 2], label="a$b")
    axes.set(xlabel="m" * 10**6, title="$x_{")
    legend = axes.legend()
    figure.suptitle("two\nlines")
    start = time.process_time()
    style.save(figure, tmp_path, "figure", ("png", "svg"))
    assert time.process_time() - start < 20
    assert axes.get_xlabel() == f"{'m' * 150}…{'m' * 150}"
    assert (axes.get_title(), legend.get_texts()[0].get_text()) == (r"\$x_{", r"a\$b")
    assert figure.get_suptitle() == "two\nlines"
    assert "a$b" in (tmp_path / "figure.svg").read_text()


def test_a_power_stays_mathematics_in_a_text_with_dollars(tmp_path: Path) -> None:
    figure = Figure()
    figure.suptitle(f"a$b$ grows as {texts.power('N', 1.57)}, falls as {texts.power('n', -0.5)} ($N^{{x}}$)")
    for _ in range(2):
        style.save(figure, tmp_path, "figure", ("svg",))
        assert (
            figure.get_suptitle() == "a\\$b\\$ grows as $N^\\text{1.57}$, falls as $n^\\text{\N{MINUS SIGN}0.50}$ (\\$N^{x}\\$)"
        )


@pytest.mark.parametrize("legend", [True, False], ids=["legend", "no legend"])
def test_headings_and_notes_stay_within_the_figure(legend: bool) -> None:
    with PLAIN.look():
        figure = Figure(figsize=PANEL_ALONE, layout="constrained")
        axes = figure.subplots()
        axes.plot([1, 2], label="one")
        if legend:
            figure.legend(loc="outside lower center")
        title = "Score against cost on hf:organisation/a-data-set-with-a-rather-long-name"
        notes.add_heading(figure, title, "2 layers · " * 20)
        notes.add_caption(figure, "\n".join(notes.about_operations(["≥"]) * 2) + "wide · " * 30)
        figure.draw_without_rendering()
    long = [text for text in figure.findobj(Text) if len(text.get_text()) > 40]  # type: ignore[attr-defined]
    assert len(long) == 3
    for text in long:
        box = text.get_window_extent()
        assert figure.bbox.x0 <= box.x0 <= box.x1 <= figure.bbox.x1
        assert figure.bbox.y0 <= box.y0 <= box.y1 <= figure.bbox.y1


def test_a_note_is_broken_after_the_dot_between_two_parts() -> None:
    figure = Figure(figsize=(2, 2))
    notes.add_caption(figure, "one part of the text · " * 5 + "end")
    lines = figure.get_supxlabel().split("\n")
    assert len(lines) > 3
    assert not any(line.startswith("·") for line in lines)


def test_the_name_of_a_file_has_an_end() -> None:
    assert len(texts.file_name("t" * 10**6)) < 100
