"""Floating-point operations of a call, multiply-add = 2: matrix products, convolutions, Fourier transforms.

Counted on the meta device, where attention runs as its two products and nothing is computed. Elementwise operators,
reductions and norms are not counted, as usual in the field; every operator that computes without a formula is named, and one
that may hide products makes the number a lower bound.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.flop_counter import flop_registry

aten = torch.ops.aten

Formula = Callable[..., int]


@dataclass(frozen=True)
class FlopCount:
    """`flops` per call, None with a reason where it could not be counted.

    `uncounted` names the operators that computed without a formula; those in `hiding` may contain products, so with any of
    them the count is a lower bound.
    """

    flops: int | None
    uncounted: tuple[str, ...] = ()
    hiding: tuple[str, ...] = ()
    reason: str = ""


def count_flops(
    build: Callable[[], nn.Module], make_input: Callable[[], Tensor], *, mode: str, tokens: int, batch: int
) -> FlopCount:
    """Count one call of a module: inference, or training: forward and backward with a gradient for a floating-point input.

    `build` and `make_input` make the module and its input on the default device. Where code cannot run on the meta device
    (it looks at values) it is run on the CPU, with attention as its products. A submodule that has `flops(batch, tokens)`
    says its own forward count; training multiplies it by its `training_factor` (default 3).
    """
    reasons = []
    for device in ("meta", "cpu"):
        try:
            with torch.device(device):
                module, x = build(), make_input()
                return _count(module, x, mode == "training", tokens, batch)
        except Exception as error:  # whatever the module raises is the reason
            reasons.append(f"on {device}: {type(error).__name__}: {error}")
    return FlopCount(None, reason="; ".join(reasons))


def _count(module: nn.Module, x: Tensor, training: bool, tokens: int, batch: int) -> FlopCount:
    declared = 0
    for declaring in _declaring(module):
        declared += int(declaring.flops(batch, tokens)) * (getattr(declaring, "training_factor", 3) if training else 1)  # type: ignore[operator]
        declaring.forward = _pass_through
    module.train(training)
    with sdpa_kernel(SDPBackend.MATH), _Counter() as counter:
        if training:
            _differentiate(module, x)
        else:
            with torch.no_grad():
                module(x)
    return FlopCount(declared + counter.flops, tuple(sorted(counter.uncounted)), tuple(sorted(counter.hiding)))


def _declaring(module: nn.Module) -> list[nn.Module]:
    """The outermost modules that say their own count."""
    if callable(getattr(module, "flops", None)):
        return [module]
    return [found for child in module.children() for found in _declaring(child)]


def _pass_through(x: Tensor, *arguments: object, **options: object) -> Tensor:
    return x


def _differentiate(module: nn.Module, x: Tensor) -> None:
    if x.is_floating_point():
        x.requires_grad_()
    wanted = [tensor for tensor in (x, *module.parameters()) if tensor.requires_grad]
    y = module(x)
    if wanted and y.requires_grad:
        torch.autograd.grad(y, wanted, torch.randn_like(y), allow_unused=True)


class _Counter(TorchDispatchMode):
    """Sums formulas over the operators that run, and names those that have none."""

    def __init__(self) -> None:
        super().__init__()
        self.flops = 0
        self.uncounted: set[str] = set()
        self.hiding: set[str] = set()

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        operator = func._overloadpacket
        formula = _FORMULAS.get(operator) or flop_registry.get(operator)
        if formula is None:
            with self:
                parts = func.decompose(*args, **kwargs)
            if parts is not NotImplemented:
                return parts
        result = func(*args, **kwargs)
        if formula is not None:
            self.flops += formula(*args, **kwargs, out_val=result) * (_COMPLEX if _is_complex_product(operator, result) else 1)
        elif func.namespace == "aten" and (func.is_view or operator in _FREE):
            pass
        elif func.namespace != "prim":
            name = operator.__name__
            self.uncounted.add(name)
            plain = name.removesuffix("_").removeprefix("_").removesuffix("_backward").removesuffix("_backward_data")
            if torch.Tag.pointwise not in func.tags and plain not in _LIGHT:
                self.hiding.add(name)
        return result


_COMPLEX = 4  # real products in one complex product, as they are counted for real numbers: 4 multiplications, 4 additions
_PRODUCTS = (aten.mm, aten.bmm, aten.addmm, aten.baddbmm, aten.mv, aten.dot, aten.convolution)


def _is_complex_product(operator: Any, result: Any) -> bool:
    return operator in _PRODUCTS and isinstance(result, Tensor) and result.is_complex()


def _fft(x: Tensor, dim: list[int], *rest: Any, out_val: Tensor, **options: Any) -> int:
    """5 n log2 n for a complex transform of n points; half where input or output is real."""
    real = not (x.is_complex() and out_val.is_complex())
    full = out_val if not x.is_complex() or x.numel() < out_val.numel() else x
    whole = x if not x.is_complex() else out_val if not out_val.is_complex() else full
    points = math.prod(whole.shape[axis] for axis in dim)
    transforms = whole.numel() // points
    return round(transforms * 5 * points * math.log2(points) / (2 if real else 1))


def _matrix_vector(matrix: Tensor, vector: Tensor, *rest: Any, out_val: Tensor, **options: Any) -> int:
    return 2 * matrix.numel()


def _add_matrix_vector(added: Tensor, matrix: Tensor, vector: Tensor, *rest: Any, out_val: Tensor, **options: Any) -> int:
    return 2 * matrix.numel()


def _dot(left: Tensor, right: Tensor, *rest: Any, out_val: Tensor, **options: Any) -> int:
    return 2 * left.numel()


def _convolution_products(x: Tensor, weight: Tensor, y: Tensor, transposed: bool) -> int:
    """2 × positions × weights that each position meets; groups stand in the weight's shape."""
    return 2 * (x if transposed else y).numel() * math.prod(weight.shape[1:])


def _convolution(x: Tensor, weight: Tensor, bias: Any, stride: Any, padding: Any, dilation: Any, transposed: bool, *rest: Any, out_val: Tensor, **options: Any) -> int:
    return _convolution_products(x, weight, out_val, transposed)


def _convolution_backward(gradient: Tensor, x: Tensor, weight: Tensor, bias_sizes: Any, stride: Any, padding: Any, dilation: Any, transposed: bool, output_padding: Any, groups: int, output_mask: list[bool], *, out_val: Any) -> int:
    """As many products for the input's gradient as forward, and as many for the weight's."""
    return (output_mask[0] + output_mask[1]) * _convolution_products(x, weight, gradient, transposed)


_FORMULAS: dict[Any, Formula] = {
    aten._fft_c2c: _fft,
    aten._fft_r2c: _fft,
    aten._fft_c2r: _fft,
    aten.mv: _matrix_vector,
    aten.addmv: _add_matrix_vector,
    aten.dot: _dot,
    aten.vdot: _dot,
    aten.convolution: _convolution,
    aten._convolution: _convolution,
    aten.convolution_backward: _convolution_backward,
}

_FREE = {
    getattr(aten, name)
    for name in ["_to_copy", "_unsafe_view", "alias", "arange", "cat", "clone", "complex", "constant_pad_nd", "copy_", "detach", "empty", "empty_like", "empty_strided", "eye", "fill_", "flip", "full", "full_like", "gather", "index", "index_select", "lift_fresh", "new_empty", "new_empty_strided", "new_full", "new_ones", "new_zeros", "normal_", "ones", "ones_like", "rand", "rand_like", "randint", "randn", "randn_like", "repeat", "roll", "scalar_tensor", "select_backward", "slice_backward", "stack", "uniform_", "zero_", "zeros", "zeros_like", "bernoulli_", "embedding", "_reshape_copy", "split_with_sizes_copy", "resize_", "set_", "unsafe_split", "unsafe_chunk", "_local_scalar_dense", "masked_fill", "where", "tril", "triu"]
    if hasattr(aten, name)
}
"""Operators that allocate or move data."""

_LIGHT = frozenset(
    ["sum", "mean", "prod", "amax", "amin", "max", "min", "var", "var_mean", "std", "softmax", "log_softmax", "safe_softmax", "native_layer_norm", "native_group_norm", "native_batch_norm", "fused_rms_norm", "cumsum", "cumprod", "logcumsumexp", "logsumexp", "any", "all", "argmax", "argmin", "sort", "topk", "native_dropout", "embedding_dense", "index_put", "index_add", "scatter", "scatter_add", "linalg_vector_norm", "elu", "gelu", "max_pool2d_with_indices", "avg_pool2d", "avg_pool1d", "adaptive_avg_pool1d", "adaptive_avg_pool2d", "glu", "upsample_nearest1d", "norm", "masked_scatter", "nonzero", "unique"]
)
"""Reductions, norms and the like that do a few operations per element; those that torch tags as pointwise besides."""
