"""Parameters and FLOPs are held to closed forms, and to what a mixer declares."""

from __future__ import annotations

import pytest
import torch
from contract_mixers import CLOSED_FORMS, DECLARED, FLOPS, PARAMETERS, TOKENS, WIDTH, Broken, Declaring, Mean
from torch import Tensor

from mixbench.worker.measure.verify import Check, verify


class Raising(Mean):
    def flops(self, batch: int, tokens: int) -> int:
        raise OverflowError("planted")


class Elsewhere(Mean):
    """A method of the same name, as in Swin."""

    def flops(self, H: int, W: int) -> int:  # noqa: N803
        return H * W


class MeanAndExponential(Declaring):
    """Declares what the counter has no formula for."""

    def forward(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        return super().forward(x, mask) + torch.linalg.matrix_exp(torch.eye(WIDTH)).sum()

    flops = Declaring.flops


class LookingAtValues(Declaring):
    flops = Declaring.flops

    def forward(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        return super().forward(x, mask) if float(x.detach().sum()) < 1e9 else x


def test_the_numbers_that_are_equal_are_told() -> None:
    details = {check.name: check.detail for check in verify(Mean, width=WIDTH, tokens=TOKENS, closed_forms=CLOSED_FORMS)}
    assert details[PARAMETERS] == "72 parameters"
    assert details[FLOPS] == "inference 256, training 768, for 2 sequences"


@pytest.mark.parametrize("count", CLOSED_FORMS)
def test_a_wrong_closed_form_fails(count: str) -> None:
    planted = CLOSED_FORMS | {count: CLOSED_FORMS[count] + 1}
    failed = {c.name: c.detail for c in verify(Mean, width=WIDTH, tokens=TOKENS, closed_forms=planted) if c.outcome == "fail"}
    assert (
        failed
        == {
            "params": {PARAMETERS: "72 parameters, but 73 by the closed form"},
            "inference": {FLOPS: "inference: 256 FLOPs counted, but 257 by the closed form, for 2 sequences"},
            "training": {FLOPS: "training: 768 FLOPs counted, but 769 by the closed form, for 2 sequences"},
        }[count]
    )


@pytest.mark.parametrize(
    ("kind", "closed_forms", "outcome", "detail"),
    [
        (Declaring, None, "pass", "inference 256, training 768, for 2 sequences"),
        (Declaring, CLOSED_FORMS, "skip", "compared with its closed form instead"),
        (Mean, None, "skip", "has no method flops(batch, tokens)"),
        (MeanAndExponential, None, "skip", "inference: the counter has no formula for linalg_matrix_exp"),
        (LookingAtValues, None, "skip", "inference: without data: DataDependentOutputException"),
        (Elsewhere, None, "skip", "its flops(H, W) is not flops(batch, tokens)"),
        (Raising, None, "fail", "its flops(batch, tokens) raised OverflowError: planted"),
    ],
)
def test_a_declared_count_is_held_to_the_counter_where_that_has_every_formula(
    kind: type[Mean], closed_forms: dict[str, int] | None, outcome: str, detail: str
) -> None:
    checks = verify(kind, width=WIDTH, tokens=TOKENS, closed_forms=closed_forms)
    (found,) = (check for check in checks if check.name == DECLARED)
    assert found.outcome == outcome
    assert found.detail.startswith(detail)


def test_a_declared_count_of_training_takes_the_factor_that_the_mixer_gives() -> None:
    class Constant(Declaring):
        """Its map takes no input, so backward needs one product, not two."""

        training_factor = 2.0
        flops = Declaring.flops

        def forward(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
            return x + self.linear(torch.ones(len(x), 1, WIDTH, dtype=x.dtype, device=x.device))

    (found,) = (check for check in verify(Constant, width=WIDTH, tokens=TOKENS) if check.name == DECLARED)
    assert found == Check(DECLARED, "pass", "inference 256, training 512, for 2 sequences")


def test_a_count_that_is_a_lower_bound_passes_with_a_remark() -> None:
    build = lambda: Broken(lambda x, y: y + torch.linalg.matrix_exp(torch.eye(WIDTH)).sum())  # noqa: E731
    (found,) = (check for check in verify(build, width=WIDTH, tokens=TOKENS) if check.name == "has countable FLOPs")
    assert found.outcome == "pass"
    assert "inference: a lower bound, no formula for linalg_matrix_exp" in found.detail


def test_a_method_that_is_not_asked_for_the_count_is_said() -> None:
    (found,) = (check for check in verify(Elsewhere, width=WIDTH, tokens=TOKENS) if check.name == "has countable FLOPs")
    assert (found.outcome, found.detail) == ("pass", "its flops(H, W) is not flops(batch, tokens): operators are counted")
