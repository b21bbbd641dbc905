from __future__ import annotations

import pytest
import torch

from mixbench.mixers import fnet
from mixbench.mixers.fnet import FNet

SHAPES = [(1, 1), (1, 2), (2, 1), (3, 1), (1, 3), (4, 6), (5, 6), (6, 5), (7, 7), (2, 3)]


@pytest.fixture(autouse=True, params=["whole spectrum", "half mirrored"])
def _path(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fnet, "SMALL", 0 if request.param == "half mirrored" else 10**9)


each_norm = pytest.mark.parametrize(("norm", "called"), [("ortho", "ortho"), ("none", "backward")])
each_shape = pytest.mark.parametrize(("tokens", "width"), SHAPES)


@each_norm
@each_shape
def test_fnet_is_the_real_part_of_the_transform_at_odd_and_even_sizes(tokens: int, width: int, norm: str, called: str) -> None:
    x = torch.randn(2, tokens, width, dtype=torch.float64)
    mixed = FNet(width=width, tokens=tokens, norm=norm)(x)
    torch.testing.assert_close(mixed, torch.fft.fft2(x, norm=called).real, rtol=1e-12, atol=1e-12)


def test_fnet_divides_by_the_root_of_its_size_unless_told_otherwise() -> None:
    x = torch.randn(2, 12, 3, dtype=torch.float64)
    published = FNet(width=3, tokens=12, norm="none")(x)
    torch.testing.assert_close(FNet(width=3, tokens=12)(x), published / 6)


@each_norm
@each_shape
def test_fnet_has_right_first_and_second_derivatives(tokens: int, width: int, norm: str, called: str) -> None:
    x = torch.randn(1, tokens, width, dtype=torch.float64, requires_grad=True)
    mixer = FNet(width=width, tokens=tokens, norm=norm)
    assert torch.autograd.gradcheck(mixer, x)
    assert torch.autograd.gradgradcheck(mixer, x)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
@pytest.mark.parametrize(("tokens", "width"), [(4, 6), (7, 5)])
def test_fnet_in_half_precision_is_the_float32_transform_rounded(tokens: int, width: int, dtype: torch.dtype) -> None:
    mixer = FNet(width=width, tokens=tokens)
    x = torch.randn(2, tokens, width).to(dtype).requires_grad_()
    gradient = torch.randn(2, tokens, width).to(dtype)
    mixed, expected = mixer(x), mixer(x.detach().float())
    assert torch.equal(mixed, expected.to(dtype))
    assert not torch.equal(mixed.float(), expected)
    (found,) = torch.autograd.grad(mixed, x, gradient)
    assert torch.equal(found, mixer(gradient.float()).to(dtype))


def test_fnet_is_mapped_over_a_new_dimension() -> None:
    x = torch.randn(4, 2, 5, 6)
    mixer = FNet(width=6, tokens=5)
    torch.testing.assert_close(torch.func.vmap(mixer)(x), torch.stack([mixer(part) for part in x]))
    torch.testing.assert_close(torch.func.vmap(mixer, in_dims=2)(x), torch.stack([mixer(part) for part in x.unbind(2)]))


def test_fnet_runs_without_memory_and_in_any_memory_layout() -> None:
    mixer = FNet(width=6, tokens=5)
    assert mixer(torch.randn(2, 5, 6, device="meta")).shape == (2, 5, 6)
    x = torch.randn(2, 6, 5).transpose(1, 2)
    torch.testing.assert_close(mixer(x), mixer(x.contiguous()))
