"""The figure of score against state: a line per mixer over widths and options, at the size of the state."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from synthetic_training import training_rows, training_settings

from mixbench.plots.data_efficiency import draw_data_efficiency
from mixbench.plots.page import PLAIN, Page
from mixbench.plots.state_size import state_figure
from mixbench.plots.style import texts_of
from mixbench.plots.task_panels import task_figures
from mixbench.tables.training_rows import TrainingRow
from mixbench.verdicts.labels import by_code, mixer_labels
from mixbench.verdicts.learning.scores import summarise

STATES: Mapping[str, Mapping[int, float]] = {
    "attention": {16: 0.25, 32: 0.5},
    "my.py:Net:heads=2": {16: 0.0625, 32: 0.125},
    "my.py:Net:heads=4": {16: 0.03125, 32: 0.0625},
    "none": {},
}
ERRORS = {"attention": 0.01, "my.py:Net:heads=2": 0.3, "my.py:Net:heads=4": 0.4, "none": 0.9}


def rows_of(mixers: Mapping[str, Mapping[int, float]] = STATES, score: str = "accuracy") -> list[TrainingRow]:
    """Two sizes, three seeds; the wider model has half the error."""
    return [
        replace(row, state_mib=states.get(width), constant_score=0.02)
        for width in (16, 32)
        for mixer, states in mixers.items()
        for row in training_rows(
            (mixer,),
            (100, 1000),
            score=score,
            seeds=range(3),
            noise=0,
            seed_noise=0,
            error=lambda _, size, mixer=mixer, width=width: ERRORS[mixer] * 16 / width * (1 if size == 1000 else 2) ** 0.1,
            width=width,
            settings=training_settings(feature_hidden=4 * width),
        )
    ]


def figure_of(rows: list[TrainingRow], page: Page = PLAIN) -> Figure | None:
    return state_figure(task_figures(summarise(rows))["shapes"], "shapes", page)


def drawn(rows: list[TrainingRow]) -> Figure:
    figure = figure_of(rows)
    assert figure is not None
    return figure


def texts(figure: Figure) -> str:
    return " ".join(" ".join(text.get_text() for text in texts_of(figure)).split())


def lines_of(figure: Figure, *, joined: bool) -> list[Line2D]:
    """The lines through points, or the points."""
    (axes,) = figure.axes
    lines = [line for line in axes.lines if len(line.get_xdata()) > 1 and list(line.get_xdata()) != [0, 1]]  # type: ignore[arg-type]
    return [line for line in lines if (line.get_linestyle() != "None") == joined]


def test_widths_and_options_of_a_mixer_are_one_line_at_the_bytes_of_their_states() -> None:
    figure = drawn(rows_of())
    points = [[*map(float, line.get_xdata())] for line in lines_of(figure, joined=False)]
    assert points == [[2.0**18, 2.0**19], [2.0**15, 2.0**16, 2.0**16, 2.0**17]]
    assert figure.axes[0].get_xscale() == "log"
    assert "points of a line: widths 16, 32 and options · after 1000 training examples" in texts(figure)


@pytest.mark.parametrize(("score", "best"), [("accuracy", max), ("mse", min)])
def test_the_line_goes_through_the_best_of_each_size(score: str, best: object) -> None:
    net = lines_of(drawn(rows_of(score=score)), joined=True)[1]
    error = [0.4, 0.2, 0.15]  # heads=4, then heads=4 and heads=2 of one size, then heads=2
    assert [*map(float, net.get_xdata())] == [2.0**15, 2.0**16, 2.0**17]
    assert [*map(float, net.get_ydata())] == pytest.approx(error if score == "mse" else [1 - wrong for wrong in error])


def test_mixers_without_a_state_are_named_and_bars_are_over_seeds() -> None:
    figure = drawn(rows_of())
    assert "not drawn: none (no state known)" in texts(figure)
    assert "bars: 95 % t-intervals over seeds" in texts(figure)
    assert "grey line: majority class, 0.0200" in texts(figure)
    assert "one seed" in texts(drawn([row for row in rows_of() if row.seed == 0]))


def test_without_two_sizes_of_states_there_is_no_figure(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert figure_of(rows_of({"none": {}, "attention": {16: 0.5, 32: 0.5}})) is None
    assert figure_of(rows_of({"none": {}})) is None
    monkeypatch.setattr(Figure, "savefig", lambda figure, path, **options: path.touch())
    names = [path.name for path in draw_data_efficiency(rows_of(), tmp_path)]
    assert names[-1] == "data-efficiency-shapes-state.png"


def test_other_contexts_have_panels_of_their_own() -> None:
    longer = [replace(row, settings=row.settings.replace('"steps":400', '"steps":800')) for row in rows_of()]
    assert len(drawn(rows_of() + longer).axes) == 2


def test_it_fits_a_column_of_a_paper() -> None:
    assert figure_of(rows_of(), Page(3.3, None, titled=False)) is not None


def test_mixers_of_one_name_and_code_share_the_options_that_all_of_them_have() -> None:
    def key(name: str, **config: object) -> tuple[str, str]:
        return name, json.dumps(config, separators=(",", ":"), sort_keys=True)

    mixers = [
        key("attention", causal=True, heads=4),
        key("attention", causal=True, heads=8),
        key("a.py:Net", file_sha256="1" * 64, size=3),
        key("a.py:Net", file_sha256="1" * 64, size=9),
        key("a.py:Net", file_sha256="2" * 64, size=3),
        key("a.py:Net", file_sha256="2" * 64, size=4),
    ]
    found = by_code(mixers)
    labels = mixer_labels(found.values())
    assert len({*found.values()}) == 3
    assert labels[found[mixers[0]]] == labels[found[mixers[1]]] == "attention causal=true"
    assert labels[found[mixers[-1]]] == labels[found[mixers[-2]]] == "Net file=22222222"
