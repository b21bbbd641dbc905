from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from places import SAMPLES
from torch import Tensor, nn
from torch.utils._python_dispatch import _get_current_dispatch_mode
from torch.utils.checkpoint import checkpoint

from mixbench.worker.measure.contract import CHECKS
from mixbench.worker.measure.contract_case import Form
from mixbench.worker.measure.contract_precision import repeats
from mixbench.worker.measure.verify import Check, verify, verify_job

TOKENS, WIDTH = 9, 8
CLOSED_FORMS = {"params": WIDTH**2 + WIDTH, "inference": 4 * WIDTH**2, "training": 12 * WIDTH**2}
"""Of two sequences."""
"""Of `Mean`."""
PARAMETERS, FLOPS, DECLARED = (
    "has the parameters of its closed form",
    "has the FLOPs of its closed form",
    "declares the FLOPs that it runs",
)
OF_SOME = ("equals its slow reference", "is causal", "steps equal forward", "continues after a prefill")
"""Checks that apply only to what is built in, or causal."""


class Mean(nn.Module):
    """Keeps the contract: a projected mean over the real tokens is added to each token."""

    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(WIDTH, WIDTH)

    def forward(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        mask = torch.ones(x.shape[:2], dtype=torch.bool, device=x.device) if mask is None else mask
        total = x.masked_fill(~mask.unsqueeze(-1), 0).sum(1) / mask.sum(1, keepdim=True)
        mixed: Tensor = x + self.linear(total).unsqueeze(1)
        return mixed


class Broken(Mean):
    """Breaks the contract by what `after` makes of input and right output."""

    def __init__(self, after: Callable[[Tensor, Tensor], Any]) -> None:
        super().__init__()
        self.after = after

    def forward(self, x: Tensor, mask: Tensor | None = None) -> Any:
        return self.after(x, super().forward(x, mask))


class IgnoringMask(Mean):
    def forward(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        return super().forward(x)


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


class Idle(Mean):
    def __init__(self) -> None:
        super().__init__()
        self.spare = nn.Parameter(torch.zeros(1))


class Hiding(Mean):
    """Does not run below a counter."""

    def forward(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        if _get_current_dispatch_mode():
            raise OverflowError("planted")
        return super().forward(x, mask)


class Raising(Mean):
    def flops(self, batch: int, tokens: int) -> int:
        raise OverflowError("planted")


class Elsewhere(Mean):
    """A method of the same name, as in Swin."""

    def flops(self, H: int, W: int) -> int:  # noqa: N803
        return H * W


class Twice(Mean):
    def forward(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        return super().forward(super().forward(x, mask), mask)


class Declaring(Mean):
    def flops(self, batch: int, tokens: int) -> int:
        return batch * CLOSED_FORMS["inference"] // 2


class Boasting(Declaring):
    def flops(self, batch: int, tokens: int) -> int:
        return super().flops(batch, tokens) - 1


class MeanAndExponential(Declaring):
    """Declares what the counter has no formula for."""

    def forward(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        return super().forward(x, mask) + torch.linalg.matrix_exp(torch.eye(WIDTH)).sum()

    flops = Declaring.flops


class LookingAtValues(Declaring):
    flops = Declaring.flops

    def forward(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        return super().forward(x, mask) if float(x.detach().sum()) < 1e9 else x


class FixedLength(Mean):
    def forward(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        return super().forward(x, mask) + torch.zeros(TOKENS, 1)


class Hoarding(Mean):
    def __init__(self) -> None:
        super().__init__()
        self.kept: list[Tensor] = []

    def forward(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        self.kept.append(x.clone())
        return super().forward(x, mask)


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


class Maskless(nn.Linear):
    pass


class MaskByAnotherName(Mean):
    def forward(self, x: Tensor, attention_mask: Tensor | None = None) -> Tensor:  # type: ignore[override]
        return super().forward(x, attention_mask)


class MaskByPosition(Mean):
    def forward(self, x: Tensor, mask: Tensor | None = None, /) -> Tensor:  # type: ignore[override]
        return super().forward(x, mask)


class MaskByKeyword(Mean):
    def forward(self, x: Tensor, *, mask: Tensor | None = None) -> Tensor:  # type: ignore[override]
        return super().forward(x, mask)


class MaskInThirdPlace(Mean):
    def forward(self, x: Tensor, gate: Tensor | None = None, mask: Tensor | None = None) -> Tensor:  # type: ignore[override]
        return super().forward(x if gate is None else x * gate, mask)


class Averaging(Mean):
    """Adds a running mean of its inputs."""

    def __init__(self) -> None:
        super().__init__()
        self.mean = torch.zeros(WIDTH)

    def forward(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        self.mean = 0.9 * self.mean + 0.1 * x.detach().mean((0, 1)).to(self.mean)
        return super().forward(x, mask) + self.mean.to(x)


class Summing(nn.Module):
    """A projected sum over the tokens before, which can be taken step by step. `after` changes the output of a step."""

    def __init__(
        self, after: Callable[[Tensor], Any] = lambda y: y, told: Callable[[Tensor], Any] = lambda state: state
    ) -> None:
        super().__init__()
        self.linear = nn.Linear(WIDTH, WIDTH)
        self.after = after
        self.told = told

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.linear(x).cumsum(1)
        return y

    def state(self, batch: int) -> Tensor:
        return self.linear.weight.new_zeros(batch, WIDTH)

    def step(self, x: Tensor, state: Tensor) -> Any:
        state = state + self.linear(x)
        return self.after(state), state

    def prefill(self, x: Tensor) -> Any:
        y = self.forward(x)
        return y, self.told(y[:, -1])


class Forgetful(Summing):
    """Its step changes the state in place, so that the same step gives another output."""

    def step(self, x: Tensor, state: Tensor) -> Any:
        state += self.linear(x)
        return state.clone(), state


class Overwriting(Summing):
    """Its step changes the token in place."""

    def step(self, x: Tensor, state: Tensor) -> Any:
        result = super().step(x, state)
        x.zero_()
        return result


class StepAlone(Summing):
    def step(self, x: Tensor, state: Tensor) -> Any:
        return super().step(x, state)[0]


class StepOfMore(Summing):
    def step(self, x: Tensor, state: Tensor, position: int) -> Any:
        return super().step(x, state)


class NoState(Summing):
    state = None  # type: ignore[assignment]


def _overwrite(x: Tensor, y: Tensor) -> Tensor:
    x.detach().zero_()
    return y


def _one_batch_only(x: Tensor, y: Tensor) -> Tensor:
    return y if len(x) in (2, 3) else y[:, :1]


SAID: dict[str, dict[str, Any]] = {
    "equals its slow reference": {"reference": "none"},
    "is causal": {"causal": True},
    "steps equal forward": {"causal": True},
    "continues after a prefill": {"causal": True},
}
"""What is said of the mixers with a planted fault, by the check that finds it."""
PLANTED: dict[str, tuple[Callable[[], nn.Module], str]] = {
    "takes other lengths": (lambda: Broken(lambda x, y: y[:, :9]), "the shape (2, 21, 8) became (2, 9, 8)"),
    "equals its slow reference": (Mean, "forward: results differ by"),
    "does not depend on earlier calls": (Averaging, "after calls with other inputs: results differ by"),
    "is causal": (Mean, "the first 1 of 9 tokens depend on later ones: results differ by"),
    "steps equal forward": (lambda: Summing(lambda y: 1.01 * y), "in float64, steps and forward differ: results differ by"),
    "continues after a prefill": (
        lambda: Summing(told=lambda state: 2 * state),
        "in float64, steps after a prefill of 1 tokens and forward differ: results differ by",
    ),
    "has countable memory": (
        lambda: Broken(lambda x, y: torch.from_numpy(y.detach().numpy().copy())),
        "its output has 576 bytes, of which torch allocated 0",
    ),
    "keeps the shape": (lambda: Broken(lambda x, y: y[:, 1:]), "the shape (2, 9, 8) became (2, 8, 8)"),
    "keeps the dtype": (lambda: Broken(lambda x, y: y.float()), "torch.float64 became torch.float32"),
    "computes the same in float64": (
        lambda: Broken(lambda x, y: y if x.dtype == torch.float32 else 2 * y),
        "in float64 it computes something else: results differ by",
    ),
    "computes about the same in bfloat16": (
        lambda: Broken(lambda x, y: 1.5 * y if x.dtype == torch.bfloat16 else y),
        "in bfloat16 it computes something else than in float32: results differ by 0.5 (relative norm); allowed is 0.088",
    ),
    "computes about the same in float16": (
        lambda: Broken(lambda x, y: 1.5 * y if x.dtype == torch.float16 else y),
        "in float16 it computes something else than in float32: results differ by 0.5 (relative norm); allowed is 0.031",
    ),
    "gives finite numbers": (lambda: Broken(lambda x, y: y / torch.zeros(1)), "144 numbers are not finite"),
    "is deterministic in evaluation mode": (
        lambda: Broken(lambda x, y: nn.functional.dropout(y)),
        "two calls in evaluation mode: results differ by",
    ),
    "leaves its input unchanged": (lambda: Broken(_overwrite), "forward changed its input in place"),
    "does not hold more memory after every call": (Hoarding, "it holds more memory after every call"),
    "keeps the sequences of a batch apart": (
        lambda: Broken(lambda x, y: y - y.mean(0)),
        "a sequence depends on the others in its batch: results differ by",
    ),
    "takes other batch sizes": (lambda: Broken(_one_batch_only), "the shape (1, 9, 8) became (1, 1, 8)"),
    "honours a mask": (IgnoringMask, "real tokens depend on the content of padded ones: results differ by"),
    "passes gradients to input and parameters": (Idle, "no gradient reaches spare"),
    "has countable FLOPs": (Hiding, "inference: without data: OverflowError: planted"),
    PARAMETERS: (Idle, "73 parameters, but 72 by the closed form"),
    FLOPS: (Twice, "inference: 512 FLOPs counted, but 256 by the closed form, for 2 sequences"),
    DECLARED: (Boasting, "inference: 256 FLOPs counted, but 255 by flops(batch, tokens), for 2 sequences"),
}


def outcomes(checks: list[Check]) -> dict[str, str]:
    return {check.name: check.outcome for check in checks}


@pytest.mark.parametrize("kind", [Rotating, Rechecking])
def test_complex_numbers_and_re_entrant_checkpoints_break_nothing(kind: type[Mean]) -> None:
    assert "fail" not in outcomes(verify(kind, width=WIDTH, tokens=TOKENS)).values()


@pytest.mark.parametrize("kind", [Mean, Dropping])
def test_a_mixer_that_keeps_the_contract_passes_every_check(kind: type[Mean]) -> None:
    checks = verify(kind, width=WIDTH, tokens=TOKENS, closed_forms=CLOSED_FORMS)
    assert outcomes(checks) == dict.fromkeys(("runs", *CHECKS), "pass") | dict.fromkeys((DECLARED, *OF_SOME), "skip")


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


@pytest.mark.parametrize(
    ("build", "tokens", "honours_mask", "outcome", "detail"),
    [
        (Mean, TOKENS, False, "skip", "declared not to honour a mask"),
        (lambda: Maskless(WIDTH, WIDTH), TOKENS, None, "skip", "forward has no parameter `mask`, so it gets no mask"),
        (
            MaskByAnotherName,
            TOKENS,
            None,
            "skip",
            "forward has no parameter `mask`, so it gets no mask; rename attention_mask",
        ),
        (MaskByPosition, TOKENS, None, "skip", "forward has no parameter `mask`, so it gets no mask"),
        (MaskByKeyword, TOKENS, None, "pass", ""),
        (MaskInThirdPlace, TOKENS, None, "pass", ""),
        (Mean, 1, None, "skip", "needs at least 2 tokens"),
        (FixedLength, TOKENS, None, "pass", "not compared with an unpadded run: shorter sequences are refused"),
    ],
)
def test_what_does_not_apply_is_skipped_with_the_reason(
    build: Callable[[], nn.Module], tokens: int, honours_mask: bool | None, outcome: str, detail: str
) -> None:
    checks = verify(build, width=WIDTH, tokens=tokens, honours_mask=honours_mask)
    assert [(c.outcome, c.detail) for c in checks if c.name == "honours a mask"] == [(outcome, detail)]


def test_a_mixer_said_to_honour_a_mask_that_takes_none_fails() -> None:
    checks = verify(lambda: Maskless(WIDTH, WIDTH), width=WIDTH, tokens=TOKENS, honours_mask=True)
    assert outcomes(checks)["honours a mask"] == "fail"


def test_a_count_that_is_a_lower_bound_passes_with_a_remark() -> None:
    build = lambda: Broken(lambda x, y: y + torch.linalg.matrix_exp(torch.eye(WIDTH)).sum())  # noqa: E731
    (found,) = (check for check in verify(build, width=WIDTH, tokens=TOKENS) if check.name == "has countable FLOPs")
    assert found.outcome == "pass"
    assert "inference: a lower bound, no formula for linalg_matrix_exp" in found.detail


def test_a_method_that_is_not_asked_for_the_count_is_said() -> None:
    (found,) = (check for check in verify(Elsewhere, width=WIDTH, tokens=TOKENS) if check.name == "has countable FLOPs")
    assert (found.outcome, found.detail) == ("pass", "its flops(H, W) is not flops(batch, tokens): operators are counted")


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


@pytest.mark.parametrize(
    ("build", "name", "fault"),
    [
        (StepAlone, "steps equal forward", "step(x, state) returned Tensor, not (y, state)"),
        (
            StepOfMore,
            "steps equal forward",
            "step(x, state) raised TypeError: StepOfMore.step() missing 1 required positional argument: 'position';"
            " step(x, state) gets the next tokens (batch, width) and the state, and returns (y, state), y like x",
        ),
        (lambda: Summing(lambda y: y[:, :1]), "steps equal forward", "step(x, state) returned (3, 1) for (3, 8)"),
        (
            lambda: Summing(lambda y: y.double()),
            "steps equal forward",
            "step(x, state) returned torch.float64 for torch.float32",
        ),
        (
            Forgetful,
            "steps equal forward",
            "the same step twice from one state (return a new state, do not change the old): results differ by",
        ),
        (Overwriting, "steps equal forward", "step(x, state) changed x in place"),
        (
            lambda: Summing(told=lambda state: state.unsqueeze(1)),
            "continues after a prefill",
            "step(x, state) returned (3, 3, 8) for (3, 8)",
        ),
    ],
)
def test_steps_that_do_not_keep_the_form_say_which_it_is(build: Callable[[], nn.Module], name: str, fault: str) -> None:
    (_, found) = verify(build, width=WIDTH, tokens=TOKENS, checks=[name])
    assert found.outcome == "fail"
    assert found.detail.startswith(fault)


def test_a_mixer_with_right_steps_passes_and_one_without_state_is_told_what_is_missing() -> None:
    names = ("is causal", "steps equal forward", "continues after a prefill")
    said = {"width": WIDTH, "tokens": TOKENS, "checks": names}
    assert [check.outcome for check in verify(Summing, causal=True, **said)] == ["pass"] * 4
    assert [check.outcome for check in verify(Summing, **said)] == ["pass", "skip", "pass", "pass"]
    assert verify(NoState, **said)[2].detail == "cannot decode: it has no method state"
    assert verify(NoState, stepwise=True, **said)[2].detail == "its entry has a state, but the class has no method state"


def test_a_right_result_with_a_wrong_gradient_is_found_by_the_reference() -> None:
    build = lambda: Broken(lambda x, y: 2 * x.detach() - x)  # noqa: E731
    (_, found) = verify(build, width=WIDTH, tokens=TOKENS, checks=["equals its slow reference"], reference="none")
    assert found.detail.startswith("the gradient of the input: results differ by")
    assert "; allowed is 1e-09 of the largest result, " in found.detail


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
