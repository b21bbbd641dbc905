"""The contract of a mixer, as named checks."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import replace

import torch
from torch import Tensor, nn

from mixbench.worker.calls import ContractError, describe_failure, either_way, gradients, named_parameters
from mixbench.worker.measure.contract_case import Case, NotApplicableError, as_tensor, demand_same
from mixbench.worker.measure.contract_causal import continues_after_prefill, is_causal, steps_equal_forward
from mixbench.worker.measure.contract_counts import (
    declares_flops,
    has_closed_form_flops,
    has_closed_form_params,
    has_countable_flops,
)
from mixbench.worker.measure.contract_memory import has_countable_memory, holds_no_more
from mixbench.worker.measure.contract_precision import (
    computes_about_the_same_in,
    computes_the_same_in_double,
    keeps_dtype,
    repeats_bits_in_half_precision,
)
from mixbench.worker.measure.contract_reference import equals_reference


def _demand_shape(y: Tensor, shape: Sequence[int]) -> None:
    if y.shape != torch.Size(shape):
        raise ContractError(f"the shape {tuple(shape)} became {tuple(y.shape)}")


def _keeps_shape(case: Case) -> str:
    x = case.input()
    _demand_shape(case.run(x), x.shape)
    return ""


def _takes_other_batches(case: Case) -> str:
    for batch in (1, 5):
        x = case.input(batch)
        _demand_shape(case.run(x), x.shape)
    return ""


def _takes_other_lengths(case: Case) -> str:
    if case.any_length is False:
        raise NotApplicableError("built for a fixed number of tokens")
    for tokens in (max(1, case.tokens // 2), 2 * case.tokens + 3):
        x = case.input(tokens=tokens)
        try:
            y = case.run(x)
        except Exception as error:
            if case.any_length:
                raise
            raise NotApplicableError(f"refuses {tokens} tokens: {describe_failure(error)}") from error
        _demand_shape(y, x.shape)
        if not bool(torch.isfinite(y).all()):
            raise ContractError(f"at {tokens} tokens, numbers are not finite")
    for each in case.every():
        if each.tokens != case.tokens and each.causal == case.causal and case.any_length:
            _equals_one_that_is_built_for(case, each)
    return ""


def _equals_one_that_is_built_for(case: Case, longer: Case) -> None:
    try:
        longer.mixer.load_state_dict(case.mixer.state_dict())
    except RuntimeError as error:
        raise NotApplicableError(f"at {longer.tokens} tokens it has other parameters") from error
    x = longer.input()
    fault = f"at {longer.tokens} tokens it differs from one built for this length"
    demand_same(case.run(x), longer.run(x), fault)


def _is_finite(case: Case) -> str:
    wrong = (~torch.isfinite(case.run(case.input()))).sum().item()
    if wrong:
        raise ContractError(f"{wrong} numbers are not finite")
    return ""


def _is_deterministic(case: Case) -> str:
    demand_same(case.run(case.input()), case.run(case.input()), "two calls in evaluation mode")
    if case.reference:
        repeats_bits_in_half_precision(case)
    return ""


def _leaves_input(case: Case) -> str:
    x = case.input()
    case.run(x)
    if not torch.equal(x, case.input()):
        raise ContractError("forward changed its input in place")
    return ""


def _forgets_earlier_calls(case: Case) -> str:
    x, other = case.input(), case.input(batch=3, seed=2)
    fresh, again = (replace(case, mixer=case.built(torch.float32)).run(x) for _ in range(2))
    if not torch.allclose(fresh, again):
        raise NotApplicableError("the result is random")
    used = replace(case, mixer=case.built(torch.float32))
    used.run(other)
    for shorter in range(case.tokens - 1, case.tokens // 2, -1):
        with suppress(Exception):
            used.run(other[:, :shorter])
            break
    demand_same(used.run(x), fresh, "after calls with other inputs")
    return ""


def _keeps_sequences_apart(case: Case) -> str:
    x = case.input(batch=3)
    other = torch.cat((x[:1], case.input(batch=2, seed=2)))
    demand_same(case.run(x)[0], case.run(other)[0], "a sequence depends on the others in its batch")
    return ""


def _honours_mask(case: Case) -> str:
    if case.honours_mask is False:
        raise NotApplicableError("declared not to honour a mask")
    if case.honours_mask is None and (reason := _lacks_mask(case.mixer)):
        raise NotApplicableError(reason)
    if case.tokens == 1:
        raise NotApplicableError("needs at least 2 tokens")
    real = case.tokens - (case.tokens + 2) // 3
    mask = torch.ones(2, case.tokens, dtype=torch.bool, device=case.device)
    mask[0, real:] = False
    x = case.input(batch=2)
    padded = torch.where(mask.unsqueeze(-1), x, 10 * case.input(batch=2, seed=2))
    result, other = case.run(x, mask=mask), case.run(padded, mask=mask)
    demand_same(result[mask], other[mask], "real tokens depend on the content of padded ones")
    try:
        unpadded = case.run(x[:1, :real])
    except Exception:
        return "not compared with an unpadded run: shorter sequences are refused"
    demand_same(result[:1, :real], unpadded, "real tokens depend on the amount of padding")
    return ""


def _lacks_mask(mixer: nn.Module) -> str:
    """Why a mixer is given no mask; "" if it is given one."""
    names = named_parameters(mixer.forward)
    if "mask" in names:
        return ""
    similar = " or ".join(name for name in names if "mask" in name)
    return f"forward has no parameter `mask`, so it gets no mask{similar and f'; rename {similar}'}"


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


CHECKS: dict[str, Callable[[Case], str]] = {
    "keeps the shape": _keeps_shape,
    "keeps the dtype": keeps_dtype,
    "gives finite numbers": _is_finite,
    "takes other batch sizes": _takes_other_batches,
    "takes other lengths": _takes_other_lengths,
    "computes the same in float64": computes_the_same_in_double,
    "computes about the same in bfloat16": computes_about_the_same_in(torch.bfloat16),
    "computes about the same in float16": computes_about_the_same_in(torch.float16),
    "equals its slow reference": equals_reference,
    "is deterministic in evaluation mode": _is_deterministic,
    "does not depend on earlier calls": _forgets_earlier_calls,
    "leaves its input unchanged": _leaves_input,
    "keeps the sequences of a batch apart": _keeps_sequences_apart,
    "honours a mask": _honours_mask,
    "is causal": is_causal,
    "steps equal forward": steps_equal_forward,
    "continues after a prefill": continues_after_prefill,
    "passes gradients to input and parameters": _passes_gradients,
    "does not hold more memory after every call": holds_no_more,
    "has countable memory": has_countable_memory,
    "has countable FLOPs": has_countable_flops,
    "has the parameters of its closed form": has_closed_form_params,
    "has the FLOPs of its closed form": has_closed_form_flops,
    "declares the FLOPs that it runs": declares_flops,
}
"""The checks by name: each returns a remark or "", and raises ContractError if the mixer breaks the contract."""
