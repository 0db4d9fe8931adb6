"""What PyTorch's operations share with their inputs, and what they keep for the backward pass: facts by name.

Follows the formulas of PyTorch's derivatives (tools/autograd/derivatives.yaml) and the kernels of the CPU. A layer, a
function and an operator go by their names: `ReLU`, `relu`, `+`. Knows nothing of graphs or of sizes.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

VIEWS = frozenset(
    "Identity Flatten Unflatten reshape view view_as ravel flatten unflatten permute transpose swapaxes swapdims t "
    "adjoint movedim moveaxis squeeze unsqueeze broadcast_to expand expand_as broadcast_tensors meshgrid diagonal "
    "resolve_conj resolve_neg positive linalg.diagonal view_as_real view_as_complex reshape_as detach atleast_1d "
    "atleast_2d atleast_3d hsplit vsplit dsplit chunk split tensor_split unbind narrow select real imag conj "
    "contiguous".split()
)
"""What they return is their input's memory, looked at in another way."""

SPLITTING = frozenset("chunk split unbind".split())
"""They return several views at once, none of which PyTorch lets be overwritten while it records gradients."""

EXPANDING = frozenset("broadcast_to expand expand_as broadcast_tensors meshgrid".split())
"""Several elements of what they return may be one number in memory, which PyTorch refuses to overwrite."""

SWAPPING = frozenset("permute transpose swapaxes swapdims t adjoint movedim moveaxis".split())
"""The axes of what they return lie in another order in memory."""

MERGING = frozenset("Flatten reshape reshape_as ravel flatten".split())
"""They copy where the axes of their input no longer lie one behind the other in memory."""

DROPPING = frozenset(
    "Dropout Dropout1d Dropout2d Dropout3d AlphaDropout FeatureAlphaDropout dropout dropout1d dropout2d dropout3d "
    "alpha_dropout feature_alpha_dropout".split()
)
"""In evaluation they return their input itself, as they do where they drop nothing."""

RANDOM = DROPPING | frozenset(
    "rand randn rand_like randn_like randint randint_like randperm normal bernoulli multinomial rrelu poisson"
    " gumbel_softmax empty empty_like new_empty scaled_dot_product_attention".split()
)
"""Functions whose numbers are others at each call, or may be."""

CASTING = frozenset("float double half bfloat16 int long bool to type_as as_tensor".split())
"""They return their input itself where it has the dtype already, and else a copy, whose gradient is cast back."""

DROPPING_BY_DEFAULT = frozenset("dropout dropout1d dropout2d dropout3d".split())
"""The functions among them whose `training` is True unless it is said."""

FROM_RESULT = frozenset("ReLU LeakyReLU ELU CELU SELU RReLU".split())
"""In place, their derivative is a formula of what comes out; others keep a copy of what went in."""

NEVER_IN_PLACE = frozenset("AlphaDropout FeatureAlphaDropout".split())
"""They take `inplace`, and PyTorch passes it to nothing."""

PASSING = frozenset(("+", "add"))
"""The gradient of what comes out is that of what goes in."""

UNREAD = frozenset(
    "zeros_like ones_like full_like rand_like randn_like empty_like randint_like new_zeros new_ones new_empty "
    "new_full".split()
)
"""They ask for the shape and dtype of their input, never for its numbers."""

_NOTHING = frozenset(
    "+ - add sub subtract neg negative positive ceil floor round trunc fix frac sign deg2rad rad2deg "
    "cat concat concatenate stack hstack vstack dstack cartesian_prod sum mean cumsum diff pad "
    "ZeroPad1d ZeroPad2d ZeroPad3d ConstantPad1d ConstantPad2d ConstantPad3d "
    "CircularPad1d CircularPad2d CircularPad3d Upsample UpsamplingNearest2d UpsamplingBilinear2d interpolate "
    "affine_grid floor_divide // PixelShuffle PixelUnshuffle ChannelShuffle pixel_shuffle pixel_unshuffle "
    "channel_shuffle flip roll tile repeat_interleave tril triu diag_embed Unfold Fold unfold fold Tanhshrink "
    "tanhshrink row_stack column_stack block_diag select_scatter fft.irfft fft.hfft fft.fft2 fft.fftn fft.ifft2 "
    "fft.ifftn fft.irfft2 fft.irfftn fft.hfft2 fft.hfftn fft.fftshift fft.ifftshift bernoulli poisson heaviside rsub "
    "quantile nanquantile msort repeat clone fliplr flipud rot90 diag diagflat trace kron special.ndtr".split()
)
"""Their derivative asks for sizes alone, or for what they have made inside."""

_OUTPUT = frozenset(
    "ReLU Sigmoid Tanh Softmax Softmax2d LogSoftmax Softmin PairwiseDistance relu sigmoid tanh softmax log_softmax "
    "special.exp2 special.expit special.expm1 special.ndtri linalg.inv inverse linalg.qr qr linalg.svd svd "
    "linalg.svdvals linalg.eigh linalg.eigvalsh linalg.eig linalg.eigvals softmin gumbel_softmax "
    "special.softmax special.log_softmax "
    "pairwise_distance exp exp2 expm1 sqrt rsqrt reciprocal tan polar".split()
)
"""Their derivative is a formula of what comes out."""

_BOTH = frozenset(
    "scaled_dot_product_attention LSTM RNNCell CrossMapLRN2d norm cdist amax amin copysign cumprod hypot "
    "special.erfcx special.i0e special.i1 special.i1e special.log_ndtr linalg.det det slogdet linalg.slogdet "
    "linalg.pinv pinverse linalg.vector_norm linalg.matrix_norm aminmax pdist scatter_reduce logcumsumexp "
    "logsumexp special.logsumexp max min median prod sgn std std_mean".split()
)
"""Their derivative is a formula of what goes in and of what comes out."""

_FACTORS = frozenset(
    "* @ mul multiply matmul linalg.matmul mm bmm einsum tensordot outer mv dot inner vdot addbmm addmm baddbmm addmv "
    "addcmul addcdiv "
    "linear".split()
)
"""Products: the derivative of each factor is a formula of the others."""

_QUOTIENTS = frozenset("/ div true_divide divide".split())
_POWERS = frozenset("** pow float_power".split())
_REMAINDERS = frozenset("% remainder fmod".split())
_PRODUCTS = _FACTORS | _QUOTIENTS | _POWERS | _REMAINDERS
_ADDING = frozenset("addbmm addmm baddbmm addmv addcmul addcdiv".split())
"""Products that are added to their first input."""

_RANKED = frozenset("max min median mode kthvalue sort topk cummax cummin".split())
"""Of two outputs the second one says where the numbers of the first one stand: their derivative asks for it."""

_SOLVING = frozenset("linalg.solve linalg.solve_triangular".split())
"""Their derivative is a formula of the matrix and of what comes out."""

_PLACED = frozenset("index_add index_copy".split())
"""Their derivative asks for the indices and for the size of what is put there."""

_INDICES = {"masked_fill": 1, "index_select": 2, "scatter": 2, "scatter_add": 2, "index_fill": 2, "where": 0}
_INDICES |= {"masked_scatter": 1}
_INDICES |= {"embedding": 0, "MaxUnpool1d": 1, "MaxUnpool2d": 1, "MaxUnpool3d": 1}
"""Their derivative asks for one of their inputs alone, the one that says which numbers are meant."""


_FIRST = frozenset("std_mean slogdet linalg.slogdet".split())
"""Of two outputs their derivative asks for the first one alone."""


def keeps(name: str, learns: Sequence[bool | None], outputs: int = 1) -> tuple[Collection[int], Collection[int]]:
    """Which of an operation's inputs the backward pass reads, and which of its outputs, counted from 0.

    `learns` says of each input whether a gradient flows back to it, and is None for a number.
    """
    every = [place for place, one in enumerate(learns) if one is not None]
    if name in _NOTHING or name in DROPPING or name in CASTING:
        return (), ()
    if name in _OUTPUT:
        return (), range(outputs)
    if name in _RANKED and outputs > 1:
        return (every if name in ("cummax", "cummin") else ()), (1,)
    if name in _SOLVING:
        return (0,), (0,)
    if name in _PLACED:
        return (2, 3), ()
    if name in _INDICES:
        return [place for place in every if place == _INDICES[name]], ()
    if name == "index":
        return every[1:], ()
    if name == "lerp" and learns[2:] == [None]:
        return (), ()
    if name in _PRODUCTS:
        return _factors(name, learns, every)
    return every, (range(1 if name in _FIRST else outputs) if name in _BOTH else ())


def _factors(name: str, learns: Sequence[bool | None], every: Sequence[int]) -> tuple[Collection[int], Collection[int]]:
    """What products, quotients and powers keep: each factor for the derivative of the others."""
    if name in _POWERS:
        return every, ((0,) if len(learns) > 1 and learns[1] is not None else ())
    factors = every[1:] if name in _ADDING else every
    if len(factors) == 1:
        return (), ()  # times a number
    kept = {one for one in factors if any(learns[other] for other in factors if other != one)}
    if name in _QUOTIENTS:
        kept = {0, 1} if learns[1] else {1}
    if name in _REMAINDERS:
        kept = {0, 1} if learns[1] else set()
    return sorted(kept), ()
