"""Convolutions, Fourier transforms and shifts, token by token."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor

from mixbench.mixers.references.common import Parameters, linear


def fnet(p: Parameters, x: Tensor, *, norm: str, **_: Any) -> Tensor:
    tokens, width = x.shape
    scale = {"ortho": 1 / math.sqrt(tokens * width), "none": 1.0}[norm]
    m, j = torch.arange(tokens, dtype=x.dtype).unsqueeze(1), torch.arange(width, dtype=x.dtype)
    rows = []
    for n in range(tokens):
        row = []
        for k in range(width):
            angles = 2 * math.pi * (n * m / tokens + k * j / width)
            row.append(scale * (x * torch.cos(angles)).sum())
        rows.append(torch.stack(row))
    return torch.stack(rows)


def depthwise_conv(p: Parameters, x: Tensor, *, kernel: int, causal: bool = False, **_: Any) -> Tensor:
    before = kernel - 1 if causal else (kernel - 1) // 2
    rows = []
    for n in range(len(x)):
        seen = [(j, n + j - before) for j in range(kernel) if 0 <= n + j - before < len(x)]
        rows.append(sum(p["weight"][j] * x[m] for j, m in seen) + p["bias"])
    return torch.stack(rows)


def shift(p: Parameters, x: Tensor, **_: Any) -> Tensor:
    quarter, none = x.shape[1] // 4, torch.zeros_like(x[0])
    rows = []
    for n, token in enumerate(x):
        before, after = (x[n - 1] if n else none), (x[n + 1] if n + 1 < len(x) else none)
        rows.append(torch.cat((before[:quarter], after[quarter : 2 * quarter], token[2 * quarter :])))
    return torch.stack(rows)


def long_conv(p: Parameters, x: Tensor, *, causal: bool = False, **_: Any) -> Tensor:
    taps = p["taps"]
    after = 0 if causal else (taps.shape[1] - 1) // 2
    rows = []
    for i in range(len(x)):
        seen = [j for j in range(taps.shape[1]) if 0 <= i - j + after < len(x)]
        rows.append((taps[:, seen].T * x[[i - j + after for j in seen]]).sum(0) + p["skip"] * x[i])
    return torch.stack(rows)


def gfnet(p: Parameters, x: Tensor, **_: Any) -> Tensor:
    tokens = len(x)
    frequencies = range(tokens // 2 + 1)
    filtered = []  # the real and the imaginary part of every frequency, for each channel
    for k, (real, imaginary) in zip(frequencies, p["filters"].permute(1, 2, 0), strict=True):
        angles = torch.tensor([2 * math.pi * k * m / tokens for m in range(tokens)], dtype=x.dtype)
        cosine, sine = torch.cos(angles) @ x, -torch.sin(angles) @ x
        filtered.append(torch.stack((real * cosine - imaginary * sine, real * sine + imaginary * cosine)))
    # frequencies other than the first and the middle one stand for themselves and their mirror
    weights = torch.tensor([(1 if k in (0, tokens / 2) else 2) / tokens for k in frequencies], dtype=x.dtype)
    cosines, sines = torch.stack(filtered).unbind(1)
    rows = []
    for n in range(tokens):
        angles = torch.tensor([2 * math.pi * k * n / tokens for k in frequencies], dtype=x.dtype)
        rows.append(weights * torch.cos(angles) @ cosines - weights * torch.sin(angles) @ sines)
    return torch.stack(rows)


def hyena(p: Parameters, x: Tensor, *, order: int, tokens: int, **_: Any) -> Tensor:
    width = x.shape[1]
    short = {"weight": p["short.weight"], "bias": p["short.bias"]}
    *gates, v = depthwise_conv(short, linear(p, "inner", x), kernel=3, causal=True).split(width, dim=1)
    taps = torch.stack([_hyena_tap(p, place, tokens, (order - 1) * width) for place in range(len(x))])
    for i, gate in enumerate(reversed(gates[1:])):
        channels = slice(i * width, (i + 1) * width)
        gated = gate * v
        rows = []
        for n in range(len(x)):
            convolved = (taps[: n + 1, channels].flip(0) * gated[: n + 1]).sum(0)
            rows.append(convolved + p["filters.skip"][channels] * gated[n])
        v = torch.stack(rows)
    return linear(p, "out", v * gates[0])


def _hyena_tap(p: Parameters, place: int, tokens: int, channels: int) -> Tensor:
    """The tap at a distance, (channels): an MLP with sines over the position, and a decay (section 3.3)."""
    share = place / max(1, tokens - 1)
    bands = [1e-4 + band * (15 - 1e-4) / 15 for band in range(16)]
    angles = [2 * math.pi * place / tokens * band for band in bands]
    hidden = torch.tensor([share, *map(math.cos, angles), *(-math.sin(angle) for angle in angles)], dtype=p["out.bias"].dtype)
    for layer in range(3):
        affine = p[f"filters.layers.{layer}.weight"] @ hidden + p[f"filters.layers.{layer}.bias"]
        hidden = torch.sin(p["filters.frequencies"] * affine)
    slow, fast = math.log(100) / 1.5, math.log(100) / 0.3
    rates = [slow + channel * (fast - slow) / max(1, channels - 1) for channel in range(channels)]
    decay = torch.tensor([math.exp(-rate * share) for rate in rates], dtype=hidden.dtype)
    return (p["filters.last.weight"] @ hidden) * decay
