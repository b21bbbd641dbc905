"""Steps are held to forward, and what does not keep their form is told."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from contract_mixers import TOKENS, WIDTH, Summing
from torch import Tensor, nn

from mixbench.worker.measure.verify import verify


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
