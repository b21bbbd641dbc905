"""Check that mixers meet the contract, and see how fast they are for their device."""

from __future__ import annotations

from mixbench.api.common import check_device
from mixbench.api.contract_jobs import VERIFY, contract_job
from mixbench.api.given_mixers import names_of
from mixbench.api.options import takes
from mixbench.api.verify_options import VerifyOptions
from mixbench.api.verify_speed import time_mixers
from mixbench.errors import RequestError, WorkerError
from mixbench.execution import Died, Launch, run_each
from mixbench.execution.launch import MEASURING
from mixbench.mixers import MIXERS
from mixbench.mixers.choice import choose_mixers
from mixbench.studies.progress import Silent

_CHECK = "mixbench.worker.speed:check"
_IMPORTED_ONCE = ("mixbench.worker.measure.verify", "torch._dynamo")
"""What counting FLOPs would otherwise import again in the process of each mixer."""

Verdicts = dict[str, list[dict[str, str]]]


def check_mixers(options: VerifyOptions) -> Verdicts:
    """Carry out `verify` with an options object."""
    if options.timeout <= 0:
        raise RequestError(f"--timeout is {options.timeout:g}; it must be above 0")
    check_device(options.device)
    texts = [*(names_of(options.mixers) or ()), *(names_of(options.mixer) or ())] or list(MIXERS)
    every = choose_mixers(texts)
    verdicts: Verdicts = {mixer.label: [_skipped(mixer.lacks(options.device))] for mixer in every}
    chosen = [mixer for mixer in every if not mixer.lacks(options.device)]
    shape = {"tokens": options.tokens, "width": options.width}
    jobs = [{"mixers": [contract_job(mixer, **shape, device=options.device)]} for mixer in chosen]
    on_gpu = options.device != "cpu"
    if on_gpu:
        _demand_device(options)
    (options.progress or Silent()).remark(f"Checking the contract on {options.device} …")
    outcomes = run_each(VERIFY, jobs, threads=1, timeout=options.timeout, modules=_IMPORTED_ONCE)
    for mixer, outcome in zip(chosen, outcomes, strict=True):
        if isinstance(outcome, Died):
            verdicts[mixer.label] = [{"name": "runs", "outcome": "fail", "detail": outcome.detail}]
        else:
            verdicts |= outcome.result
    if on_gpu if options.speed is None else options.speed:
        typed = {(mixer.name, mixer.config): text for text in reversed(texts) for mixer in choose_mixers([text])}
        running = [mixer for mixer in chosen if verdicts[mixer.label][0]["outcome"] == "pass"]
        found = time_mixers([(mixer, typed[mixer.name, mixer.config]) for mixer in running], options)
        for label, check in found.items():
            verdicts[label].append(check)
    return verdicts


def _demand_device(options: VerifyOptions) -> None:
    """Raise RequestError for a GPU that is not there."""
    with Launch(["mixbench.worker.speed"], environment=MEASURING) as launch:
        outcome = launch.run(_CHECK, {"devices": [options.device], "targets": []}, options.timeout)
    if isinstance(outcome, Died):
        raise WorkerError(f"{_CHECK} failed: {outcome.detail}")
    if faults := outcome.result["faults"]:
        raise RequestError(faults[0], "`mixbench doctor` shows what this machine has.")


def _skipped(reason: str) -> dict[str, str]:
    return {"name": "runs", "outcome": "skip", "detail": reason}


@takes(VerifyOptions)
def verify(options: VerifyOptions) -> Verdicts:
    """Check that mixers meet the contract; returns, by mixer, checks with name, outcome (pass, fail, skip) and detail.

    Each is checked in a process of its own; one that ends or hangs does not run. With `speed`, which is the default on a GPU,
    the last check says whether a mixer comes near the best rates of the device, and if not, whether torch.compile makes it
    faster; it never fails. Raises RequestError, WorkerError.
    """
    return check_mixers(options)
