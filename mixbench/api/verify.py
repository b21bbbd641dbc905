"""Check that mixers meet the contract."""

from __future__ import annotations

from mixbench.api.given_mixers import names_of
from mixbench.api.options import takes
from mixbench.api.verify_options import VerifyOptions
from mixbench.execution import run_alone
from mixbench.mixers import MIXERS
from mixbench.mixers.choice import choose_mixers

_VERIFY = "mixbench.worker.measure.verify:verify_job"


def check_mixers(options: VerifyOptions) -> dict[str, list[dict[str, str]]]:
    """Carry out `verify` with an options object."""
    tokens, width = options.tokens, options.width
    given = [*(names_of(options.mixers) or ()), *(names_of(options.mixer) or ())]
    chosen = choose_mixers(given or list(MIXERS))
    job = {
        "mixers": [
            {
                "name": mixer.name,
                "target": mixer.target,
                "arguments": mixer.arguments(tokens, width),
                "honours_mask": mixer.entry.honours_mask if mixer.entry else None,
                "closed_forms": mixer.closed_forms(tokens, width),
            }
            for mixer in chosen
        ]
    }
    verdicts: dict[str, list[dict[str, str]]] = run_alone(_VERIFY, job, threads=1, timeout=300.0)
    return verdicts


@takes(VerifyOptions)
def verify(options: VerifyOptions) -> dict[str, list[dict[str, str]]]:
    """Check that mixers meet the contract; returns, by mixer, checks with name, outcome (pass, fail, skip) and detail.

    Raises RequestError.
    """
    return check_mixers(options)
