from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.markers import CARETRIGHTBASE, CARETUPBASE
from matplotlib.text import Text
from synthetic import speed_rows

from mixbench.errors import StorageError, UnknownNameError
from mixbench.mixers import MIXERS
from mixbench.plots import FIGURES
from mixbench.plots.notes import AT_LEAST, OPERATIONS
from mixbench.plots.speed import QUANTITIES, draw_speed, size_figure
from mixbench.plots.speed_panels import MOST_PANELS, Size
from mixbench.plots.speed_ratio import ratio_figure
from mixbench.plots.style import BUILT_IN, FORMATS, line_styles, save
from mixbench.plots.time_by_flops import flops_figure
from mixbench.tables.remarks import lower_bound
from mixbench.tables.results import ResultsFolder
from mixbench.tables.speed_rows import LaunchRow, SpeedRow
from mixbench.verdicts.speed.summary import summarise

Table = tuple[list[SpeedRow], list[LaunchRow]]


def figure_of(table: Table, metric: str = "latency_ms", size: Size = "tokens") -> Figure:
    figure = size_figure(summarise(*table), (metric,), size)
    assert figure is not None
    return figure


def mixer_lines(axes: Axes) -> list[Line2D]:
    return [line for line in axes.lines if line.get_marker() not in ("None", ".", "x")]


def legend_texts(holder: Axes | Figure) -> list[str]:
    legend = holder.get_legend() if isinstance(holder, Axes) else holder.legends[0]
    assert legend is not None
    return [text.get_text() for text in legend.get_texts()]


def power_law(mixer: str, tokens: int, width: int, batch: int, mode: str) -> float:
    return 1e-4 * tokens ** (2 if mixer == "attention" else 1)


def test_every_figure_of_a_sweep_over_tokens_and_width_is_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Figure, "savefig", lambda figure, path, **options: path.touch())
    table = speed_rows(("hypermixer",), (64, 128), widths=(32, 64), launches=2, rounds=1)
    paths = draw_speed(*table, tmp_path / "figures", ("png", "svg"))
    by_size = [
        f"speed-{name}-by-{size}" for size in ("tokens", "width") for name in ("latency", "throughput", "memory", "flops")
    ]
    names = [f"{name}.{kind}" for name in (*by_size, "speed-time-by-flops") for kind in ("png", "svg")]
    assert [path.name for path in paths] == names
    assert sorted(path.name for path in (tmp_path / "figures").iterdir()) == sorted(names)


def test_a_context_in_which_every_cell_failed_is_no_panel() -> None:
    good, launches = speed_rows(("attention", "fnet"), (64, 128), widths=(32, 64), launches=2, rounds=1)
    typo = {(mixer, 9_999_999): ("oom", "needs 9 TiB") for mixer in ("attention", "hypermixer")}
    failed, _ = speed_rows(("attention", "hypermixer"), (9_999_999,), batches=(7,), failures=typo)
    clean, summary = summarise(good, launches), summarise([*good, *failed], launches)
    for size in ("tokens", "width"):
        before, after = (size_figure(each, ("latency_ms",), size) for each in (clean, summary))
        assert before is not None
        assert after is not None
        assert [axes.get_title() for axes in after.axes] == [axes.get_title() for axes in before.axes]
        assert legend_texts(after) == legend_texts(before)
    for draw in (flops_figure, ratio_figure):
        figure = draw(summary)
        assert figure is not None
        assert len(figure.axes) == 2
    assert size_figure(summarise(failed, []), ("latency_ms",), "tokens") is None


def test_a_figure_is_written_in_each_format_with_the_same_bytes_every_time(tmp_path: Path) -> None:
    table = speed_rows(("attention",), (64,), launches=1, rounds=1)
    first, again = (save(figure_of(table), tmp_path / folder, "latency", FORMATS) for folder in ("one", "two"))
    starts = {path.suffix: path.read_bytes()[:5] for path in first}
    assert starts == {".png": b"\x89PNG\r", ".svg": b"<?xml", ".pdf": b"%PDF-"}
    assert [path.read_bytes() for path in first] == [path.read_bytes() for path in again]


def test_each_mixer_is_one_line_through_the_points_of_the_summary() -> None:
    table = speed_rows(("attention", "fnet", "none"), (64, 128, 256), launches=3)
    (axes,) = figure_of(table).axes
    cells = summarise(*table).cells
    drawn = {line.get_marker(): list(map(float, line.get_ydata())) for line in mixer_lines(axes)}
    for name in ("attention", "fnet", "none"):
        points = [cell.latency_ms.point for cell in cells if cell.label == name and cell.latency_ms]
        assert drawn.pop(BUILT_IN[name].marker) == pytest.approx(points)
    assert not drawn


def test_intervals_of_growth_are_announced_only_where_they_are_given() -> None:
    summary = summarise(*speed_rows(("attention", "hypermixer"), (64, 128, 256)))
    for metric, told in (("latency_ms", True), ("flops", False)):
        figure = size_figure(summary, [metric], "tokens")
        assert figure is not None
        notes = [text.get_text() for text in figure.findobj(Text) if text.get_text().startswith("powers of N")]
        assert [", with 95 % intervals" in note for note in notes] == [told]


def test_the_legend_gives_the_exponent_of_growth_beside_the_name() -> None:
    table = speed_rows(("attention", "none"), (64, 128, 256), launch_noise=0, round_noise=0, latency_ms=power_law)
    (axes,) = figure_of(table).axes
    assert legend_texts(axes) == [
        rf"{name}  $N^\text{{{power}}}$ ({power} to {power})" for name, power in (("attention", "2.00"), ("none", "1.00"))
    ]


def test_contexts_are_panels_with_one_legend_below() -> None:
    table = speed_rows(("attention", "none"), (64, 128, 256), modes=("inference", "training"), dtypes=("float32", "bfloat16"))
    figure = figure_of(table)
    titles = [axes.get_title() for axes in figure.axes]
    assert titles == ["bfloat16", "float32", "", ""]
    assert [axes.get_ylabel().split("\n")[0] for axes in figure.axes] == ["inference", "", "training", ""]
    assert [len(mixer_lines(axes)) for axes in figure.axes] == [2] * 4
    assert legend_texts(figure) == ["attention", "none"]
    assert all(text.startswith("$N^") for axes in figure.axes for text in legend_texts(axes))


def test_never_more_than_four_panels_stand_beside_each_other() -> None:
    figure = figure_of(speed_rows(("none",), (64,), widths=(8, 16, 32, 64, 128), launches=1, rounds=1))
    columns = [axes.get_subplotspec().colspan.start for axes in figure.axes]  # type: ignore[union-attr]
    assert columns == [0, 1, 2, 0, 1]


def test_a_failed_cell_is_a_cross_with_its_status() -> None:
    failures = {("attention", 256): ("oom", "too large"), ("attention", 512): ("oom", "too large")}
    (axes,) = figure_of(speed_rows(("attention", "none"), (64, 256, 512), failures=failures)).axes
    (crosses,) = [line for line in axes.lines if line.get_marker() == "x"]
    assert list(map(float, crosses.get_xdata())) == [256, 512]
    assert [text.get_text() for text in axes.texts] == ["attention: oom"]
    (strip,) = axes.patches
    highest = max(float(value) for line in mixer_lines(axes) for value in line.get_ydata())
    assert highest < strip.get_window_extent().transformed(axes.transData.inverted()).y0
    assert strip.get_window_extent().transformed(axes.transAxes.inverted()).y0 < min(map(float, crosses.get_ydata())) - 0.05


def test_a_mixer_that_always_failed_is_named_at_its_crosses_and_not_in_the_legend() -> None:
    (axes,) = figure_of(speed_rows(("attention", "fnet"), (64,), failures={("fnet", 64): ("unsupported", "")})).axes
    assert legend_texts(axes) == ["attention"]
    assert [text.get_text() for text in axes.texts] == ["fnet: unsupported"]


def test_many_unsupported_mixers_are_counted_and_leave_the_figure_to_the_others() -> None:
    lacking = [name for name in MIXERS if name not in ("attention", "fnet")][:20]
    failures = {(name, tokens): ("unsupported", "") for name in lacking for tokens in (64, 128)}
    rows = speed_rows(("attention", "fnet", *lacking), (64, 128), failures=failures | {("fnet", 128): ("oom", "")}, launches=1)
    figure = figure_of(rows)
    (crosses,) = [line for line in figure.axes[0].lines if line.get_marker() == "x"]
    assert list(map(float, crosses.get_xdata())) == [128]
    assert any("not drawn: 20 mixers (unsupported)" in text.get_text() for text in figure.findobj(Text))


@pytest.mark.parametrize("tokens", [(64, 128), (64,)], ids=["band", "bar"])
@pytest.mark.parametrize(("launches", "intervals", "dots"), [(1, 0, 0), (4, 1, 4), (13, 1, 0)])
def test_an_interval_and_dots_stand_for_launches(tokens: Sequence[int], launches: int, intervals: int, dots: int) -> None:
    (axes,) = figure_of(speed_rows(("attention",), tokens, launches=launches, rounds=2)).axes
    drawn = [len(list(line.get_xdata())) for line in axes.lines if line.get_marker() == "."]
    assert len(axes.collections) == intervals
    assert sum(drawn) == dots * len(tokens)


@pytest.mark.parametrize("metric", QUANTITIES)
def test_a_single_point_of_a_single_mixer_in_a_single_launch_is_drawn(metric: str) -> None:
    modes = ("decode",) if metric == "state_mib" else ("inference",)
    table = speed_rows(("hypermixer",), (64,), modes=modes, devices=("cuda",), launches=1, rounds=1)
    (axes,) = figure_of(table, metric).axes
    assert len(mixer_lines(axes)) == 1


def test_a_partial_grid_is_drawn_as_far_as_it_goes() -> None:
    rows, launches = speed_rows(("attention", "none"), (64, 128, 256), launches=3)
    partial = [row for row in rows if (row.mixer, row.tokens) != ("none", 256)]
    (axes,) = figure_of((partial, launches)).axes
    assert sorted(len(list(line.get_xdata())) for line in mixer_lines(axes)) == [2, 3]


def test_ticks_are_the_measured_sizes_as_plain_numbers() -> None:
    figure = figure_of(speed_rows(("none",), (64, 128, 100, 1024), launches=1, rounds=1))
    figure.draw_without_rendering()
    assert [text.get_text() for text in figure.axes[0].get_xticklabels()] == ["1024", "128", "64"]


def test_nothing_is_drawn_against_a_width_that_was_not_swept() -> None:
    summary = summarise(*speed_rows())
    assert size_figure(summary, ("latency_ms",), "width") is None
    assert size_figure(summarise([], []), ("latency_ms",), "tokens") is None
    assert flops_figure(summarise([], [])) is None


def test_a_quantity_that_no_row_has_gives_no_figure() -> None:
    rows, launches = speed_rows()
    summary = summarise([replace(row, peak_memory_mib=None) for row in rows], launches)
    assert size_figure(summary, ("peak_memory_mib",), "tokens") is None


def test_time_against_flops_shows_the_peak_and_says_what_has_no_flops() -> None:
    figure = flops_figure(summarise(*speed_rows(("attention", "none"))))
    assert figure is not None
    assert "measured peak 80 GFLOP/s" in [text.get_text() for text in figure.axes[0].texts]
    assert legend_texts(figure) == ["attention"]
    assert "not drawn: none (no FLOPs)" in caption_of(figure)
    without_peak = flops_figure(summarise(speed_rows(("attention",))[0], []))
    assert without_peak is not None
    assert not [text for text in without_peak.axes[0].texts if "peak" in text.get_text()]


def bounded(table: Table) -> Table:
    """The table with FLOPs of hypermixer that are lower bounds."""
    rows, launches = table
    detail = lower_bound("flops", ["foo"])
    return [replace(row, detail=detail) if row.mixer == "hypermixer" else row for row in rows], launches


def arrows(axes: Axes, kind: object) -> list[tuple[float, float]]:
    found = [line for line in axes.lines if line.get_marker() == kind]
    return [point for line in found for point in zip(line.get_xdata(), line.get_ydata(), strict=True)]


@pytest.mark.parametrize("batches", [(1,), (1, 2)], ids=["one panel", "two panels"])
def test_flops_that_are_lower_bounds_are_marked_in_both_figures_and_explained(batches: tuple[int, ...]) -> None:
    table = bounded(speed_rows(("attention", "hypermixer"), (64, 128, 256), batches=batches, launches=2, rounds=1))
    figure = figure_of(table, "flops")
    for axes in figure.axes:
        assert sum(label.endswith(" (≥)") for label in legend_texts(axes)) == 1
        assert len(arrows(axes, CARETUPBASE)) == 3
    assert AT_LEAST in caption_of(figure)
    times = flops_figure(summarise(*table))
    assert times is not None
    assert legend_texts(times) == ["attention", "hypermixer (≥)"]
    assert [len(arrows(axes, CARETRIGHTBASE)) for axes in times.axes] == [3] * len(batches)
    assert AT_LEAST in caption_of(times)


@pytest.mark.parametrize("batches", [(1,), (1, 2)], ids=["one panel", "two panels"])
def test_a_lower_bound_of_0_is_said_where_it_cannot_be_drawn(batches: tuple[int, ...]) -> None:
    rows, launches = bounded(speed_rows(("attention", "hypermixer", "none"), (64, 128), batches=batches, launches=2, rounds=1))
    table = [replace(row, flops=0) if row.mixer == "hypermixer" else row for row in rows], launches
    times, counts = flops_figure(summarise(*table)), figure_of(table, "flops")
    assert times is not None
    note = "not drawn: hypermixer (FLOPs ≥ 0), none (no FLOPs)"
    for figure in (times, counts):
        assert note in caption_of(figure)
        assert legend_texts(figure if figure.legends else figure.axes[0]) == ["attention"]
    assert AT_LEAST in caption_of(times)
    assert AT_LEAST in caption_of(counts)


def test_times_that_are_very_far_apart_are_drawn(tmp_path: Path) -> None:
    failures = {("none", 256): ("oom", "")}
    rows, launches = speed_rows(("attention", "none"), (64, 256), launches=1, rounds=1, failures=failures)
    rows = [replace(row, latency_ms=1e-30) if row.mixer == "attention" else row for row in rows]
    assert draw_speed(rows, launches, tmp_path)


def test_the_interval_of_two_launches_that_differ_wildly_does_not_hide_the_others() -> None:
    rows, launches = speed_rows(("attention", "none"), (64, 256), launches=2, rounds=1)
    (axes,) = figure_of(([replace(rows[0], latency_ms=1e6), *rows[1:]], launches)).axes
    assert axes.get_ylim()[1] < 1e10


def test_exact_flops_have_no_mark_but_what_they_leave_out_is_said() -> None:
    table = speed_rows(("attention", "hypermixer"), (64, 128), launches=2, rounds=1)
    for figure in (figure_of(table, "flops"), flops_figure(summarise(*table))):
        assert figure is not None
        assert caption_of(figure) == OPERATIONS
        assert "≥" not in "".join(legend_texts(figure if figure.legends else figure.axes[0]))
    assert OPERATIONS not in caption_of(figure_of(table, "latency_ms"))


def caption_of(figure: Figure) -> str:
    """The note below a figure, wherever it stands."""
    text = figure.legends[0].get_title().get_text() if figure.legends else figure.get_supxlabel()
    return text.replace("\n", " ")


def test_built_in_mixers_differ_in_colour_marker_and_line() -> None:
    looks = list(BUILT_IN.values())
    assert len({look.color for look in looks}) == len({look.marker for look in looks}) == len(looks)
    # hypermixer and attention, the two that every figure compares, are both solid: black and the brightest colour
    assert len({look.line for look in looks}) == len(looks) - 1


def test_other_mixers_get_their_own_style_in_a_stable_order() -> None:
    mixers = [
        ("b.py:Second", "{}"),
        ("hypermixer", '{"heads":4}'),
        ("attention", "{}"),
        ("a.py:First", "{}"),
        ("hypermixer", "{}"),
    ]
    looks = line_styles(mixers)
    assert looks == line_styles(reversed(mixers))
    assert looks["hypermixer"] == BUILT_IN["hypermixer"]
    assert looks["hypermixer heads=4"] not in BUILT_IN.values()
    assert len(set(looks.values())) == len(mixers)


def test_the_only_config_of_a_built_in_mixer_keeps_its_style() -> None:
    assert line_styles([("hypermixer", '{"heads":4}')]) == {"hypermixer heads=4": BUILT_IN["hypermixer"]}


def test_dollars_in_an_option_are_not_read_as_mathematics(tmp_path: Path) -> None:
    figure = figure_of(speed_rows(("my.py:Conv:kind=$^$",), (64,), launches=1, rounds=1))
    save(figure, tmp_path, "figure", ("svg",))
    assert legend_texts(figure.axes[0]) == [r"Conv kind=\$^\$"]


def test_an_unknown_format_is_refused_before_anything_is_written(tmp_path: Path) -> None:
    with pytest.raises(UnknownNameError, match="unknown format 'jpg' for figures"):
        draw_speed(*speed_rows(), tmp_path / "figures", ("png", "jpg"))
    assert not (tmp_path / "figures").exists()


def test_a_folder_that_cannot_be_written_is_an_error_with_its_name(tmp_path: Path) -> None:
    (tmp_path / "figures").write_text("a file")
    with pytest.raises(StorageError, match="figures"):
        draw_speed(*speed_rows(("none",), (64,), launches=1, rounds=1), tmp_path / "figures")


def test_the_table_of_figures_draws_from_a_results_folder(tmp_path: Path) -> None:
    folder = ResultsFolder(tmp_path / "results")
    formats: Sequence[str] = ("png",)
    assert FIGURES["speed"](folder, formats, None) == []
    rows, launches = speed_rows(("none",), (64,), launches=1, rounds=1)
    with folder.writing():
        folder.append(rows)
        folder.append(launches)
    paths = FIGURES["speed"](folder, formats, None)
    assert [path.parent for path in paths] == [folder.figures] * len(paths)
    assert paths


def test_a_cell_that_failed_far_beyond_all_measured_lengths_is_told_and_does_not_stretch_the_axis() -> None:
    failures = {("none", 9_999_999): ("oom", "too long"), ("none", 256): ("timeout", "")}
    rows, launches = speed_rows(("attention", "none"), (64, 128, 256), failures=failures)
    typo = [replace(row, tokens=9_999_999) for row in rows if row.mixer == "none" and row.tokens == 256]
    figure = size_figure(summarise([*rows, *typo], launches), ["latency_ms"], "tokens")
    assert figure is not None
    assert figure.axes[0].get_xlim()[1] < 1000
    assert any("not drawn: none at 9999999 tokens (timeout)" in text.get_text() for text in figure.findobj(Text))
    assert any("none: timeout" in text.get_text() for text in figure.findobj(Text))  # the other is a cross


def test_a_gpu_is_drawn_with_device_time_and_its_name_on_the_axis() -> None:
    rows, launches = speed_rows(("attention", "fnet"), (64, 128, 256), devices=("cuda",), launch_noise=0)
    slow = [replace(row, latency_ms=1e3) for row in rows]
    for table in ((rows, launches), (slow, launches)):
        (axes,) = (figure := figure_of(table)).axes
        assert axes.get_ylabel() == "device time per call (ms)"
        assert figure.get_suptitle().startswith("Device time against tokens")
        assert max(max(line.get_ydata()) for line in mixer_lines(axes)) < 1  # type: ignore[type-var,arg-type]
    summary = summarise(slow, launches)
    (axes,) = ratio_figure(summary).axes  # type: ignore[union-attr]
    assert axes.get_ylabel() == "relative device time"
    (axes,) = flops_figure(summary).axes  # type: ignore[union-attr]
    assert axes.get_ylabel() == "device time per call (ms)"


def test_each_device_has_an_axis_of_its_own_kind_of_time() -> None:
    table = speed_rows(
        ("attention", "fnet"), (64, 128), devices=("cpu", "cuda"), failures={("fnet", 128): ("oom", "needs 12 GiB")}
    )
    figure = figure_of(table)
    assert [axes.get_ylabel() for axes in figure.axes] == ["latency per call (ms)", "device time per call (ms)"]
    assert figure.get_suptitle().startswith("Latency and device time against tokens")
    assert all(any("oom" in text.get_text() for text in axes.texts) for axes in figure.axes), "crosses in both"
    (of_the_gpu,) = figure_of(table, "device_ms").axes
    assert of_the_gpu.get_ylabel() == "device time per call (ms)"


def test_device_time_is_drawn_twice_only_on_request(tmp_path: Path) -> None:
    table = speed_rows(("attention", "fnet"), (64, 128), devices=("cuda",))
    names = [path.name for path in draw_speed(*table, tmp_path)]
    assert "speed-latency-by-tokens.png" in names
    assert not any("device" in name for name in names)
    (path,) = draw_speed(*table, tmp_path, metrics=("device_ms", "peak_memory_mib"))
    assert path.name == "speed-device-time-memory-by-tokens.png"


def test_decode_is_drawn_as_latency_per_token_state_and_memory_against_the_context(tmp_path: Path) -> None:
    table = speed_rows(("attention", "min-gru"), (64, 128, 256), modes=("decode",), launches=2, rounds=2)
    figure = figure_of(table)
    assert figure.get_suptitle().startswith("Latency per token against context")
    assert (figure.axes[0].get_xlabel(), figure.axes[0].get_ylabel()) == ("context (tokens)", "latency per token (ms)")
    assert any("one step of the whole batch" in text.get_text() for text in figure.findobj(Text))
    assert figure_of(table, "state_mib").get_suptitle().startswith("State against context")
    ratios = ratio_figure(summarise(*table))
    assert ratios is not None
    assert (ratios.axes[0].get_xlabel(), ratios.axes[0].get_ylabel()) == ("context (tokens)", "relative latency per token")
    names = {path.name for path in draw_speed(*table, tmp_path)}
    assert {f"speed-{name}-by-tokens.png" for name in ("latency", "state", "memory", "throughput")} <= names


def test_decode_has_an_axis_of_its_own_beside_whole_sequences() -> None:
    figure = figure_of(speed_rows(("attention", "min-gru"), (64, 128), modes=("decode", "inference"), launches=2, rounds=2))
    assert {axes.get_ylabel() for axes in figure.axes} == {"latency per token (ms)", "latency per call (ms)"}
    assert figure.axes[0].get_xlabel() in ("tokens", "")


def test_of_very_many_contexts_some_are_drawn_and_the_others_can_be_chosen() -> None:
    widths = range(64, 64 * (MOST_PANELS + 8), 64)
    figure = ratio_figure(summarise(*speed_rows(("attention", "fnet"), (64,), widths=widths, launches=2, rounds=1)))
    assert figure is not None
    titles = [axes.get_title() for axes in figure.axes]
    assert (len(titles), titles[0], titles[-1]) == (MOST_PANELS, "width 64", f"width {widths[-1]}")
    told = " ".join(text.get_text() for text in figure.findobj(Text)).replace("\n", " ")
    assert f"{MOST_PANELS} of {len(widths)} panels; to draw others, choose them by --width" in told
