"""The calls that are timed: build a mixer, check its output, run it. It needs only torch: a duel times with it, too."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import cycle, islice, repeat
from typing import Any, TypeVar

import torch
from torch import Tensor, nn

from ..errors import one_line

Call = Callable[[], object]
Result = TypeVar("Result")

_MOST_QUEUED = 16  # calls
_QUEUE = 4e-3  # seconds of launching kernels, few enough to fit into the driver's queue of about a thousand
_AROUND = 5e-5  # seconds to launch what is around a call: events, and flushing the caches
_CYCLES_PER_SECOND = 2e9  # about the most that a GPU runs
_COMPLEX = {torch.float64: torch.complex128}  # torch has no complex type for half precision that its operators take


class InTurns:
    """Calls that follow each other, over and over: each differs from the one before, for instance by its input.

    Each of them stands for `count` calls of a layer. A clock calls `flush` before each, which is not timed.
    """

    def __init__(self, calls: Sequence[Call], *, count: int = 1, flush: Call | None = None) -> None:
        self.turns = cycle(calls)
        self.count = count
        self.flush = flush

    def __call__(self) -> object:
        return next(self.turns)()


def turns(call: Call) -> Iterator[Call]:
    """What to call, one after the other, without end."""
    return call.turns if isinstance(call, InTurns) else repeat(call)


def count_of(call: Call) -> int:
    """How many calls of a layer it makes at a time."""
    return call.count if isinstance(call, InTurns) else 1


def flush_of(call: Call) -> Call | None:
    """What flushes the caches before each call, where that is wanted."""
    return call.flush if isinstance(call, InTurns) else None


class UnsupportedError(Exception):
    """Something cannot be measured in the way that was asked for; the message says why."""


class ContractError(Exception):
    """A mixer breaks its contract; the message says how."""


def build_mixer(mixer_class: Callable[..., nn.Module], arguments: Mapping[str, Any]) -> nn.Module:
    """Build a mixer. Raises ContractError if its class does not take the arguments, or a function does not make a module."""
    try:
        mixer = mixer_class(**arguments)
    except TypeError as error:
        raise ContractError(f"cannot be built with {', '.join(arguments)}: {error}") from error
    if not isinstance(mixer, nn.Module):
        raise ContractError(f"{mixer_class.__name__} returned {type(mixer).__name__}, not a torch.nn.Module")
    mask = named_parameters(mixer.forward).get("mask")
    if mask and mask.default is mask.empty:
        mixer.forward = partial(mixer.forward, mask=None)  # a mask that must be given: None where there is no padding
    return mixer


def named_parameters(function: Callable[..., object]) -> dict[str, inspect.Parameter]:
    """The parameters of a function that can be given by name; none where Python does not know them.

    A mask is given as `mask=`, so a mixer gets one if its forward has a parameter of this name here.
    """
    try:
        parameters = inspect.signature(function).parameters
    except (TypeError, ValueError):
        return {}
    named = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)
    return {name: parameter for name, parameter in parameters.items() if parameter.kind in named}


def cast(module: nn.Module, *, device: torch.device, dtype: torch.dtype) -> nn.Module:
    """Move a module to a device and its parameters and buffers to a precision, in place.

    Floating-point tensors get `dtype`. Complex ones stay complex: complex128 for float64, else complex64. Integers, truth
    values, and tensors that are neither parameter nor buffer stay as they are, as with torch's own `to`.
    """

    def moved(tensor: Tensor) -> Tensor:
        if tensor.is_complex():
            return tensor.to(device=device, dtype=_COMPLEX.get(dtype, torch.complex64))
        return tensor.to(device=device, dtype=dtype if tensor.is_floating_point() else None)

    applied: nn.Module = module._apply(moved)
    return applied


def count_parameters(module: nn.Module) -> int:
    """The real numbers among a module's parameters; a complex one counts as two."""
    return sum(parameter.numel() * (2 if parameter.is_complex() else 1) for parameter in module.parameters())


def check_output(y: object, shape: tuple[int, ...], dtype: torch.dtype, name: str = "forward") -> None:
    """Raise ContractError unless what `name` returned is a tensor of this shape and dtype, with finite numbers only."""
    if not isinstance(y, Tensor):
        raise ContractError(f"{name} returned {type(y).__name__}, not a tensor")
    if tuple(y.shape) != shape:
        raise ContractError(f"{name} returned the shape {tuple(y.shape)}, not {shape}")
    if y.dtype != dtype:
        raise ContractError(f"{name} returned {y.dtype}, not {dtype}")
    if not bool(torch.isfinite(y).all()):
        raise ContractError(f"{name} returned numbers that are not finite")


def training_call(forward: Callable[[Tensor], Tensor], x: Tensor, module: nn.Module, gradient: Tensor) -> TrainingCall:
    """A call of forward and backward: gradients of ⟨output, gradient⟩ for x and every parameter that requires one.

    It is made once here, to find the way in which its gradients can be computed. Raises what the mixer raises.
    """
    wanted = [tensor for tensor in (x, *module.parameters()) if tensor.requires_grad]

    def attempt(grad: bool) -> TrainingCall:
        call = TrainingCall(forward, x, wanted, gradient, grad)
        call()
        return call

    return either_way(attempt)


@dataclass(frozen=True)
class TrainingCall:
    """Forward and backward; the result is a gradient for each tensor that is wanted, or None where it has none.

    `grad` says how they are computed, as in `gradients`.
    """

    forward: Callable[[Tensor], Tensor]
    x: Tensor
    wanted: Sequence[Tensor]
    gradient: Tensor
    grad: bool

    def __call__(self) -> tuple[Tensor | None, ...]:
        y = self.forward(self.x)
        # a mixer without parameters on token numbers has nothing to differentiate
        return gradients(y, self.wanted, self.gradient, grad=self.grad) if self.wanted else (y,)


def gradients(
    y: Tensor, wanted: Sequence[Tensor], gradient: Tensor, *, grad: bool = True, keep_graph: bool = False
) -> tuple[Tensor | None, ...]:
    """The gradients of ⟨y, gradient⟩, by `torch.autograd.grad`, or by `backward` and the attribute `.grad` of each tensor.

    Only the second passes code that works with `.grad` itself, such as re-entrant checkpoints. It may copy a gradient that
    the first hands out as it is.
    """
    if grad:
        return torch.autograd.grad(y, wanted, gradient, retain_graph=keep_graph, allow_unused=True)
    torch.autograd.backward(y, gradient, retain_graph=keep_graph)
    found = tuple(tensor.grad for tensor in wanted)
    for tensor in wanted:
        tensor.grad = None
    return found


def either_way(run: Callable[[bool], Result]) -> Result:
    """The result of `run(grad)`, which ends in `gradients`: with `grad` false only if the other way is refused.

    Where both are, the error of the first is raised.
    """
    try:
        return run(True)
    except RuntimeError as refusal:
        try:
            return run(False)
        except Exception:
            raise refusal from None


def seconds_between_events(device: torch.device, call: Call, repeats: int, *, wait: float = 0.0) -> float:
    """Seconds of `repeats` calls on a GPU that first waits about `wait` seconds, so that the calls queue up.

    All calls are between two events; where the caches are flushed before each of them, each is between two of its own.
    """
    flush = flush_of(call)
    calls = islice(turns(call), repeats)
    timed: list[tuple[torch.cuda.Event, torch.cuda.Event]] = []
    with torch.cuda.device(device):
        if wait:
            torch.cuda._sleep(int(wait * _CYCLES_PER_SECOND))
        for part in ([each] for each in calls) if flush else (calls,):
            if flush:
                flush()
            first, last = torch.cuda.Event(enable_timing=True), torch.cuda.Event(enable_timing=True)
            first.record()
            for each in part:
                each()
            last.record()
            timed.append((first, last))
        last.synchronize()
    return sum(float(first.elapsed_time(last)) for first, last in timed) / 1e3


def device_seconds(device: torch.device, call: Call, repeats: int, host: float, *, every: bool = False) -> float:
    """Seconds of `repeats` calls on a GPU that does not wait for the host; `host` is the time to launch them.

    Only as many are made as the driver's queue holds: a host that has filled it cannot go on before the GPU does. A call that
    fills the queue by itself is ahead of the GPU by as much as the queue holds. With `every`, all are made, one queue after the
    other, as where calls differ.
    """
    one = max(host, 1e-9) / repeats
    queued = max(1, min(repeats, _MOST_QUEUED, int(_QUEUE / one)))

    def seconds(calls: int) -> float:
        wait = 1.5 * min(one * calls, _QUEUE) + _AROUND * (calls if flush_of(call) else 1)
        return seconds_between_events(device, call, calls, wait=wait)

    if every:
        return sum(seconds(min(queued, repeats - made)) for made in range(0, repeats, queued))
    return seconds(queued) * repeats / queued


def distance(result: Tensor, expected: Tensor) -> float:
    """The norm of the difference of two tensors, relative to that of the second."""
    return float((result - expected).norm() / expected.norm().clamp(min=1e-30))


def tolerance(expected: Tensor) -> float:
    """The largest distance that rounding explains."""
    return float(torch.finfo(expected.dtype).eps ** 0.5)


class Calibration(nn.Module):
    """A fixed workload, the same in every version, with which times of different processes are compared."""

    def forward(self, x: Tensor) -> Tensor:
        """Any (size, size) to the same shape."""
        return torch.softmax(nn.functional.gelu(x @ x) @ x, dim=-1)


def describe_failure(error: Exception) -> str:
    """An exception as one line: its message after its type, which a ContractError does not need.

    It goes into sentences, which have their own full stop.
    """
    kind = "" if isinstance(error, ContractError) else f"{type(error).__name__}: "
    return one_line(f"{kind}{error}").rstrip(".")
