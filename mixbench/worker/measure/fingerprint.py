"""By what the same workload of two versions is held to be the same: sums over its output, and how many operators it runs."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch._ops import OpOverload
from torch.utils._python_dispatch import TorchDispatchMode

from ..calls import Call
from .bodies import uncompiled

_SAMPLED = 64
_SAMPLED_AT_ONCE = 1 << 20


def sample_of(y: Tensor) -> list[float]:
    """A few sums that every number of an output is in, at random with either sign.

    They differ about as much as the outputs, relative to the norm, wherever these differ.
    """
    generator = torch.Generator().manual_seed(0)
    sums = torch.zeros(2 * _SAMPLED, dtype=torch.float64)
    for part in y.detach().flatten().split(_SAMPLED_AT_ONCE):
        places = torch.randint(len(sums), (len(part),), generator=generator)
        sums.index_add_(0, places, part.cpu().double())
    sample: list[float] = (sums[:_SAMPLED] - sums[_SAMPLED:]).tolist()
    return sample


class _Operators(TorchDispatchMode):
    """Counts operators other than views."""

    supports_higher_order_operators = True

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.count = 0

    @classmethod
    def _should_skip_dynamo(cls) -> bool:
        return False  # to skip it, torch would first import it: seconds in each of the processes

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if isinstance(func, OpOverload):  # else control flow, whose bodies follow
            self.count += not func.is_view
        return func(*args, **(kwargs or {}))


def count_operators(call: Call) -> int:
    """The operators that a call runs as plain Python: what torch may not compile below a counter, it never compiles again."""
    operators = _Operators()
    with operators, uncompiled():
        call()
    return operators.count
