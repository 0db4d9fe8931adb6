"""Fourier transforms, and the windows that go with them."""

from __future__ import annotations

from typing import Literal

from archspec.dimensions import Size, show
from archspec.functions._base import ABSENT, Axes, Dtype, Function, function
from archspec.functions._dtypes import REAL_OR_BOOL, floating, promote, real, require_dtype
from archspec.functions._shapes import axes, axis, require_rank_from
from archspec.refusals import require, require_at_least, require_held
from archspec.tensors import DTYPES, FLOATS, TensorType

_HALVES = ("float16", "bfloat16")
Norm = Literal["forward", "backward", "ortho"] | None
Lengths = Size | tuple[Size, ...] | None


def _as_complex(input: TensorType) -> str:
    """The dtype of what a transform returns."""
    require_dtype(input, tuple(dtype for dtype in DTYPES if dtype not in _HALVES))
    return promote(floating(input.dtype), "complex64")


def _length(n: Size | None, size: Size, name: str = "n") -> Size:
    """How many numbers are transformed."""
    if n is None:
        return size
    require_at_least(n, 1, code="AS404", message=f"`{name}` is {show(n)}", argument=name)
    return n


def _half(size: Size) -> Size:
    """How many of the frequencies of real numbers are not mirrored."""
    return size // 2 + 1


def _along(name: str, doc: str) -> Function:
    """A transform along one axis."""

    def rule(input: TensorType, n: Size | None = None, dim: int = -1, norm: Norm = None) -> TensorType:
        require_rank_from(input, 1)
        place = axis(input, dim)
        dtype, size = _as_complex(input), input.shape[place]
        if name in ("rfft", "ihfft"):
            require_dtype(input, REAL_OR_BOOL)
            size = _half(_length(n, size))
        elif name in ("irfft", "hfft"):
            size, dtype = _length(n, 2 * (size - 1)), real(dtype)
            require_at_least(size, 1, message=f"{input} is too short: {show(size)} numbers would come out")
        else:
            size = _length(n, size)
        return TensorType(input.resized(place, size).shape, dtype)

    half = {"rfft": "n // 2 + 1", "ihfft": "n // 2 + 1"}.get(name, "n")
    default = "2 * (L - 1)" if name in ("irfft", "hfft") else "L"
    shape = f"Shape: [*, L, *] -> [*, {half}, *] at dim, n being {default} where it is left out"
    return Function(f"torch.fft.{name}", rule, doc=f"{doc}. {shape}")


TRANSFORMS = {
    f"fft.{name}": _along(name, doc)
    for name, doc in {
        "fft": "The Fourier transform along an axis",
        "ifft": "The inverse Fourier transform along an axis",
        "rfft": "The Fourier transform of real numbers, without the frequencies that mirror others",
        "irfft": "The inverse of `fft.rfft`; `n` says whether the length is odd",
        "hfft": "The Fourier transform of numbers that are symmetric, which is real",
        "ihfft": "The inverse of `fft.hfft`",
    }.items()
}


def _places(input: TensorType, s: Lengths, dim: Axes | None) -> tuple[list[int], list[Size]]:
    """The axes that are transformed, and how many numbers of each."""
    lengths = None if s is None else s if isinstance(s, tuple) else (s,)
    if dim is None:
        count = input.rank if lengths is None else len(lengths)
        require(count <= input.rank, "AS404", f"`s` lists more axes than {input} has", argument="s")
        places = list(range(input.rank - count, input.rank))
    else:
        require_rank_from(input, 1)
        places = axes(input, dim) if dim != () else []
    sizes = [input.shape[place] for place in places]
    if lengths is not None:
        message = f"`s` has {len(lengths)} entries for {len(places)} axes"
        require(len(lengths) == len(places), "AS404", message, argument="s")
        sizes = [size if n == -1 else _length(n, size, "s") for n, size in zip(lengths, sizes, strict=True)]
    return places, sizes


def _transformed(name: str, input: TensorType, s: Lengths, dim: Axes | None) -> TensorType:
    places, sizes = _places(input, s, dim)
    dtype = _as_complex(input)
    inverse = name.startswith(("irfft", "hfft"))
    halved = name.startswith(("rfft", "ihfft"))
    if halved or inverse:
        require(bool(places), "AS501", f"at least one axis is transformed; this is {input}")
    if halved:
        require_dtype(input, REAL_OR_BOOL)
        sizes[-1] = _half(sizes[-1])
    if inverse:
        given = s if isinstance(s, tuple) else (s,)
        if given[-1] is None or given[-1] == -1:
            sizes[-1] = 2 * (input.shape[places[-1]] - 1)
        require_at_least(sizes[-1], 1, message=f"{input} is too short: {show(sizes[-1])} numbers would come out")
        dtype = real(dtype)
    shape = list(input.shape)
    for place, size in zip(places, sizes, strict=True):
        shape[place] = size
    return TensorType(tuple(shape), dtype)


def _over(name: str, doc: str) -> Function:
    """A transform over two axes, or over several."""

    def of_two(input: TensorType, s: Lengths = None, dim: Axes = (-2, -1), norm: Norm = None) -> TensorType:
        return _transformed(name, input, s, dim)

    def of_all(input: TensorType, s: Lengths = None, dim: Axes | None = None, norm: Norm = None) -> TensorType:
        return _transformed(name, input, s, dim)

    half = ", the last of them n // 2 + 1" if name.startswith(("rfft", "ihfft")) else ""
    default = ", the last of them 2 * (L - 1)" if name.startswith(("irfft", "hfft")) else ""
    shape = f"Shape: [*] -> [*] with `s` at the axes `dim`{half}{default}"
    return Function(f"torch.fft.{name}", of_two if name.endswith("2") else of_all, doc=f"{doc}. {shape}")


SEVERAL = {
    f"fft.{name}{suffix}": _over(f"{name}{suffix}", f"{doc} over {where}")
    for name, doc in {
        "fft": "The Fourier transform",
        "ifft": "The inverse Fourier transform",
        "rfft": "The Fourier transform of real numbers, without the frequencies that mirror others,",
        "irfft": "The inverse of the Fourier transform of real numbers",
        "hfft": "The Fourier transform of symmetric numbers, which is real,",
        "ihfft": "The inverse of the Fourier transform of symmetric numbers",
    }.items()
    for suffix, where in {"2": "two axes", "n": "several axes"}.items()
}


def _shift(name: str, doc: str) -> Function:
    def rule(input: TensorType, dim: Axes | None = None) -> TensorType:
        require_rank_from(input, 1)
        if dim is not None:
            for place in dim if isinstance(dim, tuple) else (dim,):
                axis(input, place)
        return input

    return Function(f"torch.fft.{name}", rule, doc=f"{doc}. Shape: [*] -> [*]")


SHIFTS = {
    "fft.fftshift": _shift("fftshift", "The frequency zero moved to the middle"),
    "fft.ifftshift": _shift("ifftshift", "The inverse of `fft.fftshift`"),
}


def _frequencies(name: str, doc: str) -> Function:
    def rule(n: Size, d: float = 1.0, *, dtype: Dtype | None = None) -> TensorType:
        require_at_least(n, 1, code="AS404", message=f"`n` is {show(n)}", argument="n")
        made = TensorType((_half(n) if name == "rfftfreq" else n,), dtype or "float32")
        require_dtype(made, FLOATS, "dtype")
        require_held(made.dtype, d=d)
        return made

    return Function(f"torch.fft.{name}", rule, doc=doc)


FREQUENCIES = {
    "fft.fftfreq": _frequencies("fftfreq", "The frequencies that `fft.fft` returns. Shape: [n]"),
    "fft.rfftfreq": _frequencies("rfftfreq", "The frequencies that `fft.rfft` returns. Shape: [n // 2 + 1]"),
}


def _window(name: str, doc: str) -> Function:
    def rule(window_length: Size, periodic: bool = ABSENT, *, dtype: Dtype | None = None) -> TensorType:
        return _windowed(window_length, dtype)

    return Function(f"torch.{name}", rule, doc=f"{doc} window. Shape: [window_length]")


def _windowed(length: Size, dtype: str | None) -> TensorType:
    require_at_least(length, 1, code="AS404", message=f"`window_length` is {show(length)}", argument="window_length")
    made = TensorType((length,), dtype or "float32")
    require_dtype(made, FLOATS, "dtype")
    return made


WINDOWS = {
    "bartlett_window": _window("bartlett_window", "Bartlett's"),
    "blackman_window": _window("blackman_window", "Blackman's"),
    "hann_window": _window("hann_window", "Hann's"),
}


@function("torch.hamming_window")
def hamming_window(
    window_length: Size,
    periodic: bool = ABSENT,
    alpha: float = ABSENT,
    beta: float = ABSENT,
    *,
    dtype: Dtype | None = None,
) -> TensorType:
    """Hamming's window, alpha - beta * cos(…); PyTorch's numbers are 0.54 and 0.46. Shape: [window_length]"""
    require(alpha is ABSENT or periodic is not ABSENT, "AS403", "`alpha` goes with `periodic`", argument="periodic")
    require(beta is ABSENT or alpha is not ABSENT, "AS403", "`beta` goes with `alpha`", argument="alpha")
    return _windowed(window_length, dtype)


@function("torch.kaiser_window")
def kaiser_window(
    window_length: Size, periodic: bool = ABSENT, beta: float = ABSENT, *, dtype: Dtype | None = None
) -> TensorType:
    """Kaiser's window; PyTorch's `beta` is 12. Shape: [window_length]"""
    require(beta is ABSENT or periodic is not ABSENT, "AS403", "`beta` goes with `periodic`", argument="periodic")
    return _windowed(window_length, dtype)
