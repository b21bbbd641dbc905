"""Efficient attention, token by token."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from mixbench.mixers.references.common import Parameters, heads_of, linear


def linear_attention(p: Parameters, x: Tensor, *, heads: int, causal: bool = False, **_: Any) -> Tensor:
    def weight(q: Tensor, k: Tensor, *_: int) -> Tensor:
        return (F.elu(q) + 1) @ (F.elu(k) + 1)

    return _by_weights(p, x, heads, weight, causal=causal)


def performer(p: Parameters, x: Tensor, *, heads: int, causal: bool = False, **_: Any) -> Tensor:
    def features(y: Tensor) -> Tensor:
        y = y / len(y) ** 0.25
        return torch.exp(p["directions"] @ y - y @ y / 2)

    def weight(q: Tensor, k: Tensor, *_: int) -> Tensor:
        return features(q) @ features(k)

    return _by_weights(p, x, heads, weight, causal=causal)


def cosformer(p: Parameters, x: Tensor, *, heads: int, **_: Any) -> Tensor:
    def weight(q: Tensor, k: Tensor, i: int, j: int) -> Tensor:
        return F.relu(q) @ F.relu(k) * math.cos(math.pi / 2 * (i - j) / len(x))

    return _by_weights(p, x, heads, weight)


def linformer(p: Parameters, x: Tensor, *, heads: int, **_: Any) -> Tensor:
    def mixture(rows: Tensor, y: Tensor) -> Tensor:
        return torch.stack([torch.stack([e * token for e, token in zip(row, y, strict=False)]).sum(0) for row in rows])

    outputs = []
    for q, k, v in heads_of(linear(p, "qkv", x), heads):
        outputs.append(_attend(q, mixture(p["of_keys"], k), mixture(p["of_values"], v)))
    return linear(p, "out", torch.cat(outputs, dim=1))


def nystromformer(p: Parameters, x: Tensor, *, heads: int, landmarks: int, **_: Any) -> Tensor:
    length = math.ceil(len(x) / landmarks)

    def means(y: Tensor) -> Tensor:
        return torch.stack([y[start : start + length].mean(0) for start in range(0, len(y), length)])

    outputs = []
    for q, k, v in heads_of(linear(p, "qkv", x), heads):
        q_marks, k_marks = means(q), means(k)
        one = torch.eye(len(q_marks), dtype=x.dtype)
        a = _attend(q_marks, k_marks, one)  # the weights themselves
        z = a.T / (max(column.abs().sum() for column in a.T) * max(row.abs().sum() for row in a))
        for _iteration in range(6):
            z = z @ (13 * one - a @ z @ (15 * one - a @ z @ (7 * one - a @ z))) / 4
        outputs.append(_attend(q, k_marks, z @ _attend(q_marks, k, v)))
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


def based(p: Parameters, x: Tensor, *, features: int, window: int, heads: int, **_: Any) -> Tensor:
    def taylor(q: Tensor, k: Tensor) -> Tensor:
        score = q @ k / math.sqrt(features)
        return 1 + score + score**2 / 2

    outputs = []
    factors = zip(*(part.chunk(heads, dim=1) for part in linear(p, "factors", x).chunk(2, dim=1)), strict=True)
    for (q, k, v), (fq, fk) in zip(heads_of(linear(p, "qkv", x), heads), factors, strict=True):
        tokens = []
        for i in range(len(x)):
            first = max(0, i - window)
            near = torch.stack([torch.exp(q[i] @ k[j] / math.sqrt(len(k[j]))) for j in range(first, i + 1)])
            far = torch.stack([taylor(fq[i], fk[j]) for j in range(i + 1)])
            tokens.append(_mean(near, v[first : i + 1]) + _mean(far, v[: i + 1]))
        outputs.append(torch.stack(tokens))
    return linear(p, "out", torch.cat(outputs, dim=1))


def _by_weights(
    p: Parameters, x: Tensor, heads: int, weight: Callable[[Tensor, Tensor, int, int], Tensor], *, causal: bool = False
) -> Tensor:
    """Attention with the weight that a function gives for a query, a key and their positions."""
    outputs = []
    for q, k, v in heads_of(linear(p, "qkv", x), heads):
        tokens = []
        for i in range(len(x)):
            seen = i + 1 if causal else len(x)
            tokens.append(_mean(torch.stack([weight(q[i], k[j], i, j) for j in range(seen)]), v[:seen]))
        outputs.append(torch.stack(tokens))
    return linear(p, "out", torch.cat(outputs, dim=1))


def _attend(q: Tensor, k: Tensor, v: Tensor) -> Tensor:
    """softmax(QKᵀ/√channels) V, query by query."""
    scores = [[torch.exp(query @ key / math.sqrt(len(key))) for key in k] for query in q]
    return torch.stack([_mean(torch.stack(row), v) for row in scores])


def _mean(weights: Tensor, v: Tensor) -> Tensor:
    """The mean of V with these weights; zeros where all of them are zero."""
    total = weights.sum()
    products = torch.stack([w * value for w, value in zip(weights, v, strict=True)]).sum(0)
    return products / total if total != 0 else products
