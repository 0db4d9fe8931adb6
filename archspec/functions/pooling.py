"""Pooling: one number for each window of the last axes."""

from __future__ import annotations

from archspec.dimensions import Size
from archspec.functions._base import Function, Sizes
from archspec.functions._dtypes import require_dtype
from archspec.functions._windows import require_spatial, slide, spread
from archspec.refusals import require, require_held, require_kernel
from archspec.tensors import FLOATS, INTEGERS, TensorType
from archspec.windows import AVERAGED, AXES, POOLED, UNPADDED, require_at_most_half, require_within

Pooled = TensorType | tuple[TensorType, TensorType]


def _pooled(
    x: TensorType, kernel: Sizes, stride: Sizes | None, padding: Sizes, dilation: Sizes, ceil: bool
) -> TensorType:
    sizes = kernel if isinstance(kernel, tuple) else (kernel,)
    if stride is None or stride == ():
        stride = kernel
    require_at_most_half(spread(padding, len(sizes), "padding"), sizes, "pad before it, with `pad`")
    return x.reshaped(*x.shape[: -len(sizes)], *slide(x, sizes, stride, padding, dilation, ceil=bool(ceil)))


def _maximum(spatial: int) -> Function:
    def rule(
        input: TensorType,
        kernel_size: Sizes,
        stride: Sizes | None = None,
        padding: Sizes = 0,
        dilation: Sizes = 1,
        ceil_mode: bool = False,
        return_indices: bool = False,
    ) -> Pooled:
        require_spatial(input, spatial)
        require_dtype(input, FLOATS if spatial == 1 and not return_indices else (*FLOATS, *INTEGERS))
        kernel = spread(kernel_size, spatial, "kernel_size")
        output = _pooled(input, kernel, stride, padding, dilation, ceil_mode)
        return (output, output.to("int64")) if return_indices else output

    doc = f"The largest number of each window. Shape: [N, C, {AXES[spatial]}] -> [N, C, *windows]"
    formula = f"""
        [N, C, *S_in] -> [N, C, *S_out], [N, C, *S_out] if return_indices
        [N, C, *S_in] -> [N, C, *S_out]
        {POOLED}
    """
    return Function(f"F.max_pool{spatial}d", rule, doc=doc, formula=formula, spatial=spatial)


def _average(spatial: int) -> Function:
    def pool(input: TensorType, kernel_size: Sizes, stride: Sizes | None, padding: Sizes, ceil: bool) -> TensorType:
        require_spatial(input, spatial)
        require_dtype(input, (*FLOATS, "int64"))
        kernel = spread(kernel_size, spatial, "kernel_size")
        if spatial == 3:
            require_kernel(input.dtype, "avg_pool3d")
            require_within(input, kernel)
        return _pooled(input, kernel, stride, padding, 1, ceil)

    def plain(
        input: TensorType,
        kernel_size: Sizes,
        stride: Sizes = (),
        padding: Sizes = 0,
        ceil_mode: bool = False,
        count_include_pad: bool = True,
    ) -> TensorType:
        return pool(input, kernel_size, stride, padding, ceil_mode)

    def divided(
        input: TensorType,
        kernel_size: Sizes,
        stride: Sizes | None = None,
        padding: Sizes = 0,
        ceil_mode: bool = False,
        count_include_pad: bool = True,
        divisor_override: Size | None = None,
    ) -> TensorType:
        require(divisor_override != 0, "AS404", "`divisor_override` is 0", argument="divisor_override")
        return pool(input, kernel_size, stride, padding, ceil_mode)

    doc = f"The mean of each window. Shape: [N, C, {AXES[spatial]}] -> [N, C, *windows]"
    formula = f"[N, C, *S_in] -> [N, C, *S_out] {AVERAGED}"
    rule = plain if spatial == 1 else divided
    return Function(f"F.avg_pool{spatial}d", rule, doc=doc, formula=formula, spatial=spatial)


def _norm(spatial: int) -> Function:
    def rule(
        input: TensorType,
        norm_type: float,
        kernel_size: Sizes,
        stride: Sizes | None = None,
        ceil_mode: bool = False,
    ) -> TensorType:
        require_spatial(input, spatial)
        require_dtype(input, FLOATS)
        one = "`kernel_size` and `stride` are numbers here, no lists"
        lists = isinstance(kernel_size, tuple) or isinstance(stride, tuple)
        require(spatial > 1 or not lists, "AS404", one, argument="kernel_size")
        require(norm_type != 0, "AS404", "`norm_type` 0 is not a norm", argument="norm_type")
        require_held(input.dtype, norm_type=norm_type)
        kernel = spread(kernel_size, spatial, "kernel_size", alone=spatial == 1)
        if spatial == 3:
            require_kernel(input.dtype, "avg_pool3d")
            require_within(input, kernel)
        return _pooled(input, kernel, stride, 0, 1, ceil_mode)

    doc = f"The p-norm of each window. Shape: [N, C, {AXES[spatial]}] -> [N, C, *windows]"
    formula = f"[N, C, *S_in] -> [N, C, *S_out] {UNPADDED}"
    return Function(f"F.lp_pool{spatial}d", rule, doc=doc, formula=formula, spatial=spatial)


def _adaptive(spatial: int, name: str) -> Function:
    def sized(x: TensorType, wanted: tuple[Size | None, ...]) -> TensorType:
        require_spatial(x, spatial)
        require_dtype(x, FLOATS)
        message = f"`output_size` has {len(wanted)} entries, but there are {spatial} axes"
        require(len(wanted) in (1, spatial) and len(wanted) == spatial, "AS404", message, argument="output_size")
        sizes = [there if n is None else n for n, there in zip(wanted, x.shape[-spatial:], strict=True)]
        return x.reshaped(*x.shape[:-spatial], *sizes)

    def entries(size: Sizes | tuple[Size | None, ...]) -> tuple[Size | None, ...]:
        return size if isinstance(size, tuple) else (size,) * spatial

    def average(input: TensorType, output_size: Size | tuple[Size | None, ...]) -> TensorType:
        return sized(input, entries(output_size))

    def average_of_one(input: TensorType, output_size: Sizes) -> TensorType:
        return sized(input, entries(output_size))

    def largest(input: TensorType, output_size: Size | tuple[Size | None, ...], return_indices: bool = False) -> Pooled:
        output = sized(input, entries(output_size))
        return (output, output.to("int64")) if return_indices else output

    rule = largest if name == "max" else average_of_one if spatial == 1 else average
    what = "The largest number" if name == "max" else "The mean"
    doc = f"{what} of each of as many windows as are wanted. Shape: [N, C, {AXES[spatial]}] -> [N, C, *output_size]"
    formula = """
        [N, C, *S_in] -> [N, C, *S_out], [N, C, *S_out] if return_indices
        [N, C, *S_in] -> [N, C, *S_out]
        S_out = output_size or S_in
    """
    return Function(f"F.adaptive_{name}_pool{spatial}d", rule, doc=doc, formula=formula, spatial=spatial)


POOLS = {
    function.name: function
    for spatial in (1, 2, 3)
    for function in (
        _maximum(spatial),
        _average(spatial),
        _norm(spatial),
        _adaptive(spatial, "avg"),
        _adaptive(spatial, "max"),
    )
}
