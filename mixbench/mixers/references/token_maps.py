"""MLPs and linear maps over tokens, token by token."""

from __future__ import annotations

import math
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from mixbench.mixers.references.common import Parameters, linear, normalise, sinusoids


def mlp_mixer(p: Parameters, x: Tensor, **_: Any) -> Tensor:
    hidden = F.gelu(_rows(p["first.weight"][:, : len(x)], p["first.bias"], x))
    return _rows(p["second.weight"][: len(x)], p["second.bias"][: len(x)], hidden)


def gmlp(p: Parameters, x: Tensor, **_: Any) -> Tensor:
    u, v = F.gelu(linear(p, "expand", x)).chunk(2, dim=1)
    v = normalise(v, p["norm.weight"], p["norm.bias"])
    return linear(p, "out", u * _mixed(p, "gate", v))


def res_mlp(p: Parameters, x: Tensor, **_: Any) -> Tensor:
    return _mixed(p, "mix", x)


def monarch(p: Parameters, x: Tensor, **_: Any) -> Tensor:
    blocks, tokens = len(p["first"]), len(x)
    rows = []
    for n in range(tokens):
        place_out, q = divmod(n, blocks)
        weights = p["second"][q, place_out].unsqueeze(1) * p["first"][:, q]  # of block k and place: of token k·blocks + place
        rows.append(weights.flatten()[:tokens] @ x)
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
        hidden = [F.gelu(weights @ x[:, channels]) for weights in w1.T]
        outputs.append(torch.stack([weights @ torch.stack(hidden) for weights in w2]))
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


def _mixed(p: Parameters, name: str, x: Tensor) -> Tensor:
    """Σ_m W_nm x_m + b_n, for the first tokens where there are fewer than the layer is built for."""
    tokens = len(x)
    return _rows(p[f"{name}.weight"][:tokens, :tokens], p[f"{name}.bias"][:tokens], x)


def _rows(weights: Tensor, biases: Tensor, x: Tensor) -> Tensor:
    return torch.stack([weight @ x + bias for weight, bias in zip(weights, biases, strict=True)])
