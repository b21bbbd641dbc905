"""Floating-point operations of a call, multiply-add = 2: matrix products, convolutions, Fourier transforms.

They are counted operator by operator on tensors without values, where nothing is computed and attention runs as its two
products (in full even under a causal mask). These tensors are on the device that is timed, so that code which asks for its
device takes the path that is timed. The first call is not counted: later ones need not make again what it keeps for them.

A complex product counts as 4 real ones; a Fourier transform of n points as 5 n log2 n, or half as much if its input or output
is real. As is usual in the field, elementwise operators, reductions, scans and norms are not counted. Every operator that
computes without a formula is named, and one that may contain products makes the number a lower bound. Training is forward and
backward, with gradients of a floating-point input and of every parameter: for a linear map, 3 times the forward pass.

Operators in threads that a call starts are counted as well. What torch does not dispatch is not seen, but where data leave
torch for it, for NumPy or a kernel that is called by address, the number is a lower bound, too. So it is where a module keeps
such access from before. What was copied by then, such as weights that NumPy made, does not matter.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn
from torch._ops import HigherOrderOperator
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils._python_dispatch import TorchDispatchMode

from mixbench.worker.calls import ContractError, either_way, gradients
from mixbench.worker.measure.bodies import uncompiled
from mixbench.worker.measure.declared import declared_flops, mixers_of
from mixbench.worker.measure.fake import without_values
from mixbench.worker.measure.flop_formulas import formula_of
from mixbench.worker.measure.leaving import Leaving
from mixbench.worker.measure.operators import full_name, is_free, may_hide_products
from mixbench.worker.measure.threads import in_all_threads, unwatched_threads, watching_new_threads

_EARLIER_THREADS = "work in threads that started before the count"


@dataclass(frozen=True)
class FlopCount:
    """FLOPs per call; `flops` is None, with a `reason`, if they could not be counted.

    `uncounted` names the operators that ran without a formula. Those in `hiding` may contain products: with any of them the
    count is a lower bound. `remarks` say why a mixer's own method `flops` was not used. `operators` has the calls of operators
    with a formula, by name (`aten.mm.default`); a mixer that declares its count has none.
    """

    flops: int | None
    uncounted: tuple[str, ...] = ()
    hiding: tuple[str, ...] = ()
    reason: str = ""
    remarks: tuple[str, ...] = ()
    operators: Mapping[str, int] = field(default_factory=dict, compare=False)


def count_flops(
    build: Callable[[], nn.Module],
    make_input: Callable[[], Tensor],
    *,
    mode: str,
    tokens: int,
    batch: int,
    device: str = "cpu",
    trust_declared: bool = True,
    input_gradient: bool = True,
    values: Sequence[bool] = (False, True),
) -> FlopCount:
    """Count one call of a module: mode "inference" (forward) or "training" (forward and backward).

    `build` and `make_input` make the module and its input on the default device, which is `device`. What cannot be counted
    without values, because code looks at them, is counted with values; `values` says what is tried.

    A mixer with a method `flops(batch, tokens)` declares its forward count, added for each call; training multiplies it by its
    `training_factor` (default 3). A method of one of its parts is not asked. With `trust_declared` false, every mixer is
    counted operator by operator.
    """
    reasons = []
    training = mode == "training"
    for given in values:
        counter = _Counter()
        try:
            with (
                nullcontext() if given else without_values(),
                _plainly(device, training),
                Leaving() as leaving,
                watching_new_threads(),
            ):
                unseen = {_EARLIER_THREADS} if unwatched_threads() else set()
                module = build().train(training)
                remarks = _trust(module, counter, training, tokens, batch) if trust_declared else []
                x = make_input()
                if training and input_gradient and x.is_floating_point():
                    x.requires_grad_()
                grad = either_way(partial(_call, module, x, training))
                counter.clear()
                leaving.forget(module)
                with in_all_threads(counter):
                    _call(module, x, training, grad)
            return FlopCount(
                round(counter.flops),
                tuple(sorted(counter.uncounted | leaving.ways)),
                tuple(sorted(counter.hiding | leaving.ways | unseen)),
                remarks=tuple(dict.fromkeys(remarks)),
                operators=dict(counter.operators),
            )
        except Exception as error:  # a module may raise anything
            reasons.append(f"{f'on {device}' if given else 'without data'}: {type(error).__name__}: {error}")
    return FlopCount(None, reason=" and ".join(reasons))


@contextmanager
def _plainly(device: str, training: bool) -> Iterator[None]:
    """Work on a device with kernels that do one thing each: fused ones hide what they compute."""
    with (
        torch.device(device),  # a function mode also keeps attention and encoder layers of torch from fused inference
        sdpa_kernel(SDPBackend.MATH),
        torch.backends.mkldnn.flags(enabled=False, allow_tf32=None),
        torch.backends.cudnn.flags(enabled=False),
        torch.set_grad_enabled(training),
        uncompiled(),
    ):
        yield


def _call(module: nn.Module, x: Tensor, training: bool, grad: bool) -> bool:
    y = module(x)
    if training and y.requires_grad:  # in a thread of its own, code makes gradients possible in inference, too
        wanted = [tensor for tensor in (x, *module.parameters()) if tensor.requires_grad]
        gradients(y, wanted, torch.randn_like(y), grad=grad)
    return grad


def _trust(module: nn.Module, counter: _Counter, training: bool, tokens: int, batch: int) -> list[str]:
    """Replace the call of each mixer that declares its count by that count; the reasons for which others are not trusted."""
    remarks = []
    for mixer in mixers_of(module):
        try:
            flops = declared_flops(mixer, batch=batch, tokens=tokens, training=training)
        except ContractError as error:
            remarks.append(f"{error}: operators are counted")
        else:
            if flops is not None:
                mixer.forward = _pass_through(counter, flops)
    return remarks


def _pass_through(counter: _Counter, flops: int) -> Callable[..., Tensor]:
    def forward(x: Tensor, *arguments: object, **options: object) -> Tensor:
        counter.flops += flops
        return x.view_as(x)

    return forward


class _Counter(TorchDispatchMode):
    """Adds up the formulas of the operators that run, and names the operators without one."""

    supports_higher_order_operators = True

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._lock = threading.Lock()
        self.clear()

    def clear(self) -> None:
        """Forget what was counted so far."""
        self.flops: float = 0
        self.uncounted: set[str] = set()
        self.hiding: set[str] = set()
        self.operators: Counter[str] = Counter()

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        if isinstance(func, HigherOrderOperator):
            self._name(func.name(), hides=True)
            return func(*args, **kwargs)
        if func.namespace == "prim":
            return func(*args, **kwargs)
        formula = formula_of(func._overloadpacket)
        if formula is None:
            with self:
                parts = func.decompose(*args, **kwargs)
            if parts is not NotImplemented:
                return parts
        result = func(*args, **kwargs)
        if formula:
            flops = formula(*args, **kwargs, out_val=result)
            with self._lock:
                self.flops += flops
                self.operators[str(func)] += 1
        elif not is_free(func):
            self._name(full_name(func), hides=may_hide_products(func))
        return result

    def _name(self, operator: str, *, hides: bool) -> None:
        self.uncounted.add(operator)
        if hides:
            self.hiding.add(operator)
