"""Graph -> nn.Module: the runtime builder, and the only module that imports torch at its top.

Reads a graph whose parameters are bound and whose loops are unrolled. What comes out are PyTorch's own modules; the
outermost one is of a class made for the spec, whose forward method is a plain Python function with nothing of ours.
"""

from __future__ import annotations

import copy
import inspect
import linecache
from collections import OrderedDict
from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor, nn

from archspec.expressions import evaluate
from archspec.graph import Call, Class, Graph, Group, Item, Parameter
from archspec.layers import LAYERS

Rebuild = Callable[..., nn.Module]


def build(graph: Graph, factory: Mapping[str, Any], rebuild: Rebuild) -> nn.Module:
    """The module of a graph, initialised as PyTorch initialises its layers.

    `factory` holds `device` and `dtype` for the layers that take them. `rebuild(**params)` makes the spec's module with
    other parameters: it is what the class's own constructor and pickling call.
    """
    module_class = _class(graph.main, rebuild)
    module = module_class.__new__(module_class)
    _populate(module, graph.main, factory)
    return module


def _populate(module: nn.Module, main: Class, factory: Mapping[str, Any]) -> None:
    nn.Module.__init__(module)
    module.__dict__["_archspec_parameters"] = {parameter.name: parameter.value for parameter in main.parameters}
    for item in main.items:
        module.add_module(str(item.name), _module(item, factory))  # type: ignore[union-attr] # unrolled: no loops


def _module(item: Item, factory: Mapping[str, Any]) -> nn.Module:
    """One step as PyTorch's own module."""
    if isinstance(item, Group):
        return nn.Sequential(OrderedDict((str(child.name), _module(child, factory)) for child in item.items))  # type: ignore[union-attr] # unrolled
    assert isinstance(item, Call), "a graph to build from is unrolled"
    layer = type(item.layer)
    arguments = {argument.name: argument.value for argument in item.arguments}
    for name, value in factory.items():
        if name in layer.arguments and value is not None:
            arguments.setdefault(name, value)
    if isinstance(arguments.get("dtype"), str):
        arguments["dtype"] = getattr(torch, arguments["dtype"])
    return MODULES[layer.__name__](**arguments)


MODULES: dict[str, type[nn.Module]] = {name: getattr(nn, name) for name in LAYERS}
"""PyTorch's class for each layer of the catalogue."""


def _class(main: Class, rebuild: Rebuild) -> type[nn.Module]:
    """A class for a graph: its constructor takes the spec's parameters, its forward is compiled from the steps."""
    base: type[nn.Module] = nn.Sequential if main.sequential else nn.Module
    names = [parameter.name for parameter in main.parameters]

    def construct(self: nn.Module, *args: Any, **kwargs: Any) -> None:
        other = rebuild(**signature.bind(*args, **kwargs).arguments)
        self.__class__ = type(other)  # the same class but for what the parameters switch on and off
        self.__dict__.update(other.__dict__)

    def reduce(self: nn.Module, protocol: object) -> tuple[Any, ...]:
        return _restore, (rebuild, self.__dict__["_archspec_parameters"]), self.__dict__

    def deepcopy(self: nn.Module, memo: dict[int, Any]) -> nn.Module:
        twin = self.__class__.__new__(self.__class__)
        memo[id(self)] = twin
        twin.__dict__.update(copy.deepcopy(self.__dict__, memo))
        return twin

    signature = inspect.Signature([_parameter(parameter) for parameter in main.parameters])
    members: dict[str, Any] = {
        "__init__": construct,
        "__reduce_ex__": reduce,
        "__deepcopy__": deepcopy,
        "__signature__": signature,
        "__doc__": main.doc or f"{main.name}({', '.join(names)})",
        "__module__": "archspec.built",
    }
    if not main.sequential:
        members["forward"] = _forward(main)
    return type(main.name, (base,), members)


def _restore(rebuild: Rebuild, params: Mapping[str, Any]) -> nn.Module:
    """An empty module of the class that a pickled one had; its state follows."""
    module_class = type(rebuild(**params, device="meta"))
    return module_class.__new__(module_class)


def _parameter(parameter: Parameter) -> inspect.Parameter:
    """An argument of the constructor, with the default that the spec gives, whatever this module was built with."""
    default: Any = inspect.Parameter.empty
    if parameter.default is not None:
        default = None if parameter.computed else evaluate(parameter.default, {})
    if parameter.type == "float" and isinstance(default, int):
        default = float(default)
    return inspect.Parameter(parameter.name, inspect.Parameter.POSITIONAL_OR_KEYWORD, default=default)


def _forward(main: Class) -> Callable[..., Tensor]:
    """The forward method, from source that TorchScript and tracebacks can read too."""
    name = main.inputs[0].name
    lines = [f"def forward(self, {name}: Tensor):"]
    lines += [f"    {name} = self.{item.name}({name})" for item in main.items]  # type: ignore[union-attr] # unrolled
    source = "\n".join([*lines, f"    return {name}", ""])
    filename = f"<archspec {main.name}.forward {hash(source) & 0xFFFFFFFF:08x}>"
    linecache.cache[filename] = (len(source), None, source.splitlines(keepends=True), filename)
    namespace: dict[str, Any] = {"Tensor": Tensor}
    # Every name in it was checked to be an identifier; nothing else of the spec is in it.
    exec(compile(source, filename, "exec"), namespace)
    return namespace["forward"]  # type: ignore[no-any-return] # just defined
