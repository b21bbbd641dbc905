"""Sums over a token and all before it."""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from mixbench.mixers.parts import at_least_float32

_CHUNK = 32


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
