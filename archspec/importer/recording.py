"""One run of a model, recorded: which modules and functions it calls, on what, and where in the source."""

from __future__ import annotations

import sys
from collections.abc import Collection, Mapping
from contextlib import nullcontext
from types import FrameType
from typing import Any

import torch
from torch import nn
from torch.overrides import TorchFunctionMode

from archspec.importer.foreign import run_alone
from archspec.importer.frames import (
    bound_tensors,
    caller_of,
    defined_at,
    gap_at,
    named_where_needed,
    place_of,
    tensors_by_path,
)
from archspec.importer.gaps import Gap, GapError
from archspec.importer.idle import accepts, candidates, holds, idle_modules, zeros_like
from archspec.importer.intercepting import calls_to, layers_to
from archspec.importer.making import Origins, made_with
from archspec.importer.memory import FixedSizes, HeldMemory
from archspec.importer.nodes import (
    ArgumentGroup,
    ModuleBody,
    ModuleTensor,
    Operation,
    Ref,
    Result,
    Scalar,
    SourceLine,
    StateTensor,
    thaw,
)
from archspec.importer.operations import FILLING, UnsayableError, convert, overwritten, reads_numbers
from archspec.importer.own import defaults_of, target_of
from archspec.importer.own import settings_of as own_settings
from archspec.importer.settings import is_plain, layer_of, settings_of
from archspec.storage import RANDOM

_TWINS: dict[str, tuple[str, tuple[str, ...], tuple[str, ...]]] = {
    "layer_norm": ("LayerNorm", ("input", "normalized_shape", "weight", "bias", "eps"), ("normalized_shape", "eps")),
    "group_norm": ("GroupNorm", ("input", "num_groups", "weight", "bias", "eps"), ("num_groups", "eps")),
    "linear": ("Linear", ("input", "weight", "bias"), ()),
}
"""Functions that do what a layer does: the layer, their arguments, and those that have to be the layer's own."""
_NOT_SAID = "A spec holds one path: choose it before the model runs, by an argument, or return both results."


class _Frame:
    """A module that is running: its body, and what each tensor in it is called."""

    def __init__(self, module: nn.Module, body: ModuleBody) -> None:
        self.module = module
        self.body = body
        self.values: dict[int, tuple[Any, int]] = {}
        self.kept: list[torch.Tensor] = []
        self.pending: list[tuple[FrameType, torch.Tensor, Result]] = []
        self.paths = {id(one): name for name, one in reversed(list(module.named_modules(remove_duplicate=False)))}
        held = [*module.named_parameters(remove_duplicate=False), *module.named_buffers(remove_duplicate=False)]
        self.held = {id(one): name for name, one in reversed(held)}
        self.shared = {name: other for name, one in held if (other := self.held[id(one)]) != name}
        """The further names of parameters, and their first ones."""
        self.detached: set[int] = set()
        """The operations that ran without gradients."""

    def keep(self, tensor: torch.Tensor, ref: Ref) -> None:
        self.kept.append(tensor)
        self.values[id(tensor)] = ref, tensor._version

    def tie_to_inner(self) -> None:
        """Ties layers to those of modules that have a body of their own, which does not see what is around it."""
        layers = {one.module: one for one in self.body.operations if one.module and one.body is None}
        for name, first in self.shared.items():
            (outer, _, key), inner = first.rpartition("."), name.rpartition(".")[0]
            if outer in layers and inner not in layers:
                layers[outer].ties.setdefault(key, name)

    def detach(self, tensor: torch.Tensor, ref: Ref, place: SourceLine | None) -> Ref:
        """A value that was made without gradients, where it is read with them."""
        operation = Operation("detach", (ref,), {}, place)
        operation.results[()] = Result(tuple(tensor.shape), str(tensor.dtype).removeprefix("torch."))
        made = Ref(len(self.body.operations))
        self.body.operations.append(operation)
        self.keep(tensor, made)
        return made


class Recorder(TorchFunctionMode):
    """Records the calls of one model."""

    def __init__(self, model: nn.Module, origins: Origins | None, opaque: Collection[type] = ()) -> None:
        super().__init__()
        self.model = model
        self.opaque = opaque
        """Classes that a spec names as they are."""
        self.origins = origins
        self.memory = HeldMemory(model)
        self.frames: list[_Frame] = []
        self.paused = 0
        self.inlined: list[nn.Module] = []
        self.known: dict[int, tuple[torch.Tensor, int]] = {}
        """The tensors whose numbers follow from sizes alone: no input, weight or random number is in them."""

    def run(self, inputs: Mapping[str, torch.Tensor]) -> ModuleBody:
        """The body of the model's run on those inputs. GapError where it does what no spec can say."""
        with calls_to(self), layers_to(self), self:
            self.model(**inputs)
        assert self.root is not None
        return self.root

    # functions

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        if self.paused or not self.frames:
            return func(*args, **kwargs)
        frame = self.frames[-1]
        caller = caller_of(sys._getframe(1))
        place = place_of(caller)
        self._notice(frame)
        if reads_numbers(func) and any(isinstance(one, torch.Tensor) for one in args):
            if self._are_known(args):
                return self._unrecorded(func, args, kwargs)
            self._refuse_reading(func, place)
        try:
            name, said, keywords = convert(func, args, kwargs, lambda value: self._say(value, frame, place))
        except UnsayableError as error:
            raise GapError(gap_at(str(error), place)) from None
        layer = self._layer_of(func, args, kwargs)
        if layer is not None and name is not None:
            return self._run_layer(layer, func, args, kwargs, caller)
        held = self.memory.name_of(overwritten(func, args, kwargs))
        if held is not None:
            message = f"changes `{held}`, a tensor of the module, while it runs"
            raise GapError(gap_at(message, place, "A spec's forward pass changes no buffers of its own."))
        try:
            with nullcontext() if self._are_known(args) else FixedSizes():
                result = self._unrecorded(func, args, kwargs)
        except UnsayableError as error:
            raise GapError(gap_at(str(error), place, _NOT_SAID)) from None
        if name is None:
            return result
        changed = args[0] if getattr(func, "__name__", "") == "__setitem__" else result
        self._know(name, (*args, *kwargs.values()), changed)
        if getattr(func, "__name__", "") == "__setitem__":
            self._add(frame, Operation(name, tuple(said), keywords, place), args[0], caller)
            return result
        if not tensors_by_path(result):
            return result
        self._add(frame, Operation(name, tuple(said), keywords, place), result, caller)
        return result

    def _layer_of(self, func: Any, args: Any, kwargs: Any) -> nn.Module | None:
        """The module that a function of torch.nn.functional does the work of: a layer with a forward of its own."""
        module = self.inlined[-1] if self.inlined else None
        if module is None or len(args) < 1:
            return None
        base = next((layer_of(one) for one in type(module).__mro__ if layer_of(one) is not None), None)
        twin = _TWINS.get(str(getattr(func, "__name__", "")))
        if base is None or twin is None or twin[0] != base:
            return None
        bound = {**dict(zip(twin[1], args, strict=False)), **kwargs}
        said = [bound.get(name) for name in ("weight", "bias")]
        if any(one is not getattr(module, name) for one, name in zip(said, ("weight", "bias"), strict=True)):
            return None
        plain = {name: value for name, value in bound.items() if name in twin[2]}
        same = all(_plain(getattr(module, name)) == _plain(value) for name, value in plain.items())
        return module if same and set(plain) == set(twin[2]) else None

    def _run_layer(self, module: nn.Module, func: Any, args: Any, kwargs: Any, caller: FrameType | None) -> Any:
        frame, place = self.frames[-1], place_of(caller)
        operation = self._layer(module, frame, place)
        operation.args = (self._argument(args[0], frame, place),)
        self.paused += 1
        try:
            result = func(*args, **kwargs)
        finally:
            self.paused -= 1
        self._add(frame, operation, result, caller)
        return result

    def _unrecorded(self, func: Any, args: Any, kwargs: Any) -> Any:
        self.paused += 1
        try:
            return func(*args, **kwargs)
        finally:
            self.paused -= 1

    def _are_known(self, values: Any) -> bool:
        held = [(tensor, self.known.get(id(tensor))) for _, tensor in tensors_by_path(values)]
        return all(known is not None and known[1] == tensor._version for tensor, known in held)

    def _know(self, name: str, values: tuple[Any, ...], result: Any) -> None:
        """Notes whether the numbers of a result follow from sizes alone."""
        known = name in FILLING or (name not in RANDOM and self._are_known(values))
        for _, tensor in tensors_by_path(result):
            if known:
                self.known[id(tensor)] = tensor, tensor._version
            else:
                self.known.pop(id(tensor), None)

    def _refuse_reading(self, func: Any, place: SourceLine | None) -> None:
        name = str(getattr(func, "__name__", ""))
        what = "branches on the values of a tensor" if name == "__bool__" else f"reads the values of a tensor ({name})"
        raise GapError(gap_at(what, place, _NOT_SAID))

    def _add(self, frame: _Frame, operation: Operation, result: Any, caller: FrameType | None) -> None:
        index = len(frame.body.operations)
        frame.body.operations.append(operation)
        if not torch.is_grad_enabled():
            frame.detached.add(index)
        operation.single = isinstance(result, torch.Tensor)
        for path, tensor in tensors_by_path(result):
            made = Result(tuple(tensor.shape), str(tensor.dtype).removeprefix("torch."))
            operation.results[path] = made
            frame.keep(tensor, Ref(index, path))
            if caller is not None:
                frame.pending.append((caller, tensor, made))

    def _notice(self, frame: _Frame) -> None:
        """Names the latest results after the variables that hold them."""
        for caller, tensor, result in frame.pending:
            for name, value in caller.f_locals.items():
                if value is tensor:
                    result.name = name
        frame.pending.clear()

    def _say(self, value: Any, frame: _Frame, place: SourceLine | None) -> Any:
        if not isinstance(value, torch.Tensor):
            return Scalar(value)
        found = frame.values.get(id(value))
        if found is not None:
            ref, version = found
            if version != value._version:
                message = "reads a tensor that was changed in place through another tensor (a view of it)"
                raise GapError(gap_at(message, place, "Write the operation without the trailing underscore."))
            if isinstance(ref, Ref) and ref.operation in frame.detached and torch.is_grad_enabled():
                return frame.detach(value, ref, place)
            return ref
        if id(value) in frame.held:
            return ModuleTensor(frame.held[id(value)])
        return self._constant(value, frame, place)

    def _constant(self, value: torch.Tensor, frame: _Frame, place: SourceLine | None) -> Any:
        made = None if self.origins is None else self.origins.of(value)
        if made is not None:
            return made
        raise GapError(
            gap_at(
                "reads a tensor that is not a parameter, buffer or input of its module",
                place,
                "Register it as a buffer, or pass it as an argument of `forward`.",
            )
        )

    # modules

    def call(self, original: Any, module: nn.Module, args: Any, kwargs: Any) -> Any:
        """One call of a module, recorded as its kind asks."""
        if self.paused or module in self.inlined:
            return original(module, *args, **kwargs)
        kind = type(module)
        if layer_of(kind) is not None or kind in self.opaque:
            return self.call_layer(original, module, args, kwargs)
        if not self.frames:
            return self._call_body(original, module, args, kwargs)
        try:
            if not _inlines(kind):
                return self._call_body(original, module, args, kwargs)
            self.inlined.append(module)
            try:
                return original(module, *args, **kwargs)
            finally:
                self.inlined.pop()
        except GapError as error:
            error.kinds.append(kind)
            raise

    def call_layer(self, original: Any, module: nn.Module, args: Any, kwargs: Any) -> Any:
        """One call of a layer of torch.nn: what it does within is not looked at."""
        frame = self.frames[-1] if self.frames else self._around()
        caller = caller_of(sys._getframe(2))
        place = place_of(caller)
        self._notice(frame)
        if type(module) in self.opaque:
            args, kwargs = named_where_needed(module, args, kwargs)
        said = [self._argument(one, frame, place) for one in args]
        keywords = {key: self._argument(one, frame, place) for key, one in kwargs.items()}
        operation = self._layer(module, frame, place)
        operation.args, operation.keywords = tuple(said), keywords
        self.paused += 1
        try:
            result, inner = run_alone(lambda: original(module, *args, **kwargs))
        finally:
            self.paused -= 1
        if inner is not None and operation.defaults is None:
            message = f"runs other code within a {operation.function}: a hook, or a forward method of its own"
            within = SourceLine(inner.co_filename, inner.co_firstlineno)
            raise GapError(gap_at(message, within, "Remove it before the import, or make it a module."))
        if operation.defaults is not None:
            operation.shape = _shape_of_own(result, args, kwargs, place)
        self._add(frame, operation, result, caller)
        return result

    def _layer(self, module: nn.Module, frame: _Frame, place: SourceLine | None) -> Operation:
        """A layer as an operation, without its inputs."""
        kind = type(module)
        own = kind in self.opaque
        layer = target_of(kind) if own else next(one.__name__ for one in kind.__mro__ if layer_of(one) is not None)
        path = frame.paths.get(id(module))
        if path is None:
            raise GapError(gap_at(f"runs a {layer} that is not part of its module", place))
        settings = own_settings(module) if own else settings_of(module, made_with(module), place)
        if settings is None:
            message = f"makes a {kind.__name__} with arguments that are neither numbers nor words"
            raise GapError(gap_at(message, place))
        operation = Operation(layer, (), {}, place, path, settings)
        operation.defaults = defaults_of(kind) if own else None
        if not own and is_plain(layer, settings):
            given = made_with(frame.module)
            operation.slot = next((name for name, one in given.items() if one is kind), None)
        held = dict(module.named_parameters(recurse=False))
        first = {name: frame.held[id(one)] for name, one in held.items()}
        operation.ties = {name: one for name, one in first.items() if one != f"{path}.{name}"}
        operation.holds = holds(module)
        operation.trainable = not _is_frozen(module)
        return operation

    def _around(self) -> _Frame:
        raise GapError(Gap("the model is a single layer of torch.nn", "", 0, "Put it into an nn.Sequential."))

    def _call_body(self, original: Any, module: nn.Module, args: Any, kwargs: Any) -> Any:
        outer = self.frames[-1] if self.frames else None
        caller = caller_of(sys._getframe(2))
        place = place_of(caller)
        kind: type = type(module)
        body = ModuleBody(kind, made_with(module), place=defined_at(kind))
        frame = _Frame(module, body)
        given = bound_tensors(module, args, kwargs)
        for name, tensor in given:
            if id(tensor) in frame.values:
                continue
            frame.keep(tensor, Ref(-1, (len(body.inputs),)))
            body.names.append(name)
            body.inputs.append(Result(tuple(tensor.shape), str(tensor.dtype).removeprefix("torch."), name))
        said = []
        if outer is not None:
            self._notice(outer)
            said = [self._say(one, outer, place) for one in frame.kept]
        self._describe(module, frame, body)
        self.frames.append(frame)
        try:
            result = original(module, *args, **kwargs)
            body.output = self._returned(result, frame, body)
            self._run_idle(module, frame)
            frame.tie_to_inner()
        finally:
            self.frames.pop()
        if outer is None:
            self.root = body
            return result
        path = outer.paths.get(id(module))
        if path is None:
            raise GapError(gap_at(f"runs a {type(module).__name__} that is not part of its module", place))
        operation = Operation(type(module).__name__, tuple(said), {}, place, path, body=body, holds=holds(module))
        if _is_frozen(module):
            operation.trainable = False
            thaw(body)
        self._add(outer, operation, result, caller)
        return result

    root: ModuleBody | None = None

    def _run_idle(self, module: nn.Module, frame: _Frame) -> None:
        """Records the modules that hold weights and did not run, as if they did."""
        operations = frame.body.operations
        modules = {index for index, one in enumerate(operations) if one.module is not None}
        known = [(one, frame.values[id(one)][0]) for one in reversed(frame.kept)]
        inputs = [one for one, ref in known if ref.operation == -1]
        values = [one for one, ref in known if ref.operation in modules]
        state = torch.get_rng_state()
        for idle in [*idle_modules(module, frame.body)]:
            self.paused += 1
            tried = candidates(idle, inputs, values)
            self.paused -= 1
            for one in tried:
                if id(one) not in frame.values:
                    frame.kept.append(one)
                    frame.values[id(one)] = zeros_like(one), one._version
                if accepts(idle, one):
                    operations[-1].called = False
                    break
        torch.default_generator.set_state(state)

    def _describe(self, module: nn.Module, frame: _Frame, body: ModuleBody) -> None:
        """The tensors that a module holds itself, and the order of those below it."""
        transient = module._non_persistent_buffers_set
        for name, tensor in [*module._parameters.items(), *module._buffers.items()]:
            if tensor is None:
                continue
            made = None if self.origins is None else self.origins.of(tensor)
            is_parameter = isinstance(tensor, nn.Parameter)
            body.state.append(
                StateTensor(
                    name,
                    is_parameter,
                    made if made is not None else tensor,
                    name not in transient,
                    tensor.requires_grad,
                )
            )
        seen = {key.rpartition(".")[0] for key in (*dict(module.named_parameters()), *dict(module.named_buffers()))}
        body.order = [name for name, _ in module.named_modules() if name in seen and name]

    def _returned(self, result: Any, frame: _Frame, body: ModuleBody) -> Any:
        self._notice(frame)
        place = body.operations[-1].place if body.operations else body.place
        return self._structure(result, frame, place)

    def _structure(self, value: Any, frame: _Frame, place: SourceLine | None) -> Any:
        if isinstance(value, torch.Tensor):
            return self._say(value, frame, place)
        if isinstance(value, Mapping):
            items = tuple(
                ArgumentGroup("item", (str(key), self._structure(one, frame, place))) for key, one in value.items()
            )
            return ArgumentGroup("mapping", items)
        if isinstance(value, tuple) and hasattr(value, "_fields"):
            return self._structure(dict(zip(value._fields, value, strict=True)), frame, place)
        if isinstance(value, tuple | list):
            return ArgumentGroup("list", tuple(self._structure(one, frame, place) for one in value))
        if value is None:
            return Scalar(None)
        raise GapError(
            gap_at(f"returns a {type(value).__name__}, not tensors", place, "Return tensors, tuples or dicts.")
        )

    def _argument(self, value: Any, frame: _Frame, place: SourceLine | None) -> Any:
        if isinstance(value, torch.Tensor):
            return self._say(value, frame, place)
        if isinstance(value, tuple | list):
            return ArgumentGroup("list", tuple(self._argument(one, frame, place) for one in value))
        return Scalar(value)


def _is_frozen(module: nn.Module) -> bool:
    """Whether a module has parameters, and none of them learns."""
    learning = [one.requires_grad for one in module.parameters()]
    return bool(learning) and not any(learning)


def _shape_of_own(result: Any, args: Any, kwargs: Any, place: SourceLine | None) -> Any:
    """The sizes that a class of the user's gives; None where they are those that it takes."""
    given = [one for one in (*args, *kwargs.values()) if isinstance(one, torch.Tensor)]
    if not isinstance(result, torch.Tensor) or not given or result.dtype != given[0].dtype:
        message = "runs a class that no spec can name as it is: it returns more than one tensor, or another dtype"
        raise GapError(gap_at(message, place))
    return None if result.shape == given[0].shape else ArgumentGroup("list", tuple(map(Scalar, result.shape)))


def _plain(value: Any) -> Any:
    return tuple(value) if isinstance(value, list | torch.Size) else value


def _inlines(kind: type) -> bool:
    """Whether a class is a layer of torch.nn with a forward method of its own."""
    return any(layer_of(base) is not None for base in kind.__mro__)
