"""Every mixer as its paper writes it, for one sequence (tokens, width), in loops over tokens: slow and obvious.

`p` holds the parameters of the module under test by name; everything is differentiable and runs in the dtype it is given.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

Parameters = Mapping[str, Tensor]


def linear(p: Parameters, name: str, x: Tensor) -> Tensor:
    return torch.stack([p[f"{name}.weight"] @ token + p[f"{name}.bias"] for token in x])


def attention(p: Parameters, x: Tensor, *, heads: int, **_: Any) -> Tensor:
    outputs = []
    for q, k, v in _heads(linear(p, "qkv", x), heads):
        tokens = []
        for query in q:
            weights = torch.stack([torch.exp(query @ key / math.sqrt(len(key))) for key in k])
            tokens.append(sum(w * value for w, value in zip(weights / weights.sum(), v, strict=True)))
        outputs.append(torch.stack(tokens))
    return linear(p, "out", torch.cat(outputs, dim=1))


def linear_attention(p: Parameters, x: Tensor, *, heads: int, **_: Any) -> Tensor:
    outputs = []
    for q, k, v in _heads(linear(p, "qkv", x), heads):
        tokens = []
        for query in q:
            weights = torch.stack([(F.elu(query) + 1) @ (F.elu(key) + 1) for key in k])
            tokens.append(sum(w * value for w, value in zip(weights / weights.sum(), v, strict=True)))
        outputs.append(torch.stack(tokens))
    return linear(p, "out", torch.cat(outputs, dim=1))


def _heads(qkv: Tensor, heads: int) -> list[tuple[Tensor, ...]]:
    groups = [part.chunk(heads, dim=1) for part in qkv.chunk(3, dim=1)]
    return list(zip(*groups, strict=True))


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


def mlp_mixer(p: Parameters, x: Tensor, **_: Any) -> Tensor:
    tokens = len(x)
    hidden = []
    for weights, bias in zip(p["first.weight"], p["first.bias"], strict=True):
        hidden.append(F.gelu(sum(weights[n] * x[n] for n in range(tokens)) + bias))
    return torch.stack(
        [sum(w * h for w, h in zip(p["second.weight"][n], hidden, strict=True)) + p["second.bias"][n] for n in range(tokens)]
    )


def gmlp(p: Parameters, x: Tensor, **_: Any) -> Tensor:
    tokens = len(x)
    u, v = F.gelu(linear(p, "expand", x)).chunk(2, dim=1)
    v = normalise(v, p["norm.weight"], p["norm.bias"])
    gated = [u[n] * (sum(p["gate.weight"][n, m] * v[m] for m in range(tokens)) + p["gate.bias"][n]) for n in range(tokens)]
    return linear(p, "out", torch.stack(gated))


def hypermixer(
    p: Parameters,
    x: Tensor,
    *,
    heads: int = 1,
    tied: bool = False,
    positions: str = "sinusoidal",
    scale: bool = True,
    layer_norm: bool = True,
    **_: Any,
) -> Tensor:
    tokens, width = x.shape
    table = {"none": torch.zeros(tokens, width, dtype=x.dtype), "sinusoidal": sinusoids(tokens, width).to(x.dtype)}
    seen = (math.sqrt(width) if scale else 1) * x + (p["table"][:tokens] if positions == "learned" else table[positions])
    size = width // heads
    outputs = []
    for head in range(heads):
        channels = slice(head * size, (head + 1) * size)
        w1 = _hypernetwork(p, 0, head, seen[:, channels])
        w2 = w1 if tied else _hypernetwork(p, 1, head, seen[:, channels])
        hidden = [F.gelu(sum(w1[n, unit] * x[n, channels] for n in range(tokens))) for unit in range(w1.shape[1])]
        outputs.append(torch.stack([sum(w * h for w, h in zip(row, hidden, strict=True)) for row in w2]))
    y = torch.cat(outputs, dim=1)
    return normalise(y, p["norm.weight"], p["norm.bias"]) if layer_norm else y


def _hypernetwork(p: Parameters, network: int, head: int, seen: Tensor) -> Tensor:
    """W = MLP(τ(X)) of one head, token by token: (tokens, hidden/heads)."""
    size = seen.shape[1]
    mine = slice(network * size, (network + 1) * size)
    rows = []
    for token in seen:
        first = token @ p["first"][head][:, mine] + (p["first_bias"][head, 0, mine] if "first_bias" in p else 0)
        last = F.gelu(first) @ p["second"][network, head]
        rows.append(last + (p["second_bias"][network, head, 0] if "second_bias" in p else 0))
    return torch.stack(rows)


def none(p: Parameters, x: Tensor, **_: Any) -> Tensor:
    return x


def sinusoids(tokens: int, width: int) -> Tensor:
    """Attention Is All You Need, section 3.5, entry by entry."""
    table = torch.zeros(tokens, width, dtype=torch.float64)
    for position in range(tokens):
        for channel in range(width):
            angle = position / 10000 ** ((channel - channel % 2) / width)
            table[position, channel] = math.cos(angle) if channel % 2 else math.sin(angle)
    return table


def normalise(x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    rows = []
    for token in x:
        centred = token - token.mean()
        rows.append(centred / torch.sqrt((centred**2).mean() + 1e-5) * weight + bias)
    return torch.stack(rows)


def reference_of(name: str) -> Callable[..., Tensor]:
    """The reference of a mixer: the function here that has its name, with _ for -."""
    reference: Callable[..., Tensor] | None = globals().get(name.replace("-", "_"))
    if reference is None:
        pytest.fail(f"no slow reference for the mixer {name}: write {name.replace('-', '_')}(p, x, **options) in {__file__}")
    return reference
