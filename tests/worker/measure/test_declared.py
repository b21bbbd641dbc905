from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from mixbench.mixers.fnet import FNet
from mixbench.model import Block, classifier
from mixbench.worker.measure.flops import FlopCount, count_flops

BATCH, TOKENS, WIDTH = 2, 10, 32
COUNTED = 2 * BATCH * TOKENS * WIDTH**2
FORWARD = 1000 * BATCH + TOKENS


def count(build: Callable[[], nn.Module], mode: str = "inference") -> FlopCount:
    return count_flops(build, lambda: torch.randn(BATCH, TOKENS, WIDTH), mode=mode, tokens=TOKENS, batch=BATCH)


class Plain(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.hidden = nn.Linear(WIDTH, WIDTH)

    def forward(self, x: Tensor) -> Tensor:
        hidden: Tensor = self.hidden(x)
        return hidden


class Declaring(Plain):
    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x)

    def flops(self, batch: int, tokens: int) -> int:
        return 1000 * batch + tokens


class DeclaringFactor(Declaring):
    training_factor = 2


@pytest.mark.parametrize(("kind", "factor"), [(Declaring, 3), (DeclaringFactor, 2)])
def test_what_a_mixer_declares_replaces_its_count(kind: type[nn.Module], factor: int) -> None:
    assert count(kind) == FlopCount(FORWARD)
    assert count(kind, mode="training") == FlopCount(factor * FORWARD)


def block(mixer: nn.Module) -> Block:
    return Block(mixer, width=WIDTH, feature_hidden=64)


def test_in_a_block_and_a_model_it_replaces_the_count_of_every_mixer() -> None:
    others = count(lambda: block(nn.Identity())).flops or 0
    assert count(lambda: block(Declaring())).flops == FORWARD + others
    assert count(lambda: block(Declaring()), mode="training").flops == 3 * (FORWARD + others)

    def model(mixer: Callable[[], nn.Module]) -> FlopCount:
        return count_flops(
            lambda: classifier(mixer, width=WIDTH, tokens=TOKENS, layers=3, feature_hidden=64, vocabulary=7, classes=5),
            lambda: torch.zeros(BATCH, TOKENS, dtype=torch.long),
            mode="inference",
            tokens=TOKENS,
            batch=BATCH,
        )

    assert (model(Declaring).flops or 0) - (model(nn.Identity).flops or 0) == 3 * FORWARD


class Swin(Plain):
    def flops(self, H: int, W: int) -> int:  # noqa: N803
        return H * W


class OneNumber(Plain):
    def flops(self, N: int) -> int:  # noqa: N803
        return N


class NoNumber(Plain):
    def flops(self) -> int:
        return 1


class AnyNumber(Plain):
    def flops(self, *sizes: int) -> int:
        return 1


PARTS = (Declaring, Swin, OneNumber, NoNumber, AnyNumber)


@pytest.mark.parametrize("part", PARTS)
def test_a_part_of_a_mixer_is_not_asked(part: type[nn.Module]) -> None:
    counted = count(lambda: nn.Sequential(part(), nn.Linear(WIDTH, WIDTH)))
    assert (counted.flops, counted.hiding, counted.remarks) == (2 * COUNTED, (), ())
    in_block = count(lambda: block(nn.Sequential(part())))
    assert in_block.flops == COUNTED + (count(lambda: block(nn.Identity())).flops or 0)


def test_a_built_in_mixer_within_a_users_is_counted_by_its_operators() -> None:
    counted = count(lambda: nn.Sequential(FNet(width=WIDTH, tokens=TOKENS), nn.Linear(WIDTH, WIDTH)))
    assert "aten._fft_c2c.default" in counted.operators
    assert counted.flops == COUNTED + (count(lambda: FNet(width=WIDTH, tokens=TOKENS)).flops or 0)


@pytest.mark.parametrize(("kind", "signature"), [(Swin, "H, W"), (OneNumber, "N"), (NoNumber, ""), (AnyNumber, "sizes")])
def test_a_method_that_takes_something_else_is_not_asked_and_this_is_said(kind: type[nn.Module], signature: str) -> None:
    counted = count(kind)
    assert counted.flops == COUNTED
    assert counted.remarks == (f"its flops({signature}) is not flops(batch, tokens): operators are counted",)


def test_what_is_said_of_several_mixers_stays_apart() -> None:
    kinds = iter((Swin, OneNumber))
    counted = count_flops(
        lambda: classifier(
            lambda: next(kinds)(), width=WIDTH, tokens=TOKENS, layers=2, feature_hidden=8, vocabulary=7, classes=5
        ),
        lambda: torch.zeros(BATCH, TOKENS, dtype=torch.long),
        mode="inference",
        tokens=TOKENS,
        batch=BATCH,
    )
    assert [text.partition(")")[0] for text in counted.remarks] == ["its flops(H, W", "its flops(N"]


class ByName(Plain):
    def flops(self, *, tokens: int, batch: int, scale: int = 1) -> int:
        return 1000 * batch + tokens


class ByPlace(Plain):
    def flops(self, tokens: int, batch: int, /) -> int:
        return 1000 * batch + tokens


class Static(Plain):
    @staticmethod
    def flops(batch: int, tokens: int) -> int:
        return 1000 * batch + tokens


@pytest.mark.parametrize("kind", [ByName, ByPlace, Static])
def test_batch_and_tokens_are_given_by_their_names(kind: type[nn.Module]) -> None:
    assert count(kind) == FlopCount(FORWARD)


class Derived(Declaring):
    def forward(self, x: Tensor) -> Tensor:
        return super().forward(super().forward(x))


class Counted:
    """A class of its own that declares for any mixer."""

    def flops(self, batch: int, tokens: int) -> int:
        return 1000 * batch + tokens


class Mixed(Counted, Plain):
    pass


def test_a_method_is_of_the_forward_of_its_own_class() -> None:
    derived = count(Derived)
    assert derived.flops == 2 * COUNTED
    assert derived.remarks == ("it inherits flops from Declaring, but has a forward of its own: operators are counted",)
    assert count(Mixed) == FlopCount(FORWARD)


def answering(answer: Callable[[], object], factor: object = 3) -> type[nn.Module]:
    class Answering(Plain):
        training_factor = factor

        def flops(self, batch: int, tokens: int) -> Any:
            return answer()

    return Answering


NO_NUMBER = "its flops(batch, tokens) is not a number from 0 to 2^63"
ANSWERS: dict[str, tuple[Callable[[], object], str]] = {
    "far too large": (lambda: 10**400, NO_NUMBER),
    "beyond 64 bits": (lambda: 2**63, NO_NUMBER),
    "negative": (lambda: -1, NO_NUMBER),
    "NaN": (lambda: float("nan"), NO_NUMBER),
    "infinite": (lambda: float("inf"), NO_NUMBER),
    "text": (lambda: "12", "its flops(batch, tokens) is str, not a number"),
    "nothing": (lambda: None, "its flops(batch, tokens) is NoneType, not a number"),
    "a truth value": (lambda: True, "its flops(batch, tokens) is bool, not a number"),
    "a tensor": (lambda: torch.tensor(12), "its flops(batch, tokens) is Tensor, not a number"),
    "an error": (lambda: [][0], "its flops(batch, tokens) raised IndexError: list index out of range"),
}


@pytest.mark.parametrize("name", ANSWERS)
def test_an_answer_that_is_no_count_is_said_and_operators_are_counted(name: str) -> None:
    answer, fault = ANSWERS[name]
    counted = count(answering(answer))
    assert (counted.flops, counted.reason, counted.remarks) == (COUNTED, "", (f"{fault}: operators are counted",))
    assert count(lambda: block(answering(answer)())).remarks == counted.remarks


@pytest.mark.parametrize("answer", [12, 12.0, 11.6, np.int64(12), np.float32(12)], ids=repr)
def test_whole_numbers_of_any_type_are_counts(answer: object) -> None:
    counted = count(answering(lambda: answer))
    assert (counted.flops, counted.remarks) == (12, ())
    assert type(counted.flops) is int


@pytest.mark.parametrize("factor", [-1, float("nan"), "3", 2**62], ids=repr)
def test_a_training_factor_that_is_no_number_is_said(factor: object) -> None:
    kind = answering(lambda: 12, factor)
    assert count(kind).flops == 12
    trained = count(kind, mode="training")
    assert trained.flops == 3 * COUNTED
    (remark,) = trained.remarks
    assert "training_factor" in remark or factor == 2**62


def test_what_is_no_method_is_no_declaration() -> None:
    def with_attribute(value: object) -> Callable[[], nn.Module]:
        def build() -> nn.Module:
            module = Plain()
            module.flops = value  # type: ignore[assignment]
            return module

        return build

    for value in (12, nn.Linear(2, 2), None):
        counted = count(with_attribute(value))
        assert (counted.flops, counted.remarks) == (COUNTED, ())
    assert count(with_attribute(lambda batch, tokens: 12)).flops == 12


class Unused(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return x


def test_operators_are_counted_if_declarations_are_not_trusted() -> None:
    make_input = lambda: torch.randn(BATCH, TOKENS, WIDTH)  # noqa: E731
    counted = count_flops(Declaring, make_input, mode="inference", tokens=TOKENS, batch=BATCH, trust_declared=False)
    assert counted.flops == COUNTED
