"""LSTM (Long Short-Term Memory, Hochreiter and Schmidhuber 1997) with torch's kernels."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from mixbench.mixers.parts import zero_padding

State = tuple[Tensor, Tensor]
"""h and c, (batch, width) each."""


class LSTM(nn.Module):
    """One layer of `nn.LSTM` from the first token to the last; (batch, tokens, width) to the same shape.

    i, f, o = σ(…), g = tanh(…) of X W + h U + b; c ← f ⊙ c + i ⊙ g, and the output is h = o ⊙ tanh(c). The tokens depend on
    each other through h, so no parallel form exists: a kernel of torch processes them in turn. `mask` (batch, tokens) is True
    where the token is real; padding must be on the right, where it changes nothing.
    """

    def __init__(self, *, width: int, tokens: int) -> None:
        super().__init__()
        self.width = width
        self.lstm = nn.LSTM(width, width, batch_first=True)

    def forward(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        return self._run(zero_padding(x, mask))[0]

    def prefill(self, x: Tensor) -> tuple[Tensor, State]:
        """The result of `forward`, and the state after these tokens."""
        y, (h, c) = self._run(x)
        return y, (h[0], c[0])

    def state(self, batch: int) -> State:
        """h and c before the first token."""
        h = self.lstm.all_weights[0][0].new_zeros(batch, self.width)
        return h, torch.zeros_like(h)

    def step(self, x: Tensor, state: State) -> tuple[Tensor, State]:
        """h for one token (batch, width), and the state after it."""
        h, c = torch.lstm_cell(x, state, *self.lstm.all_weights[0])
        return h, (h, c)

    def flops(self, batch: int, tokens: int) -> int:
        """The products of all tokens; counting them would take long, as torch then unrolls the kernel."""
        return batch * 16 * tokens * self.width**2

    def _run(self, x: Tensor) -> tuple[Tensor, State]:
        self.lstm.training = torch.is_grad_enabled()  # cuDNN computes no gradient of a layer that is in evaluation mode
        result: tuple[Tensor, State] = self.lstm(x)
        return result
