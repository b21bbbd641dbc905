"""Norms of Jacobian blocks equal those of torch's own Jacobian, for mixers of every kind."""

from __future__ import annotations

import pytest
import torch
from places import ODD
from sample_runs import sample_run
from torch import Tensor

from mixbench.model import Model, OverTokens
from mixbench.tasks.dataset import Form
from mixbench.worker.training.jacobian import jacobian_norms
from mixbench.worker.training.run import build_model

TOKENS, WIDTH = 15, 8
SIGNALS = Form(tokens=TOKENS, vocabulary=0, channels=2, output="value per token", classes=0, score="mse")
RECALL = Form(tokens=TOKENS, vocabulary=6, channels=0, output="class per token", classes=3, score="accuracy")
MIXERS = [
    "attention:heads=2",
    "hypermixer",
    "hypermixer:grouping=regrouped",
    "mlp-mixer",
    "gmlp",
    "fnet",
    "linear-attention:heads=2",
]


def model_of(mixer: str, form: Form) -> Model:
    torch.manual_seed(0)
    run = sample_run(mixer, tokens=TOKENS, width=WIDTH, layers=2)
    return build_model(run, form).double().eval()


def by_torch(model: Model, inputs: Tensor) -> Tensor:
    """(tokens, tokens) from torch.autograd.functional.jacobian."""
    if inputs.is_floating_point():
        jacobian = torch.autograd.functional.jacobian(model, inputs)
    else:
        jacobian = torch.autograd.functional.jacobian(model.after_stem, model.stem(inputs).detach())
    assert isinstance(jacobian, Tensor)  # (1, tokens, out, 1, tokens, in)
    return jacobian[0, :, :, 0].square().sum((1, 3)).sqrt()


@pytest.mark.parametrize("mixer", MIXERS)
def test_norms_are_those_of_the_whole_jacobian(mixer: str) -> None:
    signal = torch.randn(1, TOKENS, 2, dtype=torch.float64)
    model = model_of(mixer, SIGNALS)
    expected = by_torch(model, signal)
    torch.testing.assert_close(jacobian_norms(model, signal, range(TOKENS)), expected)
    numbers = torch.randint(6, (1, TOKENS))
    model = model_of(mixer, RECALL)
    expected = by_torch(model, numbers)
    assert expected.count_nonzero() > TOKENS
    torch.testing.assert_close(jacobian_norms(model, numbers, range(TOKENS)), expected)


def test_code_that_allows_only_backward_gives_the_same_norms() -> None:
    signal = torch.randn(1, TOKENS, 2, dtype=torch.float64)
    plain, reentrant = (
        jacobian_norms(model_of(f"{ODD}:{name}", SIGNALS), signal, range(5)) for name in ("Product", "Reentrant")
    )
    torch.testing.assert_close(reentrant, plain)


def test_outputs_in_any_order_and_in_small_parts_give_the_same_rows() -> None:
    signal, model = torch.randn(1, TOKENS, 2, dtype=torch.float64), model_of("attention:heads=2", SIGNALS)
    whole = jacobian_norms(model, signal, range(TOKENS))
    chosen = [7, 0, 14, 3, 8]
    for room in (1, 2 * TOKENS * TOKENS, 2**24):
        torch.testing.assert_close(jacobian_norms(model, signal, chosen, room=room), whole[chosen])
    assert jacobian_norms(model, signal, []).shape == (0, TOKENS)


def test_no_more_copies_of_the_example_run_together_than_there_is_room_for() -> None:
    signal, model = torch.randn(1, TOKENS, 2, dtype=torch.float64), model_of("attention:heads=2", SIGNALS)
    batches: list[int] = []
    model.register_forward_pre_hook(lambda module, inputs: batches.append(len(inputs[0])))
    jacobian_norms(model, signal, range(TOKENS), room=4 * TOKENS * TOKENS)
    assert batches == [4, 4, 4, 3]


def test_without_mixing_an_output_sees_its_reach_and_nothing_beyond() -> None:
    model = model_of("none", SIGNALS)
    assert model.reach == 6
    norms = jacobian_norms(model, torch.randn(1, TOKENS, 2, dtype=torch.float64), range(TOKENS))
    places = torch.arange(TOKENS)
    seen = (places[:, None] - places).abs() <= model.reach
    torch.testing.assert_close(norms > 0, seen)
    assert model_of("none", RECALL).reach == 0


def test_the_reach_follows_the_pieces_of_the_model() -> None:
    model = model_of("none", SIGNALS)
    model.head = OverTokens(WIDTH, 1, reach=1).double()
    assert model.reach == 5
    norms = jacobian_norms(model, torch.randn(1, TOKENS, 2, dtype=torch.float64), [7])[0]
    assert norms.nonzero().flatten().tolist() == list(range(2, 13))
