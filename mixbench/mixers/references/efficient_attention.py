"""Attention at a lower cost, token by token."""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from mixbench.mixers.references.common import Parameters, heads_of, linear


def linear_attention(p: Parameters, x: Tensor, *, heads: int, **_: Any) -> Tensor:
    outputs = []
    for q, k, v in heads_of(linear(p, "qkv", x), heads):
        tokens = []
        for query in q:
            weights = torch.stack([(F.elu(query) + 1) @ (F.elu(key) + 1) for key in k])
            tokens.append(sum(w * value for w, value in zip(weights / weights.sum(), v, strict=True)))
        outputs.append(torch.stack(tokens))
    return linear(p, "out", torch.cat(outputs, dim=1))
