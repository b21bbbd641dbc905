"""The delta rule, token by token."""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from mixbench.mixers.references.common import Parameters, linear


def delta_net(p: Parameters, x: Tensor, *, heads: int, **_: Any) -> Tensor:
    width = x.shape[1]
    qkv, beta = _product(p["project.weight"], x).split((3 * width, heads), dim=1)
    never = torch.zeros(len(x), width, dtype=x.dtype)
    return _product(p["out.weight"], _delta_rule(p, qkv, beta, never, heads))


def gated_delta_net(p: Parameters, x: Tensor, *, heads: int, **_: Any) -> Tensor:
    width = x.shape[1]
    qkv, beta, times, gate = _product(p["project.weight"], x).split((3 * width, heads, heads, width), dim=1)
    log_decay = torch.stack([-torch.exp(p["log_rate"]) * F.softplus(time + p["time_bias"]) for time in times])
    out = _delta_rule(p, qkv, beta, log_decay.repeat_interleave(width // heads, dim=1), heads)
    return _product(p["out.weight"], out * F.silu(gate))


def kimi_delta(p: Parameters, x: Tensor, *, heads: int, **_: Any) -> Tensor:
    width, size = x.shape[1], x.shape[1] // heads
    qkv, beta, decay, gate = _product(p["project.weight"], x).split((3 * width, heads, size, size), dim=1)
    rates = torch.exp(p["log_rate"]).repeat_interleave(size)
    log_decay = torch.stack([-rates * F.softplus(p["decay.weight"] @ token + p["time_bias"]) for token in decay])
    out = _delta_rule(p, qkv, beta, log_decay, heads)
    return _product(p["out.weight"], out * torch.sigmoid(linear(p, "gate", gate)))


def _delta_rule(p: Parameters, qkv: Tensor, beta: Tensor, log_decay: Tensor, heads: int) -> Tensor:
    """The normalised output, with a decay for every channel of the keys: (tokens, width)."""
    q, k, v = (part.chunk(heads, dim=1) for part in _convolved(p, qkv).chunk(3, dim=1))
    outputs = []
    for head, decay in enumerate(torch.exp(log_decay).chunk(heads, dim=1)):
        state, read = torch.zeros_like(torch.outer(v[head][0], k[head][0])), []
        for query, key, value, b, kept in zip(
            _of_length_1(q[head]), _of_length_1(k[head]), v[head], torch.sigmoid(beta[:, head]), decay, strict=True
        ):
            state = state * kept
            state = state - b * torch.outer(state @ key, key) + b * torch.outer(value, key)
            out = state @ query
            read.append(out / torch.sqrt((out**2).mean() + 1e-5) * p["norm.weight"])
        outputs.append(torch.stack(read))
    return torch.cat(outputs, dim=1)


def _product(weight: Tensor, x: Tensor) -> Tensor:
    return torch.stack([weight @ token for token in x])


def _convolved(p: Parameters, x: Tensor) -> Tensor:
    """SiLU(Σ_j w_j ⊙ x_{n-j})."""
    weights = p["convolution.weight"].unbind(1)[::-1]
    sums = [torch.stack([w * x[n - j] for j, w in enumerate(weights) if j <= n]).sum(0) for n in range(len(x))]
    return F.silu(torch.stack(sums))


def _of_length_1(x: Tensor) -> Tensor:
    return torch.stack([token / torch.sqrt(token @ token + 1e-6) for token in x])
