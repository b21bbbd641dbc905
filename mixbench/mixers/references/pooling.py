"""Pooling, token by token."""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from mixbench.mixers.references.common import Parameters, linear, normalise


def mean_pooling(p: Parameters, x: Tensor, *, causal: bool = False, **_: Any) -> Tensor:
    seen = [x[: n + 1] if causal else x for n in range(len(x))]
    return torch.stack([torch.stack(list(tokens)).sum(0) / len(tokens) for tokens in seen])


def summary_mixing(p: Parameters, x: Tensor, *, causal: bool = False, **_: Any) -> Tensor:
    both = F.gelu(linear(p, "local_and_summary", x))
    local, summary = both[:, : x.shape[1]], both[:, x.shape[1] :]
    rows = [torch.cat((f, mean)) for f, mean in zip(local, mean_pooling(p, summary, causal=causal), strict=True)]
    return F.gelu(linear(p, "out", torch.stack(rows)))


def shared_vector(p: Parameters, x: Tensor, **_: Any) -> Tensor:
    hidden = [F.gelu(weight * x.sum(0)) for weight in p["first"]]
    y = [p["second"] @ torch.stack(hidden) for _ in x]
    return normalise(torch.stack(y), p["norm.weight"], p["norm.bias"])


def pool_former(p: Parameters, x: Tensor, *, window: int, **_: Any) -> Tensor:
    rows = []
    for n, token in enumerate(x):
        around = x[max(0, n - window // 2) : n + window // 2 + 1]
        rows.append(sum(around) / len(around) - token)
    return torch.stack(rows)
