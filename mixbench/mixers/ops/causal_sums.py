"""Linear attention, given the features of queries and keys: over all tokens, or causal in chunks.

Transformers are RNNs (arXiv 2006.16236), equations 5 to 12; in chunks as in Transformer Quality in Linear Time (arXiv
2202.10447), section 3.2. Features of queries and keys are (batch, heads, tokens, features), values (batch, heads, tokens,
channels). The results are Σ_j (q_i·k_j) v_j, shaped as the values, and Σ_j q_i·k_j, (batch, heads, tokens, 1).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from mixbench.mixers.costs.causal_sums import CHUNK
from mixbench.mixers.costs.chunks import equal_chunks_of
from mixbench.mixers.parts import at_least_float32


def _same(x: Tensor) -> Tensor:
    return x


@dataclass(frozen=True)
class Kernel:
    """Features of which the products are known: features(q)·features(k) = products(q·k)."""

    features: Callable[[Tensor], Tensor] = _same
    products: Callable[[Tensor], Tensor] = _same


LINEAR = Kernel()

SMALLEST = 1e-30
"""Smaller weights count as none: the gradient of a quotient would overflow. In float16, that is 0."""

State = tuple[Tensor, Tensor]
"""Σ k vᵀ (batch·heads, features, channels) and Σ k (batch·heads, features, 1) of the tokens so far.

In half precision they are float32: to a large sum, bfloat16 adds nothing.
"""


def full_sums(q: Tensor, k: Tensor, v: Tensor) -> tuple[Tensor, Tensor]:
    """The sums over all tokens."""
    shape = (*q.shape[:3], -1)
    q, k, v = (x.reshape(-1, *x.shape[2:]) for x in (q, k, v))  # copied once, not by every product
    summary, total = _state(k, v)
    return torch.bmm(q, summary).view(shape), torch.bmm(q, total).view(shape)


def causal_sums(q: Tensor, k: Tensor, v: Tensor, kernel: Kernel = LINEAR) -> tuple[Tensor, Tensor]:
    """The sums over each token itself and those before it, of the features that a kernel makes of `q` and `k`."""
    tokens = q.shape[2]
    count, length = equal_chunks_of(tokens, CHUNK)
    if spare := count * length - tokens:
        q, k, v = (F.pad(x, (0, 0, 0, spare)) for x in (q, k, v))
    sums, weights = (_at_once if q.is_cuda else _in_turn)(q, k, v, length, kernel)
    return sums[:, :, :tokens], weights[:, :, :tokens]


def average(sums: Tensor, weights: Tensor) -> Tensor:
    """The sums divided by the weights; 0 where these are too small to divide by, as where no real token is seen."""
    return sums / weights.masked_fill(weights <= SMALLEST, 1)


def state_of(k: Tensor, v: Tensor) -> State:
    """The state after all tokens."""
    return _state(at_least_float32(k.flatten(0, 1)), at_least_float32(v.flatten(0, 1)))


def next_sums(q: Tensor, k: Tensor, v: Tensor, state: State) -> tuple[Tensor, Tensor, State]:
    """The sums for the one token that is given, after those of the state, and the state after it."""
    shape, dtype = (*q.shape[:3], -1), q.dtype
    q, k, v = (at_least_float32(x.reshape(-1, *x.shape[2:])) for x in (q, k, v))
    summary, total = torch.baddbmm(state[0], k.transpose(1, 2), v), state[1] + k.transpose(1, 2)
    sums, weights = (torch.bmm(q, part).view(shape).to(dtype) for part in (summary, total))
    return sums, weights, (summary, total)


def empty_state(weight: Tensor, groups: int, features: int, channels: int) -> State:
    """Sums over no token, for so many heads of all sequences, on the device of a weight and in at least its precision."""
    weight = at_least_float32(weight[:0])
    return weight.new_zeros(groups, features, channels), weight.new_zeros(groups, features, 1)


def _state(k: Tensor, v: Tensor) -> State:
    """That of keys and values (batch·heads, tokens, ·)."""
    return torch.bmm(k.transpose(1, 2), v), k.sum(1).unsqueeze(2)


def _in_turn(q: Tensor, k: Tensor, v: Tensor, length: int, kernel: Kernel) -> tuple[Tensor, Tensor]:
    """One chunk after the other: what a chunk needs stays in a CPU's cache."""
    batch, heads, tokens, _ = q.shape
    state: State | None = None
    sums, weights = [], []
    # split, as the gradient of a slice is as long as the sequence
    pieces = zip(*(x.split(length, dim=2) for x in (q, k, v)), strict=True)
    for start, piece in zip(range(0, tokens, length), pieces, strict=True):
        # (batch·heads, length, ·)
        qs, ks, vs = (x.reshape(batch * heads, length, -1) for x in piece)
        products = kernel.products(torch.bmm(qs, ks.transpose(1, 2))).tril()
        own, weight = torch.bmm(products, vs), products.sum(2, keepdim=True)
        if state is not None:
            qs = kernel.features(qs)
            own, weight = torch.baddbmm(own, qs, state[0]), torch.baddbmm(weight, qs, state[1])
        if start + length < tokens:
            summary, total = _state(kernel.features(ks), vs)
            state = (summary, total) if state is None else (state[0] + summary, state[1] + total)
        sums.append(own)
        weights.append(weight)
    return _joined(sums, batch), _joined(weights, batch)


def _joined(chunks: list[Tensor], batch: int) -> Tensor:
    """(batch·heads, length, ·) each to (batch, heads, tokens, ·), in memory token by token as projections need it."""
    by_token = [chunk.unflatten(0, (batch, -1)).transpose(1, 2) for chunk in chunks]
    return torch.cat(by_token, dim=1).transpose(1, 2)


def _at_once(q: Tensor, k: Tensor, v: Tensor, length: int, kernel: Kernel) -> tuple[Tensor, Tensor]:
    """All chunks in the same products: few kernels, each with much to do."""
    batch, heads, tokens, _ = q.shape
    count, groups = tokens // length, batch * heads
    # (chunks·batch·heads, length, ·), so that the chunks from the second on are contiguous, too
    q, k, v = (x.unflatten(2, (count, length)).permute(2, 0, 1, 3, 4).reshape(count * groups, length, -1) for x in (q, k, v))
    products = kernel.products(torch.bmm(q, k.transpose(1, 2))).tril()
    sums, weights = torch.bmm(products, v), products.sum(2, keepdim=True)
    if count > 1:
        later = kernel.features(q[groups:])
        summary, total = (_up_to_each(x, count - 1) for x in _state(kernel.features(k[:-groups]), v[:-groups]))
        sums = torch.cat((sums[:groups], torch.baddbmm(sums[groups:], later, summary)))
        weights = torch.cat((weights[:groups], torch.baddbmm(weights[groups:], later, total)))
    sums, weights = (
        x.view(count, batch, heads, length, -1).permute(1, 2, 0, 3, 4).reshape(batch, heads, tokens, -1)
        for x in (sums, weights)
    )
    return sums, weights


def _up_to_each(x: Tensor, count: int) -> Tensor:
    """Sums over the chunks (chunks·batch·heads, …) up to each; those of half precision are accumulated in float32."""
    precise = torch.promote_types(x.dtype, torch.float32)
    sums: Tensor = x.unflatten(0, (count, -1)).cumsum(0, dtype=precise).to(x.dtype)
    return sums.flatten(0, 1)
