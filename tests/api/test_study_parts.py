"""The parts of a study file become the options of their commands; every fault is told at once, with its line."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from mixbench.api.options import options_of
from mixbench.api.study_claims import study_claims
from mixbench.api.study_options import StudyOptions
from mixbench.api.study_parts import COMMANDS, PlannedPart, planned_parts
from mixbench.errors import RequestError
from mixbench.parsing.study_file import PARTS, Fault, StudyFileError, read_study_text

TASK = 'task = "majority:train=60,dev=20,test=20,tokens=8,symbols=2"\n'


@pytest.fixture(autouse=True)
def _cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MIXBENCH_CACHE", str(tmp_path / "cache"))


def planned(text: str, folder: str = "", **options: Any) -> tuple[list[PlannedPart], list[Fault]]:
    study, faults = read_study_text(text, "s.toml")
    parts, wrong = planned_parts(study, StudyOptions(Path("s.toml"), plan=True, **options), folder)
    return parts, [*faults, *wrong]


def faults_of(text: str, **options: Any) -> list[tuple[int, str]]:
    return [(fault.line, fault.text) for fault in planned(text, **options)[1]]


def test_the_parts_of_a_file_are_the_commands_that_there_are() -> None:
    assert set(COMMANDS) == set(PARTS)


def test_every_fault_of_every_part_is_told_with_its_line() -> None:
    text = """\
[mixers]
mixer = ["atention", "hypermixr", "mlp-mixer"]
basline = "attention"
[model]
width = "wide"
device = 3
results = "here"
[[speed]]
tokens = "64..100"
mode = ["training", "flying"]
lanches = 3
[[speed]]
launches = 0
shard = "1/2"
[tune]
trials = "many"
[cost]
measure = "watts"
target = "low"
"""
    assert sorted(faults_of(text)) == [
        (2, "speed: unknown mixer 'atention'"),
        (2, "speed: unknown mixer 'hypermixr'"),
        (3, "unknown option 'basline'"),
        (5, "speed: --width: 'wide' is not a positive whole number"),
        (5, "tune: --width is 'wide', not a whole number"),
        (6, "speed: --device is 3, not a text or a list of them"),
        (6, "tune: --device is 3, not a text"),
        (7, "results does not belong in a study file"),
        (9, "speed: --tokens: doubling 64 does not reach 100 exactly"),
        (10, "speed: unknown value 'flying' for --mode"),
        (11, "unknown option 'lanches' of speed"),
        (13, "speed: --launches is 0; it must be at least 1"),
        (14, "shard does not belong in a study file"),
        (16, "tune: --trials is 'many', not a whole number"),
        (18, "cost: unknown value 'watts' for --measure"),
        (19, "cost: --target: 'low' is not a list of scores"),
    ]
    hints = {fault.text: fault.hint for fault in planned(text)[1]}
    assert hints["unknown option 'basline'"] == "Did you mean baseline?"
    assert hints["unknown option 'lanches' of speed"] == "Did you mean launches?"
    assert hints["shard does not belong in a study file"] == "Give it on the command line: mixbench study … --shard"


def test_a_shared_value_goes_to_the_parts_that_have_the_option_and_a_part_comes_first() -> None:
    shared = "[model]\nwidth = 16\nsteps = 7\nlaunches = 1\nseed = 3\n"
    parts, faults = planned(f"{shared}[speed]\ntokens = 8\n[tune]\nwidth = 8\n{TASK}[cost]\n")
    assert faults == []
    lines = [part.command_line.removeprefix("mixbench ") for part in parts]
    assert lines[0] == "speed --tokens 8 --width 16 --launches 1 --seed 3"
    assert lines[1].startswith("tune --task majority:")
    assert lines[1].endswith("--seed 3 --width 8 --steps 7")
    assert lines[2] == "cost"


def test_a_search_is_not_told_the_rates_that_it_chooses_itself() -> None:
    shared = f'[mixers]\nmixer = ["none"]\nbaseline = "none"\n[model]\nlearning-rate = "auto"\ndropout = 0.1\n{TASK}'
    own = '[data-efficiency]\nsizes = 20\n[[tune]]\nsize = 1.0\n[[tune]]\nsize = 1.0\nrange = "dropout=0..0.2"\n[cost]\n'
    parts, faults = planned(shared + own)
    assert faults == []
    lines = [part.command_line for part in parts]
    assert "--learning-rate auto" in lines[0]
    assert "--learning-rate" not in lines[1] + lines[2]
    assert "--dropout 0.1" in lines[0]
    assert "--dropout 0.1" in lines[1]
    assert "--dropout" not in lines[2]
    assert lines[3] == "mixbench cost --baseline none"


@pytest.mark.parametrize(("scope", "told"), [("mixer", False), ("mixer,block", False), ("model", True), ("block,model", True)])
def test_times_of_mixers_and_blocks_are_not_told_the_layers_of_models(scope: str, told: bool) -> None:
    shared = "[model]\nlayers = 2\n"
    for text in (f'{shared}[speed]\nscope = "{scope}"\n', f'{shared}scope = "{scope}"\n[speed]\n[data-efficiency]\n'):
        (part, *_), _ = planned(text)
        assert ("--layers 2" in part.command_line) is told
    (own,), faults = planned(f'[speed]\nscope = "{scope}"\nlayers = 3\n')
    assert not faults
    assert "--layers 3" in own.command_line


def test_what_is_wrong_with_the_command_line_is_no_fault_of_the_file() -> None:
    with pytest.raises(RequestError, match=r"^--engine: 'rai' is not an engine") as told:
        planned("[speed]\n[tune]\n", engine="rai")
    assert not isinstance(told.value, StudyFileError)


def test_the_command_line_replaces_what_the_file_says() -> None:
    text = '[model]\ndevice = "cpu"\n[speed]\ntokens = 8\nthreads = 2\n'
    parts, _ = planned(text, device="cuda", threads=1, jobs=3, results="r")
    assert parts[0].command_line == "mixbench speed --tokens 8 --device cuda --threads 1 --results r"


def test_paths_of_a_file_are_relative_to_its_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "papers" / "data").mkdir(parents=True)
    (tmp_path / "papers" / "mine.py").write_text("class Mine: ...\n")
    lines = "text,label\n" + "".join(f"word {number} a,{number % 2}\n" for number in range(20))
    for name in ("train", "test"):
        (tmp_path / "papers" / "data" / f"{name}.csv").write_text(lines)
    text = """\
[mixers]
mixer = ["none", "mine.py:Mine:gain=2"]
baseline = "mine.py:Mine:gain=2"
[speed]
tokens = 8
[data-efficiency]
mixer = ["none"]
baseline = "none"
task = "text"
train = "data/train.csv"
dev = "0.2"
test = "data/test.csv"
text = "text"
label = "label"
"""
    monkeypatch.chdir(tmp_path)
    parts, faults = planned(text, "papers")
    assert faults == []
    assert "--mixer papers/mine.py:Mine:gain=2 " in parts[0].command_line
    assert "--baseline papers/mine.py:Mine:gain=2" in parts[0].command_line
    assert "--train papers/data/train.csv --dev 0.2 --test papers/data/test.csv" in parts[1].command_line
    monkeypatch.chdir(tmp_path / "papers")
    assert "--mixer mine.py:Mine:gain=2" in planned(text, "")[0][0].command_line
    assert "--mixer mine.py:Mine:gain=2" in planned(text, ".")[0][0].command_line


WRONG = ["{ a = 1 }", "nan", '""', "-1", '["\\u0000"]']


@pytest.mark.parametrize("command", COMMANDS)
def test_no_value_of_any_option_ends_in_anything_but_a_fault_in_its_line(command: str) -> None:
    names = [option.flag.removeprefix("--") for option in options_of(COMMANDS[command].options)]
    shapes = 'task = "shapes:train=60,dev=20,test=20"\n'
    base = {"speed": "tokens = 8\n", "cost": "", "attention-map": shapes}.get(command, TASK)
    for name in names:
        for value in WRONG:
            lines = [line for line in base.splitlines() if not line.startswith(f"{name} ")]
            text = "\n".join([f"[{command}]", *lines, f"{name} = {value}"])
            for fault in planned(text)[1]:
                assert fault.line in (1, len(lines) + 2), (text, fault)


def test_mixers_of_claims_are_relative_to_the_folder_of_the_file() -> None:
    text = '[claims.a]\nclaim = "x"\nrule = "faster"\nmixer = "mine.py:Mine:gain=2"\nagainst = ["attention", "../b.py:B"]\n'
    study, _ = read_study_text(text, "papers/study.toml")
    (claim,), faults = study_claims(study, "papers")
    assert not faults
    assert claim.options["mixer"] == "papers/mine.py:Mine:gain=2"
    assert claim.options["against"] == ("attention", "b.py:B")


def test_a_shared_value_that_no_part_takes_is_a_fault() -> None:
    text = '[model]\nsteps = 7\nlayers = 2\nwidth = 8\n[data]\ntask = "shapes"\n[speed]\ntokens = 8\n[cost]\n'
    faults = planned(text)[1]
    assert [(fault.line, fault.text, fault.hint) for fault in faults] == [
        (2, "no part takes the shared steps", "Parts that have it: data-efficiency, tune, attention-map."),
        (
            3,
            "no part takes the shared layers: speed takes layers only if its scope has model",
            "Parts that have it: speed, data-efficiency, tune, attention-map.",
        ),
        (
            6,
            "no part takes the shared task: cost takes only the baseline",
            "Parts that have it: data-efficiency, tune, attention-map.",
        ),
    ]
    searched = f'[model]\nlearning-rate = "auto"\ndropout = 0.1\n[tune]\nrange = "dropout=0..0.5"\nsize = 1.0\n{TASK}'
    assert faults_of(searched) == [
        (2, "no part takes the shared learning-rate: the search of tune chooses rates itself"),
        (3, "no part takes the shared dropout: the range of tune draws dropout"),
    ]


def test_a_shared_value_that_parts_of_any_scale_or_claims_take_is_none() -> None:
    text = '[mixers]\nbaseline = "none"\n[model]\nsteps = 7\n[scale.tiny]\n[scale.large.tune]\nsize = 1.0\n' + TASK
    claim = '[claims.a]\nclaim = "x"\nrule = "faster"\nmixer = "attention"\n'
    assert faults_of(f"{text}{claim}") == []
    assert faults_of(f"{text}{claim}[scale.tiny.model]\nsteps = 8\n") == [(14, "no part takes the shared steps")], (
        "where tiny replaces it, nothing takes what it says"
    )
    assert faults_of(f'[mixers]\nbaseline = "none"\n{claim}') == [], "claims without against are compared with it"
    assert faults_of('[mixers]\nbaseline = "none"\n[attention-map]\n') == [(2, "no part takes the shared baseline")]
    (fault,) = faults_of("[model]\nwidth = 8\nsteps = 7\n[speed]\ntokens = 8\n[scale.a.speed]\nlaunches = 2\n[scale.b]\n")
    assert fault == (3, "no part takes the shared steps")
