"""Adding a mixer takes its module, an entry in the table and a slow reference; here one is planted that has no reference."""

from __future__ import annotations

import importlib
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import pytest
import torch

import mixbench
from mixbench.execution import Finished
from mixbench.mixers import FAMILIES, MIXERS, PAPER_MIXERS
from mixbench.mixers.choice import choose_mixer, choose_mixers
from mixbench.mixers.description import Mixer
from mixbench.mixers.references import reference_of
from mixbench.studies.contract_jobs import contract_job
from mixbench.worker.calls import build_mixer
from mixbench.worker.loading import load_class
from mixbench.worker.measure.verify import verify_job

PLANTED = "none-again"


@pytest.fixture
def _planted(monkeypatch: pytest.MonkeyPatch) -> None:
    control, planted = FAMILIES["control"], replace(MIXERS["none"], name=PLANTED)
    monkeypatch.setitem(FAMILIES, "control", replace(control, mixers=(*control.mixers, planted)))
    monkeypatch.setitem(MIXERS, PLANTED, planted)


def verify(*mixers: str, monkeypatch: pytest.MonkeyPatch) -> dict[str, list[dict[str, str]]]:
    """`mixbench verify` without processes of their own."""

    def run_each(function: str, jobs: Sequence[Mapping[str, Any]], **_: Any) -> list[Finished]:
        return [Finished(verify_job(job)) for job in jobs]

    module = importlib.import_module("mixbench.api.verify")
    monkeypatch.setattr(module, "run_each", run_each)
    verdicts: dict[str, list[dict[str, str]]] = module.verify(mixers or None, tokens=5, width=8)
    return verdicts


def test_the_default_run_is_named_and_in_the_table() -> None:
    assert set(PAPER_MIXERS) <= set(MIXERS)


@pytest.mark.usefixtures("_planted")
def test_a_new_mixer_is_listed_and_verified_but_not_in_the_default_run(monkeypatch: pytest.MonkeyPatch) -> None:
    assert PLANTED in [mixer["name"] for mixer in mixbench.list()["mixers"]]
    passed = [{"name": "runs", "outcome": "pass", "detail": ""}]
    monkeypatch.setitem(globals(), "verify_job", lambda job: {mixer["name"]: passed for mixer in job["mixers"]})
    assert list(verify(monkeypatch=monkeypatch)) == list(MIXERS)
    assert PLANTED in MIXERS
    assert [mixer.name for mixer in choose_mixers(None)] == list(PAPER_MIXERS)
    assert [mixer.name for mixer in choose_mixers([PLANTED])] == [PLANTED]


@pytest.mark.parametrize("mixer", MIXERS.values(), ids=MIXERS)
def test_the_module_of_a_mixer_has_its_name(mixer: Mixer) -> None:
    module, _, _ = mixer.target.partition(":")
    assert module == f"mixbench.mixers.{mixer.name.replace('-', '_')}"


def test_every_mixer_has_a_slow_reference() -> None:
    assert all(map(reference_of, MIXERS))


def test_a_mixer_without_a_slow_reference_says_what_to_write(monkeypatch: pytest.MonkeyPatch) -> None:
    family = replace(FAMILIES["control"], mixers=(replace(MIXERS["none"], name=PLANTED),))
    monkeypatch.setitem(FAMILIES, "control", family)
    with pytest.raises(LookupError, match=r"no slow reference for none-again: write none_again\(p, x, .*control\.py"):
        reference_of(PLANTED)


@pytest.mark.parametrize(
    ("mixer", "changes", "check"),
    [
        ("gmlp", {"params": lambda **_: 1}, "has the parameters of its closed form"),
        ("attention", {"flops": lambda **_: 1}, "has the FLOPs of its closed form"),
        ("hypermixer", {"training_factor": 2}, "has the FLOPs of its closed form"),
        ("fnet", {"training_factor": 3}, "has the FLOPs of its closed form"),
    ],
)
def test_a_wrong_closed_form_in_the_table_fails_to_verify(
    mixer: str, changes: dict[str, Any], check: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(MIXERS, mixer, replace(MIXERS[mixer], **changes))
    failed = [found["name"] for found in verify(mixer, monkeypatch=monkeypatch)[mixer] if found["outcome"] == "fail"]
    assert failed == [check]


def test_an_option_can_fix_the_number_of_tokens() -> None:
    fixing = {name: mixer.fixed_with for name, mixer in MIXERS.items() if mixer.fixed_with}
    assert fixing == {"aft": "kind=full", "hypermixer": "positions=learned"}
    for name, option in fixing.items():
        chosen = choose_mixer(f"{name}:{option}")
        assert contract_job(chosen, tokens=4, width=8, device="cpu")["any_length"] is False
        assert contract_job(choose_mixer(name), tokens=4, width=8, device="cpu")["any_length"] is True
        with pytest.raises(ValueError, match="9 tokens, but"):
            build_mixer(load_class(chosen.target), chosen.arguments(4, 8))(torch.zeros(1, 9, 8))
