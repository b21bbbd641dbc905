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


def synthesizer(p: Parameters, x: Tensor, *, kind: str, heads: int, **_: Any) -> Tensor:
    tokens, values = len(x), linear(p, "value", x).chunk(heads, dim=1)
    hidden = torch.relu(linear(p, "first", x)).chunk(heads, dim=1) if kind == "dense" else None
    outputs = []
    for head, v in enumerate(values):
        rows = []
        for n in range(tokens):
            made = [hidden[head][n] @ p["scores"][head, m] if hidden else p["scores"][head, n, m] for m in range(tokens)]
            weights = torch.exp(torch.stack(made))
            rows.append(sum(w * value for w, value in zip(weights / weights.sum(), v, strict=True)))
        outputs.append(torch.stack(rows))
    return linear(p, "out", torch.cat(outputs, dim=1))


def aft(p: Parameters, x: Tensor, *, kind: str, causal: bool, **_: Any) -> Tensor:
    tokens, outputs = len(x), []
    queries, keys, values = linear(p, "qkv", x).chunk(3, dim=1)
    for n in range(tokens):
        seen = range(n + 1 if causal else tokens)
        weights = [torch.exp(keys[m] + (p["positions"][n, m] if kind == "full" else 0)) for m in seen]
        mean = sum(w * values[m] for w, m in zip(weights, seen, strict=True)) / sum(weights)
        outputs.append(torch.sigmoid(queries[n]) * mean)
    return linear(p, "out", torch.stack(outputs))
