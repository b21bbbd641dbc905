"""Recurrences, token by token."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from mixbench.mixers.references.common import Parameters, linear


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
