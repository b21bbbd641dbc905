"""The attention-free transformer (arXiv 2105.14103, equation 2 for `full`, section 3.2 for `simple`)."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from mixbench.mixers.ops.scan import scan
from mixbench.mixers.parts import at_least_float32, check_length, zero_padding

CHUNK = 32
"""Tokens of a chunk of the causal form on a CPU."""

State = tuple[Tensor, Tensor]
"""The logarithm of Σ exp(K) and the weighted mean of V over the tokens so far, (batch, width) each."""


class AFT(nn.Module):
    """σ(Q) ⊙ Σ_j exp(K_j + w_ij) ⊙ V_j / Σ_j exp(K_j + w_ij), then a projection; (batch, tokens, width) to the same shape.

    The kind `simple` has no w; the kind `full` has one per pair of tokens of a fixed length, of which a shorter sequence uses
    the top left part. The causal form, of `simple` alone, is a running mean of V, y ← (1 − z) y + z V with
    z = exp(K) / Σ exp(K) over the tokens so far. `mask` (batch, tokens) is True where the token is real: exp(K) is zero at
    padded tokens, which in the causal form must be on the right.
    """

    def __init__(self, *, width: int, tokens: int, kind: str = "simple", causal: bool = False) -> None:
        super().__init__()
        self.tokens, self.causal = tokens, causal
        self.qkv = nn.Linear(width, 3 * width)
        self.out = nn.Linear(width, width)
        self.positions = nn.Parameter(0.01 * torch.randn(tokens, tokens)) if kind == "full" else None

    def forward(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        """Raises ValueError for more tokens than the kind `full` was built for."""
        q, k, v = self.qkv(zero_padding(x, mask)).chunk(3, dim=-1)
        if self.causal:
            mean = running_state(at_least_float32(k), at_least_float32(v))[1]
            return self._output(q, mean)
        if mask is not None:
            k = k.masked_fill(~mask.unsqueeze(-1), torch.finfo(k.dtype).min)
        if self.positions is None:
            return self._output(q, (k.softmax(dim=1) * v).sum(1, keepdim=True))
        tokens = x.shape[1]
        check_length(tokens, self.tokens, "aft of kind full")
        w = self.positions[:tokens, :tokens]
        w = (w - w.detach().amax(1, keepdim=True)).exp()
        k = (k - k.detach().amax(1, keepdim=True)).exp()
        sums, weights = F.linear(torch.cat((k * v, k), dim=-1).transpose(1, 2), w).transpose(1, 2).chunk(2, dim=-1)
        return self._output(q, sums / weights)

    def prefill(self, x: Tensor) -> tuple[Tensor, State]:
        """The result of `forward`, and the state after these tokens."""
        q, k, v = self.qkv(x).chunk(3, dim=-1)
        total, mean = running_state(at_least_float32(k), at_least_float32(v))
        return self._output(q, mean), (total[:, -1].clone(), mean[:, -1].clone())

    def state(self, batch: int) -> State:
        """No token so far: the logarithm of 0, and 0."""
        empty = at_least_float32(self.out.weight.new_zeros(batch, self.out.in_features))
        return empty - torch.inf, empty

    def step(self, x: Tensor, state: State) -> tuple[Tensor, State]:
        """The output (batch, width) for the next token (batch, width), and the state after it."""
        q, k, v = self.qkv(x).chunk(3, dim=-1)
        state = _joined(state, (at_least_float32(k), at_least_float32(v)))
        return self._output(q, state[1]), state

    def _output(self, q: Tensor, mean: Tensor) -> Tensor:
        out: Tensor = self.out(q.sigmoid() * mean.to(q.dtype))
        return out


def running_state(k: Tensor, v: Tensor) -> State:
    """The state after each token, (batch, tokens, width) each."""
    return (_by_scan if k.is_cuda else _by_chunk)(k, v)


def _by_scan(k: Tensor, v: Tensor) -> State:
    """In few kernels."""
    total = torch.logcumsumexp(k, dim=1)
    z = (k - total).exp()
    return total, scan(1 - z, z * v)


def _by_chunk(k: Tensor, v: Tensor) -> State:
    """Place after place within all chunks at once, then chunk after chunk: on a CPU, half the time of the scan."""
    tokens = k.shape[1]
    length = min(CHUNK, tokens)
    if spare := -tokens % length:
        k, v = (F.pad(x, (0, 0, 0, spare)) for x in (k, v))
    k, v = (x.unflatten(1, (-1, length)) for x in (k, v))  # (batch, chunks, length, width)
    within = _one_by_one(list(zip(k.unbind(2), v.unbind(2), strict=True)))
    ends = _one_by_one([(total, mean) for total, mean in zip(*(x.unbind(1) for x in within[-1]), strict=True)])
    total, mean = (torch.stack(x, dim=2) for x in zip(*within, strict=True))
    if len(ends) > 1:
        before = tuple(torch.stack(x[:-1], dim=1).unsqueeze(2) for x in zip(*ends, strict=True))
        later = _joined((before[0], before[1]), (total[:, 1:], mean[:, 1:]))
        total, mean = (torch.cat((x[:, :1], y), dim=1) for x, y in zip((total, mean), later, strict=True))
    return total.flatten(1, 2)[:, :tokens], mean.flatten(1, 2)[:, :tokens]


def _one_by_one(parts: list[State]) -> list[State]:
    """The state after each part, with all parts before it."""
    states: list[State] = []
    for part in parts:
        states.append(_joined(states[-1], part) if states else part)
    return states


def _joined(first: State, second: State) -> State:
    """The state after the tokens of two; a token alone is K and V."""
    total = torch.logaddexp(first[0], second[0])
    return total, torch.lerp(first[1], second[1], (second[0] - total).exp())
