"""Rotary positions (RoFormer, arXiv 2104.09864, equations 14 and 15)."""

from __future__ import annotations

import torch
from torch import Tensor

BASE = 10_000


def rotate(x: Tensor, first: int = 0) -> Tensor:
    """x (…, tokens, channels) turned by its position, of which `first` is the first: channels i and i + channels/2 by t·θ_i.

    θ_i = 10000^(-2i/channels). The paper pairs neighbouring channels, which differs by the order of the channels alone.
    """
    tokens, channels = x.shape[-2:]
    exact = torch.promote_types(x.dtype, torch.float32)  # in bfloat16, the position 257 is 256
    powers = torch.arange(0, channels, 2, device=x.device, dtype=exact) / -channels
    positions = torch.arange(first, first + tokens, device=x.device, dtype=exact)
    angles = positions.unsqueeze(1) * BASE**powers  # (tokens, channels/2)
    cos, sin = angles.cos().to(x.dtype), angles.sin().to(x.dtype)
    left, right = x.chunk(2, dim=-1)
    return torch.cat((left * cos - right * sin, right * cos + left * sin), dim=-1)
