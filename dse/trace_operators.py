"""How each of PyTorch's operators is priced: its multiply-accumulates, or why it has none."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor

CONVOLUTIONS = frozenset({"convolution", "_convolution", "cudnn_convolution", "mkldnn_convolution"})
#: Matrix products with the positions of their two factors among the arguments.
PRODUCTS = {
    "mm": (0, 1),
    "bmm": (0, 1),
    "mv": (0, 1),
    "dot": (0, 1),
    "vdot": (0, 1),
    "_int_mm": (0, 1),
    "addmm": (1, 2),
    "addmv": (1, 2),
    "addbmm": (1, 2),
    "baddbmm": (1, 2),
    "_addmm_activation": (1, 2),
}
EMBEDDINGS = frozenset({"embedding"})
NORMS = frozenset(
    {
        "native_batch_norm",
        "_native_batch_norm_legit",
        "_native_batch_norm_legit_no_training",
        "_batch_norm_with_update",
        "_batch_norm_no_update",
        "cudnn_batch_norm",
        "batch_norm",
        "native_layer_norm",
        "native_group_norm",
        "_fused_rms_norm",
    }
)
ADDITIONS = frozenset({"add", "add_"})
#: Operators after which binary spikes are still spikes or sums of spikes.
SPIKE_KEEPING = frozenset({"add", "add_", "mul", "mul_", "cat", "stack", "clone", "copy_", "_to_copy", "lift_fresh"})

#: Operators that take only the shape of their input, as the empty state of a neuron does.
SHAPE_ONLY = frozenset(
    {"zeros_like", "ones_like", "empty_like", "full_like", "rand_like", "randn_like"}
    | {"new_zeros", "new_ones", "new_empty", "new_full", "new_empty_strided"}
)

_POOL_WORDS = ("max_pool", "avg_pool", "adaptive")
#: Data movement, reductions and selections: no multiply-accumulates with weights or between activations.
_FREE = frozenset(
    word
    for line in (
        "_assert_async _assert_tensor_metadata _is_all_true _is_any_true _local_scalar_dense _log_softmax",
        "_safe_softmax _softmax _to_copy _unsafe_index _unsafe_view all amax amin any arange argmax argmin",
        "as_strided_ bernoulli bucketize cat channel_shuffle clone col2im constant_pad_nd copy_ count_nonzero",
        "cumprod cumsum detach_ diag_embed empty empty_like empty_strided equal eye fill_ flip full full_like",
        "gather glu grid_sampler_2d im2col index index_put index_put_ index_select is_same_size isin item",
        "lift_fresh lift_fresh_copy linalg_vector_norm linspace local_scalar_dense log_softmax logsumexp",
        "masked_fill masked_fill_ masked_select max max_dim mean median min multinomial nan_to_num narrow_copy",
        "native_dropout new_empty new_empty_strided new_full new_ones new_zeros nonzero norm normal_ one_hot ones",
        "ones_like pad pixel_shuffle pixel_unshuffle prod rand rand_like randint randint_like randn randn_like",
        "reflection_pad1d reflection_pad2d reflection_pad3d repeat repeat_interleave replication_pad1d",
        "replication_pad2d replication_pad3d resize_ roll scalar_tensor scatter scatter_ scatter_add searchsorted",
        "select_backward set_ slice_scatter sort split_with_sizes_copy stack std std_mean sum sym_numel sym_size",
        "sym_stride topk tril tril_ triu triu_ unfold uniform_ unique_dim unsafe_chunk unsafe_split var var_mean",
        "where zero_ zeros zeros_like",
    )
    for word in line.split()
)


def operator_name(function: torch._ops.OpOverload) -> str:
    """The operator without namespace and overload: ``aten::add.Tensor`` is ``add``."""
    return str(function._schema.name).partition("::")[2]


def is_pool(name: str) -> bool:
    """Whether the operator pools."""
    return any(word in name for word in _POOL_WORDS)


def keeps_spikes(function: torch._ops.OpOverload, name: str) -> bool:
    """Whether spikes going in come out as spikes, or as sums and averages of spikes."""
    return function.is_view or name in SPIKE_KEEPING or is_pool(name) or name in {"_unsafe_view", "constant_pad_nd"}


def keeps_channels(function: torch._ops.OpOverload, name: str, arguments: Sequence[object], output: Tensor) -> bool:
    """Whether each channel of the input has its own equal share of the output.

    True for elementwise operators, batch norms, pools, means over places and whatever moves all elements.
    """
    source = arguments[0] if arguments else None
    if name == "mean" and isinstance(source, Tensor) and len(arguments) > 1 and isinstance(arguments[1], list | tuple):
        return source.ndim > 2 and all(dimension % source.ndim > 1 for dimension in arguments[1])
    if "batch_norm" in name or is_pool(name) or torch.Tag.pointwise in function.tags:
        return True
    moves = function.is_view or name in {"clone", "_to_copy", "_unsafe_view", "copy_", "native_dropout"}
    return moves and isinstance(source, Tensor) and source.numel() == output.numel()


def is_free(function: torch._ops.OpOverload, name: str) -> bool:
    """Whether the operator is known to carry no multiply-accumulates: elementwise, movement, reduction, selection."""
    return (
        function.is_view
        or torch.Tag.pointwise in function.tags
        or name in _FREE
        or name.startswith(("upsample_", "_upsample_"))
        or function.namespace == "prim"
    )


def convolution_positions(source: Tensor, output: Tensor, *, transposed: bool) -> int:
    """How often each weight of a convolution is used: output positions, or input positions if transposed."""
    side = source if transposed else output
    return side.shape[0] * math.prod(side.shape[2:])


def product_macs(left: Tensor, right: Tensor) -> int:
    """Multiply-accumulates of a matrix product of ``(..., m, k)`` and ``(..., k, n)``, vectors included."""
    batch = math.prod(left.shape[:-2])
    rows = left.shape[-2] if left.ndim > 1 else 1
    columns = right.shape[-1] if right.ndim > 1 else 1
    return batch * rows * left.shape[-1] * columns


def attention_macs(arguments: Sequence[object]) -> int | None:
    """Multiply-accumulates of fused attention: queries x keys and weights x values; None without three tensors."""
    tensors = [argument for argument in arguments[:3] if isinstance(argument, Tensor)]
    if len(tensors) < 3:
        return None
    query, key, value = tensors
    pairs = math.prod(query.shape[:-2]) * query.shape[-2] * key.shape[-2]
    return pairs * (query.shape[-1] + value.shape[-1])
