"""What one side of a duel finds out about a mixer before it is timed."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from mixbench.worker.measure.fingerprint import count_operators, sample_of


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


@pytest.mark.parametrize(
    "changed",
    [(slice(None), slice(None), 3), (0, 5, slice(None)), (0, 200, 77), (slice(None), slice(None), slice(100, None))],
    ids=["channel", "token", "number", "half"],
)
def test_a_change_anywhere_in_an_output_changes_its_sample_by_as_much(changed) -> None:
    y = torch.randn(1, 256, 256, generator=torch.Generator().manual_seed(1))
    other = y.clone()
    other[changed] += 4
    sample, moved = (torch.tensor(sample_of(one)) for one in (y, other))
    assert sample.norm() / y.norm() == pytest.approx(1, abs=0.3)
    assert (moved - sample).norm() / (other - y).norm() == pytest.approx(1, abs=0.3)
    assert sample_of(y.bfloat16()) == pytest.approx(sample_of(y), abs=1)
