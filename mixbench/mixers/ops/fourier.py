"""Convolutions over the tokens as products of Fourier transforms, in float32 where the input is in half precision.

torch has no transform in bfloat16, and in float16 only on a GPU at powers of two.

Autograd would transform gradients of real signals as complex ones. Here they are real transforms, too, so that the backward
pass takes as many operations as the forward pass.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from mixbench.mixers.parts import at_least_float32, raised


class Transforms:
    """What mixers have in common that run Fourier transforms."""

    def variant(self, dtype: torch.dtype) -> str:
        """The precision of the transforms where it is not that of the input, as shown in the tables."""
        return raised("transform", dtype)


def spectrum(kernel: Tensor, size: int) -> Tensor:
    """The transform of real rows (channels, taps), with zeros behind them up to `size`: complex (channels, size // 2 + 1)."""
    out: Tensor = _Spectrum.apply(at_least_float32(kernel), size)  # type: ignore[no-untyped-call]
    return out


def filtered(x: Tensor, spectrum: Tensor, size: int, first: int = 0) -> Tensor:
    """x (batch, tokens, width) in circular convolution over `size` tokens with the filters that have this `spectrum`.

    x has zeros behind it up to `size`. The result has as many tokens as x, from number `first` on. In memory it is channel by
    channel: where several operations follow, `contiguous` saves time.
    """
    exact = at_least_float32(x)
    if torch.is_grad_enabled():
        y, _ = _Filtered.apply(exact, spectrum, size, first)  # type: ignore[no-untyped-call]
    else:
        y = _invert(_transform(exact, size).mul_(spectrum), size, first, x.shape[1])
    same: Tensor = y.to(x.dtype)
    return same


def _transform(x: Tensor, size: int, first: int = 0) -> Tensor:
    """(batch, tokens, width), from number `first` on, to complex (batch, width, size // 2 + 1): the last axis is fastest."""
    batch, tokens, width = x.shape
    by_channel = x.new_zeros(batch, width, size)
    by_channel[..., first : first + tokens] = x.transpose(1, 2)
    transformed: Tensor = torch.fft.rfft(by_channel)
    return transformed


def _invert(transformed: Tensor, size: int, first: int, tokens: int) -> Tensor:
    """From complex (batch, width, size // 2 + 1) back to (batch, tokens, width), from number `first` on."""
    y: Tensor = torch.fft.irfft(transformed, n=size)
    return y[..., first : first + tokens].transpose(1, 2)


def _ends(size: int, at_ends: float, between: float, like: Tensor) -> Tensor:
    """Weights of the stored half of a spectrum, by whether a frequency stands for itself or for two."""
    weights = torch.full((size // 2 + 1,), between, dtype=like.real.dtype, device=like.device)
    weights[:1] = at_ends
    if size % 2 == 0:
        weights[-1:] = at_ends
    return weights


class _Spectrum(torch.autograd.Function):
    generate_vmap_rule = True

    @staticmethod
    def forward(kernel: Tensor, size: int) -> Tensor:
        transformed: Tensor = torch.fft.rfft(kernel, n=size)
        return transformed

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Tensor, int], output: Tensor) -> None:
        ctx.taps, ctx.size = inputs[0].shape[-1], inputs[1]

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None]:
        halves = gradient * _ends(ctx.size, 1, 0.5, gradient)
        taps: Tensor = torch.fft.irfft(halves, n=ctx.size, norm="forward")
        return taps[..., : ctx.taps], None


class _Filtered(torch.autograd.Function):
    generate_vmap_rule = True

    @staticmethod
    def forward(x: Tensor, spectrum: Tensor, size: int, first: int) -> tuple[Tensor, Tensor]:
        transformed = _transform(x, size)
        return _invert(transformed * spectrum, size, first, x.shape[1]), transformed

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Tensor, Tensor, int, int], output: tuple[Tensor, Tensor]) -> None:
        _, spectrum, ctx.size, ctx.first = inputs
        ctx.mark_non_differentiable(output[1])
        ctx.save_for_backward(spectrum, output[1])

    @staticmethod
    def backward(ctx: Any, gradient: Tensor, _: Tensor) -> tuple[Tensor, Tensor, None, None]:
        spectrum, transformed = ctx.saved_tensors
        tokens = gradient.shape[1]
        gradient = _transform(gradient, ctx.size, ctx.first)
        of_spectrum = (gradient * transformed.conj()).sum(0) * _ends(ctx.size, 1 / ctx.size, 2 / ctx.size, gradient)
        of_x = _invert(gradient * spectrum.conj(), ctx.size, 0, tokens).contiguous()
        return of_x, of_spectrum, None, None
