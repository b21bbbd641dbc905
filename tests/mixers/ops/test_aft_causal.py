"""The causal form of AFT: both ways of computing it agree, and large differences between keys do no harm."""

from __future__ import annotations

import pytest
import torch

from mixbench.mixers import aft


@pytest.mark.parametrize("form", [aft._by_scan, aft._by_chunk])
@pytest.mark.parametrize("tokens", [1, 31, 32, 33, 100])
def test_the_running_mean_is_that_of_softmax(form: object, tokens: int) -> None:
    torch.manual_seed(0)
    k, v = (torch.randn(2, tokens, 3, dtype=torch.float64) for _ in range(2))
    total, mean = form(k, v)  # type: ignore[operator]
    for last in range(1, tokens + 1):
        torch.testing.assert_close(mean[:, last - 1], (k[:, :last].softmax(1) * v[:, :last]).sum(1), rtol=1e-12, atol=1e-12)
        torch.testing.assert_close(total[:, last - 1], k[:, :last].logsumexp(1), rtol=1e-12, atol=1e-12)


def test_keys_that_rise_and_fall_far_stay_exact() -> None:
    torch.manual_seed(0)
    k = 500 * torch.randn(1, 200, 4)
    v = torch.randn(1, 200, 4)
    k.requires_grad_()
    expected = aft._by_chunk(k.double(), v.double())[1]
    mean = aft._by_chunk(k, v)[1]
    torch.testing.assert_close(mean, expected.float(), rtol=1e-4, atol=1e-4)
    assert torch.autograd.grad(mean.sum(), k)[0].isfinite().all()
