"""Nyströmformer (arXiv 2102.03902, equations 11 to 14)."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from mixbench.mixers.costs.nystromformer import ITERATIONS, segments_of
from mixbench.mixers.parts import HeadProjections, attend, in_chunks, zero_padding


class Nystromformer(HeadProjections):
    """softmax(QK̃ᵀ) pinv(softmax(Q̃K̃ᵀ)) softmax(Q̃Kᵀ)V per head, scores divided by √(d/h); (batch, tokens, width) to the same.

    Landmarks Q̃ and K̃ are means of segments of equal length; the last is shorter where that does not divide the tokens. The
    convolution of V that the paper may add is left out. `mask` (batch, tokens) is True where the token is real: padded tokens
    are never attended to, nor part of a mean, but they do shift where segments begin and end.
    """

    def __init__(self, *, width: int, tokens: int, landmarks: int = 64, heads: int = 4) -> None:
        super().__init__(width=width, heads=heads)
        self.landmarks = landmarks

    def forward(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        q, k, v = self.split(zero_padding(x, mask))
        q_marks, k_marks = (self._means(y, mask) for y in (q, k))
        between = (q_marks @ k_marks.transpose(2, 3) / math.sqrt(q.shape[3])).softmax(3)
        seen = attend(q_marks, k, v, allowed=None if mask is None else mask[:, None, None, :])
        return self.join(attend(q, k_marks, pseudo_inverse(between) @ seen))

    def _means(self, x: Tensor, mask: Tensor | None) -> Tensor:
        """The mean real token of each segment of x (batch, heads, tokens, channels): (batch, heads, landmarks, channels)."""
        tokens = x.shape[2]
        means: Tensor
        count, length = segments_of(tokens, self.landmarks)
        if mask is None and tokens == count * length:
            means = x.unflatten(2, (count, length)).mean(3)
            return means
        real = torch.ones_like(x[:, :1, :, :1]) if mask is None else mask[:, None, :, None].to(x.dtype)
        sums, numbers = (in_chunks(y, count, length).sum(3) for y in (x * real, real))
        means = sums / numbers.clamp(min=1)
        return means


def pseudo_inverse(a: Tensor) -> Tensor:
    """The Moore-Penrose inverse of maps (…, landmarks, landmarks) whose rows sum to 1, by iterations of the third order."""
    z = a.transpose(-2, -1) / a.sum(-2, keepdim=True).amax(-1, keepdim=True)
    one = torch.eye(a.shape[-1], dtype=a.dtype, device=a.device)
    for _ in range(ITERATIONS):
        az = a @ z
        z = 0.25 * z @ (13 * one - az @ (15 * one - az @ (7 * one - az)))
    return z
