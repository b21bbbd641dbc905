"""Mixers that plain torch runs, with habits that a measurement may stumble over: as one file that tests name."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint


class ComplexFilter(nn.Module):
    """A learned filter over the spectrum of the tokens."""

    def __init__(self, width: int, tokens: int) -> None:
        super().__init__()
        self.filter = nn.Parameter(torch.view_as_complex(torch.randn(tokens // 2 + 1, width, 2)))

    def spectrum(self) -> Tensor:
        return self.filter

    def forward(self, x: Tensor) -> Tensor:
        tokens = x.shape[1]
        if not self.spectrum().is_complex():
            raise RuntimeError(f"the filter became {self.spectrum().dtype}")
        mixed = torch.fft.irfft(torch.fft.rfft(x.float(), dim=1) * self.spectrum()[: tokens // 2 + 1], n=tokens, dim=1)
        return mixed.to(x.dtype)


class PairFilter(ComplexFilter):
    """The same, kept as pairs of real numbers."""

    def __init__(self, width: int, tokens: int) -> None:
        super().__init__(width, tokens)
        self.filter = nn.Parameter(torch.view_as_real(self.filter.detach()).clone())

    def spectrum(self) -> Tensor:
        return torch.view_as_complex(self.filter.float())


class Product(nn.Module):
    """One product with a weight."""

    def __init__(self, width: int, tokens: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(width, width) / width**0.5)

    def forward(self, x: Tensor) -> Tensor:
        return x @ self.weight


class Reentrant(Product):
    """Keeps no activations: a checkpoint of the older kind, which `torch.autograd.grad` cannot pass."""

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = checkpoint(super().forward, x, use_reentrant=True)
        return y


class NanLater(Product):
    """Right in its first calls in evaluation mode, then NaN."""

    def __init__(self, width: int, tokens: int, right: int = 4) -> None:
        super().__init__(width, tokens)
        self.left = right

    def forward(self, x: Tensor) -> Tensor:
        self.left -= not self.training
        return super().forward(x) if self.left >= 0 else torch.full_like(x, torch.nan)
