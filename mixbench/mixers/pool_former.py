"""PoolFormer's token mixing (MetaFormer, arXiv 2111.11418, equation 4), along one dimension."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor, nn

from mixbench.mixers.parts import zero_padding


class PoolFormer(nn.Module):
    """The mean of the `window` tokens around each, minus the token; (batch, tokens, width) to the same shape. No parameters.

    At the ends, the mean is over the tokens that there are. `mask` (batch, tokens) is True where the token is real: padding is
    not among them.
    """

    def __init__(self, *, width: int, tokens: int, window: int = 3) -> None:
        super().__init__()
        self.window = window

    def forward(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        x = zero_padding(x, mask)
        if mask is None:
            return self._pool(x, at_ends=False) - x
        real = self._pool(mask.unsqueeze(-1).to(x.dtype))  # the share of real tokens in each window
        return self._pool(x) / real.masked_fill(real == 0, 1) - x

    def _pool(self, x: Tensor, at_ends: bool = True) -> Tensor:
        """The mean of each window; what is beyond the ends counts as zeros, or not at all."""
        padding, channels = self.window // 2, x.transpose(1, 2)
        if x.is_cuda:  # there, torch gives wrong gradients for channels that are neighbours (pytorch/pytorch#188344)
            channels = channels.contiguous()
        return F.avg_pool1d(channels, self.window, 1, padding, count_include_pad=at_ends).transpose(1, 2)
