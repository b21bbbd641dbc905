"""CUDA graphs on a CPU: a capture records the operators that run, a replay runs them again into the same tensors.

As on a GPU, what is captured is not carried out, random numbers are drawn anew by every replay, and whatever must know a value
while it is captured is refused.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from typing import Any
from unittest import mock

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from mixbench.worker import graphs

REFUSED = "CUDA error: operation not permitted when stream is capturing"
_NEED_VALUES = ("aten::_local_scalar_dense", "aten::nonzero", "aten::masked_select", "aten::equal", "aten::unique2")


@contextmanager
def emulated_graphs() -> Iterator[None]:
    """Let `mixbench.worker.graphs` work on tensors of the CPU, and remember no stream of it."""
    with (
        _forgetting_streams(),
        mock.patch.multiple(
            torch.cuda,
            CUDAGraph=_Graph,
            graph=_capturing,
            device=lambda device: nullcontext(),
            current_stream=lambda device=None: mock.MagicMock(),
            Stream=lambda device=None: mock.MagicMock(),
            stream=lambda stream: nullcontext(),
            synchronize=lambda device=None: None,
        ),
    ):
        yield


@contextmanager
def _forgetting_streams() -> Iterator[None]:
    graphs._side_stream.cache_clear()
    try:
        yield
    finally:
        graphs._side_stream.cache_clear()


class _Graph:
    """In place of torch.cuda.CUDAGraph."""

    def __init__(self) -> None:
        self.recorder = _Recorder()
        self.replays = 0

    def pool(self) -> object:
        return self

    def replay(self) -> None:
        self.replays += 1
        with torch._C._AutoDispatchBelowAutograd():
            for func, args, kwargs, result, grad in self.recorder.calls:
                with torch.set_grad_enabled(grad):  # a kernel may leave more behind where a gradient follows
                    again = func(*args, **kwargs)
                pairs = zip(_tensors(result), _tensors(again), strict=True) if result is not None else ()
                for old, new in pairs:
                    if old.data_ptr() != new.data_ptr():
                        old.copy_(new)


@contextmanager
def _capturing(graph: _Graph, pool: object = None, stream: object = None) -> Iterator[None]:
    """In place of torch.cuda.graph."""
    random = torch.get_rng_state()
    try:
        with graph.recorder:
            yield
    finally:
        graph.recorder.undo()
        torch.set_rng_state(random)


class _Recorder(TorchDispatchMode):
    """Keeps every call of an operator that computes, and what the tensors held that these calls write to."""

    def __init__(self) -> None:
        super().__init__()
        self.calls: list[tuple[Any, Any, Any, Any, bool]] = []
        self._before: dict[int, tuple[torch.UntypedStorage, torch.UntypedStorage]] = {}
        self._own: dict[int, torch.UntypedStorage] = {}

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        if func.name() in _NEED_VALUES or _picks_by_truth(func, args):
            raise RuntimeError(f"{REFUSED}\nCompile with `TORCH_USE_CUDA_DSA` to enable device-side assertions.")
        written = _written(func, args, kwargs)
        for tensor in written:
            storage = tensor.untyped_storage()
            if storage._cdata not in self._own:
                self._before.setdefault(storage._cdata, (storage, storage.clone()))
        result = func(*args, **kwargs)
        if not func.is_view:
            self.calls.append((func, args, kwargs, None if written else result, torch.is_grad_enabled()))
        for tensor in _tensors(result):
            storage = tensor.untyped_storage()
            if storage._cdata not in self._before and not written and not func.is_view:
                self._own[storage._cdata] = storage
        return result

    def undo(self) -> None:
        """Give the tensors back what they held."""
        for storage, before in self._before.values():
            storage.copy_(before)
        self._before.clear()


def _tensors(values: Any) -> list[Tensor]:
    return [leaf for leaf in tree_leaves(values) if isinstance(leaf, Tensor)]


def _written(func: Any, args: Any, kwargs: Any) -> list[Tensor]:
    """The tensors among the arguments that the operator writes to."""
    found: list[Tensor] = []
    for place, argument in enumerate(func._schema.arguments):
        if argument.alias_info is not None and argument.alias_info.is_write:
            found += _tensors(args[place] if place < len(args) else kwargs.get(argument.name))
    return found


def _picks_by_truth(func: Any, args: Any) -> bool:
    """Whether it takes the elements at which a tensor of truth values is true: how many is not known."""
    if func.name() != "aten::index.Tensor":
        return False
    return any(tensor.dtype in (torch.bool, torch.uint8) for tensor in _tensors(args[1]))
