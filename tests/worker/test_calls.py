from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from mixbench.worker.calls import (
    ContractError,
    build_mixer,
    cast,
    count_parameters,
    describe_failure,
    named_parameters,
    training_call,
)

CPU = torch.device("cpu")


class Held(nn.Module):
    """A tensor of each kind, registered and not."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(3, 2))
        self.filter = nn.Parameter(torch.randn(5, dtype=torch.cfloat))
        self.tied = self.filter
        self.register_buffer("rotation", torch.polar(torch.ones(4), torch.arange(4.0)))
        self.register_buffer("order", torch.arange(3))
        self.register_buffer("real", torch.tensor([True, False]))
        self.plain = torch.ones(2)


@pytest.mark.parametrize(
    ("dtype", "expected"),
    [
        (torch.float32, torch.complex64),
        (torch.float64, torch.complex128),
        (torch.bfloat16, torch.complex64),
        (torch.float16, torch.complex64),
    ],
)
def test_a_cast_changes_floating_point_tensors_and_keeps_complex_ones_complex(
    dtype: torch.dtype, expected: torch.dtype
) -> None:
    module = Held()
    before = {name: tensor.clone() for name, tensor in module.state_dict().items()}
    assert cast(module, device=CPU, dtype=dtype) is module
    kinds = {name: tensor.dtype for name, tensor in module.state_dict().items()}
    assert kinds.pop("weight") == dtype
    assert kinds == {
        "filter": expected,
        "tied": expected,
        "rotation": expected,
        "order": torch.int64,
        "real": torch.bool,
    }
    assert torch.equal(module.filter.to(torch.complex64), before["filter"])
    assert torch.equal(module.rotation.to(torch.complex64), before["rotation"])
    assert module.tied is module.filter
    assert isinstance(module.filter, nn.Parameter)
    assert module.plain.dtype == torch.float32


def test_a_complex_parameter_counts_as_two() -> None:
    assert count_parameters(Held()) == 3 * 2 + 2 * 5


class MustHaveMask(nn.Module):
    def forward(self, x: Tensor, *, mask: Tensor | None) -> Tensor:
        return x if mask is None else x * mask


def test_a_mixer_that_must_be_given_a_mask_is_given_none_where_there_is_no_padding() -> None:
    mixer = build_mixer(MustHaveMask, {})
    x, mask = torch.ones(2), torch.tensor([True, False])
    assert torch.equal(mixer(x), x)
    assert torch.equal(mixer(x, mask=mask), x * mask)
    assert "mask" in named_parameters(mixer.forward)


def test_a_parameter_that_only_takes_a_position_has_no_name() -> None:
    assert not named_parameters(lambda x, mask, /: x)
    assert not named_parameters(lambda *arguments, **options: arguments)
    assert list(named_parameters(lambda x, gate=None, *, mask=None: x)) == ["x", "gate", "mask"]
    assert named_parameters(torch.relu) == {}


class Reentrant(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.arange(6.0).view(3, 2))
        self.spare = nn.Parameter(torch.zeros(1))

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = checkpoint(lambda x: (x @ self.weight).sin(), x, use_reentrant=True)
        return y


class Plain(Reentrant):
    def forward(self, x: Tensor) -> Tensor:
        return (x @ self.weight).sin()


def test_gradients_are_the_same_where_only_backward_is_allowed_and_nothing_is_left_behind() -> None:
    x, gradient = torch.ones(2, 3, requires_grad=True), torch.tensor([[1.0, 2.0], [3.0, 4.0]])
    plain, reentrant = Plain(), Reentrant()
    call, other = training_call(plain, x, plain, gradient), training_call(reentrant, x, reentrant, gradient)
    assert (call.grad, other.grad) == (True, False)
    for _ in range(2):  # nothing adds up
        for expected, found in zip(call(), other(), strict=True):
            assert (expected is None and found is None) or torch.equal(expected, found)  # type: ignore[arg-type]
    assert all(tensor.grad is None for tensor in (x, *reentrant.parameters()))


def test_what_cannot_be_differentiated_either_way_raises_the_first_error() -> None:
    x = torch.ones(2, requires_grad=True)
    with pytest.raises(RuntimeError, match="does not require grad"):
        training_call(lambda x: x.detach(), x, nn.Identity(), torch.ones(2))


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (ValueError("two\nlines\0 and \ud800"), "ValueError: two lines and ?"),
        (ContractError("forward returned  None"), "forward returned None"),
        (KeyError(), "KeyError:"),
        (RuntimeError("Expected size 3. Got size 2 in the list."), "RuntimeError: Expected size 3. Got size 2 in the list"),
        (ValueError("x" * 1000), f"ValueError: {'x' * 488}"),
    ],
)
def test_a_failure_is_told_on_one_line_that_can_be_stored(error: Exception, told: str) -> None:
    assert describe_failure(error) == told
