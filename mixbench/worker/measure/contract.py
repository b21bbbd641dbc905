"""The contract of a mixer, as named checks."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor, nn

from mixbench.worker.calls import either_way, gradients, named_parameters
from mixbench.worker.measure.declared import ForeignMethodError, declared_flops
from mixbench.worker.measure.flops import FlopCount, count_flops
from mixbench.worker.measure.subject import ContractError

TOLERANCE = 1e-4
"""Largest difference, relative to the largest value, between float32 results that should be equal."""
_MODES = ("inference", "training")
_BATCH = 2


class NotApplicableError(Exception):
    """The check does not apply to this mixer; the message says why."""


@dataclass(frozen=True)
class Case:
    """The subject of the checks: a mixer in evaluation mode, how to build it again, and the facts given to `verify`."""

    build: Callable[[], nn.Module]
    mixer: nn.Module
    width: int
    tokens: int
    honours_mask: bool | None = None
    closed_forms: Mapping[str, int] | None = None

    def input(self, batch: int = _BATCH, seed: int = 1) -> Tensor:
        """Random normal (batch, tokens, width)."""
        return torch.randn(batch, self.tokens, self.width, generator=torch.Generator().manual_seed(seed))

    def counted(self, mode: str, **options: Any) -> FlopCount:
        """The FLOPs of one call; `options` are those of `count_flops`."""

        def make_input() -> Tensor:
            return torch.randn(_BATCH, self.tokens, self.width)

        return count_flops(self.build, make_input, mode=mode, tokens=self.tokens, batch=_BATCH, **options)


def as_tensor(y: object) -> Tensor:
    """The output of a mixer. Raises ContractError if it is not a tensor."""
    if not isinstance(y, Tensor):
        raise ContractError(f"forward returned {type(y).__name__}, not a tensor")
    return y


@torch.no_grad()
def _run(case: Case, x: Tensor, **mask: Tensor) -> Tensor:
    return as_tensor(case.mixer(x, **mask))


def _demand_same(first: Tensor, second: Tensor, fault: str) -> None:
    largest = second.abs().max().item()
    difference = (first - second).abs().max().item()
    if not difference <= TOLERANCE * max(largest, 1e-30):
        raise ContractError(f"{fault}: results differ by {difference:.2g}, the largest is {largest:.2g}")


def _demand_shape(y: Tensor, shape: Sequence[int]) -> None:
    if y.shape != torch.Size(shape):
        raise ContractError(f"the shape {tuple(shape)} became {tuple(y.shape)}")


def _keeps_shape(case: Case) -> str:
    x = case.input()
    _demand_shape(_run(case, x), x.shape)
    return ""


def _takes_other_batches(case: Case) -> str:
    for batch in (1, 5):
        x = case.input(batch)
        _demand_shape(_run(case, x), x.shape)
    return ""


def _keeps_dtype(case: Case) -> str:
    for dtype in (torch.float64, torch.float32):
        result = _run(replace(case, mixer=case.build().eval().to(dtype)), case.input().to(dtype))
        if result.dtype != dtype:
            raise ContractError(f"{dtype} became {result.dtype}")
    return ""


def _is_finite(case: Case) -> str:
    wrong = (~torch.isfinite(_run(case, case.input()))).sum().item()
    if wrong:
        raise ContractError(f"{wrong} numbers are not finite")
    return ""


def _is_deterministic(case: Case) -> str:
    _demand_same(_run(case, case.input()), _run(case, case.input()), "two calls in evaluation mode")
    return ""


def _leaves_input(case: Case) -> str:
    x = case.input()
    _run(case, x)
    if not torch.equal(x, case.input()):
        raise ContractError("forward changed its input in place")
    return ""


def _keeps_sequences_apart(case: Case) -> str:
    x = case.input(batch=3)
    other = torch.cat((x[:1], case.input(batch=2, seed=2)))
    _demand_same(_run(case, x)[0], _run(case, other)[0], "a sequence depends on the others in its batch")
    return ""


def _honours_mask(case: Case) -> str:
    if case.honours_mask is False:
        raise NotApplicableError("declared not to honour a mask")
    if case.honours_mask is None and (reason := _lacks_mask(case.mixer)):
        raise NotApplicableError(reason)
    if case.tokens == 1:
        raise NotApplicableError("needs at least 2 tokens")
    real = case.tokens - (case.tokens + 2) // 3
    mask = torch.ones(2, case.tokens, dtype=torch.bool)
    mask[0, real:] = False
    x = case.input()
    padded = torch.where(mask.unsqueeze(-1), x, 10 * case.input(seed=2))
    result, other = _run(case, x, mask=mask), _run(case, padded, mask=mask)
    _demand_same(result[mask], other[mask], "real tokens depend on the content of padded ones")
    try:
        unpadded = _run(case, x[:1, :real])
    except Exception:
        return "not compared with an unpadded run: shorter sequences are refused"
    _demand_same(result[:1, :real], unpadded, "real tokens depend on the amount of padding")
    return ""


def _lacks_mask(mixer: nn.Module) -> str:
    """Why a mixer is given no mask; "" if it is given one."""
    names = named_parameters(mixer.forward)
    if "mask" in names:
        return ""
    similar = " or ".join(name for name in names if "mask" in name)
    return f"forward takes no `mask=`, so it is given no mask{similar and f'; rename {similar}'}"


@torch.enable_grad()
def _passes_gradients(case: Case) -> str:
    x = case.input().requires_grad_()
    named = {name: tensor for name, tensor in case.mixer.named_parameters() if tensor.requires_grad}

    def found(grad: bool) -> tuple[Tensor | None, ...]:
        y = as_tensor(case.mixer(x))
        return gradients(y, (x, *named.values()), case.input(seed=2).to(y.dtype), grad=grad)

    by_name = dict(zip(("the input", *named), either_way(found), strict=True))
    for name, gradient in by_name.items():
        if gradient is None:
            raise ContractError(f"no gradient reaches {name}")
        if not bool(torch.isfinite(gradient).all()):
            raise ContractError(f"the gradient of {name} is not finite")
    if (of_input := by_name["the input"]) is not None and not bool(of_input.any()):
        raise ContractError("the gradient of the input is zero")
    return ""


def _has_countable_flops(case: Case) -> str:
    remarks = []
    for mode in _MODES:
        counted = case.counted(mode)
        if counted.flops is None:
            raise ContractError(f"{mode}: {counted.reason}")
        if counted.hiding:
            remarks.append(f"{mode}: a lower bound, no formula for {', '.join(counted.hiding)}")
        remarks += [counted.remark] if counted.remark else []
    return "; ".join(dict.fromkeys(remarks))


def _has_closed_form_params(case: Case) -> str:
    expected = _closed_forms(case)["params"]
    found = sum(parameter.numel() for parameter in case.mixer.parameters())
    if found != expected:
        raise ContractError(f"{found} parameters, but {expected} by the closed form")
    return str(found)


def _has_closed_form_flops(case: Case) -> str:
    closed_forms = _closed_forms(case)
    return _demand_equal(_flops(case), {mode: _BATCH * closed_forms[mode] for mode in _MODES}, "by the closed form")


def _declares_flops(case: Case) -> str:
    try:
        declared = declared_flops(case.mixer, batch=_BATCH, tokens=case.tokens, training=False)
    except ForeignMethodError as error:
        raise NotApplicableError(str(error)) from error
    if declared is None:
        raise NotApplicableError("has no method flops(batch, tokens)")
    if case.closed_forms:
        raise NotApplicableError("compared with its closed form instead")
    # only without values: with them, kernels from outside torch would run uncounted
    counted = _flops(case, values=[False], trust_declared=False)
    return _demand_equal(counted, _flops(case), "by flops(batch, tokens)")


def _closed_forms(case: Case) -> Mapping[str, int]:
    if case.closed_forms is None:
        raise NotApplicableError("not a built-in mixer, so no closed form is known")
    return case.closed_forms


def _flops(case: Case, **options: Any) -> dict[str, int]:
    """FLOPs by mode. Raises NotApplicableError unless every operator could be counted."""
    flops = {}
    for mode in _MODES:
        counted = case.counted(mode, **options)
        if counted.flops is None:
            raise NotApplicableError(f"{mode}: {counted.reason}")
        if counted.hiding:
            raise NotApplicableError(f"{mode}: the counter has no formula for {', '.join(counted.hiding)}")
        flops[mode] = counted.flops
    return flops


def _demand_equal(found: Mapping[str, int], expected: Mapping[str, int], source: str) -> str:
    for mode, flops in found.items():
        if flops != expected[mode]:
            raise ContractError(f"{mode}: {flops} FLOPs counted, but {expected[mode]} {source}, for {_BATCH} sequences")
    return f"{', '.join(f'{mode} {flops}' for mode, flops in found.items())}, for {_BATCH} sequences"


CHECKS: dict[str, Callable[[Case], str]] = {
    "keeps the shape": _keeps_shape,
    "keeps the dtype": _keeps_dtype,
    "gives finite numbers": _is_finite,
    "is deterministic in evaluation mode": _is_deterministic,
    "leaves its input unchanged": _leaves_input,
    "keeps the sequences of a batch apart": _keeps_sequences_apart,
    "takes other batch sizes": _takes_other_batches,
    "honours a mask": _honours_mask,
    "passes gradients to input and parameters": _passes_gradients,
    "has countable FLOPs": _has_countable_flops,
    "has the parameters of its closed form": _has_closed_form_params,
    "has the FLOPs of its closed form": _has_closed_form_flops,
    "declares the FLOPs that it runs": _declares_flops,
}
"""The checks by name: each returns a remark or "", and raises ContractError if the mixer breaks the contract."""
