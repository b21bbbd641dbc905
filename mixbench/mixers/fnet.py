"""FNet's mixing (arXiv 2105.03824, equation 3)."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor, nn

from mixbench.mixers.ops.fourier import Transforms
from mixbench.mixers.parts import at_least_float32

SMALL = 2**16
"""Elements up to which computing the whole spectrum is faster than computing half and mirroring it."""


NORMS = {"ortho": "ortho", "none": "backward"}
"""What torch calls each norm of the forward transform: divided by √(N·d), or as it is."""


def _real_fourier(x: Tensor, norm: str) -> Tensor:
    """Real part of the Fourier transform of a real x over its last two axes."""
    if x.numel() <= SMALL:
        whole: Tensor = torch.fft.fft2(x, norm=norm).real
        return whole
    width = x.shape[-1]
    kept = width // 2 + 1
    half = torch.fft.rfft2(x, norm=norm).real  # (..., tokens, kept)
    # the transform of a real signal at (-n, -k) is the conjugate of the transform at (n, k)
    mirrored = half[..., 1 : width - kept + 1].flip(-2, -1)
    out = torch.empty_like(x)
    out[..., :kept] = half
    out[..., :1, kept:] = mirrored[..., -1:, :]
    out[..., 1:, kept:] = mirrored[..., :-1, :]
    return out


class _RealFourier(torch.autograd.Function):
    """The map is linear and symmetric, so its gradient is the same map."""

    generate_vmap_rule = True

    @staticmethod
    def forward(x: Tensor, norm: str) -> Tensor:
        return _real_fourier(at_least_float32(x), norm).to(x.dtype)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Tensor, str], output: Tensor) -> None:
        ctx.norm = inputs[1]

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None]:
        return _RealFourier.apply(gradient, ctx.norm), None  # type: ignore[no-untyped-call]


class FNet(Transforms, nn.Module):
    """Real part of the Fourier transform over tokens and channels, (batch, tokens, width) to the same shape; no parameters.

    `norm` ortho divides by √(N·d), so the output is of the scale of the input. The paper has no such factor (`none`); it
    normalises after the residual connection, where the factor is lost, while in a block that normalises before the mixer an
    output √(N·d) times too large drowns the residual.

    A mask is ignored: a padded token counts as a token. In half precision, the transform runs in float32 and its result is
    rounded, forward and backward.
    """

    training_factor = 2

    def __init__(self, *, width: int, tokens: int, norm: str = "ortho") -> None:
        super().__init__()
        self.width = width
        self.norm = NORMS[norm]

    def forward(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        out: Tensor = _RealFourier.apply(x, self.norm)  # type: ignore[no-untyped-call]
        return out

    def flops(self, batch: int, tokens: int) -> int:
        """5·N·d·log2(N·d) per sequence: a complex transform of that size, whatever a kernel for real input saves."""
        size = tokens * self.width
        return batch * round(5 * size * math.log2(size))
