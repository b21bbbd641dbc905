"""Attention at a lower cost, token by token."""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from mixbench.mixers.references.common import Parameters, heads_of, linear


def linear_attention(p: Parameters, x: Tensor, *, heads: int, causal: bool = False, **_: Any) -> Tensor:
    outputs = []
    for q, k, v in heads_of(linear(p, "qkv", x), heads):
        tokens = []
        for n, query in enumerate(q, start=1):
            seen = n if causal else len(k)
            weights = torch.stack([(F.elu(query) + 1) @ (F.elu(key) + 1) for key in k[:seen]])
            tokens.append(sum(w * value for w, value in zip(weights / weights.sum(), v[:seen], strict=True)))
        outputs.append(torch.stack(tokens))
    return linear(p, "out", torch.cat(outputs, dim=1))
