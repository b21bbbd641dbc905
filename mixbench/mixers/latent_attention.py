"""Multi-head latent attention (DeepSeek-V2, arXiv 2405.04434, section 2.1)."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from mixbench.mixers.decoding import Cache
from mixbench.mixers.parts import attend, zero_padding


class LatentAttention(nn.Module):
    """Softmax attention with keys and values from a vector of `latent` channels; (batch, tokens, width) to the same shape.

    The latent vector is a projection of the token, divided by its root mean square. Steps cache only the latent vectors and use
    the absorbed form: the projection to keys is applied to the queries, so all heads share the latent vectors as keys and
    values. No projection has a bias, as in the paper. The paper's decoupled rotary keys and compressed queries are left out.

    `mask` (batch, tokens) is True where the token is real; in the causal form, padding must be on the right.
    """

    def __init__(self, *, width: int, tokens: int, latent: int, heads: int = 4, causal: bool = False) -> None:
        super().__init__()
        self.heads, self.causal = heads, causal
        self.sizes = (width, latent)
        self.down = nn.Linear(width, width + latent, bias=False)  # to the queries and to the latent vector
        self.norm = nn.RMSNorm(latent, eps=1e-6)
        self.up = nn.Linear(latent, 2 * width, bias=False)  # to the keys and to the values
        self.out = nn.Linear(width, width, bias=False)

    def forward(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        q, latent = self._compress(zero_padding(x, mask))
        return self._mix(q, latent, None if self.causal else mask, self.causal)

    def state(self, batch: int) -> Cache:
        empty = self.up.weight.new_empty
        return Cache(empty(batch, 1, 0, self.sizes[1]), empty(batch, 1, 0, 0))  # the latent vectors are the values, too

    def prefill(self, x: Tensor) -> tuple[Tensor, Cache]:
        q, latent = self._compress(x)
        kept = Cache(latent.unsqueeze(1), latent.new_empty(len(x), 1, latent.shape[1], 0), latent.shape[1])
        return self._mix(q, latent, None, causal=True), kept

    def step(self, x: Tensor, state: Cache) -> tuple[Tensor, Cache]:
        q, latent = self._compress(x.unsqueeze(1))
        state = state.append(latent, latent.new_empty(len(x), 1, 0))
        kept, _ = state.tensors()  # (batch, 1, tokens, latent)
        to_keys, to_values = self.up.weight.unflatten(0, (2, self.heads, -1))  # (heads, channels, latent)
        absorbed = torch.einsum("bhoc,hcl->bohl", q, to_keys)  # the heads are queries of one head
        mixed = attend(absorbed, kept, kept, scale=q.shape[-1] ** -0.5)
        heads = torch.einsum("bohl,hcl->bohc", mixed, to_values)
        return self.out(heads.flatten(1)), state

    def _compress(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Q (batch, heads, tokens, channels) and the latent vectors (batch, tokens, latent)."""
        q, latent = self.down(x).split(self.sizes, dim=2)
        return q.unflatten(2, (self.heads, -1)).transpose(1, 2), self.norm(latent)

    def _mix(self, q: Tensor, latent: Tensor, mask: Tensor | None, causal: bool) -> Tensor:
        k, v = self.up(latent).unflatten(2, (2, self.heads, -1)).permute(2, 0, 3, 1, 4)
        mixed = attend(q, k, v, allowed=None if mask is None else mask[:, None, None], causal=causal)
        out: Tensor = self.out(mixed.transpose(1, 2).flatten(2))
        return out
