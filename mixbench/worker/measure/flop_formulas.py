"""FLOPs of one operator, multiply-add = 2: matrix products, convolutions, Fourier transforms, factorisations of matrices.

An operator is known by its full name: one of another library that is called `softmax` is not torch's. A sparse product takes
2 FLOPs per stored entry and column of the other factor. Formulas of factorisations have the leading terms of LAPACK Working
Note 41. Where torch's own table counts what a kernel computes a second time, as backward attention does, it is left out here.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor
from torch._subclasses.fake_tensor import FakeTensor
from torch.utils._pytree import tree_leaves
from torch.utils.flop_counter import flop_registry

Formula = Callable[..., float]
"""Takes the arguments of an operator, and its result as `out_val`."""


class NeedsValuesError(Exception):
    """A count depends on values, and there are none."""


def formula_of(operator: Any) -> Formula | None:
    """The formula of an operator of any overload, in place or not; None where there is none."""
    name = str(operator._qualified_op_name)
    return _FORMULAS.get(name) or _FORMULAS.get(name.removesuffix("_")) or _torch_formula(operator)


def _torch_formula(operator: Any) -> Formula | None:
    found: Formula | None = flop_registry.get(operator)
    if found is None:
        return None
    return lambda *args, out_val, **options: found(*args, out_val=out_val, **options) * _complex_factor(out_val)


def _complex_factor(result: Any) -> int:
    """A complex product takes 4 real ones."""
    return 4 if any(isinstance(leaf, Tensor) and leaf.is_complex() for leaf in tree_leaves(result)) else 1


def _is_sparse(x: Tensor) -> bool:
    return x.layout not in (torch.strided, torch.jagged, torch._mkldnn)  # type: ignore[attr-defined]


def _entries(x: Tensor) -> int:
    """Stored entries. Raises NeedsValuesError for a sparse tensor without values."""
    if not _is_sparse(x):
        return x.numel()
    values: Tensor = x._values() if x.layout == torch.sparse_coo else x.values()
    if isinstance(values, FakeTensor):
        raise NeedsValuesError("the entries of a sparse tensor are unknown without data")
    return values.numel()


def _product(a: Tensor, b: Tensor, *_: Any, out_val: Any, **__: Any) -> float:
    """(…, m, k) times (…, k, n) or (k)."""
    if _is_sparse(a) and _is_sparse(b):
        pairs = _pairs_of_entries(a, b)
    elif _is_sparse(b):
        pairs = _entries(b) * a.shape[-2]
    else:
        pairs = _entries(a) * (b.shape[-1] if b.ndim > 1 else 1)
    return 2 * pairs * _complex_factor(out_val)


def _pairs_of_entries(a: Tensor, b: Tensor) -> int:
    """Products of two sparse matrices: each entry of a column of the first times each of that row of the second."""
    _entries(a), _entries(b)
    columns = a.to_sparse_coo().coalesce().indices()[-1].bincount(minlength=a.shape[-1])
    rows = b.to_sparse_coo().coalesce().indices()[-2].bincount(minlength=b.shape[-2])
    return int((columns * rows).sum())


def _plus_product(_: Tensor, a: Tensor, b: Tensor, *__: Any, out_val: Any, **___: Any) -> float:
    return _product(a, b, out_val=out_val)


def _sampled_product(wanted: Tensor, a: Tensor, _: Tensor, *__: Any, out_val: Any, **___: Any) -> float:
    """A product of which only the stored entries of `wanted` are computed."""
    return 2 * _entries(wanted) * a.shape[-1] * _complex_factor(out_val)


def _grouped_product(a: Tensor, b: Tensor, *_: Any, **__: Any) -> float:
    """Rows or columns in groups, each times its own matrix."""
    groups = a.shape[0] if a.ndim == b.ndim == 3 else 1
    return 2 * groups * a.shape[-2] * a.shape[-1] * b.shape[-1]


def _packed_linear(x: Tensor, *_: Any, out_val: Tensor, **__: Any) -> float:
    """A linear map whose weight is packed."""
    return 2 * x.numel() * out_val.shape[-1]


def _trilinear(a: Tensor, b: Tensor, c: Tensor, *axes: Any, out_val: Any, **_: Any) -> float:
    """Σ a b c in two steps, as torch computes it: a and b first, summed over axes that c has not, then with c.

    `axes` are those that a, b and c have not, and those of the sum.
    """
    sizes = [_unsqueezed(x, absent) for x, absent in zip((a, b, c), axes[:3], strict=True)]
    without_c, summed = axes[2:4]
    first = [max(pair) for pair in zip(*sizes[:2], strict=True)]
    early = [axis for axis in summed if axis in without_c]
    second = [max(1 if axis in early else size, sizes[2][axis]) for axis, size in enumerate(first)]
    steps = ((first, early), (second, [axis for axis in summed if axis not in early]))
    return sum(2 * math.prod(points) for points, contracted in steps if contracted) * _complex_factor(out_val)


def _unsqueezed(x: Tensor, axes: list[int]) -> list[int]:
    sizes = list(x.shape)
    for axis in sorted(axes):
        sizes.insert(axis, 1)
    return sizes


def _distances(a: Tensor, b: Tensor, *_: Any, **__: Any) -> float:
    """Distances between all rows: as many multiply-adds as the product of a and bᵀ."""
    return 2 * a.numel() * b.shape[-2]


def _distances_backward(_: Tensor, a: Tensor, b: Tensor, *__: Any, **___: Any) -> float:
    return _distances(a, b)


def _fourier(x: Tensor, dimensions: list[int], *_: Any, out_val: Tensor, **__: Any) -> float:
    real = not (x.is_complex() and out_val.is_complex())
    whole = x if out_val.is_complex() else out_val  # only half of a real signal's spectrum is stored
    points = math.prod(whole.shape[dimension] for dimension in dimensions)
    return 5 * whole.numel() * math.log2(points) / (2 if real else 1) if points else 0


def _convolution_backward(gradient: Tensor, x: Tensor, weight: Tensor, *rest: Any, out_val: Any, **_: Any) -> float:
    """The forward pass's products, once for the input's gradient and once for the weight's, whose shape accounts for groups."""
    transposed, _, _, wanted = rest[-4:]  # then output padding, groups, gradients wanted
    forward = 2 * (x if transposed else gradient).numel() * math.prod(weight.shape[1:])
    return forward * sum(map(int, wanted[:2])) * _complex_factor(out_val)


def _attention(query: Tensor, key: Tensor, value: Tensor, *_: Any, **__: Any) -> float:
    """Two products, in full even under a causal mask; groups of queries may share keys."""
    *queries, channels = query.shape
    return 2 * math.prod(queries) * key.shape[-2] * (channels + value.shape[-1])


def _attention_backward(_: Tensor, query: Tensor, key: Tensor, value: Tensor, *__: Any, **___: Any) -> float:
    return 2 * _attention(query, key, value)


def _recurrent(x: Tensor, weights: Sequence[Tensor], *_: Any, **__: Any) -> float:
    """Fused recurrent layers: every weight matrix once per token."""
    return 2 * (x.numel() // x.shape[-1]) * sum(weight.numel() for weight in weights if weight.ndim == 2)


def _recurrent_backward(x: Tensor, weights: Sequence[Tensor], *_: Any, **__: Any) -> float:
    return 2 * _recurrent(x, weights)


def _recurrent_direction(x: Tensor, of_input: Tensor, of_state: Tensor, *_: Any, **__: Any) -> float:
    return _recurrent(x, (of_input, of_state))


def _recurrent_direction_backward(x: Tensor, of_input: Tensor, of_state: Tensor, *_: Any, **__: Any) -> float:
    return 2 * _recurrent(x, (of_input, of_state))


def _per_matrix(flops: Callable[[int, int], float]) -> Formula:
    """A formula by rows and columns of each matrix of a batch."""

    def formula(x: Tensor, *_: Any, out_val: Any, **__: Any) -> float:
        rows, columns = x.shape[-2:]
        return math.prod(x.shape[:-2]) * flops(rows, columns) * _complex_factor(out_val)

    return formula


def _lu(rows: int, columns: int) -> float:
    most, least = max(rows, columns), min(rows, columns)
    return most * least**2 - least**3 / 3


def _solve(matrix: Tensor, right: Tensor, *_: Any, out_val: Any, **__: Any) -> float:
    return _per_matrix(_lu)(matrix, out_val=out_val) + _substitute(right, matrix, out_val=out_val, triangles=2)


def _substitute(right: Tensor, matrix: Tensor, *_: Any, out_val: Any, triangles: int, **__: Any) -> float:
    """Solve with so many triangular n × n factors: n² per factor and column of the right side."""
    result: Tensor = tree_leaves(out_val)[0]
    return triangles * result.numel() * matrix.shape[-1] * _complex_factor(out_val)


def _solve_triangular(matrix: Tensor, right: Tensor, *_: Any, out_val: Any, **__: Any) -> float:
    return _substitute(right, matrix, out_val=out_val, triangles=1)


def _lu_solve(factors: Tensor, _: Tensor, right: Tensor, *__: Any, out_val: Any, **___: Any) -> float:
    return _substitute(right, factors, out_val=out_val, triangles=2)


def _cholesky_solve(right: Tensor, factor: Tensor, *_: Any, out_val: Any, **__: Any) -> float:
    return _substitute(right, factor, out_val=out_val, triangles=2)


def _hypermixer_summary(x: Tensor, *_: Any, **__: Any) -> float:
    """A hypernetwork's first layer and H1ᵀX, both N·d² multiply-adds, in one kernel."""
    return 4 * x.numel() * x.shape[-1]


def _hypermixer_output(x: Tensor, *rest: Any, **_: Any) -> float:
    """The first layer, unless it is the one that the other kernel computed, and H2 T."""
    again = rest[-1]
    return (2 if again else 4) * x.numel() * x.shape[-1]


_ATTENTION_KERNELS = [
    f"_scaled_dot_product_{kernel}"
    for kernel in ("flash_attention", "flash_attention_for_cpu", "efficient_attention", "cudnn_attention")
]
_FORMULAS_OF_NAMES: dict[Formula, str] = {
    _product: "mm bmm mv dot vdot _int_mm _scaled_mm _scaled_mm_v2 _sparse_mm_reduce_impl _sparse_sparse_matmul",
    _plus_product: "addmm baddbmm addbmm addmv _addmm_activation _sparse_addmm sspaddmm",
    _sampled_product: "sparse_sampled_addmm",
    _grouped_product: "_grouped_mm _scaled_grouped_mm _scaled_grouped_mm_v2",
    _packed_linear: "_weight_int8pack_mm _weight_int4pack_mm _weight_int4pack_mm_for_cpu",
    _trilinear: "_trilinear",
    _distances: "_cdist_forward",
    _distances_backward: "_cdist_backward",
    _fourier: "_fft_c2c _fft_r2c _fft_c2r",
    _convolution_backward: "convolution_backward",
    _attention: " ".join(_ATTENTION_KERNELS),
    _attention_backward: " ".join(f"{kernel}_backward" for kernel in _ATTENTION_KERNELS),
    _recurrent: "_cudnn_rnn miopen_rnn",
    _recurrent_backward: "_cudnn_rnn_backward miopen_rnn_backward",
    _recurrent_direction: "mkldnn_rnn_layer",
    _recurrent_direction_backward: "mkldnn_rnn_layer_backward",
    _per_matrix(_lu): "linalg_lu_factor_ex _linalg_det _linalg_slogdet",
    _per_matrix(lambda rows, _: 2 * rows**3): "linalg_inv_ex",
    _per_matrix(lambda rows, _: rows**3 / 3): "linalg_cholesky_ex",
    _solve: "_linalg_solve_ex",
    _lu_solve: "linalg_lu_solve",
    _solve_triangular: "linalg_solve_triangular",
    _cholesky_solve: "cholesky_solve",
}
_FORMULAS = {f"aten::{name}": formula for formula, names in _FORMULAS_OF_NAMES.items() for name in names.split()}
_FORMULAS |= {"mixbench::hypermixer_summary": _hypermixer_summary, "mixbench::hypermixer_output": _hypermixer_output}
"""By full name; torch's own table has the other convolutions and attentions."""
