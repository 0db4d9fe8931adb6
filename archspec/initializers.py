"""The catalogue of `torch.nn.init` and of `torch.nn.utils.parametrizations`: their arguments, and what they can be for.

Names, arguments and defaults are PyTorch's. Knows nothing of specs, of YAML, or of source code.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from typing import Any

from archspec.problems import did_you_mean, echo
from archspec.refusals import refuse

NONLINEARITIES: tuple[str, ...] = (
    "linear",
    "conv1d",
    "conv2d",
    "conv3d",
    "conv_transpose1d",
    "conv_transpose2d",
    "conv_transpose3d",
)
NONLINEARITIES += ("sigmoid", "tanh", "relu", "leaky_relu", "selu")
_REQUIRED = object()


@dataclass(frozen=True, slots=True)
class Option:
    """An argument: its default, and what it takes."""

    name: str
    default: Any = _REQUIRED
    kind: str = "number"
    """`number`, `integer`, `flag` or `word`."""
    least: float | None = None
    above: float | None = None
    choices: tuple[str, ...] = ()

    @property
    def required(self) -> bool:
        """Whether it has no default."""
        return self.default is _REQUIRED

    def refuse(self, value: Any) -> str | None:
        """Why a value is none of its, if so."""
        known = {"number": (int, float), "integer": (int,), "flag": (bool,), "word": (str,)}[self.kind]
        if value is None and self.default is None:
            return None
        if not isinstance(value, known) or (isinstance(value, bool) and self.kind != "flag"):
            return f"`{self.name}` is {_A[self.kind]}"
        if self.choices and value not in self.choices:
            return f"`{self.name}` is one of {', '.join(self.choices)}"
        if self.least is not None and isinstance(value, int | float) and value < self.least:
            return f"`{self.name}` is at least {self.least:g}"
        if self.above is not None and isinstance(value, int | float) and value <= self.above:
            return f"`{self.name}` is above {self.above:g}"
        return None


_A = {"number": "a number", "integer": "an integer", "flag": "True or False", "word": "a word"}


@dataclass(frozen=True, slots=True)
class Initializer:
    """A function that gives a weight its first values, or that parametrizes it."""

    name: str
    options: tuple[Option, ...] = ()
    ranks: tuple[int, int] = (0, 64)
    """The least and the greatest number of axes that a weight of it has."""
    ordered: tuple[str, ...] = ()
    """Two arguments of which the first is at most the second."""
    named: frozenset[str] = field(default_factory=frozenset)
    """Arguments that PyTorch takes by name alone."""

    def option(self, name: str) -> Option:
        """The argument of that name; RefusalError where there is none."""
        found = next((one for one in self.options if one.name == name), None)
        if found is None:
            known = [one.name for one in self.options]
            hint = did_you_mean(name, known, f"{self.name} takes") if known else f"`{self.name}` takes no arguments"
            refuse("AS402", f"`{self.name}` has no argument {echo(name)}", hint)
        return found

    def check(self, values: dict[str, Any], unknown: Collection[str] = ()) -> None:
        """RefusalError for values that it does not take; those of `unknown` are given as well."""
        for name, value in values.items():
            if why := self.option(name).refuse(value):
                refuse("AS404", f"{echo(str(value))} in `{self.name}`: {why}", "use a value that it accepts")
        for one in self.options:
            if one.required and one.name not in values and one.name not in unknown:
                refuse("AS403", f"`{self.name}` requires `{one.name}`", f"write `{self.name}({one.name}=…)`")
        if self.ordered:
            low, high = (values.get(name, self.option(name).default) for name in self.ordered)
            if isinstance(low, int | float) and isinstance(high, int | float) and low > high:
                first, second = self.ordered
                refuse("AS404", f"`{self.name}` from {low} to {high}", f"`{first}` is at most `{second}`")

    def check_shape(self, weight: str, shape: Sequence[Any]) -> None:
        """RefusalError for a weight of a shape that it is not for."""
        least, most = self.ranks
        if least <= len(shape) <= most:
            return
        need = f"{least}" if least == most else f"{least} or more" if most == 64 else f"{least} to {most}"
        what = f"`{weight}` has {len(shape)} {'axis' if len(shape) == 1 else 'axes'}"
        catalogue = INITIALIZERS if self.name in INITIALIZERS else PARAMETRIZATIONS
        fitting = [one.name for one in catalogue.values() if one.ranks[0] <= len(shape) <= one.ranks[1]]
        advice = f"a weight of that shape takes {', '.join(fitting)}"
        refuse("AS501", f"`{self.name}` is for a weight of {need} axes; {what}", advice)


def _of(*functions: Initializer) -> dict[str, Initializer]:
    return {one.name: one for one in functions}


_GAIN = Option("gain", 1.0)
_KAIMING = (
    Option("a", 0),
    Option("mode", "fan_in", "word", choices=("fan_in", "fan_out")),
    Option("nonlinearity", "leaky_relu", "word", choices=NONLINEARITIES),
)

INITIALIZERS = _of(
    Initializer("uniform_", (Option("a", 0.0), Option("b", 1.0)), ordered=("a", "b")),
    Initializer("normal_", (Option("mean", 0.0), Option("std", 1.0, least=0))),
    Initializer(
        "trunc_normal_",
        (Option("mean", 0.0), Option("std", 1.0, above=0), Option("a", -2.0), Option("b", 2.0)),
        ordered=("a", "b"),
    ),
    Initializer("constant_", (Option("val"),)),
    Initializer("ones_"),
    Initializer("zeros_"),
    Initializer("eye_", ranks=(2, 2)),
    Initializer("dirac_", (Option("groups", 1, "integer", least=1),), ranks=(3, 5)),
    Initializer("xavier_uniform_", (_GAIN,), ranks=(2, 64)),
    Initializer("xavier_normal_", (_GAIN,), ranks=(2, 64)),
    Initializer("kaiming_uniform_", _KAIMING, ranks=(2, 64)),
    Initializer("kaiming_normal_", _KAIMING, ranks=(2, 64)),
    Initializer("orthogonal_", (Option("gain", 1),), ranks=(2, 64)),
    Initializer("sparse_", (Option("sparsity", least=0), Option("std", 0.01, least=0)), ranks=(2, 2)),
)
"""The functions of torch.nn.init, by their names."""

PARAMETRIZATIONS = _of(
    Initializer(
        "spectral_norm",
        (
            Option("n_power_iterations", 1, "integer", least=1),
            Option("eps", 1e-12, least=0),
            Option("dim", None, "integer"),
        ),
        ranks=(1, 64),
    ),
    Initializer("weight_norm", (Option("dim", 0, "integer"),)),
    Initializer(
        "orthogonal",
        (
            Option("orthogonal_map", None, "word", choices=("matrix_exp", "cayley", "householder")),
            Option("use_trivialization", True, "flag"),
        ),
        ranks=(2, 64),
        named=frozenset(("use_trivialization",)),
    ),
)
"""The functions of torch.nn.utils.parametrizations, by their names."""


def parametrized(name: str, weight: str, shape: Sequence[Any], values: dict[str, Any], transposed: bool) -> Any:
    """What stands in a state_dict in place of a weight: names, shapes, and which of them learn, in order.

    `transposed` says that the layer is a transposed convolution, whose channels are on axis 1.
    """
    base = f"parametrizations.{weight}"
    shape = tuple(shape)
    if name == "weight_norm":
        dim = values.get("dim", 0)
        kept = dim % len(shape) if dim is not None and dim != -1 else None
        norm = tuple(size if axis == kept else 1 for axis, size in enumerate(shape)) if kept is not None else ()
        return ((f"{base}.original0", norm, True), (f"{base}.original1", shape, True))
    found: list[tuple[str, tuple[Any, ...], bool]] = [(f"{base}.original", shape, True)]
    if name == "spectral_norm" and len(shape) > 1:
        dim = values.get("dim")
        dim = (1 if transposed else 0) if dim is None else dim % len(shape)
        rest: Any = 1
        for axis, size in enumerate(shape):
            rest = rest * size if axis != dim else rest
        found += [(f"{base}.0._u", (shape[dim],), False), (f"{base}.0._v", (rest,), False)]
    if name == "orthogonal" and values.get("use_trivialization", True):
        side = max(shape[-2:])
        found.append((f"{base}.0.base", (*shape[:-2], side, side), False))
    return tuple(found)
