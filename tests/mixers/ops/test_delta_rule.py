"""The delta rule in chunks: its inverse, strong decays, longer chunks, half precision."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from mixbench.mixers.choice import choose_mixer
from mixbench.mixers.costs.delta_rule import CHUNKS
from mixbench.mixers.ops.delta_rule import delta_rule, delta_step, inverse
from mixbench.worker.calls import build_mixer
from mixbench.worker.loading import load_class


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


@pytest.mark.parametrize("channels", [1, 8])
@pytest.mark.parametrize("chunk", [16, 64])
def test_strong_and_weak_decays_side_by_side_are_kept_apart(channels: int, chunk: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(CHUNKS, "cpu", chunk)
    draw = torch.Generator().manual_seed(0)
    q, k, v = torch.randn(3, 1, 100, 2, 8, generator=draw).unbind()
    beta, strong = torch.rand(2, 1, 100, 2, generator=draw).unbind()
    # most tokens keep all, some forget all: within a chunk, no border is near every pair of tokens that sees one another
    log_decay = -torch.rand(1, 100, 2, channels, generator=draw) * (100.0 * (strong > 0.8) + 1e-3).unsqueeze(3)
    found, _ = delta_rule(q, k, v, beta, log_decay)
    state, expected = torch.zeros(1, 2, 8, 8, dtype=torch.float64), []
    for token in zip(*(x.double().unbind(1) for x in (q, k, v, beta, log_decay)), strict=True):
        out, state = delta_step(*token, state)
        expected.append(out)
    torch.testing.assert_close(found.double(), torch.stack(expected, dim=1), rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize("name", ["delta-net", "rwkv7"])
def test_longer_chunks_give_the_same(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    torch.manual_seed(0)
    chosen = choose_mixer(name)
    mixer, x = build_mixer(load_class(chosen.target), chosen.arguments(150, 16)), torch.randn(2, 150, 16)
    with torch.no_grad():
        expected = mixer.double()(x.double())
        monkeypatch.setitem(CHUNKS, "cpu", 64)
        torch.testing.assert_close(mixer.float()(x).double(), expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("name", ["delta-net", "gated-delta-net", "kimi-delta", "rwkv7"])
def test_in_half_precision_the_rule_runs_in_float32_and_says_so(name: str) -> None:
    chosen = choose_mixer(name)
    mixer = build_mixer(load_class(chosen.target), chosen.arguments(9, 8)).bfloat16()
    assert [mixer.variant(dtype) for dtype in (torch.float32, torch.bfloat16)] == ["", "rule=float32"]
    before, matrix = mixer.state(2)
    assert (before.dtype, matrix.dtype) == (torch.bfloat16, torch.float32)
