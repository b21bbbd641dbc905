"""Operators without a formula: those that only move data, those with a few operations per element, and all others.

Only operators of torch itself are known by name: another library's may do anything.
"""

from __future__ import annotations

from typing import Any

import torch


def is_free(func: Any) -> bool:
    """Whether an operator only allocates, moves or views data."""
    return func.is_view or func.namespace == "prim" or (func.namespace == "aten" and _name(func) in _FREE)


def may_hide_products(func: Any) -> bool:
    """Whether an operator without a formula may contain matrix products, so that a count without it is a lower bound."""
    return torch.Tag.pointwise not in func.tags and not (func.namespace == "aten" and _plain_name(_name(func)) in _LIGHT)


def full_name(func: Any) -> str:
    """The name of an operator, with that of its library unless this is torch: `softmax`, `mine::softmax`."""
    return str(func._overloadpacket._qualified_op_name).removeprefix("aten::")


def _name(func: Any) -> str:
    return str(func._overloadpacket.__name__)


def _plain_name(operator: str) -> str:
    """The name without private and backward parts: `_softmax_backward_data` gives softmax."""
    return operator.strip("_").removesuffix("_data").removesuffix("_backward")


_FREE_NAMES = """
_assert_async _assert_scalar _coalesced_ _efficientzerotensor _indices _linalg_check_errors _local_scalar_dense _nnz
_reshape_alias _reshape_copy _sparse_compressed_tensor_unsafe _sparse_compressed_tensor_with_dims _sparse_coo_tensor_unsafe
_sparse_coo_tensor_with_dims _sparse_coo_tensor_with_dims_and_tensors _sparse_csr_tensor_unsafe _sparse_mask_projection _to_copy
_to_dense _to_sparse _to_sparse_bsc _to_sparse_bsr _to_sparse_csc _to_sparse_csr _unsafe_view
_validate_sparse_compressed_tensor_args _validate_sparse_coo_tensor_args _values alias arange as_strided_scatter bernoulli
bernoulli_ cat cauchy_ ccol_indices channel_shuffle clone col_indices complex constant_pad_nd copy_ crow_indices dense_dim
detach diag_embed diagonal_backward diagonal_scatter embedding empty empty_like empty_permuted empty_strided exponential_ eye
fill_ flip full full_like gather geometric_ im2col index index_select indices is_coalesced lift_fresh log_normal_ masked_fill
masked_fill_ new_empty new_empty_strided new_full new_ones new_zeros normal_ normal_functional ones ones_like pixel_shuffle
pixel_unshuffle rand rand_like randint randn randn_like random_ randperm reflection_pad1d reflection_pad2d reflection_pad3d
repeat repeat_interleave replication_pad1d replication_pad2d replication_pad3d resize resize_ resize_as_ roll rot90 row_indices
scalar_tensor select_backward select_scatter set_ slice_backward slice_scatter sparse_dim sparse_mask split_with_sizes_copy
squeeze_ stack sym_numel sym_size sym_storage_offset sym_stride t_ transpose_ tril tril_indices triu triu_indices unfold_copy
uniform_ unsafe_chunk unsafe_split unsqueeze_ values where zero_ zeros zeros_like
"""
_FREE = set(_FREE_NAMES.split())
"""Operators that only allocate or move data."""

_LIGHT_NAMES = """
adaptive_avg_pool1d adaptive_avg_pool2d adaptive_avg_pool3d adaptive_max_pool2d addr all amax amin aminmax any argmax argmin
argsort avg_pool1d avg_pool2d avg_pool3d batch_norm_with_update bincount bucketize coalesce col2im count_nonzero
cudnn_batch_norm cummax cummin cumprod cumsum dequantize elu embedding_bag embedding_dense equal
fake_quantize_per_tensor_affine_cachemask fractional_max_pool2d fused_rms_norm gelu glu grid_sampler_2d grid_sampler_3d histc
index_add index_put index_reduce isin kthvalue linalg_cross linalg_vector_norm log_sigmoid log_sigmoid_forward log_softmax
logcumsumexp logsumexp masked_scatter masked_select max max_pool2d max_pool2d_with_indices max_pool3d_with_indices mean median
min mode multinomial nanmedian native_batch_norm native_dropout native_group_norm native_layer_norm nonzero norm polar
prelu_kernel prod quantize_per_tensor reflection_pad1d reflection_pad2d renorm replication_pad1d replication_pad2d rms_norm
safe_softmax scatter scatter_add scatter_reduce searchsorted segment_reduce softmax softplus sort sparse_log_softmax
sparse_softmax sparse_sum std std_mean sum thnn_fused_gru_cell thnn_fused_lstm_cell
topk trace unfold unique unique2 unique_consecutive unique_dim upsample_bicubic2d upsample_bicubic2d_aa upsample_bilinear2d
upsample_bilinear2d_aa upsample_linear1d upsample_nearest1d upsample_nearest2d upsample_nearest3d upsample_nearest_exact1d
upsample_nearest_exact2d upsample_trilinear3d var var_mean weight_norm_interface
"""
_LIGHT = set(_LIGHT_NAMES.split())
"""Reductions, norms and other operators with a few operations per element, besides those that torch tags as pointwise."""
