"""A study file gives parts, shared values, scales and claims with their lines, and every fault of its form at once."""

from __future__ import annotations

import pytest

from mixbench.errors import RequestError
from mixbench.parsing.study_file import StudyFileError, parse_study

WHOLE = """\
title = "HyperMixer"
question = "Is it cheaper?"

[mixers]
mixer = ["attention", "hypermixer"]
[model]
width = 64

[[speed]]
tokens = "64..1024"
[[speed]]
scope = "block"
[tune]
trials = 40
[claims.cheaper]
claim = "cheaper"
rule = "faster"
margin = 0.1

[scale.tiny.tune]
trials = 2
[scale.tiny.model]
width = 8
[scale.tiny.claims.cheaper]
margin = 0.5
[[scale.large.speed]]
tokens = 4096
"""


def test_parts_come_in_the_order_of_the_file_with_the_lines_of_their_options() -> None:
    study = parse_study(WHOLE.replace("[scale", "[other").replace("[[scale", "[[other").split("[other")[0], "s.toml")
    assert [(part.command, part.line) for part in study.parts] == [("speed", 9), ("speed", 11), ("tune", 13)]
    assert study.parts[1].options["scope"].line == 12
    assert study.scale is None
    assert {name: given.value for name, given in study.shared.items()} == {"mixer": ["attention", "hypermixer"], "width": 64}


def test_the_first_scale_is_the_default_and_its_values_replace_those_of_the_file() -> None:
    study = parse_study(WHOLE, "s.toml")
    assert (study.scales, study.scale) == (("tiny", "large"), "tiny")
    assert study.parts[-1].options["trials"].value == 2
    assert (study.shared["width"].value, study.shared["width"].line) == (8, 23)
    assert study.claims["cheaper"]["margin"].value == 0.5
    assert study.claims["cheaper"]["rule"].value == "faster"


def test_a_list_of_a_scale_replaces_all_parts_of_that_command_in_their_place() -> None:
    study = parse_study(WHOLE, "s.toml", "large")
    assert [part.command for part in study.parts] == ["speed", "tune"]
    assert study.parts[0].options["tokens"].value == 4096
    assert study.parts[1].options["trials"].value == 40


def test_every_fault_is_told_at_once_with_file_and_line() -> None:
    text = WHOLE.replace("[tune]", "[tunes]").replace('rule = "faster"\n', "").replace("tiny.model", "tiny.modell")
    with pytest.raises(StudyFileError) as caught:
        parse_study(text + '[data]\nwidth = 3\n[scale.other]\nspeed = "fast"\n', "my.toml", "smal")
    told = caught.value.hint.splitlines()
    assert str(caught.value) == "my.toml has 6 faults"
    assert [line.strip().split(". ")[0] for line in told] == [
        "my.toml: unknown scale 'smal'",
        "my.toml:13: unknown table or key 'tunes'",
        "my.toml:15: the claim cheaper has no rule",
        "my.toml:21: unknown table 'modell' of the scale tiny",
        "my.toml:28: width is also in [model]",
        "my.toml:30: speed is not a table",
    ]
    assert "Did you mean tune?" in told[1]


def test_scales_are_listed_in_the_order_of_the_file() -> None:
    with pytest.raises(StudyFileError) as caught:
        parse_study("[speed]\n[scale.tiny]\n[scale.small]\n[scale.paper]\n", "s.toml", "xyz")
    assert caught.value.hint == "Known: tiny, small, paper."


def test_one_fault_is_the_message_itself() -> None:
    with pytest.raises(RequestError, match=r"^s\.toml:2: unknown table or key 'sped'\n") as caught:
        parse_study("[speed]\n[sped]\n", "s.toml")
    assert caught.value.hint == "Did you mean speed?"


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("[speed]\ntokens = \n", r"s\.toml:2: not TOML"),
        ("[speed]\ntokens = [1,\n\n", r"s\.toml:2: not TOML"),
        ("[speed]\n[speed]\n", r"s\.toml:2: not TOML"),
        (f"a = {'[' * 5000}", r"s\.toml: lists are nested too deeply"),
        (f"[speed]\ntokens = {'9' * 5000}", r"s\.toml: not TOML"),
        ("", r"s\.toml: the study has neither a part nor a claim"),
        ("title = 3\n[speed]", r"s\.toml:1: title is not a text"),
        ("speed = 3\n", r"s\.toml:1: speed is not a table"),
        ("speed = [1]\n", r"s\.toml:1: 0 is not a table"),
        ("scale = 3\n[speed]", r"s\.toml:1: scale is not a table"),
        ("[speed]\n[claims]\nx = 3", r"s\.toml:3: x is not a table"),
        ("[[speed]]\n[[speed]]\n[scale.a.speed]\n", r"s\.toml:3: the study has 2 speed parts"),
    ],
)
def test_what_is_no_study_is_told_in_one_line(text: str, told: str) -> None:
    with pytest.raises(StudyFileError) as caught:
        parse_study(text, "s.toml")
    assert len(caught.value.faults) == 1, caught.value.hint
    assert caught.match(told)


def test_a_study_of_claims_alone_is_one() -> None:
    assert parse_study('[claims.x]\nrule = "y"', "s.toml").claims["x"]["rule"].value == "y"
