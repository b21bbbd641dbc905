"""`mixbench list`: everything that can be named, as text and as JSON."""

from __future__ import annotations

import json
import re
from importlib.metadata import EntryPoint

import pytest

from mixbench.api import catalogue
from mixbench.api.catalogue_options import CatalogueOptions
from mixbench.cli.text import list as text
from mixbench.cli.text.page import layout
from mixbench.mixers import FAMILIES, MIXERS, plugins
from mixbench.tables.columns import FAILURES, STATUSES, columns
from mixbench.tables.speed_rows import SpeedRow


@pytest.fixture
def printed(run):
    return run("list", "--details").stdout


@pytest.fixture
def short(run):
    return run("list").stdout


def test_mixers_stand_by_family_with_what_they_can_do(short):
    lines = short.splitlines()
    for family in FAMILIES.values():
        start = lines.index(family.title)
        rows = lines[start + 2 : start + 2 + len(family.mixers)]
        mixers = sorted(family.mixers, key=lambda mixer: [*MIXERS].index(mixer.name))
        assert [row.split()[0] for row in rows] == [mixer.name for mixer in mixers]
        for mixer, row in zip(mixers, rows, strict=True):
            padding = "masked" if mixer.honours_mask else "counts"
            assert row.split()[1:4] == [mixer.causality, mixer.length, padding]
            assert row.endswith(mixer.state or "–")


def test_a_name_shows_a_mixer_or_a_task_with_its_options_and_nothing_else(run):
    shown = run("list", "attention", "mqar").stdout
    assert "heads=4" in shown
    assert "mqar" in shown
    assert "hypermixer" not in shown
    assert "Metrics" not in shown
    wrong = run("list", "attentoin")
    assert wrong.exit_code == 2
    assert "Did you mean 'attention'?" in wrong.stderr


def test_every_mixer_stands_with_its_summary_and_paper(printed):
    for mixer in MIXERS.values():
        assert mixer.summary in printed
        assert mixer.paper in printed


def test_every_option_stands_with_its_default_and_what_can_be_typed(printed):
    for mixer in MIXERS.values():
        for option in mixer.options:
            default = str(option.default).lower() if option.kind == "flag" else option.default
            assert f"    {option.name}={default}" in printed
            assert f"{option.meaning} ({option.expected})" in printed


def test_what_a_default_shows_can_be_typed():
    for mixer in MIXERS.values():
        typed = {option.name: text._typed(option.default) for option in mixer.options}
        assert mixer.config(typed) == mixer.config({})


def test_what_a_mixer_cannot_do_is_said(printed):
    assert "padded tokens take part; any number of tokens; not causal" in printed[printed.index("  fnet") :]
    assert "padded tokens are masked; a fixed number of tokens" in printed[printed.index("  mlp-mixer") :]


def test_every_metric_stands_with_unit_and_direction(printed):
    assert "wall time per call" in printed
    assert "(tokens/s, higher is better)" in printed
    metrics = [name for name, column in columns(SpeedRow).items() if column.role == "metric"]
    assert [metric["name"] for metric in catalogue.describe(CatalogueOptions())["metrics"]] == metrics


def test_every_status_has_a_meaning_and_failures_are_marked(printed):
    assert tuple(catalogue.STATUS_MEANINGS) == STATUSES
    for status in STATUSES:
        assert f"  {status + '*' * (status in FAILURES)} " in printed


def test_the_users_own_mixer_is_explained(printed):
    assert "--mixer path/to/file.py:ClassName" in printed
    assert "mixbench.mixers" in printed


def test_installed_plugins_are_listed(run, monkeypatch):
    names = ("mamba", "attention", "all", "my:own", "my own", "twice", "twice")
    points = [EntryPoint(name, f"package:M{place}", "") for place, name in enumerate(names)]
    monkeypatch.setattr(plugins, "entry_points", lambda group: points)
    lines = run("list").stdout.splitlines()
    told = [re.split(r"  +", line.strip()) for line in lines if "installed: package" in line]
    disagree = "not usable, because installed packages disagree: package:M5 and package:M6"
    assert told == [
        ["mamba", "installed: package:M0"],
        ["attention", "installed: package:M1; not usable, because a built-in mixer has this name"],
        ["all", "installed: package:M2; not usable, because --mixer all names every built-in mixer"],
        ["my:own", "installed: package:M3; not usable, because --mixer cannot name it: use letters, digits, - and _"],
        ["my own", "installed: package:M4"],
        ["twice", f"installed: package:M5; {disagree}"],
        ["twice", f"installed: package:M6; {disagree}"],
    ]


def test_json_holds_the_same(run):
    found = json.loads(run("list", "--json").stdout)
    assert [mixer["name"] for mixer in found["mixers"]] == list(MIXERS)
    assert found["mixers"][0]["options"][0] == {
        "name": "heads",
        "default": 4,
        "expected": "a positive whole number",
        "meaning": "parallel groups of channels",
    }
    assert {status["name"] for status in found["statuses"] if status["failure"]} == set(FAILURES)


@pytest.mark.parametrize("details", [False, True])
@pytest.mark.parametrize("width", [80, 120])
def test_the_list_fits_a_terminal(width, details):
    for section in text.sections(catalogue.describe(CatalogueOptions()), details=details):
        assert max(map(len, layout(section.lines, width))) <= width


def test_the_free_size_of_a_mixer_is_named(run):
    assert "free size for --match: rank" in run("list", "linformer").stdout
    assert "--match" not in run("list", "fnet").stdout
