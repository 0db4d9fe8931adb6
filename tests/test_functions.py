"""The contract of the catalogue of functions, against PyTorch itself. A new function is tested by existing.

Tensors and values are drawn by the names and types of a function's parameters, and by the tables below. archspec has
to accept what PyTorch accepts on the CPU and nothing else, and to say the same of what comes out; then once more with
symbols for some of the sizes. Where archspec refuses more than PyTorch does, that stands in `STRICTER`, with a reason.
"""

from __future__ import annotations

import contextlib
import inspect
import itertools
import math
import operator
import warnings
from collections import Counter
from collections.abc import Callable, Iterator
from fnmatch import fnmatch
from functools import partial
from typing import Any, NamedTuple

import pytest
import torch
import torch.nn.functional
from against_pytorch import DRAWN_ANEW, examine, is_empty, many_examples, questions, require_open, same_flow, type_of
from hypothesis import strategies as st
from torch.utils.flop_counter import FlopCounterMode

from archspec import dimensions
from archspec.dimensions import Dimension, Size
from archspec.expressions import UndecidedError
from archspec.functions import FUNCTIONS, OPERATORS, UNARY_OPERATORS, Function, index
from archspec.functions._base import ABSENT, Takes
from archspec.functions._dtypes import promote, result_type
from archspec.lower.calls import too_large
from archspec.refusals import RefusalError
from archspec.tensors import COMPLEX, DTYPES, TensorType

EXAMPLES, MANY_EXAMPLES = 20, many_examples(40)
LEAST_ACCEPTED = 0.03  # of all draws; below, the hints are no good

LAYOUTS: dict[str, tuple[str, ...]] = {
    "prelu": ("n c *, c", "n c, ", "c, 1"),
    "glu": ("n c*2", "* c*2 m"),
    "dropout1d": ("c l", "n c l"),
    "dropout2d": ("c h w", "n c h w"),
    "dropout3d": ("c d h w", "n c d h w"),
    "feature_alpha_dropout": ("n c *",),
    "reshape": ("a b c",),
    "unflatten": ("a*b c", "n a*b", "a*b a*b"),
    "t": ("a b", "a", ""),
    "permute": ("a b c",),
    "squeeze": ("1 a 1", "a 1 b", "a b 1"),
    "broadcast_to": ("1 a", "a", "b a", "b 1"),
    "cat": ("a b c, d b c, e b c", "a b, a b, a b", "a b, a c, a d", "a b c, a d c, a b c"),
    "concat": ("a b c, d b c, e b c", "a b, a b, a b", "a b, a c, a d"),
    "concatenate": ("a b c, d b c, e b c", "a b, a b, a b", "a b, a c, a d"),
    "stack": ("a b, a b, a b", "a, a, a", ", , ", "a b c, a b c, a b c"),
    "hstack": ("a b, a c, a d", "a, b, c", ", , "),
    "vstack": ("a b, c b, d b", "a, a, a", ", , ", "a, b a, 1 a"),
    "dstack": ("a b c, a b d, a b c", "a, a, a", ", , ", "a b, a b, a b 1"),
    "meshgrid": ("a, b, c", ", a, b"),
    "cartesian_prod": ("a, b, c",),
    "chunk": ("a*3 b*2", "a*2 b*6", "a b"),
    "diagonal": ("a b c", "a a", "a b"),
    "matmul": ("* a b, * b c", "a b, b c", "a, a", "* a b, b", "b, * b c", "a b, * b c", "n 1 a b, m b c"),
    "mm": ("a b, b c",),
    "bmm": ("n a b, n b c",),
    "mv": ("a b, b",),
    "outer": ("a, b",),
    "addmm": ("a c, a b, b c", "c, a b, b c", "1 c, a b, b c"),
    "baddbmm": ("n a c, n a b, n b c", "c, n a b, n b c", "a 1, n a b, n b c"),
    "tensordot": ("a b c, b c d", "a b, a b", "a c, c d"),
    "linear": ("* a, b a, b", "a, b a, b", "* a, a", "* a, b a, 1"),
    "bilinear": ("* a, * b, c a b, c", "n a, n b, c a b, 1"),
    "layer_norm": ("* a b, b, b", "* a b, a b, a b"),
    "rms_norm": ("* a b, b", "* a b, a b"),
    "group_norm": ("n g*c, g*c, g*c", "n g*c l, g*c, g*c"),
    "batch_norm": ("n c, c, c, c, c", "n c h w, c, c, c, c"),
    "local_response_norm": ("n c l", "n c h w"),
    "conv1d": ("n c*g l, o*g c k, o*g", "c*g l, o*g c 1, o*g"),
    "conv2d": ("n c*g h 6, o*g c k 2, o*g", "c*g h w, o*g c 1 1, o*g"),
    "conv3d": ("n c*g 3 4 5, o*g c 1 2 2, o*g",),
    "conv_transpose1d": ("n c*g l, c*g o k, o*g", "c*g l, c*g o 1, o*g"),
    "conv_transpose2d": ("n c*g h 6, c*g o k 2, o*g", "c*g h w, c*g o 1 1, o*g"),
    "conv_transpose3d": ("n c*g 3 4 5, c*g o 1 2 2, o*g",),
    "unfold": ("n c h*2 w*3", "c h*2 w*3"),
    "fold": ("n c*4 9", "c*4 9", "n c*4 12"),
    "max_pool1d": ("n c l", "c l*4"),
    "max_pool2d": ("n c h*2 w", "c h w*3"),
    "max_pool3d": ("n c d*2 4 w*3",),
    "avg_pool1d": ("n c l", "c l*4"),
    "avg_pool2d": ("n c h*2 w", "c h w*3"),
    "avg_pool3d": ("n c d*2 4 w*3",),
    "lp_pool1d": ("n c l", "c l*4"),
    "lp_pool2d": ("n c h*2 w", "c h w*3"),
    "lp_pool3d": ("n c d*2 4 w*3",),
    "adaptive_*1d": ("n c l", "c l"),
    "adaptive_*2d": ("n c h w", "c h w"),
    "adaptive_*3d": ("n c d h w", "c d h w"),
    "scaled_dot_product_attention": (
        "n h l e, n h s e, n h s v, l s",
        "* l e, * s e, * s e, 1 s",
        "n h*2 l e, n h s e, n h s e, n 1 l s",
        "n h l e, n h s e, n h s e, n h l s",
    ),
    "embedding": ("*, a b", "n l, a b"),
    "index_select": ("a b, c", "a b c, d", "a, "),
    "gather": ("a b, a 1", "a b, a b", "a b 3, a b 1", "a, c"),
    "take_along_dim": ("a b, a c", "a b, 1 b", "a b, a b"),
    "scatter": ("a b, a 1, a 2", "a b, a b, a b", "a b 3, a b 1, a b 2", "a, a, a"),
    "scatter_add": ("a b, a 1, a 2", "a b, a b, a b", "a b 3, a b 1, a b 2", "a, a, a"),
    "interpolate": ("n c l", "n c h w", "n c h w", "n c d h w"),
    "pad": ("n c l", "n c h w", "c l", "a b c"),
    "grid_sample": ("n c h w, n p q 2", "n c d h w, n p q r 3"),
    "affine_grid": ("n 2 3", "n 3 4"),
    "pixel_shuffle": ("* c*r*r h w", "c*4 h w"),
    "pixel_unshuffle": ("* c h*r w*r", "c h*2 w*2"),
    "channel_shuffle": ("n c*r l", "n c*2 h w"),
    "diff": ("a b", "a b, a b", "a b, a b, a b", "a b, a 1", "a b, a c, a d"),
    "cdist": ("* p d, * r d", "* p d, 1 r d"),
    "view": ("a b c",),
    "expand": ("1 a", "a", "b a", "b 1"),
    "*_as": ("a b, a b", "a b, b a", "a*b, a b", "1 b, a b"),
    "view_as_complex": ("* 2",),
    "rot90": ("a b", "a b c"),
    "adjoint": ("* a b",),
    "diag": ("a", "a b"),
    "trace": ("a b",),
    "[hvd]split": ("a*2 b*2 c*6",),
    "fliplr": ("a b",),
    "column_stack": ("a b, a c, a d", "a, a, a"),
    "block_diag": ("a b, c d, e", "a, , b c"),
    "row_stack": ("a b, c b, d b", "a, a, a", ", , "),
    "ger": ("a, b",),
    "multinomial": ("n c*2", "c*2"),
    "bucketize": ("*, n",),
    "searchsorted": ("n, *", "a n, a m", "a b n, a b m"),
    "bincount": ("n, n",),
    "isin": ("*, a",),
    "index_add": ("a b, b, a b", "a b c, a, a b c", "a, b, b", "a b, c, c b"),
    "index_copy": ("a b, b, a b", "a b c, a, a b c", "a, b, b", "a b, c, c b"),
    "index_fill": ("a b, c, ",),
    "take": ("a b, *",),
    "masked_scatter": ("a b, a b, a b", "a b, b, a b", "a, a, a"),
    "masked_select": ("a b, a b", "a b, b"),
    "argwhere": ("a b", "a"),
    "scatter_reduce": ("a b, a 1, a 2", "a b, a b, a b", "a, a, a"),
    "select_scatter": ("a b, b", "a b, a", "a b c, b c"),
    "quantile": ("a b, n", "a b, "),
    "nanquantile": ("a b, n", "a b, "),
    "renorm": ("a b", "a b c"),
    "pdist": ("n d",),
    "linalg.diagonal": ("a b", "a b c"),
    "linalg.solve": ("* a a, * a b", "a a, n a b"),
    "linalg.solve_triangular": ("* a a, * a b", "a a, n a b"),
    "linalg.cross": ("* 3, * 3", "n 3, 1 3"),
    "linalg.svd*": ("* a b",),
    "linalg.qr": ("* a b",),
    "linalg.pinv": ("* a b",),
    "linalg.matrix_norm": ("* a b",),
    "linalg.vector_norm": ("* a b",),
    "linalg.*": ("* a a",),
    "svd": ("* a b",),
    "qr": ("* a b",),
    "pinverse": ("* a b",),
    "*det": ("* a a",),
    "inverse": ("* a a",),
    "cholesky": ("* a a",),
    "matrix_*": ("* a a",),
    "*dot": ("a, a",),
    "inner": ("* a, b a", "a b, a b", "a, a"),
    "addmv": ("a, a b, b", ", a b, b"),
    "addbmm": ("a c, n a b, n b c", "c, n a b, n b c"),
}
"""The shapes to draw for a function's tensors, in order: a letter is a size, `*` some leading axes, `c*4` a product."""

VALUES: dict[str, st.SearchStrategy[Any]] = {
    "dim": st.sampled_from((0, 0, -1, -1, 1, 2)),
    "alpha": st.sampled_from((1, 2, 0.5)),
    "value": st.sampled_from((1, 2, 0.5)),
    "decimals": st.sampled_from((1, 2)),
    "exponent": st.sampled_from((2, 0.5, -1)),
    "argmax.dim": st.sampled_from((0, -1, 1, None)),
    "argmin.dim": st.sampled_from((0, -1, 1, None)),
    "glu.dim": st.sampled_from((1, -2, -1)),
    "k": st.sampled_from((1, 1, 2, "=a", "=b")),
    "n": st.sampled_from((0, 1, 1, 2)),
    "reshape.shape": st.sampled_from(
        (("=a*b", "=c"), (-1, "=c"), ("=c", "=a", "=b"), (-1,), ("=a", -1), (1, "=a", "=b*c"), ("=b", 2, -1))
    ),
    "unflatten.sizes": st.sampled_from((("=a", "=b"), (-1, "=b"), ("=b", -1), (2, -1), ("=b", "=a", 1))),
    "dims": st.sampled_from(((0, 1), (1, 0), (-1,), (0,), (1, -1), ())),
    "permute.dims": st.permutations((0, 1, 2)) | st.permutations((0, -1, -2)),
    "tile.dims": st.sampled_from((("=a", 2), (3,), (1, 2, "=b"), ())),
    "squeeze.dim": st.sampled_from((0, 1, -1, (0, -1), None)),
    "swap*.*": st.sampled_from((0, 1, -1)),
    "transpose.dim?": st.sampled_from((0, 1, -1)),
    "move*.*": st.sampled_from((0, 1, -1, (0, 1), (1, 0), (-1, 0))),
    "broadcast_to.size": st.sampled_from((("=b", "=a"), (2, "=b", "=a"), (-1, "=a"), (3, -1, -1), ("=b", -1))),
    "shifts": st.sampled_from((1, "=a", (1, -1), ("=a", 2))),
    "roll.dims": st.sampled_from((0, -1, (0, 1), (1, 0), ())),
    "diag*.dim?": st.sampled_from((0, 1, -1, -2)),
    "offset": st.sampled_from((0, 0, 1, -1)),
    "chunks": st.sampled_from((1, 2, 3, 4)),
    "split_size_or_sections": st.sampled_from((1, 2, 3, "=a", ("=a",), (1, 1), ("=b",))),
    "indices_or_sections": st.sampled_from((1, 2, 3, (1,), ("=a",), (1, 3), (-1,))),
    "start_dim": st.sampled_from((0, 1, -2)),
    "narrow.start": st.sampled_from((0, 1, -1, "=a")),
    "length": st.sampled_from((1, 2, "=a", "=b")),
    "select.index": st.sampled_from((0, 1, -1, "=a")),
    "beta": st.sampled_from((1, 2, 0.5)),
    "tensordot.dims": st.sampled_from((2, 2, 1, 0)),
    "size": st.sampled_from((("=a", 2), (3,), (), ("=a*b", "=c"))),
    "full*.fill_value": st.sampled_from((1, 0.5, True)),
    "bounds": st.sampled_from(
        (
            ("=a",),
            (7,),
            (2.5,),
            (1, "=b*4"),
            ("=a", "=a*3"),
            (0, 7, 2),
            (0.5, 3),
            (5, 0, -1),
            (5, "=a"),
            (0, "=b*4", "=c"),
        )
    ),
    "arange.step": st.sampled_from((1, 2, 0.5, "=c")),
    "steps": st.sampled_from((1, 5, "=a")),
    "tensor.data": st.sampled_from((1, 0.5, (1, 2), (1, 0.5), ((True, 1), (2, 3)), ((1,), (1, 2)), ("=a", 2), ("x",))),
    "normalized_shape": st.sampled_from((("=b",), ("=b",), ("=a", "=b"))),
    "num_groups": st.sampled_from(("=g", "=g", 1, 2)),
    "groups": st.sampled_from(("=g", "=g", 1)),
    "channel_shuffle.groups": st.sampled_from(("=r", 2, 1)),
    "*scale_factor": st.sampled_from((2, 0.5, 1.5, 1.7, (2, 0.5), (1.5,), None)),
    "pixel_shuffle.upscale_factor": st.sampled_from(("=r", 2)),
    "pixel_unshuffle.downscale_factor": st.sampled_from(("=r", 2)),
    "pad.pad": st.sampled_from(((1, 1), (1, 0), (0, "=c"), (1, 1, 2, 0), (-1, 1), (1, 1, 1, 1, 1, 1), ())),
    "pad.value": st.sampled_from((None, None, 0.5, 0)),
    "affine_grid.size": st.sampled_from((("=n", 1, "=h", 3), ("=n", 2, 3, "=h", 4))),
    "interpolate.size": st.sampled_from((3, "=a", (2, 5), (4,), (1, 2, 3), None)),
    "local_response_norm.size": st.sampled_from((1, 2, "=a")),
    "num_classes": st.sampled_from((1, 3, "=c", -1)),
    "padding_idx": st.sampled_from((0, 1, -1, None)),
    "stride": st.sampled_from((1, 1, 2, (1,), (2, 1), (1, 1, 1), "=s")),
    "?????pool?d.stride": st.sampled_from((1, 2, (1,), (2, 1), (1, 1, 1), "=s", None)),
    "padding": st.sampled_from((0, 0, 1, (1,), (1, 0), (0, 0, 1), "=p")),
    "conv?d.padding": st.sampled_from((0, 0, 1, (1,), (1, 0), (0, 0, 1), "same", "valid")),
    "dilation": st.sampled_from((1, 1, 1, 2, (1,), (1, 2))),
    "output_padding": st.sampled_from((0, 0, 0, 1, (0,))),
    "kernel_size": st.sampled_from((1, 2, 2, (2,), (1, 2), (2, 1, 2), "=k")),
    "fold.output_size": st.sampled_from((4, 4, (4, 4), (4, 5), (3, 2))),
    "fold.kernel_size": st.sampled_from((2, 2, 2, (2, 2), (1, 4), (2, 3))),
    "fold.dilation": st.sampled_from((1, 1, 1, (1, 1), 2)),
    "fold.stride": st.sampled_from((1, 1, 1, (1, 1), 2)),
    "fold.padding": st.sampled_from((0, 0, 0, (0, 0), 1)),
    "output_size": st.sampled_from((1, 2, "=h", (2,), (1, 3), (None, 2), (1, 2, 1), (1, 2, None))),
    "norm_type": st.sampled_from((1, 2, 3.0)),
    "divisor_override": st.sampled_from((None, 1, 3)),
    "p": st.sampled_from((0.0, 0.5, 1.0)),
    "dropout_p": st.sampled_from((0.0, 0.0, 0.5)),
    "is_causal": st.sampled_from((False, False, True)),
    "momentum": st.sampled_from((0.1,)),
    "view.shape": st.sampled_from(
        (("=a*b", "=c"), (-1, "=c"), ("=c", "=a", "=b"), (-1,), ((-1, "=a"),), (1, "=a", "=b*c"))
    ),
    "expand.size": st.sampled_from((("=b", "=a"), (2, "=b", "=a"), (-1, "=a"), ((3, -1, -1),), ("=b", -1))),
    "repeat.repeats": st.sampled_from(((1, 2, "=c"), ((2, "=a", 1, 1, 1),), (2, 1, 1, 1), (1, 1, 1))),
    "rot90.dims": st.sampled_from(((0, 1), (1, 0), (0, -1))),
    "rot90.k": st.sampled_from((0, 1, 2, -1)),
    "fft.*[2n].dim": st.sampled_from(((0, 1), (-1,), (-2, -1), None)),
    "fft.*[2n].s": st.sampled_from((None, None, (4, 3), ("=a", 4), (4,))),
    "fft.*shift.dim": st.sampled_from((0, -1, (0, 1), None)),
    "fft.*.n": st.sampled_from((None, 4, 5, "=a")),
    "fft.*freq.n": st.sampled_from((4, 5, "=a")),
    "window_length": st.sampled_from((1, 4, 5, "=a")),
    "randint.bounds": st.sampled_from(((4, ("=a", 2)), (1, 5, (3,)), (2, 9, ("=a",)), (3, ()))),
    "randint_like.bounds": st.sampled_from(((4,), (1, 5))),
    "bernoulli.p": st.sampled_from((0.0, 0.5, 1.0)),
    "num_samples": st.sampled_from((1, 2, "=c")),
    "bins": st.sampled_from((4, "=a")),
    "histc.min": st.sampled_from((0, 0.5)),
    "histc.max": st.sampled_from((1, 2.0)),
    "minlength": st.sampled_from((0, 3, "=n")),
    "q": st.sampled_from((0.25, 1.0)),
    "quantile.dim": st.sampled_from((0, -1, 1, None)),
    "nanquantile.dim": st.sampled_from((0, -1, 1, None)),
    "aminmax.dim": st.sampled_from((0, -1, 1, None)),
    "matrix_power.n": st.sampled_from((0, 1, 3, -1)),
    "linalg.matrix_power.n": st.sampled_from((0, 1, 3, -1)),
    "linalg.matrix_norm.dim": st.sampled_from(((-2, -1), (0, 1), (-1, 0))),
    "linalg.matrix_norm.ord": st.sampled_from((1, -1, 2, math.inf, "fro", "nuc")),
    "linalg.vector_norm.ord": st.sampled_from((1, 2, 0.5, math.inf)),
    "n_fft": st.sampled_from((4, 4, 5, "=k")),
    "hop_length": st.sampled_from((1, 2, None)),
    "win_length": st.sampled_from((None, 4, 2)),
    "return_complex": st.sampled_from((True, True, True, False)),
    "[hvd]split.indices_or_sections": st.sampled_from((1, 2, (1,), (1, 2))),
    "select_scatter.index": st.sampled_from((0, 1, -1)),
    "nan_to_num.*": st.sampled_from((0.0, 2, None)),
}
"""What to draw for an argument, by `argument` or `function.argument`. A string `=a * b` is a product of sizes."""

INPUT_DTYPES: dict[str, tuple[str, ...]] = {
    "bitwise_*.*": ("int64", "bool", "uint8"),
    "where.condition": ("bool",),
    "mask": ("bool",),
    "index": ("int64",),
    "indices": ("int64",),
    "one_hot.input": ("int64",),
    "embedding.input": ("int64", "int32"),
    "attn_mask": ("bool", "float32"),
    "imag.input": ("complex64", "complex128"),
    "view_as_real.input": ("complex64", "complex128"),
    "bincount.input": ("int64", "int32"),
    "gcd.*": ("int64", "int32"),
    "lcm.*": ("int64", "int32"),
    "bitwise_*_shift.*": ("int64", "int32"),
}
"""The dtypes to draw for a tensor, mostly, by `argument` or `function.argument` (patterns)."""

ZEROS = ("masked_scatter.mask", "index", "indices", "one_hot.input", "embedding.input")
"""Tensors that hold indices, or choose as many numbers as another one holds: all else holds ones."""


UNSURE = {"require_equal", "require_divides", "require_at_least", "is_one", "counted"}
"""The questions that a free size may leave open, and that are then refused."""


COUNTED_BY_VALUES = ("chunk",)
"""Functions that are taken to return as many tensors for all values of the parameters as they are asked for."""


UNEVEN = ("einsum", "inner", "matmul", "tensordot")
"""Functions of which PyTorch's counter sees other products, or none, where a size is 1."""


def flat(value: Any) -> list[TensorType]:
    """All tensors in it."""
    if isinstance(value, TensorType):
        return [value]
    items = value.values() if isinstance(value, dict) else value if isinstance(value, tuple) else ()
    return [tensor for item in items for tensor in flat(item)]


TOLD_OTHERWISE = {
    "*softm??.dim": "where it is left out, PyTorch guesses the axis, and warns",
    "div*.rounding_mode": "what is None in PyTorch's documents has no default in the declaration",
    "std*.correction": "the declaration's None is 1",
    "var*.correction": "the declaration's None is 1",
    "*_pool?d.return_indices": "the functional has it, what it calls has not",
    "randperm.dtype": "the declaration has a number for int64",
    "tri?_indices.dtype": "the declaration has a number for int64",
    "randint*.dtype": "the declaration has a number for int64",
    "[hvd]split.indices_or_sections": "likewise",
    "tensor_split.indices_or_sections": "PyTorch's documents call by one name what the declaration calls by two",
}
"""Parameters (patterns) whose name or default is another in PyTorch's declarations."""


class Stricter(NamedTuple):
    """PyTorch accepts, archspec does not, and that is meant."""

    functions: str
    argument: str
    wrong: Callable[[dict[str, Any]], bool]
    reason: str


def no_tensor(arguments: dict[str, Any]) -> bool:
    return not any(isinstance(value, TensorType) for value in arguments.values())


def unlike_dtypes(arguments: dict[str, Any]) -> bool:
    return len({tensor.dtype for tensor in flat(arguments)}) > 1


def of_one_number(arguments: dict[str, Any]) -> bool:
    return arguments["input"].numel == 1


def of_length_one(arguments: dict[str, Any]) -> bool:
    return bool(arguments["window_length"] == 1)


def of_truth_values(arguments: dict[str, Any]) -> bool:
    return any(tensor.dtype == "bool" for tensor in flat(arguments))


def constant_is_changed(arguments: dict[str, Any]) -> bool:
    """Whether one of the constants is another number in one of the dtypes that there are, or in float32.

    PyTorch says nothing then: 300 becomes 44 in uint8, and 0.5 is 0 in int64.
    """
    dtypes = {"float32", *(tensor.dtype for tensor in flat(arguments)), arguments.get("dtype")} - {None}
    constants = list(numbers_in(tuple(arguments.values())))
    return any(torch.tensor(value).to(getattr(torch, dtype)).item() != value for dtype in dtypes for value in constants)


def numbers_in(value: Any) -> Iterator[float]:
    if isinstance(value, tuple | list):
        for part in value:
            yield from numbers_in(part)
    elif isinstance(value, int | float):
        yield value


STRICTER: list[Stricter] = [
    Stricter(
        "linalg.solve_triangular", "", unlike_dtypes, "PyTorch converts B without a word, complex numbers to real ones"
    ),
    Stricter("scaled_*", "dropout_p", lambda arguments: True, "a probability; PyTorch does not look at negative ones"),
    Stricter("einsum", "operands", lambda arguments: True, "PyTorch adds smaller integers up in int64, or refuses to"),
    Stricter("scaled_*", "value", lambda arguments: True, "the CPU's kernel does not look at the value's length"),
    Stricter("einsum", "", unlike_dtypes, "only where nothing is summed over does PyTorch convert"),
    Stricter("cdist", "", unlike_dtypes, "the CPU alone converts, and not always"),
    Stricter(
        "clamp",
        "min",
        lambda arguments: True,
        "PyTorch takes truth values for tensors, and tensors for numbers",
    ),
    Stricter("linear", "bias", lambda arguments: True, "a bias of two axes PyTorch takes for some inputs, by luck"),
    Stricter("addc*", "value", lambda arguments: True, "of 0.5 PyTorch makes 0 for integers, without a word"),
    Stricter("*_window", "dtype", of_length_one, "PyTorch looks at the dtype of longer ones alone"),
    Stricter("arange", "step", lambda arguments: arguments["step"] is True, "a step is a number, no truth value"),
    Stricter("conv_transpose?d", "", unlike_dtypes, "PyTorch does not look at the bias where there is one number"),
    Stricter("scaled_*", "attn_mask", lambda arguments: True, "a mask of more axes PyTorch takes, and adds its axes"),
    Stricter("linear", "weight", lambda arguments: True, "PyTorch takes a weight of one axis, and a bias at times"),
    Stricter("cum*", "*", of_one_number, "PyTorch does not look at dtypes where there is one number"),
    Stricter("lp_pool?d", "input", lambda arguments: True, "PyTorch takes integers, depending on the norm"),
    Stricter("lp_pool1d", "kernel_size", lambda arguments: True, "PyTorch takes a list of one for the stride alone"),
    Stricter("conv*", "dilation", lambda arguments: True, "with dilation 0 the kernel is one number read many times"),
    Stricter("scaled_*", "is_causal", lambda arguments: True, "by its documents PyTorch takes no mask besides"),
    Stricter(
        "adaptive_avg_pool3d", "input", lambda arguments: True, "[N, C, D, H, W]: PyTorch pools any last three axes"
    ),
    Stricter("adaptive_avg_pool2d", "input", lambda arguments: True, "PyTorch takes other numbers where each stays"),
    Stricter("searchsorted", "sorted_sequence", of_truth_values, "PyTorch converts them, unless the input is bool"),
    Stricter("bucketize", "boundaries", of_truth_values, "PyTorch converts them, unless the input is bool"),
    Stricter("affine_grid", "size", lambda arguments: True, "no size is 0; PyTorch does not look at the channels"),
    Stricter("conv*", "input", lambda arguments: True, "the CPU alone convolves integers, and not all of them"),
    Stricter("tensordot", "", lambda arguments: True, "PyTorch stretches an axis of 1 that it sums over"),
    Stricter(
        "*dropout*",
        "input",
        lambda arguments: True,
        "training refuses integers, and without channels there are none to drop",
    ),
    Stricter("fft.rfftfreq", "n", lambda arguments: True, "PyTorch has one frequency of no numbers"),
    Stricter("kaiser_window", "dtype", lambda arguments: True, "PyTorch takes complex numbers where there is one"),
    Stricter("*", "input", no_tensor, "PyTorch makes tensors of two numbers; arithmetic on numbers is Python's"),
]


class Draw(NamedTuple):
    """One call. Sizes are symbols where they are to be symbols; `sizes` has their values."""

    arguments: dict[str, Any]
    sizes: dict[str, int]
    culprit: str
    positional: bool

    def known(self) -> dict[str, Any]:
        """The arguments with the values put in."""
        return replaced(self.arguments, self.sizes)

    def __repr__(self) -> str:
        return f"{self.known()}{' by position' if self.positional else ''}, of {self.arguments} with {self.sizes}"


def replaced(value: Any, sizes: dict[str, Any]) -> Any:
    """A value with symbols replaced, wherever they stand in it."""
    if isinstance(value, TensorType):
        return TensorType(tuple(dimensions.substitute(size, sizes) for size in value.shape), value.dtype)
    if isinstance(value, tuple | list):
        return tuple(replaced(item, sizes) for item in value)
    if isinstance(value, dict):
        return {key: replaced(item, sizes) for key, item in value.items()}
    if isinstance(value, slice):
        start, stop, step = replaced((value.start, value.stop, value.step), sizes)
        return slice(start, stop, step)
    return dimensions.substitute(value, sizes) if isinstance(value, Dimension) else value


def hint(table: dict[str, Any], function: str, argument: str) -> Any:
    """What a table says of a function's argument: of both, of all its arguments, or of the argument's name."""
    named = [pattern for pattern in table if "." in pattern and fnmatch(f"{function}.{argument}", pattern)]
    return table[named[0]] if named else table.get(argument)


SIZES = (1, 2, 2, 3, 4, 6)
SOME_DTYPES = ("float32", "float32", "float64", "float16", "int64", "uint8", "int8", "bool", "complex64")
WRONG: dict[str, tuple[Any, ...]] = {
    "tensor": (2, 0.5, None, "x"),
    "integer": (5, -7, 0, 2.0, "1", None, (0,), (0, 0), (1, -1), True),
    "size": (0, -1, 7, 2.5, None, (2,), True),
    "number": (0, -1, "0.5", None, (0.5,), True),
    "flag": (0, 1, "yes", None),
    "word": ("nonsense", 1, None),
    "items": (2, (), (0, 0), (-1, -1), (1, 2, 3), (2.5,), None, (7,), (0, 1), (-1,)),
    "null": (None,),
    "anything": (None, "x", (), ((1, 2), 3), ("x",)),
}


CONSTANTS = (-1e9, 70_000, 1e39, 300, -1, 2**40, math.inf, -math.inf, -0.0)
"""Numbers that some dtypes do not hold."""


class Drawing:
    """One draw in the making: the sizes that letters stand for, and what is to be wrong."""

    def __init__(self, draw: st.DrawFn, function: Function) -> None:
        self.draw = draw
        self.function = function
        self.sizes: dict[str, int] = {}
        self.letters: dict[str, Size] = {}
        names = list(function.parameters)
        numbers = [name for name in names if "number" in function.takes[name].kinds]
        counts = [name for name in names if self.edged(function.takes[name])]
        wrong = ("", "", "", "", "argument", "argument", "shape", "dtype", *("number",) * bool(numbers))
        self.wrong = draw(st.sampled_from((*wrong, *("edge",) * bool(counts))))
        self.edge = draw(st.sampled_from(counts)) if self.wrong == "edge" else ""
        self.constant = draw(st.sampled_from(numbers)) if self.wrong == "number" else ""
        self.any_dtype = draw(st.booleans())
        self.leading = draw(st.sampled_from(((), ("y",), ("y", "z"))))
        self.culprit = draw(st.sampled_from(names)) if self.wrong == "argument" and names else ""
        layouts = next((layouts for name, layouts in LAYOUTS.items() if fnmatch(function.name, name)), None)
        self.layout = draw(st.sampled_from(layouts)).split(", ") if layouts else []
        self.main: tuple[Size, ...] | None = None

    @staticmethod
    def edged(takes: Takes) -> bool:
        """Whether a parameter takes integers, or a list of them."""
        return bool(takes.kinds & {"integer", "size"}) or (takes.items is not None and Drawing.edged(takes.items))

    def at_an_edge(self, takes: Takes) -> Any:
        """An integer that is just right, or just wrong: none, all that there are, or one more."""
        if not takes.kinds & {"integer", "size"} or (takes.items is not None and self.draw(st.booleans())):
            assert takes.items is not None
            return tuple(self.at_an_edge(takes.items) for _ in range(self.draw(st.integers(1, 4))))
        size = self.size(self.draw(st.sampled_from("abcnlhw")))
        return self.draw(st.sampled_from((0, -1, 1, 2, size, size, size - 1, size + 1, -size, -size - 1)))

    def size(self, letter: str) -> Size:
        if letter not in self.letters:
            value = self.draw(st.sampled_from(SIZES))
            symbolic = self.draw(st.booleans())
            self.letters[letter] = dimensions.symbol(letter, free=True) if symbolic else value
            if symbolic:
                self.sizes[letter] = value
        return self.letters[letter]

    def product(self, text: str) -> Size:
        parts = [part.strip() for part in text.split("*")]
        return math.prod((int(part) if part.lstrip("-").isdigit() else self.size(part) for part in parts), start=1)

    def shape(self) -> tuple[Size, ...]:
        """The next tensor's shape, by the layout, or one that broadcasts with the first."""
        if self.layout:
            axes = self.layout.pop(0).split()
            letters = [letter for axis in axes for letter in (self.leading if axis == "*" else (axis,))]
            return tuple(self.product(letter) for letter in letters)
        if self.main is None or not self.main:
            rank = self.draw(st.sampled_from((0, 1, 2, 2, 3, 3, 4)))
            return tuple(self.size(letter) for letter in "abcd"[:rank])
        start = self.draw(st.integers(0, 1) if len(self.main) > 1 else st.just(0))
        return tuple(1 if self.draw(st.integers(0, 5)) == 0 else size for size in self.main[start:])

    def tensor(self, name: str) -> TensorType:
        shape = self.shape()
        self.main = shape if self.main is None else self.main
        if self.wrong == "shape" and self.draw(st.booleans()):
            match self.draw(st.sampled_from(("drop", "add", "change", "change"))):
                case "drop":
                    shape = shape[1:]
                case "add":
                    shape = (self.draw(st.sampled_from(SIZES)), *shape)
                case "change" if shape:
                    place = self.draw(st.integers(0, len(shape) - 1))
                    shape = (*shape[:place], self.draw(st.sampled_from((1, 5, 7))), *shape[place + 1 :])
        dtypes = hint(INPUT_DTYPES, self.function.name, name) or ("float32",)
        families = ("elementwise", "comparison", "reduction", "activation", "joining", "creation")
        any_dtype = self.function.family in families and not self.wrong and self.any_dtype
        if self.wrong in ("dtype", "number") or any_dtype:
            dtypes = SOME_DTYPES
        return TensorType(shape, self.draw(st.sampled_from(dtypes)))

    def value(self, name: str, takes: Takes) -> Any:
        """A value for a parameter, mostly as it should be."""
        if name == self.culprit:
            kinds = sorted(takes.kinds | ({"items"} if takes.items else set())) or ["anything"]
            return self.draw(st.sampled_from(WRONG[self.draw(st.sampled_from(kinds))]))
        if name == self.edge:
            return self.at_an_edge(takes)
        if name == self.constant:
            return self.draw(st.sampled_from(CONSTANTS))
        hinted = hint(VALUES, self.function.name, name)
        alone = takes.kinds == {"tensor"}
        if "tensor" in takes.kinds and (alone or self.draw(st.integers(0, 3 if hinted is None else 1))):
            return self.tensor(name)
        if hinted is not None:
            return self.resolved(self.draw(hinted))
        if takes.items is not None:
            return tuple(self.value(name, takes.items) for _ in range(self.draw(st.integers(1, 3))))
        if takes.choices:
            return self.draw(st.sampled_from((*takes.choices, *((None,) if "null" in takes.kinds else ()))))
        some = [
            {"number": (0.5, 2), "integer": (1, 2), "size": (1, 2), "flag": (True, False), "null": (None,)}.get(
                kind, ()
            )
            for kind in sorted(takes.kinds)
        ]
        return self.draw(st.sampled_from([value for values in some for value in values]))

    def resolved(self, value: Any) -> Any:
        if isinstance(value, tuple | list):
            return tuple(map(self.resolved, value))
        return self.product(value[1:]) if isinstance(value, str) and value.startswith("=") else value


REGULAR = ("linalg.inv", "linalg.solve*", "inverse", "*cholesky", "*matrix_power", "linalg.eig*", "*det")
"""Functions that take matrices with an inverse: these are ones on the diagonal."""


ALTERNATIVES = (("size", "scale_factor"), ("src", "value"))
"""Pairs of arguments of which a function takes just one."""

EQUATIONS = {
    "ij,jk->ik": "a b, b c",
    "bhid,bhjd->bhij": "a b c d, a b e d",
    "bij,bjk": "a b c, a c d",
    "i,i": "a, a",
    "ij->ji": "a b",
    "ii->i": "a a",
    "ii": "a a",
    "...ij,...jk->...ik": "* a b, * b c",
    "... i d, j d -> ... i j": "* a d, c d",
    "i,ij,jk->ik": "a, a b, b c",
    "ij,ij->ij": "a b, a b",
    "ijk,k->i": "a b c, c",
    "bn,anm,bm->ba": "a b, c b d, a d",
    "ij,jk->iz": "a b, b c",
    "ij": "a b",
    "ij,kl": "a b, c d",
    "a...,a...->...": "a *, a *",
    "i.j->ij": "a b",
}
"""Equations for einsum, with shapes that go with them."""


@st.composite
def draws(draw: st.DrawFn, function: Function) -> Draw:
    """A call; in half of the draws something about it is likely to be wrong."""
    drawing = Drawing(draw, function)
    arguments: dict[str, Any] = {}
    if function.name == "einsum":
        equation = draw(st.sampled_from(list(EQUATIONS)))
        drawing.layout = EQUATIONS[equation].split(", ")
        operands = tuple(drawing.tensor("operands") for _ in list(drawing.layout))
        return Draw({"equation": equation, "operands": operands}, drawing.sizes, "", True)
    for name, parameter in function.parameters.items():
        takes = function.takes[name]
        optional = parameter.default is not parameter.empty
        if optional and name not in (drawing.culprit, drawing.constant, drawing.edge) and not draw(st.booleans()):
            continue
        if parameter.kind is parameter.VAR_POSITIONAL:
            hinted = hint(VALUES, function.name, name)
            count = range(draw(st.sampled_from((1, 2, 2, 3))))
            some = drawing.resolved(draw(hinted)) if hinted is not None else [drawing.value(name, takes) for _ in count]
            arguments[name] = tuple(some)
        else:
            arguments[name] = drawing.value(name, takes)
    for one, other in ALTERNATIVES:
        if drawing.wrong != "argument" and {one, other} <= function.parameters.keys():
            kept, dropped = draw(st.permutations((one, other)))
            arguments.pop(dropped, None)
            arguments.setdefault(kept, drawing.value(kept, function.takes[kept]))
    return Draw(arguments, drawing.sizes, drawing.culprit, draw(st.booleans()))


def called(function: Function, arguments: dict[str, Any], positional: bool) -> tuple[list[Any], dict[str, Any]]:
    """Arguments as a call has them: by position as far as that goes, or by name as far as that goes."""
    kinds = {name: parameter.kind for name, parameter in function.parameters.items()}
    many = next((name for name, kind in kinds.items() if kind is inspect.Parameter.VAR_POSITIONAL), None)
    args: list[Any] = []
    rest = dict(arguments)
    number = not isinstance(rest.get("input", TensorType(())), TensorType)  # PyTorch's overloads call it otherwise
    positional = positional or many is not None or number
    for name in function.parameters:
        by_place = positional or kinds[name] is inspect.Parameter.POSITIONAL_ONLY
        if kinds[name] is inspect.Parameter.KEYWORD_ONLY or not by_place or name not in rest:
            break
        value = rest.pop(name)
        args.extend(value if name == many else [value])
    return args, rest


def torch_function(function: Function) -> Callable[..., Any]:
    places = {"F": torch.nn.functional, "torch": torch, "Tensor": torch.Tensor}
    place = places[function.python.partition(".")[0]]
    found: Callable[..., Any] = operator.attrgetter(function.name)(place)
    return found


class Answer(NamedTuple):
    """What PyTorch says: the types of what comes out and what it costs, or why not."""

    output: Any = None
    macs: int | None = None
    refusal: str = ""


def ask_pytorch(function: Function, draw: Draw, *, costs: bool) -> Answer:
    """The CPU's answer, or the meta device's to what the CPU has not the memory for."""
    answer = ask(function, draw.known(), draw.positional, "cpu", costs)
    if "can't allocate memory" in answer.refusal:
        return ask(function, draw.known(), draw.positional, "meta", costs)
    if (
        costs and answer.macs == 0 and function.name == "scaled_dot_product_attention"
    ):  # the CPU's kernel is not counted
        return answer._replace(macs=None)
    return answer


def ask(function: Function, arguments: dict[str, Any], positional: bool, device: str, costs: bool) -> Answer:
    """What PyTorch says on a device."""
    args, kwargs = called(function, arguments, positional)
    call = torch_function(function)
    try:
        with warnings.catch_warnings(), torch.device(device), torch.no_grad():
            warnings.simplefilter("ignore")
            names = itertools.chain(function.parameters, itertools.repeat(list(function.parameters)[-1]))
            args = [real(function, name, value) for name, value in zip(names, args, strict=False)]
            kwargs = {name: real(function, name, value) for name, value in kwargs.items()}
            if not costs:
                return Answer(type_of(call(*args, **kwargs)))
            with FlopCounterMode(display=False) as counter:
                output = call(*args, **kwargs)
            return Answer(type_of(output), counter.get_total_flops() // 2)
    except Exception as error:
        return Answer(refusal=f"{type(error).__name__}: {error}")


def real(function: Function, name: str, value: Any) -> Any:
    """A value as PyTorch takes it."""
    if isinstance(value, TensorType):
        make = (
            torch.zeros
            if any(fnmatch(place, f"{name}") or f"{function.name}.{name}" == place for place in ZEROS)
            else torch.ones
        )
        made = make(value.shape, dtype=getattr(torch, value.dtype))
        regular = made.ndim > 1 and any(fnmatch(function.name, pattern) for pattern in REGULAR)
        return made.tril().triu() if regular else made
    if name == "dtype" and value in DTYPES:
        return getattr(torch, value)
    return tuple(real(function, name, item) for item in value) if isinstance(value, tuple) else value


def is_nameless(output: Any) -> bool:
    """A dtype that no spec can name, such as complex32."""
    return output.dtype not in DTYPES if isinstance(output, TensorType) else any(map(is_nameless, output))


def is_stricter(function: Function, refusal: RefusalError, draw: Draw) -> bool:
    """Whether archspec refuses what PyTorch accepts for a reason: PyTorch hardly looks at the types of values."""
    asked = questions(refusal)
    if "_refuse" in asked and draw.culprit and refusal.argument == draw.culprit:
        return True
    if asked & {"require_held", "require_stored"}:
        return constant_is_changed(draw.known())
    names = [name for name, one in FUNCTIONS.items() if one.rule is function.rule]  # `clip` is another name of `clamp`
    return any(
        any(fnmatch(name, entry.functions) for name in names)
        and fnmatch(refusal.argument or "", entry.argument)
        and entry.wrong(draw.known())
        for entry in STRICTER
    )


def attempt(call: Callable[..., Any], *args: Any) -> tuple[Any, RefusalError | None]:
    """What a call returns, or why archspec refuses it."""
    try:
        return call(*args), None
    except RefusalError as refusal:
        return None, refusal


def called_function(function: Function, arguments: dict[str, Any], positional: bool) -> tuple[Any, Size]:
    args, kwargs = called(function, arguments, positional)
    output = function(*args, **kwargs)
    return output, function.macs(output, *args, **kwargs)


def agree(function: Function, draw: Draw, tally: Counter[str]) -> None:
    """archspec and PyTorch say the same of one draw."""
    found, refusal = attempt(called_function, function, draw.known(), draw.positional)
    if refusal is not None and is_stricter(function, refusal, draw):
        tally["refused"] += 1
        return
    answer = ask_pytorch(function, draw, costs=function.counts or tally["accepted"] < 5)
    if refusal is not None:
        tally["refused"] += 1
        theirs = answer.output
        excused = answer.refusal or is_empty(theirs) or is_nameless(theirs)
        assert excused, f"PyTorch accepts, archspec does not: {refusal}; it comes to {theirs}"
        return
    output, macs = found
    if too_large(output):  # the step is refused with AS507, whatever it calls
        tally["refused"] += 1
        return
    assert not answer.refusal, f"archspec accepts ({output}), PyTorch does not: {answer.refusal}"
    same_flow(output, answer.output, {})
    tensors = flat(draw.known())
    uneven = function.name in UNEVEN and any(1 in tensor.shape for tensor in tensors)
    multiplied = any(tensor.dtype in COMPLEX for tensor in tensors)  # by three products of real numbers
    assert answer.macs in (None, macs) or uneven or multiplied
    tally["accepted"] += 1
    for free in (True, False):
        repeat_with_symbols(function, draw, output, macs, free=free)


def repeat_with_symbols(function: Function, draw: Draw, output: Any, macs: Size, *, free: bool) -> None:
    """With symbols for some sizes it comes to the same, once their values are put in; with parameters' always."""
    symbols = {name: dimensions.symbol(name, free=free) for name in draw.sizes}
    arguments = replaced(draw.arguments, symbols)
    try:
        found, refusal = attempt(called_function, function, arguments, draw.positional)
    except UndecidedError:
        return
    if refusal is not None:
        require_unsure(refusal, free=free)
        return
    if free:
        require_large_sizes_to_run(function, draw)
    symbolic, cost = found
    if not free and function.name in COUNTED_BY_VALUES and len(symbolic) != len(output):
        return
    same_flow(symbolic, output, draw.sizes)
    if function.name not in UNEVEN or 1 not in draw.sizes.values():
        assert dimensions.substitute(cost, draw.sizes) == macs


LARGER = (11, 17, 23, 13, 19, 29)


MOST_NUMBERS = 10**7


def require_large_sizes_to_run(function: Function, draw: Draw) -> None:
    """What is accepted for free sizes runs for other sizes, if they are large enough."""
    larger = {name: LARGER[place % len(LARGER)] for place, name in enumerate(sorted(draw.sizes))}
    output, _ = attempt(called_function, function, replaced(draw.arguments, larger), draw.positional)
    if any(isinstance(one.numel, int) and one.numel > MOST_NUMBERS for one in flat(output)):
        return  # a machine may not hold so much
    answer = ask_pytorch(function, draw._replace(sizes=larger), costs=False)
    assert not answer.refusal, f"accepted for any sizes, but PyTorch refuses {larger}: {answer.refusal}"


def require_unsure(refusal: RefusalError, *, free: bool) -> None:
    """What known sizes do not refuse is refused for a free size alone, and where a question is open."""
    require_open(refusal, UNSURE if free else set())


PYTHON: dict[str, Callable[[Any, Any], Any]] = {
    "+": operator.add,
    "-": operator.sub,
    "*": operator.mul,
    "/": operator.truediv,
    "//": operator.floordiv,
    "%": operator.mod,
    "**": operator.pow,
    "@": operator.matmul,
    "==": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}


@pytest.mark.parametrize("symbol", PYTHON)
def test_operators_are_pythons_on_tensors(symbol: str) -> None:
    shapes = ((), (3,), (2, 3), (3, 1), (3, 2), (4,))
    tensors = [TensorType(shape, dtype) for shape in shapes for dtype in ("float32", "int64", "bool", "float64")]
    numbers = (True, 2, 0.5, -1, 0)
    pairs = [*itertools.product(tensors, repeat=2), *itertools.product(tensors, numbers)]
    accepted = 0
    for pair in [*pairs, *((b, a) for a, b in pairs if not isinstance(b, TensorType))]:
        theirs: Any = None
        with contextlib.suppress(RuntimeError, TypeError), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            theirs = type_of(PYTHON[symbol](*(real(FUNCTIONS["add"], "", operand) for operand in pair)))
        ours, refusal = attempt(OPERATORS[symbol], *pair)
        if refusal is not None:
            assert theirs is None, f"{pair}: {refusal}"
            continue
        assert ours == theirs, pair
        accepted += 1
    assert accepted > 20
    assert all(UNARY_OPERATORS[sign](tensors[0]) == tensors[0] for sign in "+-")


@st.composite
def indexings(draw: st.DrawFn) -> Draw:
    """A tensor and what it is indexed with."""
    drawing = Drawing(draw, FUNCTIONS["add"])
    shape = tuple(drawing.product(axis) for axis in ("a", "b", "4", "c*2")[: draw(st.integers(1, 4))])
    bounds = st.sampled_from((None, None, 0, 1, 2, -1, -2, 5, "=a", "=b"))
    items: list[Any] = []
    for _ in range(draw(st.integers(1, len(shape) + draw(st.integers(0, 1))))):
        match draw(st.sampled_from(("slice", "slice", "number", "none", "dots", "index", "index", "mask"))):
            case "slice":
                start, stop = (drawing.resolved(draw(bounds)) for _ in "ab")
                items.append(slice(start, stop, draw(st.sampled_from((None, None, 1, 2, 3)))))
            case "number":
                items.append(drawing.resolved(draw(st.sampled_from((0, 0, -1, 1, "=a", -3, True)))))
            case "none":
                items.append(None)
            case "dots":
                items.append(...)
            case "index":
                letters = draw(st.sampled_from(((), ("d",), ("d",), ("e", "d"), ("1", "d"))))
                dtype = draw(st.sampled_from(("int64", "int64", "int64", "int32", "float32")))
                items.append(TensorType(tuple(drawing.product(letter) for letter in letters), dtype))
            case "mask":
                items.append(TensorType(draw(st.sampled_from(((), shape[:1], shape[:2], (3,)))), "bool"))
    tensor = TensorType(shape, draw(st.sampled_from(("float32", "int64"))))
    whole: Any = items[0] if len(items) == 1 and draw(st.booleans()) else tuple(items)
    return Draw({"input": tensor, "items": whole}, drawing.sizes, "", True)


def indexed_by_pytorch(draw: Draw) -> Answer:
    def index_of(item: Any) -> Any:
        if isinstance(item, TensorType):
            make = torch.ones if item.dtype == "bool" else torch.zeros
            return make(item.shape, dtype=getattr(torch, item.dtype))
        return tuple(map(index_of, item)) if isinstance(item, tuple) else item

    known = draw.known()
    try:
        return Answer(type_of(index_of(known["input"])[index_of(known["items"])]))
    except (IndexError, RuntimeError, TypeError, ValueError) as error:
        return Answer(refusal=f"{type(error).__name__}: {error}")


def agree_on_index(draw: Draw, tally: Counter[str]) -> None:
    answer, known = indexed_by_pytorch(draw), draw.known()
    output, refusal = attempt(index, known["input"], known["items"])
    if refusal is not None:
        tally["refused"] += 1
        excused = answer.refusal or is_empty(answer.output) or is_odd_index(known["items"])
        assert excused, f"PyTorch accepts, archspec does not: {refusal}"
        return
    assert not answer.refusal, f"archspec accepts ({output}), PyTorch does not: {answer.refusal}"
    same_flow(output, answer.output, {})
    tally["accepted"] += 1
    for free in (True, False):
        symbols = replaced(draw.arguments, {name: dimensions.symbol(name, free=free) for name in draw.sizes})
        symbolic, refusal = attempt(index, symbols["input"], symbols["items"])
        if refusal is not None:
            require_unsure(refusal, free=free)
        else:
            same_flow(symbolic, output, draw.sizes)


def is_odd_index(items: Any) -> bool:
    """PyTorch takes truth values without axes, a mask among other tensors, and `...` twice. archspec does not."""
    parts = items if type(items) is tuple else (items,)
    flags = [isinstance(item, bool) or item == TensorType((), "bool") for item in parts]
    tensors = [item for item in parts if isinstance(item, TensorType)]
    mixed = len(tensors) > 1 and any(item.dtype == "bool" for item in tensors)
    return any(flags) or mixed or sum(item is ... for item in parts) > 1


def examine_index(examples: int, *, derandomize: bool) -> None:
    tally = examine("index", indexings(), agree_on_index, examples, derandomize=derandomize)
    assert tally["accepted"] >= LEAST_ACCEPTED * tally.total(), tally


def test_indexes_as_pytorch_does() -> None:
    examine_index(500, derandomize=True)


@pytest.mark.slow
def test_indexes_as_pytorch_does_at_length() -> None:
    examine_index(8 * MANY_EXAMPLES, derandomize=not DRAWN_ANEW)


def examined(name: str, examples: int, *, derandomize: bool) -> Counter[str]:
    """How many draws of a function were accepted and how many refused, by both alike."""
    return examine(name, draws(FUNCTIONS[name]), partial(agree, FUNCTIONS[name]), examples, derandomize=derandomize)


@pytest.mark.parametrize("name", FUNCTIONS)
def test_accepts_what_pytorch_accepts_and_says_the_same_of_it(name: str) -> None:
    counts = (EXAMPLES, 5 * EXAMPLES)  # more, where PyTorch accepts none of the first ones
    assert any(examined(name, count, derandomize=True)["accepted"] for count in counts)


@pytest.mark.slow
@pytest.mark.parametrize("name", FUNCTIONS)
def test_accepts_what_pytorch_accepts_at_length(name: str) -> None:
    tally = examined(name, MANY_EXAMPLES, derandomize=not DRAWN_ANEW)
    assert tally["accepted"] >= LEAST_ACCEPTED * tally.total(), tally


MERELY_METHODS = ("sigmoid", "tanh")
"""`F.sigmoid(x)` is `x.sigmoid()`, so they are called by `torch`, as the other elementwise functions are."""


@pytest.mark.parametrize("name", FUNCTIONS)
def test_goes_by_pytorchs_name_where_functional_wins(name: str) -> None:
    function = FUNCTIONS[name]
    dotted = "." in name or callable(getattr(torch, name, None))
    functional = hasattr(torch.nn.functional, name) and name not in MERELY_METHODS
    module = "F" if functional else "torch" if dotted else "Tensor"
    assert function.python == f"{module}.{name}"
    assert callable(torch_function(function))
    assert "Shape: " in function.doc
    assert len(function.doc.split("\n\n")[0]) < 250


def overloads(function: Function) -> list[dict[str, Any]]:
    """The parameters of each of a function's overloads in PyTorch, with their defaults."""
    found = torch_function(function)
    if inspect.isfunction(found) and "args" not in inspect.signature(found).parameters:
        return [{p.name: p.default for p in inspect.signature(found).parameters.values()}]
    schemas = torch._C._jit_get_schemas_for_operator(f"aten::{function.name.replace('.', '_')}")
    return [
        {
            "input" if argument.name == "self" else argument.name: argument.default_value
            if argument.has_default_value()
            else inspect.Parameter.empty
            for argument in schema.arguments
        }
        for schema in schemas
    ]


def plain(default: Any) -> Any:
    """A default as a spec has it: PyTorch's declarations have lists for what is the same along all axes."""
    if default in ([], ()):
        return None
    if not isinstance(default, list):
        return default
    return default[0] if len(set(default)) == 1 else tuple(default)


@pytest.mark.parametrize("name", FUNCTIONS)
def test_has_the_parameters_and_defaults_of_pytorch(name: str) -> None:
    function = FUNCTIONS[name]
    theirs = overloads(function)
    for parameter in function.parameters.values():
        otherwise = any(fnmatch(f"{name}.{parameter.name}", pattern) for pattern in TOLD_OTHERWISE)
        if parameter.kind is parameter.VAR_POSITIONAL or otherwise or not theirs:
            continue
        defaults = [overload[parameter.name] for overload in theirs if parameter.name in overload]
        assert defaults, f"PyTorch has no `{parameter.name}`: {theirs}"
        if parameter.default is parameter.empty:
            assert parameter.empty in defaults, parameter.name
        elif parameter.default is not ABSENT:
            assert plain(parameter.default) in map(plain, defaults), f"`{parameter.name}` of {defaults}"


@pytest.mark.parametrize("a", DTYPES)
def test_promotes_as_pytorch_does(a: str) -> None:
    for b in DTYPES:
        assert promote(a, b) == str(torch.promote_types(getattr(torch, a), getattr(torch, b)))[6:]


def test_arithmetic_comes_to_pytorchs_dtypes() -> None:
    operands = [TensorType(shape, dtype) for dtype in DTYPES for shape in ((), (2,))] + [True, 2, 0.5]
    for pair in itertools.product(operands, repeat=2):
        theirs = [real(FUNCTIONS["add"], "", operand) for operand in pair]
        wanted = str(torch.result_type(*theirs))[6:]
        if wanted in DTYPES and any(isinstance(operand, TensorType) for operand in pair):
            assert result_type(*pair) == wanted, pair
