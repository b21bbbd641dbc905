"""A metric is one line in the row type, and a value of that name from the worker: everything else follows."""

from __future__ import annotations

import csv
import json
import shutil

import pytest
from places import HELPERS, REPOSITORY
from running import run_python, search_path

ABOVE = "    page_faults: "
"""Begins the line in `SpeedRow` above which the new metric is put."""
KERNELS = """\
    kernels: int | None = metric(
        "kernels launched per call", "kernels", rule="count", heading=Heading("kernels", "whole"),
        quantity=Quantity("kernels", "Kernels", "kernels per call"),
    )
"""
Texts = dict[str, str]


@pytest.fixture(scope="module")
def texts(tmp_path_factory: pytest.TempPathFactory) -> Texts:
    """What a copy of the package with this one line makes of what the fake worker counts."""
    folder = tmp_path_factory.mktemp("new_metric")
    shutil.copytree(REPOSITORY / "mixbench", folder / "mixbench", ignore=shutil.ignore_patterns("__pycache__"))
    rows = folder / "mixbench" / "tables" / "speed_rows.py"
    before, found, after = rows.read_text().partition(ABOVE)
    assert found
    rows.write_text(before + KERNELS + found + after)
    path = search_path(folder, HELPERS)
    done = run_python(HELPERS / "run_kernels_study.py", folder=folder, PYTHONPATH=path)
    assert done.exit_code == 0, done.stderr
    listed = run_python("-m", "mixbench", "list", "--json", folder=folder, PYTHONPATH=path)
    return {**json.loads(done.stdout), "list": listed.stdout}


def test_every_row_has_it_those_of_a_resumed_study_too(texts: Texts) -> None:
    rows = list(csv.DictReader(texts["csv"].splitlines()))
    assert {row["launch"] for row in rows} == {"1", "2"}
    assert {row["kernels"] for row in rows} == {"12"}


def test_the_table_has_a_column_for_it(texts: Texts) -> None:
    for table, start in (("table", "at 32 tokens"), ("details", "tokens  mixer")):
        lines = texts[table].split("\n")
        header = next(place for place, line in enumerate(lines) if line.startswith(start))
        end = lines[header].index("  kernels") + len("  kernels")
        assert lines[header + 1][:end].endswith("  12")


def test_the_summary_has_it_as_json_and_as_records(texts: Texts) -> None:
    assert {cell["kernels"] for cell in json.loads(texts["json"])["cells"]} == {12}
    assert {record["kernels"] for record in json.loads(texts["records"]) if record["table"] == "cells"} == {12}


def test_any_change_of_it_fails_the_gate(texts: Texts) -> None:
    lines = [line.split() for line in texts["comparison"].split("\n") if line.startswith("slower ") and " · " in line]
    assert len(lines) == 12
    assert all("kernels" in line and "+8.33" in line for line in lines)


@pytest.mark.parametrize("format", ["markdown", "json", "github-action-benchmark", "bencher"])
def test_it_is_exported(texts: Texts, format: str) -> None:
    assert "kernels" in texts[f"export to {format}"]


@pytest.mark.parametrize("format", ["markdown", "json", "junit", "github-action-benchmark", "bencher"])
def test_what_became_of_it_is_exported(texts: Texts, format: str) -> None:
    assert "kernels" in texts[f"comparison as {format}"]


def test_the_data_dictionary_and_the_list_of_metrics_describe_it(texts: Texts) -> None:
    assert "| `kernels` | metric | kernels | lower | kernels launched per call |" in texts["dictionary"].split("\n")
    described = {"name": "kernels", "unit": "kernels", "better": "lower", "meaning": "kernels launched per call"}
    assert described in json.loads(texts["list"])["metrics"]


def test_a_figure_shows_it(texts: Texts) -> None:
    assert "speed-kernels-by-tokens.png" in texts["figures"].split()


def test_a_history_follows_it(texts: Texts) -> None:
    assert "kernels" in texts["tracked"].split()
