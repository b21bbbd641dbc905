"""Run a call on tensors without values: it takes milliseconds and no memory, and dispatches what the real device would run.

Such a run leaves traces in a process: tables that code keeps for later calls then hold tensors without values. So nothing is
measured in that process afterwards.
"""

from __future__ import annotations

import weakref
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from typing import Any, TypeVar

import torch
from torch import Tensor
from torch._ops import OpOverload
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from mixbench.worker.calls import Call
from mixbench.worker.measure.bodies import uncompiled
from mixbench.worker.measure.flop_formulas import formula_of
from mixbench.worker.measure.held import dense_parts
from mixbench.worker.measure.leaving import Leaving
from mixbench.worker.measure.moved import moved_bytes
from mixbench.worker.measure.operators import is_free, may_hide_products

_VIEWS = ("aten::detach", "aten::_unsafe_view")  # not marked as views, though they compute nothing


@contextmanager
def without_values() -> Iterator[None]:
    """Tensors that are made inside have a shape, a dtype and the device that was asked for, but no values.

    Raises NeedsValuesError inside where code takes data out of torch.
    """
    with _one_mode(), Leaving():
        yield


@cache
def _one_mode() -> FakeTensorMode:
    """The same in all runs of a process: tensors of different modes cannot meet, and code keeps tensors for later calls."""
    return FakeTensorMode(allow_non_fake_inputs=True)


class Operators(TorchDispatchMode):
    """Lists the operators that run: all that compute something, by name those that may contain products, and bytes moved."""

    supports_higher_order_operators = True

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.names: list[str] = []
        self.heavy: Counter[str] = Counter()
        self.moved = 0

    @classmethod
    def _should_skip_dynamo(cls) -> bool:
        return False  # to skip it would import it, which takes seconds, and nothing is compiled here

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        result = func(*args, **(kwargs or {}))
        if not isinstance(func, OpOverload):  # control flow, whose bodies follow
            return result
        if func.namespace != "prim" and not func.is_view and func.name() not in _VIEWS:
            self.names.append(str(func))
            self.moved += moved_bytes(func, args, kwargs or {}, result)
            if formula_of(func._overloadpacket) or (not is_free(func) and may_hide_products(func)):
                self.heavy[str(func)] += 1
        return result


Mode = TypeVar("Mode", bound=Operators)


class _Storages(Operators):
    """Adds up the live storages that operators created as well."""

    def __init__(self) -> None:
        super().__init__()
        self.live = self.peak = 0
        self._known: set[int] = set()

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        result = super().__torch_dispatch__(func, types, args, kwargs)
        for tensor in tree_leaves(result):
            if isinstance(tensor, Tensor):
                for part in dense_parts(tensor):
                    self._add(part.untyped_storage())
        return result

    def _add(self, storage: torch.UntypedStorage) -> None:
        address = storage._cdata
        if address in self._known:
            return
        self._known.add(address)
        size = storage.nbytes()
        self.live += size
        self.peak = max(self.peak, self.live)
        weakref.finalize(storage, self._remove, address, size)

    def _remove(self, address: int, size: int) -> None:
        self._known.discard(address)
        self.live -= size


@dataclass(frozen=True)
class Prediction:
    """A prediction for a call: bytes at its peak, and the operators in it that may contain products, with their number."""

    peak: int
    heavy: Mapping[str, int]


def predict(make_call: Callable[[], tuple[Call, object]]) -> Prediction:
    """Build and call without values.

    `make_call` builds module and input, and returns the call and whatever must stay alive. The peak includes everything that
    is built, the operators are those of the call. Allocations inside kernels are left out, so the peak serves only to decide
    whether to try.
    """

    def run(tracker: _Storages) -> None:
        with without_values():
            call, alive = make_call()
            tracker.heavy.clear()
            result = call()
            del result, alive

    tracker = _watch(_Storages, run)
    return Prediction(tracker.peak, dict(tracker.heavy))


def operators_of(call: Call) -> Operators:
    """The operators that a call runs."""
    return _watch(Operators, lambda _: call())


def _watch(kind: Callable[[], Mode], run: Callable[[Mode], object]) -> Mode:
    """Run below a mode of this kind; where code wants to be compiled, which no mode allows, as plain Python."""
    mode = kind()
    try:
        with mode:
            run(mode)
    except Exception:  # an error of any kind, where torch compiles only a part
        mode = kind()
        with mode, uncompiled():
            run(mode)
    return mode
