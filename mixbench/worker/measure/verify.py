"""The contract of a mixer, as named checks that any mixer can be held to."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

import torch
from torch import Tensor, nn

from mixbench.worker.measure.flops import count_flops
from mixbench.worker.measure.subject import ContractError, load_class

TOLERANCE = 1e-4
"""Largest difference, relative to the largest value, between float32 results that should be the same."""


@dataclass(frozen=True)
class Check:
    """One clause of the contract and whether it is kept; `detail` says what is wrong, or why it was not checked."""

    name: str
    outcome: Literal["pass", "fail", "skip"]
    detail: str = ""


class _NotApplicableError(Exception):
    """A check does not apply to this mixer; the message says why."""


@dataclass(frozen=True)
class _Case:
    build: Callable[[], nn.Module]
    mixer: nn.Module
    width: int
    tokens: int
    honours_mask: bool | None

    def input(self, batch: int = 2, seed: int = 1) -> Tensor:
        return torch.randn(batch, self.tokens, self.width, generator=torch.Generator().manual_seed(seed))


def verify(build: Callable[[], nn.Module], *, width: int, tokens: int, honours_mask: bool | None = None) -> list[Check]:
    """Hold the mixer that `build` makes for a width and a number of tokens to the contract, on the CPU.

    `honours_mask` None means that the mixer does if its forward takes a `mask`. If the mixer does not run at all, nothing else
    is checked.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        try:
            case = _Case(build, build().eval(), width, tokens, honours_mask)
            with torch.no_grad():
                _as_tensor(case.mixer(case.input()))
        except Exception as error:
            return [Check("runs", "fail", _describe(error)), *(Check(name, "skip", "does not run") for name in CHECKS)]
        return [Check("runs", "pass"), *(_apply(name, check, case) for name, check in CHECKS.items())]


def verify_job(job: Mapping[str, Any]) -> dict[str, list[dict[str, str]]]:
    """`verify` for a worker: `job["mixers"]` lists name, target, arguments and honours_mask; checks by mixer, as plain values.

    Mixers that share a name are told apart by their arguments.
    """
    names = [mixer["name"] for mixer in job["mixers"]]
    verdicts = {}
    for mixer in job["mixers"]:
        settings = ",".join(f"{name}={value}" for name, value in mixer["arguments"].items())
        name = mixer["name"] if names.count(mixer["name"]) == 1 else f"{mixer['name']}:{settings}"
        verdicts[name] = [asdict(check) for check in _verify_target(**{**mixer, "name": name})]
    return verdicts


def _verify_target(name: str, target: str, arguments: Mapping[str, Any], honours_mask: bool | None) -> list[Check]:
    width, tokens = arguments["width"], arguments["tokens"]
    return verify(lambda: load_class(target)(**arguments), width=width, tokens=tokens, honours_mask=honours_mask)


def _apply(name: str, check: Callable[[_Case], str], case: _Case) -> Check:
    try:
        return Check(name, "pass", check(case))
    except _NotApplicableError as reason:
        return Check(name, "skip", str(reason))
    except Exception as error:
        return Check(name, "fail", _describe(error))


def _describe(error: Exception) -> str:
    kind = "" if isinstance(error, ContractError) else f"{type(error).__name__}: "
    return " ".join(f"{kind}{error}".split())


def _as_tensor(y: object) -> Tensor:
    if not isinstance(y, Tensor):
        raise ContractError(f"forward returned {type(y).__name__}, not a tensor")
    return y


@torch.no_grad()
def _run(case: _Case, x: Tensor, *mask: Tensor) -> Tensor:
    return _as_tensor(case.mixer(x, *mask))


def _demand_same(first: Tensor, second: Tensor, fault: str) -> None:
    largest = second.abs().max().item()
    difference = (first - second).abs().max().item()
    if not difference <= TOLERANCE * max(largest, 1e-30):
        raise ContractError(f"{fault}: results differ by {difference:.2g}, the largest is {largest:.2g}")


def _demand_shape(y: Tensor, shape: Sequence[int]) -> None:
    if y.shape != torch.Size(shape):
        raise ContractError(f"the shape {tuple(shape)} became {tuple(y.shape)}")


def _keeps_shape(case: _Case) -> str:
    x = case.input()
    _demand_shape(_run(case, x), x.shape)
    return ""


def _takes_other_batches(case: _Case) -> str:
    for batch in (1, 5):
        x = case.input(batch)
        _demand_shape(_run(case, x), x.shape)
    return ""


def _keeps_dtype(case: _Case) -> str:
    for dtype in (torch.float64, torch.float32):
        result = _run(_Case(case.build, case.build().eval().to(dtype), case.width, case.tokens, None), case.input().to(dtype))
        if result.dtype != dtype:
            raise ContractError(f"{dtype} became {result.dtype}")
    return ""


def _is_finite(case: _Case) -> str:
    wrong = (~torch.isfinite(_run(case, case.input()))).sum().item()
    if wrong:
        raise ContractError(f"{wrong} numbers are not finite")
    return ""


def _is_deterministic(case: _Case) -> str:
    _demand_same(_run(case, case.input()), _run(case, case.input()), "two calls in evaluation mode")
    return ""


def _leaves_input(case: _Case) -> str:
    x = case.input()
    _run(case, x)
    if not torch.equal(x, case.input()):
        raise ContractError("forward changed its input in place")
    return ""


def _keeps_sequences_apart(case: _Case) -> str:
    x = case.input(batch=3)
    other = torch.cat((x[:1], case.input(batch=2, seed=2)))
    _demand_same(_run(case, x)[0], _run(case, other)[0], "other sequences of the batch change a sequence")
    return ""


def _honours_mask(case: _Case) -> str:
    if case.honours_mask is False:
        raise _NotApplicableError("declared not to honour a mask")
    if case.honours_mask is None and "mask" not in inspect.signature(case.mixer.forward).parameters:
        raise _NotApplicableError("forward takes no mask")
    if case.tokens == 1:
        raise _NotApplicableError("needs 2 tokens or more")
    real = case.tokens - (case.tokens + 2) // 3
    mask = torch.ones(2, case.tokens, dtype=torch.bool)
    mask[0, real:] = False
    x = case.input()
    padded = torch.where(mask.unsqueeze(-1), x, 10 * case.input(seed=2))
    result, other = _run(case, x, mask), _run(case, padded, mask)
    _demand_same(result[mask], other[mask], "the content of padded tokens reaches real ones")
    try:
        unpadded = _run(case, x[:1, :real])
    except Exception:
        return "not compared with an unpadded run: takes no shorter sequence"
    _demand_same(result[:1, :real], unpadded, "padding changes real tokens")
    return ""


@torch.enable_grad()
def _passes_gradients(case: _Case) -> str:
    x = case.input().requires_grad_()
    named = {name: tensor for name, tensor in case.mixer.named_parameters() if tensor.requires_grad}
    y = _as_tensor(case.mixer(x))
    gradients = torch.autograd.grad(y, (x, *named.values()), case.input(seed=2).to(y.dtype), allow_unused=True)
    by_name = dict(zip(("the input", *named), gradients, strict=True))
    for name, gradient in by_name.items():
        if gradient is None:
            raise ContractError(f"no gradient reaches {name}")
        if not bool(torch.isfinite(gradient).all()):
            raise ContractError(f"the gradient of {name} is not finite")
    if not bool(by_name["the input"].any()):
        raise ContractError("the gradient of the input is zero")
    return ""


def _has_countable_flops(case: _Case) -> str:
    batch, remarks = 2, []
    for mode in ("inference", "training"):
        size = (batch, case.tokens, case.width)
        counted = count_flops(case.build, lambda: torch.randn(size), mode=mode, tokens=case.tokens, batch=batch)  # noqa: B023
        if counted.flops is None:
            raise ContractError(f"{mode}: {counted.reason}")
        if counted.hiding:
            remarks.append(f"{mode}: a lower bound, no formula for {', '.join(counted.hiding)}")
    return "; ".join(remarks)


CHECKS: dict[str, Callable[[_Case], str]] = {
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
}
"""By name: returns a remark or nothing, raises ContractError where the clause is broken."""
