from __future__ import annotations

import time
from collections.abc import Callable

import pytest
import torch
from torch.autograd.profiler import record_function

from mixbench.worker.measure.outside import share_outside
from mixbench.worker.measure.trace import trace

X = torch.randn(64, 64)


def _spin(seconds: float) -> None:
    end = time.thread_time() + seconds
    while time.thread_time() < end:
        pass


def _under_a_name() -> None:
    with record_function("my attention"):
        _spin(0.02)


def _among_operators() -> None:
    for _ in range(10):
        X.sin()
        _spin(0.005)


def _operators() -> torch.Tensor:
    y = X
    for _ in range(300):
        y = (y @ X).sin()
    return y


def _a_loop_over_tokens() -> torch.Tensor:
    state, states = X[0], []
    for row in X:
        state = 0.9 * state + row
        states.append(state)
    return torch.stack(states)


@pytest.mark.parametrize("call", [lambda: _spin(0.01), _under_a_name, _among_operators], ids=["alone", "named", "among"])
def test_work_outside_operators_is_found(call: Callable[[], object]) -> None:
    assert share_outside(trace(call), call) > 0.5


@pytest.mark.parametrize(
    "call",
    [_operators, _a_loop_over_tokens, lambda: time.sleep(0.02), lambda: _spin(0.0005), lambda: None],
    ids=["operators", "loop", "sleep", "little", "nothing"],
)
def test_operators_waiting_and_little_work_are_not(call: Callable[[], object]) -> None:
    assert share_outside(trace(call), call) == 0
