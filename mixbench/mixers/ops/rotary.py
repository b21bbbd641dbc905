"""Rotary positions (RoFormer, arXiv 2104.09864, equations 14 and 15)."""

from __future__ import annotations

import torch
from torch import Tensor

BASE = 10_000


def rotate(x: Tensor, first: int = 0) -> Tensor:
    """x (…, tokens, heads, channels) turned by its position, of which `first` is the first.

    The channels 2i and 2i + 1 turn by t · 10000^(-2i/channels), as one complex number: a single pass over memory. Half
    precision is turned in float32.
    """
    tokens, _, channels = x.shape[-3:]
    exact = torch.promote_types(x.dtype, torch.float32)
    powers = torch.arange(0, channels, 2, device=x.device, dtype=exact) / -channels
    positions = torch.arange(first, first + tokens, device=x.device, dtype=exact)
    angles = positions.unsqueeze(1) * BASE**powers  # (tokens, channels/2)
    turns = torch.polar(torch.ones_like(angles), angles).unsqueeze(1)
    pairs = torch.view_as_complex(x.to(exact).unflatten(-1, (-1, 2)))
    return torch.view_as_real(pairs * turns).flatten(-2).to(x.dtype)
