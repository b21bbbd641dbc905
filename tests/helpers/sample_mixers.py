"""Mixers of a user's own, right ones and wrong ones, as one file that tests name or copy."""

from __future__ import annotations

import contextlib
import os
import time

import torch
from torch import Tensor, nn


class Mean(nn.Module):
    """Gives every token the projected mean of all."""

    def __init__(self, width: int, tokens: int, gain: float = 1.0) -> None:
        super().__init__()
        self.linear = nn.Linear(width, width)
        self.gain = gain

    def forward(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        mixed: Tensor = self.gain * self.linear(x.mean(1, keepdim=True)).expand_as(x)
        return mixed


Average = Mean


class Product(nn.Module):
    """One product with a weight; nothing is mixed."""

    def __init__(self, width: int, tokens: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(width, width) / width)

    def forward(self, x: Tensor) -> Tensor:
        return x @ self.weight


class Twice(Product):
    """The same output for twice the work."""

    def forward(self, x: Tensor) -> Tensor:
        return (super().forward(x) + super().forward(x)) / 2


class Looking(Mean):
    """Looks at values, so that its operations cannot be counted without a device."""

    def forward(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        return x * 2 if x.sum().item() > 0 else x * 3


class Declaring(Looking):
    """Says how many its operations are."""

    def flops(self, batch: int, tokens: int) -> int:
        return 1000 * batch * tokens


class Cutting(Mean):
    """Loses a token."""

    def forward(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        return x[:, 1:]


class Flat(Mean):
    """Returns a number."""

    def forward(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        return x.sum()


class Exploding(Mean):
    """Returns numbers that are not finite."""

    def forward(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        return x / 0


class Raising(Mean):
    """Raises an error of two lines."""

    def forward(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        raise ValueError("planted\nin two lines")


class Greedy(Mean):
    """Asks for more memory than any machine has."""

    def forward(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        return x + torch.zeros(1 << 50)[: x.shape[-1]]


class Aborting(Mean):
    """Takes its process with it."""

    def forward(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        os.abort()


class Exiting(Mean):
    """Ends its process with an exit code."""

    def forward(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        os._exit(3)


class Hanging(Mean):
    """Never returns."""

    def forward(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        time.sleep(1000)
        return x


class Forking(Mean):
    """Comes back twice."""

    def forward(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        os.fork()
        return super().forward(x)


class Scribbling(Mean):
    """Writes to all files that are open."""

    def forward(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        for descriptor in range(3, 32):
            with contextlib.suppress(OSError):
                os.write(descriptor, b"{}\n")
        return super().forward(x)


class Disturbing(Product):
    """Changes what all mixers of a process share."""

    def __init__(self, width: int, tokens: int) -> None:
        super().__init__(width, tokens)
        torch.set_default_dtype(torch.float64)
        torch.set_num_threads(2)


class NotAModule:
    """No torch.nn.Module."""
