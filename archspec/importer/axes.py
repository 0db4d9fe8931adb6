"""Names for the sizes of a block's inputs."""

from __future__ import annotations

from archspec.importer.templates import BlockTemplate

_AXES = {1: "N", 2: "NC", 3: "NTC", 4: "NCHW", 5: "NCDHW"}


def name_axes(variant: BlockTemplate, literal: bool, is_root: bool) -> None:
    """Names the sizes of a block's inputs: one name for equal sizes of several inputs."""
    taken: dict[str, tuple[int, ...]] = {}
    reserved = {*variant.samples[0].names}
    for number, given in enumerate(variant.samples[0].inputs):
        letters = _AXES.get(len(given.shape), "")
        letters = "NT" if given.dtype == "int64" and len(given.shape) == 2 else letters
        axes: list[str | int] = []
        for axis in range(len(given.shape)):
            values = tuple(one.inputs[number].shape[axis] for one in variant.samples)
            constant = len(set(values)) == 1
            if constant and (is_root or literal):
                axes.append(values[0])
                continue
            letter = letters[axis] if axis < len(letters) else f"D{axis}"
            same = [name for name, known in taken.items() if known == values and name not in axes]
            name = letter if letter in same else next(iter(same), _free(letter, {*taken, *reserved}))
            argument = _argument(variant, values) if name not in taken and not is_root else None
            if argument is not None and argument not in taken:
                name = argument
            taken[name] = values
            axes.append(name)
        variant.axes.append(axes)


def _argument(variant: BlockTemplate, values: tuple[int, ...]) -> str | None:
    """The argument of a class's constructor that is a size of its input."""
    if len(set(values)) == 1 and len(values) > 1:
        return None
    for name in variant.samples[0].arguments:
        if name.startswith("_") or name in variant.samples[0].names:
            continue
        given = tuple(one.arguments.get(name) for one in variant.samples)
        if given == values and all(isinstance(one, int) and not isinstance(one, bool) for one in given):
            return name
    return None


def _free(base: str, taken: set[str]) -> str:
    name, number = base, 2
    while name in taken:
        name, number = f"{base}{number}", number + 1
    return name
