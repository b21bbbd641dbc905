"""Softmax attention, token by token."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor

from mixbench.mixers.references.common import Parameters, heads_of, linear


def attention(p: Parameters, x: Tensor, *, heads: int, **_: Any) -> Tensor:
    outputs = []
    for q, k, v in heads_of(linear(p, "qkv", x), heads):
        tokens = []
        for query in q:
            weights = torch.stack([torch.exp(query @ key / math.sqrt(len(key))) for key in k])
            tokens.append(sum(w * value for w, value in zip(weights / weights.sum(), v, strict=True)))
        outputs.append(torch.stack(tokens))
    return linear(p, "out", torch.cat(outputs, dim=1))
