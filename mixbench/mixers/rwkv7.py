"""RWKV-7 (RWKV-7 "Goose" with Expressive Dynamic State Evolution, arXiv 2503.14456): its time mixing."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from mixbench.mixers.costs.delta_rule import rwkv7_ranks
from mixbench.mixers.ops.delta_rule import carry, chunked, in_order, inverse, of_length_1
from mixbench.mixers.parts import at_least_float32, raised, zero_padding

State = tuple[Tensor, Tensor]
"""The last token, (batch, width), and a matrix per head."""


class RWKV7(nn.Module):
    """S ← S(diag(w) - κ̂ᵀ(a ⊙ κ̂)) + vᵀk, read by r, per head; (batch, tokens, width) to the same shape. Causal.

    Six mixtures of each token with the one before it make r, w, k, v, a and the gate; w, a and the gate by two matrices with
    `rwkv7_ranks` between them. The output is normalised per head; a bonus for the token itself is added, then it is gated and
    projected. As in the first layer of a model, values are not mixed with those of an earlier layer. Shifts and biases start as
    the authors' first layer has them, matrices as torch draws those of linear layers.

    `mask` (batch, tokens) is True where the token is real; padding comes last. In half precision, the rule runs in float32 and
    its state is kept so.
    """

    def __init__(self, *, width: int, tokens: int, heads: int = 4) -> None:
        super().__init__()
        self.heads = heads
        channel, spread = torch.arange(width) / width, torch.linspace(-0.5, 0.5, width)
        zigzag = torch.linspace(-1, 1, width // heads).repeat(heads)
        zigzag = zigzag * zigzag.abs()
        self.shift = nn.Parameter(torch.stack([1 - channel**power for power in (0.2, 0.9, 0.7, 0.7, 0.9, 0.2)]))
        self.receptance, self.key, self.value, self.out = (nn.Linear(width, width, bias=False) for _ in range(4))
        decay, rate, gate = rwkv7_ranks(width)
        to_decay, to_rate = nn.Linear(decay, width), nn.Linear(rate, width)
        self.decay = nn.Sequential(nn.Linear(width, decay, bias=False), to_decay)
        self.rate = nn.Sequential(nn.Linear(width, rate, bias=False), to_rate)
        self.gate = nn.Sequential(nn.Linear(width, gate, bias=False), nn.Linear(gate, width, bias=False))
        self.removal = nn.Parameter(0.71 - 0.1 * spread)
        self.key_rate = nn.Parameter(torch.full((width,), 1.02))
        self.bonus = nn.Parameter(torch.full((width,), -0.04))
        self.norm = nn.GroupNorm(heads, width, eps=64e-5)
        with torch.no_grad():
            to_decay.bias.copy_(torch.linspace(-6, 0, width) + 0.5 + 2.5 * zigzag)
            to_rate.bias.copy_(-0.19 + 0.3 * zigzag + 0.4 * spread)

    def forward(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        return self._mix(zero_padding(x, mask))[0]

    def prefill(self, x: Tensor) -> tuple[Tensor, State]:
        """The result of `forward` and the state after these tokens."""
        y, matrix = self._mix(x, last=True)
        assert matrix is not None
        return y, (x[:, -1].clone(), matrix)

    def _mix(self, x: Tensor, *, last: bool = False) -> tuple[Tensor, Tensor | None]:
        parts, gate = self._parts(x, F.pad(x[:, :-1], (0, 0, 1, 0)))
        out, state = _rule(*parts, last=last)
        return self._joined(out, parts, gate, x.dtype), state

    def state(self, batch: int) -> State:
        """Zeros: nothing is known before the first token."""
        weight = self.out.weight
        size = len(weight) // self.heads
        return weight.new_zeros(batch, len(weight)), at_least_float32(weight).new_zeros(batch, self.heads, size, size)

    def step(self, x: Tensor, state: State) -> tuple[Tensor, State]:
        parts, gate = self._parts(x, state[0])
        r, log_decay, k, v, removed, rate = parts
        matrix = state[1]
        value = removed.unsqueeze(2) @ matrix  # (batch, heads, 1, channels)
        matrix = matrix * log_decay.exp().unsqueeze(3)
        matrix = torch.addcmul(matrix, (rate * removed).unsqueeze(3), value, value=-1)
        matrix = torch.addcmul(matrix, k.unsqueeze(3), v.unsqueeze(2))
        out = (r.unsqueeze(2) @ matrix).squeeze(2)
        return self._joined(out, parts, gate, x.dtype), (x.clone(), matrix)

    def _parts(self, x: Tensor, before: Tensor) -> tuple[tuple[Tensor, ...], Tensor]:
        """r, log w, k, v, κ̂ and a, (..., heads, width/heads), and the gate (..., width)."""
        change = before - x
        r, w, k, v, a, g = (torch.addcmul(x, change, share) for share in self.shift.unbind())
        log_decay = -math.exp(-0.5) * at_least_float32(self.decay[1](self.decay[0](w).tanh())).sigmoid()
        rate = at_least_float32(self.rate(a)).sigmoid()
        key = at_least_float32(self.key(k))
        gate: Tensor = self.gate[1](self.gate[0](g).sigmoid())
        parts = (
            at_least_float32(self.receptance(r)),
            log_decay,
            key * (1 + (rate - 1) * at_least_float32(self.key_rate)),
            at_least_float32(self.value(v)),
            key * at_least_float32(self.removal),
            rate,
        )
        r, log_decay, k, v, removed, rate = (part.unflatten(-1, (self.heads, -1)) for part in parts)
        return (r, log_decay, k, v, of_length_1(removed), rate), gate

    def _joined(self, out: Tensor, parts: tuple[Tensor, ...], gate: Tensor, dtype: torch.dtype) -> Tensor:
        """The output (..., heads, width/heads) normalised, with the bonus, gated and projected: (..., width)."""
        r, _, k, v, *_ = parts
        normalised = self.norm(out.to(dtype).reshape(-1, len(self.bonus))).view(gate.shape)
        weight = (r * k * at_least_float32(self.bonus).view(self.heads, -1)).sum(-1, keepdim=True)
        y: Tensor = self.out((normalised + (weight * v).to(dtype).flatten(-2)) * gate)
        return y

    def variant(self, dtype: torch.dtype) -> str:
        """The precision of the rule where it is not that of the input, as shown in the tables."""
        return raised("rule", dtype)


def _rule(
    r: Tensor, log_decay: Tensor, k: Tensor, v: Tensor, removed: Tensor, rate: Tensor, *, last: bool
) -> tuple[Tensor, Tensor | None]:
    """What r reads of the state after each token, and the state after the last token if `last`.

    As `delta_rule`, with two keys: u_t = -S_{t-1}ᵀ κ̂_t is written to a ⊙ κ̂, and v to k. A decay is at least exp(-exp(-1/2)) by
    token, so decays to the start of a chunk of 64 tokens can be divided by: float32 holds their inverse, up to 10¹⁷.
    """
    batch, tokens = r.shape[:2]
    r, log_decay, k, v, removed, added = (chunked(x) for x in (r, log_decay, k, v, removed, rate * removed))
    decay = log_decay.cumsum(2)  # since the start of the chunk
    since_start, back = decay.exp(), (-decay).exp()
    r, removed = r * since_start, removed * (decay - log_decay).exp()  # κ̂ reads the state before the token's decay
    k, added = k * back, added * back
    solved = inverse((removed @ added.mT).tril(-1).neg())
    new = solved @ ((removed @ k.mT).tril(-1) @ v)
    read = solved @ removed if r.shape[1] > 1 else removed  # the first chunk reads no state
    end = since_start[:, :, -1:]
    given = ((r @ k.mT).tril(), k * end, v)
    out, state = carry(r, read, -new, (r @ added.mT).tril(), added * end, end.mT, last=last, given=given)
    return in_order(out, batch, tokens), None if state is None else state.unflatten(0, (batch, -1))
