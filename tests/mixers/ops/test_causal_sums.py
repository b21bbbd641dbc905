"""Causal linear attention in chunks: both forms compute the same, at every length."""

from __future__ import annotations

import pytest
import torch

from mixbench.mixers.costs.causal_sums import CHUNK
from mixbench.mixers.costs.chunks import equal_chunks_of
from mixbench.mixers.ops import causal_sums as module
from mixbench.mixers.ops.causal_sums import causal_sums


@pytest.mark.parametrize("tokens", [1, 63, 64, 65, 150, 256])
def test_chunks_are_equal_and_hold_all_tokens(tokens: int) -> None:
    count, length = equal_chunks_of(tokens, CHUNK)
    assert length <= CHUNK
    assert 0 <= count * length - tokens < count


@pytest.mark.parametrize("form", ["_in_turn", "_at_once"])
@pytest.mark.parametrize("tokens", [1, 64, 65, 150])
def test_both_forms_equal_the_sums(form: str, tokens: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_in_turn", getattr(module, form))
    torch.manual_seed(0)
    q, k = (torch.rand(2, 3, tokens, 4, dtype=torch.float64, requires_grad=True) for _ in range(2))
    v = torch.randn(2, 3, tokens, 5, dtype=torch.float64, requires_grad=True)
    products = (q @ k.transpose(2, 3)).tril()
    expected = products @ v, products.sum(3, keepdim=True)
    found = causal_sums(q, k, v)
    weights = [torch.randn_like(each) for each in expected]
    for got, want in zip(
        (*found, *torch.autograd.grad(found, (q, k, v), weights)),
        (*expected, *torch.autograd.grad(expected, (q, k, v), weights)),
        strict=True,
    ):
        torch.testing.assert_close(got, want, rtol=1e-12, atol=1e-12)
