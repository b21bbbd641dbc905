"""Parts that several mixers share."""

from __future__ import annotations

import torch
from torch import Tensor


def zero_padding(x: Tensor, mask: Tensor | None) -> Tensor:
    """x (batch, tokens, width) with zeros where `mask` (batch, tokens) is False; x itself without a mask."""
    return x if mask is None else x.masked_fill(~mask.unsqueeze(-1), 0)


def check_length(tokens: int, limit: int, mixer: str) -> None:
    """Raise ValueError for a sequence longer than the mixer was built for."""
    if tokens > limit:
        raise ValueError(f"{tokens} tokens, but this {mixer} was built for at most {limit}")


def mix_tokens(weight: Tensor, bias: Tensor, x: Tensor) -> Tensor:
    """W X + b for every sequence: (rows, columns), (rows) and (batch, columns, width) to (batch, rows, width)."""
    return torch.baddbmm(bias.unsqueeze(-1), weight.expand(len(x), -1, -1), x)


def at_least_float32(x: Tensor) -> Tensor:
    """x, in float32 where it is in half precision: for sums over tokens and products of decays."""
    return x.float() if x.dtype.itemsize < 4 else x
