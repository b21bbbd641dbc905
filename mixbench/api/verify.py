"""Check that mixers meet the contract, and see how fast they are for their device."""

from __future__ import annotations

from collections.abc import Sequence

from mixbench.api.common import check_device
from mixbench.api.given_mixers import names_of
from mixbench.api.options import takes
from mixbench.api.verify_options import VerifyOptions
from mixbench.api.verify_speed import time_mixers
from mixbench.errors import RequestError, WorkerError
from mixbench.execution import Died, Launch, run_each
from mixbench.execution.launch import MEASURING
from mixbench.machine.gpu import gpu_environment
from mixbench.mixers import MIXERS
from mixbench.mixers.choice import choose_mixers
from mixbench.studies.contract_jobs import IMPORTED_ONCE, VERIFY, at_once, contract_job
from mixbench.studies.progress import Silent, Step

_CHECK = "mixbench.worker.speed:check"
_CHECKING = Step("mixer", seconds=5.0)

Verdicts = dict[str, list[dict[str, str]]]


def check_mixers(options: VerifyOptions) -> Verdicts:
    """Carry out `verify` with an options object."""
    if options.timeout <= 0:
        raise RequestError(f"--timeout is {options.timeout:g}; it must be above 0")
    texts = [*(names_of(options.mixers) or ()), *(names_of(options.mixer) or ())] or list(MIXERS)
    if options.device is not None:
        return _check_on(options.device, texts, options)
    verdicts = _check_on("cpu", texts, options)
    if gpu_environment()["gpus"]:
        try:
            on_gpu = _check_on("cuda", texts, options)
        except RequestError as error:
            (options.progress or Silent()).remark(f"Not checked on the GPU: {error}")
        else:
            verdicts |= {f"{name} on cuda": checks for name, checks in on_gpu.items()}
    return verdicts


def _check_on(device: str, texts: Sequence[str], options: VerifyOptions) -> Verdicts:
    check_device(device)
    progress = options.progress or Silent()
    every = choose_mixers(texts)
    verdicts: Verdicts = {mixer.label: [] for mixer in every}
    chosen, jobs = [], []
    for mixer in every:
        try:
            job = contract_job(mixer, tokens=options.tokens, width=options.width, device=device)
        except RequestError as error:
            if len(every) == 1:
                raise
            verdicts[mixer.label] = [_skipped(str(error))]
            continue
        if lack := mixer.lacks(device):
            verdicts[mixer.label] = [_skipped(lack)]
            continue
        chosen.append(mixer)
        jobs.append({"mixers": [job]})
    on_gpu = device != "cpu"
    if on_gpu:
        _demand_device(device, options.timeout)
    progress.remark(f"Checking the contract on {device} …")
    progress.begin([_CHECKING] * len(chosen))
    outcomes = run_each(VERIFY, jobs, threads=1, timeout=options.timeout, modules=IMPORTED_ONCE, at_once=at_once(device))
    for mixer, outcome in zip(chosen, outcomes, strict=True):
        if isinstance(outcome, Died):
            verdicts[mixer.label] = [{"name": "runs", "outcome": "fail", "detail": outcome.detail}]
        else:
            verdicts |= outcome.result
        progress.done(_CHECKING)
    if on_gpu if options.speed is None else options.speed:
        typed = {(mixer.name, mixer.config): text for text in reversed(texts) for mixer in choose_mixers([text])}
        running = [mixer for mixer in chosen if verdicts[mixer.label][0]["outcome"] == "pass"]
        found = time_mixers([(mixer, typed[mixer.name, mixer.config]) for mixer in running], device, options)
        for label, check in found.items():
            verdicts[label].append(check)
    return verdicts


def _demand_device(device: str, timeout: float) -> None:
    """Raise RequestError for a GPU that is not there."""
    with Launch(["mixbench.worker.speed"], environment=MEASURING) as launch:
        outcome = launch.run(_CHECK, {"devices": [device], "targets": []}, timeout)
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
