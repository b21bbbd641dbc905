"""The control: no token mixing."""

from __future__ import annotations

from torch import Tensor, nn


class NoMixing(nn.Module):
    """Returns its input, (batch, tokens, width). Mixing matters only where a mixer beats this.

    A step returns its token (batch, width); nothing is kept of those before.
    """

    def __init__(self, *, width: int, tokens: int) -> None:
        super().__init__()

    def forward(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        return x

    def state(self, batch: int) -> tuple[()]:
        return ()

    def step(self, x: Tensor, state: tuple[()]) -> tuple[Tensor, tuple[()]]:
        return x, state
