"""Graph -> nn.Module: the runtime builder.

Reads a graph whose parameters are bound and whose loops are unrolled. What comes out are PyTorch's own modules; a
class of the spec is a class made for it, whose forward method is a plain Python function with nothing of ours.
"""

from __future__ import annotations

import copy
import inspect
import linecache
import math
from collections import OrderedDict
from collections.abc import Callable, Collection, Mapping
from functools import partial
from typing import Any, NamedTuple, Optional

import torch
from torch import Tensor, nn
from torch.nn import functional

from archspec.emit.annotations import flow_annotation
from archspec.emit.filling import apply_rules, fill_below, fill_weight, parametrize
from archspec.emit.forward import write_forward
from archspec.emit.own import own_module
from archspec.emit.statement import Text
from archspec.emit.tensors import write_line, write_tensor
from archspec.expressions import evaluate, make_divisible, replaced
from archspec.graph import (
    Call,
    Class,
    Fill,
    Graph,
    Group,
    Item,
    Parameter,
    Sharing,
    Step,
    TensorLine,
    is_number,
    module_of,
    names_in,
    place_of,
)
from archspec.layers import LAYERS
from archspec.layers.own import OwnLayer
from archspec.tensors import TensorType

Rebuild = Callable[..., nn.Module]
Factory = Mapping[str, Any]
"""`device` and `dtype`, where the caller says them."""

MODULES: dict[str, type[nn.Module]] = {name: getattr(nn, name) for name in LAYERS}
"""PyTorch's class for each layer of the catalogue."""


Make = Callable[[Factory], nn.Module]
"""Makes one module, with those `device` and `dtype`."""

Part = Callable[[nn.Module, Factory, dict[str, Tensor]], None]
"""Makes a part of a module; the last argument holds what its parameters and buffers are made of."""


class Builder:
    """How the module of a graph is made: what is the same for each one is worked out once.

    `rebuild(**params)` makes the spec's module with other parameters: it is what the class's own constructor and
    pickling call. `allow` names the packages whose classes may be imported.
    """

    def __init__(self, graph: Graph, rebuild: Rebuild, allow: Collection[str] = ()) -> None:
        self.rebuild = rebuild
        self.allow = allow
        self.params = {parameter.name: parameter.value for parameter in graph.main.parameters}
        self.classes: dict[int, Make] = {}
        self.graph = graph  # as long as it lives, so do the numbers of its classes
        self.make = self.module(graph.main, "")

    def build(self, **factory: Any) -> nn.Module:
        """A module, initialised as PyTorch initialises its layers; `device` and `dtype` go to those that take them."""
        module = self.make({name: value for name, value in factory.items() if value is not None})
        apply_rules(module, self.graph.main.rules)
        return module

    def module(self, cls: Class, path: str) -> Make:
        """How a module of one of the spec's classes is made."""
        if id(cls) not in self.classes:
            self.classes[id(cls)] = self.new_module(cls, path)
        return self.classes[id(cls)]

    def new_module(self, cls: Class, path: str) -> Make:
        module_class = self.module_class(cls, path)
        saved = [(attribute, cls.values[name]) for attribute, name in getattr(module_class, "_saved", ())]
        prefix = f"{path}." if path else ""
        parts: list[Part] = [self.child(item, prefix) for item in cls.items]
        tensors = _Tensors(cls)
        for step in cls.registered():
            if step.kind in ("parameter", "buffer"):
                parts.append(tensors.part(step))
                parts += [partial(_settle, name=step.name, fill=fill) for fill in step.initial]
            elif step.item is not None:
                parts.append(self.child(module_of(step.item), prefix))

        def make(factory: Factory) -> nn.Module:
            module = module_class.__new__(module_class)
            nn.Module.__init__(module)
            for name, value in saved:
                setattr(module, name, value)
            computed: dict[str, Tensor] = {}  # what parameters and buffers are made of
            for part in parts:
                part(module, factory, computed)
            for sharing in cls.shared:
                _share(module, sharing)
            return module

        return make

    def child(self, item: Item, prefix: str) -> Part:
        """How a step's module becomes one of the module that holds it."""
        name, make = _name(item), self.item(item, prefix)

        def register(module: nn.Module, factory: Factory, computed: dict[str, Tensor]) -> None:
            _add(module, name, make(factory))

        return register

    def item(self, item: Item, prefix: str) -> Make:
        """How one step's module is made, with the weights that the step says."""
        plain = self.plain(item, prefix)
        assert isinstance(item, Call | Group), "a graph to build from is unrolled"
        parametrized = item.parametrized if isinstance(item, Call) else ()
        if not item.initial and not parametrized and item.trainable:
            return plain

        def make(factory: Factory) -> nn.Module:
            module = plain(factory)
            for fill in item.initial:
                fill_below(module, fill)
            for one in parametrized:
                parametrize(module, one)
            return module if item.trainable else module.requires_grad_(False)

        return make

    def plain(self, item: Item, prefix: str) -> Make:
        """How one step's module is made by itself."""
        path = f"{prefix}{_name(item)}"
        if isinstance(item, Group):
            children = [(_name(child), self.item(child, f"{path}.")) for child in item.items]
            if item.listed:
                return lambda factory: nn.ModuleList(make(factory) for _, make in children)
            return lambda factory: nn.Sequential(OrderedDict([(name, make(factory)) for name, make in children]))
        assert isinstance(item, Call), "a graph to build from is unrolled"
        if isinstance(item.layer, Class):
            return self.module(item.layer, path)
        arguments = {argument.name: argument.value for argument in item.arguments}
        if isinstance(item.layer, OwnLayer):
            own, allow, span = item.layer, self.allow, item.span
            return lambda factory: own_module(own, arguments, allow, span)
        if isinstance(arguments.get("dtype"), str):
            arguments["dtype"] = getattr(torch, arguments["dtype"])
        layer = MODULES[type(item.layer).__name__]
        taken = [name for name in ("device", "dtype") if name in item.layer.arguments and name not in arguments]

        def make(factory: Factory) -> nn.Module:
            return layer(**arguments, **{name: factory[name] for name in taken if name in factory})

        return make

    def module_class(self, cls: Class, path: str) -> type[nn.Module]:
        """A class for a graph's class: its constructor takes the spec's parameters, its forward is compiled."""
        base: type[nn.Module] = nn.Sequential if cls.sequential else nn.Module
        rebuild, params = self.rebuild, self.params
        signature = inspect.Signature([_parameter(parameter) for parameter in cls.parameters])

        def construct(self: nn.Module, *args: Any, **kwargs: Any) -> None:
            if path:
                raise TypeError(f"{cls.name} is a part of a built module; build a spec of its own for it")
            other = rebuild(**signature.bind(*args, **kwargs).arguments)
            self.__class__ = type(other)  # the same class but for what the parameters switch on and off
            self.__dict__.update(other.__dict__)

        def reduce(self: nn.Module, protocol: object) -> tuple[Any, ...]:
            return _restore, (rebuild, params, path), self.__dict__

        def deepcopy(self: nn.Module, memo: dict[int, Any]) -> nn.Module:
            twin = self.__class__.__new__(self.__class__)
            memo[id(self)] = twin
            twin.__dict__.update(copy.deepcopy(self.__dict__, memo))
            return twin

        members: dict[str, Any] = {
            "__init__": construct,
            "__reduce_ex__": reduce,
            "__deepcopy__": deepcopy,
            "__signature__": signature,
            "__doc__": cls.doc or cls.name,
            "__module__": "archspec.built",
        }
        if not cls.sequential:
            members |= _forward(cls)
        return type(cls.name, (base,), members)


def _add(module: nn.Module, name: str, made: nn.Module) -> None:
    """Adds a module to another one, or to the list of it that a name such as `downs.0` says."""
    *around, last = place_of(name)
    for part, following in zip(around, place_of(name)[1:], strict=True):
        if part not in module._modules:
            module.add_module(part, nn.ModuleList() if is_number(following) else nn.ModuleDict())
        module = module.get_submodule(part)
    module.add_module(last, made)


def _name(item: Item) -> str:
    name = getattr(item, "name", None)
    assert isinstance(name, str), "a graph to build from is unrolled"
    return name


class _Tensors:
    """Makes the parameters and buffers of a class. What they are made of is computed once for each module."""

    def __init__(self, cls: Class) -> None:
        self.cls = cls
        self.above: list[TensorLine] = []
        """The lines that tensors further above are made of."""

    def part(self, step: Step) -> Part:
        """How a tensor, computed by its expression, becomes one of a module."""
        lines = step.lines[:-1]
        held = {name: f"computed[{name!r}]" for line in lines for name in names_in(line.target)}
        body = []
        for line in lines:
            if line not in self.above:
                target = replaced(line.target, {name: Text(held[name]) for name in names_in(line.target)})
                body.append(f"{target.text} = {write_line(line, self.cls, held).text}")
                self.above.append(line)
        body.append(f"return {write_tensor(step, self.cls, held).text}")
        text = "\n    ".join(("def make(self, computed):", *body))
        compute = run(f"{text}\n", step.name, dict(self.cls.values))["make"]

        def register(module: nn.Module, factory: Factory, computed: dict[str, Tensor]) -> None:
            with torch.device(factory.get("device", torch.get_default_device())):
                value = compute(module, computed)
            if "dtype" in factory and value.is_floating_point():
                value = value.to(factory["dtype"])
            if step.kind == "parameter":
                module.register_parameter(step.name, nn.Parameter(value, requires_grad=step.trainable))
            else:
                module.register_buffer(step.name, value, persistent=step.saved)

        return register


def _settle(module: nn.Module, factory: Factory, computed: dict[str, Tensor], name: str, fill: Fill) -> None:
    """Gives a parameter of a module its first values."""
    fill_weight(module.get_parameter(name), fill)


def _share(module: nn.Module, sharing: Sharing) -> None:
    """Puts one parameter in the place of another, which is that of a module within `module`."""
    path, _, name = f"{sharing.module}.{sharing.weight}".lstrip(".").rpartition(".")
    taken = module.get_parameter(sharing.other)
    setattr(module.get_submodule(path), name, taken.requires_grad_(False) if sharing.frozen else taken)


_RESTORED: dict[str, nn.Module] = {}


def _restore(rebuild: Rebuild, params: Mapping[str, Any], path: str) -> nn.Module:
    """An empty module of the class that a pickled one had; its state follows."""
    key = f"{rebuild!r}{params!r}"
    if key not in _RESTORED:
        _RESTORED.clear()  # the parts of one module are restored together
        _RESTORED[key] = rebuild(**params, device="meta")
    module_class = type(_RESTORED[key].get_submodule(path))
    return module_class.__new__(module_class)


def _parameter(parameter: Parameter) -> inspect.Parameter:
    """An argument of the constructor, with the default that the spec gives, whatever this module was built with."""
    default: Any = inspect.Parameter.empty
    if parameter.default is not None:
        default = None if parameter.computed else evaluate(parameter.default, {})
    return inspect.Parameter(parameter.name, inspect.Parameter.POSITIONAL_OR_KEYWORD, default=default)


def _forward(cls: Class) -> dict[str, Any]:
    """The forward method, from source that TorchScript and tracebacks can read too, and what it reads of `self`."""
    written = write_forward(cls)
    arguments = [
        f"{name}: Optional[Tensor] = None" if one.optional else f"{name}: {flow_annotation(one.type)}"
        for name, one in zip(written.arguments, cls.inputs, strict=True)
    ]
    lines = [f"def forward(self, {', '.join(arguments)}):", *(f"    {line}" for line in written.lines), ""]
    names: dict[str, Any] = {}
    if cls.outputs is not None and cls.outputs.names:
        output = f"{cls.name}Output"
        flows = cls.output if isinstance(cls.output, tuple) else ()
        types = [Tensor if isinstance(flow, TensorType) else Any for flow in flows]
        names[output] = NamedTuple(output, list(zip(cls.outputs.names, types, strict=True)))
    namespace = run("\n".join(lines), f"{cls.name}.forward", names)
    return {"forward": namespace["forward"], "_saved": written.saved}


def run(source: str, name: str, names: dict[str, Any]) -> dict[str, Any]:
    """Runs a definition. Its text was put together from checked names, literals and functions of the catalogue."""
    filename = f"<archspec {name} {hash(source) & 0xFFFFFFFF:08x}>"
    linecache.cache[filename] = (len(source), None, source.splitlines(keepends=True), filename)
    known = {"torch": torch, "nn": nn, "F": functional, "math": math, "Tensor": Tensor, "Optional": Optional}
    namespace = {**known, "make_divisible": make_divisible, **names}
    exec(compile(source, filename, "exec"), namespace)
    return namespace
