"""Mixers held to their contract."""

from __future__ import annotations

from collections.abc import Sequence

from mixbench.execution import run_alone
from mixbench.mixers import MIXERS
from mixbench.mixers.choice import choose_mixers

VERIFY = "mixbench.worker.measure.verify:verify_job"


def verify(mixers: Sequence[str] | None = None, *, tokens: int = 17, width: int = 32) -> dict[str, list[dict[str, str]]]:
    """Hold mixers to their contract; by mixer, checks with name, outcome (pass, fail, skip) and detail.

    Raises RequestError.
    """
    chosen = choose_mixers(list(mixers or MIXERS))
    job = {
        "mixers": [
            {
                "name": mixer.name,
                "target": mixer.target,
                "arguments": mixer.arguments(tokens, width),
                "honours_mask": mixer.entry.honours_mask if mixer.entry else None,
            }
            for mixer in chosen
        ]
    }
    verdicts: dict[str, list[dict[str, str]]] = run_alone(
        "mixbench.worker.measure.verify:verify_job", job, threads=1, timeout=300.0
    )
    return verdicts
