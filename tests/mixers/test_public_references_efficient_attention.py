"""Efficient attention against public implementations, where MIXBENCH_PUBLIC_REFERENCES names a folder with checkouts."""

from __future__ import annotations

import math

import pytest
import torch
from public_references import public
from torch import Tensor

from mixbench.mixers.based import TAYLOR
from mixbench.mixers.linformer import Linformer
from mixbench.mixers.nystromformer import Nystromformer
from mixbench.mixers.ops.causal_sums import causal_sums
from mixbench.mixers.performer import Performer

pytestmark = pytest.mark.usefixtures("in_float64")

WIDTH, HEADS = 12, 3


def heads_of(x: Tensor) -> Tensor:
    return x.unflatten(2, (HEADS, -1)).transpose(1, 2)


def assert_same(first: Tensor, second: Tensor, tolerance: float = 1e-10) -> None:
    torch.testing.assert_close(first, second, rtol=tolerance, atol=tolerance)


def test_performer_has_the_features_of_performer_pytorch() -> None:
    theirs = public("lucidrains+performer-pytorch/performer_pytorch/performer_pytorch.py", "softmax_kernel", "linear_attention")
    mixer, x = Performer(width=WIDTH, tokens=9, features=7, heads=HEADS), torch.randn(2, 9, WIDTH)
    q, k, v = (heads_of(part) for part in mixer.qkv(x).chunk(3, dim=2))
    directions = mixer.get_buffer("directions")
    q, k = (theirs["softmax_kernel"](y, projection_matrix=directions, is_query=y is q, eps=0) for y in (q, k))
    assert_same(mixer(x), mixer.join(theirs["linear_attention"](q, k, v)))


def test_linformer_is_that_of_lucidrains() -> None:
    theirs = public("lucidrains+linformer/linformer/linformer.py", "default", "init_", "LinformerSelfAttention")
    mixer = Linformer(width=WIDTH, tokens=9, rank=5, heads=HEADS)
    other = theirs["LinformerSelfAttention"](WIDTH, 9, k=5, heads=HEADS)
    with torch.no_grad():
        mixer.qkv.bias.zero_()
        for mine, of in zip((other.to_q, other.to_k, other.to_v), mixer.qkv.weight.chunk(3), strict=True):
            mine.weight.copy_(of)
        other.proj_k.copy_(mixer.of_keys.T)
        other.proj_v.copy_(mixer.of_values.T)
    other.to_out.load_state_dict(mixer.out.state_dict())
    for tokens in (9, 6):
        x = torch.randn(2, tokens, WIDTH)
        assert_same(mixer(x), other(x))


@pytest.mark.parametrize("tokens", [8, 12])
def test_nystromformer_is_that_of_lucidrains(tokens: int) -> None:
    names = ("exists", "moore_penrose_iter_pinv", "NystromAttention")
    theirs = public("lucidrains+nystrom-attention/nystrom_attention/nystrom_attention.py", *names)
    mixer = Nystromformer(width=4, tokens=tokens, landmarks=4, heads=1)  # theirs scales by the largest sum of all heads
    other = theirs["NystromAttention"](4, dim_head=4, heads=1, num_landmarks=4, residual=False)
    with torch.no_grad():
        mixer.qkv.bias.zero_()
        other.to_qkv.weight.copy_(mixer.qkv.weight)
    other.to_out[0].load_state_dict(mixer.out.state_dict())
    x = torch.randn(1, tokens, 4)
    assert_same(mixer(x), other(x))


@pytest.mark.parametrize("tokens", [9, 130])
def test_based_has_the_linear_attention_of_flash_linear_attention(tokens: int) -> None:
    theirs = public("fla-org+flash-linear-attention/fla/ops/based/naive.py", "naive_parallel_based")
    q, k = (torch.randn(2, HEADS, tokens, 4) for _ in range(2))
    v = torch.randn(2, HEADS, tokens, 5)
    sums, weights = causal_sums(q / math.sqrt(2), k / math.sqrt(2), v, TAYLOR)
    assert_same(sums, theirs["naive_parallel_based"](q, k, v, use_norm=False))
    assert_same(sums / weights, theirs["naive_parallel_based"](q, k, v), tolerance=1e-5)  # theirs adds 1e-6 to the weights
