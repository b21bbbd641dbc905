"""Built-in mixers that break their contract are not timed; what was found is kept."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from mixbench.execution import Died, Finished
from mixbench.mixers.choice import choose_mixers
from mixbench.mixers.linear_attention import LinearAttention
from mixbench.studies.speed_contract import Contract, key
from mixbench.worker.measure.contract import CHECKS
from mixbench.worker.measure.verify import verify_job

MIXERS = choose_mixers(["attention", "none"])


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MIXBENCH_CACHE", str(tmp_path))


def verdicts(job: Mapping[str, Any], timeout: float = 0) -> Finished:
    """Attention fails."""
    checks = {"attention": "fail", "none": "pass"}
    return Finished({m["name"]: [{"name": "is causal", "outcome": checks[m["name"]], "detail": "why"}] for m in job["mixers"]})


def test_what_a_mixer_fails_is_kept_and_it_is_verified_once() -> None:
    contract = Contract("code")
    assert contract.unknown(MIXERS) == list(MIXERS)
    contract.verify(MIXERS, verdicts, 300.0)
    again = Contract("code")
    again.read()
    assert again.faults == {key(MIXERS[0]): "is causal: why", key(MIXERS[1]): ""}
    assert again.unknown(MIXERS) == []
    other = Contract("other code")
    other.read()
    assert other.unknown(MIXERS) == list(MIXERS)


def test_a_process_that_dies_and_a_file_that_cannot_be_read_say_nothing() -> None:
    contract = Contract("code")
    contract.verify(MIXERS, lambda job, timeout: Died(0, "killed", "planted"), 300.0)
    assert contract.unknown(MIXERS) == list(MIXERS)
    contract.file.parent.mkdir(exist_ok=True)
    contract.file.write_text("{")
    contract.read()
    assert contract.faults == {}


def test_what_cannot_run_on_a_cpu_or_was_not_asked_for_is_not_verified() -> None:
    fused = choose_mixers(["hypermixer:grouping=fused"])
    unsupported = choose_mixers(["fnet"], causal=True, skip_unsupported=True)
    assert Contract("code").unknown((*fused, *unsupported)) == []


def test_each_mixer_of_a_user_has_a_short_process_of_its_own_for_the_checks_that_matter(tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text("class Slow: ...\nclass Refusing: ...\nclass Broken: ...\n")
    own = choose_mixers([f"{tmp_path}/mine.py:{name}" for name in ("Slow", "Refusing", "Broken")])
    asked = []

    def verify(job: Mapping[str, Any], timeout: float) -> Finished | Died:
        asked.append(([mixer["name"] for mixer in job["mixers"]], timeout))
        (name, checks), *others = ((mixer["name"], mixer.get("checks")) for mixer in job["mixers"])
        if name == "mine.py:Slow":
            return Died(0, "timeout", "planted")
        assert others or set(checks) <= set(CHECKS)
        failed = "runs" if name == "mine.py:Refusing" else "is causal"
        return Finished({mixer["name"]: [{"name": failed, "outcome": "fail", "detail": "why"}] for mixer in job["mixers"]})

    contract = Contract("code")
    contract.verify((*MIXERS, *own), verify, 300.0)
    assert asked == [(["attention", "none"], 300.0), *(([mixer.label], 20.0) for mixer in own)]
    again = Contract("code")
    again.read()
    assert [again.faults[key(mixer)] for mixer in own] == ["", "", "is causal: why"]
    assert again.unknown((*MIXERS, *own)) == []


def test_a_fault_that_shows_only_in_half_precision_at_another_shape_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = LinearAttention.forward

    def wrong(layer: LinearAttention, x: Tensor, mask: Tensor | None = None) -> Tensor:
        y = whole(layer, x, mask)
        return 1.1 * y if x.dtype == torch.bfloat16 and x.shape[1:] == (131, 64) else y

    mixers = choose_mixers(["linear-attention"])
    contract = Contract("code")
    monkeypatch.setattr(LinearAttention, "forward", wrong)
    contract.verify(mixers, lambda job, timeout: Finished(verify_job(job)), 300.0)
    fault = "computes about the same in bfloat16: at 131 tokens, at width 64: in bfloat16 it computes something else"
    assert contract.faults[key(mixers[0])].startswith(fault)


def test_a_fault_that_shows_only_where_chunks_meet_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = LinearAttention.forward

    def apart(layer: LinearAttention, x: Tensor, mask: Tensor | None = None) -> Tensor:
        masks = [None] * len(x.split(64, dim=1)) if mask is None else mask.split(64, dim=1)
        return torch.cat([whole(layer, part, own) for part, own in zip(x.split(64, dim=1), masks, strict=True)], dim=1)

    mixers = choose_mixers(["linear-attention:causal=true"])
    contract = Contract("code")
    contract.verify(mixers, lambda job, timeout: Finished(verify_job(job)), 300.0)
    assert contract.faults == {key(mixers[0]): ""}
    monkeypatch.setattr(LinearAttention, "forward", apart)
    contract.verify(mixers, lambda job, timeout: Finished(verify_job(job)), 300.0)
    assert contract.faults[key(mixers[0])].startswith("equals its slow reference: ")
