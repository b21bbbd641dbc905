"""Study files as hurried and hostile people write them: each is planned, or refused with its lines; nothing is carried out."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import test_fuzz_commands as commands
from fuzzing import CASES, run_command
from hypothesis import example, given, settings
from hypothesis import strategies as st

FILE = """\
title = "A study"
[mixers]
mixer = ["attention", "none"]
baseline = "attention"
[model]
width = 8
learning-rate = "auto"
[[speed]]
tokens = "8..32"
mode = "inference,training"
[[speed]]
tokens = [8, 16]
[data-efficiency]
task = "majority"
sizes = [0.5, 1.0]
[tune]
task = "majority"
trials = 3
range = ["dropout=0..0.5"]
[attention-map]
task = "shapes"
learning-rate = 0.01
[cost]
target = [0.5]
[claims.cheaper]
claim = "It is cheaper."
rule = "faster"
mixer = "none"
[scale.tiny.tune]
trials = 2
[scale.tiny.claims.cheaper]
below = 0.9
[[scale.large.speed]]
tokens = 64
"""
LINES = FILE.splitlines()
TOKENS = [
    "[",
    "]",
    "[[",
    "{",
    "}",
    '"',
    "'''",
    "=",
    ".",
    ",",
    "#",
    "\\",
    "\n",
    "\r",
    "\0",
    "é",
    "\ud800",
    "-1",
    "1e999",
    "true",
]
TOKENS += ["[speed]", "[claims]", "[scale]", "scale = 1", "a.b = 2", "1979-05-27", "nan", "9" * 5000, "[" * 3000, "\ufeff"]


@st.composite
def damaged_files(draw: st.DrawFn) -> str:
    """A sound file with lines that are left out, doubled, exchanged, cut, or have something put in."""
    lines = list(LINES)
    for _ in range(draw(st.integers(1, 4))):
        place = draw(st.integers(0, max(0, len(lines) - 1)))
        own = lines[place] if lines else ""
        cut = draw(st.integers(0, len(own)))
        how = draw(st.sampled_from(["drop", "double", "swap", "cut", "put", "value"]))
        other = draw(st.sampled_from(LINES))
        new = {
            "drop": [],
            "double": [own, own],
            "swap": [other],
            "cut": [own[:cut]],
            "put": [own[:cut] + draw(st.sampled_from(TOKENS)) + own[cut:]],
            "value": [own.partition("=")[0] + "=" + other.partition("=")[2]],
        }[how]
        lines[place : place + 1] = new
    return "\n".join(lines)


@pytest.fixture(autouse=True, scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A folder to work in, where nothing can be measured, trained or downloaded."""
    with pytest.MonkeyPatch.context() as patch:
        folder = tmp_path_factory.mktemp("place")
        commands.prepare_place(patch, folder)
        yield folder


def plan_file(text: str, where: Path) -> int:
    """Plan the study in a file; anything but exit codes 0 and 2 fails."""
    file = where / "study.toml"
    file.write_bytes(text.encode("utf-8", "surrogatepass"))
    code = run_command(["study", str(file), "--dry-run"])
    assert code in (0, 2), code
    return code


def test_the_sound_file_is_planned(tmp_path: Path) -> None:
    assert plan_file(FILE, tmp_path) == 0


@pytest.mark.slow
@given(damaged_files() | st.text(max_size=200))
@example(FILE.replace('"8..32"', '"' + "8" * 300 + '"'))
@settings(CASES, max_examples=60)
def test_a_damaged_file_is_planned_or_refused(tmp_path_factory: pytest.TempPathFactory, text: str) -> None:
    plan_file(text, tmp_path_factory.getbasetemp())
