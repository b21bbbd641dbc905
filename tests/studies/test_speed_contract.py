"""Built-in mixers that break their contract are not timed; what was found is kept."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from mixbench.execution import Died, Finished
from mixbench.mixers.choice import choose_mixers
from mixbench.studies.speed_contract import Contract, key

MIXERS = choose_mixers(["attention", "none"])


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MIXBENCH_CACHE", str(tmp_path))


def verdicts(job: Mapping[str, Any]) -> Finished:
    """Attention fails."""
    checks = {"attention": "fail", "none": "pass"}
    return Finished({m["name"]: [{"name": "is causal", "outcome": checks[m["name"]], "detail": "why"}] for m in job["mixers"]})


def test_what_a_mixer_fails_is_kept_and_it_is_verified_once() -> None:
    contract = Contract("code")
    assert contract.unknown(MIXERS) == list(MIXERS)
    contract.verify(MIXERS, verdicts)
    again = Contract("code")
    again.read()
    assert again.faults == {key(MIXERS[0]): "is causal: why", key(MIXERS[1]): ""}
    assert again.unknown(MIXERS) == []
    other = Contract("other code")
    other.read()
    assert other.unknown(MIXERS) == list(MIXERS)


def test_a_process_that_dies_and_a_file_that_cannot_be_read_say_nothing() -> None:
    contract = Contract("code")
    contract.verify(MIXERS, lambda job: Died(0, "killed", "planted"))
    assert contract.unknown(MIXERS) == list(MIXERS)
    contract.file.parent.mkdir(exist_ok=True)
    contract.file.write_text("{")
    contract.read()
    assert contract.faults == {}


def test_what_cannot_run_on_a_cpu_or_was_not_asked_for_is_not_verified() -> None:
    fused = choose_mixers(["hypermixer:grouping=fused"])
    unsupported = choose_mixers(["fnet"], causal=True, skip_unsupported=True)
    assert Contract("code").unknown((*fused, *unsupported)) == []
