"""Causal mixers: later tokens change nothing before them, and steps equal the parallel form."""

from __future__ import annotations

from functools import cache
from typing import Any, NamedTuple

import pytest
import torch
from mixer_cases import Case, causal_cases, further_cases, is_causal, named, random_mixer
from torch import nn

from mixbench.mixers import MIXERS
from mixbench.mixers.decoding import decode, tensors_of

CASES = [*causal_cases(7, 150), *filter(is_causal, further_cases())]
LONG = [case for case in causal_cases(4096) if MIXERS[case[0]].state]
each_causal_case = pytest.mark.parametrize("case", CASES, ids=named)
each_case_with_steps = pytest.mark.parametrize("case", [case for case in CASES if MIXERS[case[0]].state], ids=named)


def build(case: Case, dtype: torch.dtype = torch.float64) -> nn.Module:
    torch.manual_seed(0)
    return random_mixer(case).eval().to(dtype)


def inputs(case: Case, batch: int, seed: int = 1) -> torch.Tensor:
    return torch.randn(batch, *case[2:], generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


@each_causal_case
def test_later_tokens_change_nothing_before_them(case: Case) -> None:
    mixer, x, other = build(case), inputs(case, 2), inputs(case, 2, seed=2)
    with torch.no_grad():
        expected = mixer(x)
        for known in {1, case[2] // 3 + 1, case[2] // 2 + 1, case[2] - 1}:
            changed = torch.cat((x[:, :known], 10 * other[:, known:]), dim=1)
            torch.testing.assert_close(mixer(changed)[:, :known], expected[:, :known], rtol=1e-9, atol=1e-9)


class Decoded(NamedTuple):
    """What steps in float64 give for `inputs(case, 2)`."""

    outputs: torch.Tensor
    before_last: Any
    """The state before the last token."""
    last: Any


def decoded(case: Case) -> Decoded:
    name, given, tokens, width = case
    return _decoded(name, tuple(given.items()), tokens, width)


@cache
def _decoded(name: str, given: tuple[tuple[str, str], ...], tokens: int, width: int) -> Decoded:
    case = (name, dict(given), tokens, width)
    mixer, x = build(case), inputs(case, 2)
    outputs, before_last = decode(mixer, x[:, :-1])
    with torch.no_grad():
        y, last = mixer.step(x[:, -1], before_last)
    return Decoded(torch.cat((outputs, y.unsqueeze(1)), dim=1), before_last, last)


def forms(state: Any) -> list[tuple[torch.Size, torch.dtype]]:
    return [(each.shape, each.dtype) for each in tensors_of(state)]


@each_case_with_steps
def test_steps_equal_the_parallel_form(case: Case) -> None:
    mixer, x = build(case), inputs(case, 2)
    with torch.no_grad():
        expected = mixer(x)
        torch.testing.assert_close(decoded(case).outputs, expected, rtol=1e-9, atol=1e-9)
        torch.testing.assert_close(build(case, torch.float32)(x.float()).double(), expected, rtol=1e-3, atol=1e-3)


@each_case_with_steps
def test_a_batch_of_one_or_three_has_the_outputs_of_its_sequences(case: Case) -> None:
    mixer, x = build(case), torch.cat((inputs(case, 2), inputs(case, 1, seed=2)))
    steps = min(case[2], 10)
    with torch.no_grad():
        three = mixer(x)
        torch.testing.assert_close(three[:2], decoded(case).outputs, rtol=1e-9, atol=1e-9)
        torch.testing.assert_close(mixer(x[2:]), three[2:], rtol=1e-9, atol=1e-9)
        for sequences in (x, x[2:]):
            found, _ = decode(mixer, sequences[:, :steps])
            torch.testing.assert_close(found, three[-len(sequences) :, :steps], rtol=1e-9, atol=1e-9)


@each_case_with_steps
def test_steps_in_float32_stay_near_those_in_float64(case: Case) -> None:
    found, _ = decode(build(case, torch.float32), inputs(case, 2).float())
    torch.testing.assert_close(found.double(), decoded(case).outputs, rtol=1e-3, atol=1e-3)


@each_case_with_steps
def test_after_a_prefill_the_steps_go_on(case: Case) -> None:
    """After half of the tokens and before the last to the end; after one, 40 tokens, which for short cases is the end, too."""
    mixer, x, whole = build(case), inputs(case, 2), decoded(case)
    if not hasattr(mixer, "prefill"):
        pytest.skip("has no prefill")
    half = case[2] // 2
    for known, end in {1: min(case[2], 40), half: case[2], case[2] - 1: case[2]}.items():
        with torch.no_grad():
            found, state = mixer.prefill(x[:, :known])
            torch.testing.assert_close(found, whole.outputs[:, :known], rtol=1e-9, atol=1e-9)
            for token in range(known, end):
                y, state = mixer.step(x[:, token], state)
                torch.testing.assert_close(y, whole.outputs[:, token], rtol=1e-9, atol=1e-9)
        if end == case[2]:
            assert forms(state) == forms(whole.last)


@each_case_with_steps
def test_the_same_step_twice_gives_the_same_output(case: Case) -> None:
    mixer, token, state = build(case), inputs(case, 2)[:, -1], decoded(case).before_last
    with torch.no_grad():
        first, _ = mixer.step(token, state)
        assert torch.equal(first, mixer.step(token, state)[0])


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("case", LONG, ids=named)
def test_long_sequences_stay_finite_forward_and_backward(case: Case, dtype: torch.dtype) -> None:
    mixer, x = build(case, dtype), inputs(case, 1).to(dtype).requires_grad_()
    y = mixer(x)
    assert all(each.isfinite().all() for each in (y, *torch.autograd.grad(y, [x, *mixer.parameters()], torch.ones_like(y))))
