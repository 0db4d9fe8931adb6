"""What flows into a block where it is used, compared with the inputs that the block declares."""

from __future__ import annotations

from typing import Any

from archspec import dimensions
from archspec.document import Block, InputEntry
from archspec.graph import Flow, free_symbols
from archspec.lower import leading, listed
from archspec.lower.axes import input_origins
from archspec.lower.frames import Frame
from archspec.lower.given import Given
from archspec.lower.history import origin_of, size_origins
from archspec.lower.inputs import hide_sizes
from archspec.lower.sizes import Axis, are_sizes, bind_sizes
from archspec.problems import Related
from archspec.source import Path
from archspec.tensors import TensorType, flow_text

_FLOATS = ("float32", "float64", "float16", "bfloat16")
"""Where no dtype is written, a block takes any of these."""


class BlockInputs:
    """What flows into one use of a block. `at` is the place of the block's name there."""

    def __init__(self, frame: Frame, name: str, block: Block, given: Given, at: Path) -> None:
        self.frame = frame
        self.report = frame.report
        self.name = name
        self.block = block
        self.given = given
        self.at = at

    def types(self) -> dict[str, Flow] | None:
        """What flows into each input, by its name; None, and reported, where nothing flows into a required one."""
        names = list(self.block.inputs)
        found: dict[str, Flow] = {}
        positional = iter(names)
        for argument, flow in zip(self.given.names, self.given.types, strict=True):
            if flow is not None:
                found[argument if argument is not None else next(positional)] = flow
        for one, declared in self.block.inputs.items():
            if one not in found and not declared.optional:
                count = f"{len(names)} inputs" if len(names) > 1 else "1 input"
                message = f"{self.name} takes {count}; `{one}` has no value"
                place = Related(f"`{one}` is declared here", self.frame.span(self.path(one), key=True))
                advice = f"say `from: [{', '.join(names)}]`"
                self.report.add_to_type("AS203", message, self.at, advice, related=(place,))
                return None
        return found

    def path(self, name: str) -> Path:
        """Where the block declares an input."""
        return ("blocks", self.name, "inputs", name)

    def are_expressions(self) -> bool:
        """Whether every size of the declared inputs is an expression; what is none is reported."""
        found = True
        for one, declared in self.frame.lowering.document.blocks[self.name].inputs.items():
            path = self.path(one)
            key = "shape" if declared.list_ is None else "list"
            path = (*path, key) if isinstance(self.report.source.value(path), dict) else path
            hidden = listed.differing(declared)
            shape = [1 if axis in hidden else size for axis, size in enumerate(declared.axes)]
            found = are_sizes(self.frame, shape, path) and found
        return found

    def bind(self, types: dict[str, Flow], scope: dict[str, Any]) -> bool:
        """Binds the names in the inputs to the sizes that flow in; False, and reported, where they do not fit."""
        places: list[tuple[str, int]] = []
        axes: list[Axis] = []
        for one, declared in sorted(self.block.inputs.items(), key=lambda pair: pair[1].optional):
            flow = types.get(one)
            if flow is None:
                continue
            if declared.list_ is not None and not listed.is_list_of_tensors(flow):
                self.refuse_no_list(one, declared, flow)
                return False
            if declared.list_ is not None and not self.frame.lowering.unroll:
                listed.bind(one, declared, flow, scope)
            hidden = listed.differing(declared)
            for x in listed.tensors(flow) if declared.list_ is not None else [flow]:
                if not self.check_type(one, declared, x):
                    return False
                assert isinstance(x, TensorType)
                known = [axis for axis in range(x.rank) if axis not in hidden]
                places += [(one, axis) for axis in known]
                axes += [(declared.axes[axis], x.shape[axis]) for axis in known]
        wrong = bind_sizes(axes, scope, settled=not self.frame.lowering.unroll)
        if wrong is not None:
            place, problem = wrong
            self.refuse_size(*places[place], axes[place], problem)
            return False
        hide_sizes(self.block, scope)
        return True

    def refuse_no_list(self, one: str, declared: InputEntry, flow: Flow) -> None:
        """Reports what flows into an input that takes a list."""
        wanted = f"a list of {leading.written(declared.axes)}"
        message = f"{self.name} takes `{one}` as {wanted}, but {flow_text(flow)} flows in"
        advice = f'write a list of values: `from: "[{self.given.label.strip("`")}]"`'
        self.report.add_to_type("AS501", message, self.at, advice, related=self.origins(one, ()))

    def refuse_size(self, one: str, axis: int, sizes: Axis, problem: str) -> None:
        """Reports an axis of an input that has another size than the block says."""
        text, size = sizes
        declared = self.block.inputs[one]
        history = size_origins(self.given.made, (axis - len(declared.axes),)) if self.is_first(one) else ()
        message = f"axis {axis} of `{one}` does not fit {self.name}, which takes {text} there: {problem}"
        advice = ""
        if "multiple" in problem and free_symbols(size):
            advice = f"say in `inputs` what {dimensions.show(size)} is a multiple of, as {self.name} does: `{text}`"
        related = self.origins(one, history, leading.place_of(declared.axes, axis))
        self.report.add_to_type("AS502", message, self.at, advice, related=related)

    def check_type(self, one: str, declared: InputEntry, flow: Flow) -> bool:
        """Whether what flows in has as many axes as the block says, and its dtype; reported if not."""
        first = self.is_first(one)
        if not isinstance(flow, TensorType) or flow.rank != len(declared.axes):
            wanted = leading.written(declared.axes)
            wanted = f"a list of {wanted}" if declared.list_ is not None else wanted
            message = f"{self.name} takes `{one}` as {wanted}, but {flow_text(flow)} flows in"
            history = origin_of(self.given.made, lambda x: x.rank) if first else ()
            self.report.add_to_type("AS501", message, self.at, related=self.origins(one, history))
            return False
        if flow.dtype != declared.dtype and not (declared.dtype == "float32" and flow.dtype in _FLOATS):
            message = f"{self.name} takes `{one}` as {declared.dtype}, but {flow_text(flow)} flows in"
            history = origin_of(self.given.made, lambda x: x.dtype) if first else ()
            self.report.add_to_type("AS505", message, self.at, related=self.origins(one, history))
            return False
        return True

    def is_first(self, one: str) -> bool:
        """Whether it is the input whose history is known."""
        return one == next(iter(self.block.inputs))

    def origins(self, one: str, history: tuple[Related, ...], axis: int | None = None) -> tuple[Related, ...]:
        """Where the value comes from, and where the block says what it takes: an input, or one axis of it."""
        path = self.path(one)
        place = Related(f"`{one}` is declared here", self.frame.span(path, key=True))
        if axis is not None:
            written = self.report.source.value(path)
            key = "list" if isinstance(written, dict) and "list" in written else "shape"
            below = (*path, key, axis) if isinstance(written, dict) else (*path, axis)
            place = Related(f"{self.name} takes this at axis {axis}", self.frame.span(below))
        return (*input_origins(self.given), *history, place)
