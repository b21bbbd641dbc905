"""The delta rule, token by token."""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from mixbench.mixers.references.common import Parameters


def delta_net(p: Parameters, x: Tensor, *, heads: int, **_: Any) -> Tensor:
    width = x.shape[1]
    projected = torch.stack([p["project.weight"] @ token for token in x])
    qkv, beta = projected.split((3 * width, heads), dim=1)
    outputs = []
    for q, k, v, strength in _heads(_convolved(p, qkv), torch.sigmoid(beta), heads):
        state, read = q.new_zeros(v.shape[1], k.shape[1]), []
        for n in range(len(x)):
            state = state - strength[n] * torch.outer(state @ k[n], k[n]) + strength[n] * torch.outer(v[n], k[n])
            read.append(_rms_norm(state @ q[n]) * p["norm.weight"])
        outputs.append(torch.stack(read))
    return torch.stack([p["out.weight"] @ token for token in torch.cat(outputs, dim=1)])


def _convolved(p: Parameters, x: Tensor) -> Tensor:
    """SiLU(Σ_j w_j ⊙ x_{n-j})."""
    weights = p["convolution.weight"].unbind(1)[::-1]
    sums = [torch.stack([w * x[n - j] for j, w in enumerate(weights) if j <= n]).sum(0) for n in range(len(x))]
    return F.silu(torch.stack(sums))


def _heads(qkv: Tensor, beta: Tensor, heads: int) -> list[tuple[Tensor, ...]]:
    """q and k of length 1, v and β of each head."""
    q, k, v = (part.chunk(heads, dim=1) for part in qkv.chunk(3, dim=1))
    return list(zip(map(_of_length_1, q), map(_of_length_1, k), v, beta.t(), strict=True))


def _of_length_1(x: Tensor) -> Tensor:
    return torch.stack([token / torch.sqrt(token @ token + 1e-6) for token in x])


def _rms_norm(x: Tensor) -> Tensor:
    return x / torch.sqrt((x**2).mean() + 1e-5)
