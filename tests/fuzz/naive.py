"""A naive reading of specs by PyTorch alone: the oracle of the mutation figures, which shares nothing with archspec.

PyYAML loads the text, Python's own `eval` computes expressions over torch functions, and a layer is made when the first
tensor reaches it, which also tells what is to be inferred. Whatever raises is a spec that PyTorch rejects. A module is
kept: the next run, on other sizes, goes through it again, so that what depends on a free dimension is found out.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Mapping
from typing import Any

import torch
from naive_values import (
    TIE,
    TYPES,
    WORDS,
    DeclarationError,
    DependsError,
    FormError,
    compute,
    destructure,
    fits,
    form,
    frozen,
    holds_tensor,
    inferred,
    load,
    parameters_of,
    read_names,
    required_,
    single,
    some,
)
from torch import Tensor, nn


class Network:
    """A spec, read naively. `run` raises where PyTorch, or what the spec itself declares, refuses."""

    def __init__(self, text: str, device: str) -> None:
        self.spec = load(text)
        if not isinstance(self.spec, dict):
            raise FormError("no mapping")
        self.device = device
        self.blocks: dict[str, Any] = self.spec.get("blocks") or {}
        self.kept: dict[str, Any] = {}  # what was made or decided at each place, in the first run
        self.modules: dict[str, Any] = {}
        self.training = False
        self.open: list[str] = []

    def free_names(self) -> list[str]:
        """The free dimensions, in the order in which the inputs have them."""
        names = self.constants()
        found: list[str] = []
        for declared in self.spec["inputs"].values():
            for size in declared if isinstance(declared, list) else declared["shape"]:
                found += [name for name in read_names(size) if name not in names and name not in found]
        return found

    def run(self, sizes: Mapping[str, int], training: bool) -> Any:
        """One forward pass over inputs of those sizes."""
        self.training = training
        names = {**self.constants(), **sizes}
        inputs = {}
        with warnings.catch_warnings(), torch.device(self.device), torch.no_grad():
            warnings.simplefilter("ignore")
            for name, declared in self.spec["inputs"].items():
                if isinstance(declared, list):
                    declared = {"shape": declared}
                shape = [self.size(compute(size, names)) for size in declared["shape"]]
                inputs[name] = torch.zeros(shape, dtype=getattr(torch, declared.get("dtype", "float32")))
            return self.steps_of(self.spec, "", names, inputs)

    def size(self, value: Any) -> int:
        if type(value) is not int or value < 1:
            raise DeclarationError(f"{value} is no size")
        return value

    def constants(self) -> dict[str, Any]:
        names = self.parameters(self.spec, {}, {})
        for name, value in (self.spec.get("let") or {}).items():
            names[name] = compute(value, names)
        return names

    def parameters(self, block: dict[str, Any], given: dict[str, Any], outside: Mapping[str, Any]) -> dict[str, Any]:
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
            if kind is not None and not fits(value, kind):
                raise DeclarationError(f"{value!r} is no {kind}")
            if (least is not None and value < least) or (most is not None and value > most):
                raise DeclarationError(f"{value!r} is out of range")
            if choices is not None and value not in choices:
                raise DeclarationError(f"{value!r} is none of the choices")
            names[name] = value
        return names

    def same(self, place: str, value: Any) -> Any:
        """What is decided when a module is made must not depend on the sizes of the inputs."""
        before = self.kept.setdefault(place, value)
        if before != value:
            raise DependsError(f"{place}: {before} and {value}")
        return value

    def block(self, name: str, settings: dict[str, Any], path: str, args: list[Any], named: dict[str, Any]) -> Any:
        """A block's value, for those tensors."""
        if name in self.open:
            raise FormError("a block uses itself")
        block = self.blocks[name]
        names = self.parameters(block, self.same(f"{path}()", settings), {})
        inputs = self.bound(block["inputs"], args, named)
        for one, declared in block["inputs"].items():
            self.declared(one, declared, inputs[one], names)
        for one, value in (block.get("let") or {}).items():
            names[one] = compute(value, names)
        self.open.append(name)
        try:
            return self.steps_of(block, path, names, inputs)
        finally:
            self.open.pop()

    def bound(self, declared: dict[str, Any], args: list[Any], named: dict[str, Any]) -> dict[str, Any]:
        if len(args) > len(declared) or set(named) - set(declared):
            raise TypeError("too many inputs")
        inputs = {**dict(zip(declared, args, strict=False)), **named}
        for name, one in declared.items():
            if name not in inputs:
                if not (isinstance(one, dict) and one.get("optional")):
                    raise TypeError(f"nothing flows into {name}")
                inputs[name] = None
        return inputs

    def declared(self, name: str, declared: Any, value: Any, names: dict[str, Any]) -> None:
        """Holds a tensor against its declaration, which names its sizes."""
        if isinstance(declared, list):
            declared = {"shape": declared}
        if value is None and declared.get("optional"):
            return
        if not isinstance(value, Tensor):
            raise TypeError(f"{name} is no tensor")
        if str(value.dtype) != f"torch.{declared.get('dtype', 'float32')}":
            raise DeclarationError(f"{name} is {value.dtype}")
        self.shape(name, declared["shape"], value, names)

    def shape(self, name: str, wanted: list[Any], value: Any, names: dict[str, Any]) -> None:
        if not isinstance(value, Tensor) or len(wanted) != value.dim():
            raise DeclarationError(f"{name} is not {wanted}")
        for text, size in zip(wanted, value.shape, strict=True):
            new = sorted({one for one in read_names(text) if one not in names})
            if len(new) > 1:
                raise FormError("two new names")
            if not new:
                if compute(text, names) != size:
                    raise DeclarationError(f"{name}: {size} is not {text}")
                continue
            factor = compute(text, {**names, new[0]: 1})
            if type(factor) is not int or compute(text, {**names, new[0]: 2}) != 2 * factor:
                raise FormError(f"{text} is no multiple of a new name")
            if factor < 1 or size % factor:
                raise DeclarationError(f"{name}: {size} is not {text}")
            names[new[0]] = size // factor

    # The steps of a class.

    def steps_of(self, block: dict[str, Any], path: str, names: dict[str, Any], inputs: dict[str, Any]) -> Any:
        if isinstance(block["layers"], list):
            if len(inputs) != 1:
                raise FormError("a list takes one input")
            return self.sequence(block["layers"], path, names, {}, next(iter(inputs.values())))
        values = dict(inputs)
        current = next(iter(inputs.values())) if len(inputs) == 1 else None
        current = self.graph(block["layers"], path, names, values, current)
        self.order(block, path)
        outputs = block.get("outputs")
        if outputs is None:
            result = current
        elif isinstance(outputs, str):
            result = self.value(outputs, names, values)
        else:
            several = outputs.values() if isinstance(outputs, dict) else outputs
            result = tuple(self.value(one, names, values) for one in several)
        if not all(map(holds_tensor, result if isinstance(result, tuple) else (result,))):
            raise FormError("something that is no tensor is returned")
        return result

    def order(self, block: dict[str, Any], path: str) -> None:
        """What `order` names are modules, each once."""
        order = block.get("order") or []
        for name in order:
            if f"{path}{name}.:step" not in self.kept and f"{path}{name}." not in self.modules:
                raise DeclarationError(f"{name} is no module")
        if len(set(order)) < len(order):
            raise DeclarationError("twice in the order")

    def value(self, text: Any, names: dict[str, Any], values: dict[str, Any]) -> Any:
        return some(compute(text, {**names, **values, "training": self.training}, tensors=True))

    def graph(
        self, layers: dict[str, Any], path: str, names: dict[str, Any], values: dict[str, Any], current: Any
    ) -> Any:
        """Named steps; the value of the last one."""
        if not layers:
            raise FormError("no steps")
        for key, raw in layers.items():
            step = form(raw)
            here = f"{path}{key}."
            if step.get("type") in ("Parameter", "Buffer"):
                values[key] = self.tensor(here, step["arguments"], names)
                continue
            if "expression" in step:
                result = self.value(step["expression"], names, values)
                values |= destructure(key, result)
            else:
                result = self.named(step, path, here, names, values, current)
                values[key] = result
            if "shape" in step:
                self.shape(key, step["shape"], result, names)
            current = result if key.isidentifier() else None
        return current

    def tensor(self, here: str, text: Any, names: dict[str, Any]) -> Tensor:
        if not isinstance(text, str):
            raise FormError("no expression")
        made = compute(text, names, tensors=True)
        if not isinstance(made, Tensor):
            raise TypeError("a parameter is a tensor")
        self.same(here, tuple(made.shape))
        return self.modules.setdefault(here, made)

    def named(
        self, step: dict[str, Any], path: str, here: str, names: dict[str, Any], values: dict[str, Any], current: Any
    ) -> Any:
        source = step.get("from")
        args: list[Any] = []
        given: dict[str, Any] = {}
        if source is None:
            if current is None:
                raise TypeError("nothing flows in")
            args = [current]
        elif isinstance(source, list):
            args = [self.value(one, names, values) for one in source]
        elif isinstance(source, dict):
            given = {key: self.value(one, names, values) for key, one in source.items()}
        else:
            args = [self.value(source, names, values)]
        if "again" in step:
            original = self.kept.get(f"{path}{step['again']}.:step")
            if original is None:
                raise NameError(step["again"])
            return self.repeated(original, f"{path}{step['again']}.", names, values, args, given)
        self.kept[f"{here}:step"] = step
        return self.repeated(step, here, names, values, args, given)

    def sequence(
        self, layers: list[Any], path: str, names: dict[str, Any], values: dict[str, Any], current: Any
    ) -> Any:
        """The steps of a list, one after the other."""
        if not layers:
            raise FormError("no steps")
        for number, raw in enumerate(layers):
            step = form(raw)
            if "expression" in step or "from" in step or "again" in step or step.get("type") in ("Parameter", "Buffer"):
                raise FormError("in a list")
            current = self.repeated(step, f"{path}{number}.", names, values, [current], {})
            if "shape" in step:
                self.shape(str(number), step["shape"], current, names)
        return current

    def repeated(
        self,
        step: dict[str, Any],
        here: str,
        names: dict[str, Any],
        values: dict[str, Any],
        args: list[Any],
        given: dict[str, Any],
    ) -> Any:
        """A step as often as it says; what one repetition returns replaces the first inputs of the next."""
        rounds: list[dict[str, Any]] = [{}]
        if "for" in step:
            target, word, text = str(step["for"]).partition(" in ")
            if not word:
                raise FormError("for")
            items = compute(text, names)
            if not isinstance(items, list | tuple):
                raise TypeError("for runs over a list")
            rounds = [destructure(target, item) for item in items]
        elif "repeat" in step:
            times = compute(step["repeat"], names)
            if type(times) is not int or times < 0:
                raise TypeError("repeat takes a number of times")
            rounds = [{}] * times
        self.same(f"{here}:rounds", rounds)
        result = args[0] if args else next(iter(given.values()))
        for number, bound in enumerate(rounds):
            inside = {**names, **bound}
            place = f"{here}{number}." if len(rounds) != 1 or "for" in step or "repeat" in step else here
            if "when" in step:
                kept = compute(step["when"], inside)
                if type(kept) is not bool:
                    raise TypeError("a condition is true or false")
                if not self.same(f"{place}:when", kept):
                    continue
            for one in re.findall(r"{(.*?)}", str(step.get("name", ""))):
                compute(one, inside)
            result = self.once(step, place, inside, values, args, given)
            parts = list(result) if isinstance(result, tuple) else [result]
            if args:
                args = [*parts, *args[len(parts) :]]
            else:
                changed = dict(zip(list(given)[: len(parts)], parts, strict=True))
                given = {**given, **changed}
        return result

    def once(
        self,
        step: dict[str, Any],
        place: str,
        names: dict[str, Any],
        values: dict[str, Any],
        args: list[Any],
        given: dict[str, Any],
    ) -> Any:
        if "layers" in step:
            if len(args) != 1:
                raise FormError("a group takes one value")
            if isinstance(step["layers"], list):
                return self.sequence(step["layers"], place, names, values, args[0])
            return self.graph(step["layers"], place, dict(names), dict(values), args[0])
        name = step.get("type")
        if "layer" in step:
            name = names[step["layer"]]
        arguments = step.get("arguments")
        if name in self.blocks:
            if arguments is None:
                settings = {}
            elif isinstance(arguments, dict):
                settings = {key: compute(one, names) for key, one in arguments.items()}
            else:
                required = [key for key, one in (self.blocks[name].get("params") or {}).items() if required_(one)]
                first = required or list(self.blocks[name].get("params") or {})
                if not first:
                    raise FormError(f"{name} has no parameter that one value could stand for")
                settings = {first[0]: compute(arguments, names)}
            return self.block(name, settings, place, args, given)
        return self.layer(name, arguments, place, names, args, given)

    def layer(
        self, name: Any, arguments: Any, place: str, names: dict[str, Any], args: list[Any], given: dict[str, Any]
    ) -> Any:
        cls = getattr(nn, str(name), None)
        if cls is None or not isinstance(cls, type) or not issubclass(cls, nn.Module):
            raise NameError(str(name))
        if arguments is not None and not isinstance(arguments, dict):
            arguments = {single(str(name)): arguments}
        signature = parameters_of(str(name))
        settings, ties = {}, {}
        for key, one in (arguments or {}).items():
            if key not in signature and key in ("weight", "bias") and isinstance(one, str) and TIE.fullmatch(one):
                ties[key] = one
            elif isinstance(one, str) and key in WORDS and one.isidentifier() and one not in names:
                settings[key] = one
            else:
                settings[key] = frozen(compute(one, names))
        settings |= inferred(str(name), settings, args, given)
        for key, one in settings.items():
            if key in signature and signature[key].annotation in (bool, "bool") and type(one) is not bool:
                raise DeclarationError(f"{key} is annotated as true or false")
        self.same(place, settings)
        if place not in self.modules:
            module = cls(**settings)
            for key, one in ties.items():
                setattr(module, key, self.tied(one))
            self.modules[place] = module
        module = self.modules[place].train(self.training)
        if (
            isinstance(module, nn.Embedding)
            and args
            and isinstance(args[0], Tensor)
            and args[0].dtype in (torch.int64, torch.int32)
        ):
            args = [args[0] % module.num_embeddings]  # which numbers flow is no matter of shapes
        for one in (*args, *given.values()):
            if isinstance(one, Tensor) and self.device == "cpu" and one.numel() > 2**26:
                raise MemoryError
        return some(module(*args, **given))

    def tied(self, path: str) -> nn.Parameter:
        place, _, attribute = path.rpartition(".")
        weight: nn.Parameter = getattr(self.modules[f"{place}."], attribute)
        return weight
