"""Functions of torch and methods of tensors that are not in the catalogue, with the reason."""

from __future__ import annotations

_TRAINING = "it belongs to training, not to the architecture"
_NO_TENSOR = "it does not return a tensor"
_OUTSIDE = "it concerns PyTorch itself or the device of a tensor, which the caller chooses"
_LAYER = "write the layer"
_SPARSE = "the language has no sparse, nested or quantized tensors"
_NUMBERS = "its output shape depends on the values; try `masked_select`, `argwhere` or an index by a mask"
_INTERNAL = "it is internal to PyTorch; use the function without the suffix"
_INPLACE = "it changes its input; use the function without `_`, which returns a new tensor"
_STRIDES = "it depends on the memory layout; use `reshape`, `expand` or `unfold`"
_RARE = "it is not used in forward passes; compute it outside, and pass it in as an input"
_NAMED = "use the names of the dimensions in `inputs`"
_OTHERWISE = "combine other functions"


def _each(names: str, reason: str) -> dict[str, str]:
    return dict.fromkeys(names.split(), reason)


ABSENT: dict[str, str] = {
    **_each(
        "binary_cross_entropy binary_cross_entropy_with_logits cosine_embedding_loss cross_entropy ctc_loss "
        "gaussian_nll_loss hinge_embedding_loss huber_loss kl_div l1_loss linear_cross_entropy margin_ranking_loss "
        "mse_loss multi_margin_loss multilabel_margin_loss multilabel_soft_margin_loss nll_loss poisson_nll_loss "
        "smooth_l1_loss soft_margin_loss triplet_margin_loss triplet_margin_with_distance_loss backward "
        "register_hook register_post_accumulate_grad_hook retain_grad reinforce requires_grad_ no_grad enable_grad "
        "set_grad_enabled inference_mode autocast",
        _TRAINING,
    ),
    **_each(
        "allclose equal is_complex is_conj is_contiguous is_floating_point is_inference is_neg is_nonzero is_same_size "
        "is_set_to is_signed is_storage is_tensor item tolist numpy can_cast promote_types result_type typename finfo "
        "iinfo get_device element_size data_ptr has_names",
        _NO_TENSOR,
    ),
    **_each("size dim ndimension numel nelement stride broadcast_shapes storage_offset dim_order", _NAMED),
    **_each(
        "cpu cuda xpu ipu mtia pin_memory is_pinned is_shared share_memory_ manual_seed seed initial_seed "
        "get_rng_state set_rng_state compile save load storage untyped_storage record_stream type apply_ map_ "
        "map2_ set_ new from_numpy frombuffer from_file from_dlpack to_dlpack asarray vmap cond while_loop "
        "device dtype layout memory_format are_deterministic_algorithms_enabled use_deterministic_algorithms "
        "clear_autocast_cache compiled_with_cxx11_abi fork wait "
        "parse_ir parse_schema parse_type_comment merge_type_from_type_comment "
        "unify_type_list import_ir_module import_ir_module_from_buffer init_num_threads as_subclass module_load "
        "const_data_ptr storage_type is_distributed hash_tensor to_mkldnn chalf",
        _OUTSIDE,
    ),
    **_each(
        "gru gru_cell lstm lstm_cell rnn_relu rnn_relu_cell rnn_tanh rnn_tanh_cell embedding_bag instance_norm "
        "fractional_max_pool2d fractional_max_pool3d max_unpool1d max_unpool2d max_unpool3d "
        "multi_head_attention_forward rrelu",
        _LAYER,
    ),
    "index": "write an index: `x[i]`",
    **_each("nonzero unique unique_consecutive nonzero_static segment_reduce", _NUMBERS),
    **_each(
        "as_strided as_strided_copy as_strided_scatter empty_strided empty_permuted new_empty_strided resize resize_as",
        _STRIDES,
    ),
    **_each(
        "corrcoef cov cond lobpcg lu lu_solve lu_unpack lstsq geqrf orgqr ormqr cholesky_inverse cholesky_solve "
        "linalg.cholesky_ex linalg.inv_ex linalg.ldl_factor linalg.ldl_factor_ex linalg.ldl_solve linalg.lu_factor_ex "
        "linalg.lu_solve linalg.solve_ex linalg.tensorinv linalg.tensorsolve eig symeig solve unravel_index "
        "triangular_solve pca_lowrank svd_lowrank histogram histogramdd linalg.cond linalg.lstsq linalg.lu "
        "linalg.lu_factor linalg.matrix_rank linalg.householder_product vander linalg.vander combinations binomial",
        _RARE,
    ),
    **_each(
        "dist multi_dot linalg.multi_dot linalg.norm nuclear_norm chain_matmul conj_physical upsample "
        "upsample_bilinear upsample_nearest nanmedian frexp addr gradient trapezoid trapz "
        "cumulative_trapezoid range scalar_tensor new_tensor put index_put slice_scatter diagonal_scatter "
        "polygamma mvlgamma nextafter istft stft linalg.vecdot "
        "cross fill short byte char cfloat cdouble split_with_sizes "
        "sum_to_size index_reduce special.polygamma special.round "
        "special.multigammaln frobenius_norm norm_except_dim conv_tbc",
        _OTHERWISE,
    ),
    **_each(
        "to_dense to_sparse to_sparse_coo to_sparse_csr to_sparse_csc coalesce is_coalesced sparse_coo_tensor "
        "sparse_csr_tensor sparse_mask indices values quantize_per_tensor quantize_per_channel dequantize int_repr "
        "to_padded_tensor ccol_indices col_indices crow_indices row_indices dense_dim sparse_dim "
        "dsmm hsmm hspmm saddmm smm spmm sspaddmm sparse_bsc_tensor sparse_bsr_tensor sparse_compressed_tensor "
        "sparse_csc_tensor to_sparse_bsc "
        "to_sparse_bsr choose_qparams_optimized empty_quantized fused_moving_avg_obs_fake_quant "
        "qscheme quantize_per_tensor_dynamic",
        _SPARSE,
    ),
    **_each(
        "affine_grid_generator batch_norm_backward_reduce batch_norm_elemt batch_norm_gather_stats "
        "batch_norm_gather_stats_with_counts batch_norm_stats batch_norm_update_stats constant_pad_nd convolution "
        "feature_dropout grid_sampler grid_sampler_2d grid_sampler_3d slice_inverse grouped_mm scaled_mm "
        "scaled_grouped_mm assert_int_or_pair boolean_dispatch handle_torch_function",
        "it is internal to PyTorch; `archspec layers` lists the public functions",
    ),
}
"""Names, without `torch.` or `F.`, and why there is no such function."""

_ADDITIONS = ("_copy", "_with_indices", "_backward_elemt", "_batch_norm", "_convolution")
_PREFIXES = {
    **dict.fromkeys(("cudnn_", "miopen_", "mkldnn_", "fbgemm_", "native_", "unsafe_"), _INTERNAL),
    **dict.fromkeys(("quantized_", "q_", "fake_quantize_"), _SPARSE),
    **dict.fromkeys(("sym_", "get_", "set_", "is_", "autocast_", "has_torch_function"), _OUTSIDE),
}


def reason(name: str) -> str | None:
    """Why there is no function of that name; None where nothing is known of it."""
    if name in ABSENT:
        return ABSENT[name]
    if name.endswith("_") and not name.endswith("__"):
        return _INPLACE
    if name.endswith(_ADDITIONS):
        return _INTERNAL
    return next((why for prefix, why in _PREFIXES.items() if name.startswith(prefix)), None)
