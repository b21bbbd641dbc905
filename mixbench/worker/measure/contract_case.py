"""The subject of the checks of `mixbench.worker.measure.contract`."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any

import torch
from torch import Tensor, nn

from mixbench.worker.calls import ContractError, cast
from mixbench.worker.measure.flops import FlopCount, count_flops

EXACT = 1e-9
"""Largest difference, relative to the largest value, between results in float64 that should be equal."""
TOLERANCE = 1e-4
"""The same for float32."""
SINGLE = 1e-3
"""The same for a result in float32 and one in float64 that took another way."""


class NotApplicableError(Exception):
    """The check does not apply to this mixer; the message says why."""


@dataclass(frozen=True)
class Form:
    """A way to build a mixer besides the one that is asked for: at another number of tokens or width, or causal."""

    build: Callable[[], nn.Module]
    tokens: int
    causal: bool = False
    arguments: Mapping[str, Any] = field(default_factory=dict)
    closed_forms: Mapping[str, int] | None = None


@dataclass(frozen=True)
class Case:
    """The subject of the checks: a mixer in evaluation mode on a device, how to build it again, and facts given to `verify`.

    An input has `batch` sequences, unless a check asks for others. `causal`, `any_length` and `honours_mask` are what is said
    of the mixer, None where nothing is. `reference` is the name of a built-in mixer, which has a slow reference that takes
    `arguments`; `stepwise` says whether the table has a state for it.
    """

    build: Callable[[], nn.Module]
    mixer: nn.Module
    width: int
    tokens: int
    batch: int
    device: torch.device
    honours_mask: bool | None = None
    closed_forms: Mapping[str, int] | None = None
    causal: bool = False
    any_length: bool | None = None
    reference: str = ""
    stepwise: bool = False
    arguments: Mapping[str, Any] = field(default_factory=dict)
    forms: tuple[Form, ...] = ()
    wide: tuple[Form, ...] = ()
    """Forms for half precision, at a shape at which kernels of it run in several tiles."""
    words: str = ""
    """What is special about this form of the mixer."""

    def every(self, forms: Iterable[Form] | None = None) -> Iterator[Case]:
        """The mixer as it is asked for, then in its other forms, or in those that are given."""
        yield self
        for form in self.forms if forms is None else forms:
            width = form.arguments.get("width", self.width)
            changed = [f"at {form.tokens} tokens"] if form.tokens != self.tokens else []
            changed += [f"at width {width}"] if width != self.width else []
            changed += ["causal"] if form.causal and not self.causal else []
            yield replace(
                self,
                build=form.build,
                mixer=form.build().eval().to(self.device),
                width=width,
                tokens=form.tokens,
                causal=form.causal,
                arguments=form.arguments,
                closed_forms=form.closed_forms,
                forms=(),
                wide=(),
                words=f"{', '.join(changed)}: ",
            )

    def input(self, batch: int | None = None, seed: int = 1, tokens: int | None = None) -> Tensor:
        """Random normal (batch, tokens, width), the same on every device."""
        shape = (batch or self.batch, tokens or self.tokens, self.width)
        return torch.randn(shape, generator=torch.Generator().manual_seed(seed)).to(self.device)

    @torch.no_grad()
    def run(self, x: Tensor, **mask: Tensor) -> Tensor:
        """What the mixer makes of x. Raises ContractError if it is not a tensor."""
        return as_tensor(self.mixer(x, **mask))

    def built(self, dtype: torch.dtype) -> nn.Module:
        """The mixer built again, the same at every call. Parameters of a built-in one are all random, none is 0 or 1."""
        with torch.random.fork_rng(devices=[]), _default_dtype(torch.float64 if self.reference else None):
            torch.manual_seed(0)
            mixer = cast(self.build().eval(), device=torch.device("cpu"), dtype=torch.float64)
            with torch.no_grad():
                for parameter in mixer.parameters() if self.reference else ():
                    parameter.add_(0.3 * torch.randn_like(parameter))
        return cast(mixer, device=self.device, dtype=dtype)

    def precise(self) -> tuple[nn.Module, torch.dtype, float]:
        """The mixer built again in float64, or else in float32, its dtype, and the largest difference of equal results."""
        mixer = self.built(torch.float64)
        try:
            with torch.no_grad():
                mixer(self.input().double())
        except Exception:
            return self.built(torch.float32), torch.float32, TOLERANCE
        return mixer, torch.float64, EXACT

    def counted(self, mode: str, **options: Any) -> FlopCount:
        """The FLOPs of one call; `options` are those of `count_flops`."""

        def make_input() -> Tensor:
            return torch.randn(self.batch, self.tokens, self.width)

        place = str(self.device)
        return count_flops(self.build, make_input, mode=mode, tokens=self.tokens, batch=self.batch, device=place, **options)


@contextmanager
def _default_dtype(dtype: torch.dtype | None) -> Iterator[None]:
    """A table that a mixer makes when it is built has this precision, too."""
    before = torch.get_default_dtype()
    torch.set_default_dtype(dtype or before)
    try:
        yield
    finally:
        torch.set_default_dtype(before)


def as_tensor(y: object) -> Tensor:
    """The output of a mixer. Raises ContractError if it is not a tensor."""
    if not isinstance(y, Tensor):
        raise ContractError(f"forward returned {type(y).__name__}, not a tensor")
    return y


def demand_same(first: Tensor, second: Tensor, fault: str, tolerance: float = TOLERANCE) -> None:
    """Raise ContractError with the fault unless both are equal, up to `tolerance` relative to the largest value."""
    if first.shape != second.shape:
        raise ContractError(f"{fault}: the shapes are {tuple(first.shape)} and {tuple(second.shape)}")
    if not second.numel():
        return
    largest = second.abs().max().item()
    difference = (first - second).abs().max().item()
    if not difference <= tolerance * max(largest, 1e-30):
        allowed = f"allowed is {tolerance:g} of the largest result, {largest:.2g}"
        raise ContractError(f"{fault}: results differ by {difference:.2g}; {allowed}")
