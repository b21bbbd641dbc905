import math
from dataclasses import replace
from pathlib import Path

import pytest
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.markers import CARETRIGHTBASE
from matplotlib.text import Text
from synthetic_training import training_rows, training_settings

from mixbench.mixers import MIXERS
from mixbench.plots import FIGURES
from mixbench.plots.data_efficiency import curves_figure, draw_data_efficiency, relative_figure
from mixbench.plots.notes import AT_LEAST
from mixbench.plots.style import BUILT_IN, save, texts_of
from mixbench.plots.task_panels import TaskFigures, task_figures
from mixbench.plots.training_cost import cost_figure, pareto_front
from mixbench.tables.remarks import lower_bound
from mixbench.tables.results import ResultsFolder
from mixbench.tables.training_rows import TrainingRow
from mixbench.verdicts.learning.scores import summarise

FAILED = {("none", size, seed): ("killed", "") for size in (250, 500, 1000, 2000) for seed in range(5)}


def drawn_of(rows: list[TrainingRow]) -> TaskFigures:
    return task_figures(summarise(rows))["shapes"]


def curves_of(rows: list[TrainingRow]) -> Figure:
    return curves_figure(drawn_of(rows), "shapes")


def relative_of(rows: list[TrainingRow]) -> Figure:
    figure = relative_figure(drawn_of(rows), "shapes", summarise(rows).baseline)
    assert figure is not None
    return figure


def cost_of(rows: list[TrainingRow]) -> Figure:
    figure = cost_figure(drawn_of(rows), "shapes")
    assert figure is not None
    return figure


def mixer_lines(axes: Axes) -> dict[object, Line2D]:
    return {line.get_marker(): line for line in axes.lines if line.get_marker() not in ("None", ".")}


def fits(axes: Axes) -> list[Line2D]:
    return [line for line in axes.lines if len(list(line.get_xdata())) == 100]


def legend_texts(holder: Axes | Figure) -> list[str]:
    legend = holder.get_legend() if isinstance(holder, Axes) else holder.legends[0]
    assert legend is not None
    return [text.get_text() for text in legend.get_texts()]


def test_each_task_has_three_files_with_safe_names(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Figure, "savefig", lambda figure, path, **options: path.touch())
    rows = training_rows(seeds=[0]) + training_rows(seeds=[0], task="hf:glue/sst2", score="accuracy")
    paths = draw_data_efficiency(rows, tmp_path / "figures", ("png", "svg"))
    names = [
        f"data-efficiency-{task}-{figure}.{kind}"
        for task in ("hf-glue-sst2", "shapes")
        for figure in ("curves", "relative", "cost")
        for kind in ("png", "svg")
    ]
    assert [path.name for path in paths] == names
    assert sorted(path.name for path in (tmp_path / "figures").iterdir()) == sorted(names)


def test_tasks_whose_names_become_equal_do_not_overwrite_each_other(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Figure, "savefig", lambda figure, path, **options: path.touch())
    rows = [row for task in ("a/b", "a:b", "a b", "../") for row in training_rows(seeds=[0], sizes=(250,), task=task)]
    paths = draw_data_efficiency(rows, tmp_path)
    assert len(set(paths)) == len(paths) == 12
    assert {path.parent for path in paths} == {tmp_path}


@pytest.mark.parametrize("score", ["mse", "accuracy"])
def test_each_mixer_is_a_line_through_its_means_with_a_band_and_the_dots_of_its_seeds(score: str) -> None:
    rows = training_rows(("attention", "none"), score=score)
    (axes,) = curves_of(rows).axes
    (task,) = summarise(rows).tasks
    lines = mixer_lines(axes)
    for name in ("attention", "none"):
        means = [cell.score.point for cell in task.lines[name] if cell.score]
        assert list(map(float, lines[BUILT_IN[name].marker].get_ydata())) == pytest.approx(means)
    assert len(axes.collections) == 2
    dots = [line for line in axes.lines if line.get_marker() == "."]
    assert [len(list(line.get_xdata())) for line in dots] == [20, 20]
    assert axes.get_yscale() == ("log" if score == "mse" else "linear")
    assert axes.get_xscale() == "log"


def test_every_dot_lies_within_the_frame() -> None:
    for score in ("mse", "accuracy"):
        for noise in (0.05, 2.0):
            (axes,) = curves_of(training_rows(score=score, noise=noise, seeds=range(2))).axes
            low, high = axes.get_ylim()
            for line in axes.lines:
                if line.get_marker() == ".":
                    assert all(low < float(y) < high for y in line.get_ydata())


def test_below_six_sizes_both_power_laws_are_drawn_and_from_six_on_the_one_with_a_floor() -> None:
    (few,) = curves_of(training_rows(("attention",), (250, 500, 1000, 2000, 4000))).axes
    assert [line.get_linestyle() for line in fits(few)] == ["--", ":"]
    (text,) = legend_texts(few)
    assert text.startswith("attention  $n^\\text{\N{MINUS SIGN}0.")
    assert "\nc + $n^\\text{\N{MINUS SIGN}0." in text
    (many,) = curves_of(training_rows(("attention",), (100, 200, 400, 800, 1600, 3200))).axes
    assert [line.get_linestyle() for line in fits(many)] == [":"]
    (four,) = curves_of(training_rows(("attention",), (100, 200, 400, 800))).axes
    assert fits(four) == []
    assert legend_texts(four) == ["attention"]


@pytest.mark.parametrize("score", ["mse", "accuracy"])
def test_a_power_law_is_drawn_on_the_scale_of_the_score(score: str) -> None:
    rows = training_rows(("none",), (250, 500, 1000, 1500, 2000), score=score, noise=0, seed_noise=0)
    (axes,) = curves_of(rows).axes
    (line,) = mixer_lines(axes).values()
    for fit in fits(axes):
        assert float(fit.get_ydata()[0]) == pytest.approx(float(line.get_ydata()[0]), rel=0.02)  # type: ignore[index]
        assert (float(fit.get_xdata()[0]), float(fit.get_xdata()[-1])) == pytest.approx((250, 2000))  # type: ignore[index]


@pytest.mark.parametrize(("score", "constant", "words"), [("mse", 31.5, "best constant"), ("accuracy", 0.1, "majority class")])
def test_the_best_constant_answer_is_a_line_within_the_frame(score: str, constant: float, words: str) -> None:
    rows = training_rows(score=score)
    figure = curves_of([replace(row, constant_score=constant) for row in rows])
    (axes,) = figure.axes
    assert len(axes.lines) == len(curves_of(rows).axes[0].lines) + 1
    assert [constant, constant] in [list(line.get_ydata()) for line in axes.lines]
    low, high = axes.get_ylim()
    assert low < constant < high
    assert f"grey line: {words}, {constant:.3g}" in figure.get_supxlabel()


def test_the_legend_counts_failed_runs() -> None:
    (axes,) = curves_of(training_rows(("attention", "none"), failures={("none", 250, 1): ("diverged", "")})).axes
    assert legend_texts(axes)[0].endswith("1 of 20 runs failed")
    (axes,) = curves_of(training_rows(("attention", "none"), failures=FAILED)).axes
    assert legend_texts(axes) == ["attention"]
    assert axes.figure.get_supxlabel().endswith("not drawn: none (20 of 20 runs failed)")  # type: ignore[union-attr]


def test_the_relative_change_is_drawn_around_no_change_with_its_interval() -> None:
    exact = training_rows(
        ("attention", "none"), (250, 500), noise=0, seed_noise=0, error=lambda mixer, size: 0.3 if mixer == "none" else 0.2
    )
    (axes,) = relative_of(exact).axes
    line = mixer_lines(axes)[BUILT_IN["none"].marker]
    assert list(map(float, line.get_ydata())) == pytest.approx([1.5, 1.5])
    assert list(map(float, axes.lines[0].get_ydata())) == [1, 1]
    (noisy,) = relative_of(training_rows(("attention", "none"))).axes
    assert len(noisy.collections) == 1
    assert legend_texts(noisy) == ["none"]
    noisy.figure.draw_without_rendering()  # type: ignore[union-attr]
    assert {text.get_text()[-2:] for text in noisy.get_yticklabels()} == {" %"}


def test_without_a_pair_of_runs_there_is_no_relative_change() -> None:
    rows = training_rows(("attention",), seeds=[0]) + training_rows(("none",), seeds=[1])
    assert relative_figure(drawn_of(rows), "shapes", "attention") is None


def test_each_mixer_and_size_is_a_point_of_score_and_cost_and_the_front_is_marked() -> None:
    figure = cost_of(training_rows(("attention", "hypermixer", "none"), (250, 500)))
    assert [axes.get_xlabel() for axes in figure.axes] == ["operations of training (FLOP)"]
    for axes in figure.axes:
        points = [line for line in axes.lines if line.get_marker() in {BUILT_IN[n].marker for n in ("hypermixer", "none")}]
        assert [len(list(line.get_xdata())) for line in points] == [1] * 4
        (rings,) = [line for line in axes.lines if line.get_markerfacecolor() == "none"]
        # attention costs most and hypermixer learns more from few examples
        assert list(map(float, rings.get_xdata())) == sorted(map(float, rings.get_xdata()))
        assert list(map(float, rings.get_ydata())) == sorted(map(float, rings.get_ydata()), reverse=True)
    assert legend_texts(figure) == ["attention", "hypermixer", "none"]


def test_the_front_follows_the_direction_of_the_score() -> None:
    for score in ("mse", "accuracy"):
        figure = cost_of(training_rows(("hypermixer", "none"), (250, 500), score=score, noise=0, seed_noise=0))
        (rings,) = [line for line in figure.axes[0].lines if line.get_markerfacecolor() == "none"]
        # the best of each: none costs less, hypermixer is better
        (task,) = summarise(training_rows(("hypermixer", "none"), (250, 500), score=score, noise=0, seed_noise=0)).tasks
        best = [cells[-1].score.point for label in ("none", "hypermixer") for cells in [task.lines[label]] if cells[-1].score]
        assert list(map(float, rings.get_ydata())) == pytest.approx(best)


def test_time_that_runs_beside_each_other_take_is_drawn_only_where_no_operations_are_known() -> None:
    figure = cost_of(training_rows(train_flops=None))
    assert [axes.get_xlabel() for axes in figure.axes] == ["training time (s)"]
    assert "runs side by side lengthen it" in figure.legends[0].get_title().get_text()
    assert cost_figure(drawn_of(training_rows(train_flops=None, train_seconds=None)), "shapes") is None


def test_operations_that_are_lower_bounds_are_marked_and_beat_nothing() -> None:
    rows = training_rows(("hypermixer", "none"), (250, 500), noise=0, seed_noise=0)
    remark = lower_bound("train_flops", ["foo"])
    figure = cost_of([replace(row, detail=remark) if row.mixer == "hypermixer" else row for row in rows])
    arrows = [[line for line in axes.lines if line.get_marker() == CARETRIGHTBASE] for axes in figure.axes]
    assert [len(found) for found in arrows] == [2]
    rings = [next(line for line in axes.lines if line.get_markerfacecolor() == "none") for axes in figure.axes]
    assert [len(list(ring.get_xdata())) for ring in rings] == [1]
    assert legend_texts(figure) == ["hypermixer (≥)", "none"]
    assert AT_LEAST in figure.legends[0].get_title().get_text()
    assert AT_LEAST not in cost_of(rows).legends[0].get_title().get_text()


def test_the_pareto_front_holds_points_that_no_other_matches_or_beats_in_both() -> None:
    assert pareto_front([(2, 1), (1, 2), (3, 3), (2, 2), (1, 2), (4, 0.5)]) == [1, 0, 5]
    assert pareto_front([(1, 1)]) == [0]
    assert pareto_front([]) == []


def test_contexts_are_panels_and_share_one_heading() -> None:
    figure = curves_of(training_rows() + training_rows(settings=training_settings(steps=800)))
    assert [axes.get_title() for axes in figure.axes] == ["400 steps of 32 examples", "800 steps of 32 examples"]
    assert legend_texts(figure) == ["attention", "hypermixer", "none"]
    assert len(cost_of(training_rows() + training_rows(layers=4)).axes) == 2
    texts = [text.get_text() for text in curves_of(training_rows()).findobj(Text)]  # type: ignore[arg-type]
    assert any("400 steps of 32 examples" in text for text in texts), "studies of one task are told apart"


def test_each_score_of_a_task_has_figures_of_its_own() -> None:
    shares = {"task": "listops", "settings": training_settings()}
    rows = training_rows(score="accuracy", **shares)
    f1 = [replace(row, settings=training_settings(score="macro-f1"), score="macro-f1") for row in rows]
    assert {name: one.score_axis for name, one in task_figures(summarise([*rows, *f1])).items()} == {
        "listops accuracy": "test accuracy (higher is better)",
        "listops macro-f1": "test macro-f1 (higher is better)",
    }
    assert list(task_figures(summarise(f1))) == ["listops"]


def test_runs_that_only_chose_a_learning_rate_make_no_panel() -> None:
    trials = training_rows(("attention",), (2000,), seeds=[0], rates={"attention": 0.003})
    assert len(curves_of(training_rows() + trials).axes) == 1


@pytest.mark.parametrize("score", ["mse", "accuracy"])
@pytest.mark.parametrize(
    "case",
    [
        {"seeds": [0]},
        {"sizes": (250,)},
        {"seeds": [0], "sizes": (250,), "mixers": ("none",)},
        {"seeds": [0, 1], "noise": 2.0},
        {"failures": FAILED},
        {"error": lambda mixer, size: 0.25},
        {"error": lambda mixer, size: 0.0},
        {"error": lambda mixer, size: 1e17 if mixer == "attention" else 0.2},
        {"error": lambda mixer, size: 1e29 if mixer == "none" else 1e-29},
        {"error": lambda mixer, size: 1e-320 if mixer == "attention" else 0.2},
    ],
    ids=[
        "one seed",
        "one size",
        "one run",
        "wide",
        "one mixer failed",
        "all equal",
        "no error at all",
        "exploded",
        "apart",
        "tiny",
    ],
)
def test_a_partial_or_degenerate_grid_is_drawn(score: str, case: dict[str, object]) -> None:
    rows = training_rows(score=score, **case)  # type: ignore[arg-type]
    drawn = drawn_of(rows)
    figures = [curves_figure(drawn, "shapes"), relative_figure(drawn, "shapes", "attention"), cost_figure(drawn, "shapes")]
    for figure in filter(None, figures):
        figure.draw_without_rendering()
        for axes in figure.axes:
            assert all(math.isfinite(end) for end in (*axes.get_xlim(), *axes.get_ylim()))


def test_missing_cells_leave_gaps() -> None:
    rows = [row for row in training_rows() if (row.mixer, row.train_size) != ("none", 500)]
    (axes,) = curves_of(rows).axes
    assert list(map(float, mixer_lines(axes)[BUILT_IN["none"].marker].get_xdata())) == [250, 1000, 2000]


def test_nothing_is_drawn_if_every_run_failed_or_nothing_ran(tmp_path: Path) -> None:
    assert draw_data_efficiency(training_rows(("none",), failures=FAILED), tmp_path / "figures") == []
    assert draw_data_efficiency([], tmp_path / "figures") == []
    assert not (tmp_path / "figures").exists()


def test_dollars_in_a_name_are_not_read_as_mathematics(tmp_path: Path) -> None:
    rows = training_rows(("my.py:Conv:kind=$^$",), (250,), seeds=[0], task="$^$")
    drawn = task_figures(summarise(rows))["$^$"]
    for figure in (curves_figure(drawn, "$^$"), cost_figure(drawn, "$^$")):
        assert figure is not None
        save(figure, tmp_path, "figure", ("svg",))


def test_the_table_of_figures_draws_from_a_results_folder(tmp_path: Path) -> None:
    folder = ResultsFolder(tmp_path / "results")
    assert FIGURES["data-efficiency"](folder, ("png",), None) == []
    with folder.writing():
        folder.append(training_rows(("none",), (250,), seeds=[0]))
    (curve, cost) = FIGURES["data-efficiency"](folder, ("png",), None)
    assert (curve.parent, cost.name) == (folder.figures, "data-efficiency-shapes-cost.png")


@pytest.mark.parametrize("score", ["accuracy", "mse"])
def test_of_many_mixers_the_best_five_stand_out_in_every_figure(score: str, monkeypatch: pytest.MonkeyPatch) -> None:
    names = [f"m.py:M{place:02}" for place in range(12)]
    monkeypatch.setattr("mixbench.verdicts.prominent.MIXERS", (*MIXERS, *names))
    scales = dict(zip(names, range(2, 14), strict=True))
    rows = training_rows(
        ("attention", *names), (100, 1000), error=lambda mixer, size: scales.get(mixer, 20) / size, score=score, seed_noise=0
    )
    (drawn,) = task_figures(summarise(rows), ("M09",)).values()
    shown = {label for label, look in drawn.looks.items() if not look.pale}
    assert shown == {"attention", "M00", "M01", "M02", "M03", "M04", "M09"}
    figures = (curves_figure(drawn, "x"), relative_figure(drawn, "x", "attention"), cost_figure(drawn, "x"))
    for figure in figures:
        assert figure is not None
        assert "6 other mixers" in [text.get_text().strip() for text in texts_of(figure)]


@pytest.mark.filterwarnings("error")
def test_learning_curves_of_one_size_are_drawn_around_it() -> None:
    rows = training_rows(("attention", "hypermixer"), (76_800,), score="accuracy", constant_score=0.03)
    (axes,) = curves_of(rows).axes
    assert axes.get_xlim() == pytest.approx((38_400, 153_600))
