"""What a file may say of claims: every fault at once, options typed, rules that say what they do."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from claimed import commands, judged
from folders import fill_folder
from synthetic import speed_rows
from synthetic_maps import map_rows
from synthetic_training import training_rows, trial_rows

from mixbench.tables.results import ResultsFolder
from mixbench.tables.training_rows import TrainingRow
from mixbench.verdicts.claims.judging import judge, records
from mixbench.verdicts.claims.rules import RULES, ClaimsError, claims_of

SOUND: dict[str, Any] = {"claim": "Better.", "rule": "better-score", "mixer": "hypermixer"}


def faults(**given: Any) -> list[tuple[str, str]]:
    with pytest.raises(ClaimsError) as raised:
        claims_of({"one": {**SOUND, **given}})
    assert all(fault.claim == "one" for fault in raised.value.faults)
    return [(fault.key, fault.message) for fault in raised.value.faults]


def test_every_fault_of_every_claim_is_told_with_its_claim_and_key() -> None:
    with pytest.raises(ClaimsError) as raised:
        claims_of(
            {
                "first": {**SOUND, "mixer": "hypermixr", "size": "many", "colour": "red"},
                "second": {"rule": "better"},
                "third": {"claim": "x", "rule": "on-par", "mixer": "gmlp"},
            }
        )
    assert [(fault.claim, fault.key) for fault in raised.value.faults] == [
        ("first", "mixer"),
        ("first", "size"),
        ("first", "colour"),
        ("second", ""),
        ("second", "rule"),
        ("third", ""),
    ]
    messages = [fault.message for fault in raised.value.faults]
    assert messages[2] == "unknown option 'colour' of rule better-score"
    assert messages[4] == "unknown rule 'better'"
    assert messages[5] == "rule on-par needs margin or relative-margin"
    assert "hypermixer" in raised.value.faults[0].hint
    assert "(5 more faults)" in str(raised.value)


@pytest.mark.parametrize("rule", [[], ["faster"], {"a": 1}, 3])
def test_a_rule_that_is_no_text_is_unknown(rule: object) -> None:
    assert faults(rule=rule) == [("rule", f"unknown rule {str(rule)!r}")]


@pytest.mark.parametrize(
    ("given", "key"),
    [
        ({"claim": ""}, "claim"),
        ({"claim": 3}, "claim"),
        ({"mixer": 7}, "mixer"),
        ({"mixer": "hypermixer:heads=many"}, "mixer"),
        ({"against": []}, "against"),
        ({"against": ["gmlp", "hypermixer"]}, "against"),
        ({"against": 3}, "against"),
        ({"size": 0}, "size"),
        ({"size": True}, "size"),
        ({"size": [50, 100]}, "size"),
        ({"size": "50,100"}, "size"),
        ({"width": 2.5}, "width"),
        ({"rule": "faster", "below": -1}, "below"),
        ({"rule": "faster", "below": True}, "below"),
        ({"rule": "faster", "mode": "running"}, "mode"),
        ({"rule": "faster", "mode": "inference,training"}, "mode"),
        ({"rule": "on-par", "margin": -0.1}, "margin"),
        ({"rule": "on-par", "margin": "wide"}, "margin"),
        ({"rule": "on-par", "margin": float("nan")}, "margin"),
        ({"rule": "on-par", "margin": 0.1, "relative-margin": 0.1}, "relative-margin"),
        ({"rule": "fewer-examples", "target": "good"}, "target"),
        ({"rule": "fewer-examples", "target": []}, "target"),
        ({"rule": "fewer-examples", "target": [None]}, "target"),
        ({"rule": "cheaper", "measure": "money"}, "measure"),
        ({"task": ["a"]}, "task"),
    ],
)
def test_a_wrong_value_is_a_fault_at_its_key(given: dict[str, Any], key: str) -> None:
    assert key in [own for own, _ in faults(**given)]


def test_options_are_typed_as_the_command_line_and_as_toml_have_them() -> None:
    text, number = (
        claims_of({"one": {**SOUND, "rule": "cheaper", "against": against, "target": target, "width": width}})[0].options
        for against, target, width in ((["gmlp", "fnet"], "0.5,0.3", "64"), (("gmlp", "fnet"), [0.5, 0.3], 64))
    )
    assert text == number
    assert (text["against"], text["target"], text["width"], text["below"]) == (("gmlp", "fnet"), (0.5, 0.3), 64, 1.0)


def test_mixers_that_are_not_installed_can_still_be_judged() -> None:
    given = {"one": {**SOUND, "mixer": "someones-mixer"}}
    with pytest.raises(ClaimsError):
        claims_of(given)
    (claim,) = claims_of(given, installed=False)
    assert claim.options["mixer"] == "someones-mixer"
    claims_of({"one": {**SOUND, "mixer": "not/here.py:Mine"}})  # a file may be elsewhere


def test_every_rule_says_how_it_decides_and_what_its_options_are() -> None:
    assert set(RULES) == {
        "more-needed-sensitivity",
        "better-score",
        "on-par",
        "faster",
        "fewer-examples",
        "fewer-trials",
        "cheaper",
    }
    for rule in RULES.values():
        assert rule.text.endswith(".")
        assert {option.name for option in rule.options} >= {"mixer", "against", *rule.one_of}
        assert all(option.meaning for option in rule.options)


@pytest.mark.parametrize("rule", RULES)
def test_an_empty_folder_decides_nothing_and_says_what_to_run(rule: str) -> None:
    found = judged(rule, **({"margin": 0.1} if rule == "on-par" else {}))
    assert (found.verdict, found.findings) == ("undecided", ())
    assert found.sentence.startswith("Nothing can be said yet: there is no ")
    assert found.notes
    assert all(": mixbench " in note for note in found.notes)


TABLES = {
    "more-needed-sensitivity": [map_rows({"attention": 0.6, "hypermixer": 0.4})],
    "better-score": [training_rows()],
    "on-par": [training_rows()],
    "faster": [*speed_rows()],
    "fewer-examples": [training_rows()],
    "fewer-trials": [trial_rows(("attention", "hypermixer"), trials=12)],
    "cheaper": [
        *speed_rows(tokens=(100,), modes=("training",)),
        training_rows(),
        trial_rows(("attention", "hypermixer"), trials=12),
    ],
}
MARGIN = {"on-par": {"margin": 0.1}}


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("options", [{"width": 48}, {"mixer": "mean-pooling"}, {"against": ["attention", "mean-pooling"]}])
def test_what_has_no_rows_comes_with_the_commands_that_make_them(rule: str, options: dict[str, Any]) -> None:
    found = judged(rule, *TABLES[rule], **{**MARGIN.get(rule, {}), **options})
    assert found.verdict == "undecided"
    wanted = "--width 48" if "width" in options else "--mixer mean-pooling"
    assert sum(wanted in command for command in commands(found)) == (3 if rule == "cheaper" else 1)


def test_a_claim_on_several_tasks_asks_for_more_of_those_that_are_undecided() -> None:
    clear, unsure = {"attention": 0.3, "hypermixer": 0.1}, {"attention": 0.1, "hypermixer": 0.1}

    def runs(task: str, errors: dict[str, float]) -> list[TrainingRow]:
        rows = training_rows(("attention", "hypermixer"), error=lambda mixer, size: errors[mixer] * (1000 / size) ** 0.5)
        return [replace(row, task=task) for row in rows]

    rows = [*runs("shapes", clear), *runs("mqar", unsure)]
    for rule, options in (("better-score", {}), ("fewer-examples", {"target": 0.11})):
        (command,) = commands(judged(rule, rows, **options))
        assert "--task mqar " in command


def test_claims_on_a_results_folder_are_plain_values(tmp_path: Path) -> None:
    folder = ResultsFolder(fill_folder(tmp_path / "own results", training_rows(("attention", "hypermixer", "none"))))
    claims = claims_of(
        {
            "better": {**SOUND, "against": ["none"]},
            "par": {"claim": "x", "rule": "on-par", "mixer": "hypermixer", "against": ["none"], "margin": 1e-9},
        }
    )
    found = records(judge(claims, folder))
    assert json.loads(json.dumps(found, allow_nan=False)) == found
    assert [record["verdict"] for record in found] == ["supported", "contradicted"]
    assert found[0]["options"] == {"mixer": "hypermixer", "against": ["none"]}
    undecided = judge(claims_of({"one": {**SOUND, "against": ["gmlp"]}}), folder)[0]
    assert any(note.endswith(f"--results '{folder.path}'") for note in undecided.notes)


def test_the_rows_of_one_environment_can_be_asked_for(tmp_path: Path) -> None:
    rows = training_rows(("attention", "hypermixer"))
    folder = ResultsFolder(fill_folder(tmp_path, rows))
    (environment,) = {row.environment for row in folder.selection(type(rows[0]))}
    assert judge(claims_of({"one": SOUND}), folder, environment=environment)[0].findings
    assert not judge(claims_of({"one": SOUND}), folder, environment="0" * 12)[0].findings


def test_the_baseline_is_what_a_claim_compares_with_unless_it_says_against() -> None:
    from typing import cast

    from claimed import Tables

    rows = training_rows()
    (found,) = judge(claims_of({"one": SOUND}), cast(ResultsFolder, Tables(rows)), baseline="none")
    assert [finding.label for finding in found.findings] == ["hypermixer against none"]
    (missing,) = judge(claims_of({"one": SOUND}), cast(ResultsFolder, Tables(rows)), baseline="gmlp")
    assert "gmlp is not in data_efficiency.csv" in missing.sentence
