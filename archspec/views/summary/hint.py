"""What to say on the command line for every figure of a summary to be a number."""

from __future__ import annotations

from collections.abc import Mapping

from archspec import dimensions
from archspec.dimensions import Size
from archspec.graph import Class, Flow, free_symbols
from archspec.tensors import TensorType
from archspec.views.summary.figures import at, data
from archspec.views.summary.rows import Row

_EXAMPLES = (224, 1024, 16384)  # a free size: of an image, of a text, of two seconds of sound


def hint(main: Class, rows: tuple[Row, ...], sizes: Mapping[str, int]) -> str:
    """As in `H and W are not known: --input x=1,3,224,224 makes every figure a number`."""
    names = [parameter.name for parameter in main.parameters if parameter.value is None]
    options = [f"--param {name}=..." for name in names]
    free = {symbol.text for value in main.inputs for symbol in free_symbols(value.type)}
    if not names and free <= sizes.keys():
        sizes = {}  # there is no network for the batch that the figures are for
    shapes = [value.tensor.shape for value in main.inputs]
    examples = next(filter(None, (_examples(shapes, rows, sizes, size) for size in _EXAMPLES)), None)
    for value in main.inputs:
        missing = sorted(symbol.text for symbol in free_symbols(value.type) if symbol.text not in sizes)
        if missing:
            names += [name for name in missing if name not in names]
            numbers = ["..."] if examples is None else [str(data(at(axis, examples))) for axis in value.tensor.shape]
            options.append(f"--input {value.name}={','.join(numbers)}")
    if not names:
        return ""
    what = f"{names[0]} is" if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]} are"
    return f"{what.replace(dimensions.LEADING, '...')} not known: {' '.join(options)} makes every figure a number"


def _examples(
    shapes: list[tuple[Size, ...]], rows: tuple[Row, ...], sizes: Mapping[str, int], size: int
) -> dict[str, int] | None:
    """A number for each free name such that the axis on which it stands is about `size`; None if a step refuses."""
    found: dict[str, int] = {}
    try:
        for axis in (axis for shape in shapes for axis in shape):
            names = {symbol.text for symbol in dimensions.symbols(axis)}
            if len(names) == 1:
                (name,) = names
                found.setdefault(name, max(1, size // max(1, dimensions.evaluate(axis, {name: 1}))))
        found |= sizes
        flows = (*map(TensorType, shapes), *(row.output for row in rows))
        return found if all(_fits(flow, found) for flow in flows) else None
    except ZeroDivisionError:
        return None


def _fits(flow: Flow | None, sizes: Mapping[str, int]) -> bool:
    """Whether no axis would be empty."""
    if isinstance(flow, TensorType):
        return all(dimensions.at_least(dimensions.substitute(axis, sizes), 1) is not False for axis in flow.shape)
    return not isinstance(flow, tuple) or all(_fits(part, sizes) for part in flow)
