"""Means over all tokens, or over a token and those before it; and their sums."""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from mixbench.mixers.parts import at_least_float32, zero_padding

_CHUNK = 32

Sum = tuple[Tensor, Tensor]
"""The sum (batch, width) of the tokens so far, and their number (), in float32 where the tokens are in half precision."""


def mean(x: Tensor, mask: Tensor | None) -> Tensor:
    """The mean of the real tokens of each sequence, (batch, tokens, width) to (batch, 1, width); 0 where there are none."""
    if mask is None:
        return x.mean(1, keepdim=True)
    counts = mask.sum(1).clamp(min=1).view(-1, 1, 1)
    return zero_padding(x, mask).sum(1, keepdim=True) / counts.to(x.dtype)


def no_tokens(batch: int, width: int, like: Tensor) -> Sum:
    """The sum before the first token, for tokens like a tensor."""
    like = at_least_float32(like.new_zeros(()))
    return like.new_zeros(batch, width), like


def sum_of(x: Tensor) -> Sum:
    """The sum of all tokens of x (batch, tokens, width), and their number."""
    total = at_least_float32(x).sum(1)
    return total, total.new_tensor(x.shape[1])


def mean_with(x: Tensor, before: Sum) -> tuple[Tensor, Sum]:
    """The mean of the tokens before and x (batch, width), and their sum."""
    total, count = before[0] + x, before[1] + 1
    return (total / count).to(x.dtype), (total, count)


def running_sum(x: Tensor) -> Tensor:
    """The sum of each token and those before it, (batch, tokens, width) to the same shape; half precision becomes float32."""
    x = at_least_float32(x)
    if x.device.type != "cpu" or torch.compiler.is_compiling():
        return x.cumsum(1)
    total: Tensor = _RunningSum.apply(x)  # type: ignore[no-untyped-call]
    return total


def running_mean(x: Tensor) -> Tensor:
    """The mean of each token and those before it, (batch, tokens, width) to the same shape and dtype."""
    total = running_sum(x)
    counts = torch.arange(1, x.shape[1] + 1, device=x.device, dtype=total.dtype)
    return (total / counts.unsqueeze(1)).to(x.dtype)


class _RunningSum(torch.autograd.Function):
    """Within all chunks at once, then over the chunks; `cumsum` over an axis that is not the last is slow on a CPU.

    The gradient at a token is the sum of those after it and its own.
    """

    @staticmethod
    def forward(x: Tensor) -> Tensor:
        batch, tokens, width = x.shape
        chunks = -(-tokens // _CHUNK)
        total = x.new_empty(batch, chunks, _CHUNK, width)
        if tokens % _CHUNK:
            x = F.pad(x, (0, 0, 0, chunks * _CHUNK - tokens))
        added, totals = x.view_as(total).unbind(2), total.unbind(2)
        totals[0].copy_(added[0])
        for place in range(1, _CHUNK):
            torch.add(totals[place - 1], added[place], out=totals[place])
        total[:, 1:] += totals[-1][:, :-1].cumsum(1).unsqueeze(2)
        return total.view(batch, -1, width)[:, :tokens]

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Tensor], output: Tensor) -> None:
        pass

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Tensor:
        total = _RunningSum.apply(gradient)  # type: ignore[no-untyped-call]
        reversed_total: Tensor = gradient - total + total[:, -1:]
        return reversed_total

    @staticmethod
    def vmap(info: Any, in_dims: tuple[int], x: Tensor) -> tuple[Tensor, int]:
        x = x.movedim(in_dims[0], 0)
        return _RunningSum.apply(x.flatten(0, 1)).view(x.shape), 0  # type: ignore[no-untyped-call]
