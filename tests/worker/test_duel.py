"""What one side of a duel finds out about a mixer before it is timed."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from mixbench.worker.duel import count_operators


def doubled(x: Tensor) -> Tensor:
    return 2 * x


@pytest.mark.slow
def test_compiled_code_is_counted_as_plain_python_and_stays_compiled() -> None:
    x = torch.ones(2)
    compiled = torch.compile(doubled, backend="eager", fullgraph=True)
    compiled(x)
    assert count_operators(lambda: compiled(x)) == 1
    assert torch.equal(compiled(x), 2 * x)


def test_the_bodies_of_control_flow_are_counted() -> None:
    x = torch.ones(2)
    assert count_operators(lambda: torch.cond(torch.tensor(True), doubled, torch.sin, (x,))) == 2
