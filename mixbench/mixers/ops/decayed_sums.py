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
from mixbench.mixers.costs.decayed_sums import CHUNK, every_chunk
from mixbench.mixers.ops.decays import decays
from mixbench.mixers.parts import at_least_float32, in_chunks


def decayed_sums(
    q: Tensor, k: Tensor, v: Tensor, a: Tensor, *, chunk: int = CHUNK, carry_at_once: bool = False, last: bool = False
) -> tuple[Tensor, Tensor | None]:
    """The sums, shaped as v, and if `last` the state after the last token, (batch, heads, features, channels).

    On a GPU, all chunks are in the same products; elsewhere, one follows the other, so that what it needs stays in the cache.
    The states before the chunks follow from each other or, if `carry_at_once`, from one product over all chunks.
    """
    tokens, groups = v.shape[2], q.shape[1]
    count, length = chunks_of(tokens, chunk)
    q, k = (in_chunks(x, count, length) for x in (q, k))  # (batch, groups, chunks, length, features)
    v = in_chunks(v, count, length).unflatten(1, (groups, -1))  # (batch, groups, members, chunks, length, channels)
    a = in_chunks(at_least_float32(a).unsqueeze(-1), count, length).squeeze(-1)
    since_start = a.unflatten(1, (groups, -1)).cumsum(-1)  # (…, chunks, length)
    together = count if q.is_cuda else 1
    # queries and keys are copied once, not by each product
    q_parts, k_parts = ([part.contiguous() for part in x.split(together, 2)] for x in (q, k))
    parts = list(zip(q_parts, k_parts, v.split(together, 3), since_start.split(together, 3), strict=True))
    every = every_chunk(count, cuda=q.is_cuda, carry_at_once=carry_at_once)
    writing = parts if every or last else parts[:-1]
    written = [chunk for _, *part in writing for chunk in _written(*part).unbind(3)]
    empty = since_start.new_zeros(*v.shape[:3], q.shape[-1], v.shape[-1])
    states = (_carry_at_once if carry_at_once else _carry_in_turn)(empty, written, since_start[..., -1], count + last)
    starts = [torch.stack(states[first : first + together], dim=3) for first in range(0, count, together)]
    before = starts if every else [None, *starts[1:]]
    mixed = [_mixed(*part, start) for part, start in zip(parts, before, strict=True)]
    sums = torch.cat(mixed, dim=1).flatten(1, 2)[:, :tokens]  # (batch, tokens, groups, members, channels)
    return sums.flatten(2, 3).transpose(1, 2), states[-1].flatten(1, 2) if last else None


def decayed_step(q: Tensor, k: Tensor, v: Tensor, a: Tensor, state: Tensor) -> tuple[Tensor, Tensor]:
    """The same for one token, after those of the state; all without the axis of tokens."""
    written = k.unsqueeze(-1) * v.unsqueeze(-2)  # broadcast over the heads of a group, of which there is then one
    state = torch.addcmul(written, a.exp()[..., None, None], state)
    return (q.unsqueeze(-2) @ state).squeeze(-2), state


def _written(k: Tensor, v: Tensor, since_start: Tensor) -> Tensor:
    """What chunks add to the state after them, (batch, groups, members, chunks, features, channels)."""
    until_end = (since_start[..., -1:] - since_start).exp()
    return at_least_float32(_by_chunk(k.transpose(-1, -2), v * until_end.unsqueeze(-1).to(v.dtype)))


def _mixed(q: Tensor, k: Tensor, v: Tensor, since_start: Tensor, states: Tensor | None) -> Tensor:
    """The sums in chunks, given the states before them: (batch, chunks, length, groups, members, channels)."""
    sums = ((q @ k.transpose(-1, -2)).unsqueeze(2) * decays(since_start).to(v.dtype)) @ v
    if states is not None:
        sums = torch.addcmul(sums, _by_chunk(q, states.to(v.dtype)), since_start.exp().unsqueeze(-1).to(v.dtype))
    return sums.permute(0, 3, 4, 1, 2, 5)


def _by_chunk(left: Tensor, right: Tensor) -> Tensor:
    """A product per group and chunk, (batch, groups, chunks, ·, ·), with the matrices of all members, side by side."""
    members, columns = right.shape[2], right.shape[-1]
    together = right.movedim(2, -2).flatten(-2)  # (batch, groups, chunks, ·, members·columns)
    result: Tensor = (left @ together).unflatten(-1, (members, columns)).movedim(-2, 2)
    return result


def _carry_in_turn(empty: Tensor, written: list[Tensor], decay: Tensor, wanted: int) -> list[Tensor]:
    """The first `wanted` states, before the chunks and after the last, from what each wrote and how far it lets them decay."""
    states = [empty]
    for new, kept in zip(written[: wanted - 1], decay.exp()[..., None, None].unbind(3), strict=False):
        states.append(torch.addcmul(new, kept, states[-1]))
    return states


def _carry_at_once(empty: Tensor, written: list[Tensor], decay: Tensor, wanted: int) -> list[Tensor]:
    """The same by one product, which grows with the square of the number of chunks.

    The sums over chunks are taken in float64: differences of large numbers decide which weights are near 1.
    """
    weights = F.pad(decays(decay.double().cumsum(-1)), (0, 0, 1, 0))  # row i: the state after i chunks
    weights = weights[..., :wanted, :].to(empty.dtype)
    states = weights @ torch.stack([chunk.flatten(-2) for chunk in written], dim=3)
    return [state.view_as(empty) for state in states.unbind(3)]
