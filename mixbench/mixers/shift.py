"""Channels that move to a neighbouring token (TSM, arXiv 1811.08383, section 3; there over the frames of a video)."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from mixbench.mixers.parts import zero_padding


class _Shift(torch.autograd.Function):
    """Channels 0 … moved - 1 go to the next token, as many after them to the one before, zeros come in at the ends.

    The gradient goes the other way. A negative `moved` exchanges both directions.
    """

    generate_vmap_rule = True

    @staticmethod
    def forward(x: Tensor, moved: int) -> Tensor:
        groups = (slice(abs(moved)), slice(abs(moved), 2 * abs(moved)))
        later, earlier = groups if moved > 0 else groups[::-1]
        y = torch.empty_like(x)
        y[:, :1, later] = 0
        y[:, 1:, later] = x[:, :-1, later]
        y[:, -1:, earlier] = 0
        y[:, :-1, earlier] = x[:, 1:, earlier]
        y[..., 2 * abs(moved) :] = x[..., 2 * abs(moved) :]
        return y

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Tensor, int], output: Tensor) -> None:
        ctx.moved = inputs[1]

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None]:
        return _Shift.apply(gradient, -ctx.moved), None  # type: ignore[no-untyped-call]


class Shift(nn.Module):
    """A quarter of the channels from the token before, a quarter from the next; (batch, tokens, width) to the same shape.

    The other channels stay, and what has no neighbour gets zeros. A width below 4 has no quarter. No parameters. `mask` (batch,
    tokens) is True where the token is real.
    """

    def __init__(self, *, width: int, tokens: int) -> None:
        super().__init__()
        self.moved = width // 4

    def forward(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        y: Tensor = _Shift.apply(zero_padding(x, mask), self.moved)  # type: ignore[no-untyped-call]
        return y
