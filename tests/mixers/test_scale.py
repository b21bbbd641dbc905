"""The scale of what a mixer adds to the residual before training: none may drown it, nor be drowned."""

from __future__ import annotations

import importlib
import math
from collections.abc import Iterator

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from mixbench.mixers import MIXERS

SHAPES = [(8, 16), (64, 32), (128, 64), (32, 256), (512, 64)]
LEAST, MOST = 0.01, 1.5
"""Root mean square of the output where that of the input is 1."""
PUBLISHED = ("fnet", {"norm": "none"})
"""As in its paper, which normalises after the residual connection; too large for a block that normalises before."""


def variants(name: str) -> Iterator[dict[str, str]]:
    """The defaults, and every other value of each flag and choice that the CPU can run."""
    entry = MIXERS[name]
    yield {}
    for option in entry.options:
        others = {"flag": ("true", "false"), "choice": option.choices}.get(option.kind, ())
        given = ({option.name: other} for other in others if other != str(option.default).lower())
        yield from (one for one in given if not entry.lacks(entry.config(one), "cpu"))


CASES = [(name, given) for name in MIXERS for given in variants(name) if (name, given) != PUBLISHED]
CASES += [("hypermixer", {"layer-norm": "false", **given}) for given in variants("hypermixer") if given.keys() - {"layer-norm"}]


def scale(name: str, given: dict[str, str], x: Tensor) -> float:
    """Root mean square of the output of a mixer that was just built."""
    entry = MIXERS[name]
    module, class_name = entry.target.split(":")
    arguments = entry.arguments(entry.config(given), *x.shape[1:])
    with torch.no_grad():
        y: Tensor = getattr(importlib.import_module(module), class_name)(**arguments)(x)
    return y.pow(2).mean().sqrt().item()


def inputs(tokens: int, width: int) -> tuple[Tensor, Tensor]:
    """Tokens that have nothing in common, and such as share half of their variance, each as a layer norm leaves it."""
    own, shared = torch.randn(2, tokens, width), torch.randn(2, 1, width)
    return F.layer_norm(own, (width,)), F.layer_norm(own + shared, (width,))


@pytest.mark.parametrize(
    ("name", "given"), CASES, ids=[",".join([name, *(f"{k}={v}" for k, v in given.items())]) for name, given in CASES]
)
def test_a_new_mixer_adds_what_is_of_the_scale_of_the_residual(name: str, given: dict[str, str]) -> None:
    torch.manual_seed(0)
    scales = {shape: [scale(name, given, x) for x in inputs(*shape)] for shape in SHAPES}
    assert {shape: found for shape, found in scales.items() if not LEAST <= min(found) <= max(found) <= MOST} == {}


@pytest.mark.parametrize(("tokens", "width"), SHAPES)
def test_the_published_fnet_is_too_large_by_the_root_of_its_size(tokens: int, width: int) -> None:
    torch.manual_seed(0)
    x = inputs(tokens, width)[0]
    assert scale(*PUBLISHED, x) == pytest.approx(math.sqrt(tokens * width) * scale("fnet", {}, x), rel=1e-5)
    assert scale("fnet", {}, x) == pytest.approx(math.sqrt(0.5), rel=0.1)  # the imaginary part holds the other half
