"""Ways on which data leave torch: what is computed with them there is no operator, so it is in no count."""

from __future__ import annotations

import sys
from typing import Any

import numpy as np
from torch import Tensor, nn
from torch._subclasses.fake_tensor import FakeTensor
from torch.overrides import TorchFunctionMode

from mixbench.worker.measure.flop_formulas import NeedsValuesError
from mixbench.worker.measure.held import reachable

_WAYS = {
    "numpy": "Tensor.numpy",
    "__array__": "numpy.asarray",
    "__dlpack__": "from_dlpack",
    "data_ptr": "Tensor.data_ptr",
}
"""Methods of a tensor by which other libraries get at its data: NumPy and its like, kernels that are called directly."""
_INTO_ARRAYS = {"Tensor.numpy", "numpy.asarray"}


class Leaving(TorchFunctionMode):
    """Names the ways on which code below takes data out of torch; what torch does so itself does not count.

    Raises NeedsValuesError for a tensor without values: whoever gets the address of its data crashes the process.
    """

    def __init__(self) -> None:
        super().__init__()
        self.ways: set[str] = set()

    def forget(self, module: nn.Module) -> None:
        """Forget the ways that were taken so far, but for those by which later calls can still reach a tensor's memory.

        By NumPy they can if the module holds an array that shows such memory. Who has an address, or what another library
        made of the memory, cannot be seen. Work with an array's own address is left to `mixbench.worker.measure.outside`.
        """
        if self.ways & _INTO_ARRAYS and not any(
            isinstance(found, np.ndarray) and _is_lent(found) for found in reachable(module)
        ):
            self.ways -= _INTO_ARRAYS

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        way = _WAYS.get(getattr(func, "__name__", ""))
        if way and (way != "Tensor.data_ptr" or not _called_by_torch()):
            self.ways.add(way)
            if isinstance(args[0], FakeTensor):
                raise NeedsValuesError(f"{way} needs values")
        return func(*args, **(kwargs or {}))


def _is_lent(array: Any) -> bool:
    """Whether an array shows the memory of a tensor."""
    while isinstance(array, np.ndarray):
        array = array.base
    return isinstance(array, Tensor)


def _called_by_torch() -> bool:
    """Whether torch's own Python code asks: it compares addresses of weights, for instance."""
    return str(sys._getframe(2).f_globals.get("__name__", "")).startswith("torch.")
