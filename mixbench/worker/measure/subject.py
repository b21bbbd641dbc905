"""Build what is measured from a cell's description: a module, its input, and the call that is timed."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from mixbench.model import Block, classifier
from mixbench.tables.speed_rows import DECODE
from mixbench.worker.calls import (
    Call,
    ContractError,
    TrainingCall,
    build_mixer,
    cast,
    check_output,
    training_call,
)
from mixbench.worker.loading import load_class
from mixbench.worker.measure.compiled import compiled
from mixbench.worker.measure.decoding import after
from mixbench.worker.measure.held import held_bytes

__all__ = ["Cell", "ContractError", "Subject", "build_module", "build_subject", "load_class", "make_input"]


_OURS = "mixbench."
_INPUTS = 3
_MOST_BYTES = 64 * 2**20


@dataclass(frozen=True)
class Cell:
    """A cell as the measuring process receives it. `arguments` are all those of the mixer's class."""

    target: str
    arguments: Mapping[str, Any]
    scope: str
    mode: str
    tokens: int
    width: int
    batch: int
    dtype: str
    device: str
    execution: str
    caches: str
    seed: int
    honours_mask: bool
    layers: int
    feature_hidden: int
    vocabulary: int
    classes: int


def build_module(cell: Cell) -> nn.Module:
    """The mixer, block or model of a cell, on the default device and in the default dtype. Raises ContractError."""
    mixer_class = load_class(cell.target)

    def mixer() -> nn.Module:
        return build_mixer(mixer_class, cell.arguments)

    if cell.scope == "mixer":
        return mixer()
    if cell.scope == "block":
        return Block(mixer(), width=cell.width, feature_hidden=cell.feature_hidden, honours_mask=cell.honours_mask)
    return classifier(
        mixer,
        width=cell.width,
        tokens=cell.tokens,
        layers=cell.layers,
        feature_hidden=cell.feature_hidden,
        vocabulary=cell.vocabulary,
        classes=cell.classes,
        honours_mask=cell.honours_mask,
    )


def make_input(cell: Cell) -> Tensor:
    """Random normal (batch, tokens, width), in decode (batch, width); random token numbers (batch, tokens) for a model."""
    if cell.scope == "model":
        return torch.randint(cell.vocabulary, (cell.batch, cell.tokens))
    if cell.mode == DECODE:
        return torch.randn(cell.batch, cell.width)
    return torch.randn(cell.batch, cell.tokens, cell.width)


def make_context(cell: Cell) -> Callable[[int], Tensor]:
    """A function that makes (batch, n, width) random tokens, on the device of a cell and in its dtype."""
    device, dtype = torch.device(cell.device), getattr(torch, cell.dtype)

    def make(tokens: int) -> Tensor:
        return torch.randn(cell.batch, tokens, cell.width, device=device).to(dtype)

    return make


@dataclass(frozen=True)
class Subject:
    """A module with its input, ready to be called. `call` runs the forward pass or, in training, forward and backward.

    Gradients are switched on or off once per process: doing it in the call would be timed. `make_input()` makes the input
    again, as it was before any call, and `make_input(k)` another one. `held` is what exists outside the call, besides the
    module. `compile_s` is how long torch.compile took, if it was applied: see `Compiled`.
    """

    module: nn.Module
    forward: Callable[[Tensor], Tensor]
    call: Call
    x: Tensor
    make_input: Callable[..., Tensor]
    shape: tuple[int, ...]
    held: tuple[Tensor, ...]
    compile_s: float | None = None
    compiled_before: bool = False

    @property
    def held_bytes(self) -> int:
        """Bytes that exist outside the call: what the module holds, the input, and in training the output's gradient."""
        return held_bytes(self.module, self.held, self.x.device)

    def call_with(self, x: Tensor) -> Call:
        """The same call with another input."""
        if isinstance(self.call, TrainingCall):
            wanted = [x if tensor is self.x else tensor for tensor in self.call.wanted]
            return replace(self.call, x=x.requires_grad_(self.x.requires_grad), wanted=wanted)
        return partial(self.forward, x)

    def calls(self) -> list[Call]:
        """The call with a few inputs, to be made in turns, so that code which remembers its last input has to compute.

        The call alone if they would take much memory.
        """
        further = 0 if self.x.nbytes * (_INPUTS - 1) > _MOST_BYTES else _INPUTS - 1
        return [self.call, *(self.call_with(self.make_input(number)) for number in range(1, further + 1))]

    @property
    def changes_input(self) -> bool:
        """Whether the calls so far have changed the input in place."""
        return not torch.equal(self.x, self.make_input())

    def check_output(self, dtype: torch.dtype) -> None:
        """Check the output for the input as it was before any call. Raises ContractError, and whatever the mixer raises.

        Gradients stay as the process has them: for a forward without them, a compiled module would be compiled again.
        """
        with torch.no_grad():
            self.x.copy_(self.make_input())
        y = self.forward(self.x)
        check_output(y.detach() if isinstance(y, Tensor) else y, self.shape, dtype)


def build_subject(cell: Cell, *, fake: bool = False) -> Subject:
    """Build a cell's module with its seed, move it to its device and dtype, and check one output.

    A `fake` module, made of tensors without values, is built in place because it cannot be moved; its output is not checked.

    In decode the module is a `Decoding` after as many random tokens as the cell has, and the call is its step.

    In training the call returns the gradients of ⟨output, fixed random tensor⟩ with respect to every parameter and, unless it
    is token numbers, the input. Raises ContractError for a wrong shape, a number that is not finite, or a compiled module
    whose output differs from the eager one.
    """
    torch.manual_seed(cell.seed)
    device, dtype = torch.device(cell.device), getattr(torch, cell.dtype)
    module = built(cell, device, dtype, fake=fake)
    place = torch.device("cpu") if fake else device
    training = cell.mode == "training"
    module.train(training)
    if cell.mode == DECODE:
        module = after(module, make_context(cell)(cell.tokens))
    make_it = _repeatedly(partial(make_input, cell), device, dtype, place)
    x = make_it()
    shape = (cell.batch, cell.classes) if cell.scope == "model" else tuple(x.shape)
    gradient = torch.randn(shape, device=place).to(device=device, dtype=dtype) if training else x
    with torch.no_grad():
        y = module(x)
        if not fake:
            check_output(y, shape, dtype, "step" if cell.mode == DECODE else "forward")
        del y
    if training and x.is_floating_point():
        x.requires_grad_()
    held = (x, gradient) if training else (x,)

    def called(forward: Callable[[Tensor], Tensor]) -> Call:
        return training_call(forward, x, module, gradient) if training else partial(forward, x)

    if cell.execution != "compiled":
        return Subject(module, module, called(module), x, make_it, shape, held)
    made = compiled(module, x, called)
    return Subject(module, made.forward, made.call, x, make_it, shape, held, made.seconds, made.compiled_before)


def built(cell: Cell, device: torch.device, dtype: torch.dtype, *, fake: bool) -> nn.Module:
    """The module on its device, as `build_subject` has it.

    One of ours is made there: a CPU takes seconds for the random numbers of a large one. Raises ContractError.
    """
    if fake:
        with device, _default_dtype(dtype):
            return build_module(cell)
    with _on(device) if cell.target.startswith(_OURS) else nullcontext():
        module = build_module(cell)
    return cast(module, device=device, dtype=dtype)


def _repeatedly(
    make: Callable[[], Tensor], device: torch.device, dtype: torch.dtype, place: torch.device
) -> Callable[..., Tensor]:
    """A function that makes the same random tensor at every call; given a number, that of those that follow.

    It is made in one place and moved to a device.
    """
    if place.type == "cuda":
        restore = partial(torch.cuda.set_rng_state, torch.cuda.get_rng_state(place), place)
    else:
        restore = partial(torch.set_rng_state, torch.get_rng_state())

    def again(number: int = 0) -> Tensor:
        restore()
        with _on(place):
            for _ in range(number):
                make()
            made = make()
        made = made.to(device)
        return made.to(dtype) if made.is_floating_point() else made

    return again


def _on(device: torch.device) -> AbstractContextManager[object]:
    """Inside, tensors are made on a device, if that is not the CPU."""
    return nullcontext() if device.type == "cpu" else device


@contextmanager
def _default_dtype(dtype: torch.dtype) -> Iterator[None]:
    before = torch.get_default_dtype()
    torch.set_default_dtype(dtype)
    try:
        yield
    finally:
        torch.set_default_dtype(before)
