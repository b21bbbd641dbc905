"""Hyena (Hyena Hierarchy, arXiv 2302.10866, section 3)."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from mixbench.mixers.costs.fourier import fast_length
from mixbench.mixers.costs.hyena import BANDS, INPUTS, KERNEL, UNITS
from mixbench.mixers.depthwise_conv import DepthwiseConv
from mixbench.mixers.long_conv import with_skip
from mixbench.mixers.ops.fourier import Transforms, filtered, spectrum
from mixbench.mixers.parts import at_least_float32, check_length, zero_padding

TARGET, FAST, SLOW = 1e-2, 0.3, 1.5
"""Filters decay to TARGET within these shares of the length, from the last channel to the first."""


@dataclass
class Inputs:
    """What the convolutions saw so far: (filters, batch, room) of the first `tokens` tokens, and the taps, last one first."""

    short: Tensor
    long: Tensor
    taps: Tensor
    tokens: int = 0

    def tensors(self) -> tuple[Tensor, Tensor]:
        """The state: the taps follow from the parameters, and the room behind the tokens is not used yet."""
        return self.short, self.long[..., : self.tokens]


class Filters(nn.Module):
    """Taps that an MLP with sines makes from positions, times an exponential decay; as many channels as asked for."""

    def __init__(self, *, channels: int, tokens: int) -> None:
        super().__init__()
        self.tokens = tokens
        self.layers = nn.ModuleList([nn.Linear(INPUTS, UNITS), nn.Linear(UNITS, UNITS), nn.Linear(UNITS, UNITS)])
        self.last = nn.Linear(UNITS, channels, bias=False)
        self.frequencies = nn.Parameter(torch.ones(UNITS))
        self.skip = nn.Parameter(torch.randn(channels))

    def forward(self, taps: int) -> Tensor:
        """(channels, taps), at least in float32: half precision is too coarse for positions."""
        like = at_least_float32(self.skip)
        place = torch.arange(taps, dtype=like.dtype, device=like.device).unsqueeze(1)
        share = place / max(1, self.tokens - 1)  # of the length that the mixer was built for
        bands = 1e-4 + torch.arange(BANDS, dtype=like.dtype, device=like.device) * ((BANDS - 1 - 1e-4) / (BANDS - 1))
        angles = 2 * math.pi * place / self.tokens * bands
        hidden = torch.cat((share, angles.cos(), -angles.sin()), dim=1)
        for layer in self.layers:
            hidden = torch.sin(
                at_least_float32(self.frequencies) * F.linear(hidden, *map(at_least_float32, layer.parameters()))
            )
        made = F.linear(at_least_float32(self.last.weight), hidden)  # (channels, taps)
        slowest, fastest = -math.log(TARGET) / SLOW, -math.log(TARGET) / FAST
        channel = torch.arange(len(made), dtype=like.dtype, device=like.device).unsqueeze(1)
        rates = slowest + channel * ((fastest - slowest) / max(1, len(made) - 1))
        return with_skip(made * torch.exp(-rates * share.t()), like)


class Hyena(Transforms, nn.Module):
    """v ← k_i * (x_i ⊙ v) for i = 1 … order - 1, then (x_0 ⊙ v) Wo; (batch, tokens, width) to the same shape.

    x_0 … x_{order-1} and v are linear maps of the input, each followed by a causal convolution of 3 taps. The long filters k
    come from an MLP over positions, and pass a token itself on, too; their convolutions are causal. The positions are not
    learned, unlike in the authors' code. `mask` (batch, tokens) is True where the token is real; padding must be on the right,
    where it changes nothing.
    """

    def __init__(self, *, width: int, tokens: int, order: int = 2) -> None:
        super().__init__()
        self.width, self.tokens, self.order = width, tokens, order
        self.inner = nn.Linear(width, (order + 1) * width)
        self.short = DepthwiseConv(width=(order + 1) * width, tokens=tokens, kernel=KERNEL, causal=True)
        self.filters = Filters(channels=(order - 1) * width, tokens=tokens)
        self.out = nn.Linear(width, width)

    def forward(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        """Raises ValueError for more tokens than the mixer was built for."""
        y, _ = self._mix(self.short(self.inner(zero_padding(x, mask))))
        return y

    def prefill(self, x: Tensor) -> tuple[Tensor, Inputs]:
        """The result of `forward`, and the state after these tokens."""
        short, before = self.short.prefill(self.inner(x))
        y, convolved = self._mix(short)
        state = self.state(len(x))
        tokens = x.shape[1]
        state.long[..., :tokens] = torch.cat(convolved, dim=-1).permute(2, 0, 1)
        return y, Inputs(before, state.long, state.taps, tokens)

    def state(self, batch: int) -> Inputs:
        """What the convolutions saw before the first token, with room for as many tokens as the mixer was built for."""
        taps = self.filters(self.tokens).flip(1).to(self.out.weight.dtype)
        return Inputs(self.short.state(batch), taps.new_zeros(len(taps), batch, self.tokens), taps)

    def step(self, x: Tensor, state: Inputs) -> tuple[Tensor, Inputs]:
        """The output for one token (batch, width), and the state after it. Raises ValueError beyond the built length."""
        tokens = state.tokens + 1
        check_length(tokens, self.tokens, "hyena")
        z, short = self.short.step(self.inner(x), state.short)
        *gates, v = z.split(self.width, dim=-1)
        convolutions = zip(reversed(gates[1:]), state.long.split(self.width), state.taps.split(self.width), strict=True)
        for gate, seen, taps in convolutions:
            seen[..., state.tokens] = (gate * v).t()
            v = torch.bmm(seen[..., :tokens], taps[:, -tokens:].unsqueeze(2)).squeeze(2).t()
        return self.out(v * gates[0]), Inputs(short, state.long, state.taps, tokens)

    def _mix(self, z: Tensor) -> tuple[Tensor, list[Tensor]]:
        """The output for what the short convolutions gave, and what each long convolution saw."""
        tokens = z.shape[1]
        check_length(tokens, self.tokens, "hyena")
        size = fast_length(2 * tokens - 1)
        *gates, v = z.split(self.width, dim=-1)
        spectra = spectrum(self.filters(tokens), size).split(self.width)
        convolved = []
        for gate, filters in zip(reversed(gates[1:]), spectra, strict=True):
            convolved.append(gate * v)
            v = filtered(convolved[-1], filters, size).contiguous()
        out: Tensor = self.out(v * gates[0])
        return out, convolved
