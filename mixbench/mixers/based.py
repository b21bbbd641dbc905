"""Based (Simple linear attention language models balance the recall-throughput tradeoff, arXiv 2402.18668, section 4)."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from mixbench.mixers.decoding import Ring
from mixbench.mixers.ops.causal_sums import Kernel, State, causal_sums, empty_state, next_sums, state_of
from mixbench.mixers.parts import attend, zero_padding
from mixbench.mixers.sliding_window import SlidingWindow


class Based(SlidingWindow):
    """Softmax in a short window, plus linear attention to all tokens before; (batch, tokens, width) to the same shape.

    The weights of linear attention are 1 + s + s²/2 for s = q·k/√features, the Taylor series of exp, from queries and keys of
    their own. The paper alternates layers of both kinds; here one layer adds them, and they share values and output projection.
    `mask` (batch, tokens) is True where the token is real; padding must be on the right.
    """

    def __init__(self, *, width: int, tokens: int, features: int = 16, window: int = 64, heads: int = 4) -> None:
        super().__init__(width=width, tokens=tokens, window=window, heads=heads, causal=True)
        self.features = features
        self.factors = nn.Linear(width, 2 * heads * features)

    def forward(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        return self._mixed(zero_padding(x, mask))[0]

    def prefill(self, x: Tensor) -> tuple[Tensor, tuple[Ring, State]]:  # type: ignore[override]
        """The result of `forward`, and the state after these tokens."""
        y, k, factor, v = self._mixed(x)
        ring, _ = self.state(len(x))
        return y, (ring.filled(k, v), state_of(_taylor(factor), v))

    def state(self, batch: int) -> tuple[Ring, State]:  # type: ignore[override]
        """No keys and values in the window, and sums over no token."""
        channels = self.out.in_features // self.heads
        features = 1 + self.features + self.features**2
        return super().state(batch), empty_state(self.out.weight, batch * self.heads, features, channels)

    def step(self, x: Tensor, state: tuple[Ring, State]) -> tuple[Tensor, tuple[Ring, State]]:  # type: ignore[override]
        """The output (batch, width) for the next token (batch, width), and the state after it."""
        ring, sums_so_far = state
        q, k, v = self.split(x.unsqueeze(1))
        keys, values, ring = ring.append(k.squeeze(2), v.squeeze(2))
        of_queries, of_keys = (_taylor(factor) for factor in self._factors(x.unsqueeze(1)))
        sums, weights, sums_so_far = next_sums(of_queries, of_keys, v, sums_so_far)
        return self.join(attend(q, keys, values) + sums / weights).squeeze(1), (ring, sums_so_far)

    def _mixed(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """The output, keys of the window, factors of the keys' features, and values."""
        q, k, v = self.split(x)
        of_queries, of_keys = self._factors(x)
        sums, weights = causal_sums(of_queries, of_keys, v, TAYLOR)
        return self.join(self._attend(q, k, v, None) + sums / weights), k, of_keys, v

    def _factors(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Queries and keys of linear attention (batch, heads, tokens, features), divided by the fourth root of features."""
        scaled = self.factors(x) / math.sqrt(math.sqrt(self.features))
        q, k = scaled.unflatten(2, (2, self.heads, -1)).permute(2, 0, 3, 1, 4)
        return q, k


def _taylor(x: Tensor) -> Tensor:
    """1, x and all products of two of its channels divided by √2: (…, f) to (…, 1 + f + f²)."""
    half = x / math.sqrt(math.sqrt(2))
    products = (half.unsqueeze(-1) * half.unsqueeze(-2)).flatten(-2)
    return torch.cat((torch.ones_like(x[..., :1]), x, products), dim=-1)


TAYLOR = Kernel(features=_taylor, products=lambda s: 1 + s + s.square() / 2)
