"""mLSTM (xLSTM: Extended Long Short-Term Memory, arXiv 2405.04517, section 2.3 and appendix A.3)."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from mixbench.mixers.ops.decayed_sums import decayed_step, decayed_sums
from mixbench.mixers.parts import at_least_float32, zero_padding

State = tuple[Tensor, Tensor, Tensor]
"""C (batch, heads, width/heads, width/heads), n (batch, heads, width/heads) and m (batch, heads)."""


class MLSTM(nn.Module):
    """C ← f C + i k vᵀ, n ← f n + i k, h = o ⊙ norm(Cᵀq / max(|nᵀq|, 1)) per head; (batch, tokens, width) to the same shape.

    Causal. i = exp(ĩ), f = σ(f̃) and o = σ(…) are gates from the token, i and f a number per head; k is
    divided by √(width/heads), and h is projected. Left out of the paper's block: the projections up and down, the convolution
    and the skip. `mask` (batch, tokens) is True where the token is real; padding must be on the right, where it changes
    nothing.

    C and n are kept divided by exp(m) with m ← max(log f + m, ĩ), from 0 on, so that no exponential can overflow.
    """

    def __init__(self, *, width: int, tokens: int, heads: int = 4) -> None:
        super().__init__()
        self.width, self.heads = width, heads
        self.project = nn.Linear(width, 4 * width)
        self.gates = nn.Linear(width, 2 * heads)
        self.norm = nn.GroupNorm(heads, width)
        self.out = nn.Linear(width, width)
        nn.init.zeros_(self.gates.weight)  # as the authors have it: a token is remembered long
        with torch.no_grad():
            self.gates.bias[:heads].normal_(std=0.1)
            self.gates.bias[heads:] = torch.linspace(3, 6, heads)

    def forward(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        return self._mix(zero_padding(x, mask))[0]

    def prefill(self, x: Tensor) -> tuple[Tensor, State]:
        """The result of `forward`, and the state after these tokens."""
        y, memory, m = self._mix(x, last=True)
        assert memory is not None
        return y, (memory[..., :-1].contiguous(), memory[..., -1].contiguous(), m[:, :, -1].contiguous())

    def state(self, batch: int) -> State:
        """Zeros: nothing is known before the first token."""
        size, weight = self.width // self.heads, at_least_float32(self.out.weight)
        n = weight.new_zeros(batch, self.heads, size)
        return weight.new_zeros(batch, self.heads, size, size), n, weight.new_zeros(batch, self.heads)

    def step(self, x: Tensor, state: State) -> tuple[Tensor, State]:
        """The output (batch, width) for one token, and the state after it."""
        q, k, v, o, i, f = (part.squeeze(2) for part in self._split(x.unsqueeze(1)))
        q, k, v = (at_least_float32(part) for part in (q, k, v))
        m = torch.maximum(f + state[2], i)
        decay, k = f + state[2] - m, k * (i - m).exp().unsqueeze(-1)
        mixed, c = decayed_step(q, k, v, decay, state[0])
        n = torch.addcmul(k, decay.exp().unsqueeze(-1), state[1])
        weight = (q * n).sum(-1, keepdim=True)
        h = (mixed / _at_least(weight, m)).to(x.dtype)
        return self._joined(h.unsqueeze(2), o.unsqueeze(2)).squeeze(1), (c, n, m)

    def _mix(self, x: Tensor, *, last: bool = False) -> tuple[Tensor, Tensor | None, Tensor]:
        q, k, v, o, i, f = self._split(x)
        m = _stabilisers(i, f)
        decay = f + F.pad(m, (1, 0))[..., :-1] - m
        k = k * (i - m).exp().unsqueeze(-1).to(k.dtype)
        sums, memory = decayed_sums(q, k, F.pad(v, (0, 1), value=1.0), decay, last=last)  # the last column is nᵀq
        h, weight = sums.split((v.shape[-1], 1), dim=-1)
        return self._joined(h / _at_least(weight, m).to(h.dtype), o), memory, m

    def _split(self, x: Tensor) -> tuple[Tensor, ...]:
        """q, k, v and o before σ (batch, heads, tokens, width/heads), ĩ and log f (batch, heads, tokens)."""
        q, k, v, o = self.project(x).unflatten(-1, (4, self.heads, -1)).permute(2, 0, 3, 1, 4)
        i, f = at_least_float32(self.gates(x)).transpose(1, 2).chunk(2, dim=1)
        return q, k / math.sqrt(q.shape[-1]), v, o, i, F.logsigmoid(f)

    def _joined(self, h: Tensor, o: Tensor) -> Tensor:
        h, o = (part.transpose(1, 2).flatten(2) for part in (h, o))
        out: Tensor = self.out(self.norm(h.flatten(0, 1)).view_as(h) * o.sigmoid())
        return out


@torch.no_grad()
def _stabilisers(i: Tensor, f: Tensor) -> Tensor:
    """m of every token, (batch, heads, tokens): the result does not depend on it, so it needs no gradient.

    It is a running maximum of ĩ_j − Σ_{l≤j} log f_l, plus the sum so far; float64 keeps differences of large sums exact.
    """
    total = f.double().cumsum(-1)
    highest: Tensor = (i - total).cummax(-1).values.clamp(min=0)
    return (total + highest).to(i.dtype)


def _at_least(weight: Tensor, m: Tensor) -> Tensor:
    """max(|nᵀq|, exp(−m)): max(|nᵀq|, 1) of what is not divided by exp(m). At m > 80, no number is that small."""
    return torch.maximum(weight.abs(), m.clamp(max=80).neg().exp().unsqueeze(-1))
