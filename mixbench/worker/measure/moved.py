"""The memory that an operator reads and writes, each operand once: a model without caches, in which every operator is a kernel.

An operand counts with the bytes that it shows: what is expanded, once. Copies move memory like any other operator; views, and
what only allocates, move none. Of a table from which rows are looked up, as many bytes are read as are found.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.utils._pytree import tree_leaves

from mixbench.worker.measure.held import dense_parts

_Place = tuple[Any, ...]

_UNTOUCHED = {"empty", "empty_like", "empty_permuted", "empty_strided", "new_empty", "new_empty_strided"}
_LOOKED_UP = {"embedding", "gather", "index", "index_select", "take", "_unsafe_index"}
"""Operators that read some elements of their first operand."""
_FILLING = {"bernoulli_", "copy_", "exponential_", "fill_", "log_normal_", "normal_", "random_", "uniform_", "zero_"}
"""Operators in place that do not read what they overwrite."""


def moved_bytes(operator: Any, args: Sequence[Any], kwargs: Mapping[str, Any], result: Any) -> int:
    """Bytes that an operator, which is not a view, has read from its arguments and written to them and to its result."""
    name = str(operator._overloadpacket.__name__)
    if name in _UNTOUCHED or torch.Tag.inplace_view in operator.tags:
        return 0
    read: dict[_Place, int] = {}
    written: dict[_Place, int] = {}
    for place, (argument, value) in enumerate(_given(operator, args, kwargs)):
        shown = dict(_shown(value))
        if argument.alias_info is not None and argument.alias_info.is_write:
            written |= shown
            shown = {} if argument.is_out or name in _FILLING else shown
        elif name.endswith("_like") or name.startswith("new_"):  # asked for its shape alone
            shown = {}
        elif name in _LOOKED_UP and place == 0:
            found = sum(size for _, size in _shown(result))
            shown = {where: min(size, found) for where, size in shown.items()}
        read |= shown
    written |= {where: size for where, size in _shown(result) if where not in read}
    return sum(read.values()) + sum(written.values())


def _given(operator: Any, args: Sequence[Any], kwargs: Mapping[str, Any]) -> Iterator[tuple[Any, Any]]:
    """What the schema says of each argument that was given, and its value."""
    arguments = operator._schema.arguments
    yield from zip(arguments, args, strict=False)
    yield from ((argument, kwargs[argument.name]) for argument in arguments if argument.name in kwargs)


def _shown(values: Any) -> Iterator[tuple[_Place, int]]:
    """Each tensor among values: where it lies, equal for a matrix and its transpose, and the bytes that it shows."""
    for tensor in tree_leaves(values):
        if isinstance(tensor, Tensor):
            yield from map(_shown_by, dense_parts(tensor))


def _shown_by(tensor: Tensor) -> tuple[_Place, int]:
    try:
        storage = tensor.untyped_storage()
        lanes = sorted((step, size) for step, size in zip(tensor.stride(), tensor.shape, strict=True) if step and size > 1)
        place: _Place = (storage._cdata, tensor.storage_offset(), *lanes)
    except (RuntimeError, NotImplementedError):  # a layout of a library, such as oneDNN's
        return (id(tensor),), tensor.numel() * tensor.element_size()
    elements = 0 if not tensor.numel() else 1
    for _, size in lanes:
        elements *= size
    return place, min(elements * tensor.element_size(), storage.nbytes())  # windows may overlap
