from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from mixbench.worker.measure.flops import FlopCount, count_flops

N, D = 6, 4


class Call(nn.Module):
    def __init__(self, function: Callable[[Tensor], Tensor]) -> None:
        super().__init__()
        self.function = function

    def forward(self, x: Tensor) -> Tensor:
        return self.function(x)


def count_module(build: Callable[[], nn.Module]) -> FlopCount:
    return count_flops(build, lambda: torch.randn(N, D), mode="inference", tokens=N, batch=1)


def count(function: Callable[[Tensor], Tensor]) -> FlopCount:
    return count_module(lambda: Call(function))


def _by_address(x: Tensor) -> Tensor:
    x.data_ptr()
    return x @ x.mT


@pytest.mark.parametrize(
    ("function", "way"),
    [
        (lambda x: torch.from_numpy(x.numpy() @ x.numpy().T), "Tensor.numpy"),
        (lambda x: torch.from_numpy(np.asarray(x) @ np.asarray(x).T), "numpy.asarray"),
        (lambda x: torch.from_numpy(np.from_dlpack(x).sum(1)) + x @ x.mT, "from_dlpack"),
        (_by_address, "Tensor.data_ptr"),
    ],
    ids=["numpy", "asarray", "dlpack", "address"],
)
def test_where_data_leave_torch_the_count_is_a_lower_bound(function: Callable[[Tensor], Tensor], way: str) -> None:
    counted = count(function)
    assert counted.flops in (0, 2 * N * N * D)
    assert counted.hiding == (way,)
    assert way in counted.uncounted


@pytest.mark.parametrize(
    "function",
    [
        lambda x: x * x.sum().item(),
        lambda x: x.split(torch.tensor([2, 4]).tolist())[1],
        lambda x: nn.LSTM(D, D)(x)[0],
        lambda x: (x @ x.mT).softmax(-1) @ x,
    ],
    ids=["item", "tolist", "weights of torch's own", "attention"],
)
def test_data_that_stay_in_torch_leave_no_mark(function: Callable[[Tensor], Tensor]) -> None:
    counted = count(function)
    assert (counted.hiding, counted.reason) == ((), "")


class Prepared(nn.Module):
    """Makes its weights and, in its first call, a table with NumPy; both are copies."""

    def __init__(self) -> None:
        super().__init__()
        weight = nn.Linear(D, D).weight.detach()
        self.weight = nn.Parameter(torch.from_numpy(np.linalg.svd(weight.numpy())[0]))
        self.table: Tensor | None = None

    def forward(self, x: Tensor) -> Tensor:
        if self.table is None:
            self.table = torch.from_numpy(np.tanh(np.asarray(torch.arange(float(D)))))
        return x @ self.weight + self.table


class Lending(nn.Module):
    """Lends its buffer once, and computes with it in every call."""

    def __init__(self, lend: Callable[[Tensor], object]) -> None:
        super().__init__()
        self.input = torch.zeros(N, D)
        self.lent = lend(self.input)

    def forward(self, x: Tensor) -> Tensor:
        return self.input.copy_(x) + 0


def test_data_that_left_torch_before_the_calls_that_are_timed_leave_no_mark() -> None:
    assert count_module(Prepared) == FlopCount(2 * N * D * D, uncounted=("add",))


@pytest.mark.parametrize(
    ("lend", "way"),
    [
        (lambda x: x.numpy(), "Tensor.numpy"),
        (lambda x: [memoryview(np.asarray(x)[1:])], "numpy.asarray"),
        (np.from_dlpack, "from_dlpack"),
        (lambda x: x.data_ptr(), "Tensor.data_ptr"),
    ],
    ids=["array", "part", "dlpack", "address"],
)
def test_memory_that_is_lent_for_good_leaves_its_mark(lend: Callable[[Tensor], object], way: str) -> None:
    assert count_module(lambda: Lending(lend)).hiding == (way,)


def test_no_code_gets_the_address_of_data_that_do_not_exist() -> None:
    addresses: list[int] = []

    def note(x: Tensor) -> Tensor:
        addresses.append(x.data_ptr())
        return x

    assert count(note).flops == 0
    assert all(addresses)
