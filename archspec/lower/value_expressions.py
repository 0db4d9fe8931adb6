"""Expressions over what flows, in steps, `from:` and `outputs:`."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from archspec import graph
from archspec.expressions import (
    Compare,
    ExpressionError,
    FunctionCall,
    Literal,
    Name,
    Node,
    Symbolic,
    UndecidedError,
    compile_value,
)
from archspec.graph import Branch, Flow, names_in
from archspec.lower.frames import Counting, Frame, UnknownTypeError
from archspec.lower.history import left_out, size_origins
from archspec.lower.reached import ReachedWeights
from archspec.lower.state import State
from archspec.problems import Related, echo
from archspec.refusals import RefusalError
from archspec.source import Path
from archspec.tensors import LEFT_OUT, Maybe, flow_text


def _is_unknown(flow: Any) -> bool:
    """Whether nothing is known of a value: neither what it is, nor what any of its parts is."""
    return flow is None or (isinstance(flow, tuple) and bool(flow) and all(map(_is_unknown, flow)))


class FlowNames(Counting):
    """What an expression over tensors may read: values of the flow, then parameters and sizes."""

    def __init__(self, frame: Frame) -> None:
        self.frame = frame

    def __getitem__(self, name: str) -> Any:
        value = self.frame.value(name)
        if value is not None:
            value.read = True
            if _is_unknown(value.type):
                raise UnknownTypeError(name)
            return Maybe(value.type) if value.optional else value.type
        if name == "training":
            return Symbolic(Name("training"), "bool")
        return self.frame.scope[name]

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str) and (
            name in self.frame.scope or name == "training" or self.frame.value(name) is not None
        )

    def rows(self, node: Node, text: str) -> Any:
        from archspec.lower import tensors  # here: many specs compute nothing

        return tensors.rows_of(node, self, text)

    def __iter__(self) -> Iterator[str]:
        return iter({**self.frame.scope, **self.frame.values})

    def __len__(self) -> int:
        return sum(1 for _ in self)


class ExpressionReader:
    """Reads the expressions of one class. `ahead` are the names of all its steps."""

    def __init__(self, frame: Frame, state: State, ahead: set[str]) -> None:
        self.frame = frame
        self.report = frame.report
        self.names = FlowNames(frame)
        self.ahead = ahead
        self.reached = ReachedWeights(frame, state, ahead)
        self.uncalled: set[str] = set()
        """Steps whose modules are not run."""
        self.tensors: dict[str, tuple[Path, Any]] = {}
        """The expressions of Parameters and Buffers, with their places."""

    def read(self, text: object, path: Path, *, optional: bool = False) -> tuple[Node, Any]:
        """An expression over values, and what it comes to: a Maybe only where it may be `optional`."""
        node: Node = Literal(None)
        try:
            node = self.reached.resolve(compile_value(text), path)
            self.refuse_ambiguous(node)
            self.count_names(node)
            return node, self.evaluate(node, optional)
        except ExpressionError as error:
            if error.code == "AS303" and (late := self.made_below(node, error)) is not None:
                where = "here" if late in path else "below"
                error.help = f"`{late}` is made {where}: a step can read only the steps above it"
                if late in self.uncalled:
                    error.help = f"`{late}` has `call: false`, so it has no value: remove that"
            self.report.expression(error, path, text, self.frame.scope)
            raise
        except RefusalError as error:
            self.report.refusal(error, path, text, tuple(self.origins(text, error.axes)))
            raise UnknownTypeError(str(text)) from None
        except UndecidedError as undecided:
            self.refuse_undecided(node, undecided, text, path)
            return node, None
        except UnknownTypeError:
            if self.frame.lowering.unroll or self.report.problems or self.refuse_either(node, path):
                raise
            return node, None  # of a value whose shape depends on a parameter: so does this one's

    def refuse_either(self, node: Node, path: Path) -> bool:
        """Refuses `sum` and its like of a list or a tensor, as a condition decides: they are two functions."""
        for part in node.walk():
            if isinstance(part, FunctionCall) and part.function in ("max", "min", "sum") and part.arguments:
                name = part.arguments[0].name if isinstance(part.arguments[0], Name) else ""
                value = self.frame.value(name)
                item = getattr(value.made.item, "item", None) if value is not None and value.made is not None else None
                if isinstance(item, Branch) and item.items and isinstance(item.items[-1].output, tuple):
                    message = f"`{name}` is a list only if {echo(item.condition.text)} is true"
                    advice = f"choose between two values: `{part.text} if {item.condition.text} else …`"
                    self.report.add("AS508", message, path, advice)
                    return True
        return False

    def refuse_undecided(self, node: Node, undecided: UndecidedError, text: object, path: Path) -> None:
        """Refuses what has to be known when it is written, where it depends on a free dimension."""
        names = (self.frame.scope.get(part.name) for part in node.walk() if isinstance(part, Name))
        free = sorted(symbol.shown for value in names for symbol in graph.free_symbols(value))
        if not self.frame.lowering.unroll:
            return
        what = f"on the free dimension `{free[0]}`: {undecided}" if free else f"on the call: {undecided}"
        message, advice = f"this must be known, but it depends {what}", "write a number, or an expression of parameters"
        self.report.add("AS506", message, path, advice)
        raise UnknownTypeError(str(text))

    def count_names(self, node: Node) -> None:
        """Counts what an expression reads as read: in both branches of a condition, whichever is taken here."""
        self.frame.count_as_read(names_in(node))
        for part in node.walk():
            if isinstance(part, Compare) and {"is", "is not"} & set(part.operators):
                self.refuse_never_none(part)

    def refuse_never_none(self, node: Compare) -> None:
        """Refuses to compare a value with None that is none in any call."""
        for side in node.operands:
            value = self.frame.value(side.name) if isinstance(side, Name) else None
            known = value is not None and value.type is not None  # else what is wrong with it is told
            if value is not None and known and not value.optional and isinstance(side, Name):
                message, advice = f"`{side.name}` is never None", "only an input with `optional: true` can be None"
                raise ExpressionError("AS304", message, advice, side.offset, len(side.name))

    def evaluate(self, node: Node, optional: bool) -> Any:
        """What an expression comes to: a type, or a number."""
        from archspec.lower import presence, tensors  # here: their catalogue is large, and many specs compute nothing
        from archspec.lower.float_parameters import note_floats  # here: likewise

        first = next(iter(self.frame.values.values()), None)
        if first is not None and first.optional:
            presence.refuse_creation(node, first.label)
        if not self.frame.lowering.unroll:
            note_floats(self.frame, node, self.names)
        if not optional:
            return tensors.present(node, self.names)
        value = tensors.tensor_value(node, self.names)
        return LEFT_OUT if value is None else value

    def made_below(self, node: Node, error: ExpressionError) -> str | None:
        """The name that an expression reads too early, if that is what is wrong."""
        names = (part for part in node.walk() if isinstance(part, Name) and part.offset == error.offset)
        return next((part.name for part in names if part.name in self.ahead), None)

    def refuse_ambiguous(self, node: Node) -> None:
        """Refuses a name that stands for a step and for a parameter."""
        for part in node.walk():
            if isinstance(part, Name) and part.name in self.frame.scope and self.frame.value(part.name) is not None:
                message = f"`{part.name}` is a step and a parameter"
                raise ExpressionError("AS205", message, "rename the step", part.offset, len(part.name))

    def origins(self, text: object, axes: tuple[int, ...]) -> Iterator[Related]:
        """Where the values of an expression come from, and the sizes of the axes that differ, for a message."""
        try:
            node = compile_value(text)
        except ExpressionError:
            return
        for name in sorted(names_in(node)):
            value = self.frame.value(name)
            if value is not None and value.type is not None:
                yield Related(f"{value.label} is {flow_text(value.type)}", value.span)
                yield from size_origins(value.made, axes)
                if name in self.tensors and axes:
                    yield from self.report.declared(*self.tensors[name])
                if value.made is not None and (condition := left_out(value.made)) is not None:
                    yield condition

    def types_read(self, node: Node) -> Iterator[Flow | None]:
        """The types of the values that an expression reads, in order."""
        for part in node.walk():
            value = self.frame.value(part.name) if isinstance(part, Name) else None
            if value is not None:
                yield value.type
