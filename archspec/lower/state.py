"""Parameters and Buffers: tensors that a module holds itself, each made by an expression before anything flows."""

from __future__ import annotations

from collections.abc import Container
from typing import Any

from archspec import graph
from archspec.document import StepEntry
from archspec.expressions import (
    Conditional,
    ExpressionError,
    FunctionCall,
    Index,
    Items,
    Literal,
    Name,
    Node,
    Unary,
    UndecidedError,
    Word,
    compile_value,
    replaced,
)
from archspec.graph import Flow, free_symbols, names_in
from archspec.lower.frames import Frame
from archspec.lower.initial import of_tensor
from archspec.problems import Span, echo
from archspec.refusals import RefusalError
from archspec.source import Path
from archspec.storage import CASTING, DROPPING, EXPANDING, RANDOM, VIEWS
from archspec.tensors import COMPLEX, FLOATS, TensorType, flow_text

_REFUSED = {
    "from": "its input is its expression",
    "when": "put it and the steps that read it into a group, and write `when` beside the group",
    "for": "give the tensor one more axis, and index it; or put it into a block that is repeated",
    "repeat": "give the tensor one more axis, and index it; or put it into a block that is repeated",
    "each": "give the tensor one more axis, and index it; or put it into a block that is repeated",
}
"""What is not allowed beside a Parameter or Buffer, and what to write instead."""

_SHARING = VIEWS | CASTING | DROPPING | {"positive"}
"""What these return may be the memory of their input."""


class State:
    """The tensors of one class that stand before its flow: what may be read to make further ones."""

    def __init__(self, frame: Frame) -> None:
        self.frame = frame
        self.buffers: dict[str, TensorType] = {}
        self.computed: dict[str, tuple[Node, Flow]] = {}  # what depends on no input, in terms of buffers alone
        self.lines: dict[str, graph.TensorLine] = {}  # the same, but each in terms of others

    def note(self, step: graph.Step) -> None:
        """Keeps what later tensors may be made of: a buffer, or a computation that depends on no input."""
        if step.kind == "buffer" and isinstance(step.output, TensorType):
            self.buffers[step.name] = step.output
            self.lend(step.name, step.arguments[0][1], step.output)
        if step.kind != "compute" or step.output is None:
            return
        ((_, node),) = step.arguments
        names = names_in(node)
        flowing = {name for name in names - self.known().keys() if self.frame.value(name) is not None}
        if flowing and all(map(self.is_learned, flowing)):
            self.frame.learned |= names_in(step.target)
        if "training" in names or flowing:
            return
        if any(free_symbols(self.frame.scope.get(name)) for name in names):
            return
        line = graph.TensorLine(step.target, self.resolved(node, self.lines), step.span)
        node = self.resolved(node)
        self.lines |= dict.fromkeys(names_in(step.target), line)
        if isinstance(step.target, Name):
            self.computed[step.target.name] = node, step.output
            self.lend(step.target.name, node, step.output)
        elif isinstance(step.target, Items) and isinstance(step.output, tuple):
            for place, (part, flow) in enumerate(zip(step.target.items, step.output, strict=False)):
                if isinstance(part, Name):
                    self.computed[part.name] = Index(node, Literal(place)), flow

    def lend(self, name: str, node: Node, output: Flow) -> None:
        """Keeps a tensor for groups, which compute it again: so it must be the same each time."""
        if not any(isinstance(part, FunctionCall) and part.function in RANDOM for part in node.walk()):
            self.frame.made[name] = replaced(node, {one: made for one, (made, _) in self.frame.made.items()}), output

    def around(self) -> dict[str, tuple[Node, Flow]]:
        """The tensors that stand around a group, by what a constructor computes them from."""
        found: dict[str, tuple[Node, Flow]] = {}
        for frame in reversed([*self.frame.around()][1:]):
            found |= frame.made
        return {name: one for name, one in found.items() if name not in self.frame.values}

    def cast(self, output: Flow | None) -> Flow | None:
        """The type that a tensor has in the forward method: as the module is converted to a dtype, so are they."""
        if isinstance(output, TensorType) and output.dtype in FLOATS and self.frame.lowering.floating != "float32":
            return output.to(self.frame.lowering.floating)
        return output

    def known(self) -> dict[str, Flow]:
        """The tensors that an expression of a further one may read."""
        computed = {**self.around(), **self.computed}
        return {**self.buffers, **{name: flow for name, (_, flow) in computed.items()}}

    def resolved(self, node: Node, kept: Container[str] = ()) -> Node:
        """An expression as a constructor can compute it: sizes that a `shape:` bound by their formulas.

        What other steps compute stands in it as their expressions, but for the names that are `kept`.
        """
        scope, known = self.frame.scope, self.known()
        words = {name: Word(name) for name in names_in(node) if name not in scope and name not in known}
        node = self.frame.for_constructor(replaced(node, words), scope)
        node = replaced(node, {name: one for name, (one, _) in self.computed.items() if name not in kept})
        return replaced(node, {name: one for name, (one, _) in self.around().items()})

    def lines_of(self, target: Name, node: Node, span: Span) -> tuple[graph.TensorLine, ...]:
        """How a tensor is computed, line by line; none where it is made of no other step."""
        last = graph.TensorLine(target, self.resolved(node, self.lines), span)
        wanted, found = names_in(last.node) & self.lines.keys(), [last]
        for line in reversed(list(dict.fromkeys(self.lines.values()))):
            if names_in(line.target) & wanted:
                wanted |= names_in(line.node)
                found.insert(0, line)
        return tuple(found) if len(found) > 1 else ()

    def read(self, target: Name, step: StepEntry, path: Path) -> graph.Step | None:
        """The graph's step for a Parameter or Buffer, if it can be one."""
        report, at = self.frame.report, (*path, str(step.type))
        for key, advice in _REFUSED.items():
            if getattr(step, f"{key}_" if key in ("from", "for") else key) is not None:
                message = f"`{key}:` is not allowed beside a {step.type}, which is not part of the flow"
                report.add("AS206", message, (*path, key), advice, key=True)
                return None
        if not isinstance(step.arguments, str):
            report.add("AS403", f"a {step.type} is created by an expression", at, "write `randn(n, dim) * 0.02`")
            return None
        found = self.value(step, at)
        if found is None:
            return None
        node, output = found
        if not self.is_sound(target, step, node, output, at):
            return None
        span = self.frame.span(path, key=True)
        lines = self.lines_of(target, node, span)
        node = self.resolved(node)
        kind: Any = "parameter" if step.type == "Parameter" else "buffer"
        copied, saved = may_share(node), step.persistent is not False
        made = graph.Step(
            target.name,
            kind,
            target,
            ((None, node),),
            None,
            target.name,
            (),
            output,
            span,
            copied=copied,
            saved=saved,
            lines=lines,
        )
        return of_tensor(self.frame, made, step, path) if kind == "parameter" else made

    def value(self, step: StepEntry, at: Path) -> tuple[Node, Flow | None] | None:
        """The expression and what it comes to; None (and reported) where it comes to nothing."""
        from archspec.lower.float_parameters import note_floats  # here: likewise
        from archspec.lower.tensors import tensor_value  # here: its catalogue is large, and many specs compute nothing

        report, known = self.frame.report, self.known()
        try:
            node = compile_value(step.arguments)
            names = {**self.frame.scope, **known}
            output = tensor_value(node, names)
            if not self.frame.lowering.unroll:
                note_floats(self.frame, node, names)
        except ExpressionError as error:
            if error.code == "AS303":
                error.help = self.help_for_flow(str(step.type), step.arguments) or error.help
            report.expression(error, at, step.arguments)
            return None
        except RefusalError as error:
            report.refusal(error, at, step.arguments)
            return None
        except UndecidedError:
            output = None
        if self.hides_functional(node, at):
            return None
        for name in names_in(node) & known.keys():
            next(one.values[name] for one in self.frame.around() if name in one.values).read = True
        return node, output

    def hides_functional(self, node: Node, at: Path) -> bool:
        """Whether a name of the class hides `F`, by which a constructor calls a function of torch.nn.functional."""
        from archspec.functions import FUNCTIONS  # here: it is large, and many specs compute nothing

        called = (
            [part.function for part in node.walk() if isinstance(part, FunctionCall)] if "F" in self.frame.scope else []
        )
        functional = next((name for name in called if FUNCTIONS[name].python == f"F.{name}"), None)
        if functional is not None:
            message = f"`F` is the name of torch.nn.functional in generated code, which calls `F.{functional}`"
            self.frame.report.add("AS204", message, at, "rename the parameter, for example to `features`")
        return functional is not None

    def is_learned(self, name: str) -> bool:
        """Whether a value is a weight, or made of weights alone."""
        if name in self.frame.parameters or "." in name:
            return True
        return any(name in around.learned for around in self.frame.around())

    def help_for_flow(self, kind: str, text: str) -> str:
        """Help where an expression reads what it may not."""
        read = names_in(compile_value(text)) - self.known().keys()
        flowing = sorted(name for name in read if self.frame.value(name) is not None)
        if not flowing:
            return ""
        if self.is_learned(flowing[0]):
            return f"`{flowing[0]}` is learned; a {kind} can use only numbers and the Buffers above it"
        if flowing[0] not in self.frame.values:
            return f"`{flowing[0]}` is outside of this group; a {kind} can read a Buffer there only if it is not random"
        what = "the input" if self.frame.outer is None else "the input, or on a value outside of this group"
        return f"`{flowing[0]}` depends on {what}, but a {kind} is created in the constructor"

    def is_sound(self, target: Name, step: StepEntry, node: Node, output: Flow | None, at: Path) -> bool:
        """Whether it is a tensor that a module can hold; reported if not."""
        report = self.frame.report
        if output is not None and not isinstance(output, TensorType):
            message = f"a {step.type} is a tensor, but this is {flow_text(output)}"
            report.add("AS502", message, at, "write `zeros(n)`, `randn(n, dim) * 0.02`, or `full((1,), 0.5)`")
            return False
        sizes = (self.frame.scope.get(name) for name in names_in(node) - self.known().keys())
        if free := {symbol.shown for flow in (output, *sizes) for symbol in free_symbols(flow)}:
            message = f"`{target.name}` depends on the free dimension `{min(free)}`"
            report.add("AS506", message, at, "make it a parameter or a number")
            return False
        if step.type == "Parameter" and output is not None and output.dtype not in (*FLOATS, *COMPLEX):
            message = f"a Parameter needs a gradient, which {output.dtype} tensors do not have"
            report.add("AS505", f"{message}: this is {output}", at, _floats(step.arguments, output.dtype))
            return False
        return True


def _floats(text: str, dtype: str) -> str:
    """What to write for a Parameter that is not made of floating-point numbers."""
    if dtype == "bool":
        return "write `Buffer`, or numbers: `ones(4)`"
    example = f"{text[:-1]}, dtype=float32)" if text.endswith(")") and "dtype" not in text else "zeros(4)"
    return f"write `Buffer`, or floating-point numbers: {echo(example)}"


def may_share(node: Node) -> bool:
    """Whether a tensor may share memory, with another one or among its own numbers.

    An optimizer cannot step such a tensor, and what a checkpoint loads into it changes the other one.
    """
    match node:
        case Name():
            return True
        case Unary():
            return node.operator == "+" and may_share(node.operand)
        case Index():
            return may_share(node.value)
        case Conditional():
            return may_share(node.then) or may_share(node.otherwise)
        case Items():
            return any(map(may_share, node.items))
        case FunctionCall():
            given = (*node.arguments, *(value for _, value in node.keywords))
            if node.function in EXPANDING:
                return True
            return node.function in _SHARING and bool(given) and may_share(given[0])
    return False
