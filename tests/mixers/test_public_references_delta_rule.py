"""The delta rule against public implementations, where MIXBENCH_PUBLIC_REFERENCES names a folder with checkouts."""

from __future__ import annotations

import math
from functools import reduce

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from public_references import public
from torch import Tensor

from mixbench.mixers.ops.delta_rule import delta_rule
from mixbench.mixers.rwkv7 import RWKV7

FLA, GYM = "fla-org+flash-linear-attention/fla/ops", "meta-pytorch+attention-gym/attn_gym/linear"
BATCH, TOKENS, HEADS, SIZE = 2, 70, 3, 8


def drawn(channels: int) -> tuple[Tensor, ...]:
    """q, k of length 1, v, β and the logarithm of the decay, (batch, tokens, heads, ...)."""
    torch.manual_seed(0)
    q, k, v = torch.randn(3, BATCH, TOKENS, HEADS, SIZE).unbind()
    beta = torch.rand(BATCH, TOKENS, HEADS)
    return F.normalize(q, dim=-1), F.normalize(k, dim=-1), v, beta, -3 * torch.rand(BATCH, TOKENS, HEADS, channels) ** 4


def assert_same(found: Tensor, expected: Tensor) -> None:
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-5)


def head_first(*tensors: Tensor) -> list[Tensor]:
    return [tensor.transpose(1, 2) for tensor in tensors]


def test_the_delta_rule_is_that_of_flash_linear_attention() -> None:
    theirs = public(f"{FLA}/delta_rule/naive.py", "delta_rule_recurrence")["delta_rule_recurrence"]
    q, k, v, beta, _ = drawn(1)
    expected, state = theirs(*head_first(SIZE**0.5 * q, k, v, beta))
    found, last = delta_rule(q, k, v, beta, last=True)
    assert last is not None
    assert_same(found, expected.transpose(1, 2))
    assert_same(last, state)


def test_the_gated_delta_rule_is_that_of_flash_linear_attention() -> None:
    name = "naive_recurrent_gated_delta_rule"
    theirs = public(f"{FLA}/gated_delta_rule/naive.py", name)[name]
    q, k, v, beta, log_decay = drawn(1)
    assert_same(delta_rule(q, k, v, beta, log_decay)[0], theirs(q, k, v, beta, log_decay.squeeze(3), scale=1)[0])


def test_the_gated_delta_rule_is_that_of_attention_gym() -> None:
    theirs = public(f"{GYM}/gdn/impl/reference.py", "recurrent_forward")["recurrent_forward"]
    q, k, v, beta, log_decay = drawn(1)
    inputs = head_first(q, k, v, log_decay.squeeze(3), beta)
    expected, _ = theirs(*inputs, scale=1, initial_state=None, return_final_state=False)
    assert_same(delta_rule(q, k, v, beta, log_decay)[0], expected.transpose(1, 2))


@pytest.mark.parametrize(("file", "base"), [(f"{FLA}/kda/naive.py", math.e), (f"{GYM}/kda/naive.py", 2)])
def test_a_decay_per_channel_is_that_of_public_references(file: str, base: float) -> None:
    theirs = public(file, "naive_recurrent_kda", reduce=reduce)["naive_recurrent_kda"]
    q, k, v, beta, log_decay = drawn(SIZE)
    assert_same(delta_rule(q, k, v, beta, log_decay)[0], theirs(q, k, v, log_decay / math.log(base), beta, scale=1)[0])


def test_rwkv7_is_that_of_its_authors() -> None:
    width = HEADS * SIZE
    theirs = public(
        "BlinkDL+RWKV-LM/RWKV-v7/rwkv_v7_numpy.py",
        *("time_mixing", "group_norm", "sigmoid"),
        np=np,
        N_HEAD=HEADS,
        HEAD_SIZE=SIZE,
    )["time_mixing"]
    torch.manual_seed(0)
    mixer = RWKV7(width=width, tokens=TOKENS, heads=HEADS).double()
    with torch.no_grad():
        for parameter in mixer.parameters():
            parameter.add_(0.3 * torch.randn_like(parameter))
    p = {name: parameter.detach().numpy() for name, parameter in mixer.named_parameters()}
    order = (
        *("decay.1.bias", "bonus", "decay.0.weight", "decay.1.weight", "rate.0.weight", "rate.1.weight", "rate.1.bias"),
        *("gate.0.weight", "gate.1.weight", "removal", "key_rate"),
        *("receptance.weight", "key.weight", "value.weight", "out.weight", "norm.weight", "norm.bias"),
    )
    # they multiply the matrices of decay, rate and gate from the left
    parameters = [*p["shift"], *(p[name].T if name[-9:-7] in (".0", ".1") else p[name] for name in order)]
    x = torch.randn(TOKENS, width, dtype=torch.float64)
    last, state, expected = np.zeros(width), np.zeros((HEADS, SIZE, SIZE)), []
    for token in x.numpy():
        out, _, last, state = theirs(token, None, last, state, parameters)
        expected.append(torch.from_numpy(out))
    with torch.no_grad():
        assert_same(mixer(x.unsqueeze(0))[0], torch.stack(expected))
