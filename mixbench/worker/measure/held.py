"""The bytes of tensors and NumPy arrays that a module holds, however it holds them, each byte once.

The search starts at the module and follows whatever Python reaches from there: parameters, buffers, attributes, containers,
objects, closures, bound methods, default arguments, classes, caches of functions, and the globals that the code it meets
names. It does not enter Python's own library, torch and NumPy. It cannot see what only C++ holds, such as a graph kept for a
backward pass.
"""

from __future__ import annotations

import gc
import sys
from collections.abc import Iterable, Iterator
from types import BuiltinFunctionType, CodeType, FrameType, FunctionType, ModuleType
from typing import Any
from weakref import ProxyTypes

import numpy as np
import torch
from numpy.lib.array_utils import byte_bounds
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.utils._python_dispatch import is_traceable_wrapper_subclass

Array = NDArray[Any]

_FOREIGN = sys.stdlib_module_names | {"torch", "numpy"}
_COMPRESSED = {
    torch.sparse_csr: ("crow_indices", "col_indices"),
    torch.sparse_bsr: ("crow_indices", "col_indices"),
    torch.sparse_csc: ("ccol_indices", "row_indices"),
    torch.sparse_bsc: ("ccol_indices", "row_indices"),
}


def held_bytes(module: nn.Module, others: Iterable[Tensor], device: torch.device) -> int:
    """Bytes in a device's memory of all that a module reaches, and of other tensors. Memory that several share counts once."""
    found = [*module.parameters(), *module.buffers(), *others, *reachable(module)]
    total = end = 0
    for start, stop in sorted(memory for one in found for memory in _memory(one, device.type)):
        total += max(0, stop - max(start, end))
        end = max(end, stop)
    return total


def _memory(found: Tensor | Array, device: str) -> Iterator[tuple[int, int]]:
    """Addresses of the memory on a kind of device: from the first byte to behind the last."""
    if isinstance(found, np.ndarray):
        if device == "cpu" and found.size:
            yield byte_bounds(found)  # a view may run backwards, or show the same bytes many times
        return
    for part in dense_parts(found):
        try:
            start, size = part.untyped_storage().data_ptr(), part.untyped_storage().nbytes()
        except (RuntimeError, NotImplementedError):  # a layout of a library, such as oneDNN's
            start, size = id(part), part.numel() * part.element_size()
        if part.device.type == device and start:
            yield (start, start + size)


def dense_parts(tensor: Tensor) -> Iterator[Tensor]:
    """The tensors with a storage of their own that make up a sparse, nested or otherwise composed one; else the tensor."""
    if is_traceable_wrapper_subclass(tensor):
        names, _ = tensor.__tensor_flatten__()
        parts = [getattr(tensor, name) for name in names]
    elif tensor.layout == torch.sparse_coo:
        parts = [tensor._indices(), tensor._values()]
    elif tensor.layout in _COMPRESSED:
        parts = [getattr(tensor, name)() for name in _COMPRESSED[tensor.layout]] + [tensor.values()]
    else:
        yield tensor
        return
    for part in parts:
        yield from dense_parts(part)


def reachable(module: nn.Module) -> Iterator[Tensor | Array]:
    """Every tensor and every NumPy array that Python can reach from a module."""
    seen: dict[int, Any] = {}  # the objects too: one that is freed could leave its number to another
    waiting: list[Any] = [module]
    while waiting:
        found = waiting.pop()
        if id(found) in seen or type(found) in ProxyTypes:  # what it stands for may be gone, and is not held
            continue
        seen[id(found)] = found
        if isinstance(found, Tensor):
            yield found
            waiting += [found.__dict__, found.grad if found.is_leaf else None]
        elif isinstance(found, np.ndarray):
            yield found
            waiting.append(found.base)
        else:
            waiting += _referents(found)


def _referents(found: Any) -> list[Any]:
    if isinstance(found, FunctionType):
        inside = [found.__closure__, found.__defaults__, found.__kwdefaults__, found.__dict__]
        return inside if _is_foreign(found) else inside + _named_globals(found)
    if isinstance(found, type):
        return [] if _is_foreign(found) else [vars(found), *found.__mro__]
    if isinstance(found, ModuleType | FrameType | CodeType | BuiltinFunctionType):
        return []
    return gc.get_referents(found)


def _is_foreign(found: FunctionType | type) -> bool:
    return str(found.__module__).partition(".")[0] in _FOREIGN


def _named_globals(function: FunctionType) -> list[Any]:
    """The globals that a function's code names, and of modules among them the attributes that it names."""
    names = _names(function.__code__)
    values = [function.__globals__[name] for name in names if name in function.__globals__]
    modules = [value for value in values if isinstance(value, ModuleType) and value.__name__.partition(".")[0] not in _FOREIGN]
    return values + [vars(module)[name] for module in modules for name in names if name in vars(module)]


def _names(code: CodeType) -> set[str]:
    inner = (constant for constant in code.co_consts if isinstance(constant, CodeType))
    return set(code.co_names).union(*map(_names, inner))
