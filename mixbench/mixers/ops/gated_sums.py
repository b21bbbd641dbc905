"""Sums over a token and those before it, Σ_{j≤i} (q_i ⊙ exp(a_{j+1} + … + a_i))·k_j v_j: weights decay per channel.

They are the outputs q_i S_i of the recurrence S_i = diag(exp(a_i)) S_{i−1} + k_iᵀ v_i with a ≤ 0 (Gated Linear Attention,
arXiv 2312.06635, section 4), in chunks. The paper divides by decays within small blocks; here, the products of a chunk are
those of its second half with its first, both relative to the token between them, and those of each half alone, and so on. So
only exponentials of numbers up to 0 are formed. q, k and a are (batch, heads, tokens, features), v (batch, heads, tokens,
channels). In half precision, decays and states are float32.
"""

from __future__ import annotations

import torch
from torch import Tensor

from mixbench.mixers.costs.chunks import halving_chunks_of
from mixbench.mixers.costs.gated_sums import CHUNK
from mixbench.mixers.ops.decays import products_by_halves
from mixbench.mixers.parts import at_least_float32, in_chunks


def gated_sums(q: Tensor, k: Tensor, v: Tensor, a: Tensor, *, last: bool = False) -> tuple[Tensor, Tensor | None]:
    """The sums, shaped as v, and if `last` the state after the last token, (batch, heads, features, channels)."""
    tokens = v.shape[2]
    count, length = halving_chunks_of(tokens, CHUNK)
    q, k, v, a = (in_chunks(x, count, length) for x in (q, k, v, a))
    since_start = at_least_float32(a).cumsum(3)
    (scores,) = products_by_halves((q,), k, since_start)
    sums = scores @ v
    kept = count if last else count - 1  # chunks whose state is needed
    end = since_start[:, :, :kept, -1:]
    written = (k[:, :, :kept] * (end - since_start[:, :, :kept]).exp().to(k.dtype)).transpose(3, 4) @ v[:, :, :kept]
    states = _carry(at_least_float32(written), end.squeeze(3).exp())
    if count > 1:
        starts = torch.stack(states[: count - 1], dim=2).to(q.dtype)
        read = (q[:, :, 1:] * since_start[:, :, 1:].exp().to(q.dtype)) @ starts
        sums = torch.cat((sums[:, :, :1], sums[:, :, 1:] + read), dim=2)
    return sums.flatten(2, 3)[:, :, :tokens], states[-1] if last else None


def gated_step(q: Tensor, k: Tensor, v: Tensor, a: Tensor, state: Tensor) -> tuple[Tensor, Tensor]:
    """The same for one token, after those of the state; all without the axis of tokens."""
    state = torch.addcmul(k.unsqueeze(-1) * v.unsqueeze(-2), a.exp().unsqueeze(-1), state)
    return (q.unsqueeze(-2) @ state).squeeze(-2), state


def _carry(written: Tensor, kept: Tensor) -> list[Tensor]:
    """The states after each chunk, from what it wrote and what it kept of the state before."""
    states: list[Tensor] = []
    for new, part in zip(written.unbind(2), kept.unsqueeze(-1).unbind(2), strict=True):
        states.append(torch.addcmul(new, part, states[-1]) if states else new)
    return states
