"""Recurrences, token by token."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor

from mixbench.mixers.references.common import Parameters, linear, normalise, turned


def min_gru(p: Parameters, x: Tensor, **_: Any) -> Tensor:
    h, outputs = torch.zeros_like(x[0]), []
    for gates in linear(p, "gates", x):
        z, candidate = torch.sigmoid(gates[: len(h)]), gates[len(h) :]
        h = (1 - z) * h + z * torch.where(candidate >= 0, candidate + 0.5, torch.sigmoid(candidate))
        outputs.append(h)
    return torch.stack(outputs)


def lstm(p: Parameters, x: Tensor, **_: Any) -> Tensor:
    h = c = torch.zeros_like(x[0])
    outputs = []
    for token in x:
        gates = p["lstm.weight_ih_l0"] @ token + p["lstm.bias_ih_l0"] + p["lstm.weight_hh_l0"] @ h + p["lstm.bias_hh_l0"]
        i, f, g, o = gates.chunk(4)
        c = torch.sigmoid(f) * c + torch.sigmoid(i) * torch.tanh(g)
        h = torch.sigmoid(o) * torch.tanh(c)
        outputs.append(h)
    return torch.stack(outputs)


def retention(p: Parameters, x: Tensor, *, heads: int, **_: Any) -> Tensor:
    *qkv, gate = linear(p, "project", x).chunk(4, dim=1)
    outputs = []
    for head, parts in enumerate(zip(*(part.chunk(heads, dim=1) for part in qkv), strict=True)):
        q, k, v = turned(parts[0]), turned(parts[1]), parts[2]
        state, mixed = torch.zeros(q.shape[1], q.shape[1], dtype=x.dtype), []
        for position in range(len(x)):
            state = (1 - 2 ** (-5 - head)) * state + torch.outer(k[position], v[position])
            mixed.append(q[position] @ state / math.sqrt(q.shape[1]))
        size = slice(head * q.shape[1], (head + 1) * q.shape[1])
        outputs.append(normalise(torch.stack(mixed), p["norm.weight"][size], p["norm.bias"][size]))
    return linear(p, "out", torch.cat(outputs, dim=1) * gate * torch.sigmoid(gate))
