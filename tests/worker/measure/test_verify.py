"""Each check finds the fault that was planted for it, passes what is right, and is skipped where nothing runs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from contract_faults import PLANTED, SAID
from contract_mixers import CLOSED_FORMS, DECLARED, FLOPS, TOKENS, WIDTH, Broken, Declaring, FixedLength, Mean, outcomes
from places import SAMPLES
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from mixbench.worker.measure.contract import CHECKS
from mixbench.worker.measure.contract_case import Form
from mixbench.worker.measure.verify import Check, verify, verify_job

OF_SOME = ("equals its slow reference", "is causal", "steps equal forward", "continues after a prefill")
"""Checks that apply only to what is built in, or causal."""


class NormalisingByLength(Mean):
    """Padded content has no effect, the amount of padding has."""

    def forward(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        return super().forward(x, mask) / x.shape[1]


class Dropping(Mean):
    def forward(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        return nn.functional.dropout(super().forward(x, mask), training=self.training)


class Dividing(Mean):
    def forward(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        return super().forward(x, mask) + (0 * x[:, :1, :1]).sqrt()


class Rotating(Mean):
    """Holds complex numbers, parameters and not."""

    def __init__(self) -> None:
        super().__init__()
        self.gain = nn.Parameter(torch.randn(WIDTH // 2, dtype=torch.cfloat))
        self.register_buffer("turns", torch.polar(torch.ones(WIDTH // 2), torch.arange(WIDTH // 2.0)))
        self.angles = self.turns.clone()

    def forward(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        pairs = torch.view_as_complex(super().forward(x, mask).unflatten(-1, (-1, 2)))
        return torch.view_as_real(pairs * self.gain * self.turns * self.angles).flatten(-2).to(x.dtype)


class Rechecking(Mean):
    """Runs its forward pass again in the backward pass."""

    def forward(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        y: Tensor = checkpoint(super().forward, x, mask, use_reentrant=True)
        return y


@pytest.mark.parametrize("kind", [Rotating, Rechecking])
def test_complex_numbers_and_re_entrant_checkpoints_break_nothing(kind: type[Mean]) -> None:
    assert "fail" not in outcomes(verify(kind, width=WIDTH, tokens=TOKENS)).values()


@pytest.mark.parametrize("kind", [Mean, Dropping])
def test_a_mixer_that_keeps_the_contract_passes_every_check(kind: type[Mean]) -> None:
    checks = verify(kind, width=WIDTH, tokens=TOKENS, closed_forms=CLOSED_FORMS)
    assert outcomes(checks) == dict.fromkeys(("runs", *CHECKS), "pass") | dict.fromkeys((DECLARED, *OF_SOME), "skip")


@pytest.mark.parametrize("name", CHECKS)
def test_every_check_finds_the_fault_that_was_planted_for_it(name: str) -> None:
    build, fault = PLANTED[name]
    said = {"closed_forms": None if name == DECLARED else CLOSED_FORMS, **SAID.get(name, {})}
    checks = verify(build, width=WIDTH, tokens=TOKENS, checks=[name], **said)
    (found,) = (check for check in checks if check.name == name)
    assert found.outcome == "fail"
    assert found.detail.startswith(fault)


def test_a_fault_does_not_spread_to_checks_that_it_does_not_touch() -> None:
    for name in ("honours a mask", "passes gradients to input and parameters", "has countable FLOPs"):
        failed = [check.name for check in verify(PLANTED[name][0], width=WIDTH, tokens=TOKENS) if check.outcome == "fail"]
        assert failed == [name]


@pytest.mark.parametrize(
    ("build", "name", "fault"),
    [
        (NormalisingByLength, "honours a mask", "real tokens depend on the amount of padding: results differ by"),
        (Dividing, "passes gradients to input and parameters", "the gradient of the input is not finite"),
        (
            lambda: Broken(lambda x, y: y.detach() + 0 * x),
            "passes gradients to input and parameters",
            "no gradient reaches linear.weight",
        ),
        (
            lambda: Broken(lambda x, y: y.detach() + 0 * y),
            "passes gradients to input and parameters",
            "the gradient of the input is zero",
        ),
        (lambda: Broken(lambda x, y: y.detach()), "passes gradients to input and parameters", "RuntimeError: element 0"),
    ],
)
def test_a_check_finds_the_finer_faults_too(build: Callable[[], nn.Module], name: str, fault: str) -> None:
    (found,) = (check for check in verify(build, width=WIDTH, tokens=TOKENS) if check.name == name)
    assert found.outcome == "fail"
    assert found.detail.startswith(fault)


def test_a_mixer_that_does_not_run_fails_once_and_skips_the_rest() -> None:
    for build, fault in (
        (lambda: nn.Linear(3, 3), "RuntimeError: mat1"),
        (lambda: Broken(lambda x, y: (y,)), "forward returned tuple"),
    ):
        first, *others = verify(build, width=WIDTH, tokens=TOKENS)
        assert (first.name, first.outcome) == ("runs", "fail")
        assert first.detail.startswith(fault)
        assert others == [Check(name, "skip", "does not run") for name in CHECKS]


def test_a_class_that_cannot_be_built_fails_with_the_reason() -> None:
    def build() -> nn.Module:
        raise TypeError("planted\nin two lines")

    assert verify(build, width=WIDTH, tokens=TOKENS)[0] == Check("runs", "fail", "TypeError: planted in two lines")


def test_verifying_does_not_depend_on_whether_gradients_are_on() -> None:
    with torch.no_grad():
        without = verify(Declaring, width=WIDTH, tokens=TOKENS)
    assert without == verify(Declaring, width=WIDTH, tokens=TOKENS)
    assert "fail" not in outcomes(without).values()


def test_verifying_keeps_the_random_state() -> None:
    before = torch.random.get_rng_state()
    verify(Mean, width=WIDTH, tokens=TOKENS)
    assert torch.equal(torch.random.get_rng_state(), before)


def test_a_job_gives_plain_values_by_mixer() -> None:
    shape = {"width": WIDTH, "tokens": TOKENS}
    mixers = [
        {
            "name": "none",
            "target": "mixbench.mixers.none:NoMixing",
            "arguments": shape,
            "honours_mask": True,
            "closed_forms": {"params": 0, "inference": 0, "training": 7},
        },
        {"name": "Mean", "target": f"{SAMPLES}:Mean", "arguments": {**shape, "gain": 2}, "honours_mask": None},
        {"name": "Lost", "target": f"{SAMPLES}:Lost", "arguments": shape, "honours_mask": None},
    ]
    verdicts = verify_job({"mixers": mixers})
    assert list(verdicts) == ["none", "Mean", "Lost"]
    assert verdicts["none"][0] == {"name": "runs", "outcome": "pass", "detail": ""}
    assert [check["name"] for check in verdicts["none"] if check["outcome"] == "fail"] == [FLOPS]
    assert verdicts["Lost"][0] == {"name": "runs", "outcome": "fail", "detail": f"{SAMPLES}: Lost does not exist"}


def test_a_right_result_with_a_wrong_gradient_is_found_by_the_reference() -> None:
    build = lambda: Broken(lambda x, y: 2 * x.detach() - x)  # noqa: E731
    (_, found) = verify(build, width=WIDTH, tokens=TOKENS, checks=["equals its slow reference"], reference="none")
    assert found.detail.startswith("the gradient of the input: results differ by")
    assert "; allowed is 1e-09 of the largest result, " in found.detail


def test_a_fault_of_another_form_says_which_form() -> None:
    def form(tokens: int, *, causal: bool = False, flops: int = 0) -> dict[str, Any]:
        closed_forms = {"params": 0, "inference": flops, "training": 3 * flops}
        return {"arguments": {"tokens": tokens, "width": WIDTH}, "causal": causal, "closed_forms": closed_forms}

    mixer = {"name": "none", "target": "mixbench.mixers.none:NoMixing", "reference": "none", "checks": [FLOPS]}
    verdicts = verify_job({"mixers": [{**mixer, **form(TOKENS), "forms": [form(20, flops=1)]}]})
    assert (
        verdicts["none"][1]["detail"] == "at 20 tokens: inference: 0 FLOPs counted, but 1 by the closed form, for 2 sequences"
    )
    mean = {"name": "mean", "target": f"{SAMPLES}:Mean", "checks": ["is causal"]}
    verdicts = verify_job({"mixers": [{**mean, **form(TOKENS), "forms": [form(20, causal=True)]}]})
    assert verdicts["mean"][1]["detail"].startswith("at 20 tokens, causal: the first 1 of 20 tokens depend on later ones")


def test_a_mixer_said_to_take_any_length_is_compared_with_one_that_is_built_for_it() -> None:
    class Scaled(Mean):
        def __init__(self, tokens: int) -> None:
            super().__init__()
            self.tokens = tokens

        def forward(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
            return super().forward(x, mask) / self.tokens

    forms = (Form(lambda: Scaled(20), 20),)
    said = {"width": WIDTH, "tokens": TOKENS, "checks": ["takes other lengths"], "forms": forms}
    (_, found) = verify(lambda: Scaled(TOKENS), any_length=True, **said)
    assert found.detail.startswith("at 20 tokens it differs from one built for this length: results differ by")
    assert verify(lambda: Scaled(TOKENS), any_length=None, **said)[1].outcome == "pass"
    (_, found) = verify(FixedLength, any_length=None, **said)
    assert found.outcome == "skip"
    assert found.detail.startswith("refuses 4 tokens: RuntimeError")
