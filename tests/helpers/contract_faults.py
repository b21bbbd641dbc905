"""A mixer with a planted fault for each check of the contract, and what the check says of it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from contract_mixers import DECLARED, FLOPS, PARAMETERS, WIDTH, Broken, Declaring, Mean, Summing
from torch import Tensor, nn
from torch.utils._python_dispatch import _get_current_dispatch_mode


class IgnoringMask(Mean):
    def forward(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        return super().forward(x)


class Idle(Mean):
    def __init__(self) -> None:
        super().__init__()
        self.spare = nn.Parameter(torch.zeros(1))


class Hiding(Mean):
    """Does not run below a counter."""

    def forward(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        if _get_current_dispatch_mode():
            raise OverflowError("planted")
        return super().forward(x, mask)


class Twice(Mean):
    def forward(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        return super().forward(super().forward(x, mask), mask)


class Boasting(Declaring):
    def flops(self, batch: int, tokens: int) -> int:
        return super().flops(batch, tokens) - 1


class Hoarding(Mean):
    def __init__(self) -> None:
        super().__init__()
        self.kept: list[Tensor] = []

    def forward(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        self.kept.append(x.clone())
        return super().forward(x, mask)


class Averaging(Mean):
    """Adds a running mean of its inputs."""

    def __init__(self) -> None:
        super().__init__()
        self.mean = torch.zeros(WIDTH)

    def forward(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        self.mean = 0.9 * self.mean + 0.1 * x.detach().mean((0, 1)).to(self.mean)
        return super().forward(x, mask) + self.mean.to(x)


def _overwrite(x: Tensor, y: Tensor) -> Tensor:
    x.detach().zero_()
    return y


def _one_batch_only(x: Tensor, y: Tensor) -> Tensor:
    return y if len(x) in (2, 3) else y[:, :1]


SAID: dict[str, dict[str, Any]] = {
    "equals its slow reference": {"reference": "none"},
    "is causal": {"causal": True},
    "steps equal forward": {"causal": True},
    "continues after a prefill": {"causal": True},
}
"""What is said of the mixers with a planted fault, by the check that finds it."""


PLANTED: dict[str, tuple[Callable[[], nn.Module], str]] = {
    "takes other lengths": (lambda: Broken(lambda x, y: y[:, :9]), "the shape (2, 21, 8) became (2, 9, 8)"),
    "equals its slow reference": (Mean, "forward: results differ by"),
    "does not depend on earlier calls": (Averaging, "after calls with other inputs: results differ by"),
    "is causal": (Mean, "the first 1 of 9 tokens depend on later ones: results differ by"),
    "steps equal forward": (lambda: Summing(lambda y: 1.01 * y), "in float64, steps and forward differ: results differ by"),
    "continues after a prefill": (
        lambda: Summing(told=lambda state: 2 * state),
        "in float64, steps after a prefill of 1 tokens and forward differ: results differ by",
    ),
    "has countable memory": (
        lambda: Broken(lambda x, y: torch.from_numpy(y.detach().numpy().copy())),
        "its output has 576 bytes, of which torch allocated 0",
    ),
    "keeps the shape": (lambda: Broken(lambda x, y: y[:, 1:]), "the shape (2, 9, 8) became (2, 8, 8)"),
    "keeps the dtype": (lambda: Broken(lambda x, y: y.float()), "torch.float64 became torch.float32"),
    "computes the same in float64": (
        lambda: Broken(lambda x, y: y if x.dtype == torch.float32 else 2 * y),
        "in float64 it computes something else: results differ by",
    ),
    "computes about the same in bfloat16": (
        lambda: Broken(lambda x, y: 1.5 * y if x.dtype == torch.bfloat16 else y),
        "in bfloat16 it computes something else than in float32: results differ by 0.5 (relative norm); allowed is 0.088",
    ),
    "computes about the same in float16": (
        lambda: Broken(lambda x, y: 1.5 * y if x.dtype == torch.float16 else y),
        "in float16 it computes something else than in float32: results differ by 0.5 (relative norm); allowed is 0.031",
    ),
    "gives finite numbers": (lambda: Broken(lambda x, y: y / torch.zeros(1)), "144 numbers are not finite"),
    "is deterministic in evaluation mode": (
        lambda: Broken(lambda x, y: nn.functional.dropout(y)),
        "two calls in evaluation mode: results differ by",
    ),
    "leaves its input unchanged": (lambda: Broken(_overwrite), "forward changed its input in place"),
    "does not hold more memory after every call": (Hoarding, "it holds more memory after every call"),
    "keeps the sequences of a batch apart": (
        lambda: Broken(lambda x, y: y - y.mean(0)),
        "a sequence depends on the others in its batch: results differ by",
    ),
    "takes other batch sizes": (lambda: Broken(_one_batch_only), "the shape (1, 9, 8) became (1, 1, 8)"),
    "honours a mask": (IgnoringMask, "real tokens depend on the content of padded ones: results differ by"),
    "passes gradients to input and parameters": (Idle, "no gradient reaches spare"),
    "has countable FLOPs": (Hiding, "inference: without data: OverflowError: planted"),
    PARAMETERS: (Idle, "73 parameters, but 72 by the closed form"),
    FLOPS: (Twice, "inference: 512 FLOPs counted, but 256 by the closed form, for 2 sequences"),
    DECLARED: (Boasting, "inference: 256 FLOPs counted, but 255 by flops(batch, tokens), for 2 sequences"),
}
