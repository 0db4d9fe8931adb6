"""Axes and broadcasting over sizes that may be symbolic: what the families share."""

from __future__ import annotations

from collections.abc import Sequence

from archspec.dimensions import (
    Extremum,
    Quotient,
    Size,
    Symbol,
    atoms,
    bounds,
    equal,
    equal_for_multiples,
    evaluate,
    maximum,
    show,
)
from archspec.expressions import UndecidedError
from archspec.functions._base import Axes, Sizes, listed
from archspec.refusals import fits, refuse, require, require_equal, settled, when_equal
from archspec.tensors import TensorType

Shape = tuple[Size, ...]


def axis_of(rank: int, dim: int, what: str, name: str = "dim") -> int:
    """An axis counted from the front. A tensor without axes has axis 0, as far as PyTorch is concerned."""
    rank = max(rank, 1)
    if not -rank <= dim < rank:
        there = f"axes 0 to {rank - 1}, or {-rank} to -1 from the end" if rank > 1 else "axis 0 alone"
        hint = "axes count from 0, and from the end with a minus: -1 is the last"
        refuse("AS404", f"`{name}` is {dim}, but {what} has {there}", hint, name)
    return dim % rank


def axis(x: TensorType, dim: int, name: str = "dim") -> int:
    """An axis of the tensor, counted from the front."""
    return axis_of(x.rank, dim, str(x), name)


def axes(x: TensorType, dims: Axes | None, name: str = "dim") -> list[int]:
    """Some axes of the tensor, counted from the front; None and no axis at all are all of them."""
    if dims is None or dims == ():
        return list(range(x.rank))
    found = [axis(x, dim, name) for dim in (dims if isinstance(dims, tuple) else (dims,))]
    require_distinct(found, x, name)
    return found


def require_distinct(found: Sequence[int], x: TensorType, name: str) -> None:
    """No axis stands twice in the list."""
    twice = next((dim for dim in found if found.count(dim) > 1), None)
    require(twice is None, "AS404", f"`{name}` contains axis {twice} of {x} twice", argument=name)


def require_rank(x: TensorType, *ranks: int, layout: str = "", name: str = "input") -> None:
    """The tensor's number of axes is one of `ranks`."""
    if x.rank not in ranks:
        wanted = " or ".join(map(str, ranks))
        plural = "axis" if ranks == (1,) else "axes"
        refuse("AS501", f"`{name}` takes {wanted} {plural}{layout and f' ({layout})'}; this is {x}", argument=name)


def require_rank_from(x: TensorType, least: int, layout: str = "", name: str = "input") -> None:
    """The tensor has at least so many axes."""
    if x.rank < least:
        some = f"at least {least} {'axis' if least == 1 else 'axes'}"
        refuse("AS501", f"`{name}` takes {some}{layout and f' ({layout})'}; this is {x}", argument=name)


def same_size(
    a: Size, b: Size, message: str, help: str = "", argument: str | None = None, axes: tuple[int, ...] = ()
) -> Size:
    """The one size that two have to be; the known one, if one is."""
    require_equal(a, b, message=message, help=help, argument=argument, axes=axes)
    return b if isinstance(b, int) else a


def broadcast(*shapes: Shape) -> Shape:
    """The shape that all stretch to: from the last axis on they are equal, 1, or absent."""
    rank = max(map(len, shapes))
    text = " and ".join(map(listed, dict.fromkeys(shapes)))
    result: list[Size] = []
    for place in range(-rank, 0):
        sizes = [shape[place] for shape in shapes if len(shape) >= -place and shape[place] != 1]
        size: Size = sizes[0] if sizes else 1
        for other in sizes[1:]:
            if not _agree(size, other) and not _may_stretch(size, other):
                _refuse_broadcast(shapes, text, size, other, place)
            size = _larger(size, other)
        result.append(size)
    return tuple(result)


def _agree(a: Size, b: Size) -> bool:
    return settled(equal(a, b), a, b) or fits(a, b) is not None


def _may_stretch(a: Size, b: Size) -> bool:
    """Whether one of two unlike sizes may be 1, by the parameters' values: then it was settled for them before."""
    return any(equal(size, 1) is None and settled(None, size) for size in (a, b))


def _refuse_broadcast(shapes: tuple[Shape, ...], text: str, size: Size, other: Size, place: int) -> None:
    """Says which axes differ, and what would make them agree."""
    if len(shapes) != 2 or len(shapes[0]) != len(shapes[1]):
        message = f"{text} cannot be broadcast: {show(size)} is not {show(other)}, counted from the last axis"
        advice = "sizes match if they are equal or one of them is 1"
        require_equal(size, other, message=message, help=advice, axes=(place,))
        return
    pairs = list(enumerate(zip(*shapes, strict=True)))
    unlike = [axis for axis, (a, b) in pairs if 1 not in (a, b) and not _agree(a, b)]
    told = ", ".join(_told(axis, *pairs[axis][1], conditions=not when_equal(size, other)) for axis in unlike)
    message, axes = f"{text} cannot be broadcast: {told}", tuple(axis - len(shapes[0]) for axis in unlike)
    require_equal(size, other, message=message, help=_projection(*shapes, unlike), axes=axes)


def _told(axis: int, a: Size, b: Size, *, conditions: bool) -> str:
    """The two sizes of an axis and, with `conditions`, when they agree."""
    when = when_equal(a, b) if conditions else None
    return f"axis {axis} is {show(a)} and {show(b)}{f' (equal only if {when})' if when else ''}"


def say_multiple(a: Size, b: Size) -> str:
    """What to write in `inputs` so that two free sizes agree; empty where they agree for no multiple."""
    found = equal_for_multiples(a, b)
    if found is None:
        return ""
    name, number = found
    return f"say in `inputs` what the free size is a multiple of, as in `{number} * {name.lower()}`"


def _projection(a: Shape, b: Shape, unlike: list[int]) -> str:
    """What to write so that two shapes of as many axes agree."""
    rank = len(a)
    known = [axis for axis in unlike if isinstance(a[axis], int) and isinstance(b[axis], int)]
    advice = next((text for axis in unlike if (text := say_multiple(a[axis], b[axis]))), "")
    if advice and known == [1] and rank in (4, 5):
        return f"{advice}; and {_projection(a, b, known)}"
    if advice or any(when_equal(a[axis], b[axis]) for axis in unlike):
        return f"{advice or 'say in `inputs` what the free size is'}, or make the sizes equal"
    for axis in unlike:
        first, second = a[axis], b[axis]
        if show(first).isidentifier() and show(second).isidentifier():
            return f"`{show(first)}` and `{show(second)}` are independent: if they are equal, use one name for both"
    if not all(isinstance(a[axis], int) and isinstance(b[axis], int) for axis in unlike):
        return "keep the size, for example with `padding: same`, or slice the larger one"
    if unlike == [rank - 1] and rank < 4:
        return f"project one of them: `Linear: {b[-1]}` on the first, or `Linear: {a[-1]}` on the second"
    if rank not in (4, 5) or unlike[0] == 0:
        return "sizes match if they are equal or one of them is 1"
    spatial = [axis for axis in unlike if axis > 1]
    sizes = [evaluate(shape[spatial[0]], {}) if spatial else -evaluate(shape[1], {}) for shape in (a, b)]
    large, small = (a, b) if sizes[0] > sizes[1] else (b, a)  # or the one of fewer channels
    strides = {-(-evaluate(large[axis], {}) // evaluate(small[axis], {})) for axis in spatial} or {1}
    if len(strides) > 1 or any(-(-large[axis] // stride) != small[axis] for axis in spatial for stride in strides):
        return "make the sizes equal, by equal strides and padding on both branches, or by `interpolate`"
    stride = f", stride: {max(strides)}" if max(strides) > 1 else ""
    conv = f"Conv{rank - 2}d: {{out_channels: {show(small[1])}, kernel_size: 1{stride}}}"
    return f"project {listed(large)}: `{conv}`"


def _larger(a: Size, b: Size) -> Size:
    """Of two sizes that agree, if perhaps for the parameters' values alone: the one that the other stretches to."""
    whole = fits(a, b)
    if whole is not None:
        return whole
    for size in (a, b):
        least = bounds(size)[0]
        if isinstance(size, int) or a == b or (least is not None and least > 1):
            return size
    plain = [size for size in (a, b) if all(isinstance(atom, Symbol | Quotient | Extremum) for atom in atoms(size))]
    return plain[0] if len(plain) == 1 else maximum(a, b)


def require_stretches(shape: Shape, target: Shape, name: str) -> None:
    """The shape broadcasts to the target and does not change it."""
    if len(shape) > len(target):
        refuse("AS502", f"`{name}` {listed(shape)} has more axes than {listed(target)}", argument=name)
    for size, wanted in zip(reversed(shape), reversed(target), strict=False):
        if size != 1:
            message = (
                f"`{name}` {listed(shape)} does not stretch to {listed(target)}: {show(size)} is not {show(wanted)}"
            )
            require_equal(size, wanted, message=message, argument=name)


def without(x: TensorType, dims: Sequence[int], keepdim: bool) -> Shape:
    """The shape that is left when some axes are reduced: without them, or with 1 in their place."""
    if keepdim:
        return tuple(1 if place in dims else size for place, size in enumerate(x.shape))
    return tuple(size for place, size in enumerate(x.shape) if place not in dims)


def is_one(x: TensorType, place: int) -> bool:
    """Whether an axis has size 1, which decides the number of axes: RefusalError or UndecidedError if it depends."""
    answer = equal(x.shape[place], 1)
    if answer is None:
        size = show(x.shape[place])
        if settled(None, x.shape[place]):
            raise UndecidedError(f"whether {size} is 1")
        message = f"{x} has axis {place} if {size} is 1, and has it not if {size} is larger"
        refuse("AS502", message, "name the axes that are 1: squeeze(x, (-2, -1))", "dim")
    return answer


def counted(count: Size, what: str) -> int:
    """A number of tensors, which has to be known: RefusalError or UndecidedError if it depends."""
    if isinstance(count, int):
        return count
    if settled(None, count):
        raise UndecidedError(f"the number of {what}, {count}")
    return refuse("AS502", f"the number of {what} would be {count}, which depends on the input")


def one_list(size: tuple[Sizes, ...], name: str) -> Shape:
    """Sizes that are one list, or numbers one by one."""
    lists = [part for part in size if isinstance(part, tuple)]
    mixed = bool(lists) and len(size) > 1
    require(not mixed, "AS404", f"`{name}` is a list, or several numbers", argument=name)
    require(bool(size), "AS403", f"`{name}` is required; use [] for a tensor without axes")
    return lists[0] if lists else tuple(part for part in size if not isinstance(part, tuple))
