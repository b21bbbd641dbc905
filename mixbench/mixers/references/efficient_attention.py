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
    def weights(q: Tensor, k: Tensor, _: int) -> Tensor:
        return (F.elu(k) + 1) @ (F.elu(q) + 1)

    return _by_weights(p, x, heads, weights, causal=causal)


def performer(p: Parameters, x: Tensor, *, heads: int, causal: bool = False, **_: Any) -> Tensor:
    def features(y: Tensor) -> Tensor:
        y = y / len(y) ** 0.25
        return torch.exp(p["directions"] @ y - y @ y / 2)

    def mapped(y: Tensor) -> Tensor:
        return torch.stack([features(token) for token in y])

    def weights(q: Tensor, k: Tensor, _: int) -> Tensor:
        return k @ q

    return _by_weights(p, x, heads, weights, causal=causal, mapped=mapped)


def cosformer(p: Parameters, x: Tensor, *, heads: int, **_: Any) -> Tensor:
    def weights(q: Tensor, k: Tensor, i: int) -> Tensor:
        nearness = [math.cos(math.pi / 2 * (i - j) / len(x)) for j in range(len(k))]
        return F.relu(k) @ F.relu(q) * torch.tensor(nearness, dtype=x.dtype)

    return _by_weights(p, x, heads, weights)


def linformer(p: Parameters, x: Tensor, *, heads: int, **_: Any) -> Tensor:
    def mixture(rows: Tensor, y: Tensor) -> Tensor:
        return torch.stack([row[: len(y)] @ y for row in rows])

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
            scores = p["scores"][head, :tokens]
            rows.append(_mean(torch.exp(scores @ hidden[head][n] if hidden else scores[n, :tokens]), v))
        outputs.append(torch.stack(rows))
    return linear(p, "out", torch.cat(outputs, dim=1))


def aft(p: Parameters, x: Tensor, *, kind: str, causal: bool, **_: Any) -> Tensor:
    tokens, outputs = len(x), []
    queries, keys, values = linear(p, "qkv", x).chunk(3, dim=1)
    for n in range(tokens):
        seen = n + 1 if causal else tokens
        positions = p["positions"][n, :seen, None] if kind == "full" else 0
        weights = torch.exp(keys[:seen] + positions)  # of every channel
        outputs.append(torch.sigmoid(queries[n]) * (weights * values[:seen]).sum(0) / weights.sum(0))
    return linear(p, "out", torch.stack(outputs))


def based(p: Parameters, x: Tensor, *, features: int, window: int, heads: int, **_: Any) -> Tensor:
    def taylor(q: Tensor, k: Tensor) -> Tensor:
        scores = k @ q / math.sqrt(features)
        return 1 + scores + scores**2 / 2

    outputs = []
    factors = zip(*(part.chunk(heads, dim=1) for part in linear(p, "factors", x).chunk(2, dim=1)), strict=True)
    for (q, k, v), (fq, fk) in zip(heads_of(linear(p, "qkv", x), heads), factors, strict=True):
        tokens = []
        for i in range(len(x)):
            far, near = slice(i + 1), slice(max(0, i - window), i + 1)
            softmax = torch.exp(k[near] @ q[i] / math.sqrt(len(q[i])))
            tokens.append(_mean(softmax, v[near]) + _mean(taylor(fq[i], fk[far]), v[far]))
        outputs.append(torch.stack(tokens))
    return linear(p, "out", torch.cat(outputs, dim=1))


def _by_weights(
    p: Parameters,
    x: Tensor,
    heads: int,
    weights: Callable[[Tensor, Tensor, int], Tensor],
    *,
    causal: bool = False,
    mapped: Callable[[Tensor], Tensor] = lambda y: y,
) -> Tensor:
    """Attention with the weights that a function gives for a query, all keys that it sees, and its position.

    Queries and keys are `mapped` before.
    """
    outputs = []
    for q, k, v in heads_of(linear(p, "qkv", x), heads):
        q, k, tokens = mapped(q), mapped(k), []
        for i in range(len(x)):
            seen = i + 1 if causal else len(x)
            tokens.append(_mean(weights(q[i], k[:seen], i), v[:seen]))
        outputs.append(torch.stack(tokens))
    return linear(p, "out", torch.cat(outputs, dim=1))


def _attend(q: Tensor, k: Tensor, v: Tensor) -> Tensor:
    """softmax(QKᵀ/√channels) V, query by query."""
    return torch.stack([_mean(torch.exp(k @ query / math.sqrt(len(query))), v) for query in q])


def _mean(weights: Tensor, v: Tensor) -> Tensor:
    """The mean of V with these weights; zeros where all of them are zero."""
    total = weights.sum()
    return weights @ v / total if total != 0 else weights @ v
