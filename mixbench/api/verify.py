"""Check that mixers meet the contract."""

from __future__ import annotations

from mixbench.api.given_mixers import names_of
from mixbench.api.options import takes
from mixbench.api.verify_options import VerifyOptions
from mixbench.errors import RequestError
from mixbench.execution import Died, run_each
from mixbench.mixers import MIXERS
from mixbench.mixers.choice import choose_mixers

_VERIFY = "mixbench.worker.measure.verify:verify_job"
_IMPORTED_ONCE = ("mixbench.worker.measure.verify", "torch._dynamo")
"""What counting FLOPs would otherwise import again in the process of each mixer."""

Verdicts = dict[str, list[dict[str, str]]]


def check_mixers(options: VerifyOptions) -> Verdicts:
    """Carry out `verify` with an options object."""
    tokens, width = options.tokens, options.width
    if options.timeout <= 0:
        raise RequestError(f"--timeout is {options.timeout:g}; it must be above 0")
    given = [*(names_of(options.mixers) or ()), *(names_of(options.mixer) or ())]
    chosen = choose_mixers(given or list(MIXERS))
    checks = [
        {
            "name": mixer.label,
            "target": mixer.target,
            "arguments": mixer.arguments(tokens, width),
            "honours_mask": mixer.entry.honours_mask if mixer.entry else None,
            "closed_forms": mixer.closed_forms(tokens, width),
        }
        for mixer in chosen
    ]
    jobs = [{"mixers": [check]} for check in checks]
    outcomes = run_each(_VERIFY, jobs, threads=1, timeout=options.timeout, modules=_IMPORTED_ONCE)
    verdicts: Verdicts = {}
    for mixer, outcome in zip(chosen, outcomes, strict=True):
        if isinstance(outcome, Died):
            verdicts[mixer.label] = [{"name": "runs", "outcome": "fail", "detail": outcome.detail}]
        else:
            verdicts |= outcome.result
    return verdicts


@takes(VerifyOptions)
def verify(options: VerifyOptions) -> Verdicts:
    """Check that mixers meet the contract; returns, by mixer, checks with name, outcome (pass, fail, skip) and detail.

    Each is checked in a process of its own; one that ends or hangs does not run. Raises RequestError, WorkerError.
    """
    return check_mixers(options)
