"""Why a layer or a function cannot be used so, and the questions about sizes that lead there.

A question about sizes has three answers: yes, no, and "it depends". Every layer and every function treats the third
one alike:

- Where it depends on a parameter, it is accepted: the check has answered it for the parameter's value.
- Equal sizes, and divisors: refused where it depends on a free size, which may be anything.
- A least size: a free size may be too small for a network, but never too large. So it is accepted if it holds for large
  sizes (a kernel of 7 on `H`), and refused if it does not (`T` numbers out of 6, or out of `L`).
- A slice is no question, as it stops at the end of its axis. `positions[:, :T]` is `min(T, 64)` long, and that agrees
  with `T`: whoever writes it says that `T` is at most 64.

Knows nothing of layers, of functions, or of specs.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import NoReturn

from archspec import dimensions
from archspec.dimensions import POWER, Extremum, Size, show
from archspec.tensors import INTEGERS, holds, limits

_NUMBER = re.compile(r"\b\d+\b")


class RefusalError(ValueError):
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
        self.mixes: tuple[str, ...] = ()  # the dtypes of tensors, and weights, that meet where PyTorch takes one
        self.offset: int | None = None  # where the name of the function stands in the expression that calls it
        self.length = 1


_ASSUMED: ContextVar[list[Size] | None] = ContextVar("assumed", default=None)


@contextmanager
def assumptions() -> Iterator[list[Size]]:
    """Collects what is accepted meanwhile because it depends on parameters: sizes that are 0 where it holds."""
    found: list[Size] = []
    token = _ASSUMED.set(found)
    try:
        yield found
    finally:
        _ASSUMED.reset(token)


def _assume(size: Size) -> None:
    found = _ASSUMED.get()
    if found is not None and not isinstance(size, int):
        found.append(size)


def counted(size: Size) -> str:
    """A number of things as messages say it: what it is multiplied from, and what that makes."""
    text = show(size)
    return f"{text} = {show(dimensions.plain(size))}" if len(_NUMBER.findall(text)) > 1 else text


def refuse(
    code: str, message: str, help: str = "", argument: str | None = None, axes: tuple[int, ...] = ()
) -> NoReturn:
    """Refuses, with a reason."""
    raise RefusalError(code, message, help, argument, axes)


def refuse_mixed(dtypes: tuple[str, ...], message: str, help: str = "", argument: str | None = None) -> NoReturn:
    """Refuses tensors of different dtypes, where PyTorch does not convert them."""
    refusal = RefusalError("AS505", message, help, argument)
    refusal.mixes = dtypes
    raise refusal


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
    answer = dimensions.equal(a, b)
    if answer is None:
        _assume(a - b)
    if not settled(answer, a, b) and fits(a, b) is None:
        when = when_equal(a, b)
        refuse(code, f"{message}; they agree only if {when}" if when else message, help, argument, axes)


def require_divides(divisor: Size, size: Size, *, message: str, help: str = "", argument: str | None = None) -> None:
    """`size` is a multiple of `divisor`; for free dimensions: whatever their values."""
    remainder = size % divisor
    answer = dimensions.equal(remainder, 0)
    if answer is None:
        _assume(remainder)
    if settled(answer, size, divisor):
        return
    known = isinstance(remainder, int)
    when = None if known else dimensions.when_equal(remainder, 0)
    reason = f": {show(dimensions.plain(size), POWER)} % {show(divisor, POWER)} = {show(remainder)}" if known else ""
    multiple = f"{divisor} * h" if isinstance(divisor, int) else "32 * h"
    advice = help or (f"say in `inputs` what the free size is a multiple of, as in `{multiple}`" if when else "")
    refuse("AS503", f"{message}{reason}{f'; it divides only if {when}' if when else ''}", advice, argument)


def require_at_least(
    size: Size, least: Size, *, code: str = "AS504", message: str, help: str = "", argument: str | None = None
) -> None:
    """The size is not below `least`; for free dimensions: if they are large enough."""
    answer = dimensions.at_least(size, least)
    if answer is False:
        refuse(code, message, help, argument)
    elif answer is None and not _holds_when_large(size, least):
        bound = (
            f"{show(size)} is at least {least}" if isinstance(least, int) else f"{show(least)} is at most {show(size)}"
        )
        when = dimensions.when_at_least(size, least) or bound
        advice = help or "a free size may be any: use a number, a parameter, or a size of the same tensor"
        refuse(code, f"{message}; it holds only if {when}", advice, argument)


def _holds_when_large(size: Size, least: Size) -> bool:
    return settled(None, size, least) or fits(size, least) is not None or dimensions.at_least_when_large(size, least)


def require_held(dtype: str, code: str = "AS404", /, **numbers: object) -> None:
    """The dtype holds these constants, by the names of their arguments: else PyTorch refuses, or takes another number.

    What is no number, or is not known, is held.
    """
    for name, number in numbers.items():
        if isinstance(number, int | float) and not isinstance(number, bool) and not holds(dtype, number):
            low, high = limits(dtype)
            spelled = f"{low} to {high}" if dtype in INTEGERS else f"{low:g} to {high:g}"
            advice = "write a number in between" if dtype in INTEGERS else "write a number in between, or `inf`, `-inf`"
            refuse(code, f"`{name}` is {_plainly(number)}, but {dtype} holds {spelled}", advice, name)


def require_stored(dtype: str, code: str = "AS404", /, **numbers: object) -> None:
    """A tensor of the dtype is made of these constants: it holds them as they are, and no integer has a fraction."""
    require_held(dtype, code, **numbers)
    for name, number in numbers.items():
        if dtype in INTEGERS and isinstance(number, float) and not number.is_integer():
            advice = f"write an integer, or a floating dtype in place of {dtype}"
            refuse(code, f"`{name}` is {_plainly(number)}, and {dtype} would cut it to {int(number)}", advice, name)


def require_kernel(dtype: str, what: str) -> None:
    """PyTorch computes in this dtype on every device: some functions have no kernel for half precision on the CPU."""
    if dtype in ("float16", "bfloat16"):
        advice = "compute it in float32: `float(x)` before it, `type_as(y, x)` behind it"
        refuse("AS505", f"PyTorch has no kernel of {what} for {dtype} on the CPU", advice)


def _plainly(number: float) -> str:
    """A number as people write it: `-1e9`."""
    short = f"{number:g}"
    return short.replace("e+0", "e").replace("e+", "e") if float(short) == number else str(number)


def settled(answer: bool | None, *sizes: Size) -> bool:
    """Whether to go on: yes if it holds, no if it does not; if it depends, on parameters alone.

    With parameters as symbols the question was settled for their values before; a free dimension may be anything.
    """
    if answer is not None:
        return answer
    return any(not symbol.free for size in sizes for symbol in dimensions.symbols(size)) or any(
        atom.why is not None and not atom.symbols() for size in sizes for atom in dimensions.atoms(size)
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
