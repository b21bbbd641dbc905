"""The size of the state that a trained model keeps between tokens."""

from __future__ import annotations

import copy
from typing import Any

from mixbench.model import Model
from mixbench.tables.remarks import unknown
from mixbench.worker.calls import describe_failure
from mixbench.worker.measure.decoding import state_mib_of

_METHODS = ("state", "step")


def state_of(model: Model, has_steps: bool | None, *, tokens: int, width: int) -> dict[str, Any]:
    """The columns about the state of one sequence after `tokens` tokens, in all layers; None where mixers have no steps.

    With `has_steps` None, a mixer has steps if it has the methods. One whose steps fail gives the reason instead.
    """
    mixers: list[Any] = [block.mixer for block in model.blocks]
    if has_steps is False or not all(map(_has_methods, mixers)):
        return {"state_mib": None}
    try:
        # of a copy: the weights are still to be kept, and a user's step may change what it holds
        sizes = [state_mib_of(copy.deepcopy(mixer), tokens, 1, width=width) for mixer in mixers]
    except Exception as error:  # a mixer may raise anything
        return {"state_mib": None, "detail": unknown("state_mib", describe_failure(error))}
    return {"state_mib": sum(sizes)}


def _has_methods(mixer: Any) -> bool:
    return all(callable(getattr(mixer, name, None)) for name in _METHODS)
