"""FNet's mixing (arXiv 2105.03824, equation 3)."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor, nn


def _real_fourier(x: Tensor) -> Tensor:
    """Real part of the transform of real x over its last two axes, from half of the spectrum."""
    width = x.shape[-1]
    half = torch.fft.rfft2(x).real
    # the transform of a real signal at (-n, -k) is the conjugate of that at (n, k)
    rest = half[..., 1 : width - width // 2].flip(-2, -1).roll(1, -2)
    return torch.cat((half, rest), dim=-1)


class _RealFourier(torch.autograd.Function):
    """The map is linear and symmetric, so its gradient is the same map."""

    generate_vmap_rule = True

    @staticmethod
    def forward(x: Tensor) -> Tensor:
        return _real_fourier(x)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Tensor], output: Tensor) -> None:
        pass

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Tensor:
        result: Tensor = _RealFourier.apply(gradient)
        return result


class FNet(nn.Module):
    """Real part of the Fourier transform over tokens and channels, (batch, tokens, width) to the same shape; no parameters.

    A mask is ignored: a padded token is a token. Half precision is not possible on a CPU.
    """

    training_factor = 2

    def __init__(self, *, width: int, tokens: int) -> None:
        super().__init__()
        self.width = width

    def forward(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        out: Tensor = _RealFourier.apply(x)
        return out

    def flops(self, batch: int, tokens: int) -> int:
        """5·N·d·log2(N·d) per sequence: a complex transform of that size, whatever the kernel saves."""
        size = tokens * self.width
        return batch * round(5 * size * math.log2(size))
