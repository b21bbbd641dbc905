"""Runs HyperMixer's fused form below Triton's interpreter, in a process of its own, and prints how far it is from as-written.

For each case: relative errors of its output, of the regrouped form's in the same dtype, and of its gradients, all against
as-written in float64. Then its FLOPs beside the closed form.
"""

from __future__ import annotations

import json
import sys
from itertools import product
from typing import Any

import torch
from torch import Tensor

from mixbench.mixers.costs.hypermixer import grouping_flops
from mixbench.mixers.hypermixer import HyperMixer
from mixbench.worker.measure.flops import count_flops

OPTIONS: tuple[dict[str, Any], ...] = (
    {},
    {"tied": True},
    {"positions": "none", "scale": False},
    {"positions": "learned", "layer_norm": False, "hidden": 24},
)
SHAPES = ((2, 1, 16), (2, 7, 6), (3, 100, 24), (1, 1000, 32))
"""Batch, tokens and width: widths below that of a tile, tokens beyond one, and sequences in several parts."""
Case = tuple[str, tuple[int, int, int], dict[str, Any], bool]


def cases() -> list[Case]:
    """Dtype, shape, options, and whether there is padding."""
    dtypes = ("float32", "bfloat16")
    padded: list[Case] = [(dtype, (2, 100, 24), options, True) for dtype, options in product(dtypes, OPTIONS)]
    whole: list[Case] = [(dtype, shape, {}, False) for dtype, shape in product(dtypes, SHAPES)]
    return [*padded, *whole, ("bfloat16", (1, 130, 256), {}, False), ("float16", (2, 100, 24), {}, True)]


def compare(
    dtype: str, shape: tuple[int, int, int], options: dict[str, Any], masked: bool, device: str = "cpu"
) -> dict[str, Any]:
    """What a case gives."""
    torch.manual_seed(0)
    batch, tokens, width = shape
    layers = {
        grouping: HyperMixer(width=width, tokens=tokens, grouping=grouping, **options).to(device)
        for grouping in ("as-written", "regrouped", "fused")
    }
    with torch.no_grad():
        for own in zip(*(layer.parameters() for layer in layers.values()), strict=True):
            own[0].add_(0.1 * torch.randn_like(own[0]))
            for parameter in own[1:]:
                parameter.copy_(own[0])
    x = torch.randn(shape, device=device)
    real = torch.arange(tokens, device=device) < torch.tensor([[tokens - 3 * index] for index in range(batch)], device=device)
    mask = real if masked else None
    if masked:
        x[~real] = torch.nan
    number = getattr(torch, dtype)
    exact = layers.pop("as-written").double()
    slow = exact(x.double(), mask)
    result: dict[str, Any] = {"case": f"{dtype} {shape} {options}{' masked' if masked else ''}", "dtype": dtype}
    with torch.no_grad():
        outputs = {grouping: layer.to(number)(x.to(number), mask) for grouping, layer in layers.items()}
        result |= {grouping: error(out[real], slow[real]) for grouping, out in outputs.items()}
        layer = layers["fused"]
        again = [layer(x.to(number), mask)[real] for _ in range(5 if device == "cuda" else 1)]
        result["the same again"] = all(torch.equal(outputs["fused"][real], each) for each in again)
        result["runs"] = layer.variant(tokens, batch, number, x.device)
    result["runs in training"] = layer.variant(tokens, batch, number, x.device)
    if dtype == "float32":
        weights = torch.randn(shape, device=device)
        both = [
            torch.autograd.grad((one(given, mask)[real] * weights.to(given)[real]).sum(), [given, *one.parameters()])
            for one, given in ((layer, x.clone().requires_grad_()), (exact, x.double().requires_grad_()))
        ]
        result["gradient"] = max(error(got, want) for got, want in zip(*both, strict=True))
    return result


def error(got: Tensor, want: Tensor) -> float:
    """‖got - want‖ / ‖want‖."""
    return float((got.double() - want).norm() / want.norm())


def counted(options: dict[str, Any]) -> dict[str, Any]:
    """FLOPs of a call beside the closed form, by mode."""
    sizes = {"tokens": 30, "width": 16, "hidden": 24, "heads": 1, "bias": False, "tied": options.get("tied", False)}
    found = {}
    for mode, factor in (("inference", 1), ("training", 3)):
        count = count_flops(
            lambda: HyperMixer(grouping="fused", **sizes), lambda: torch.randn(2, 30, 16), mode=mode, tokens=30, batch=2
        )
        found[mode] = {
            "counted": count.flops, "closed form": 2 * factor * grouping_flops("fused", **sizes), "hiding": count.hiding,
            "reason": count.reason,
        }  # fmt: skip
    return found


def compiled() -> float:
    """The largest difference that tracing a layer as one graph makes."""
    layer, x = HyperMixer(width=16, tokens=7, grouping="fused"), torch.randn(2, 7, 16)
    with torch.no_grad():
        return float((torch.compile(layer, backend="eager", fullgraph=True)(x) - layer(x)).abs().max())


if __name__ == "__main__":
    json.dump(
        {
            "cases": [compare(*case) for case in cases()],
            "flops": [counted(options) for options in ({}, {"tied": True})],
            "compiled": compiled(),
        },
        sys.stdout,
    )
