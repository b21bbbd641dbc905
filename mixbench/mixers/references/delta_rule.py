"""The delta rule, token by token."""

from __future__ import annotations

import math
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


def rwkv7(p: Parameters, x: Tensor, *, heads: int, **_: Any) -> Tensor:
    before = [torch.zeros_like(x[0]), *x[:-1]]
    rows: dict[str, list[Tensor]] = {name: [] for name in ("r", "w", "k", "v", "a", "gate", "removed")}
    for token, previous in zip(x, before, strict=True):
        r, w, k, v, a, g = (token + share * (previous - token) for share in p["shift"])
        rate = torch.sigmoid(p["rate.1.weight"] @ (p["rate.0.weight"] @ a) + p["rate.1.bias"])
        decay = p["decay.1.weight"] @ torch.tanh(p["decay.0.weight"] @ w) + p["decay.1.bias"]
        key = p["key.weight"] @ k
        rows["r"].append(p["receptance.weight"] @ r)
        rows["w"].append(torch.exp(-math.exp(-0.5) * torch.sigmoid(decay)))
        rows["k"].append(key * (1 + (rate - 1) * p["key_rate"]))
        rows["v"].append(p["value.weight"] @ v)
        rows["a"].append(rate)
        rows["gate"].append(p["gate.1.weight"] @ torch.sigmoid(p["gate.0.weight"] @ g))
        rows["removed"].append(key * p["removal"])
    r, w, k, v, a, removed = (torch.stack(rows[name]).chunk(heads, dim=1) for name in ("r", "w", "k", "v", "a", "removed"))
    scales, shifts, bonuses = (p[name].chunk(heads) for name in ("norm.weight", "norm.bias", "bonus"))
    outputs = []
    for h in range(heads):
        state, read = torch.zeros_like(torch.outer(v[h][0], k[h][0])), []
        for n, away in enumerate(_of_length_1(removed[h])):
            state = state * w[h][n] - torch.outer(state @ away, a[h][n] * away) + torch.outer(v[h][n], k[h][n])
            out = state @ r[h][n]
            centred = out - out.mean()
            out = centred / torch.sqrt((centred**2).mean() + 64e-5) * scales[h] + shifts[h]
            read.append(out + (r[h][n] * bonuses[h] * k[h][n]).sum() * v[h][n])
        outputs.append(torch.stack(read))
    return _product(p["out.weight"], torch.cat(outputs, dim=1) * torch.stack(rows["gate"]))


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
