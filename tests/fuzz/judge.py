"""What a spec means, judged: the built module and the generated class agree, and compute what a naive reading does.

`agree` compares built and generated: keys in order, weights from one seed, ties, what requires gradients, outputs in
both modes, gradients, and inputs that stay as they were. `judge` compares both with `NaiveModule` besides, with the
optional inputs and without them, and what archspec says of shapes, dtypes, parameters and costs with what runs.
"""

from __future__ import annotations

import re
import warnings
import zlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import cached_property, partial
from inspect import signature
from typing import Any, TypeVar

import torch
from naive import Network
from naive_module import NaiveModule
from naive_values import load
from torch import Tensor, nn
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode

import archspec

torch.set_num_threads(1)  # the tensors are tiny: threads would only wait for one another, for minutes on a busy machine

SIZES = {"N": 2, "B": 2, "T": 5, "S": 3, "H": 8, "W": 9, "C": 4, "L": 7, "h": 2, "w": 3}
"""A size for each usual free dimension."""
Inputs = Mapping[str, Tensor | None]
T = TypeVar("T")


class DisagreementError(AssertionError):
    """Two readings of one spec differ. `kind` says in what, without the numbers."""

    def __init__(self, kind: str, why: str) -> None:
        super().__init__(f"{kind}: {why}")
        self.kind = kind


def same(kind: str, one: Any, other: Any, where: str = "") -> None:
    if one != other:
        raise DisagreementError(kind, f"{where}{one!r} and {other!r}")


def sound(what: str, run: Callable[[], T]) -> T:
    """What a call returns; whatever it raises is a disagreement, as the spec has passed the check."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return run()
    except DisagreementError:
        raise
    except archspec.SpecError as error:
        code = error.problems[0].code if error.problems else ""
        raise DisagreementError(f"{what} refuses {code}", str(error)) from error
    except Exception as error:
        raise DisagreementError(f"{what} fails, {gist(error)}", f"{type(error).__name__}: {error}") from error


def gist(error: Exception) -> str:
    """What an error says without numbers and names, so that equal faults have equal words."""
    text = str(error).strip().split("\n")[0]
    text = re.sub(r"<.*?>|'.*?'|`.*?`|\"|(?<=the name )\w+|\d+(, \d+)*", "_", text)
    return f"{type(error).__name__}: {text[:80]}"


# What is compared.


def generated_class(spec: archspec.Spec) -> type[nn.Module]:
    """The class that a spec becomes."""
    source = archspec.generate(spec)
    scope: dict[str, Any] = {"__name__": "generated"}
    exec(compile(source, "<generated>", "exec"), scope)
    found = [value for value in scope.values() if isinstance(value, type) and value.__module__ == "generated"]
    return [cls for cls in found if issubclass(cls, nn.Module)][-1]


def made(factory: Callable[[], nn.Module]) -> nn.Module:
    torch.default_generator.manual_seed(0)
    return factory()


def ties(module: nn.Module) -> list[list[str]]:
    """Which keys share their memory."""
    groups: dict[int, list[str]] = {}
    for key, value in module.state_dict(keep_vars=True).items():
        groups.setdefault(id(value), []).append(key)
    return sorted(group for group in groups.values() if len(group) > 1)


def compare_modules(who: str, one: nn.Module, other: nn.Module) -> None:
    """Two modules have the same keys, weights and ties, and the same of it learns."""
    here, there = one.state_dict(), other.state_dict()
    same(f"keys {who}", list(here), list(there))
    for key, value in here.items():
        same(f"weights {who}", (value.shape, value.dtype), (there[key].shape, there[key].dtype), f"{key}, ")
        if not equal(value, there[key]):
            raise DisagreementError(f"weights {who}", f"{key} differs")
    same(f"ties {who}", ties(one), ties(other))
    learn = [{key: value.requires_grad for key, value in one.named_parameters()} for one in (one, other)]
    same(f"requires_grad {who}", *learn)


def flat(value: Any) -> list[Tensor]:
    """The tensors of a result, in order."""
    if isinstance(value, Tensor):
        return [value]
    return [one for part in value for one in flat(part)] if isinstance(value, list | tuple) else []


def form(value: Any) -> Any:
    """How a result is put together: tuples, lists, and the names of their parts."""
    if isinstance(value, list | tuple):
        return [type(value) is list, getattr(value, "_fields", None), *map(form, value)]
    return isinstance(value, Tensor)


class Outcome:
    """What a module makes of inputs: outputs, the gradients of a scalar made of them, and its state afterwards."""

    def __init__(self, module: nn.Module, inputs: Inputs, training: bool, *, learn: bool = True) -> None:
        """Runs a module; backwards, too, in training, as far as its inputs where these `learn`."""
        module.train(training)
        self.learn = learn
        given = {
            key: value.clone().requires_grad_(training and learn and (value.is_floating_point() or value.is_complex()))
            for key, value in inputs.items()
            if value is not None
        }
        before = {key: value.clone() for key, value in module.state_dict().items()}
        try:
            self.run(module, given, training)
            for key, value in given.items():
                if not equal(value.detach(), inputs[key]):
                    raise DisagreementError("an input is changed", key)
            after = module.state_dict()
            self.state = {key: value.clone() for key, value in after.items()}
        finally:
            for key, value in module.state_dict().items():
                value.copy_(before[key])

    def run(self, module: nn.Module, given: Mapping[str, Tensor], training: bool) -> None:
        """A forward pass, and a backward one in training."""
        torch.default_generator.manual_seed(1)
        with warnings.catch_warnings(), torch.set_grad_enabled(training):
            warnings.simplefilter("ignore")
            result = called(module, given)
            self.form = form(result)
            self.outputs = [value.detach().clone() for value in flat(result)]
            self.gradients = gradients(flat(result), [*given.values(), *module.parameters()]) if training else []

    def compare(self, who: str, other: Outcome, *, rounded: bool = False) -> None:
        """`rounded` gradients may differ by the order in which they are added up."""
        same(f"form of the result {who}", self.form, other.form)
        compare(f"output {who}", self.outputs, other.outputs)
        compare(f"gradient {who}", self.gradients, other.gradients, rounded=rounded)
        compare(f"state {who}", list(self.state.values()), list(other.state.values()))


def outcome(module: nn.Module, inputs: Inputs, training: bool) -> Outcome:
    """What a module makes of inputs that learn, or of such that do not, where PyTorch refuses the former.

    It refuses to overwrite an input, or what a backward pass needs, only where gradients flow there. The check supposes
    that the caller's tensors require none.
    """
    try:
        return Outcome(module, inputs, training)
    except RuntimeError as error:
        if not training or not re.search("in-?place operation", str(error)):
            raise
    return Outcome(module, inputs, training, learn=False)


def called(module: nn.Module, given: Mapping[str, Tensor]) -> Any:
    """One forward pass; an nn.Sequential has no names for what it takes."""
    return module(*given.values()) if isinstance(module, nn.Sequential) else module(**given)


def gradients(outputs: list[Tensor], leaves: list[Tensor]) -> list[Tensor | None]:
    """The gradients of a scalar in which each number of the outputs has a weight of its own."""
    generator = torch.Generator().manual_seed(2)
    scalars = []
    for value in outputs:
        if value.requires_grad:
            real = torch.view_as_real(value.resolve_conj()) if value.is_complex() else value
            scalars.append((real.double() * torch.randn(real.shape, generator=generator, dtype=torch.float64)).sum())
    wanted = [value for value in leaves if value.requires_grad]
    if not scalars or not wanted:
        return []
    return list(torch.autograd.grad(torch.stack(scalars).sum(), wanted, allow_unused=True))


def equal(one: Tensor, other: Tensor | None) -> bool:
    """Whether two tensors hold the same numbers; NaN is NaN."""
    if other is None or one.shape != other.shape or one.dtype != other.dtype:
        return False
    if one.is_floating_point() or one.is_complex():
        return torch.equal(one.isnan(), other.isnan()) and torch.equal(one.nan_to_num(), other.nan_to_num())
    return torch.equal(one, other)


def compare(kind: str, one: list[Any], other: list[Any], *, rounded: bool = False) -> None:
    same(kind, len(one), len(other), "how many: ")
    for number, (a, b) in enumerate(zip(one, other, strict=True)):
        same(kind, a is None, b is None, f"{number}, none: ")
        if a is not None:
            same(kind, (a.dtype, tuple(a.shape)), (b.dtype, tuple(b.shape)), f"{number}: ")
            if not equal(a, b) and not (rounded and torch.allclose(a, b, 1e-4, 1e-6, equal_nan=True)):
                raise DisagreementError(kind, f"{number} differs by {(a.double() - b.double()).abs().max()}")


# Inputs.


def examples(spec: archspec.Spec, sizes: Mapping[str, int], params: Mapping[str, Any]) -> dict[str, Tensor | None]:
    """Inputs for a spec, by what archspec says of them."""
    shapes = {}
    for value in spec.graph(dict(params)).main.inputs:
        shape = [size if isinstance(size, int) else number(size, sizes) for size in value.type.shape]
        shapes[value.name] = (shape, value.type.dtype)
    return drawn(shapes)


def drawn(shapes: Mapping[str, tuple[list[int], str]]) -> dict[str, Tensor | None]:
    """Tensors of those shapes and dtypes from a fixed seed: of small whole numbers where they are integers."""
    generator = torch.Generator().manual_seed(0)
    found: dict[str, Tensor | None] = {}
    for name, (shape, kind) in shapes.items():
        dtype = getattr(torch, kind)
        if dtype.is_floating_point or dtype.is_complex:
            found[name] = torch.randn(shape, generator=generator, dtype=torch.float32).to(dtype)
        else:
            found[name] = torch.randint(0, 2, shape, generator=generator).to(dtype)
    return found


def number(size: Any, sizes: Mapping[str, int]) -> int:
    from archspec import dimensions

    known = {symbol.text: sizes.get(symbol.text, SIZES.get(symbol.text, 3)) for symbol in dimensions.symbols(size)}
    return int(eval(str(size), {"__builtins__": {}, "min": min, "max": max}, known))


def at(value: Any, sizes: Mapping[str, int]) -> Any:
    """Sizes, or tuples of them, as numbers where all that they are made of is known."""
    from archspec import dimensions

    if value is None or isinstance(value, int | str):
        return value
    if isinstance(value, tuple | list):
        return tuple(at(one, sizes) for one in value)
    known = all(symbol.text in sizes for symbol in dimensions.symbols(value))
    return number(value, sizes) if known else value


def choices(reading: Network, inputs: Inputs) -> Iterator[dict[str, Tensor | None]]:
    """The inputs with all optional ones, with none of them, and with each alone left out."""
    optional = [name for name, one in reading.inputs().items() if one.get("optional")]
    yield dict(inputs)
    if optional:
        yield {name: None if name in optional else value for name, value in inputs.items()}
    if len(optional) > 1:
        for one in optional:
            yield {name: None if name == one else value for name, value in inputs.items()}


# The verdict.


def agree(
    text: str, params: Mapping[str, Any] | None = None, sizes: Mapping[str, int] | None = None, name: str = "case.yaml"
) -> tuple[nn.Module, dict[str, Tensor | None]]:
    """Built and generated are one network; the built one, and inputs for it."""
    params, sizes = params or {}, sizes or {}
    spec = archspec.parse(text, name=name)
    built, written = both(spec, params, lambda: generated_class(spec))
    inputs = examples(spec, sizes, params)
    for training in (False, True):
        one, other = (
            sound(f"forward {who}", partial(Outcome, module, inputs, training))
            for who, module in (("built", built), ("generated", written))
        )
        one.compare("built, generated", other)
    return built, inputs


def both(
    spec: archspec.Spec, params: Mapping[str, Any], generated: Callable[[], type[nn.Module]]
) -> tuple[nn.Module, nn.Module]:
    """The built module and the generated one, which have the same weights."""
    spec.graph(dict(params))
    built = sound("build", lambda: made(lambda: archspec.build(spec, **params)))
    cls = sound("generate", generated)
    arguments = {name: in_python(value) for name, value in params.items()}
    written = sound("constructor", lambda: made(lambda: cls(**arguments)))
    compare_modules("built, generated", built, written)
    return built, written


def in_python(value: Any) -> Any:
    """A parameter's value as generated classes take it: a layer is its class."""
    if isinstance(value, list):
        return [in_python(one) for one in value]
    is_layer = isinstance(value, str) and value[:1].isupper() and isinstance(getattr(nn, value, None), type)
    return getattr(nn, value) if is_layer else value


class Case:
    """A spec that is judged, under as many settings as one likes: it is read and generated once."""

    def __init__(self, text: str, name: str = "case.yaml") -> None:
        """Reads it; SpecError where the check refuses it."""
        self.tree = load(text)
        self.spec = checked(lambda: archspec.parse(text, name=name))

    @cached_property
    def written(self) -> type[nn.Module]:
        """The generated class."""
        return sound("generate", lambda: generated_class(self.spec))

    def judge(self, params: Mapping[str, Any] | None = None, sizes: Mapping[str, int] | None = None) -> None:
        """Built and generated are one network, and the one that a naive reading of the language gives.

        DisagreementError where they are not; SpecError where the spec is refused by the check, with those parameters.
        """
        params = params or {}
        checked(lambda: self.spec.graph(dict(params)) if params else self.spec.warnings())
        if self.tree.get("init"):  # in which order weights are drawn by rules at the top is no matter of the language
            compare_modules("built, generated", *both(self.spec, params, lambda: self.written))
            with drawn_by_name():
                return self.compare(params, sizes)
        return self.compare(params, sizes)

    def compare(self, params: Mapping[str, Any], sizes: Mapping[str, int] | None) -> None:
        """Compares the three readings."""
        reading = Network(self.tree, "meta", params)
        known = {**dict.fromkeys(reading.free_names(), 3), **SIZES, **(sizes or {})}
        naive = sound("naive", lambda: made(lambda: NaiveModule(self.tree, params, known)))
        built, written = both(self.spec, params, lambda: self.written)
        compare_modules("built, naive", built, naive)
        declared = reading.inputs()
        shapes = {one: (shape, declared[one].get("dtype", "float32")) for one, shape in reading.shapes(known).items()}
        for training in (True, False):
            for inputs in choices(reading, drawn(shapes)):
                left = "" if None not in inputs.values() else ", inputs left out"
                try:
                    wanted = sound(f"forward naive{left}", partial(outcome, naive, inputs, training))
                except DisagreementError as error:
                    if training and "Expected more than 1 value per channel" in str(error):
                        continue  # what the check warns of, as the network runs all the same once it is trained
                    raise
                one, other = (
                    sound(f"forward {who}{left}", partial(Outcome, module, inputs, training, learn=wanted.learn))
                    for who, module in (("built", built), ("generated", written))
                )
                one.compare(f"built, generated{left}", other)
                one.compare(f"built, naive{left}", wanted, rounded=True)
        self.figures(params, naive, drawn(shapes), known)

    def figures(self, params: Mapping[str, Any], naive: NaiveModule, inputs: Inputs, free: Mapping[str, int]) -> None:
        """What archspec says of a network without running it is what PyTorch measures."""
        naive.eval()
        given = {name: one for name, one in inputs.items() if one is not None}
        with unfused(), FlopCounterMode(display=False) as counter:
            sound("naive, counted", lambda: called(naive, given))
        shapes = {name: list(one.shape) for name, one in given.items()}
        listed = [one["shape"] for one in Network(self.tree, "meta", params).inputs().values()]
        plain = not params and all(shape[:1] == ["N"] for shape in listed)
        sizes = None if plain else shapes  # free dimensions are symbols, or numbers
        told = sound("shapes", lambda: archspec.shapes(self.spec, params=params, inputs=sizes))
        kinds = sound("dtypes", lambda: archspec.dtypes(self.spec, params=params, inputs=sizes))
        for path, shape in told.items():
            if path in naive.seen:
                found = measured(naive.seen[path], lambda tensor: tuple(tensor.shape))
                alike("shapes", path, at(shape, free), found)
                alike("dtypes", path, kinds[path], measured(naive.seen[path], lambda tensor: str(tensor.dtype)[6:]))
        weights = {key: tuple(value.shape) for key, value in naive.state_dict().items()}
        same("weights told", sound("weights", lambda: archspec.weights(self.spec, params=params)), weights)
        summary = sound("summary", lambda: archspec.summary(self.spec, params=params, inputs=sizes, batch=free["N"]))
        same("parameters told", summary.parameters, sum(one.numel() for one in naive.parameters()))
        macs = at(summary.macs, free)
        if isinstance(macs, int):
            same("MACs told", macs, (counter.get_total_flops() - of_parametrizations(counter)) // 2)


def of_parametrizations(counter: FlopCounterMode) -> int:
    """What parametrizations cost, each time that their weights are read: no part of what layers do."""
    counts = counter.get_flop_counts()
    return sum(sum(one.values()) for name, one in counts.items() if name.split(".")[-2:-1] == ["parametrizations"])


@contextmanager
def drawn_by_name() -> Iterator[None]:
    """The functions of torch.nn.init fill a tensor by their names, their arguments and its shape, whenever they run."""
    names = [name for name in dir(nn.init) if name.endswith("_") and not name.startswith("_")]
    before = {name: getattr(nn.init, name) for name in names}

    def fixed(name: str) -> Callable[..., Tensor]:
        def fill(tensor: Tensor, *args: Any, **options: Any) -> Tensor:
            given = signature(before[name]).bind(tensor, *args, **options)
            given.apply_defaults()
            told = {key: value for key, value in given.arguments.items() if key not in ("tensor", "generator")}
            with torch.random.fork_rng(devices=[]):
                torch.default_generator.manual_seed(zlib.crc32(repr((name, told, tuple(tensor.shape))).encode()))
                result: Tensor = before[name](tensor, *args, **options)
            return result

        return fill

    for name in names:
        setattr(nn.init, name, fixed(name))
    try:
        yield
    finally:
        for name in names:
            setattr(nn.init, name, before[name])


@contextmanager
def unfused() -> Iterator[None]:
    """Kernels of which the counter knows, as on the meta device."""
    fast, onednn = torch.backends.mha.get_fastpath_enabled(), torch._C._get_mkldnn_enabled()
    torch.backends.mha.set_fastpath_enabled(False)
    torch._C._set_mkldnn_enabled(False)
    try:
        with sdpa_kernel(SDPBackend.MATH):
            yield
    finally:
        torch.backends.mha.set_fastpath_enabled(fast)
        torch._C._set_mkldnn_enabled(onednn)


def judge(
    text: str, params: Mapping[str, Any] | None = None, sizes: Mapping[str, int] | None = None, name: str = "case.yaml"
) -> None:
    """Judges a spec under one setting, as `Case.judge` does."""
    Case(text, name).judge(params, sizes)


def checked(run: Callable[[], T]) -> T:
    """What a check returns, which raises SpecError or nothing."""
    try:
        return run()
    except archspec.SpecError:
        raise
    except Exception as error:
        raise DisagreementError(f"check fails, {gist(error)}", f"{type(error).__name__}: {error}") from error


def measured(value: Any, of: Callable[[Tensor], Any]) -> Any:
    """Something of each tensor of a value."""
    if isinstance(value, Tensor):
        return of(value)
    return tuple(measured(one, of) for one in value) if isinstance(value, list | tuple) else None


def alike(kind: str, path: str, told: Any, found: Any) -> None:
    """What is told of a value is what it is, as far as it is known."""
    if not agrees(told, found):
        raise DisagreementError(f"{kind} told", f"{path} is said to be {told}, and is {found}")


def agrees(told: Any, found: Any) -> bool:
    if isinstance(told, tuple | list) and isinstance(found, tuple):
        return len(told) == len(found) and all(map(agrees, told, found))
    return told == found if isinstance(told, int | str | tuple | list) else True
