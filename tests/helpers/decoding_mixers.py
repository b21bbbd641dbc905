"""Causal mixers of a user's own that can decode, correct and faulty ones, in one file that tests name."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class Decaying(nn.Module):
    """The projected sum of the tokens so far, each weighted by a power of the decay."""

    def __init__(self, width: int, tokens: int, decay: float = 0.5) -> None:
        super().__init__()
        self.linear = nn.Linear(width, width)
        self.decay = decay

    def forward(self, x: Tensor) -> Tensor:
        y = [torch.zeros_like(x[:, 0])]
        for token in x.unbind(1):
            y.append(self.decay * y[-1] + token)
        out: Tensor = self.linear(torch.stack(y[1:], dim=1))
        return out

    def state(self, batch: int) -> Tensor:
        return self.linear.weight.new_zeros(batch, self.linear.in_features)

    def step(self, x: Tensor, state: Tensor) -> tuple[Tensor, Tensor]:
        state = self.decay * state + x
        return self.linear(state), state


class Summing(nn.Module):
    """The mean of the tokens so far, which are all kept, as attention keeps its keys and values."""

    def __init__(self, width: int, tokens: int) -> None:
        super().__init__()
        self.linear = nn.Linear(width, width)

    def forward(self, x: Tensor) -> Tensor:
        counts = torch.arange(1, x.shape[1] + 1, device=x.device, dtype=x.dtype)
        y: Tensor = self.linear(x.cumsum(1) / counts[:, None])
        return y

    def state(self, batch: int) -> tuple[Tensor]:
        return (self.linear.weight.new_zeros(batch, 0, self.linear.in_features),)

    def step(self, x: Tensor, state: tuple[Tensor]) -> tuple[Tensor, tuple[Tensor]]:
        kept = torch.cat((state[0], x[:, None]), dim=1)
        return self.linear(kept.mean(1)), (kept,)

    def prefill(self, x: Tensor) -> tuple[Tensor, tuple[Tensor]]:
        return self(x), (x,)


class Positioned(Decaying):
    """Refuses more tokens than it was built for."""

    def __init__(self, width: int, tokens: int) -> None:
        super().__init__(width, tokens)
        self.positions = nn.Parameter(torch.zeros(tokens, width))

    def forward(self, x: Tensor) -> Tensor:
        if x.shape[1] > len(self.positions):
            raise ValueError(f"{x.shape[1]} tokens, but it was built for {len(self.positions)}")
        return super().forward(x + self.positions[: x.shape[1]])


class Different(Decaying):
    """Its steps compute something else than its forward."""

    def step(self, x: Tensor, state: Tensor) -> tuple[Tensor, Tensor]:
        y, state = super().step(x, state)
        return y + 0.1, state


class InPlace(Decaying):
    """A step changes the state that it is given, so that a second one gives another output."""

    def step(self, x: Tensor, state: Tensor) -> tuple[Tensor, Tensor]:
        state.mul_(self.decay).add_(x)
        return self.linear(state), state


class Overwriting(Decaying):
    """A step changes the token that it is given."""

    def step(self, x: Tensor, state: Tensor) -> tuple[Tensor, Tensor]:
        result = super().step(x, state)
        x.zero_()
        return result


class WithoutSteps(nn.Module):
    """Causal, but only as a whole."""

    def __init__(self, width: int, tokens: int) -> None:
        super().__init__()

    def forward(self, x: Tensor) -> Tensor:
        return x.cumsum(1)


class Wider(Decaying):
    """A step returns another shape."""

    def step(self, x: Tensor, state: Tensor) -> tuple[Tensor, Tensor]:
        y, state = super().step(x, state)
        return torch.cat((y, y), dim=-1), state


class Lonely(Decaying):
    """A step returns an output without a state."""

    def step(self, x: Tensor, state: Tensor) -> tuple[Tensor, Tensor]:
        y: Tensor = super().step(x, state)[0]
        return y  # type: ignore[return-value]


class Broken(Decaying):
    """A step returns what is no number."""

    def step(self, x: Tensor, state: Tensor) -> tuple[Tensor, Tensor]:
        y, state = super().step(x, state)
        return y / 0, state
