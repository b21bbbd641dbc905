"""The subject of the checks of `mixbench.worker.measure.contract`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from mixbench.worker.calls import ContractError
from mixbench.worker.measure.flops import FlopCount, count_flops


class NotApplicableError(Exception):
    """The check does not apply to this mixer; the message says why."""


@dataclass(frozen=True)
class Case:
    """The subject of the checks: a mixer in evaluation mode on a device, how to build it again, and facts given to `verify`.

    An input has `batch` sequences, unless a check asks for others.
    """

    build: Callable[[], nn.Module]
    mixer: nn.Module
    width: int
    tokens: int
    batch: int
    device: torch.device
    honours_mask: bool | None = None
    closed_forms: Mapping[str, int] | None = None

    def input(self, batch: int | None = None, seed: int = 1) -> Tensor:
        """Random normal (batch, tokens, width), the same on every device."""
        shape = (batch or self.batch, self.tokens, self.width)
        return torch.randn(shape, generator=torch.Generator().manual_seed(seed)).to(self.device)

    def counted(self, mode: str, **options: Any) -> FlopCount:
        """The FLOPs of one call; `options` are those of `count_flops`."""

        def make_input() -> Tensor:
            return torch.randn(self.batch, self.tokens, self.width)

        place = str(self.device)
        return count_flops(self.build, make_input, mode=mode, tokens=self.tokens, batch=self.batch, device=place, **options)


def as_tensor(y: object) -> Tensor:
    """The output of a mixer. Raises ContractError if it is not a tensor."""
    if not isinstance(y, Tensor):
        raise ContractError(f"forward returned {type(y).__name__}, not a tensor")
    return y
