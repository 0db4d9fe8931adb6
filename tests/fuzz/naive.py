"""A naive reading of specs by PyTorch alone, which shares nothing with archspec: what a spec means, read a second time.

PyYAML loads the text, Python's own `eval` computes expressions over torch functions, and a layer is made when the first
tensor reaches it, which also tells what is to be inferred. Whatever raises is a spec that PyTorch rejects. A module is
kept: the next run, on other sizes, goes through it again, so that what depends on a free dimension is found out.
`naive_module` makes an nn.Module of such a reading.
"""

from __future__ import annotations

import copy
import re
import warnings
from collections import namedtuple
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from operator import attrgetter
from typing import Any

import torch
from naive_values import (
    CAMEL,
    LOOPS,
    TIE,
    TYPES,
    WORDS,
    DeclarationError,
    DependsError,
    FormError,
    argument,
    compute,
    destructure,
    fits,
    flows,
    form,
    frozen,
    holds_tensor,
    inferred,
    load,
    parameters_of,
    read_names,
    required_,
    single,
    solved,
    some,
)
from naive_weights import SAID, Rules, apply, call, fitting, weights_of
from torch import Tensor, nn


@dataclass
class Frame:
    """What the steps of a class, or of a group within it, may read."""

    prefix: str
    """The dotted path of its module, with a dot behind it; empty for the whole network."""
    names: dict[str, Any]
    """Parameters, sizes and what loops bind."""
    values: dict[str, Any]
    """What flows."""
    outer: Frame | None = None
    steps: dict[str, tuple[dict[str, Any], Frame]] = field(default_factory=dict)
    """Steps that `again` may run once more, each with the frame that it stands in."""
    idle: dict[str, tuple[dict[str, Any], Frame]] = field(default_factory=dict)
    """Steps whose modules nothing runs."""
    tensors: dict[str, Tensor] = field(default_factory=dict)
    """Parameters and buffers."""

    def within(self, bound: Mapping[str, Any]) -> Frame:
        """The same frame with other names of numbers, as in a round of a loop."""
        return Frame(self.prefix, {**self.names, **bound}, self.values, self.outer, self.steps, self.idle, self.tensors)

    def prefixes(self) -> Iterator[str]:
        frame: Frame | None = self
        while frame is not None:
            yield frame.prefix
            frame = frame.outer

    def made(self, name: str) -> tuple[dict[str, Any], Frame]:
        frame: Frame | None = self
        while frame is not None:
            if name in frame.steps:
                return frame.steps[name]
            frame = frame.outer
        raise NameError(name)


@dataclass
class Numbers:
    """How far the numbers of a list have run."""

    prefix: str
    next: int = 0
    decisions: int = 0


@dataclass
class Given:
    """What a module is called with, each value with the argument that it is for, if it says so."""

    names: list[str | None]
    values: list[Any]
    anew: dict[int, Any] = field(default_factory=dict)
    """The expressions that read what a loop binds, by their places."""

    def call(self) -> tuple[list[Any], dict[str, Any]]:
        pairs = list(zip(self.names, self.values, strict=True))
        return [value for name, value in pairs if name is None], {name: value for name, value in pairs if name}

    def one(self) -> Any:
        if len(self.values) != 1:
            raise FormError("a list or group takes one value")
        return self.values[0]

    def after(self, result: Any, room: int | None = None) -> Given:
        """What the next round takes: what this one returns in place of the first values, of so many at most."""
        parts = (list(result) if isinstance(result, tuple) else [result])[:room]
        if len(parts) > len(self.values):
            raise TypeError("a round returns more than the next one takes")
        return Given(self.names, [*parts, *self.values[len(parts) :]], self.anew)


LEADING = (2, 3)
"""The sizes of the axes that `...` stands for in an input of the network."""


def named(shape: list[Any]) -> list[Any]:
    """The sizes of a shape, without `...`."""
    return [size for size in shape if size != "..."]


def is_of_rank(value: Tensor, shape: list[Any]) -> bool:
    """Whether a tensor has as many axes as a shape says, or, with `...`, at least so many."""
    return value.dim() == len(shape) or (shape[:1] == ["..."] and value.dim() >= len(shape) - 1)


Factory = Callable[[], nn.Module | Tensor | None]
"""Makes a module or a tensor; or does something with those that are made, and returns None."""


class Network:
    """A spec, read naively. `run` raises where PyTorch, or what the spec itself declares, refuses."""

    def __init__(
        self,
        text: str | dict[str, Any],
        device: str,
        params: Mapping[str, Any] | None = None,
        *,
        embed_anything: bool = True,
    ) -> None:
        """Reads a text, or its tree."""
        self.spec = load(text) if isinstance(text, str) else text
        if not isinstance(self.spec, dict):
            raise FormError("no mapping")
        self.device = device
        self.params = dict(params or {})
        self.embed_anything = embed_anything
        self.blocks: dict[str, Any] = self.spec.get("blocks") or {}
        self.kept: dict[str, Any] = {}  # what was decided at each place, in the first run
        self.modules: dict[str, Any] = {}
        self.plan: list[tuple[str, Factory]] = []  # how each was made, in order
        self.ties: dict[str, Tie] = {}
        self.unsaved: set[str] = set()
        self.fixed: dict[str, Any] = {}  # values of steps that depend on no input
        self.said: set[str] = set()  # the places whose steps have said what becomes of their weights
        self.filled: list[Tensor] = []  # the weights that steps have filled
        self.seen: dict[str, Any] = {}  # what each step gave in the last run
        self.training = False
        self.open: list[str] = []
        self.around: dict[str, str] = {}  # the blocks that are being read, by the prefixes of what they hold
        self.rules = Rules(self.spec.get("init") or {}, self.blocks)
        self.renamed: dict[str, str] = {}  # by the path that a step's key gives: where its `name:` puts its module
        self.items: dict[
            str, str
        ] = {}  # the steps whose modules stand in lists of a class, each with the prefix of that
        self.keys: dict[tuple[str, ...], list[str]] | None = {}  # what each such list holds so far; None while trying
        self.trying = True  # whether modules that nothing runs are run, to find out their sizes
        self.counts: dict[str, int] = {}  # of loops without rounds: how many values they hand on

    def inputs(self) -> dict[str, dict[str, Any]]:
        """The inputs of the network, as they are declared."""
        return {name: declaration(one) for name, one in self.spec["inputs"].items()}

    def free_names(self) -> list[str]:
        """The free dimensions, in the order in which the inputs have them."""
        names = self.constants()
        found: list[str] = []
        for declared in self.inputs().values():
            for size in declared["shape"]:
                found += [name for name in read_names(size) if name not in names and name not in found]
        return found

    def shapes(self, sizes: Mapping[str, int]) -> dict[str, list[int]]:
        """The shapes of the inputs for those sizes of the free dimensions."""
        names = {**sizes, **self.constants()}
        found = self.inputs().items()
        given = {name: [*(LEADING if one["shape"][:1] == ["..."] else ()), *named(one["shape"])] for name, one in found}
        return {name: [self.size(compute(size, names)) for size in shape] for name, shape in given.items()}

    def run(self, sizes: Mapping[str, int], training: bool) -> Any:
        """One forward pass over inputs of those sizes."""
        inputs = {}
        with warnings.catch_warnings(), torch.device(self.device), torch.no_grad():
            warnings.simplefilter("ignore")
            declared = self.inputs()
            for name, shape in self.shapes(sizes).items():
                inputs[name] = torch.zeros(shape, dtype=getattr(torch, declared[name].get("dtype", "float32")))
            return self.forward(inputs, sizes, training)

    def forward(self, inputs: Mapping[str, Any], sizes: Mapping[str, int], training: bool) -> Any:
        """What the network makes of those tensors, for free dimensions of those sizes."""
        self.training = training
        self.seen = {}
        bound = {name for one in inputs if inputs[one] is not None for name in self.names_of(one)}
        known = {name: size for name, size in sizes.items() if name in bound}
        return self.steps_of(self.spec, Frame("", {**known, **self.constants()}, dict(inputs)))

    def names_of(self, one: str) -> list[str]:
        return [name for size in self.inputs()[one]["shape"] for name in read_names(size)]

    def size(self, value: Any) -> int:
        if type(value) is not int or value < 1:
            raise DeclarationError(f"{value} is no size")
        return value

    def constants(self) -> dict[str, Any]:
        names = self.parameters(self.spec, self.params)
        for name, value in (self.spec.get("let") or {}).items():
            names[name] = compute(value, names)
        return names

    def parameters(self, block: dict[str, Any], given: dict[str, Any]) -> dict[str, Any]:
        """The parameters with their values, of the declared types."""
        names: dict[str, Any] = {}
        declared = block.get("params") or {}
        if unknown := set(given) - set(declared):
            raise TypeError(f"unexpected {unknown}")
        for name, one in declared.items():
            kind, default, least, most, choices = None, one, None, None, None
            if isinstance(one, dict):
                kind, default = one.get("type"), one.get("default")
                least, most, choices = one.get("min"), one.get("max"), one.get("choices")
            elif isinstance(one, str) and one in TYPES:
                kind, default = one, None
            if kind is not None and isinstance(default, str) and kind != "str":
                default = compute(default, names)
            value = given.get(name, default)
            if value is None:
                raise TypeError(f"missing {name}")
            if kind is None and default is not None:
                kind = type(default).__name__
            sizes = type(one) is int and isinstance(value, list) and all(type(item) is int for item in value)
            if kind is not None and not sizes and not fits(value, kind):
                raise DeclarationError(f"{value!r} is no {kind}")
            if (least is not None and value < least) or (most is not None and value > most):
                raise DeclarationError(f"{value!r} is out of range")
            if choices is not None and value not in choices:
                raise DeclarationError(f"{value!r} is none of the choices")
            names[name] = float(value) if kind == "float" else value
        return names

    def variant(self, name: str) -> dict[str, Any]:
        """What a variant sets: beside its `doc`, or below `params`."""
        written = dict(self.spec["variants"][name])
        written.pop("doc", None)
        apart = written.pop("params") if isinstance(written.get("params"), dict) else {}
        if set(written) & set(apart):
            raise FormError("set twice")
        settings = {**written, **apart}
        defaults = self.spec.get("params") or {}
        for key, value in settings.items():
            kind = defaults[key]
            kind = kind.get("type", kind.get("default")) if isinstance(kind, dict) else kind
            if isinstance(value, str) and (not isinstance(kind, str) or (kind in TYPES and kind != "str")):
                settings[key] = compute(value, {})
        return settings

    def same(self, place: str, value: Any) -> Any:
        """What is decided when a module is made must not depend on the sizes of the inputs."""
        before = self.kept.setdefault(place, value)
        if before != value:
            raise DependsError(f"{place}: {before} and {value}")
        return value

    def make(self, path: str, factory: Factory) -> Any:
        """What stands at a place, made in the first run."""
        if path not in self.modules:
            around = dict(self.around)

            def begun() -> Any:
                made = factory()
                self.rules.fill(path, made, around, self.constants())
                return made

            self.plan.append((path, begun))
            self.modules[path] = begun()
        return self.modules[path]

    def say(self, step: dict[str, Any], path: str, frame: Frame, first: int) -> None:
        """What a step says of the weights that are made from `first` on is done right after them."""
        if path in self.said or not set(SAID) & step.keys():
            return
        self.said.add(path)
        paths, names = [one for one, _ in self.plan[first:]], dict(frame.names)
        last = paths[-1] if paths else path

        def done() -> None:
            made = {one: self.modules[one] for one in paths if one in self.modules}
            self.filled += apply(step, path, made, names, self.ties)

        self.plan.append((last, done))

    # Blocks.

    def block(self, name: str, settings: dict[str, Any], path: str, given: Given) -> Any:
        """A block's value, for those tensors."""
        if name in self.open:
            raise FormError("a block uses itself")
        block = self.blocks[name]
        names = self.parameters(block, self.same(f"{path}()", settings))
        let = dict(block.get("let") or {})
        for one in list(let):  # what reads no size; sizes may be declared by it
            if set(read_names(let[one])) <= names.keys():
                names[one] = compute(let.pop(one), names)
        inputs = self.bound(block["inputs"], given)
        self.declared(block["inputs"], inputs, names)
        for one, value in let.items():
            names[one] = compute(value, names)
        self.open.append(name)
        self.around[f"{path}."] = name
        try:
            return self.steps_of(block, Frame(f"{path}.", names, inputs))
        finally:
            self.open.pop()
            self.around.pop(f"{path}.", None)

    def bound(self, declared: dict[str, Any], given: Given) -> dict[str, Any]:
        args, named = given.call()
        if len(args) > len(declared) or set(named) - set(declared) or set(list(declared)[: len(args)]) & set(named):
            raise TypeError("inputs that the block does not have")
        found = {**dict(zip(declared, args, strict=False)), **named}
        for name, one in declared.items():
            if name not in found and not declaration(one).get("optional"):
                raise TypeError(f"nothing flows into {name}")
        return {name: found.get(name) for name in declared}

    def declared(self, declared: Mapping[str, Any], inputs: Mapping[str, Any], names: dict[str, Any]) -> None:
        """Holds the inputs against their declarations, which name their sizes, in whatever order they stand."""
        pairs: list[tuple[str, Any, int]] = []
        for name, one in declared.items():
            form, value = declaration(one), inputs[name]
            if value is None and form.get("optional"):
                continue
            if form.get("list") is not None:
                if not isinstance(value, list | tuple) or not all(isinstance(item, Tensor) for item in value):
                    raise TypeError(f"{name} is no list of tensors")
                for item in value:
                    self.declared({name: {**form, "shape": form["list"], "list": None}}, {name: item}, names)
                continue
            if not isinstance(value, Tensor):
                raise TypeError(f"{name} is no tensor")
            if str(value.dtype) != f"torch.{form.get('dtype', 'float32')}":
                raise DeclarationError(f"{name} is {value.dtype}")
            if not is_of_rank(value, form["shape"]):
                raise DeclarationError(f"{name} has {value.dim()} axes")
            sizes = zip(reversed(named(form["shape"])), reversed(value.shape), strict=False)
            pairs += [(name, text, size) for text, size in sizes if text != "_"]
        for name, text, size in pairs:
            if isinstance(text, str) and text.isidentifier():
                self.bind(name, text, size, names)
        for name, text, size in pairs:
            self.bind(name, text, size, names)

    def bind(self, name: str, text: Any, size: int, names: dict[str, Any]) -> None:
        """Holds a size against what is written, which may name it."""
        new = sorted({one for one in read_names(text) if one not in names})
        if len(new) > 1:
            raise FormError("two new names")
        if new:
            names[new[0]] = solved(text, new[0], size, names)
        elif compute(text, names) != size:
            raise DeclarationError(f"{name}: {size} is not {text}")

    def shape(self, name: str, wanted: list[Any], value: Any, names: dict[str, Any]) -> None:
        if not isinstance(value, Tensor) or not is_of_rank(value, wanted):
            raise DeclarationError(f"{name} is not {wanted}")
        for text, size in zip(reversed(named(wanted)), reversed(value.shape), strict=False):
            self.bind(name, text, size, names)

    # The steps of a class.

    def steps_of(self, block: dict[str, Any], frame: Frame) -> Any:
        first = len(self.plan)
        inputs = list(frame.values.values())
        if isinstance(block["layers"], list):
            if len(inputs) != 1:
                raise FormError("a list takes one input")
            return self.sequence(block["layers"], frame, Numbers(frame.prefix), inputs[0])
        current = self.graph(block["layers"], frame, inputs[0] if len(inputs) == 1 else None)
        if self.trying:
            self.order(block.get("order") or [], frame, first)
        result = self.returned(block.get("outputs"), current, frame)
        if not all(map(flows, result if isinstance(result, tuple) else (result,))):
            raise FormError("something that is no tensor is returned")
        return result

    def returned(self, outputs: Any, current: Any, frame: Frame) -> Any:
        """What a network, a block or a group says that it returns, or its last value."""
        if outputs is None:
            result = current
        elif isinstance(outputs, str):
            result = self.value(outputs, frame)
        else:
            several = outputs.values() if isinstance(outputs, dict) else outputs
            parts = [self.value(one, frame) for one in several]
            result = namedtuple("Output", outputs)(*parts) if isinstance(outputs, dict) else tuple(parts)
        return result

    def order(self, order: list[str], frame: Frame, first: int) -> None:
        """Makes modules as `order` names them, each once, and then the others."""
        for name in order:
            if name not in frame.steps and name not in frame.tensors and name not in frame.idle:
                raise DeclarationError(f"{name} is no module")
        if len(set(order)) < len(order):
            raise DeclarationError("twice in the order")

        def place(entry: tuple[str, Factory]) -> int:
            own = (key for key, one in self.renamed.items() if f"{entry[0]}.".startswith(f"{one}."))
            path = next((key for key in own if key.startswith(frame.prefix)), entry[0])
            name = path.removeprefix(frame.prefix).partition(".")[0]
            return order.index(name) if name in order else len(order)

        self.plan[first:] = sorted(self.plan[first:], key=place)

    def value(self, text: Any, frame: Frame) -> Any:
        names = {**frame.names, **frame.values, "training": self.training}
        return some(compute(text, names, tensors=True, weight=lambda one: self.weight_of(one, frame)))

    def weight_of(self, text: str, frame: Frame) -> Any:
        """A weight of the layer of a step above; None where the layer is made without it."""
        key, _, rest = text.partition(".")
        step, _ = {**frame.steps, **frame.idle}[key]
        found = attrgetter(rest)(self.modules[self.place_of(step, key, frame)])
        if found is not None and not isinstance(found, nn.Parameter):
            raise TypeError(f"{text} is no weight")
        return found

    def graph(self, layers: dict[str, Any], frame: Frame, current: Any) -> Any:
        """Named steps; the value of the last one."""
        if not layers:
            raise FormError("no steps")
        for key, raw in layers.items():
            step = again_by_name(form(raw), key, frame)
            if step.get("call") is False:
                self.uncalled(step, key, frame, current)
                continue
            if step.get("type") in ("Parameter", "Buffer"):
                if "call" in step:
                    raise FormError("a tensor is not called")
                frame.values[key] = frame.tensors[key] = self.tensor(step, f"{frame.prefix}{key}", frame)
                continue
            if "," in key and step.get("type") in frame.values and not step.get("arguments"):
                step = {"expression": step["type"]}  # a step that is called as layers are
            if "expression" in step:
                result = self.value(step["expression"], frame)
                if "," in key and isinstance(result, Tensor) and result.ndim:
                    result = result.unbind()  # several names for a tensor take it apart along its first axis
                frame.values |= destructure(key, result)
                self.keep_what_no_input_reaches(key, step["expression"], frame)
            else:
                result = self.named(step, key, frame, self.given(step, frame, current))
                frame.values[key] = result
            self.seen.setdefault(f"{frame.prefix}{step.get('name', key)}", result)
            if "shape" in step:
                self.shape(key, step["shape"], result, frame.names)
            current = None if "," in key else result
        return current

    def keep_what_no_input_reaches(self, key: str, text: Any, frame: Frame) -> None:
        """Values that Parameters and Buffers below may be made of."""
        words = set(re.findall(r"[A-Za-z_]\w*", str(text)))
        read = {word for word in words & frame.values.keys() if f"{frame.prefix}{word}" not in self.fixed}
        buffers = {name for name, value in frame.tensors.items() if not isinstance(value, nn.Parameter)}
        names = [name.strip() for name in key.split(",")]
        for name in names:
            self.fixed.pop(f"{frame.prefix}{name}", None)
        if not read - buffers and "training" not in words:
            self.fixed |= {f"{frame.prefix}{name}": frame.values[name] for name in names if name in frame.values}

    def uncalled(self, step: dict[str, Any], key: str, frame: Frame, current: Any) -> None:
        """A module that is made, for what would flow into it, and not run: it leaves nothing that a step could read."""
        if {"expression", "again", "shape", "collect"} & step.keys() or step.get("type") in ("Parameter", "Buffer"):
            raise FormError("no module alone")
        if self.trying:
            values = dict(frame.values)
            self.named(step, key, frame, self.given(step, frame, current))
            frame.values = values
            frame.steps.pop(key)
        frame.idle[key] = step, frame

    def tensor(self, step: dict[str, Any], path: str, frame: Frame) -> Tensor:
        text, prefix = step["arguments"], path[: path.rfind(".") + 1]
        if not isinstance(text, str) or set(step) - {
            "type",
            "arguments",
            "shape",
            "persistent",
            "ignore",
            "init",
            "trainable",
        }:
            raise FormError("a tensor is created by an expression alone")
        learnable = step["type"] == "Parameter"
        if step.get("persistent") is False:
            self.unsaved.add(path)
        names = dict(frame.names)
        words = re.findall(r"[A-Za-z_]\w*", text)
        places: dict[str, tuple[str, Any]] = {}
        around: Frame | None = frame
        while around is not None:  # what stands around a group may be read, too
            for name in words:
                one = around.tensors.get(name)
                place = f"{prefix if around is frame else around.prefix}{name}"
                if name not in places and isinstance(one, Tensor) and not isinstance(one, nn.Parameter):
                    places[name] = place, one
                elif name not in places and f"{around.prefix}{name}" in self.fixed:
                    places[name] = "", self.fixed[f"{around.prefix}{name}"]
            around = around.outer

        def factory() -> Tensor:
            found = {name: one for name, one in places.items() if one is not None}
            tensors = {
                name: self.modules.get(place, value) if place else value for name, (place, value) in found.items()
            }
            value = compute(text, {**names, **tensors}, tensors=True)
            if not isinstance(value, Tensor):
                raise TypeError("a parameter is a tensor")
            return nn.Parameter(value.clone()) if learnable else value.clone()

        first = len(self.plan)
        made: Tensor = self.make(path, factory)
        self.say(step, path, frame, first)
        self.same(path, (str(step), tuple(made.shape)))
        if "shape" in step:
            self.shape(path, step["shape"], made, frame.names)
        return made

    def given(self, step: dict[str, Any], frame: Frame, current: Any) -> Given:
        """What a step takes."""
        source = step.get("from")
        if source is None:
            if current is None:
                raise TypeError("nothing flows in")
            return Given([None], [current])
        pairs: list[tuple[str | None, Any]]
        if isinstance(source, dict):
            pairs = list(source.items())
        else:
            pairs = [(None, one) for one in (source if isinstance(source, list) else [source])]
        bound = bound_by(step)
        anew = {place: text for place, (_, text) in enumerate(pairs) if bound & set(read_names(text))}
        if "when" in step and not over(step) and not self.condition(step, frame):
            pairs, anew = pairs[:1], {}  # the others are not looked at
        values = [None if place in anew else self.value(text, frame) for place, (_, text) in enumerate(pairs)]
        return Given([name for name, _ in pairs], values, anew)

    def condition(self, step: dict[str, Any], frame: Frame) -> bool:
        kept = compute(step["when"], frame.names)
        if type(kept) is not bool:
            raise TypeError("a condition must be true or false")
        return kept

    def named(self, step: dict[str, Any], key: str, frame: Frame, given: Given) -> Any:
        """The value of a named step, other than an expression."""
        frame.steps.setdefault(key, (step, frame))
        path = self.place_of(step, key, frame)
        if frame.outer is None and (frame.prefix, path.removeprefix(frame.prefix)) in (self.keys or {}):
            raise FormError("a list of the class has the name")
        if not names_rounds(step):
            step = {one: value for one, value in step.items() if one != "name"}
        loops = any(key in step for key in LOOPS)
        once = "when" in step and not (loops and self.of_rounds(step))
        if once and not self.same(f"{path}:when", self.condition(step, frame)):
            return given.values[0]
        if not loops:
            return self.once(step, path, frame, given)
        return self.rounds(step, frame, given, Numbers(f"{path}."), {**step, "nested": True})

    def place_of(self, step: dict[str, Any], key: str, frame: Frame) -> str:
        """Where the module of a named step stands: under its key, or the `name:` beside it."""
        path = f"{frame.prefix}{key}"
        if "name" not in step or names_rounds(step):
            return path
        if is_dotted(step["name"]):
            return self.listed(step["name"], path, frame)
        if "again" in step or not re.fullmatch(r"[\x20-\x7e]+", step["name"]) or set(step["name"]) & set("{}.\"'\\`"):
            raise FormError("no name of a module")
        place = self.renamed.setdefault(path, f"{frame.prefix}{step['name']}")
        if list(self.renamed.values()).count(place) > 1 or step["name"] in (
            *frame.steps.keys() - {key},
            *frame.tensors,
        ):
            raise FormError("two modules of one name")
        return place

    def listed(self, name: str, path: str, frame: Frame) -> str:
        """Where a module stands that has a place in a list of the class, in place of the path of its step."""
        parts = re.findall(r"(?:\{[^}]*\}|[^.{])+", filled(name, frame.names))
        if any(part.isdecimal() and str(int(part)) != part for part in parts):
            raise FormError("no place in a list")
        outermost = list(frame.prefixes())[-1]
        place = self.renamed.setdefault(path, f"{outermost}{'.'.join(parts)}")
        others = [one for key, one in self.renamed.items() if key != path and self.items.get(key) == outermost]
        if any(f"{one}.".startswith(f"{place}.") or f"{place}.".startswith(f"{one}.") for one in others):
            raise FormError("two modules at one place")
        if path not in self.items and self.keys is not None:
            self.items[path] = outermost
            for end in range(1, len(parts)):
                keys = self.keys.setdefault((outermost, *parts[:end]), [])
                keys += [parts[end]] if parts[end] not in keys else []
                numbers = [int(key) for key in keys if key.isdecimal()]
                if numbers and numbers != list(range(len(keys))):
                    raise FormError("items of a list run from 0 without gaps")
        return place

    def of_rounds(self, step: dict[str, Any]) -> bool:
        """Whether a condition is one of each round: it reads what the loop binds."""
        return bool(bound_by(step) & set(read_names(step["when"])))

    def sequence(self, layers: list[Any], frame: Frame, numbers: Numbers, current: Any) -> Any:
        """The steps of a list, one after the other."""
        if not layers:
            raise FormError("no steps")
        for raw in layers:
            step = form(raw)
            if {"expression", "from", "again", "each", "collect", "shared"} & step.keys() or step.get("call") is False:
                raise FormError("in a list")
            if holds_dotted(step):
                raise FormError("a list holds its modules itself")
            if step.get("type") in ("Parameter", "Buffer"):
                raise FormError("in a list")
            given = Given([None], [current])
            if "for" in step or "repeat" in step:
                current = self.rounds(step, frame, given, numbers, step)
            else:
                current = self.placed(step, frame, given, numbers)
            if "shape" in step:
                self.shape(str(numbers.next), step["shape"], current, frame.names)
        return current

    def rounds(self, step: dict[str, Any], frame: Frame, given: Given, numbers: Numbers, once: dict[str, Any]) -> Any:
        """A step as often as it says; what one round returns replaces the first inputs of the next."""
        rounds = self.rounds_of(step, frame)
        numbered = [{name: one for name, one in bound.items() if not holds_tensor(one)} for bound in rounds]
        self.same(f"{numbers.prefix}{numbers.next}:rounds {step}", numbered)
        room = next((place for place in range(len(given.values)) if place in given.anew), len(given.values))
        if "each" in step and step.get("collect"):
            raise FormError("the rounds of each are a list")
        if room == 0 and "each" not in step:
            raise FormError("nothing is handed on")
        results, result = [], given.values[0]
        for bound in rounds:
            inside = frame.within(bound)
            if not self.round_kept(once, inside, numbers):
                continue
            if results and "each" not in step and isinstance(result, tuple) and len(result) == 1:
                raise FormError("a tuple of one value is handed on")
            for place, text in given.anew.items():
                given.values[place] = self.value(text, inside)
            result = self.one_round(step, inside, given, numbers, {**once, "when": True})
            results.append(result)
            if "each" not in step:
                given = given.after(result, room if step.get("collect") else None)
        place = f"{numbers.prefix}{numbers.next}:no rounds {step}"
        if step.get("shared") and not results and place not in self.kept:
            self.kept[place] = True
            self.one_round(step, frame, given, numbers, once)  # the one module is there, though nothing runs it
        if "each" in step:
            return results
        if not step.get("collect"):
            return result if results else self.handed_on(step, once, frame, given, numbers)
        if not results:
            return self.handed_on(step, once, frame, given, numbers), []
        handed = given.values[: min(len(result) if isinstance(result, tuple) else 1, room)]
        return (handed[0] if len(handed) == 1 else tuple(handed)), [self.kept_of(one, room) for one in results]

    def kept_of(self, result: Any, room: int) -> Any:
        """What is collected of a round: what it does not hand on."""
        rest = result[room:] if isinstance(result, tuple) else ()
        return result if not rest else rest[0] if len(rest) == 1 else tuple(rest)

    def rounds_of(self, step: dict[str, Any], frame: Frame) -> list[dict[str, Any]]:
        """What a loop binds in each of its rounds."""
        if "repeat" in step:
            times = compute(step["repeat"], frame.names)
            if type(times) is not int or times < 0:
                raise TypeError("repeat takes a number of times")
            return [{}] * times
        target, word, text = over(step).partition(" in ")
        flows = any(name in frame.values and name not in frame.names for name in read_names(text))
        items = (self.value(text, frame) if flows else compute(text, frame.names)) if word else None
        items = list(items) if isinstance(items, Tensor) else items
        if not isinstance(items, list | tuple):
            raise TypeError("a loop runs over a list")
        return [destructure(target, item) for item in items]

    def one_round(
        self, step: dict[str, Any], frame: Frame, given: Given, numbers: Numbers, once: dict[str, Any]
    ) -> Any:
        """What one round returns, of a module of its own or of the one for all of them."""
        written = bool(given.anew) or "each" in step or step.get("collect") or step.get("shared")
        if written and "when" in step and self.of_rounds(step):
            raise FormError("a condition on single rounds")
        if not step.get("shared"):
            return self.placed(once, frame, given, numbers)
        return self.once(step, numbers.prefix.removesuffix("."), frame, given)

    def round_kept(self, step: dict[str, Any], frame: Frame, numbers: Numbers) -> bool:
        """Whether a round is there; one that is not hands on what came in."""
        if "when" not in step or (step.get("nested") and not self.of_rounds(step)):
            return True
        numbers.decisions += 1
        kept: bool = self.same(f"{numbers.prefix}:when {numbers.decisions}", self.condition(step, frame))
        return kept

    def handed_on(
        self, step: dict[str, Any], once: dict[str, Any], frame: Frame, given: Given, numbers: Numbers
    ) -> Any:
        """What flows on where no round is there: as many of the inputs as a round would hand on."""
        place = f"{numbers.prefix}none."
        if len(given.values) > 1 and place not in self.counts:
            self.counts[place] = self.count(step, once, frame, given, place)
        count = self.counts.get(place, 1)
        return tuple(given.values[:count]) if 1 < count <= len(given.values) else given.values[0]

    def count(self, step: dict[str, Any], once: dict[str, Any], frame: Frame, given: Given, place: str) -> int:
        """How many values a round would hand on, whatever the loop's names stand for."""
        room = next((n for n in range(len(given.values)) if n in given.anew), len(given.values))
        outputs = self.blocks.get(str(step.get("type")), {}).get("outputs")
        if isinstance(outputs, list | dict):
            return min(len(outputs), room) if step.get("collect") else len(outputs)
        trial = self.copy()
        inside = frame.within(dict.fromkeys(bound_by(step), 4))
        try:
            values = [
                trial.value(given.anew[n], inside) if n in given.anew else one for n, one in enumerate(given.values)
            ]
            after = trial.placed({**once, "when": True}, inside, Given(given.names, values), Numbers(place))
        except Exception:
            return 1
        count = len(after) if isinstance(after, tuple) else 1
        return min(count, room) if step.get("collect") else count

    def copy(self) -> Network:
        """The same reading, to try things in."""
        other = copy.copy(self)
        other.kept, other.modules, other.plan, other.ties = dict(self.kept), {}, [], dict(self.ties)
        other.renamed, other.items, other.keys = dict(self.renamed), {}, None
        other.seen, other.open, other.unsaved, other.said = {}, list(self.open), set(self.unsaved), set(self.said)
        return other

    def placed(self, step: dict[str, Any], frame: Frame, given: Given, numbers: Numbers) -> Any:
        """One step of a list, or one round of a loop, with the next number."""
        if not self.round_kept(step, frame, numbers):
            return given.values[0]
        if "layers" in step and not {"name", "outputs"} & step.keys() and not step.get("nested"):
            first, place = len(self.plan), f"{numbers.prefix}{numbers.next}:"
            if isinstance(step["layers"], list):
                result = self.sequence(step["layers"], frame, numbers, given.one())
            else:
                result = self.chain(step["layers"], frame, numbers, given.one())
            self.say(step, place, frame, first)
            return result
        key = str(numbers.next)
        if is_dotted(step.get("name")):
            path = self.listed(step["name"], f"{numbers.prefix}{key}", frame)
            numbers.next += 1
            return self.once({one: value for one, value in step.items() if one != "name"}, path, frame, given)
        if "name" in step:
            key = filled(step["name"], frame.names)
        numbers.next += 1
        result = self.once(step, f"{numbers.prefix}{key}", frame, given)
        self.seen.setdefault(f"{numbers.prefix}{key}", result)
        return result

    def chain(self, layers: dict[str, Any], frame: Frame, numbers: Numbers, current: Any) -> Any:
        """Named steps that splice into the list around them: each name stands in place of a number."""
        prefix = numbers.prefix
        for key, raw in layers.items():
            step = form(raw)
            if "expression" in step or "from" in step or "again" in step or step.get("call") is False:
                raise FormError("in a list")
            if holds_dotted(step):
                raise FormError("a list holds its modules itself")
            numbers.next += 1
            inner = Frame(prefix, frame.names, frame.values, frame)
            current = self.named(step, key, inner, Given([None], [current]))
            self.seen.setdefault(f"{prefix}{step.get('name', key)}", current)
        return current

    # One step that is kept.

    def once(self, step: dict[str, Any], path: str, frame: Frame, given: Given) -> Any:
        if "again" in step:
            if "call" in step:
                raise FormError("beside again")
            original, around = frame.made(step["again"])
            if any(map(holds_dotted, inside(original))):
                raise FormError("what runs once more holds its modules")
            return self.named(original, step["again"], around, given)
        first = len(self.plan)
        result = self.run_step(step, path, frame, given)
        self.say(step, path, frame, first)
        return result

    def run_step(self, step: dict[str, Any], path: str, frame: Frame, given: Given) -> Any:
        if "layers" in step:
            if isinstance(step["layers"], list):
                return self.sequence(step["layers"], frame, Numbers(f"{path}."), given.one())
            if holds_dotted({"layers": step["layers"]}):
                kinds = {form(one).get("type") for one in step["layers"].values()}
                if "init" in step or step.get("shared") or kinds & {"Parameter", "Buffer"}:
                    raise FormError("a group that is no module")
            inner = Frame(f"{path}.", dict(frame.names), dict(frame.values), frame)
            return self.returned(step.get("outputs"), self.graph(step["layers"], inner, given.one()), inner)
        name = step.get("type")
        if "layer" in step:
            name = frame.names[step["layer"]]
        arguments = step.get("arguments")
        if name not in self.blocks and not CAMEL.fullmatch(str(name)):
            raise FormError(f"unknown key {name}")
        if name not in self.blocks:
            return self.layer(str(name), arguments, path, frame, given)
        if arguments is None:
            settings = {}
        elif isinstance(arguments, dict):
            settings = {key: self.argument(key, one, frame) for key, one in arguments.items()}
        else:
            required = [key for key, one in (self.blocks[name].get("params") or {}).items() if required_(one)]
            first = required or list(self.blocks[name].get("params") or {})
            if not first:
                raise FormError(f"{name} has no parameter that one value could stand for")
            settings = {first[0]: compute(arguments, frame.names)}
        return self.block(str(name), settings, path, given)

    def argument(self, key: str, value: Any, frame: Frame) -> Any:
        """The value of an argument of a layer or a block."""
        is_layer = isinstance(value, str) and value[:1].isupper() and hasattr(nn, value)
        return argument(value, frame.names, takes_words=is_layer or key in WORDS)

    def layer(self, name: str, arguments: Any, path: str, frame: Frame, given: Given) -> Any:
        cls = getattr(nn, name, None)
        if cls is None or not isinstance(cls, type) or not issubclass(cls, nn.Module):
            raise NameError(name)
        if arguments is not None and not isinstance(arguments, dict):
            arguments = {single(name): arguments}
        signature = parameters_of(name)
        settings, ties = {}, {}
        for key, one in (arguments or {}).items():
            tensor = key not in signature and isinstance(one, str) and one.isidentifier()
            if isinstance(one, str) and (tensor or TIE.fullmatch(one)):
                ties[key] = one
            else:
                settings[key] = frozen(self.argument(key, one, frame))
        args, named = given.call()
        settings |= inferred(name, settings, args, named)
        for key, one in settings.items():
            if key in signature and signature[key].annotation in (bool, "bool") and type(one) is not bool:
                raise DeclarationError(f"{key} is annotated as true or false")
        self.same(path, settings)
        typed = {key: getattr(torch, one) if key == "dtype" else one for key, one in settings.items()}
        made = self.make(path, lambda: cls(**typed))
        for key, text in ties.items():
            self.ties[f"{path}.{key}"] = Tie(text, around(self.by_step(path), list(frame.prefixes())[-1]))
        return self.called(made.train(self.training), args, named)

    def called(self, module: nn.Module, args: list[Any], named: dict[str, Any]) -> Any:
        if (
            self.embed_anything
            and isinstance(module, nn.Embedding)
            and args
            and isinstance(args[0], Tensor)
            and args[0].dtype in (torch.int64, torch.int32)
        ):
            args = [args[0] % module.num_embeddings]  # which numbers flow is no matter of shapes
        for one in (*args, *named.values()):
            if isinstance(one, Tensor) and self.device == "cpu" and one.numel() > 2**26:
                raise MemoryError
        return some(module(*args, **named))

    def tie(self) -> None:
        """Ties the weights that are one, once all of them are made."""
        for module, attribute, other in list(self.tied()):
            if not getattr(module, attribute).requires_grad:
                other.requires_grad_(False)  # frozen for both
            setattr(module, attribute, other)
        for key, tie in self.ties.items():  # a weight begins by the most exact rule for any of its names
            other = self.weight(tie, {key})
            names = [one for one, weight in weights_of(self.modules).items() if weight is other]
            ranks = {one: self.rules.rank(one) for one in names if one not in self.ties}
            said = any(one is other for one in self.filled)
            if not said and self.rules.rank(key) > max(ranks.values(), default=(0, 0)):
                call(nn.init, str(fitting(self.rules.named, key)), self.constants(), other)

    def tied(self) -> Iterator[tuple[nn.Module, str, nn.Parameter]]:
        """The weights that are another one, each with that one, which is of the same shape."""
        for key, tie in self.ties.items():
            place, attribute = self.split(key)
            own, other = attrgetter(attribute)(self.modules[place]), self.weight(tie, {key})
            if not isinstance(own, nn.Parameter):
                raise DeclarationError(f"{key} is no parameter")
            if own.shape != other.shape:
                raise DeclarationError(f"{key} is {tuple(own.shape)}, {tie.text} {tuple(other.shape)}")
            *above, last = attribute.split(".")
            yield self.modules[place].get_submodule(".".join(above)), last, other

    def by_module(self, path: str) -> str:
        """A path that goes by the keys of steps, by what their modules are called."""
        found = next((one for one in self.renamed if f"{path}.".startswith(f"{one}.")), None)
        return path if found is None else self.renamed[found] + path[len(found) :]

    def by_step(self, path: str) -> str:
        """The other direction: the path of a module, by the keys of the steps that made it."""
        found = next((key for key, one in self.renamed.items() if f"{path}.".startswith(f"{one}.")), None)
        return path if found is None else found + path[len(self.renamed[found]) :]

    def split(self, key: str) -> tuple[str, str]:
        """The module of a parameter, and its name there, which may have a dot itself: `out_proj.weight`."""
        parts = key.split(".")
        places = (".".join(parts[:end]) for end in range(len(parts) - 1, 0, -1))
        place = next((one for one in places if isinstance(self.modules.get(one), nn.Module)), "")
        return place, key[len(place) + 1 :] if place else key

    def weight(self, tie: Tie, seen: set[str]) -> nn.Parameter:
        """The weight that a tie names; of a tied one, the weight that it takes itself."""
        for prefix in tie.prefixes:
            key = self.by_module(f"{prefix}{tie.text}")
            place, attribute = self.split(key)
            found = self.modules.get(key)
            if found is None and place:
                with suppress(AttributeError):
                    found = attrgetter(attribute)(self.modules[place])
            if key in seen:
                raise DeclarationError(f"{key} is tied to itself")
            if key in self.ties:
                return self.weight(self.ties[key], {*seen, key})
            if isinstance(found, nn.Parameter):
                return found
        raise NameError(tie.text)


@dataclass
class Tie:
    """A weight that is another one's."""

    text: str
    prefixes: list[str]
    """Where what it names may stand, from the inside out."""


def around(path: str, outermost: str) -> list[str]:
    """The prefixes of what stands around a place, lists included, up to that of its class."""
    parts = path.split(".")
    found = ["".join(f"{part}." for part in parts[:end]) for end in range(len(parts) - 1, -1, -1)]
    return [one for one in found if one.startswith(outermost)]


def is_dotted(name: Any) -> bool:
    """Whether a module's name is a place in a list of its class: a dot stands in it, outside of braces."""
    return isinstance(name, str) and "." in re.sub(r"{.*?}", "", name)


def names_rounds(step: dict[str, Any]) -> bool:
    """Whether a name with a dot is that of each round of the step's loop."""
    texts = re.findall(r"{(.*?)}", step["name"]) if is_dotted(step.get("name")) else []
    return not step.get("shared") and any(bound_by(step) & set(read_names(text)) for text in texts)


def filled(name: Any, names: Mapping[str, Any]) -> str:
    """A name with what its braces come to."""
    return re.sub(r"{(.*?)}", lambda match: str(compute(match[1], dict(names))), str(name))


def inside(step: dict[str, Any]) -> list[dict[str, Any]]:
    """The steps of a group."""
    layers = step.get("layers") or []
    return [form(one) for one in (layers.values() if isinstance(layers, dict) else layers)]


def holds_dotted(step: dict[str, Any]) -> bool:
    """Whether a module of a step stands in a list of the class."""
    return is_dotted(step.get("name")) or any(map(holds_dotted, inside(step)))


def again_by_name(step: dict[str, Any], key: str, frame: Frame) -> dict[str, Any]:
    """A step that is the bare name of one with a module runs it once more; where it is unpacked, the value is read."""
    name = str(step.get("expression", "")).strip()
    if not name.isidentifier() or "," in key or name in frame.names:
        return step
    around = frame.outer
    while around is not None and name not in frame.steps:
        if name in around.steps and frame.values.get(name) is around.values.get(name):
            raise FormError("the module of a step around the group")
        around = around.outer
    return {"again": name} if name in frame.steps else step


def over(step: dict[str, Any]) -> str:
    """What a loop binds, and over what it runs."""
    return str(step.get("for", step.get("each", "")))


def bound_by(step: dict[str, Any]) -> set[str]:
    """The names that a loop binds."""
    target, word, _ = over(step).partition(" in ")
    return set(read_names(target)) if word else set()


def declaration(declared: Any) -> dict[str, Any]:
    return {"shape": declared} if isinstance(declared, list) else declared
