"""Built-in mixers that break their contract are not timed; what was found is kept."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from mixbench.execution import Died, Finished, Launch
from mixbench.mixers.choice import ChosenMixer, choose_mixers
from mixbench.mixers.linear_attention import LinearAttention
from mixbench.studies.contract_jobs import contract_job
from mixbench.studies.speed_contract import Contract, Subject, Verify, concerns, key
from mixbench.studies.speed_worker import Worker
from mixbench.worker.measure.contract import CHECKS
from mixbench.worker.measure.verify import verify_job

MIXERS = choose_mixers(["attention", "none"])


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MIXBENCH_CACHE", str(tmp_path))


def each(answer: Callable[[Mapping[str, Any], float], Finished | Died]) -> Verify:
    """One process after the other."""
    return lambda jobs, timeout, at_once: [answer(job, timeout) for job in jobs]


def on(mixers: Iterable[ChosenMixer], device: str = "cpu") -> list[Subject]:
    return [(mixer, device) for mixer in mixers]


def verdict(job: Mapping[str, Any], timeout: float = 0) -> Finished:
    """Attention fails."""
    checks = {"attention": "fail", "none": "pass"}
    return Finished({m["name"]: [{"name": "is causal", "outcome": checks[m["name"]], "detail": "why"}] for m in job["mixers"]})


verdicts, really = each(verdict), each(lambda job, timeout: Finished(verify_job(job)))


def test_what_a_mixer_fails_is_kept_and_it_is_verified_once() -> None:
    contract = Contract("code")
    assert contract.unknown(on(MIXERS)) == on(MIXERS)
    contract.verify(on(MIXERS), verdicts, 300.0)
    again = Contract("code")
    again.read()
    assert again.faults == {key(MIXERS[0]): "is causal: why", key(MIXERS[1]): ""}
    assert again.unknown(on(MIXERS)) == []
    other = Contract("other code")
    other.read()
    assert other.unknown(on(MIXERS)) == on(MIXERS)


def test_a_process_that_dies_and_a_file_that_cannot_be_read_say_nothing() -> None:
    contract = Contract("code")
    told = contract.verify(on(MIXERS), each(lambda job, timeout: Died(0, "killed", "planted")), 300.0)
    assert told == ["not verified: attention, none (planted): timed all the same"]
    assert contract.unknown(on(MIXERS)) == []  # not again in the same run
    contract = Contract("code")
    contract.read()
    assert contract.unknown(on(MIXERS)) == on(MIXERS)
    contract.file.parent.mkdir(exist_ok=True)
    contract.file.write_text("{")
    contract.read()
    assert contract.faults == {}


def test_what_cannot_run_on_a_cpu_or_was_not_asked_for_is_not_verified() -> None:
    fused = choose_mixers(["hypermixer:grouping=fused"])
    unsupported = choose_mixers(["fnet"], causal=True, skip_unsupported=True)
    assert Contract("code").unknown(on((*fused, *unsupported))) == []


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
    told = contract.verify(on((*MIXERS, *own)), each(verify), 300.0)
    assert told == ["not verified: mine.py:Slow (planted): timed all the same"]
    assert asked == [(["attention", "none"], 300.0), *(([mixer.label], 20.0) for mixer in own)]
    again = Contract("code")
    again.read()
    assert [again.faults.get(key(mixer)) for mixer in own] == [None, "", "is causal: why"]
    assert again.unknown(on((*MIXERS, *own))) == on(own[:1])


def test_on_a_gpu_each_mixer_has_a_process_and_one_that_fails_is_verified_again_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mixbench.studies.contract_jobs.physical_cores", lambda: 16)
    (tmp_path / "mine.py").write_text("class Mine: ...\n")
    mixers = choose_mixers(["attention", "none", "fnet", "shift", f"{tmp_path}/mine.py:Mine"])
    asked: list[tuple[list[str], float, int]] = []

    def verify(jobs: Sequence[Mapping[str, Any]], timeout: float, at_once: int) -> Iterator[Finished | Died]:
        named = [mixer["name"] for job in jobs for mixer in job["mixers"]]
        asked.append((named, timeout, at_once))
        assert all(len(job["mixers"]) == 1 and job["mixers"][0]["device"] == "cuda:1" for job in jobs)
        for name in named:
            if name == "shift":
                yield Died(0, "timeout", "no progress")
            elif name == "fnet":
                yield Died(0, "oom", "no memory")
            else:
                failed = name == "attention" or (name == "none" and at_once > 1)
                yield Finished({name: [{"name": "is causal", "outcome": "fail" if failed else "pass", "detail": "why"}]})

    contract = Contract("code")
    contract.faults[key(mixers[0])] = ""  # on the CPU
    told = contract.verify(on(mixers, "cuda:1"), verify, 300.0)
    assert asked == [
        (["attention", "none", "fnet", "shift"], 300.0, 8),
        (["attention", "none", "fnet"], 300.0, 1),
        (["mine.py:Mine"], 60.0, 8),
    ]
    assert sorted(told) == [
        "not verified on cuda:1: fnet (no memory): timed all the same",
        "not verified on cuda:1: shift (no progress): timed all the same",
    ]
    again = Contract("code")
    again.read()
    found = [again.faults.get(key(mixer, "cuda:1")) for mixer in mixers]
    assert found == ["is causal: why", "", None, None, ""]
    assert again.faults[key(mixers[0])] == ""
    assert again.unknown(on(mixers, "cuda:1")) == on(mixers[2:4], "cuda:1")
    assert again.unknown(on(mixers)) == on(mixers[1:])


def test_what_did_not_run_is_verified_again_in_the_next_run() -> None:
    contract = Contract("code")
    fails = [{"name": "runs", "outcome": "fail", "detail": "no memory"}]
    contract.verify(on(MIXERS[:1]), each(lambda job, timeout: Finished({"attention": fails})), 300.0)
    assert contract.faults == {key(MIXERS[0]): "runs: no memory"}
    again = Contract("code")
    again.read()
    assert again.faults == {}


def test_a_fault_in_half_precision_concerns_that_dtype_alone() -> None:
    fault = "computes about the same in bfloat16: it does not"
    dtypes = ("float32", "bfloat16", "float16", "float64")
    assert [concerns(fault, dtype) for dtype in dtypes] == [False, True, False, False]
    assert all(concerns("is causal: no", dtype) for dtype in dtypes)


def test_a_fault_that_shows_only_in_half_precision_at_another_shape_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = LinearAttention.forward

    def wrong(layer: LinearAttention, x: Tensor, mask: Tensor | None = None) -> Tensor:
        y = whole(layer, x, mask)
        return 1.1 * y if x.dtype == torch.bfloat16 and x.shape[1:] == (131, 64) else y

    mixers = choose_mixers(["linear-attention"])
    contract = Contract("code")
    monkeypatch.setattr(LinearAttention, "forward", wrong)
    contract.verify(on(mixers), really, 300.0)
    fault = "computes about the same in bfloat16: at 131 tokens, at width 64: in bfloat16 it computes something else"
    assert contract.faults[key(mixers[0])].startswith(fault)


def test_a_fault_that_shows_only_where_chunks_meet_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = LinearAttention.forward

    def apart(layer: LinearAttention, x: Tensor, mask: Tensor | None = None) -> Tensor:
        masks = [None] * len(x.split(64, dim=1)) if mask is None else mask.split(64, dim=1)
        return torch.cat([whole(layer, part, own) for part, own in zip(x.split(64, dim=1), masks, strict=True)], dim=1)

    mixers = choose_mixers(["linear-attention:causal=true"])
    contract = Contract("code")
    contract.verify(on(mixers), really, 300.0)
    assert contract.faults == {key(mixers[0]): ""}
    monkeypatch.setattr(LinearAttention, "forward", apart)
    contract.verify(on(mixers), really, 300.0)
    assert contract.faults[key(mixers[0])].startswith("equals its slow reference: ")


@pytest.mark.slow
def test_processes_side_by_side_give_their_verdicts_in_order() -> None:
    mixers = choose_mixers(["none", "shift"])
    jobs = [{"mixers": [contract_job(m, tokens=9, width=8, device="cpu") | {"checks": ["is causal"]}]} for m in mixers]
    verify = Worker().verifying(Launch([]))  # not started: those side by side have their own
    found = [outcome.result for outcome in verify(jobs, 300.0, 2) if isinstance(outcome, Finished)]
    assert [[*result] for result in found] == [["none"], ["shift"]]
    assert [check["outcome"] for check in found[1]["shift"]] == ["pass", "skip"]
