"""MLPs and linear maps over tokens, token by token."""

from __future__ import annotations

import math
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from mixbench.mixers.references.common import Parameters, linear, normalise, sinusoids


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


def res_mlp(p: Parameters, x: Tensor, **_: Any) -> Tensor:
    tokens = range(len(x))
    return torch.stack([sum(p["mix.weight"][n, m] * x[m] for m in tokens) + p["mix.bias"][n] for n in tokens])


def monarch(p: Parameters, x: Tensor, **_: Any) -> Tensor:
    blocks, tokens = len(p["first"]), len(x)
    rows = []
    for n in range(tokens):
        place_out, q = divmod(n, blocks)
        row = torch.zeros_like(x[0])
        for m in range(tokens):
            k, place = divmod(m, blocks)
            row = row + p["second"][q, place_out, k] * p["first"][k, q, place] * x[m]
        rows.append(row)
    return torch.stack(rows)


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
        hidden = [
            F.gelu(torch.stack([w1[n, unit] * x[n, channels] for n in range(tokens)]).sum(0)) for unit in range(w1.shape[1])
        ]
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
