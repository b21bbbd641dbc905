"""The delta rule in chunks: its inverse, its precision, long sequences."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from mixbench.mixers.delta_chunks import inverse


def keys(size: int, spread: float) -> Tensor:
    """Unit keys (4, size, 16) about one direction: the smaller the spread, the more alike."""
    one = torch.ones(16, dtype=torch.float64)
    each = one + spread * torch.randn(4, size, 16, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    return each / each.norm(dim=-1, keepdim=True)


@pytest.mark.parametrize("size", [1, 2, 4, 8, 16, 64])
@pytest.mark.parametrize("spread", [0, 0.1, 10])
def test_the_inverse_is_as_exact_as_substitution_even_for_keys_that_are_all_alike(size: int, spread: float) -> None:
    k = keys(size, spread)
    below = (-0.99 * k @ k.transpose(1, 2)).tril(-1)
    exact = torch.linalg.inv(torch.eye(size, dtype=torch.float64) - below)
    torch.testing.assert_close(inverse(below), exact, rtol=1e-12, atol=1e-12)
    torch.testing.assert_close(inverse(below.float()).double(), exact, rtol=1e-5, atol=1e-5)
