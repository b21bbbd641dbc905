"""What half precision may change, and what it may not."""

from __future__ import annotations

import torch
from contract_mixers import TOKENS, WIDTH, Broken
from torch import Tensor

from mixbench.worker.measure.contract_case import Form
from mixbench.worker.measure.contract_precision import repeats
from mixbench.worker.measure.verify import Check, verify

HALF = ["computes about the same in bfloat16", "computes about the same in float16"]


def _refuse_half(x: Tensor, y: Tensor) -> Tensor:
    if x.dtype.itemsize == 2:
        raise TypeError("planted")
    return y


def test_a_mixer_of_a_user_need_not_run_in_half_precision_and_a_built_in_one_must() -> None:
    build = lambda: Broken(_refuse_half)  # noqa: E731
    _, *found = verify(build, width=WIDTH, tokens=TOKENS, checks=HALF)
    assert found == [Check(name, "skip", f"does not run in {name.split()[-1]}: TypeError: planted") for name in HALF]
    _, *found = verify(build, width=WIDTH, tokens=TOKENS, checks=HALF, reference="none")
    assert found == [Check(name, "fail", "TypeError: planted") for name in HALF]


def test_numbers_beyond_float16_are_no_fault_there_and_infinite_ones_in_bfloat16_are() -> None:
    _, *found = verify(lambda: Broken(lambda x, y: 1e6 * y), width=WIDTH, tokens=TOKENS, checks=HALF)
    assert [check.outcome for check in found] == ["pass", "skip"]
    assert found[1].detail == "numbers are not finite, as float16 ends at 65504"
    infinite = lambda: Broken(lambda x, y: y / (x.dtype != torch.bfloat16))  # noqa: E731
    _, *found = verify(infinite, width=WIDTH, tokens=TOKENS, checks=HALF)
    assert [check.outcome for check in found] == ["fail", "pass"]


def test_less_is_allowed_at_the_wide_shape_of_a_built_in_mixer() -> None:
    build = lambda: Broken(lambda x, y: 1.05 * y if x.dtype == torch.bfloat16 else y)  # noqa: E731
    wide = (Form(build, TOKENS, arguments={"width": WIDTH}),)
    given = {"width": WIDTH, "tokens": TOKENS, "checks": HALF[:1], "reference": "none"}
    assert [verify(build, **given, wide=forms)[1].outcome for forms in ((), wide)] == ["pass", "fail"]


def test_a_built_in_mixer_repeats_every_bit_in_half_precision() -> None:
    def noisy(x: Tensor, y: Tensor) -> Tensor:
        return y * (1 + 2**-7 * (torch.rand_like(y) < 0.5)) if x.dtype == torch.bfloat16 else y

    checks = ["is deterministic in evaluation mode"]
    found = [
        verify(lambda: Broken(noisy), width=WIDTH, tokens=TOKENS, checks=checks, reference=name)[1] for name in ("", "none")
    ]
    assert [check.outcome for check in found] == ["pass", "fail"]
    assert found[1].detail == "two calls in evaluation mode differ in bfloat16"


def test_on_a_gpu_a_rounding_here_and_there_is_a_repetition_and_a_race_is_none() -> None:
    y = torch.randn(64, 64, generator=torch.Generator().manual_seed(0)).bfloat16()
    rounded, raced = y.clone(), y.clone()
    rounded[0, ::4] *= 1 + 2**-7
    raced[::8] *= 1.03
    assert [repeats(y, other, on_gpu=True) for other in (y, rounded, raced)] == [True, True, False]
    assert [repeats(y, other, on_gpu=False) for other in (y, rounded, raced)] == [True, False, False]
