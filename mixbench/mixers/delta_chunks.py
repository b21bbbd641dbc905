"""The delta rule in chunks of tokens (arXiv 2406.06484, section 3: the WY representation).

The state of a head maps keys to values: S_t = S_{t-1} + k_t u_tᵀ with u_t = β_t (v_t - S_{t-1}ᵀ k_t), read by queries. In a
chunk that starts with the state S, all its u are T (β v - β k S) at once, where T is the inverse of 1 + β KKᵀ below the
diagonal. So a loop over chunks, not tokens, carries the state.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from mixbench.mixers.delta_rule_cost import BASE, chunks_of


def delta_rule(q: Tensor, k: Tensor, v: Tensor, beta: Tensor, *, last: bool = False) -> tuple[Tensor, Tensor | None]:
    """S_tᵀ q_t for every token, and the state after the last token if `last`.

    q, k, v and the result are (batch, tokens, heads, channels), beta (batch, tokens, heads); the state, zero before the first
    token, is (batch, heads, channels, channels).
    """
    batch, tokens = q.shape[:2]
    q, k, v, beta = (in_chunks(x) for x in (q, k, v, beta.unsqueeze(-1)))
    of_keys, of_queries = (torch.cat((k, q), dim=2) @ k.transpose(2, 3)).split(q.shape[2], dim=2)
    solved = inverse((-beta * of_keys).tril(-1))
    new, keys = (solved @ (beta * torch.cat((v, -k), dim=3))).chunk(2, dim=3)
    values, read, state = carry(torch.cat((keys, q), dim=2), new, k, last=last)
    out = read + of_queries.tril() @ values
    return in_order(out, batch, tokens), None if state is None else state.unflatten(0, (batch, -1))


def delta_step(q: Tensor, k: Tensor, v: Tensor, beta: Tensor, state: Tensor) -> tuple[Tensor, Tensor]:
    """The same for one token: q, k, v (batch, heads, channels), beta (batch, heads)."""
    of_key, of_query = (torch.stack((k, q), dim=2) @ state).unbind(2)
    value = beta.unsqueeze(2) * (v - of_key)
    out = of_query + (q * k).sum(2, keepdim=True) * value
    return out, torch.addcmul(state, k.unsqueeze(3), value.unsqueeze(2))


def in_chunks(x: Tensor) -> Tensor:
    """(batch, tokens, heads, channels) to (batch·heads, chunks, length, channels), with zeros after the last token."""
    batch, tokens, heads, channels = x.shape
    chunks, length = chunks_of(tokens)
    x = F.pad(x.transpose(1, 2), (0, 0, 0, chunks * length - tokens))
    return x.reshape(batch * heads, chunks, length, channels)


def in_order(x: Tensor, batch: int, tokens: int) -> Tensor:
    """The inverse of `in_chunks`."""
    return x.reshape(batch, -1, x.shape[1] * x.shape[2], x.shape[3])[:, :, :tokens].transpose(1, 2)


def inverse(below: Tensor) -> Tensor:
    """(1 - A)⁻¹ for A (..., size, size) that is zero on and above the diagonal; the size is a power of two.

    Blocks of BASE rows by the power series, which ends there; then two blocks at a time:
    the inverse of [[1 - A, 0], [-B, 1 - C]] is [[a, 0], [c B a, c]] with the inverses a and c of 1 - A and 1 - C.
    """
    size = below.shape[-1]
    block = min(size, BASE)
    power = _diagonal_blocks(below, block)  # (..., size/block, block, block)
    result, terms = torch.eye(block, dtype=below.dtype, device=below.device) + power, 2
    while terms < block:
        power = power @ power
        result, terms = result + power @ result, 2 * terms
    while block < size:
        corners = _diagonal_blocks(below, 2 * block)[..., block:, :block]
        first, second = result.unflatten(-3, (-1, 2)).unbind(-3)
        lower = torch.cat((second @ corners @ first, second), dim=-1)
        result, block = torch.cat((F.pad(first, (0, block)), lower), dim=-2), 2 * block
    return result.squeeze(-3)


def _diagonal_blocks(matrix: Tensor, size: int) -> Tensor:
    """(..., rows, rows) to (..., rows/size, size, size)."""
    blocks: Tensor = matrix.unflatten(-1, (-1, size)).unflatten(-3, (-1, size)).diagonal(dim1=-4, dim2=-2)
    return blocks.movedim(-1, -3)


def carry(read: Tensor, new: Tensor, write: Tensor, *, last: bool) -> tuple[Tensor, Tensor, Tensor | None]:
    """Carry the state of each head from chunk to chunk.

    All arguments are (batch·heads, chunks, rows, channels). `new` are the values that a chunk would write without a state
    before it. `read` has twice as many rows: keys, whose part of the state adds to these values, and queries. `write` are the
    keys that values are written to. Returns the values, what the queries read, and the state after the last chunk if `last`.
    """
    chunks, rows = new.shape[1:3]
    state, values, results = None, [], []
    for index, (reads, value, keys) in enumerate(zip(read.unbind(1), new.unbind(1), write.unbind(1), strict=True)):
        if state is None:
            result = torch.zeros_like(value)
        else:
            of_keys, result = (reads @ state).split(rows, dim=1)
            value = value + of_keys
        values.append(value)
        results.append(result)
        if last or index < chunks - 1:
            written = keys.transpose(1, 2) @ value
            state = written if state is None else state + written
    return torch.stack(values, dim=1), torch.stack(results, dim=1), state
