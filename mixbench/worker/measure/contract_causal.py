"""Checks of the contract on causal mixers: no token sees later ones, and steps equal the parallel form."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any, cast

import torch
from torch import Tensor, nn

from mixbench.mixers.decoding import tensors_of
from mixbench.worker.calls import ContractError, describe_failure
from mixbench.worker.measure.contract_case import SINGLE, TOLERANCE, Case, NotApplicableError, as_tensor, demand_same

_ASKED = "step(x, state) gets the next tokens (batch, width) and the state, and returns (y, state), y like x"


@torch.no_grad()
def is_causal(case: Case) -> str:
    cases = [each for each in case.every() if each.causal]
    if not cases:
        raise NotApplicableError("not causal" if case.reference else "the class has no parameter or attribute `causal`")
    if case.tokens == 1:
        raise NotApplicableError("needs at least 2 tokens")
    for each in cases:
        mixer, dtype, tolerance = each.precise()
        x, other = each.input(2).to(dtype), each.input(2, seed=2).to(dtype)
        expected = as_tensor(mixer(x))
        for known in sorted({1, each.tokens // 3, each.tokens // 2, each.tokens - 1} - {0}):
            changed = as_tensor(mixer(torch.cat((x[:, :known], 10 * other[:, known:]), dim=1)))
            fault = f"{each.words}the first {known} of {each.tokens} tokens depend on later ones"
            demand_same(changed[:, :known], expected[:, :known], fault, tolerance)
    return ""


@torch.no_grad()
def steps_equal_forward(case: Case) -> str:
    for each in _stepwise(case):
        mixer, dtype, tolerance = each.precise()
        x = each.input(3).to(dtype)
        expected = as_tensor(mixer(x))
        found, _ = _steps(mixer, x)
        demand_same(found, expected, f"{_words(each, dtype)}steps and forward differ", tolerance)
        single, _ = _steps(each.built(torch.float32), x.float())
        demand_same(single.to(dtype), expected, f"{each.words}steps in float32 are far from forward", SINGLE)
    return ""


@torch.no_grad()
def continues_after_prefill(case: Case) -> str:
    cases = list(_stepwise(case))
    if not callable(getattr(case.mixer, "prefill", None)):
        raise NotApplicableError("has no prefill(x): the state after a context is reached in steps")
    for each in cases:
        mixer, dtype, tolerance = each.precise()
        x = each.input(3).to(dtype)
        expected = as_tensor(mixer(x))
        _, last = _steps(mixer, x)
        for known in sorted({1, each.tokens // 2, each.tokens - 1} - {0}):
            prefill = partial(cast(Any, mixer).prefill, x[:, :known])
            y, state = _pair(prefill, "prefill(x)")
            fault = f"{_words(each, dtype)}prefill of {known} tokens and forward differ"
            demand_same(as_tensor(y), expected[:, :known], fault, tolerance)
            later, state = _steps(mixer, x[:, known:], state)
            fault = f"{_words(each, dtype)}steps after a prefill of {known} tokens and forward differ"
            demand_same(later, expected[:, known:], fault, tolerance)
            kinds = [[(tuple(one.shape), one.dtype) for one in tensors_of(reached)] for reached in (state, last)]
            if kinds[0] != kinds[1]:
                raise ContractError(f"{each.words}the state after a prefill and after steps differ: {kinds[0]} and {kinds[1]}")
    return ""


def _words(case: Case, dtype: torch.dtype) -> str:
    """What is special about the form of the mixer, and the precision, which few expect to matter."""
    return f"{case.words}in {str(dtype).removeprefix('torch.')}, "


def _stepwise(case: Case) -> Iterator[Case]:
    """The causal forms of a mixer that can decode. Raises NotApplicableError."""
    lacking = [method for method in ("state", "step") if not _has(case.mixer, method)]
    if lacking and case.stepwise:
        raise ContractError(f"its entry has a state, but the class has no method {' and no method '.join(lacking)}")
    if lacking:
        raise NotApplicableError(f"cannot decode: it has no method {' and no method '.join(lacking)}")
    cases = [each for each in case.every() if each.causal]
    if not cases and case.reference:
        raise NotApplicableError("not causal")
    yield from cases or [case]


def _has(mixer: nn.Module, name: str) -> bool:
    method = getattr(mixer, name, None)
    return callable(method) and not isinstance(method, nn.Module)


def _steps(mixer: Any, x: Tensor, state: Any = None) -> tuple[Tensor, Any]:
    """The outputs of steps over x (batch, tokens, width) from a state, or from the first, and the state after them.

    The last step is made twice. Raises ContractError.
    """
    if state is None:
        try:
            state = mixer.state(len(x))
        except Exception as error:
            raise ContractError(f"state(batch) raised {describe_failure(error)}") from error
    outputs = []
    for token in x.unbind(1):
        before, (y, state) = state, _step(mixer, token, state)
        outputs.append(y)
    again, _ = _step(mixer, token, before)
    demand_same(again, outputs[-1], "the same step twice from one state (return a new state, do not change the old)", TOLERANCE)
    return torch.stack(outputs, dim=1), state


def _step(mixer: Any, token: Tensor, state: Any) -> tuple[Tensor, Any]:
    given = token.clone()
    y, state = _pair(lambda: mixer.step(token, state), "step(x, state)")
    if not torch.equal(token, given):
        raise ContractError("step(x, state) changed x in place")
    if not isinstance(y, Tensor) or y.shape != token.shape:
        found = tuple(y.shape) if isinstance(y, Tensor) else type(y).__name__
        raise ContractError(f"step(x, state) returned {found} for {tuple(token.shape)}; {_ASKED}")
    if y.dtype != token.dtype:
        raise ContractError(f"step(x, state) returned {y.dtype} for {token.dtype}; {_ASKED}")
    return y, state


def _pair(call: Callable[[], Any], name: str) -> tuple[Any, Any]:
    try:
        found = call()
    except Exception as error:
        raise ContractError(f"{name} raised {describe_failure(error)}; {_ASKED}") from error
    if not isinstance(found, tuple) or len(found) != 2:
        kind = f"{len(found)} values" if isinstance(found, tuple) else type(found).__name__
        raise ContractError(f"{name} returned {kind}, not (y, state)")
    return found
