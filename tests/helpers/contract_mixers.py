"""Small mixers that keep the contract, and ways to break it, for the tests of `verify`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from mixbench.worker.measure.verify import Check

TOKENS, WIDTH = 9, 8


CLOSED_FORMS = {"params": WIDTH**2 + WIDTH, "inference": 4 * WIDTH**2, "training": 12 * WIDTH**2}
"""Those of `Mean`, the FLOPs for two sequences."""
PARAMETERS, FLOPS, DECLARED = (
    "has the parameters of its closed form",
    "has the FLOPs of its closed form",
    "declares the FLOPs that it runs",
)


class Mean(nn.Module):
    """Keeps the contract: a projected mean over the real tokens is added to each token."""

    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(WIDTH, WIDTH)

    def forward(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        mask = torch.ones(x.shape[:2], dtype=torch.bool, device=x.device) if mask is None else mask
        total = x.masked_fill(~mask.unsqueeze(-1), 0).sum(1) / mask.sum(1, keepdim=True)
        mixed: Tensor = x + self.linear(total).unsqueeze(1)
        return mixed


class Broken(Mean):
    """Breaks the contract by what `after` makes of input and right output."""

    def __init__(self, after: Callable[[Tensor, Tensor], Any]) -> None:
        super().__init__()
        self.after = after

    def forward(self, x: Tensor, mask: Tensor | None = None) -> Any:
        return self.after(x, super().forward(x, mask))


class Declaring(Mean):
    def flops(self, batch: int, tokens: int) -> int:
        return batch * CLOSED_FORMS["inference"] // 2


class FixedLength(Mean):
    def forward(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        return super().forward(x, mask) + torch.zeros(TOKENS, 1)


class Summing(nn.Module):
    """A projected sum over the tokens before, which can be taken step by step. `after` changes the output of a step."""

    def __init__(
        self, after: Callable[[Tensor], Any] = lambda y: y, told: Callable[[Tensor], Any] = lambda state: state
    ) -> None:
        super().__init__()
        self.linear = nn.Linear(WIDTH, WIDTH)
        self.after = after
        self.told = told

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.linear(x).cumsum(1)
        return y

    def state(self, batch: int) -> Tensor:
        return self.linear.weight.new_zeros(batch, WIDTH)

    def step(self, x: Tensor, state: Tensor) -> Any:
        state = state + self.linear(x)
        return self.after(state), state

    def prefill(self, x: Tensor) -> Any:
        y = self.forward(x)
        return y, self.told(y[:, -1])


def outcomes(checks: list[Check]) -> dict[str, str]:
    return {check.name: check.outcome for check in checks}
