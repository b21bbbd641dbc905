"""Recurrences and state space models, token by token."""

from __future__ import annotations

import math
from typing import Any

import torch
import torch.nn.functional as F
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


def s4d(p: Parameters, x: Tensor, **_: Any) -> Tensor:
    a = torch.complex(-torch.exp(p["log_decay"]), p["frequency"])
    c = torch.view_as_complex(p["read"])
    kept = torch.exp(torch.exp(p["log_step"]).unsqueeze(1) * a)
    h, outputs = torch.zeros_like(a), []
    for token in x:
        h = kept * h + (kept - 1) / a * token.unsqueeze(1)
        outputs.append(2 * (c * h).sum(1).real + p["skip"] * token)
    gated = linear(p, "out", F.gelu(torch.stack(outputs)))
    return gated[:, : x.shape[1]] * torch.sigmoid(gated[:, x.shape[1] :])


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


def gated_linear_attention(p: Parameters, x: Tensor, *, heads: int, **_: Any) -> Tensor:
    width = x.shape[1]
    size, outputs = width // heads, []
    states = [torch.zeros(size // 2, size, dtype=x.dtype) for _ in range(heads)]
    for token in x:
        q, k, v, gate, low = (p["project.weight"] @ token).split((width // 2, width // 2, width, width, 16))
        decay = torch.sigmoid(p["decay.weight"] @ low + p["decay.bias"]) ** (1 / 16)
        read = []
        for h in range(heads):
            keys, values = slice(h * size // 2, (h + 1) * size // 2), slice(h * size, (h + 1) * size)
            states[h] = torch.diag(decay[keys]) @ states[h] + torch.outer(k[keys], v[values])
            mixed = q[keys] / math.sqrt(size // 2) @ states[h]
            read.append(mixed / torch.sqrt((mixed**2).mean() + 1e-5) * p["norm.weight"])
        outputs.append(p["out.weight"] @ (torch.cat(read) * gate * torch.sigmoid(gate)))
    return torch.stack(outputs)


def mamba2(p: Parameters, x: Tensor, *, expand: int, state: int, head: int, conv: int, **_: Any) -> Tensor:
    inner = expand * x.shape[1]
    channels = min(head, inner)
    before, outputs = [torch.zeros(inner + 2 * state, dtype=x.dtype)] * (conv - 1), []
    matrices = [torch.zeros(channels, state, dtype=x.dtype) for _ in range(inner // channels)]
    for token in x:
        z, seen, steps = (p["project.weight"] @ token).split((inner, inner + 2 * state, len(matrices)))
        before.append(seen)
        filtered = sum(p["convolution.weight"][:, j] * before[-conv + j] for j in range(conv)) + p["convolution.bias"]
        values, b, c = (filtered * torch.sigmoid(filtered)).split((inner, state, state))
        read = []
        for h, value in enumerate(values.split(channels)):
            delta = torch.log(1 + torch.exp(steps[h] + p["step_bias"][h]))
            matrices[h] = torch.exp(-delta * torch.exp(p["log_rate"][h])) * matrices[h] + delta * torch.outer(value, b)
            read.append(matrices[h] @ c + p["skip"][h] * value)
        gated = torch.cat(read) * z * torch.sigmoid(z)
        normed = gated / torch.sqrt((gated**2).mean() + 1e-5) * p["norm.weight"]
        outputs.append(p["out.weight"] @ normed)
    return torch.stack(outputs)


def mlstm(p: Parameters, x: Tensor, *, heads: int, **_: Any) -> Tensor:
    """Not stabilised: equations 19 to 27."""
    gates = linear(p, "gates", x)
    outputs = []
    for head, parts in enumerate(zip(*(part.chunk(heads, dim=1) for part in linear(p, "project", x).chunk(4, 1)), strict=True)):
        q, k, v, o = parts
        size = q.shape[1]
        matrix, norm, hidden = torch.zeros(size, size, dtype=x.dtype), torch.zeros(size, dtype=x.dtype), []
        for t in range(len(x)):
            i, f = torch.exp(gates[t, head]), torch.sigmoid(gates[t, heads + head])
            matrix = f * matrix + i * torch.outer(v[t], k[t] / math.sqrt(size))
            norm = f * norm + i * k[t] / math.sqrt(size)
            hidden.append(matrix @ q[t] / torch.clamp(torch.abs(norm @ q[t]), min=1))
        mine = slice(head * size, (head + 1) * size)
        outputs.append(torch.sigmoid(o) * normalise(torch.stack(hidden), p["norm.weight"][mine], p["norm.bias"][mine]))
    return linear(p, "out", torch.cat(outputs, dim=1))
