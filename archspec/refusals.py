"""Why a layer or a function cannot be used so, and the questions about sizes that lead there.

A question about sizes has three answers: yes, no, and "it depends". Where it depends on a free dimension, whose
values nobody knows, it is refused; where it depends on parameters alone, it was settled for their values before.
Knows nothing of layers, of functions, or of specs.
"""

from __future__ import annotations

from typing import NoReturn

from archspec import dimensions
from archspec.dimensions import POWER, Extremum, Size, show


class Refusal(ValueError):  # noqa: N818 (it is no error of ours, but an answer)
    """Why something cannot be used so. `argument` names the culprit, if it is one of the arguments.

    `axes` are those in which sizes differ that should be equal, counted from the end: -1 is the last.
    """

    def __init__(
        self, code: str, message: str, help: str = "", argument: str | None = None, axes: tuple[int, ...] = ()
    ) -> None:
        super().__init__(message)
        self.axes = axes
        self.code = code
        self.message = message
        self.help = help
        self.argument = argument
        self.offset: int | None = None  # where the name of the function stands in the expression that calls it
        self.length = 1


def refuse(
    code: str, message: str, help: str = "", argument: str | None = None, axes: tuple[int, ...] = ()
) -> NoReturn:
    """Refuses, with a reason."""
    raise Refusal(code, message, help, argument, axes)


def require(condition: bool, code: str, message: str, help: str = "", argument: str | None = None) -> None:
    """Refuses, with a reason, unless `condition`."""
    if not condition:
        refuse(code, message, help, argument)


def require_equal(
    a: Size,
    b: Size,
    *,
    code: str = "AS502",
    message: str,
    help: str = "",
    argument: str | None = None,
    axes: tuple[int, ...] = (),
) -> None:
    """The two sizes are equal; for free dimensions: whatever their values."""
    if not settled(dimensions.equal(a, b), a, b) and fits(a, b) is None:
        when = when_equal(a, b)
        refuse(code, f"{message}; they agree only if {when}" if when else message, help, argument, axes)


def require_divides(divisor: Size, size: Size, *, message: str, help: str = "", argument: str | None = None) -> None:
    """`size` is a multiple of `divisor`; for free dimensions: whatever their values."""
    remainder = size % divisor
    if settled(dimensions.equal(remainder, 0), size, divisor):
        return
    known = isinstance(remainder, int)
    when = None if known else dimensions.when_equal(remainder, 0)
    reason = f": {show(size)} % {show(divisor, POWER)} = {show(remainder)}" if known else ""
    multiple = f"{divisor} * h" if isinstance(divisor, int) else "32 * h"
    advice = help or (f"say in `inputs` what the free size is a multiple of, as in `{multiple}`" if when else "")
    refuse("AS503", f"{message}{reason}{f'; it divides only if {when}' if when else ''}", advice, argument)


def require_at_least(
    size: Size, least: Size, *, code: str = "AS504", message: str, help: str = "", argument: str | None = None
) -> None:
    """The size is not below `least`. Free dimensions may be large enough: only what never holds is refused."""
    if dimensions.at_least(size, least) is False:
        refuse(code, message, help, argument)


def settled(answer: bool | None, *sizes: Size) -> bool:
    """Whether to go on: yes if it holds, no if it does not; if it depends, on parameters alone.

    With parameters as symbols the question was settled for their values before; a free dimension may be anything.
    """
    if answer is not None:
        return answer
    return any(not symbol.free for size in sizes for symbol in dimensions.symbols(size)) or any(
        isinstance(atom, dimensions.Unknown) for size in sizes for atom in dimensions.atoms(size)
    )


def fits(a: Size, b: Size) -> Size | None:
    """The one of two sizes that the other is, too, unless it is too large: `T` of `T` and `min(T, 64)`, a slice's.

    As with "at least": a free dimension may be small enough, and only what never holds is refused.
    """
    return next((whole for whole, part in ((a, b), (b, a)) if _cut(whole, part) is not None), None)


def _cut(whole: Size, part: Size) -> tuple[Extremum, Size] | None:
    """The extremum that `part` is, of `whole` and one more size."""
    atoms = dimensions.atoms(part)
    cut = atoms[0] if len(atoms) == 1 and dimensions.of(atoms[0]) == part else None
    if not isinstance(cut, Extremum) or len(cut.sizes) != 2:
        return None
    if whole in cut.sizes:
        return cut, cut.sizes[cut.sizes[0] == whole]
    inside = [size for size in cut.sizes if size != 0]  # a slice is never smaller than that
    return _cut(whole, inside[0]) if cut.function == "max" and len(inside) == 1 else None


def when_equal(a: Size, b: Size) -> str | None:
    """In words, for which values of the symbols a == b; None where that cannot be said briefly."""
    for whole, part in ((a, b), (b, a)):
        found = _cut(whole, part)
        if found is not None:
            cut, other = found
            return f"{show(whole)} is at {'most' if cut.function == 'min' else 'least'} {show(other)}"
    return dimensions.when_equal(a, b)
