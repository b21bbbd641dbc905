"""What a worker needs to hold a mixer to its contract: how it is built, in which forms, and what is said of it."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from itertools import product
from typing import Any

from mixbench.errors import RequestError
from mixbench.machine.environment import physical_cores
from mixbench.mixers.choice import ChosenMixer, NotCausalError

VERIFY = "mixbench.worker.measure.verify:verify_job"
IMPORTED_ONCE = ("mixbench.worker.measure.verify", "torch._dynamo")
"""What counting FLOPs would otherwise import again in the process of each mixer."""
BATCH = 2
LONGER = 131
"""Tokens of a second form: more than a chunk of any mixer, and a prime number."""
WIDE = 64
"""The width of built-in mixers that are compared in half precision at LONGER tokens."""


def at_once(device: str) -> int:
    """Processes that verify mixers side by side, one each; on a GPU, each takes about half a GiB for its context."""
    return physical_cores() if device == "cpu" else min(physical_cores(), 8)


def contract_job(mixer: ChosenMixer, *, tokens: int, width: int, device: str, longer: int = LONGER) -> dict[str, Any]:
    """A mixer of `verify_job`, at a shape, and in other forms: `longer`, causal, and both. Raises RequestError."""
    entry = mixer.entry

    def form(mixer: ChosenMixer, tokens: int, width: int = width) -> dict[str, Any]:
        return {
            "arguments": mixer.arguments(tokens, width),
            "causal": mixer.is_causal,
            "closed_forms": mixer.closed_forms(tokens, width, batch=BATCH, device=device.partition(":")[0]),
        }

    def forms(shapes: Iterable[tuple[int, int]]) -> list[dict[str, Any]]:
        """All but the first one."""
        made = []
        for kind, shape in product(_kinds(mixer), dict.fromkeys(shapes)):
            if (kind, shape) != (mixer, (tokens, width)):
                with suppress(RequestError):  # it cannot have this shape
                    made.append(form(kind, *shape))
        return made

    return {
        "name": mixer.label,
        "target": mixer.target,
        **form(mixer, tokens),
        "batch": BATCH,
        "device": device,
        "forms": forms([(tokens, width), (longer, width)]),
        "wide": forms([(LONGER, WIDE)]) if entry else [],
        "honours_mask": entry.honours_mask if entry else None,
        "any_length": entry.takes_any_length(mixer.options) if entry else None,
        "reference": entry.name if entry else "",
        "stepwise": bool(entry and entry.state),
    }


def _kinds(mixer: ChosenMixer) -> list[ChosenMixer]:
    """The mixer, and its causal form where it has one besides."""
    if mixer.is_causal:
        return [mixer]
    try:
        return [mixer, mixer.made_causal()]
    except NotCausalError:
        return [mixer]
