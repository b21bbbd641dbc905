"""What a page of a results folder holds: the numbers and marks of the tables that commands print, and what is left out."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
from folders import fill_folder
from synthetic import MACHINE, speed_rows
from synthetic_maps import map_rows, write_maps
from synthetic_training import training_rows, trial_rows

import mixbench
from mixbench.errors import RequestError, UnknownNameError
from mixbench.mixers import MIXERS
from mixbench.plots.style import BACKGROUND
from mixbench.reports.contents import Chart, Contents, Section
from mixbench.reports.sections import MOST_ANSWERS, contents_of
from mixbench.reports.sections.as_tables import notes_of
from mixbench.tables.results import ResultsFolder

MIXED = ("attention", "hypermixer", "mlp-mixer", "none")


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with every table: a failed cell and failed runs, two modes, all mixers of the cost."""
    path = tmp_path_factory.mktemp("whole")
    speed = speed_rows(
        MIXED,
        (64, 128, 256, 512),
        modes=("inference", "training"),
        failures={("mlp-mixer", 512): ("oom", "needs 12 GiB")},
        rounds=3,
    )
    training = training_rows(MIXED, failures={("hypermixer", 2000, 1): ("diverged", "the loss was not finite")})
    # the cost takes what was trained and timed at one shape
    alike = {"layers": 1, "width": 64, "tokens": 128}
    training = [replace(row, **alike) for row in training]
    trials = [replace(row, **alike) for row in trial_rows(MIXED[:3], trials=12, diverged=(3,))]
    maps = map_rows({"attention": 0.45, "hypermixer": 0.3, "none": None}, drawn=(0, 1), seeds=(0, 1, 2))
    fill_folder(path, *speed, training, trials, maps)
    write_maps(maps, path)
    return path


@pytest.fixture(scope="module")
def contents(whole: Path) -> Contents:
    return contents_of(ResultsFolder(whole))


def section(contents: Contents, anchor: str) -> Section:
    return next(section for section in contents.sections if section.anchor == anchor)


def charts(contents: Contents) -> list[Chart]:
    return [chart for section in contents.sections for chart in section.charts]


def lines(chart: Chart) -> dict[str, Mapping[str, Any]]:
    """The line of each mixer by its label: what is drawn first of it with values to read."""
    own = [trace for trace in chart.traces if "legendgroup" in trace and "customdata" in trace]
    return {trace["legendgroup"]: trace for trace in reversed(own)}


def speed_only(path: Path, *tables: Any, **how: Any) -> Contents:
    fill_folder(path, *tables, **how)
    return contents_of(ResultsFolder(path))


def test_a_page_has_a_section_for_every_table(contents: Contents) -> None:
    assert [section.anchor for section in contents.sections] == ["cost", "speed", "data-efficiency", "tune", "attention-map"]
    assert all(section.charts and section.tables and section.answers and section.downloads for section in contents.sections)
    names = [part.name for section in contents.sections for part in (*section.charts, *section.tables)]
    assert len({*names}) == len(names)
    assert 0 < len(contents.answers) <= MOST_ANSWERS
    assert contents.machines
    assert MACHINE["cpu"] in contents.machines[0]


def test_charts_of_speed_show_what_the_summary_says(whole: Path, contents: Contents) -> None:
    summary = mixbench.summary(whole, study="speed")
    cells = summary[(summary["table"] == "cells") & (summary["mode"] == "training")].set_index(["mixer", "tokens"])
    by_title = {chart.title: chart for chart in section(contents, "speed").charts}
    for title, column in (
        ("Latency by tokens · training", "time_ms"),
        ("Latency relative to attention · training", "ratio"),
        ("Peak memory by tokens · training", "peak_memory_mib"),
        ("Operations by tokens · training", "flops"),
    ):
        drawn = lines(by_title[title])
        assert {"attention", "hypermixer", "mlp-mixer"} <= {*drawn}
        for label, trace in drawn.items():
            if (column, label) != ("ratio", "attention"):
                values = [cells.loc[(label, tokens), column] for tokens in trace["x"]]
                assert trace["y"] == pytest.approx(values, rel=1e-5)


def test_tables_hold_what_the_command_line_prints(whole: Path, contents: Contents) -> None:
    from rich.text import Text

    from mixbench.cli.text.attention_map import attention_table
    from mixbench.cli.text.data_efficiency import data_efficiency_table
    from mixbench.cli.text.tune import tuning_table
    from mixbench.tables.training_rows import AttentionMapRow, TrainingRow, TrialRow
    from mixbench.verdicts import attention_map
    from mixbench.verdicts.learning import scores, tune

    folder = ResultsFolder(whole)
    printed: dict[str, Text] = {
        "data-efficiency": data_efficiency_table(scores.summarise(folder.read(TrainingRow)), 80, False),
        "tune": tuning_table(tune.summarise(folder.read(TrialRow)), 80, False),
        "attention-map": attention_table(attention_map.summarise(folder.read(AttentionMapRow)), 80, False),
    }
    for anchor, text in printed.items():
        words = " ".join(text.plain.split())
        for table in section(contents, anchor).tables:
            if not table.name.endswith("failures"):
                for cell in (cell for row in table.rows for cell in row):
                    assert " ".join(cell.text.split()) in words
        for note in section(contents, anchor).notes:
            assert " ".join(note.split()) in words


def test_numbers_of_tables_are_sorted_by_their_value(contents: Contents) -> None:
    table = next(table for table in section(contents, "speed").tables if table.name.startswith("speed-times"))
    for row in table.rows:
        for cell in row[1:]:
            shown = re.match(r"[\d.]+(e-\d+)?", cell.text)
            assert (cell.value is None) == (shown is None)
            assert shown is None or float(shown[0]) == pytest.approx(cell.value, rel=0.006)


def test_failures_are_marked_drawn_and_told_with_their_reasons(contents: Contents) -> None:
    speed = section(contents, "speed")
    marked = [cell for table in speed.tables for row in table.rows for cell in row if cell.mark == "failed: oom"]
    assert {cell.text for cell in marked} == {"oom"}
    failed = next(table for table in speed.tables if table.name == "speed-failures")
    assert next(row[2].text for row in failed.rows if row[0].text == "mlp-mixer") == "oom: needs 12 GiB"
    crossed = [trace for trace in speed.charts[0].traces if trace.get("marker", {}).get("symbol") == "x-thin-open"]
    assert [(trace["legendgroup"], trace["x"], trace["customdata"]) for trace in crossed] == [
        ("mlp-mixer", [512], ["oom: needs 12 GiB"])
    ]
    assert max(crossed[0]["y"]) > max(value for trace in lines(speed.charts[0]).values() for value in trace["y"][:3])
    assert f"Speed: oom ({len(failed.rows)}). Each is in the section's table “{failed.title}”." in contents.warnings
    runs = next(table for table in section(contents, "data-efficiency").tables if table.name == "data-failures")
    assert [cell.text for cell in runs.rows[0]][2] == "diverged: the loss was not finite"
    curve = lines(section(contents, "data-efficiency").charts[0])["hypermixer"]
    assert curve["marker"]["symbol"] == ["cross", "cross", "cross", "cross-open"]
    assert "1 of 5 runs failed" in curve["customdata"][3]


def test_disturbed_times_are_hollow_and_named(tmp_path: Path) -> None:
    speed, launches = speed_rows(("attention", "hypermixer"), (64, 128), contended=0.0, rounds=3)
    disturbed = [replace(row, quality="contended") if (row.mixer, row.tokens) == ("hypermixer", 128) else row for row in speed]
    found = section(speed_only(tmp_path, disturbed, launches), "speed")
    trace = lines(found.charts[0])["hypermixer"]
    assert trace["marker"]["symbol"] == ["cross", "cross-open"]
    assert ["disturbed" in text for text in trace["customdata"]] == [False, True]
    named = [
        trace for trace in found.charts[0].traces if trace["legendgroup"] == "hypermixer" and trace.get("showlegend", True)
    ]
    assert [trace["marker"]["symbol"] for trace in named] == ["cross"]
    assert any(cell.mark == "disturbed" and "!" in cell.text for table in found.tables for row in table.rows for cell in row)
    told = next(table for table in found.tables if table.name == "speed-failures")
    assert [cell.text for cell in told.rows[0]][::2] == ["hypermixer", "disturbed time and ratio: 0 % of its blocks are clean"]


def test_one_launch_has_no_intervals(tmp_path: Path) -> None:
    found = section(speed_only(tmp_path, *speed_rows(launches=1, rounds=2)), "speed")
    assert not [trace for chart in found.charts for trace in chart.traces if trace.get("fill") or "error_x" in trace]
    assert "One launch: no intervals" in found.charts[0].caption


def test_one_seed_and_one_size_have_no_intervals(tmp_path: Path) -> None:
    found = section(speed_only(tmp_path, training_rows(sizes=(500,), seeds=(0,))), "data-efficiency")
    assert not [trace for chart in found.charts for trace in chart.traces if trace.get("fill") or "error_x" in trace]
    assert "One seed" in found.charts[0].caption


def test_a_grey_line_that_is_told_is_drawn_across_rows(tmp_path: Path, contents: Contents) -> None:
    training = [replace(row, constant_score=0.9) for row in training_rows(sizes=(500,), seeds=(0, 1))]
    found = speed_only(tmp_path, training, *speed_rows(tokens=(128,), rounds=2))
    told = {chart.name: chart for chart in (*charts(found), *section(contents, "attention-map").charts)}
    for name in ("data-curves-1-1", "speed-ratio-by-tokens-1", "maps-share-1"):
        upright = next(trace for trace in told[name].traces if trace["mode"] == "lines")
        assert upright["x"][0] == upright["x"][1]
        assert upright["y"][0] < 0 < upright["y"][1]
        low, high = told[name].layout["xaxis"]["range"]
        value = upright["x"][0] if told[name].layout["xaxis"]["type"] == "linear" else math.log10(upright["x"][0])
        assert low <= value <= high


def test_lengths_at_which_two_are_equally_fast_have_a_mark_that_no_mixer_has(contents: Contents) -> None:
    ratio = next(
        chart for chart in section(contents, "speed").charts if chart.title == "Latency relative to attention · training"
    )
    marks = [trace for trace in ratio.traces if str(trace.get("customdata", [""])[0]).startswith("equally fast at")]
    assert marks
    assert "Upright strokes: equally fast" in ratio.caption
    for trace in marks:
        assert trace["legendgroup"] in contents.looks
        assert trace["marker"]["symbol"].removesuffix("-open") not in {look["symbol"] for look in contents.looks.values()}
        assert trace["x"][0] <= trace["x"][1] <= trace["x"][2]


def test_notes_on_one_of_several_contexts_say_which() -> None:
    notes = notes_of(
        ["mqar · width 16 · cpu", "mqar · width 32 · cpu"], [["In brackets: …", "Better: a"], ["In brackets: …", "Better: b"]]
    )
    assert notes == ["In brackets: …", "width 16: Better: a", "width 32: Better: b"]
    assert notes_of(["width 16"], [["In brackets: …"]]) == ["In brackets: …"]


def test_a_map_belongs_to_its_mixer(contents: Contents) -> None:
    for chart in section(contents, "attention-map").charts[1:]:
        needed, *others = chart.traces
        assert "legendgroup" not in needed
        assert {trace["legendgroup"] for trace in others} <= {*contents.looks}


def test_mixers_in_the_background_come_last(tmp_path: Path) -> None:
    found = speed_only(tmp_path, *speed_rows(tuple(MIXERS), (64, 256), launches=2, rounds=1))
    pale = [look["color"] == BACKGROUND.color for look in found.looks.values()]
    assert any(pale)
    assert pale == sorted(pale)


def test_values_at_a_single_size_are_rows(tmp_path: Path) -> None:
    found = section(speed_only(tmp_path, *speed_rows(tokens=(128,), rounds=2)), "speed")
    assert found.charts[0].title == "Latency at 128 tokens"
    assert found.charts[0].layout["yaxis"]["ticktext"] == ["none", "hypermixer", "attention"]
    assert {len(trace["x"]) for trace in found.charts[0].traces} == {1}
    assert not [trace for trace in found.charts[0].traces if trace["mode"] == "lines"]


def test_of_several_machines_the_newest_is_shown_and_the_others_are_told(tmp_path: Path) -> None:
    old, new = speed_rows(rounds=2), speed_rows(rounds=2, seed=1)
    fill_folder(tmp_path, *old, machine={**MACHINE, "cpu": "an older CPU"})
    later = [[replace(row, measured_at=row.measured_at.replace("2025", "2026")) for row in table] for table in new]
    found = speed_only(tmp_path, *later)
    assert found.machines[0].startswith(MACHINE["cpu"])
    assert any("an older CPU" in warning and "not shown" in warning for warning in found.warnings)
    assert MACHINE["cpu"] in found.sections[0].charts[0].traces[-1]["hovertemplate"]


def test_a_wanted_baseline_is_that_of_the_page(whole: Path) -> None:
    found = contents_of(ResultsFolder(whole), "hypermixer")
    assert any("Latency relative to hypermixer" in chart.title for chart in charts(found))
    with pytest.raises(UnknownNameError):
        contents_of(ResultsFolder(whole), "fnet")
    only_one = contents_of(ResultsFolder(whole), "mlp-mixer")
    assert any("mlp-mixer" in sentence for sentence in only_one.answers)


def test_mixers_without_a_baseline_are_shown_alone(tmp_path: Path) -> None:
    speed, launches = speed_rows(("hypermixer",), rounds=2)
    found = section(speed_only(tmp_path, speed, launches), "speed")
    assert found.answers == []
    assert not [chart for chart in found.charts if "relative" in chart.title]


@pytest.mark.parametrize("file", ["speed.csv", "data_efficiency.csv", "tuning.csv", "attention_map.csv"])
def test_a_damaged_table_leaves_the_others(file: str, whole: Path, tmp_path: Path) -> None:
    for table in whole.rglob("*"):
        if table.is_file():
            (tmp_path / table.relative_to(whole)).parent.mkdir(exist_ok=True, parents=True)
            (tmp_path / table.relative_to(whole)).write_bytes(table.read_bytes())
    text = (tmp_path / file).read_text().splitlines()
    text[2] = text[2].replace(",", ";")
    (tmp_path / file).write_text("\n".join(text) + "\n")
    found = contents_of(ResultsFolder(tmp_path))
    assert any(file in warning and "line 3" in warning for warning in found.warnings)
    assert len(found.sections) == (4 if file == "attention_map.csv" else 3)


def test_a_damaged_map_leaves_the_other_figures(tmp_path: Path) -> None:
    maps = map_rows({"attention": 0.45}, drawn=(0, 1))
    fill_folder(tmp_path, maps)
    write_maps(maps, tmp_path)
    next((tmp_path / "attention_maps").glob("*-0.npz")).write_bytes(b"PK")
    found = contents_of(ResultsFolder(tmp_path))
    assert [chart.name for chart in charts(found)] == ["maps-share-1", "maps-1-1"]
    assert any("-0.npz" in warning for warning in found.warnings)


def test_an_empty_folder_is_told(tmp_path: Path) -> None:
    with pytest.raises(RequestError, match="nothing for a page"):
        contents_of(ResultsFolder(tmp_path))


def test_a_torn_line_is_a_warning(tmp_path: Path) -> None:
    fill_folder(tmp_path, *speed_rows(rounds=2))
    with (tmp_path / "speed.csv").open("a") as stream:
        stream.write("attention,{},mi")
    found = contents_of(ResultsFolder(tmp_path))
    assert any("speed.csv" in warning for warning in found.warnings)


HOSTILE = '<script>alert("&")</script> %{x} <b>'


def test_hostile_names_are_shown_as_they_are(tmp_path: Path) -> None:
    failures = {("gmlp", 64): ("error", HOSTILE)}
    speed, launches = speed_rows(("attention", "hypermixer", "gmlp"), rounds=2, failures=failures)
    named = [replace(row, mixer=HOSTILE) if row.mixer == "hypermixer" else row for row in speed]
    task = training_rows(("attention", "hypermixer"), seeds=(0, 1), task=HOSTILE)
    found = speed_only(tmp_path, named, launches, task)
    for chart in charts(found):
        for text in _texts([*chart.traces, chart.layout]):
            assert "<script" not in text
            assert "<b> " not in text
        tree = ElementTree.fromstring(chart.svg)
        assert {element.tag.rpartition("}")[2] for element in tree.iter()} <= {"svg", "g", "path", "text", "title", "image"}
        templates = [trace["hovertemplate"] for trace in chart.traces if "hovertemplate" in trace]
        assert all("%{x} <" not in template for template in templates)
    label = next(label for label in found.looks if HOSTILE in label)
    shown = {trace["name"] for trace in section(found, "speed").charts[0].traces if trace["legendgroup"] == label}
    assert shown == {label.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")}


def _texts(value: Any, key: str = "") -> list[str]:
    """Every text that plotly may read as HTML: not the groups of a legend."""
    if isinstance(value, str):
        return [] if key == "legendgroup" else [re.sub(r"</?b>%\{fullData.name\}|</b>|<br>|</?extra>", "", value)]
    if isinstance(value, Mapping):
        return [text for name, own in value.items() for text in _texts(own, name)]
    if isinstance(value, Sequence):
        return [text for own in value for text in _texts(own, key)]
    return []


def test_every_mixer_looks_the_same_in_all_charts(contents: Contents) -> None:
    for chart in charts(contents):
        for trace in chart.traces:
            if trace.get("legendgroup") in contents.looks and trace["type"] == "scatter" and "cost" not in chart.name:
                look = contents.looks[trace["legendgroup"]]
                assert trace.get("line", {}).get("color", look["color"]) == look["color"]
                assert trace.get("marker", {}).get("color", look["color"]) == look["color"]


def test_many_mixers_stay_readable(tmp_path: Path) -> None:
    every = tuple(name for name, mixer in MIXERS.items())
    found = speed_only(tmp_path, *speed_rows(every, (64, 256, 1024), launches=3, rounds=1))
    chart = section(found, "speed").charts[0]
    assert {*lines(chart)} == {*found.looks}
    legend = [trace for trace in chart.traces if trace.get("showlegend", True)]
    grey = [trace for trace in chart.traces if trace.get("line", {}).get("color") == "#c4c4c4"]
    assert 4 <= len(legend) <= 12
    assert len(legend) + len(grey) == len(every)
    assert all(trace["customdata"] for trace in grey)
    assert len(json.dumps(chart.traces)) + len(chart.svg) < 60_000


def test_downloads_have_launches_but_no_blocks(whole: Path, contents: Contents) -> None:
    files = {download.file: download.text for section in contents.sections for download in section.downloads}
    launches = files["speed-launches.csv"].splitlines()
    summary = mixbench.summary(whole, study="speed")
    assert len(launches) == 1 + int(summary[summary["table"] == "cells"]["launches"].sum())
    assert {"speed-summary.csv", "data-efficiency-seeds.csv", "tuning-trials.csv", "cost.csv"} <= {*files}


def test_commands_make_the_rows_again(contents: Contents) -> None:
    speed, training, tuning = contents.commands
    assert speed.startswith("mixbench speed --mixer attention --mixer mlp-mixer --mixer hypermixer --mixer none")
    assert "--tokens 64,128,256,512 --mode inference,training" in speed
    assert training.startswith("mixbench data-efficiency")
    assert "--sizes 250,500,1000,2000 --seeds 5" in training
    assert tuning.startswith("mixbench tune")
    assert "--trials 12" in tuning


def test_static_figures_are_whole_and_share_no_ids(contents: Contents) -> None:
    for chart in charts(contents):
        tree = ElementTree.fromstring(chart.svg)
        assert not [element for element in tree.iter() if "id" in element.attrib]
        assert tree.attrib["aria-label"] == chart.title
        texts = {element.text for element in tree.iter() if element.tag.endswith("text")}
        titles = {chart.layout[axis].get("title", {}).get("text", "") for axis in ("xaxis", "yaxis")} - {""}
        assert titles <= texts
    links = re.findall(r'(?:href|src)="([^"]{0,20})', "".join(chart.svg for chart in charts(contents)))
    assert all(link.startswith("data:image/png") for link in links)


def test_plotly_accepts_every_chart(contents: Contents) -> None:
    graph_objects = pytest.importorskip("plotly.graph_objects")
    for chart in charts(contents):
        graph_objects.Figure({"data": chart.traces, "layout": chart.layout})
