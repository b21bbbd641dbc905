"""Floating-point operations of a call, multiply-add = 2: matrix products, convolutions, Fourier transforms.

They are counted operator by operator on the meta device, where nothing is computed and attention runs as its two products
(in full even under a causal mask). A complex product counts as 4 real ones; a Fourier transform of n points as 5 n log2 n, or
half as much if its input or output is real. As is usual in the field, elementwise operators, reductions and norms are not
counted. Every operator that computes without a formula is named, and one that may contain products makes the number a lower
bound. Training is forward and backward, with gradients of a floating-point input and of every parameter: for a linear map, 3
times the forward pass.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
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
    """FLOPs per call; `flops` is None, with a `reason`, if they could not be counted.

    `uncounted` names the operators that ran without a formula. Those in `hiding` may contain products: with any of them the
    count is a lower bound. `operators` has the calls of those with a formula, by name (`aten.mm.default`).
    """

    flops: int | None
    uncounted: tuple[str, ...] = ()
    hiding: tuple[str, ...] = ()
    reason: str = ""
    operators: Mapping[str, int] = field(default_factory=dict, compare=False)


def count_flops(
    build: Callable[[], nn.Module],
    make_input: Callable[[], Tensor],
    *,
    mode: str,
    tokens: int,
    batch: int,
    device: str = "cpu",
    trust_declared: bool = True,
) -> FlopCount:
    """Count one call of a module: mode "inference" (forward) or "training" (forward and backward).

    `build` and `make_input` make the module and its input on the default device. Code that cannot run on the meta device,
    because it looks at values, runs on `device`. A submodule with a method `flops(batch, tokens)` declares its forward count,
    added for each call; training multiplies it by its `training_factor` (default 3). With `trust_declared` false, such modules
    are counted operator by operator as well.
    """
    reasons = []
    for place in dict.fromkeys(("meta", device)):
        try:
            # the device context also keeps nn.MultiheadAttention and nn.TransformerEncoderLayer from fused inference
            with torch.device(place), sdpa_kernel(SDPBackend.MATH), torch.set_grad_enabled(mode == "training"):
                module = build()
                declaring = declaring_modules(module) if trust_declared else []
                return _count(module, make_input(), mode == "training", tokens, batch, declaring)
        except Exception as error:  # a module may raise anything
            reasons.append(f"on {place}: {type(error).__name__}: {error}")
    return FlopCount(None, reason="; ".join(reasons))


def declaring_modules(module: nn.Module) -> list[nn.Module]:
    """The outermost modules that declare their own count: a method `flops(batch, tokens)`."""
    if callable(getattr(module, "flops", None)):
        return [module]
    return [found for child in module.children() for found in declaring_modules(child)]


def _count(module: nn.Module, x: Tensor, training: bool, tokens: int, batch: int, declaring: Sequence[nn.Module]) -> FlopCount:
    counter = _Counter()
    for declared in declaring:
        factor = getattr(declared, "training_factor", 3) if training else 1
        declared.forward = _pass_through(counter, round(factor * int(declared.flops(batch, tokens))))  # type: ignore[operator]
    module.train(training)
    if training and x.is_floating_point():
        x.requires_grad_()
    with counter:
        y = module(x)
        if y.requires_grad:
            wanted = [tensor for tensor in (x, *module.parameters()) if tensor.requires_grad]
            torch.autograd.grad(y, wanted, torch.randn_like(y), allow_unused=True)
    return FlopCount(
        counter.flops, tuple(sorted(counter.uncounted)), tuple(sorted(counter.hiding)), operators=counter.operators
    )


def _pass_through(counter: _Counter, flops: int) -> Callable[..., Tensor]:
    def forward(x: Tensor, *arguments: object, **options: object) -> Tensor:
        counter.flops += flops
        return x.view_as(x)

    return forward


class _Counter(TorchDispatchMode):
    """Adds up the formulas of the operators that run, and names the operators without one."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.flops = 0
        self.uncounted: set[str] = set()
        self.hiding: set[str] = set()
        self.operators: Counter[str] = Counter()

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
        if transform or product:
            self.operators[str(func)] += 1
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
    """The name without private and backward parts: `_softmax_backward_data` gives softmax."""
    return operator.strip("_").removesuffix("_data").removesuffix("_backward")


def _fourier(x: Tensor, dimensions: list[int], *_: Any, out_val: Tensor) -> int:
    real = not (x.is_complex() and out_val.is_complex())
    whole = x if out_val.is_complex() else out_val  # only half of a real signal's spectrum is stored
    points = math.prod(whole.shape[dimension] for dimension in dimensions)
    flops: int = round(5 * whole.numel() * math.log2(points) / (2 if real else 1))
    return flops


def _matrix_vector(matrix: Tensor, *_: Any, **__: Any) -> int:
    return 2 * matrix.numel()


def _plus_matrix_vector(_: Tensor, matrix: Tensor, *__: Any, **___: Any) -> int:
    return 2 * matrix.numel()


def _convolution_backward(gradient: Tensor, x: Tensor, weight: Tensor, *settings: Any, out_val: Any) -> int:
    """The forward pass's products, once for the input's gradient and once for the weight's, whose shape accounts for groups."""
    *_, transposed, _, _, wanted = settings  # the last four: transposed, output padding, groups, gradients wanted
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
"""Formulas that are missing or wrong in torch's own table."""

_FREE_NAMES = """
_local_scalar_dense _reshape_alias _reshape_copy _to_copy _unsafe_view alias arange bernoulli_ cat clone complex constant_pad_nd
copy_ detach embedding empty empty_like empty_strided eye fill_ flip full full_like gather index index_select lift_fresh
masked_fill masked_fill_ new_empty new_empty_strided new_full new_ones new_zeros normal_ ones ones_like rand rand_like randint
randn randn_like repeat resize_ roll scalar_tensor select_backward set_ slice_backward split_with_sizes_copy squeeze_ stack t_
transpose_ tril triu uniform_ unsafe_chunk unsafe_split unsqueeze_ where zero_ zeros zeros_like
"""
_FREE = {getattr(aten, name) for name in _FREE_NAMES.split() if hasattr(aten, name)}
"""Operators that only allocate or move data."""

_LIGHT_NAMES = """
adaptive_avg_pool1d adaptive_avg_pool2d all amax amin any argmax argmin avg_pool1d avg_pool2d cumprod cumsum elu embedding_dense
fused_rms_norm gelu glu index_add index_put linalg_vector_norm log_softmax logcumsumexp logsumexp masked_scatter max
max_pool2d_with_indices mean min native_batch_norm native_dropout native_group_norm native_layer_norm nonzero norm prod
safe_softmax scatter scatter_add softmax sort std sum topk unique upsample_nearest1d var var_mean
"""
_LIGHT = set(_LIGHT_NAMES.split())
"""Reductions, norms and other operators with a few operations per element, besides those that torch tags as pointwise."""
