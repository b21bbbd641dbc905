"""Checks of the contract in other precisions than float32: float64, and half precision, where kernels of their own may run."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import torch
from torch import Tensor, nn

from mixbench.worker.calls import ContractError, cast, describe_failure, distance, tolerance
from mixbench.worker.measure.contract_case import TOLERANCE, Case, NotApplicableError, demand_same

HALVES = (torch.bfloat16, torch.float16)
_WIDE = 5.0
"""The largest distance of results in half precision and in float32 in the `wide` forms, in units of the dtype's `eps`.

On a CPU, the farthest are 1.6 in bfloat16 (differential attention) and 0.9 in float16. Narrow mixers are farther, up to 6.6 at
width 8 (mLSTM in float16).
"""
_ROUNDINGS = 0.25
"""The largest distance of two calls on a GPU, in the same units."""


def keeps_dtype(case: Case) -> str:
    for dtype in (torch.float64, torch.float32):
        _demand_dtype(_output(case, dtype), dtype)
    return ""


def computes_the_same_in_double(case: Case) -> str:
    single = _output(case, torch.float32)
    _demand_no_chance(case, single)
    try:
        double = _output(case, torch.float64)
    except Exception as error:
        raise NotApplicableError("does not run in float64") from error
    demand_same(double, single, "in float64 it computes something else", tolerance=10 * TOLERANCE)
    return ""


def computes_about_the_same_in(dtype: torch.dtype) -> Callable[[Case], str]:
    """A check of results in half precision against those in float32, of the same weights and input, rounded before.

    A built-in mixer is also compared in its `wide` forms.
    """
    name = _name(dtype)

    def check(case: Case) -> str:
        farthest = 0.0
        for each in case.every(case.wide):
            single = _output(each, torch.float32, rounded=dtype)
            _demand_no_chance(each, single, rounded=dtype)
            try:
                half = _output(each, dtype)
            except Exception as error:
                if case.reference:
                    raise
                raise NotApplicableError(f"does not run in {name}: {describe_failure(error)}") from error
            _demand_dtype(half, dtype)
            if dtype == torch.float16 and not bool(torch.isfinite(half).all()):
                raise NotApplicableError(f"{each.words}numbers are not finite, as float16 ends at {torch.finfo(dtype).max:g}")
            far, allowed = distance(half.float(), single), tolerance(half)
            if each is not case:
                allowed = min(allowed, _WIDE * torch.finfo(dtype).eps)
            if not far <= allowed:
                fault = f"{each.words}in {name} it computes something else than in float32"
                raise ContractError(f"{fault}: results differ by {far:.2g} (relative norm); allowed is {allowed:.2g}")
            farthest = max(farthest, far)
        return f"results differ by {farthest:.2g} (relative norm)"

    return check


def repeats_bits_in_half_precision(case: Case) -> None:
    """Raise ContractError where two calls of a built-in mixer differ in half precision: on a CPU in any bit.

    On a GPU they may differ by a rounding here and there, as scans and recurrent layers sum in an order of their own there.
    """
    for each in case.every(case.wide):
        for dtype in HALVES:
            again = replace(each, mixer=_started(each, dtype))
            x = again.input().to(dtype)
            first, second = (again.run(x) for _ in range(2))
            if not repeats(first, second, on_gpu=case.device.type != "cpu"):
                raise ContractError(f"{each.words}two calls in evaluation mode differ in {_name(dtype)}")


def repeats(first: Tensor, second: Tensor, *, on_gpu: bool) -> bool:
    """Whether results in half precision are those of a call and of the same call again."""
    if torch.equal(first.view(torch.int16), second.view(torch.int16)):  # NaN, too, equals itself
        return True
    return on_gpu and distance(first.float(), second.float()) <= _ROUNDINGS * torch.finfo(first.dtype).eps


def _name(dtype: torch.dtype) -> str:
    return str(dtype).removeprefix("torch.")


def _demand_dtype(result: Tensor, dtype: torch.dtype) -> None:
    if result.dtype != dtype:
        raise ContractError(f"{dtype} became {result.dtype}")


def _demand_no_chance(case: Case, single: Tensor, rounded: torch.dtype | None = None) -> None:
    if not torch.allclose(single, _output(case, torch.float32, seed=2, rounded=rounded)):
        raise NotApplicableError("the result is random")


def _started(case: Case, dtype: torch.dtype, rounded: torch.dtype | None = None) -> nn.Module:
    """A mixer as it starts, built from the same random numbers at every call, with its weights `rounded` before."""
    torch.manual_seed(0)
    mixer = case.build().eval()
    for each in (rounded, dtype) if rounded else (dtype,):
        mixer = cast(mixer, device=case.device, dtype=each)
    return mixer


def _output(case: Case, dtype: torch.dtype, *, seed: int = 1, rounded: torch.dtype | None = None) -> Tensor:
    """The first output of a mixer as it starts; weights and input are `rounded` before. `seed` is that of the call."""
    with torch.random.fork_rng(devices=[]):
        mixer = _started(case, dtype, rounded)
        torch.manual_seed(seed)
        return replace(case, mixer=mixer).run(case.input().to(rounded or dtype).to(dtype))
