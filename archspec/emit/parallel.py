"""A plan -> `parallelize(model, mesh)`: the function that hands a model over to torch.distributed.

What it says is a few calls of PyTorch's public functions, as one would write them by hand.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from archspec.emit.gate import require
from archspec.emit.text import WIDTH, Expression, literal
from archspec.expressions import literal_text


class Style(NamedTuple):
    """How `parallelize_module` is told to treat a module: the name of a class, and its arguments by name.

    A tuple is one layout for each input of the module.
    """

    name: str
    arguments: tuple[tuple[str, str | tuple[str, ...]], ...] = ()

    def expression(self) -> Expression:
        """The call that makes it."""
        return Expression(self.name, [_argument(*pair) for pair in self.arguments])


def _argument(name: str, value: str | tuple[str, ...]) -> Expression:
    if isinstance(value, str):
        return Expression(f"{name}={value}")
    return Expression(f"{name}=", [Expression(one) for one in value], brackets="(,)")


@dataclass(frozen=True, slots=True)
class Sharding:
    """What a plan hands over: `styles` of layers by their paths, and the paths of the `blocks` that FSDP shards."""

    mesh: Sequence[str]
    """The dimensions that the mesh has."""
    styles: Mapping[str, Style] = field(default_factory=dict)
    modules: Sequence[str] = ()
    """The paths of all modules of the network."""
    ties: Mapping[str, str] = field(default_factory=dict)
    blocks: Sequence[str] = ()
    checkpoint: bool = False
    behind: Mapping[str, Style] = field(default_factory=dict)
    """Second styles, of what is done to the output of layers that have a style."""
    summed: bool = False
    """Whether the gradients of weights that are whole are of a block of the sequence, and summed up by hooks."""


IMPORTED = {
    "partial": "functools",
    "DeviceMesh": "torch.distributed",
    "fully_shard": "torch.distributed.fsdp",
    "DTensor": "torch.distributed.tensor",
    "Replicate": "torch.distributed.tensor",
    "Shard": "torch.distributed.tensor",
    "ColwiseParallel": "torch.distributed.tensor.parallel",
    "PrepareModuleInput": "torch.distributed.tensor.parallel",
    "PrepareModuleOutput": "torch.distributed.tensor.parallel",
    "RowwiseParallel": "torch.distributed.tensor.parallel",
    "SequenceParallel": "torch.distributed.tensor.parallel",
    "parallelize_module": "torch.distributed.tensor.parallel",
    "checkpoint": "torch.utils.checkpoint",
}
"""The names that the function needs, and where each is from."""


def imports(lines: Iterable[str]) -> list[str]:
    """The imports that the lines of the function need, in isort's order."""
    words = set(re.findall(r"\w+", "\n".join(lines)))
    found: dict[str, list[str]] = {}
    for name, module in IMPORTED.items():
        if name in words:
            found.setdefault(module, []).append(name)
    order = {module: sorted(names, key=_isorted) for module, names in sorted(found.items())}
    return [_import(module, names) for module, names in order.items()]


def _isorted(name: str) -> tuple[bool, str]:
    return name.islower(), name


def _import(module: str, names: list[str]) -> str:
    line = f"from {module} import {', '.join(names)}"
    if len(line) <= WIDTH:
        return line
    return "\n".join([f"from {module} import (", *(f"    {name}," for name in names), ")"])


def function(sharding: Sharding, cls: str = "nn.Module") -> list[str]:
    """The lines of `parallelize(model, mesh)`; `cls` is the class of the model."""
    lines = [
        *Expression(
            "def parallelize", [Expression(f"model: {cls}"), Expression("mesh: DeviceMesh")], tail=f" -> {cls}:"
        ).lines(),
        *_docstring(sharding),
        *_tensor_parallel(sharding),
        *_blocks(sharding),
    ]
    if "dp" in sharding.mesh:
        lines.append('    fully_shard(model, mesh=mesh["dp"])')
    lines.append("    return model")
    check(lines, cls)
    return lines


def _docstring(sharding: Sharding) -> list[str]:
    what = {"dp": "FSDP over `dp`", "tp": "layers cut over `tp`"}
    parts = " and ".join(what[name] for name in sharding.mesh if name in what)
    lines = [f'    """Shards the model over a mesh, in place: {parts}.', ""]
    lines += ["    Every rank starts from the same weights: the same seed, or a checkpoint that it"]
    lines += ["    loads afterwards."]
    if "tp" in sharding.mesh:
        lines[-1] += " Ranks of one `tp` group take the same data, and draw the same"
        lines += ["    numbers for dropout."]
    if any(style.name == "SequenceParallel" for style in sharding.styles.values()):
        lines += ["", "    The sequence that the model is given divides by the number of `tp` ranks."]
    return [*lines, '    """']


def _tensor_parallel(sharding: Sharding) -> Iterator[str]:
    for styles in filter(None, (sharding.styles, sharding.behind)):
        patterns = _patterns(styles, sharding.modules)
        pairs = [style.expression().behind(f"{literal_text(key)}: ") for key, style in patterns]
        arguments = [Expression("model"), Expression('mesh["tp"]'), Expression("", pairs, exploded=True, brackets="{}")]
        yield from Expression("parallelize_module", arguments, exploded=True).lines("    ")
    for key, other in sharding.ties.items():
        path, _, name = key.rpartition(".")
        owner = literal("", other).flat()
        yield f"    {_module(path)}.{name} = model.get_parameter({owner})  # tied again"
    if sharding.summed:
        yield "    for weight in model.parameters():  # those of a norm have seen a block of the sequence"
        yield "        if isinstance(weight, DTensor) and weight.requires_grad:"
        yield "            whole = partial(DTensor.redistribute, placements=weight.placements)"
        yield "            weight.register_hook(whole)"


def _patterns(styles: Mapping[str, Style], modules: Sequence[str]) -> Iterator[tuple[str, Style]]:
    """Layers by patterns of their paths, where a pattern fits no other layer."""
    groups: dict[tuple[str, Style], list[str]] = {}
    for path, style in styles.items():
        groups.setdefault((re.sub(r"(?<=\.)\d+(?=\.)", "*", path), style), []).append(path)
    for (pattern, style), paths in groups.items():
        fits = [path for path in modules if _fits(path, pattern)]
        if len(paths) > 1 and set(fits) == set(paths):
            yield pattern, style
        else:
            yield from ((path, style) for path in paths)


def _fits(path: str, pattern: str) -> bool:
    """Whether parallelize_module takes a path for one of a pattern: part by part."""
    one, two = path.split("."), pattern.split(".")
    return len(one) == len(two) and all(wanted in ("*", part) for part, wanted in zip(one, two, strict=True))


def _blocks(sharding: Sharding) -> Iterator[str]:
    """Checkpoints and FSDP, block by block."""
    sharded = "dp" in sharding.mesh
    if not sharded and not sharding.checkpoint:
        return
    lists: dict[str, list[str]] = {}
    for path in sharding.blocks:
        lists.setdefault(path.rpartition(".")[0], []).append(path)
    for parent, paths in lists.items():
        inside = [path for path in sharding.modules if path.rpartition(".")[0] == parent]
        if len(paths) > 1 and set(inside) == set(paths):
            yield f"    for block in {_module(parent)}.children():"
        else:
            names = Expression("    for path in ", [literal("", path) for path in paths], tail=":")
            yield from names.lines()
            yield "        block = model.get_submodule(path)"
        if sharding.checkpoint:
            yield "        block.forward = partial(checkpoint, block.forward, use_reentrant=False)"
        if sharded:
            yield '        fully_shard(block, mesh=mesh["dp"])'


def _module(path: str) -> str:
    """A module of the model: by its attributes where they are names."""
    if not path:
        return "model"
    if re.fullmatch(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)*", path, re.ASCII):
        return f"model.{path}"
    return f"model.get_submodule({literal_text(path)})"


_CALLED = {*IMPORTED, "get_parameter", "get_submodule", "children", "parameters", "isinstance", "register_hook"}
_NAMED = {*IMPORTED, "model", "mesh", "block", "path", "nn", "weight", "whole", "isinstance"}
_ALLOWED: tuple[type[ast.AST], ...] = (
    ast.FunctionDef,
    ast.arguments,
    ast.arg,
    ast.For,
    ast.If,
    ast.BoolOp,
    ast.And,
    ast.Assign,
    ast.Expr,
    ast.Return,
    ast.Call,
    ast.keyword,
)
_ALLOWED += (ast.Attribute, ast.Name, ast.Constant, ast.Dict, ast.Tuple, ast.Subscript, ast.expr_context, ast.Module)


def check(lines: Sequence[str], cls: str) -> None:
    """GateError unless the function is made of what is written here alone, whatever a module is called."""
    for node in ast.walk(ast.parse("\n".join(lines))):
        require(node, isinstance(node, _ALLOWED), "a construct")
        if isinstance(node, ast.Name):
            require(node, node.id in _NAMED or node.id == cls, "a name")
        if isinstance(node, ast.Call):
            called = node.func.id if isinstance(node.func, ast.Name) else getattr(node.func, "attr", "")
            require(node, called in _CALLED, "a call")
