"""Floating-point operations of a call, multiply-add = 2: matrix products, convolutions, Fourier transforms.

Counted operator by operator on the meta device, where nothing is computed and attention runs as its two products (a causal
mask in full). A complex product counts as 4 real ones, a Fourier transform of n points as 5 n log2 n, half of it where one
side is real. Elementwise operators, reductions and norms are not counted, as usual in the field; every operator that computes
without a formula is named, and one that may hide products makes the number a lower bound. Training is forward and backward,
with gradients of a floating-point input and of every parameter: 3 times the forward of a linear map.
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
from torch.utils._pytree import tree_leaves
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
    build: Callable[[], nn.Module],
    make_input: Callable[[], Tensor],
    *,
    mode: str,
    tokens: int,
    batch: int,
    device: str = "cpu",
) -> FlopCount:
    """Count one call of a module: mode "inference" (forward) or "training" (forward and backward).

    `build` and `make_input` make the module and its input on the default device. Where code cannot run on the meta device
    (it looks at values) it runs on `device`. A submodule that has `flops(batch, tokens)` says its own forward count, for each
    time it is called; training multiplies it by its `training_factor` (default 3).
    """
    reasons = []
    for place in ("meta", device):
        try:
            # the device context also keeps nn.MultiheadAttention and nn.TransformerEncoderLayer from fused inference
            with torch.device(place), sdpa_kernel(SDPBackend.MATH), torch.set_grad_enabled(mode == "training"):
                return _count(build(), make_input(), mode == "training", tokens, batch)
        except Exception as error:  # whatever the module raises is the reason
            reasons.append(f"on {place}: {type(error).__name__}: {error}")
    return FlopCount(None, reason="; ".join(reasons))


def _count(module: nn.Module, x: Tensor, training: bool, tokens: int, batch: int) -> FlopCount:
    counter = _Counter()
    for declaring in _declaring(module):
        factor = getattr(declaring, "training_factor", 3) if training else 1
        declaring.forward = _pass_through(counter, factor * int(declaring.flops(batch, tokens)))  # type: ignore[operator]
    module.train(training)
    if training and x.is_floating_point():
        x.requires_grad_()
    with counter:
        y = module(x)
        if y.requires_grad:
            wanted = [tensor for tensor in (x, *module.parameters()) if tensor.requires_grad]
            torch.autograd.grad(y, wanted, torch.randn_like(y), allow_unused=True)
    return FlopCount(counter.flops, tuple(sorted(counter.uncounted)), tuple(sorted(counter.hiding)))


def _declaring(module: nn.Module) -> list[nn.Module]:
    """The outermost modules that say their own count."""
    if callable(getattr(module, "flops", None)):
        return [module]
    return [found for child in module.children() for found in _declaring(child)]


def _pass_through(counter: _Counter, flops: int) -> Callable[..., Tensor]:
    def forward(x: Tensor, *arguments: object, **options: object) -> Tensor:
        counter.flops += flops
        return x.view_as(x)

    return forward


class _Counter(TorchDispatchMode):
    """Sums formulas over the operators that run, and names those that have none."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.flops = 0
        self.uncounted: set[str] = set()
        self.hiding: set[str] = set()

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        operator = func._overloadpacket
        transform, product = _TRANSFORMS.get(operator), _PRODUCTS.get(operator) or flop_registry.get(operator)
        if not (transform or product):
            with self:
                parts = func.decompose(*args, **kwargs)
            if parts is not NotImplemented:
                return parts
        result = func(*args, **kwargs)
        if transform:
            self.flops += transform(*args, out_val=result)
        elif product:
            self.flops += product(*args, **kwargs, out_val=result) * (4 if _is_complex(result) else 1)
        elif not (func.is_view or func.namespace == "prim" or operator in _FREE):
            self.uncounted.add(operator.__name__)
            if torch.Tag.pointwise not in func.tags and _plain_name(operator.__name__) not in _LIGHT:
                self.hiding.add(operator.__name__)
        return result


def _is_complex(result: Any) -> bool:
    return any(isinstance(leaf, Tensor) and leaf.is_complex() for leaf in tree_leaves(result))


def _plain_name(operator: str) -> str:
    """Of `_softmax_backward_data`: softmax."""
    return operator.strip("_").removesuffix("_data").removesuffix("_backward")


def _fourier(x: Tensor, dimensions: list[int], *_: Any, out_val: Tensor) -> int:
    real = not (x.is_complex() and out_val.is_complex())
    whole = x if out_val.is_complex() else out_val  # the spectrum of a real signal is stored by half
    points = math.prod(whole.shape[dimension] for dimension in dimensions)
    flops: int = round(5 * whole.numel() * math.log2(points) / (2 if real else 1))
    return flops


def _matrix_vector(matrix: Tensor, *_: Any, **__: Any) -> int:
    return 2 * matrix.numel()


def _plus_matrix_vector(_: Tensor, matrix: Tensor, *__: Any, **___: Any) -> int:
    return 2 * matrix.numel()


def _convolution_backward(gradient: Tensor, x: Tensor, weight: Tensor, *settings: Any, out_val: Any) -> int:
    """The forward's products once for the input's gradient and once for the weight's; groups stand in the weight's shape."""
    *_, transposed, _, _, wanted = settings  # ends in transposed, output padding, groups, which gradients
    forward: int = 2 * (x if transposed else gradient).numel() * math.prod(weight.shape[1:])
    return forward * sum(map(int, wanted[:2]))


_TRANSFORMS: dict[Any, Formula] = dict.fromkeys((aten._fft_c2c, aten._fft_r2c, aten._fft_c2r), _fourier)

_PRODUCTS: dict[Any, Formula] = {
    aten.mv: _matrix_vector,
    aten.addmv: _plus_matrix_vector,
    aten.dot: _matrix_vector,
    aten.vdot: _matrix_vector,
    aten._addmm_activation: flop_registry[aten.addmm],
    aten.convolution_backward: _convolution_backward,
}
"""What torch's own table lacks or has wrong."""

_FREE_NAMES = """
_local_scalar_dense _reshape_alias _reshape_copy _to_copy _unsafe_view alias arange bernoulli_ cat clone complex constant_pad_nd
copy_ detach embedding empty empty_like empty_strided eye fill_ flip full full_like gather index index_select lift_fresh
masked_fill masked_fill_ new_empty new_empty_strided new_full new_ones new_zeros normal_ ones ones_like rand rand_like randint
randn randn_like repeat resize_ roll scalar_tensor select_backward set_ slice_backward split_with_sizes_copy squeeze_ stack t_
transpose_ tril triu uniform_ unsafe_chunk unsafe_split unsqueeze_ where zero_ zeros zeros_like
"""
_FREE = {getattr(aten, name) for name in _FREE_NAMES.split() if hasattr(aten, name)}
"""Operators that allocate or move data."""

_LIGHT_NAMES = """
adaptive_avg_pool1d adaptive_avg_pool2d all amax amin any argmax argmin avg_pool1d avg_pool2d cumprod cumsum elu embedding_dense
fused_rms_norm gelu glu index_add index_put linalg_vector_norm log_softmax logcumsumexp logsumexp masked_scatter max
max_pool2d_with_indices mean min native_batch_norm native_dropout native_group_norm native_layer_norm nonzero norm prod
safe_softmax scatter scatter_add softmax sort std sum topk unique upsample_nearest1d var var_mean
"""
_LIGHT = set(_LIGHT_NAMES.split())
"""Reductions, norms and the like that do a few operations per element; those that torch tags as pointwise besides."""
