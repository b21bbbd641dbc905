"""cosFormer (Rethinking Softmax in Attention, arXiv 2202.08791, equations 8 to 12)."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor

from mixbench.mixers.ops.causal_sums import average, full_sums
from mixbench.mixers.parts import HeadProjections, zero_padding


class Cosformer(HeadProjections):
    """Linear attention with weights relu(q_i)·relu(k_j)·cos(π(i−j)/2M) at M tokens; (batch, tokens, width) to the same shape.

    The cosine of a difference is a product of features: cos·cos + sin·sin. M is the number of real tokens of a sequence, so
    padding on its right changes nothing. A token whose weights are all zero, as where relu(q) is, gets zeros.
    """

    def __init__(self, *, width: int, tokens: int, heads: int = 4) -> None:
        super().__init__(width=width, heads=heads)

    def forward(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        q, k, v = self.split(zero_padding(x, mask))
        angles = _angles(x, mask)
        cosines, sines = angles.cos().to(x.dtype), angles.sin().to(x.dtype)
        q, k = (torch.cat((y * cosines, y * sines), dim=3) for y in (F.relu(q), F.relu(k)))
        if mask is not None:
            k = k.masked_fill(~mask[:, None, :, None], 0)
        return self.join(average(*full_sums(q, k, v)))


def _angles(x: Tensor, mask: Tensor | None) -> Tensor:
    """πi/2M (batch or 1, 1, tokens, 1), in float32 at least."""
    precise = torch.promote_types(x.dtype, torch.float32)
    positions = torch.arange(x.shape[1], device=x.device, dtype=precise)[:, None]
    real = x.shape[1] if mask is None else mask.sum(1).clamp(min=1)[:, None, None, None]
    return (math.pi / 2 * positions / real).expand(1 if mask is None else len(x), 1, -1, -1)
