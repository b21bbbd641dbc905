"""Softmax attention, token by token."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from mixbench.mixers.references.common import Parameters, heads_of, linear, turned


def attention(p: Parameters, x: Tensor, *, heads: int, kv_heads: int, causal: bool, rotary: bool, **_: Any) -> Tensor:
    channels = x.shape[1] // heads
    groups = linear(p, "qkv", x).split(channels, dim=1)
    queries, keys, values = groups[:heads], groups[heads : heads + kv_heads], groups[heads + kv_heads :]
    if rotary:
        queries, keys = ([turned(group) for group in each] for each in (queries, keys))
    outputs = []
    for head, q in enumerate(queries):
        k, v = (each[head * kv_heads // heads] for each in (keys, values))
        outputs.append(_mixed(q, k, v, _seen(x, causal=causal)))
    return linear(p, "out", torch.cat(outputs, dim=1))


def sliding_window(p: Parameters, x: Tensor, *, window: int, heads: int, causal: bool, **_: Any) -> Tensor:
    seen = [slice(max(0, t - window), t + 1 if causal else t + window + 1) for t in range(len(x))]
    outputs = [_mixed(q, k, v, seen) for q, k, v in heads_of(linear(p, "qkv", x), heads)]
    return linear(p, "out", torch.cat(outputs, dim=1))


def differential_attention(p: Parameters, x: Tensor, *, heads: int, causal: bool, **_: Any) -> Tensor:
    seen = _seen(x, causal=causal)
    q1, k1, q2, k2 = p["lambdas"]
    start = 0.8
    strength = torch.exp(q1 @ k1) - torch.exp(q2 @ k2) + start
    outputs = []
    for q, k, v in heads_of(linear(p, "qkv", x), heads):
        first, second = (_mixed(qs, ks, v, seen) for qs, ks in zip(q.chunk(2, dim=1), k.chunk(2, dim=1), strict=True))
        rows = []
        for token in first - strength * second:
            rows.append((1 - start) * token / torch.sqrt((token**2).mean() + 1e-5) * p["norm.weight"])
        outputs.append(torch.stack(rows))
    return linear(p, "out", torch.cat(outputs, dim=1))


def latent_attention(p: Parameters, x: Tensor, *, heads: int, latent: int, causal: bool, **_: Any) -> Tensor:
    width, channels = x.shape[1], x.shape[1] // heads
    queries, keys, values = [], [], []
    for token in x:
        both = p["down.weight"] @ token
        compressed = both[width:] / torch.sqrt((both[width:] ** 2).mean() + 1e-6) * p["norm.weight"]
        queries.append(both[:width])
        keys.append(p["up.weight"][:width] @ compressed)
        values.append(p["up.weight"][width:] @ compressed)
    seen = _seen(x, causal=causal)
    split = [torch.stack(each).split(channels, dim=1) for each in (queries, keys, values)]
    mixed = torch.cat([_mixed(q, k, v, seen) for q, k, v in zip(*split, strict=True)], dim=1)
    return torch.stack([p["out.weight"] @ token for token in mixed])


def _seen(x: Tensor, *, causal: bool) -> list[slice]:
    """The tokens that each token sees."""
    return [slice(t + 1 if causal else len(x)) for t in range(len(x))]


def _mixed(q: Tensor, k: Tensor, v: Tensor, seen: Sequence[slice]) -> Tensor:
    """The values that each query sees, weighted by the softmax of its scores."""
    tokens = []
    for query, others in zip(q, seen, strict=True):
        weights = torch.exp(k[others] @ query / math.sqrt(len(query)))
        tokens.append(weights @ v[others] / weights.sum())
    return torch.stack(tokens)
