"""The steps of one block, in the order of flow."""

from __future__ import annotations

from collections import Counter
from typing import Any

from archspec.importer.blocks import Blocks
from archspec.importer.grouping import Region, is_chain, is_pattern, is_sequential, reads_of
from archspec.importer.inlining import again, is_next
from archspec.importer.naming import BlockNames, UnwritableError, clean, lowered, pattern_of, word_of
from archspec.importer.nodes import Apply, ArgumentGroup, ModuleBody, Operation, Ref, Scalar
from archspec.importer.phrases import (
    LONGEST,
    expression_of,
    header,
    in_order,
    is_list,
    joined_conditions,
    layer_step,
    mapping_of,
    order_of,
    shares_container,
    source_of,
    value_of,
)
from archspec.importer.remarks import StepComments
from archspec.importer.saying import Printer, rank_of
from archspec.importer.templates import BlockTemplate, LoopTemplate, references_in

_LONG = 64
_ATOM = 20


class Steps:
    """Writes the steps of one block."""

    def __init__(self, blocks: Blocks, variant: BlockTemplate, parameters: set[str]) -> None:
        self.blocks = blocks
        self.variant = variant
        assert variant.template is not None
        self.body: ModuleBody = variant.template
        self.steps: dict[str, Any] = {}
        axes = {name for one in variant.axes for name in one if isinstance(name, str)}
        self.names = BlockNames({*parameters, *axes, *self.body.names, "training", "i"})
        self.parameters = parameters
        self.inputs = [clean(name) for name in self.body.names]
        self.modules: dict[str, str] = {}
        self.reads = Counter(index for one in (*self.body.operations, self.body.output) for index in reads_of(one))
        self.last: Any = Ref(-1, (0,)) if len(self.inputs) == 1 else None
        self.inlined: dict[int, tuple[str, int]] = {}
        self.printer = Printer(self._value, self._held)

    def entries(self) -> dict[str, Any]:
        """`inputs`, `layers`, `outputs` and `order` of the block."""
        inputs = {}
        for name, given, axes in zip(self.inputs, self.body.inputs, self.variant.axes, strict=True):
            shape = list(axes)
            inputs[name] = shape if given.dtype == "float32" else {"shape": shape, "dtype": given.dtype}
        found: dict[str, Any] = {"inputs": inputs}
        only = self.body.operations[0] if len(self.body.operations) == 1 else None
        if isinstance(only, LoopTemplate) and is_pattern(only.container):
            made = mapping_of(self._marked(self._listed(only.round), only.round))
            return {**found, "layers": [{**made, **header(self.printer, only, named=True), "name": only.container}]}
        if is_chain(self.body) and (chain := self._chain(self.body)) is not None and isinstance(chain, list):
            return {**found, "layers": chain}
        self._reserve()
        comments = StepComments(self.body.kind)
        for state in self.body.state:
            self._state(state)
            comments.add(self.steps, state.name, None)
        for index, one in in_order(self.body):
            self._operation(index, one)
            call = one.round if isinstance(one, LoopTemplate) else one
            comments.add(self.steps, one.container if isinstance(one, LoopTemplate) else one.module, call.place)
        outputs = self._outputs()
        if not self.steps:  # it gives back what it takes
            self.steps[self.names.free("output")] = self.inputs[0]
        found["layers"] = comments.beside(self.steps)
        if outputs is not None:
            found["outputs"] = outputs
        order = order_of(self.steps, self.body)
        if order:
            found["order"] = order
        return found

    def _reserve(self) -> None:
        """Names of modules and tensors come first: they are keys of the state_dict."""
        for state in self.body.state:
            self.modules[state.name] = self._own_name(state.name)
        for one in self.body.operations:
            if isinstance(one, LoopTemplate):
                self.modules[f"{one.container}.{one.start}…"] = self._own_name(one.container)
            elif one.module is not None and one.module not in self.modules:
                self.modules[one.module] = self._own_name(one.module)

    def _own_name(self, path: str) -> str:
        name = lowered(clean(path))
        if path in self.parameters and path not in self.modules.values():
            self.names.taken.discard(name)  # a step may bear the name of a parameter that only its arguments read
        return self.names.free(name)

    # tensors of the block itself

    def _state(self, state: Any) -> None:
        kind = "Parameter" if state.is_parameter else "Buffer"
        step: dict[str, Any] = {kind: expression_of(state.made, state.name, self.printer, self.names, self.steps)}
        if not state.is_parameter and not state.persistent:
            step["persistent"] = False
        if state.is_parameter and not state.trainable:
            step["trainable"] = False
        step.update(self._when(state.kept))
        name = self.modules[state.name]
        if name != state.name:
            step["name"] = state.name
        self.steps[name] = step

    # operations

    def _operation(self, index: int, one: Any) -> None:
        if isinstance(one, LoopTemplate):
            self._rounds(index, one)
        elif one.module is None:
            self._function(index, one)
        else:
            self._module(index, one)

    def _function(self, index: int, one: Operation) -> None:
        text, rank = self.printer.applied(one.function, one.args, one.keywords)
        while len(text) > LONGEST and self._spelled_out(one):
            text, rank = self.printer.applied(one.function, one.args, one.keywords)
        if len(text) > LONGEST:
            whole = Apply(one.function, one.args, tuple(one.keywords.items()))
            text = expression_of(whole, one.function, self.printer, self.names, self.steps)
        condition = self._when(one.kept).get("when")
        if condition is not None:
            text, rank = f"{text} if {condition} else {self._passed(one)}", 0
        if self._may_inline(index, one, text):
            self.inlined[index] = text, rank
            return
        if not one.single:
            self._several(index, one, text)
            return
        result = one.results[()]
        name = self.names.free(result.name, word_of(one.function))
        self.steps[name] = text
        self._named(index, (), name)

    def _spelled_out(self, one: Any) -> bool:
        """Gives the longest expression within the arguments of a call a step of its own; False where there is none."""
        lengths = {ref: len(self._value(ref)[0]) for ref in references_in(one) if ref.operation in self.inlined}
        if not lengths:
            return False
        ref = max(lengths, key=lambda found: lengths[found])
        text, made = self._value(ref)[0], self.body.operations[ref.operation]
        del self.inlined[ref.operation]
        name = self.names.free(made.results[ref.path].name, word_of(made.function))
        self.steps[name] = text
        self._named(ref.operation, ref.path, name)
        return True

    def _may_inline(self, index: int, one: Operation, text: str) -> bool:
        if self.reads[index] != 1 or (not one.single and len({ref.path for ref in self._refs(index)}) != 1):
            return False
        name = next(iter(one.results.values())).name
        if name is not None and name not in self.inputs and name not in self.names.taken and not again(self.body, name):
            return False
        return len(text if one.single else f"{text}[0]") <= _LONG and is_next(self.body, index)

    def _refs(self, index: int) -> list[Ref]:
        found: list[Ref] = []
        for one in (*self.body.operations, self.body.output):
            found += [ref for ref in references_in(one) if ref.operation == index]
        return found

    def _several(self, index: int, one: Any, text: str) -> None:
        """Unpacks what returns several values: into names, or one of them by its place."""
        paths = {ref.path for ref in self._refs(index)}
        if len(paths) == 1:
            path = next(iter(paths))
            result = one.results.get(path)
            name = self.names.free(result.name if result else None, word_of(one.function))
            self.steps[name] = f"{text}{''.join(f'[{part}]' for part in path)}"
            self._named(index, path, name)
            return
        named = {}
        for path, result in one.results.items():
            named[path] = self.names.free(result.name, f"{word_of(one.function)}_{'_'.join(map(str, path))}")
            self._named(index, path, named[path])
        self.steps[pattern_of(named)] = text
        self.last = None  # several values do not flow

    def _module(self, index: int, one: Operation) -> None:
        assert one.module is not None
        name = self.modules[one.module]
        again = name in self.steps
        step: Any
        if again:
            step = {"again": name}
            name = self.names.free(*(result.name for result in one.results.values()), name)
        else:
            step = self._kind(one)
            if name != one.module:
                step = {**mapping_of(step), "name": one.module}
            step = self._marked(step, one)
        if when := self._when(one.kept):
            step = {**mapping_of(step), **when}
        step = self._with_input(step, one, again)
        self.steps[name] = step
        if one.called:
            self._flows(index, one, name)

    def _marked(self, step: Any, one: Operation) -> Any:
        """A module's step with what it says besides its layer."""
        marks: dict[str, Any] = {} if one.trainable else {"trainable": False}
        if not one.called:
            marks["call"] = False
        if one.shape is not None:
            marks["shape"] = [value_of(self.printer, size) for size in one.shape.items]
        return {**mapping_of(step), **marks} if marks else step

    def _flows(self, index: int, one: Any, name: str) -> None:
        if one.single:
            self._named(index, (), name)
            return
        paths = {ref.path for ref in self._refs(index)}
        if len(paths) == 1:
            (path,) = paths
            self.names.values[index, path] = f"{name}{''.join(f'[{part}]' for part in path)}"
        elif paths:
            self._several(index, one, name)
        self.last = None

    def _named(self, index: int, path: tuple[Any, ...], name: str) -> None:
        self.names.values[index, path] = name
        self.last = Ref(index, path)

    def _kind(self, one: Operation, given: tuple[Any, ...] = ()) -> Any:
        """A module as a step: its layer with arguments, its block with parameters, or its steps.

        `given` is what the first round of a loop takes.
        """
        if one.body is None:
            return layer_step(self.printer, one)
        if one.body.kind is Region:
            around = [self.printer.text(arg) for arg in given or one.args]
            return {"layers": self._mapped(one.body, around, f"{one.module}_")}
        if is_sequential(one.body):
            return self._in_place(one.body)
        variant = self._variant(one)
        settings = {name: value_of(self.printer, value) for name, value in one.settings.items()}
        return {variant.name: settings} if settings else variant.name

    def _listed(self, one: Operation, given: tuple[Any, ...] = ()) -> Any:
        """A module within a list or a loop, where rounds of a Sequential would be rounds of what is around it."""
        if one.body is not None and one.body.kind is not Region and is_sequential(one.body):
            return {"layers": self._chain(one.body)}
        return self._kind(one, given)

    def _in_place(self, body: ModuleBody) -> Any:
        """A Sequential where it stands: equal steps as one that is repeated, else a list of them."""
        only = body.operations[0] if len(body.operations) == 1 else None
        if isinstance(only, LoopTemplate) and only.start == 0 and is_chain(body):
            return {**mapping_of(self._marked(self._kind(only.round), only.round)), **header(self.printer, only)}
        return {"layers": self._chain(body)}

    def _variant(self, one: Operation) -> BlockTemplate:
        return self.blocks.by_body[id(one.body)][0]

    def _chain(self, body: ModuleBody) -> Any:
        """The steps of a Sequential: a list, or a mapping where its modules have names."""
        if not is_chain(body):
            return self._mapped(body)
        numbers = [str(one.start) if isinstance(one, LoopTemplate) else str(one.module) for one in body.operations]
        plain = all(number.isdigit() for number in numbers) and numbers[0] == "0"
        expected = 0
        for one in body.operations:
            if plain and not isinstance(one, LoopTemplate) and one.module != str(expected):
                plain = expected < 0
            if isinstance(one, LoopTemplate):
                expected = -1  # how many there are may depend on parameters
            elif expected >= 0:
                expected += 1
        if not plain:
            return self._mapped(body)
        return joined_conditions([self._item(one) for one in body.operations])

    def _item(self, one: Any) -> Any:
        """A step of a list."""
        if isinstance(one, LoopTemplate):
            if one.count == Scalar(1) and not one.items and not one.counted:
                return self._item(one.round)
            inner = self._marked(self._listed(one.round), one.round)
            if isinstance(inner, dict) and "layers" in inner and isinstance(inner["layers"], list):
                inner = {"layers": [inner["layers"]]}
            return {**mapping_of(inner), **header(self.printer, one)}
        kind = self._marked(self._listed(one), one)
        if when := self._when(one.kept):
            return {**mapping_of(kind if not is_list(kind) else {"layers": [kind["layers"]]}), **when}
        if isinstance(kind, dict) and list(kind) == ["layers"] and isinstance(kind["layers"], list):
            return kind["layers"]
        return kind

    def _mapped(self, body: ModuleBody, around: list[str] | None = None, stem: str = "") -> dict[str, Any]:
        """The steps of a group; `around` are the names outside of it that it reads, None where one value flows in."""
        inner = Steps.__new__(Steps)
        inner.__dict__.update(self.__dict__)
        inner.body = body
        inner.steps = {}
        inner.names = BlockNames(
            {
                *(self.names.taken if around is not None else ()),
                *self.parameters,
                *body.names,
                "training",
                "i",
                *(name for one in self.variant.axes for name in one if isinstance(name, str)),
            }
        )
        inner.inputs = around or []
        inner.modules = dict(self.modules) if around is not None else {}
        inner.reads = Counter(index for one in (*body.operations, body.output) for index in reads_of(one))
        inner.last = next(iter(body.operations[0].args), None)
        inner.inlined = {}
        inner.printer = Printer(inner._value, inner._held)
        for one in body.operations:
            if isinstance(one, LoopTemplate):
                raise UnwritableError("a loop among named modules of a Sequential")
            if one.module is not None:
                inner.modules[one.module] = inner.names.free(_step_name(one.module, stem))
        for index, one in enumerate(body.operations):
            inner._operation(index, one)
        if inner.last != body.output:
            if around is None:
                raise UnwritableError("a Sequential whose result is not that of its last step")
            inner.steps[inner.names.free("values")] = inner.printer.text(body.output)
        return inner.steps

    def _rounds(self, index: int, one: LoopTemplate) -> None:
        inner = self._marked(self._listed(one.round, one.args), one.round)
        whole = one.container and one.start == 0 and "." not in one.container and not shares_container(self.body, one)
        key = f"{one.container}.{one.start}…"
        name = self.modules[key]
        if not whole and one.count == Scalar(1) and not one.items and not one.counted:
            step = {**mapping_of(inner), "name": f"{one.container}.{one.start}"}
        else:
            step = {**mapping_of(inner), **header(self.printer, one, named=not whole)}
            if not whole:
                if not one.container:
                    raise UnwritableError("a loop that stands in no container")
                step["name"] = f"{one.container}.{{i}}"
        self.steps[name] = self._with_input(step, one, False)
        self._flows(index, one, name)

    def _when(self, kept: Any) -> dict[str, Any]:
        """The key that says whether a step is there; none where it always is."""
        return {} if kept is True or kept == Scalar(True) else {"when": self.printer.text(kept)}

    def _passed(self, one: Operation) -> str:
        if one.passed is None:
            raise UnwritableError("an expression that only some uses have, and nothing that stands for it")
        return self.printer.text(one.passed)

    # inputs of modules

    def _with_input(self, step: Any, one: Any, again: bool) -> Any:
        source = source_of(self.printer, one, self.last)
        while _longest(source) > LONGEST:
            if not self._spelled_out(one):
                raise UnwritableError("an argument of a module is an expression that is too long")
            source = source_of(self.printer, one, self.last)
        if source is None:
            return step
        return {"from": source, **mapping_of(step)} if not again else {**step, "from": source}

    def _value(self, ref: Ref) -> tuple[str, int]:
        if ref.operation == -1:
            return self.inputs[int(ref.path[0])], _ATOM
        if ref.operation in self.inlined:
            text, rank = self.inlined[ref.operation]
            if ref.path:
                text = f"({text})" if rank < _ATOM else text
                return f"{text}{''.join(f'[{part}]' for part in ref.path)}", _ATOM
            return text, rank
        text = self.names.values[ref.operation, ref.path]
        return text, rank_of(text)

    def _held(self, name: str) -> str:
        if name in self.modules:
            return self.modules[name]
        path, rest = name, ""
        while path not in self.modules:
            path, _, part = path.rpartition(".")
            if not path:
                raise UnwritableError(f"the weight `{name}` is of no module above")
            rest = f".{part}{rest}"
        return f"{self.modules[path]}{rest}"

    # what comes out

    def _outputs(self) -> Any:
        output = self.body.output
        if isinstance(output, Ref) and output == self.last:
            return None
        if isinstance(output, ArgumentGroup) and output.kind == "mapping":
            return {str(item.items[0]): self.printer.text(item.items[1]) for item in output.items}
        if isinstance(output, ArgumentGroup) and all(not isinstance(one, ArgumentGroup) for one in output.items):
            return [self.printer.text(one) for one in output.items]
        self.steps[self.names.free("output", "result")] = self.printer.text(output)
        return None


def _step_name(module: str, stem: str) -> str:
    """What a module of a group is called: one of a list of the class, `layers.{i}`, as an item of that."""
    if "{" in module:
        return module.partition(".")[0].removesuffix("s")
    return f"{stem}{module}" if module.isdigit() else module


def _longest(source: Any) -> int:
    """How long the longest expression is that a `from` holds."""
    items = source.values() if isinstance(source, dict) else source if isinstance(source, list) else (source,)
    return max((len(one) for one in items if isinstance(one, str)), default=0)
