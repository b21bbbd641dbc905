"""The delta rule in chunks of tokens (arXiv 2406.06484, section 3: the WY representation).

The state of a head maps keys to values: S_t = a_t S_{t-1} + k_t u_tᵀ with u_t = β_t (v_t - a_t S_{t-1}ᵀ k_t), read by queries.
In a chunk that starts with the state S, all its u are T (β v - β k S) at once, where T is the inverse of 1 + β KKᵀ below the
diagonal. So a loop over chunks, not tokens, carries the state. A product of a token with an earlier one, or with the state, has
the decay between them as a factor: the exponential of a difference of sums of logarithms, which is never above 0. In float32,
its relative error is 10⁻⁷ times the sum over a chunk.
"""

from __future__ import annotations

import torch
from torch import Tensor

from mixbench.mixers.costs.delta_rule import BASE, rule_chunks_of
from mixbench.mixers.ops.decays import decays, join_pairs, pairs_of, products_by_halves
from mixbench.mixers.parts import in_chunks


def delta_rule(
    q: Tensor, k: Tensor, v: Tensor, beta: Tensor, log_decay: Tensor | None = None, *, last: bool = False
) -> tuple[Tensor, Tensor | None]:
    """S_tᵀ q_t for every token, and the state after the last token if `last`; q and k are first brought to length 1.

    q, k, v and the result are (batch, tokens, heads, channels), beta (batch, tokens, heads); the logarithm of the decay has one
    channel, or one for each of k. The state, zero before the first token, is (batch, heads, channels, channels).
    """
    batch, tokens = q.shape[:2]
    q, k, v, beta = (chunked(x) for x in (q, k, v, beta.unsqueeze(-1)))
    q, k = of_length_1(q), of_length_1(k)
    if log_decay is None:
        kept, written = None, k
        of_keys, of_queries = k @ k.mT, (q @ k.mT).tril()
    else:
        decay = chunked(log_decay).cumsum(2)  # since the start of the chunk
        of_keys, of_queries = decayed_products((k, q), k, decay)
        written = k * (decay[:, :, -1:] - decay).exp()
        since_start = decay.exp()
        kept = since_start[:, :, -1].unsqueeze(-1)
        q, k = q * since_start, k * since_start
    solved = inverse((of_keys * -beta).tril(-1)) * beta.mT
    k = solved @ k if k.shape[1] > 1 else k  # the first chunk reads no state
    out, state = carry(q, k, solved @ v, of_queries, written, kept, last=last)
    return in_order(out, batch, tokens), None if state is None else state.unflatten(0, (batch, -1))


def delta_step(q: Tensor, k: Tensor, v: Tensor, beta: Tensor, log_decay: Tensor | None, state: Tensor) -> tuple[Tensor, Tensor]:
    """The same for one token: q, k, v and the logarithm of the decay (batch, heads, channels), beta (batch, heads)."""
    q, k = of_length_1(torch.stack((q, k))).unbind()
    if log_decay is not None:
        state = state * log_decay.exp().unsqueeze(3)
    of_key, of_query = (torch.stack((k, q), dim=2) @ state).unbind(2)
    value = beta.unsqueeze(2) * (v - of_key)
    out = of_query + (q * k).sum(2, keepdim=True) * value
    return out, torch.addcmul(state, k.unsqueeze(3), value.unsqueeze(2))


def of_length_1(x: Tensor) -> Tensor:
    """x / √(‖x‖² + 10⁻⁶) over the last axis."""
    return x * torch.rsqrt(x.square().sum(-1, keepdim=True) + 1e-6)


def decayed_products(left: tuple[Tensor, ...], right: Tensor, decay: Tensor) -> list[Tensor]:
    """Products of each of `left` with `right` (..., length, channels), times the decay from the right token to the left one.

    `decay` (..., length, channels) is the sum of logarithms since any token before, for all channels or for each. The results
    (..., length, length) are zero where the right token comes later.
    """
    if decay.shape[-1] > 1:
        return products_by_halves(left, right, decay)
    between = decays(decay.squeeze(-1))
    return [x @ right.mT * between for x in left]


def chunked(x: Tensor) -> Tensor:
    """(batch, tokens, heads, channels) to (batch·heads, chunks, length, channels), with zeros after the last token."""
    x = in_chunks(x.transpose(1, 2), *rule_chunks_of(x.shape[1], x.device.type))
    return x.reshape(-1, *x.shape[2:])  # copied once, not by every product


def in_order(x: Tensor, batch: int, tokens: int) -> Tensor:
    """The inverse of `chunked`."""
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
        first, second = pairs_of(result)
        result, block = join_pairs(result, second @ corners @ first), 2 * block
    return result.squeeze(-3)


def _diagonal_blocks(matrix: Tensor, size: int) -> Tensor:
    """(..., rows, rows) to (..., rows/size, size, size)."""
    blocks: Tensor = matrix.unflatten(-1, (-1, size)).unflatten(-3, (-1, size)).diagonal(dim1=-4, dim2=-2)
    return blocks.movedim(-1, -3)


def carry(
    q: Tensor,
    k: Tensor,
    new: Tensor,
    within: Tensor,
    written: Tensor,
    kept: Tensor | None,
    *,
    last: bool,
    given: tuple[Tensor, Tensor, Tensor] | None = None,
) -> tuple[Tensor, Tensor | None]:
    """Carry the state of each head from chunk to chunk; return what q reads, and the state after the last chunk if `last`.

    A chunk that starts with the state S makes the values `new` - k S. It reads q S and `within` times these values. S is then
    `kept` of it, and the values written to the keys `written`. `given` are more weights, keys and values, independent of S.
    All are (batch·heads, chunks, length, channels), but weights (..., length, length) and `kept` (..., channels or 1, 1).
    """
    chunks = q.shape[1]
    none = [None] * chunks
    state, results = None, []
    for query, key, value, weights, keys, factor, *further in zip(
        *(x.unbind(1) for x in (q, k, new, within, written)),
        none if kept is None else kept.unbind(1),
        *(() if given is None else (x.unbind(1) for x in given)),
        strict=True,
    ):
        if state is not None:
            value = torch.baddbmm(value, key, state, alpha=-1)
        result = weights @ value if state is None else torch.baddbmm(query @ state, weights, value)
        if further:
            result = torch.baddbmm(result, further[0], further[2])
        results.append(result)
        if last or len(results) < chunks:
            if state is None:
                state = keys.mT @ value
            else:
                state = torch.baddbmm(state if factor is None else factor * state, keys.mT, value)
            if further:
                state = torch.baddbmm(state, further[1].mT, further[2])
    return torch.stack(results, dim=1), state
