"""Mixers that plain torch runs, with habits that a measurement may stumble over: as one file that tests name."""

from __future__ import annotations

import functools

import torch
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint


class ComplexFilter(nn.Module):
    """A learned filter over the spectrum of the tokens."""

    def __init__(self, width: int, tokens: int) -> None:
        super().__init__()
        self.filter = nn.Parameter(torch.view_as_complex(torch.randn(tokens // 2 + 1, width, 2)))

    def spectrum(self) -> Tensor:
        return self.filter

    def forward(self, x: Tensor) -> Tensor:
        tokens = x.shape[1]
        if not self.spectrum().is_complex():
            raise RuntimeError(f"the filter became {self.spectrum().dtype}")
        mixed = torch.fft.irfft(torch.fft.rfft(x.float(), dim=1) * self.spectrum()[: tokens // 2 + 1], n=tokens, dim=1)
        return mixed.to(x.dtype)


class PairFilter(ComplexFilter):
    """The same, kept as pairs of real numbers."""

    def __init__(self, width: int, tokens: int) -> None:
        super().__init__(width, tokens)
        self.filter = nn.Parameter(torch.view_as_real(self.filter.detach()).clone())

    def spectrum(self) -> Tensor:
        return torch.view_as_complex(self.filter.float())


class Product(nn.Module):
    """One product with a weight."""

    def __init__(self, width: int, tokens: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(width, width) / width**0.5)

    def forward(self, x: Tensor) -> Tensor:
        return x @ self.weight


class Reentrant(Product):
    """Keeps no activations: a checkpoint of the older kind, which `torch.autograd.grad` cannot pass."""

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = checkpoint(super().forward, x, use_reentrant=True)
        return y


class NanLater(Product):
    """Right in its first calls in evaluation mode, then NaN."""

    def __init__(self, width: int, tokens: int, right: int = 4) -> None:
        super().__init__(width, tokens)
        self.left = right

    def forward(self, x: Tensor) -> Tensor:
        self.left -= not self.training
        return super().forward(x) if self.left >= 0 else torch.full_like(x, torch.nan)


class InPlace(nn.Module):
    """Doubles its input in place."""

    def __init__(self, width: int, tokens: int) -> None:
        super().__init__()

    def forward(self, x: Tensor) -> Tensor:
        return x.mul_(2)


class Growing(Product):
    """Keeps the input of every call."""

    def __init__(self, width: int, tokens: int) -> None:
        super().__init__(width, tokens)
        self.kept: list[Tensor] = []

    def forward(self, x: Tensor) -> Tensor:
        self.kept.append(x.clone())
        return super().forward(x)


class Remembering(Product):
    """Keeps the outputs of its last inputs, and answers from them."""

    def __init__(self, width: int, tokens: int, inputs: int = 1000) -> None:
        super().__init__(width, tokens)
        self.inputs = inputs
        self.outputs: dict[int, tuple[Tensor, Tensor]] = {}
        self.computed = 0

    def forward(self, x: Tensor) -> Tensor:
        if id(x) not in self.outputs:
            self.computed += 1
            if len(self.outputs) == self.inputs:
                self.outputs.pop(next(iter(self.outputs)))
            self.outputs[id(x)] = (x, super().forward(x))
        return self.outputs[id(x)][1]


class Running(Product):
    """Keeps a running mean, which replaces the last one."""

    def __init__(self, width: int, tokens: int) -> None:
        super().__init__(width, tokens)
        self.mean = torch.zeros(width)

    def forward(self, x: Tensor) -> Tensor:
        self.mean = 0.9 * self.mean + 0.1 * x.detach().mean((0, 1))
        return super().forward(x)


class Table(Product):
    """Holds a table of 1 MiB that is neither parameter nor buffer, and one of 2 MiB since its first call."""

    def __init__(self, width: int, tokens: int) -> None:
        super().__init__(width, tokens)
        self.tables = {"first": torch.zeros(2**18)}

    def forward(self, x: Tensor) -> Tensor:
        if "second" not in self.tables:
            self.tables["second"] = torch.zeros(2**19)
        return super().forward(x) + self.tables["first"][: x.shape[-1]]


class TypeOf(Product):
    """Runs more for a plain tensor than for a subclass."""

    def forward(self, x: Tensor) -> Tensor:
        y = super().forward(x)
        return super().forward(y) if type(x) is Tensor else y


class Arrays(Product):
    """A product that NumPy computes."""

    def forward(self, x: Tensor) -> Tensor:
        return torch.from_numpy(x.numpy() @ self.weight.detach().numpy())


class HalfTwice(Product):
    """Takes another path in half precision, twice as long."""

    def forward(self, x: Tensor) -> Tensor:
        once = super().forward(x)
        return once if x.dtype is torch.float32 else super().forward(once)


class Miscounting(Product):
    """Cannot say how much it computes."""

    def flops(self, batch: int, tokens: int) -> int:
        raise ValueError("planted; in two parts")


class Threading(Product):
    """Sets the number of threads in its calls, from one on."""

    def __init__(self, width: int, tokens: int, first: int = 1) -> None:
        super().__init__(width, tokens)
        self.left = first

    def forward(self, x: Tensor) -> Tensor:
        self.left -= 1
        if self.left <= 0:
            torch.set_num_threads(2)
        return super().forward(x)


class VariantModule(Product):
    """Has a module of the name of a method that the built-in mixers have."""

    def __init__(self, width: int, tokens: int) -> None:
        super().__init__(width, tokens)
        self.variant = nn.Linear(width, width)


class VariantOfNoLength(Product):
    """Has a method of that name which takes nothing, and answers no text."""

    def variant(self) -> int:
        return 3


class VariantOfAPart(Product):
    """Its part has a method of that name."""

    def __init__(self, width: int, tokens: int) -> None:
        super().__init__(width, tokens)
        self.part = VariantOfNoLength(width, tokens)


@functools.cache
def _cached_table(width: int) -> Tensor:
    return torch.ones(width)


class CachedTable(Product):
    """Keeps a table for all modules in its process."""

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x) * _cached_table(x.shape[-1])


class Flex(nn.Module):
    """Attention by torch's flexible kernel."""

    def __init__(self, width: int, tokens: int) -> None:
        super().__init__()

    def forward(self, x: Tensor) -> Tensor:
        from torch.nn.attention.flex_attention import flex_attention

        q = x.unsqueeze(1)
        y = flex_attention(q, q, q)
        assert isinstance(y, Tensor)
        return y.squeeze(1)
