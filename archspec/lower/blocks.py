"""Blocks in their places: what a step gives one, and what it makes of what flows in."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from archspec import dimensions
from archspec.document import Block, ParameterEntry, StepEntry
from archspec.expressions import Symbolic, evaluate, type_of, typed, unknown
from archspec.graph import Argument, Call, Class, Flow, Group
from archspec.lower import leading
from archspec.lower._problems import type_path
from archspec.lower.arguments import WrittenArgument, check_constant, evaluate_argument, written_arguments
from archspec.lower.block_classes import bound_class, symbolic_class
from archspec.lower.block_inputs import BlockInputs
from archspec.lower.exports import exported_sizes
from archspec.lower.frames import Frame
from archspec.lower.given import Given
from archspec.lower.inputs import size_names
from archspec.lower.lists import substitute
from archspec.lower.optional import by_name, presence_of, refuse_left_out
from archspec.lower.parameters import as_float, kind_of, misfit
from archspec.lower.signatures import block_signature, check_inputs
from archspec.lower.sites import Site
from archspec.lower.sizes import bind_sizes
from archspec.problems import Related, did_you_mean, echo
from archspec.tensors import TensorType


def call_block(frame: Frame, step: StepEntry, name: str, site: Site, given: Given) -> Call | Group:
    """A block in its place, with the class that it is there."""
    block = frame.lowering.document.blocks[name]
    if name in site.scope:
        message = f"`{name}` is the name of a block and of a number here"
        advice = f"rename one of them: call the block `{name}Block`"
        related = frame.report.declared(site.path, name, sizes=True)
        frame.report.add_to_type("AS205", message, type_path(frame.report, site.path, name), advice, related=related)
        return frame.unreadable(site.path, given)
    found = BlockCall(frame, name, site, given).read(block, step)
    return found if found is not None else frame.unreadable(site.path, given)


class BlockCall:
    """One use of a block."""

    def __init__(self, frame: Frame, name: str, site: Site, given: Given) -> None:
        self.frame = frame
        self.report = frame.report
        self.name = name
        self.site = site
        self.given = given
        self.at = type_path(frame.report, site.path, name)
        self.span = frame.span(self.at, key=True)

    def read(self, block: Block, step: StepEntry) -> Call | None:
        """The call of the block's class; None, and reported, if wrong."""
        arguments = self.arguments(block, step)
        if arguments is None:
            return None
        if any(flow is None for flow in self.given.types):
            return self.of_unknown(block, arguments)
        signature = block_signature(self.name, block)
        if not check_inputs(self.frame, signature, self.given, self.at):
            return None
        types = BlockInputs(self.frame, self.name, block, self.given, self.at).types()
        if types is None:
            return None
        block = leading.for_types(block, types)
        given = self.given = by_name(self.given, signature.inputs)
        if refuse_left_out(self.frame, self.name, signature.omissible, given, self.at):
            return None
        inputs = BlockInputs(self.frame, self.name, block, given, self.at)
        made = self.with_values if self.frame.lowering.unroll else self.in_symbols
        return made(inputs, arguments, types)

    def of_unknown(self, block: Block, arguments: dict[str, Argument]) -> Call | None:
        """On a value of which no shape is known: as it is in symbols, its sizes are missing where it needs some."""
        if self.frame.lowering.unroll or self.report.problems:
            return None
        cls = symbolic_class(self.frame, block, self.name)
        if cls is None:
            return None
        self.note_lists(cls, arguments)
        passed = tuple(arguments[parameter.name] for parameter in cls.parameters if parameter.name in arguments)
        return Call(self.site.name, cls, passed, self.given.types, None, self.span)

    def with_values(self, inputs: BlockInputs, arguments: dict[str, Argument], types: dict[str, Flow]) -> Call | None:
        """The block with the values of its parameters."""
        passed = tuple(arguments.values())
        if not check_constant(self.frame, passed, self.given, self.at):  # what the block makes of it follows
            return None
        cls = bound_class(inputs, arguments, types, self.site.container.dotted(self.site.name))
        if cls is None:
            return None
        output = substitute(cls.output, presence_of(inputs.block.inputs, self.given))
        return Call(self.site.name, cls, passed, self.given.types, output, self.span)

    def in_symbols(self, inputs: BlockInputs, arguments: dict[str, Argument], types: dict[str, Flow]) -> Call | None:
        """The block as generated code calls it: its own sizes passed on, its output in the caller's terms."""
        cls = symbolic_class(self.frame, inputs.block, self.name)
        if cls is None:
            return None
        self.note_lists(cls, arguments)
        scope: dict[str, Any] = {n: a.value for n, a in arguments.items()}
        for parameter in cls.parameters:
            if not parameter.inferred and parameter.name not in scope and parameter.default is not None:
                scope[parameter.name] = evaluate(parameter.default, scope)
        if not inputs.bind(types, scope):
            return None
        passed = tuple(self.passed(cls, arguments, scope))
        check_constant(self.frame, passed, self.given, self.at)
        declared = inputs.block.inputs
        sizes = {**_optional_sizes(inputs.block, types, scope), **scope, **presence_of(declared, self.given)}
        output = substitute(cls.output, {**sizes, **exported_sizes(self.frame, cls, self.site)})
        return Call(self.site.name, cls, passed, self.given.types, output, self.span)

    def note_lists(self, cls: Class, arguments: dict[str, Argument]) -> None:
        """Notes of what the lists are that the step gives, where the block does not say it. Of an empty one none is."""
        for parameter in cls.parameters:
            given = arguments.get(parameter.name)
            if parameter.type == "list[any]" and given is not None and given.value != ():
                self.frame.lowering.entries.add((self.name, parameter.name, type_of(given.value)))

    def passed(self, cls: Class, arguments: dict[str, Argument], scope: dict[str, Any]) -> Iterator[Argument]:
        """The arguments of the class: its inferred sizes, and what the step gives."""
        for parameter in cls.parameters:
            if parameter.inferred:
                yield Argument(parameter.name, scope[parameter.name], None, self.span)
            elif parameter.name in arguments:
                yield arguments[parameter.name]

    # Arguments.

    def arguments(self, block: Block, step: StepEntry) -> dict[str, Argument] | None:
        """The parameters that the step gives, by name; None, and reported, where one is wrong."""
        required = [one for one, parameter in block.params.items() if parameter.required]
        single = required[0] if required else next(iter(block.params), None)
        written = written_arguments(self.frame, step, self.site.path, single, list(block.params))
        if written is None:
            return None
        found: dict[str, Argument] = {}
        failed = False
        for one in written:
            argument = self.argument(block, one)
            failed = failed or argument is None
            if argument is not None:
                found[one.name] = argument
        for name in required:
            if name not in found and not failed:
                message = f"{self.name} requires `{name}`"
                self.report.add_to_type("AS403", message, self.at, f"write `{self.name}: {{{name}: …}}`")
                failed = True
        return None if failed else found

    def argument(self, block: Block, written: WrittenArgument) -> Argument | None:
        """One of them; None, and reported, where it is wrong."""
        name, where, value = written
        parameter = block.params.get(name)
        if parameter is None:
            hint = did_you_mean(name, list(block.params), f"{self.name} takes")
            edits = self.report.renaming(value, hint, where, self.site.scope)
            message, span = f"{self.name} has no parameter {echo(name)}", self.frame.span(where, key=True)
            self.report.add_at("AS402", message, span, hint, edits=edits)
            return None
        takes_words = parameter.type == "str" or isinstance(parameter.default, str)
        argument = evaluate_argument(self.frame, written, self.site.scope, takes_words=takes_words)
        if argument is None:
            return None
        if not unknown(argument.value) and (why := misfit(argument.value, parameter)):
            message = f"{echo(argument.value)} is not a valid value for `{name}` of {self.name}: {why}"
            advice = "change the value, or the limits of the block's parameter"
            place = self.frame.span(("blocks", self.name, "params", name), key=True)
            related = (Related(f"`{name}` is declared here", place), *self.report.declared(where, value))
            self.report.add("AS208", message, where, advice, related=related)
            return None
        return _as_declared(argument, parameter)


def _as_declared(argument: Argument, parameter: ParameterEntry) -> Argument:
    """A value whose type nobody has told, such as an entry of a list of all kinds, as the parameter says it is.

    An integer for a parameter of type float is written as a float.
    """
    value, kind = argument.value, kind_of(parameter, parameter.default)
    if isinstance(value, Symbolic) and value.type == "any" and kind != "layer":
        return replace(argument, value=typed(value.node, kind))
    if kind == "float" and not unknown(value):
        return replace(argument, value=float(value), node=as_float(argument.node))
    return argument


def _optional_sizes(block: Block, types: dict[str, Flow], scope: dict[str, Any]) -> dict[str, Any]:
    """The sizes that optional inputs alone have, which the block's output may depend on."""
    found = dict(scope)
    for one, declared in block.inputs.items():
        flow = types.get(one)
        if declared.list_ is not None:
            continue
        if isinstance(flow, TensorType):
            bind_sizes(list(zip(declared.axes, flow.shape, strict=False)), found, settled=True)
        for name in size_names(declared.axes) - found.keys():
            found[name] = dimensions.of(dimensions.Unknown(f"only `{one}`, which is optional, has it"))
    return found
