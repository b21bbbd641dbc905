"""The state of a trained model is that of its mixers, and measuring it changes nothing."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from mixbench.model import Model, build_blocks
from mixbench.worker.training.state import state_of

WIDTH, TOKENS = 8, 16


class Sum(nn.Module):
    """The sum of the tokens so far; its state is one float32 per channel, and it counts its steps."""

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("steps", torch.zeros(1))
        self.steps: Tensor

    def forward(self, x: Tensor) -> Tensor:
        return x.cumsum(1)

    def state(self, batch: int) -> Tensor:
        return torch.zeros(batch, WIDTH)

    def step(self, x: Tensor, state: Tensor) -> tuple[Tensor, Tensor]:
        self.steps += 1
        return state + x, state + x


class All(Sum):
    """Keeps every token."""

    def state(self, batch: int) -> Tensor:
        return torch.zeros(batch, 0, WIDTH)

    def step(self, x: Tensor, state: Tensor) -> tuple[Tensor, Tensor]:
        kept = torch.cat([state, x[:, None]], dim=1)
        return kept.sum(1), kept


class Broken(Sum):
    def step(self, x: Tensor, state: Tensor) -> tuple[Tensor, Tensor]:
        raise ValueError("planted; twice")


class Stateless(nn.Module):
    step = None

    def forward(self, x: Tensor) -> Tensor:
        return x


def model_of(mixer: type[nn.Module], layers: int) -> Model:
    blocks = build_blocks(mixer, layers, WIDTH, 2 * WIDTH, honours_mask=False, dropout=0.0)
    return Model(nn.Embedding(5, WIDTH), blocks, nn.Linear(WIDTH, 3), width=WIDTH, tokens=TOKENS, pooled=False)


@pytest.mark.parametrize(("mixer", "kib"), [(Sum, WIDTH * 4 / 1024), (All, TOKENS * WIDTH * 4 / 1024)])
@pytest.mark.parametrize("layers", [1, 3])
@pytest.mark.parametrize("has_steps", [True, None])
def test_it_is_what_one_sequence_leaves_in_all_layers(
    mixer: type[nn.Module], kib: float, layers: int, has_steps: bool | None
) -> None:
    found = state_of(model_of(mixer, layers), has_steps, tokens=TOKENS, width=WIDTH)
    assert found == {"state_mib": pytest.approx(layers * kib / 1024)}


def test_mixers_without_steps_have_none_and_no_error() -> None:
    for mixer, has_steps in ((Stateless, None), (Sum, False)):
        assert state_of(model_of(mixer, 2), has_steps, tokens=TOKENS, width=WIDTH) == {"state_mib": None}


def test_steps_that_fail_are_a_remark() -> None:
    found = state_of(model_of(Broken, 2), None, tokens=TOKENS, width=WIDTH)
    assert found == {"state_mib": None, "detail": "state_mib is unknown: ValueError: planted, twice"}


def test_what_the_steps_change_is_not_what_was_trained() -> None:
    model = model_of(Sum, 1)
    state_of(model, None, tokens=TOKENS, width=WIDTH)
    assert model.state_dict()["blocks.0.mixer.steps"].item() == 0
