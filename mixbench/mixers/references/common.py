"""What the slow references of several families share."""

from __future__ import annotations

import math
from collections.abc import Mapping

import torch
from torch import Tensor

Parameters = Mapping[str, Tensor]
"""The parameters and buffers of the layer under test, by name."""


def linear(p: Parameters, name: str, x: Tensor) -> Tensor:
    return torch.stack([p[f"{name}.weight"] @ token + p[f"{name}.bias"] for token in x])


def heads_of(qkv: Tensor, heads: int) -> list[tuple[Tensor, ...]]:
    groups = [part.chunk(heads, dim=1) for part in qkv.chunk(3, dim=1)]
    return list(zip(*groups, strict=True))


def normalise(x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    rows = []
    for token in x:
        centred = token - token.mean()
        rows.append(centred / torch.sqrt((centred**2).mean() + 1e-5) * weight + bias)
    return torch.stack(rows)


def sinusoids(tokens: int, width: int) -> Tensor:
    """Attention Is All You Need, section 3.5, entry by entry."""
    table = torch.zeros(tokens, width, dtype=torch.float64)
    for position in range(tokens):
        for channel in range(width):
            angle = position / 10000 ** ((channel - channel % 2) / width)
            table[position, channel] = math.cos(angle) if channel % 2 else math.sin(angle)
    return table


def turned(x: Tensor) -> Tensor:
    """RoFormer, equation 15, with the matrices of equation 14 written out."""
    rows = []
    for position, token in enumerate(x):
        angles = [position * 10_000 ** (-2 * i / len(token)) for i in range(len(token) // 2)]
        cosine, sine = (torch.tensor([of(angle) for angle in angles], dtype=x.dtype) for of in (math.cos, math.sin))
        first, second = token.view(-1, 2).T
        rows.append(torch.stack((cosine * first - sine * second, sine * first + cosine * second), dim=1).flatten())
    return torch.stack(rows)
