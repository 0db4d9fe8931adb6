"""Draws single steps: layers, expressions, Parameters and Buffers, ties, and steps that run once more."""

from __future__ import annotations

from random import Random
from typing import Any

import torch
from drawing_expressions import expression
from drawing_layers import IN_PLACE, layer, of_several
from drawing_scopes import Scope, Sketch, of_kind
from naive_values import read_names
from torch import Tensor

KINDS = {
    "layer": 6,
    "same": 3,
    "changed": 4,
    "binary": 5,
    "unpack": 3,
    "group": 2,
    "list": 2,
    "loop": 4,
    "block": 4,
    "again": 2,
    "tensor": 2,
    "several": 1,
    "alias": 1,
    "tied": 2,
    "in_place": 1,
    "each": 2,
    "rounds": 2,
    "gathered": 3,
    "of_a_list": 1,
    "uncalled": 0.5,
    "left_out": 1,
}
"""How often each kind of step is drawn; each is a method that says whether it has added one."""


class Steps:
    """Adds steps to scopes."""

    def __init__(self, seed: int, features: frozenset[str]) -> None:
        self.random = Random(seed)
        self.names = Random(~seed)  # of its own, so that the rest is drawn as it would be without
        self.sketch = Sketch(self.random, features)
        self.blocks = 0

    def steps(self, scope: Scope, count: int) -> None:
        for _ in range(count):
            for _ in range(6):
                (kind,) = self.random.choices(list(KINDS), list(KINDS.values()))
                if any(isinstance(scope.value(name), list) for name in scope.unread) and self.random.random() < 0.5:
                    kind = self.random.choice(["gathered", "gathered", "of_a_list", "unpack", "each", "rounds"])
                if scope.must_flow:
                    kind = self.random.choice(["layer", "layer", "list"])
                if getattr(self, kind)(scope):
                    break

    def add(self, scope: Scope, raw: Any, source: Any = None, key: str | None = None) -> bool:
        """Adds a step, perhaps with what may stand beside it."""
        raw = {raw: {}} if isinstance(raw, str) else raw
        loops = isinstance(raw, dict) and ("for" in raw or "repeat" in raw)
        if loops and "latten" in str(raw) and "rank_in_loop" not in self.sketch.features:
            return False
        if isinstance(raw, list):
            raw = {"layers": raw} if source is not None or self.random.random() < 0.5 else raw
        if source is not None:
            raw = {"from": source, **raw} if self.random.random() < 0.7 else {**raw, "from": source}
        single = not isinstance(source, list | dict)
        plain = isinstance(raw, dict) and ("layers" not in raw or "when_of_group" in self.sketch.features)
        if isinstance(raw, dict) and plain and self.sketch.may("when" if single else "when_of_several", 0.1):
            raw = {**raw, "when": self.condition(scope, raw)}
        key = key or scope.fresh()
        if isinstance(raw, dict) and self.sketch.may("shape", 0.08):
            raw = self.with_shape(scope, key, raw)
        if isinstance(raw, dict):
            raw = self.beside(scope, key, raw)
        if isinstance(raw, dict) and "name_beside" in self.sketch.features and self.names.random() < 0.04:
            raw = {**raw, "name": self.names.choice([f"{key}-1", f"_{key}", f"{len(scope.steps)}"])}
        if isinstance(raw, dict) and set(raw) == {next(iter(raw))} and raw[next(iter(raw))] == {}:
            raw = next(iter(raw))
        return scope.attempt(key, raw)

    def beside(self, scope: Scope, key: str, raw: dict[str, Any]) -> dict[str, Any]:
        """A step with something more said of it."""
        return raw

    def with_shape(self, scope: Scope, key: str, raw: dict[str, Any]) -> dict[str, Any]:
        """A step that says what comes out, and may so name a size."""
        probe = scope.copy()
        with self.sketch.draft():
            if not probe.attempt(key, raw) or not isinstance(probe.flowing[0], Tensor):
                return raw
        shape: list[Any] = []
        for axis in range(probe.flowing[0].dim()):
            known = probe.size(key, axis)
            name = f"{self.random.choice('LKM')}{len(scope.steps)}{axis}"
            shape.append(known if known is not None and self.random.random() < 0.7 else name)
        return {**raw, "shape": shape}

    def condition(self, scope: Scope, raw: dict[str, Any]) -> str:
        choose = self.random.choice
        found = ["flag", "not flag", "n > 1", "n == 2", "width > 4", "n > 1 and flag", "len(widths) == 2"]
        if self.sketch.may("bitwise", 0.3):
            found += ["(n & 1) == 1", "flag | (n > 1)", "flag & (width > 4)", "flag ^ (n == 2)", "n ^ 1 > 0"]
        known = [text for text in found if set(read_names(text)) <= set(scope.frames[0].names)]
        for name in scope.integers():
            known.append(f"{name} > {choose([1, 4, 6])}")
        target = str(raw.get("for", "")).partition(" in ")[0]
        known += [f"{name} {choose(['> 4', '!= 1', '== 0'])}" for name in read_names(target)] if target else []
        return choose(known or ["True"])

    def source(self, scope: Scope, kind: str = "float", rank: int | None = None) -> tuple[str | None, Any]:
        """A value to take, and `from`, where that is not the one above."""
        if scope.must_flow or (scope.current and scope.current in scope.unread and self.random.random() < 0.5):
            value = scope.flowing[0]
            if isinstance(value, Tensor) and of_kind(value, kind) and rank in (None, value.dim()):
                return scope.current, None
            if scope.must_flow:
                return None, None
        name = scope.pick(kind, rank)
        if name is None or (name == scope.current and self.random.random() < 0.7):
            return name, None
        return name, name

    def width(self, scope: Scope, *more: str) -> Any:
        names = [one for one in scope.integers() if all(0 < frame.names[one] <= 24 for frame in scope.frames)]
        lists = [f"{one}[{self.random.choice([0, -1])}]" for one in scope.numbers(list) if one == "widths"]
        found = [4, 8, 6, *names, *names, *(f"2 * {one}" for one in names), *(f"{one} + 2" for one in names), *lists]
        return self.random.choice([*found, *(more * 4)])

    def layer(self, scope: Scope) -> bool:
        name, source = self.source(scope, "int" if self.random.random() < 0.1 else "float")
        value = scope.flowing[0] if name is None and scope.must_flow else None
        if name is None and value is None:
            return False
        x = value if value is not None else scope.value(str(name))
        if not isinstance(x, Tensor):
            return False
        raw = layer(scope, x, self.width(scope))
        if raw is None:
            return False
        if source is not None and self.random.random() < 0.1:
            source = self.random.choice([f"{source} * 2", f"relu({source})", f"{source} + 1"])
        key = None
        if isinstance(raw, dict) and scope.depth == 0 and self.sketch.may("step_as_parameter", 0.03):
            names = [one for one in self.sketch.spec["params"] if one in scope.numbers(int) + scope.numbers(str)]
            key = self.random.choice(names) if names else None
        done = self.add(scope, raw, source, key)
        if done and key:
            scope.hidden.add(key)
            scope.must_flow = True
        return done

    def expression(self, scope: Scope, kind: str) -> bool:
        if scope.must_flow:
            return False
        text = expression(scope, kind)
        return text is not None and scope.attempt(scope.fresh(), text)

    def same(self, scope: Scope) -> bool:
        return self.expression(scope, "same")

    def changed(self, scope: Scope) -> bool:
        return self.expression(scope, "changed")

    def binary(self, scope: Scope) -> bool:
        return self.expression(scope, "binary")

    def alias(self, scope: Scope) -> bool:
        name = scope.pick("float")
        if name in scope.frames[0].tensors and "alias_of_tensor" not in self.sketch.features:
            return False
        return bool(name) and self.sketch.may("alias") and scope.attempt(scope.fresh(), name)

    def unpack(self, scope: Scope) -> bool:
        """Names for each of several values, or one of them by its index."""
        found = [name for name in scope.several() if name in scope.unread] or scope.several()
        if not found or not self.sketch.may("unpack"):
            return False
        name = self.random.choice(found)
        value = scope.value(name)
        if value and self.random.random() < 0.3:
            place = self.random.randrange(len(value))
            return scope.attempt(scope.fresh(), f"{name}[{place}]")
        if len(value) > 4:
            return False
        taken: list[str] = []

        def target(part: Any) -> str:
            if isinstance(part, tuple | list) and self.random.random() < 0.7:
                return f"({', '.join(map(target, part))})"
            fresh = scope.fresh()
            while fresh in taken:
                fresh = f"{fresh}{len(taken)}"
            taken.append(fresh)
            return fresh

        parts = ", ".join(map(target, value))
        return "," in parts and scope.attempt(parts, name)

    def left_out(self, scope: Scope) -> bool:
        """An expression, or a block, that an input may be left out of."""
        choose = self.random.choice
        hidden = [one for one in self.sketch.optional if one in scope.frames[0].values]
        x = scope.pick()
        if not hidden or x is None or scope.must_flow or scope.depth > 1:
            return False
        o = choose(hidden)
        if self.random.random() < 0.3:
            name, kind = f"O{len(self.sketch.spec['blocks'])}", str(scope.value(o).dtype).removeprefix("torch.")
            shapes = {
                one: [f"{one.upper()}{axis}" for axis in range(scope.value(of).dim())]
                for one, of in (("x", x), ("c", o))
            }
            inputs = {"x": shapes["x"], "c": {"shape": shapes["c"], "dtype": kind, "optional": True}}
            layers: dict[str, Any] = {"fc": {"from": "x", "Linear": 4}, "y": "fc if c is None else fc + mean(c * 1.0)"}
            self.sketch.spec["blocks"][name] = {"inputs": inputs, "layers": layers}
            if scope.attempt(scope.fresh(), {name: {}, "from": choose([[x, o], {"c": o, "x": x}, {"x": x, "c": o}])}):
                return True
            del self.sketch.spec["blocks"][name]
            return False
        lines = [f"{x} if {o} is None else {x} + mean({o} * 1.0)", f"{x} + 1 if {o} is not None else {x} * 2"]
        lines += [f"{x} * 2 if {o} is not None and training else {x}", f"{x} * {o} if {o} is not None else {x}"]
        return scope.attempt(scope.fresh(), choose(lines))

    def tensor(self, scope: Scope) -> bool:
        """A Parameter or a Buffer."""
        choose = self.random.choice
        x = scope.pick()
        last = scope.size(x, -1) if x else None
        if last is None or (isinstance(last, str) and not scope.fixed(last)):
            last = 4
        lines = [f"zeros({last})", f"ones({last})", f"randn({last}) * 0.02", "ones(1)", f"randn({last}, {last})"]
        lines += [f"full(({last},), 0.5)", f"rand(1, {last})", "tensor(0.5)", f"linspace(0, 1, {last})"]
        kind = choose(["Parameter", "Buffer"])
        if kind == "Buffer":
            lines += [f"arange({last})", f"tril(ones({last}, {last})) == 1", f"arange({last}) % 2 == 0"]
            if self.sketch.may("typed"):
                lines += [f"zeros({last}, dtype={kind})" for kind in ("int64", "float64", "bool", "int32", "float16")]
        if not self.sketch.may(kind.lower()):
            return False
        of = self.source_of_a_tensor(scope, last) if self.sketch.may("tensor_of_steps") else None
        if of is not None:
            lines = [f"{of} * 0.5", f"cumsum({of}, 0) / 4", f"flip({of}, [0]) + 0.0", f"stack([{of}, {of} * 2]) * 1.0"]
            lines += [f"sin({of} * {last})", f"{of}[:1] - 1.0"]
        return scope.attempt(scope.fresh(), {kind: choose(lines)})

    def source_of_a_tensor(self, scope: Scope, last: Any) -> str | None:
        """What a Parameter or Buffer may be made of: a buffer above, or a step that reads no input."""
        choose = self.random.choice
        buffers = [key for key, raw in scope.steps.items() if isinstance(raw, dict) and "Buffer" in raw]
        if buffers and self.random.random() < 0.4:
            return choose(buffers)
        name = scope.fresh()
        lines = [f"arange({last})", f"linspace(0, 1, {last})", f"ones({last}, {last})", f"2 ** arange({last})"]
        lines += [f"eye({last})", f"zeros({last}) + 0.5", *(f"{one} * 2" for one in buffers)]
        if not scope.attempt(name, choose(lines)):
            return None
        if self.random.random() < 0.5:
            scope.read({name})  # by what is made of it alone
        return name

    def several(self, scope: Scope) -> bool:
        found = of_several(scope) if self.sketch.may("several") else None
        return found is not None and self.add(scope, found[0], found[1])

    def tied(self, scope: Scope) -> bool:
        """A layer with a weight of another one."""
        prefix = scope.frames[0].prefix
        found = []
        for path, module in scope.networks[0].modules.items():
            if path.startswith(prefix) and isinstance(module, torch.nn.Module):
                found += [(path.removeprefix(prefix), key, one) for key, one in module.named_parameters(recurse=False)]
        found = [
            (path, key, one)
            for path, key, one in found
            if key in ("weight", "bias") and path[:1].isalpha() and "-" not in path
        ]
        if not found or not self.sketch.may("tie"):
            return False
        path, key, weight = self.random.choice(found)
        settings: dict[str, Any] = {key: f"{path}.{key}"}
        if weight.dim() == 2:
            kind = self.random.choice(["Linear", "Linear", "Embedding"])
            module = scope.networks[0].modules[prefix + path]
            width = self.written(scope, path) or weight.shape[0]
            if kind == "Linear":
                settings |= {"out_features": width, "bias": self.random.choice([True, False])}
            else:
                settings |= {"num_embeddings": weight.shape[0], "embedding_dim": weight.shape[1]}
            del module
        else:
            kind = self.random.choice(["Linear", "LayerNorm", "BatchNorm1d"])
            settings |= {"out_features": weight.shape[0]} if kind == "Linear" else {}
        name, source = self.source(scope, "int" if kind == "Embedding" else "float")
        return name is not None and self.add(scope, {kind: settings}, source)

    def written(self, scope: Scope, path: str) -> Any:
        """The `out_features` that a step above says, as it is written."""
        raw = scope.steps.get(path)
        settings = raw.get("Linear") if isinstance(raw, dict) else None
        return settings.get("out_features") if isinstance(settings, dict) else settings

    def in_place(self, scope: Scope) -> bool:
        """A layer that overwrites what the layer above has made, which nobody else reads."""
        above = scope.current
        raw = scope.steps.get(str(above))
        kinds = ("Linear", "Conv2d", "Conv1d", "LayerNorm", "BatchNorm2d", "BatchNorm1d")
        fresh = isinstance(raw, str | dict) and any(kind in raw for kind in kinds) and "when" not in raw
        if above not in scope.unread or not fresh or not self.sketch.may("inplace"):
            return False
        done = scope.attempt(scope.fresh(), {self.random.choice(IN_PLACE): {"inplace": True}})
        if done:
            scope.dead.add(str(above))
        return done

    def again(self, scope: Scope) -> bool:
        """Runs a step above once more."""
        names = []
        for name, raw in scope.steps.items():
            if isinstance(raw, str) and not raw[:1].isupper():
                continue
            if isinstance(raw, dict) and ("again" in raw or "Parameter" in raw or "Buffer" in raw):
                continue
            if "inplace" in str(raw) and "again_in_place" not in self.sketch.features:
                continue
            loops = isinstance(raw, dict) and ("for" in raw or "repeat" in raw)
            groups = isinstance(raw, list) or (isinstance(raw, dict) and "layers" in raw)
            if (loops and "again_of_loop" not in self.sketch.features) or (
                groups and "again_of_group" not in self.sketch.features
            ):
                continue
            names.append(name)
        if not names or not self.sketch.may("again"):
            return False
        name = self.random.choice(names)
        raw = scope.steps[name]
        source = raw.get("from") if isinstance(raw, dict) else None
        if isinstance(source, list):
            x = scope.pick()
            return x is not None and scope.attempt(scope.fresh(), {"again": name, "from": [x, *source[1:]]})
        if isinstance(source, dict):
            return scope.attempt(scope.fresh(), {"again": name, "from": source})
        alike = [one for one in scope.tensors() if one != source]
        x, given = self.source(scope)
        if x is None or not alike:
            return False
        return scope.attempt(scope.fresh(), {"again": name, **({"from": given} if given else {})})
