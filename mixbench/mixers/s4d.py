"""A diagonal state space model (S4D, arXiv 2206.11893) as a convolution; steps take its recurrence."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from mixbench.mixers.costs.fourier import fast_length
from mixbench.mixers.costs.s4d import split_length
from mixbench.mixers.long_conv import with_skip
from mixbench.mixers.ops.fourier import Transforms, filtered, spectrum
from mixbench.mixers.parts import at_least_float32, zero_padding

STEPS = (0.001, 0.1)
"""The least and the largest step size at the start, as in the authors' code."""


class S4D(Transforms, nn.Module):
    """h ← exp(ΔA) h + x, y = 2 Re(C (exp(ΔA) - 1)/A · h) + D x, then GLU(W GELU(y)); (batch, tokens, width) to the same shape.

    Every channel has `state` / 2 complex numbers h, which stand for `state` in conjugate pairs, with A, C and a step Δ of its
    own, and B = 1, held for a step (zero-order hold). At the start A = -1/2 + iπn (S4D-Lin), all of it learned.

    The taps C exp(ΔA)^t are products of powers of exp(ΔA) within blocks of √N tokens with those of whole blocks: few
    exponentials, and a product of matrices per channel. In half precision they and the state are in float32, but from rounded
    parameters: that of the frequencies changes a new layer's output by a quarter.

    `mask` (batch, tokens) is True where the token is real; padding must be on the right.
    """

    def __init__(self, *, width: int, tokens: int, state: int = 64) -> None:
        super().__init__()
        least, most = map(math.log, STEPS)
        pairs = (width, state // 2)
        self.log_step = nn.Parameter(least + (most - least) * torch.rand(width))
        self.log_decay = nn.Parameter(torch.full(pairs, 0.5).log())
        self.frequency = nn.Parameter((math.pi * torch.arange(pairs[1], dtype=self.log_step.dtype)).repeat(width, 1))
        self.read = nn.Parameter(torch.randn(*pairs, 2) * 0.5**0.5)  # C, real and imaginary
        self.skip = nn.Parameter(torch.randn(width))
        self.out = nn.Linear(width, 2 * width)

    def forward(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        tokens = x.shape[1]
        size = fast_length(2 * tokens - 1)
        taps = with_skip(self._taps(tokens), at_least_float32(self.skip))
        return self._join(filtered(zero_padding(x, mask), spectrum(taps, size), size).contiguous())

    def state(self, batch: int) -> Tensor:
        rate, _ = self._discrete()
        return rate.new_zeros(batch, *rate.shape)

    def prefill(self, x: Tensor) -> tuple[Tensor, Tensor]:
        rate, _ = self._discrete()
        blocks, size = split_length(x.shape[1])
        # (batch, blocks, size, width), the missing tokens first
        exact = F.pad(at_least_float32(x), (0, 0, blocks * size - x.shape[1], 0)).unflatten(1, (blocks, size))
        within = _powers(rate, size).flip(2)  # (width, state/2, size)
        sums = torch.einsum("btsd,dns->bdnt", exact.to(within.dtype), within)
        return self(x), (sums * _powers(size * rate, blocks).flip(2)).sum(3)

    def step(self, x: Tensor, state: Tensor) -> tuple[Tensor, Tensor]:
        rate, read = self._discrete()
        state = torch.addcmul(at_least_float32(x).unsqueeze(2), rate.exp(), state)
        y = (read * state).real.sum(2) + self.skip * x
        return self._join(y.to(x.dtype)), state

    def _discrete(self) -> tuple[Tensor, Tensor]:
        """ΔA and 2C (exp(ΔA) - 1)/A, complex (width, state/2)."""
        decay, frequency, read, step = map(at_least_float32, (self.log_decay, self.frequency, self.read, self.log_step))
        a = torch.complex(-decay.exp(), frequency)
        rate = step.exp().unsqueeze(1) * a
        return rate, 2 * torch.view_as_complex(read) * torch.expm1(rate) / a

    def _taps(self, tokens: int) -> Tensor:
        """The effect of a token on the sum that many tokens later, (width, tokens)."""
        rate, read = self._discrete()
        blocks, size = split_length(tokens)
        whole, within = _powers(size * rate, blocks) * read.unsqueeze(2), _powers(rate, size)
        left = torch.cat((whole.real, -whole.imag), dim=1).transpose(1, 2)  # (width, blocks, state)
        taps = torch.bmm(left, torch.cat((within.real, within.imag), dim=1))  # the real part of the complex product
        return taps.flatten(1)[:, :tokens]

    def _join(self, y: Tensor) -> Tensor:
        out: Tensor = F.glu(self.out(F.gelu(y)), dim=-1)
        return out


def _powers(rate: Tensor, count: int) -> Tensor:
    """exp(rate · t) for t = 0 … count - 1 as the last axis."""
    times = torch.arange(count, device=rate.device, dtype=rate.real.dtype)
    powers: Tensor = (rate.unsqueeze(-1) * times).exp()
    return powers
