"""einsum: products and sums over axes that are named by letters."""

from __future__ import annotations

import re
import string

from archspec.dimensions import Size, product, show
from archspec.functions._base import function
from archspec.functions._dtypes import INEXACT, require_dtype, require_same_dtype
from archspec.functions._shapes import Shape, broadcast
from archspec.refusals import refuse, require, require_equal
from archspec.tensors import TensorType

_ELLIPSIS = "."


def _parsed(equation: str, operands: tuple[TensorType, ...]) -> tuple[list[str], str]:
    """The letters of each operand and of what comes out, an ellipsis as one dot."""
    text = equation.replace(" ", "")
    match = re.fullmatch(r"([a-zA-Z.,]*)(?:->([a-zA-Z.]*))?", text)
    if match is None:
        hint = "write the axes of each tensor as letters: 'b i d, b j d -> b i j'"
        refuse("AS404", f"`equation` is not a valid equation: {equation}", hint, "equation")
    inputs = match[1].split(",")
    for part in (*inputs, match[2] or ""):
        dots = part.replace("...", _ELLIPSIS, 1)
        plain = dots.count(".") == dots.count("...") == 0 or ("..." in part and dots.count(".") == 1)
        require(plain, "AS404", f"`{part}` has dots other than `...`", argument="equation")
    message = f"`equation` names {len(inputs)} tensors, but {len(operands)} are given"
    require(len(inputs) == len(operands), "AS404", message, argument="equation")
    inputs = [part.replace("...", _ELLIPSIS) for part in inputs]
    if match[2] is not None:
        return inputs, match[2].replace("...", _ELLIPSIS)
    everything = "".join(inputs)
    once = [letter for letter in string.ascii_uppercase + string.ascii_lowercase if everything.count(letter) == 1]
    return inputs, (_ELLIPSIS if _ELLIPSIS in everything else "") + "".join(once)


def _sizes(inputs: list[str], operands: tuple[TensorType, ...]) -> tuple[list[dict[str, Size]], Shape]:
    """What each letter stands for in each operand, and the shape that the ellipses stretch to."""
    found: list[dict[str, Size]] = []
    batches: list[Shape] = []
    for letters, x in zip(inputs, operands, strict=True):
        hidden = x.rank - len(letters.replace(_ELLIPSIS, ""))
        message = f"`{letters.replace(_ELLIPSIS, '...')}` names {x.rank - hidden} axes, but {x} has {x.rank}"
        require(hidden == 0 or (hidden > 0 and _ELLIPSIS in letters), "AS501", message, argument="operands")
        start = letters.find(_ELLIPSIS) if _ELLIPSIS in letters else 0
        batches.append(x.shape[start : start + hidden])
        shape = (*x.shape[:start], *x.shape[start + hidden :])
        sizes: dict[str, Size] = {}
        for letter, size in zip(letters.replace(_ELLIPSIS, ""), shape, strict=True):
            message = f"`{letter}` is {show(sizes.get(letter, size))} and {show(size)} in {x}"
            require_equal(sizes.setdefault(letter, size), size, message=message, argument="operands")
        found.append(sizes)
    return found, broadcast(*batches)


@function("torch.einsum", macs=lambda output, equation, *operands: _macs(equation, operands))
def einsum(equation: str, *operands: TensorType) -> TensorType:
    """Products summed over the letters that do not come out. Shape: [A, B], [B, C] -> [A, C] for 'ij,jk->ik'"""
    require(bool(operands), "AS403", "`operands` are required")
    inputs, output = _parsed(equation, operands)
    sizes, batch = _sizes(inputs, operands)
    merged: dict[str, Size] = {}
    for one in sizes:
        for letter, size in one.items():
            other = merged.setdefault(letter, size)
            message = f"`{letter}` is {show(other)} in one tensor and {show(size)} in another"
            (merged[letter],) = _stretched(other, size, message)
    for letter in output.replace(_ELLIPSIS, ""):
        require(letter in merged, "AS404", f"`{letter}` comes out, but no tensor has it", argument="equation")
        require(output.count(letter) == 1, "AS404", f"`{letter}` comes out twice", argument="equation")
    require_dtype(operands[0], (*INEXACT, "int64"), "operands")
    require_same_dtype(*operands)
    shape = [size for letter in output for size in (batch if letter == _ELLIPSIS else (merged[letter],))]
    return TensorType(tuple(shape), operands[0].dtype)


def _stretched(a: Size, b: Size, message: str) -> Shape:
    if a != 1 and b != 1:
        require_equal(a, b, message=message, argument="operands")
    return broadcast((a,), (b,))


def _macs(equation: str, operands: tuple[TensorType, ...]) -> Size:
    """As PyTorch contracts: the first two tensors, their product at the end of the line, until one is left.

    A pair that is summed over nothing in common is no product of matrices, and is not counted.
    """
    inputs, output = _parsed(equation, operands)
    sizes, batch = _sizes(inputs, operands)
    line: list[dict[str, Size]] = []
    for letters, one, x in zip(inputs, sizes, operands, strict=True):
        hidden = x.rank - len(letters.replace(_ELLIPSIS, ""))
        start = letters.find(_ELLIPSIS)
        dots = {f".{place - len(batch)}": size for place, size in enumerate(batch)} if _ELLIPSIS in letters else {}
        own = {f".{place - hidden}": x.shape[start + place] for place in range(hidden)}
        line.append({key: size for key, size in {**one, **{key: own.get(key, 1) for key in dots}}.items() if size != 1})
    kept = {*output, *(f".{place - len(batch)}" for place in range(len(batch)) if _ELLIPSIS in output)}
    total: Size = 0
    while len(line) > 1:
        a, b, *line = line
        later = kept.union(*line)
        a = {key: size for key, size in a.items() if key in b or key in later}
        b = {key: size for key, size in b.items() if key in a or key in later}
        summed = (a.keys() & b.keys()) - later
        if summed:
            total = total + product({**a, **b}.values())
        line.append({key: size for key, size in {**a, **b}.items() if key not in summed})
    return total
