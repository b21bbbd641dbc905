"""Convolutions, Fourier transforms, pooling and maps over the tokens against public implementations."""

from __future__ import annotations

import pytest
import torch
from public_references import public
from torch import Tensor, nn

from mixbench.mixers.costs.hyena import INPUTS, UNITS
from mixbench.mixers.gfnet import GFNet
from mixbench.mixers.hyena import Hyena
from mixbench.mixers.monarch import Monarch
from mixbench.mixers.pool_former import PoolFormer

pytestmark = pytest.mark.usefixtures("in_float64")


def assert_same(first: Tensor, second: Tensor, tolerance: float = 1e-10) -> None:
    torch.testing.assert_close(first, second, rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize(("order", "tokens"), [(2, 9), (3, 9), (2, 5)])
def test_hyena_equals_the_one_of_safari(order: int, tokens: int) -> None:
    names = ("fftconv", "OptimModule", "Sin", "PositionalEmbedding", "ExponentialModulation", "HyenaFilter", "HyenaOperator")
    theirs: nn.Module = public("HazyResearch+safari/standalone_hyena.py", *names)["HyenaOperator"](
        6, 9, order=order, filter_order=UNITS, emb_dim=INPUTS
    )
    ours, p = Hyena(width=6, tokens=9, order=order), dict(theirs.named_parameters())
    state = {f"{to}.{kind}": p[f"{of}.{kind}"] for of, to in PROJECTIONS.items() for kind in ("weight", "bias")}
    state |= {"short.weight": p["short_filter.weight"].squeeze(1).t(), "short.bias": p["short_filter.bias"]}
    state |= {"filters.last.weight": p["filter_fn.implicit_filter.6.weight"], "filters.skip": p["filter_fn.bias"]}
    state["filters.frequencies"] = p["filter_fn.implicit_filter.1.freq"].squeeze(0) + 0.5
    with torch.no_grad():
        p["filter_fn.implicit_filter.1.freq"] += 0.5
    ours.load_state_dict(state)
    x = torch.randn(2, tokens, 6)
    assert_same(ours(x), theirs(x))


PROJECTIONS = {"in_proj": "inner", "out_proj": "out"} | {
    f"filter_fn.implicit_filter.{2 * layer}": f"filters.layers.{layer}" for layer in range(3)
}
"""Linear layers there and here."""


@pytest.mark.parametrize("tokens", [8, 9])
def test_gfnet_equals_its_authors_filter_on_an_image_with_one_row(tokens: int) -> None:
    theirs = public("raoyongming+GFNet/gfnet.py", "GlobalFilter")["GlobalFilter"](6, h=1, w=tokens // 2 + 1)
    ours = GFNet(width=6, tokens=tokens).float()
    ours.load_state_dict({"filters": theirs.complex_weight[0].transpose(0, 1)})
    x = torch.randn(2, tokens, 6, dtype=torch.float32)
    assert_same(ours(x), theirs(x, spatial_size=(1, tokens)), 1e-6)


def test_monarch_equals_the_butterfly_of_monarch_mixer() -> None:
    file = "HazyResearch+m2/bert/src/mm/blockdiag_butterfly_multiply.py"
    multiply = public(file, "blockdiag_butterfly_multiply_reference")["blockdiag_butterfly_multiply_reference"]
    ours, x = Monarch(width=6, tokens=16), torch.randn(2, 16, 6)
    for version in (1, 2, 3):
        by_channel = multiply(x.transpose(1, 2).reshape(12, 16), ours.first, ours.second, version)
        assert_same(ours(x), by_channel.view(2, 6, 16).transpose(1, 2))


@pytest.mark.parametrize("window", [3, 5])
def test_poolformer_equals_its_authors_pooling_on_an_image_with_one_row(window: int) -> None:
    theirs = public("sail-sg+poolformer/models/poolformer.py", "Pooling")["Pooling"](window)
    x = torch.randn(2, 9, 6)
    expected = theirs(x.transpose(1, 2).unsqueeze(2)).squeeze(2).transpose(1, 2)
    assert_same(PoolFormer(width=6, tokens=9, window=window)(x), expected)
