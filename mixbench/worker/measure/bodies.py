"""Control flow and code that torch would compile run as plain Python, so that a counter sees every operator."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from typing import Any

import torch
from torch import Tensor
from torch._ops import HigherOrderOperator
from torch.overrides import TorchFunctionMode


@contextmanager
def uncompiled() -> Iterator[None]:
    """Run `torch.cond`, `scan`, `while_loop`, `flex_attention` and the like by their bodies, and compile nothing."""
    compiler, torch.compile = torch.compile, _leave_as_it_is
    # importing dynamo takes seconds, so this is for what was compiled earlier
    stance = torch.compiler.set_stance("force_eager") if "torch._dynamo" in sys.modules else nullcontext()
    try:
        with stance, _Bodies():
            yield
    finally:
        torch.compile = compiler


def _leave_as_it_is(model: Any = None, **_: object) -> Any:
    return model if model is not None else _leave_as_it_is


class _Bodies(TorchFunctionMode):
    """Runs operators that take functions by calling these, above autograd, as Python would."""

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        body = _body_of(func) if isinstance(func, HigherOrderOperator) else None
        if body is None:
            return func(*args, **(kwargs or {}))
        with self:
            return body(*args, **(kwargs or {}))


def _body_of(operator: HigherOrderOperator) -> Callable[..., Any] | None:
    """An operator in plain Python: our own where torch's refuses to run below a counter, else torch's for all devices."""
    return _OWN.get(operator.name()) or operator.py_kernels.get(torch._C.DispatchKey.CompositeExplicitAutograd)


def _cond(condition: Any, if_true: Callable[..., Any], if_false: Callable[..., Any], operands: Sequence[Any]) -> Any:
    return (if_true if condition else if_false)(*operands)


def _scan(step: Callable[..., Any], init: Sequence[Any], xs: Sequence[Tensor], additional_inputs: Sequence[Any] = ()) -> Any:
    """The last carry, followed by the outputs of all steps."""
    carry, outputs = list(init), []
    for parts in zip(*xs, strict=True):
        results = step(*carry, *parts, *additional_inputs)
        carry = list(results[: len(init)])
        outputs.append(results[len(init) :])
    return *carry, *(torch.stack(own) for own in zip(*outputs, strict=True))


_OWN: dict[str, Callable[..., Any]] = {"cond": _cond, "scan": _scan}
