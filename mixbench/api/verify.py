"""Check that mixers meet the contract."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from mixbench.api.given_mixers import names_of
from mixbench.api.options import takes
from mixbench.api.verify_options import VerifyOptions
from mixbench.errors import RequestError
from mixbench.execution import Died, run_each
from mixbench.mixers import MIXERS
from mixbench.mixers.choice import choose_mixers, distinct_ends
from mixbench.parsing.sources import split_target

_VERIFY = "mixbench.worker.measure.verify:verify_job"
_IMPORTED_ONCE = ("mixbench.worker.measure.verify", "torch._dynamo")
"""What counting FLOPs would otherwise import again in the process of each mixer."""

LONGEST = 1e9

Verdicts = dict[str, list[dict[str, str]]]


def check_mixers(options: VerifyOptions) -> Verdicts:
    """Carry out `verify` with an options object."""
    tokens, width = options.tokens, options.width
    if not 0 < options.timeout < LONGEST:
        raise RequestError(f"--timeout is {options.timeout:g}; it must be above 0")
    given = [*(names_of(options.mixers) or ()), *(names_of(options.mixer) or ())]
    mixers = [
        {
            "name": mixer.name,
            "target": mixer.target,
            "arguments": mixer.arguments(tokens, width),
            "honours_mask": mixer.entry.honours_mask if mixer.entry else None,
            "closed_forms": mixer.closed_forms(tokens, width),
        }
        for mixer in choose_mixers(given or list(MIXERS))
    ]
    names = distinct_names(mixers)
    jobs = [{"mixers": [mixer | {"name": name}]} for name, mixer in zip(names, mixers, strict=True)]
    outcomes = run_each(_VERIFY, jobs, threads=1, timeout=options.timeout, modules=_IMPORTED_ONCE)
    verdicts: Verdicts = {}
    for name, outcome in zip(names, outcomes, strict=True):
        if isinstance(outcome, Died):
            verdicts[name] = [{"name": "runs", "outcome": "fail", "detail": outcome.detail}]
        else:
            verdicts |= outcome.result
    return verdicts


def distinct_names(mixers: Sequence[Mapping[str, Any]]) -> list[str]:
    """A name for each mixer: where several share theirs, with their arguments, or with the end of their file's path."""
    settings = [",".join(f"{name}={value}" for name, value in mixer["arguments"].items()) for mixer in mixers]
    sources = [split_target(mixer["target"])[0] for mixer in mixers]
    levels = []
    for mixer, own in zip(mixers, settings, strict=True):
        source, name, _ = split_target(mixer["target"])
        same = list(
            dict.fromkeys(place for place, other in zip(sources, mixers, strict=True) if other["name"] == mixer["name"])
        )
        short = f"{distinct_ends(same)[same.index(source)]}:{name}"
        levels.append((mixer["name"], f"{mixer['name']}:{own}", short, f"{short}:{own}"))
    counts = [Counter(names) for names in zip(*levels, strict=True)]
    return [next((name for name, count in zip(names, counts, strict=True) if count[name] == 1), names[-1]) for names in levels]


@takes(VerifyOptions)
def verify(options: VerifyOptions) -> Verdicts:
    """Check that mixers meet the contract; returns, by mixer, checks with name, outcome (pass, fail, skip) and detail.

    Each is checked in a process of its own; one that ends or hangs does not run. Raises RequestError, WorkerError.
    """
    return check_mixers(options)
