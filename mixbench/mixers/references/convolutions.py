"""Convolutions, Fourier transforms and shifts, token by token."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor

from mixbench.mixers.references.common import Parameters


def fnet(p: Parameters, x: Tensor, *, norm: str, **_: Any) -> Tensor:
    tokens, width = x.shape
    scale = {"ortho": 1 / math.sqrt(tokens * width), "none": 1.0}[norm]
    rows = []
    for n in range(tokens):
        row = []
        for k in range(width):
            angles = [[2 * math.pi * (n * m / tokens + k * j / width) for j in range(width)] for m in range(tokens)]
            row.append(scale * (x * torch.cos(torch.tensor(angles, dtype=x.dtype))).sum())
        rows.append(torch.stack(row))
    return torch.stack(rows)
