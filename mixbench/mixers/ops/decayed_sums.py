"""Sums over a token and those before it, Σ_{j≤i} (q_i·k_j) exp(a_{j+1} + … + a_i) v_j, in chunks of tokens.

They are the outputs q_i S_i of the recurrence S_i = exp(a_i) S_{i−1} + k_iᵀ v_i with a ≤ 0 (Retentive Network, arXiv
2307.08621, section 2.3; Transformers are SSMs, arXiv 2405.21060, listing 1). Only exponentials of numbers up to 0 are formed.
Queries and keys are (batch, groups, tokens, features), values (batch, heads, tokens, channels), a (batch or 1, heads, tokens);
each group serves heads / groups heads. In half precision, decays and states are float32.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from mixbench.mixers.costs.chunks import chunks_of
from mixbench.mixers.costs.decayed_sums import CHUNK
from mixbench.mixers.ops.decays import decays
from mixbench.mixers.parts import at_least_float32, in_chunks


def decayed_sums(
    q: Tensor, k: Tensor, v: Tensor, a: Tensor, *, chunk: int = CHUNK, last: bool = False
) -> tuple[Tensor, Tensor | None]:
    """The sums, shaped as v, and if `last` the state after the last token, (batch, heads, features, channels)."""
    tokens, groups = v.shape[2], q.shape[1]
    count, length = chunks_of(tokens, chunk)
    q, k = (in_chunks(x, count, length) for x in (q, k))  # (batch, groups, chunks, length, features)
    v = in_chunks(v, count, length).unflatten(1, (groups, -1))  # (batch, groups, members, chunks, length, channels)
    a = in_chunks(at_least_float32(a).unsqueeze(-1), count, length).squeeze(-1)
    since_start = a.unflatten(1, (groups, -1)).cumsum(-1)  # (…, chunks, length)
    scores = (q @ k.transpose(-1, -2)).unsqueeze(2) * decays(since_start).to(v.dtype)
    own = scores @ v
    until_end = (since_start[..., -1:] - since_start).exp()
    written = _by_chunk(k.transpose(-1, -2), v * until_end.unsqueeze(-1).to(v.dtype))
    starts, end = _carry(at_least_float32(written), since_start[..., -1], last)
    read = _by_chunk(q, starts.to(v.dtype)) * since_start.exp().unsqueeze(-1).to(v.dtype)
    return (own + read).flatten(1, 2).flatten(2, 3)[:, :, :tokens], end


def decayed_step(q: Tensor, k: Tensor, v: Tensor, a: Tensor, state: Tensor) -> tuple[Tensor, Tensor]:
    """The same for one token, after those of the state; all without the axis of tokens."""
    written = k.unsqueeze(-1) * v.unsqueeze(-2)  # broadcast over the heads of a group, of which there is then one
    state = torch.addcmul(written, a.exp()[..., None, None], state)
    return (q.unsqueeze(-2) @ state).squeeze(-2), state


def _by_chunk(left: Tensor, right: Tensor) -> Tensor:
    """A product per group and chunk, (batch, groups, chunks, ·, ·), with the matrices of all members, side by side."""
    members, columns = right.shape[2], right.shape[-1]
    together = right.movedim(2, -2).flatten(-2)  # (batch, groups, chunks, ·, members·columns)
    result: Tensor = (left @ together).unflatten(-1, (members, columns)).movedim(-2, 2)
    return result


def _carry(written: Tensor, decay: Tensor, last: bool) -> tuple[Tensor, Tensor | None]:
    """The states at the start of the chunks, from what each wrote and how far it let the state before it decay.

    The sums over chunks are taken in float64: differences of large numbers decide which weights are near 1.
    """
    total = decay.double().cumsum(-1)
    weights = F.pad(decays(total), (0, 0, 1, 0)).to(written.dtype)  # row i: the state after i chunks
    states = written.flatten(-2)
    starts = (weights[..., :-1, :] @ states).view_as(written)
    if not last:
        return starts, None
    end = (weights[..., -1:, :] @ states).squeeze(-2)
    return starts, end.unflatten(-1, written.shape[-2:]).flatten(1, 2)
