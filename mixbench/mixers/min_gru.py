"""minGRU (Were RNNs All We Needed?, arXiv 2410.01201, section 3.1 and appendix B)."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from mixbench.mixers.ops.scan import scan
from mixbench.mixers.parts import at_least_float32, zero_padding


class MinGRU(nn.Module):
    """h_t = (1 − z_t) ⊙ h_{t−1} + z_t ⊙ g(h̃_t), z = σ(X Wz), h̃ = X Wh; (batch, tokens, width) to the same shape.

    g(x) is x + ½ where x ≥ 0 and σ(x) elsewhere; h is zero before the first token, and the output is h. As 0 < 1 − z < 1, the
    scan is stable without the paper's logarithms. `mask` (batch, tokens) is True where the token is real; padding must be on
    the right, where it changes nothing. In half precision, the scan runs in float32 and its state is kept so.
    """

    def __init__(self, *, width: int, tokens: int) -> None:
        super().__init__()
        self.gates = nn.Linear(width, 2 * width)

    def forward(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        return self._scanned(zero_padding(x, mask)).to(x.dtype)

    def prefill(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """The result of `forward`, and the state after these tokens."""
        h = self._scanned(x)
        return h.to(x.dtype), h[:, -1].clone()

    def state(self, batch: int) -> Tensor:
        """h before the first token, (batch, width)."""
        return at_least_float32(self.gates.weight).new_zeros(batch, self.gates.in_features)

    def step(self, x: Tensor, state: Tensor) -> tuple[Tensor, Tensor]:
        """h for one token (batch, width), as output and as state."""
        z, candidate = self._gates(x)
        h = torch.lerp(state, candidate, z)
        return h.to(x.dtype), h

    def _scanned(self, x: Tensor) -> Tensor:
        """h after each token, (batch, tokens, width)."""
        z, candidate = self._gates(x)
        return scan(1 - z, z * candidate)

    def _gates(self, x: Tensor) -> tuple[Tensor, Tensor]:
        z, candidate = at_least_float32(self.gates(x)).chunk(2, dim=-1)
        return z.sigmoid(), torch.where(candidate >= 0, candidate + 0.5, candidate.sigmoid())
