from __future__ import annotations

import functools
import gc
import sys
import weakref
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from mixbench.worker.measure.held import held_bytes

CPU = torch.device("cpu")
SIZE = 4 * 1000


def table() -> Tensor:
    return torch.zeros(1000)


class Holding(nn.Module):
    """Holds whatever is put into its attribute `kept`."""

    def __init__(self, kept: Any) -> None:
        super().__init__()
        self.kept = kept


class Slots:
    __slots__ = ("inside",)

    def __init__(self, inside: Any) -> None:
        self.inside = inside


@dataclass
class Record:
    inside: Any


def closing_over(inside: Any) -> Callable[[], Any]:
    return lambda: inside


WAYS: dict[str, Callable[[Tensor], Any]] = {
    "attribute": lambda tensor: tensor,
    "parameter": nn.Parameter,
    "buffer": nn.Buffer,
    "list": lambda tensor: [[tensor]],
    "dictionary": lambda tensor: {"a": (1, tensor)},
    "set": lambda tensor: {tensor},
    "deque": lambda tensor: deque([tensor]),
    "namespace": lambda tensor: SimpleNamespace(inside=tensor),
    "dataclass": Record,
    "slots": Slots,
    "closure": closing_over,
    "argument": lambda tensor: functools.partial(print, tensor),
    "method": lambda tensor: Record(tensor).__repr__,
    "iterator": lambda tensor: iter([tensor]),
    "array": lambda tensor: tensor.numpy(),
    "views": lambda tensor: [tensor, tensor[3:], tensor.view(10, 100).T, tensor.numpy()[5:]],
}


@pytest.mark.parametrize("way", WAYS)
def test_a_tensor_counts_once_wherever_a_module_keeps_it(way: str) -> None:
    assert held_bytes(Holding(WAYS[way](table())), [], CPU) == SIZE


def test_what_is_not_kept_does_not_count() -> None:
    tensor = table()
    assert held_bytes(Holding(weakref.ref(tensor)), [], CPU) == 0
    assert held_bytes(Holding(closing_over(3)), [], torch.device("cuda")) == 0
    dead = weakref.proxy(Record(3))
    gc.collect()
    assert held_bytes(Holding([dead]), [tensor], CPU) == SIZE


@functools.lru_cache
def cached_table(rows: int) -> Tensor:
    return torch.zeros(rows)


GLOBAL = torch.zeros(50)
UNUSED = torch.zeros(70)


class Cached(nn.Module):
    shared = torch.zeros(20)

    def forward(self, x: Tensor) -> Tensor:
        return x + cached_table(1000)[:1]


class Naming(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        inner = lambda: x + GLOBAL[:1]  # noqa: E731
        return inner()


def test_caches_of_functions_and_globals_that_the_code_names_count() -> None:
    cached_table.cache_clear()
    module = Cached()
    assert held_bytes(module, [], CPU) == 4 * 20
    module(torch.zeros(1))
    assert held_bytes(module, [], CPU) == 4 * 20 + SIZE
    assert held_bytes(Naming(), [], CPU) == 4 * 50


def test_an_attribute_of_another_module_counts_where_the_code_names_it(monkeypatch: pytest.MonkeyPatch) -> None:
    helper = ModuleType("planted_helper")
    helper.used, helper.unused = table(), table()  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, helper.__name__, helper)
    namespace: dict[str, Any] = {"helper": helper, "nn": nn, "__name__": "planted_mixer"}
    exec("class Mixer(nn.Module):\n    def forward(self, x):\n        return x + helper.used[:1]\n", namespace)
    assert held_bytes(namespace["Mixer"](), [], CPU) == SIZE


def test_weights_that_lie_in_one_storage_count_once() -> None:
    flat = torch.zeros(600)
    weights = nn.ParameterList(nn.Parameter(part) for part in flat.split(100))
    assert held_bytes(weights, [flat[:7]], CPU) == 4 * 600


@pytest.mark.filterwarnings("ignore::UserWarning")
def test_the_parts_of_a_composed_tensor_count() -> None:
    eye = torch.eye(10)
    coordinates = eye.to_sparse()
    assert held_bytes(Holding(coordinates), [], CPU) == 10 * 2 * 8 + 10 * 4
    starts, places, values = torch.arange(11), torch.arange(10), torch.ones(10)
    for make in (torch.sparse_csr_tensor, torch.sparse_csc_tensor):
        assert held_bytes(Holding(make(starts, places, values, (10, 10))), [], CPU) == 11 * 8 + 10 * 8 + 10 * 4
    rows = [torch.zeros(5, 3), torch.zeros(7, 3)]
    assert held_bytes(Holding(torch.nested.nested_tensor(rows)), [], CPU) >= 4 * 12 * 3
    assert held_bytes(Holding(torch.nested.nested_tensor(rows, layout=torch.jagged)), [], CPU) >= 4 * 12 * 3
    assert held_bytes(Holding(torch.quantize_per_tensor(eye, 0.1, 0, torch.qint8)), [], CPU) == 100
    assert held_bytes(Holding(eye.to_mkldnn()), [], CPU) == 4 * 100


def test_a_gradient_that_a_parameter_keeps_counts() -> None:
    module = nn.Linear(10, 10, bias=False)
    module(torch.ones(10)).sum().backward()
    assert held_bytes(module, [], CPU) == 2 * 4 * 100


def test_arrays_of_numpy_count_like_tensors() -> None:
    array = np.zeros(1000, dtype=np.float64)
    assert held_bytes(Holding([array, array[10:], torch.from_numpy(array)]), [], CPU) == 8000
    assert held_bytes(Holding(array[10:20]), [], CPU) == 8000


@pytest.mark.parametrize(
    "view",
    [
        lambda array: np.broadcast_to(array, (64, 1000)),
        lambda array: array[::-1],
        lambda array: np.lib.stride_tricks.sliding_window_view(array, 100),
        lambda array: array[:0],
        lambda array: np.broadcast_to(array[:, None], (1000, 0)),
    ],
    ids=["repeated", "backwards", "windows", "empty", "empty with strides"],
)
def test_a_view_of_an_array_holds_no_more_than_the_array(view: Callable[[Any], Any]) -> None:
    array = np.zeros(1000)
    assert held_bytes(Holding([view(array)]), [], CPU) == 8000
