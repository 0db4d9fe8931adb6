"""Draws lists of tensors: rounds side by side, what rounds collect, blocks that take a list, and what reads them."""

from __future__ import annotations

from typing import Any

from drawing_blocks import Blocks
from drawing_layers import layer
from drawing_scopes import Scope
from naive_values import read_names
from torch import Tensor

# In each, {l} is a list, {x} a tensor.
LINES = """
    cat({l}, -1)
    cat({l}, 1)
    stack({l}, 1)
    stack({l}, -1)
    sum({l})
    sum({l}) / len({l})
    {l}[0]
    {l}[-1]
    {l}[1:]
    {l}[::-1]
    reversed({l})
    cat([{x}, *{l}], -1)
    cat([*{l}, {x}], 1)
    stack([*{l}, *{l}], 0)
    [{x}, *{l}]
    [*{l}[1:], {l}[0]]
    [*reversed({l}), {x}]
    cat(reversed({l}), -1)
    {x} + mean({l}[0])
    {x} * len({l})
    ({l}[0] if len({l}) > 1 else {l}[-1])
    cat({l}[:2], -1)
    sum([mean({l}[0]), mean({l}[-1])])
    einsum('n...->n', {l}[0])
""".strip().split("\n")


class Lists(Blocks):
    """Adds lists of tensors to scopes."""

    def lists(self, scope: Scope) -> list[str]:
        """The values that are lists of tensors under every setting."""
        found = []
        for name in scope.several():
            values = [frame.values[name] for frame in scope.frames]
            if all(isinstance(one, list) and one and all(isinstance(x, Tensor) for x in one) for one in values):
                found.append(name)
        return found

    def gathered(self, scope: Scope) -> bool:
        """An expression that reads a list."""
        found = self.lists(scope)
        if not found or scope.must_flow or not self.sketch.may("lists_of_tensors"):
            return False
        unread = [name for name in found if name in scope.unread]
        line = self.random.choice(LINES).strip()
        if "*" in line.replace("* len", "") and not self.sketch.may("star"):
            return False
        return scope.attempt(
            scope.fresh(), line.format(l=self.random.choice(unread or found), x=scope.pick("float") or "")
        )

    def each(self, scope: Scope) -> bool:
        """A module side by side, once for each item: of numbers, of a list of tensors, or of both."""
        if not self.sketch.may("each") or scope.depth > 1:
            return False
        choose = self.random.choice
        found = self.lists(scope)
        if found and self.random.random() < 0.4:
            listed = choose(found)
            x = scope.value(listed)[0]
            raw = layer(scope, x, self.width(scope))
            if raw is None:
                return False
            taken = set(scope.names()) | set(scope.frames[0].names)
            f = next(one for one in ("f", "level", "one", "item") if one not in taken)
            head: dict[str, Any] = {"from": f, "each": f"{f} in {listed}"}
            if self.random.random() < 0.3:
                head = {"from": f, "each": f"i, {f} in enumerate({listed})"}
            if self.random.random() < 0.3 and self.sketch.may("shared"):
                head["shared"] = True
            return self.said(scope, {**self.as_mapping(raw), **head})
        loop = self.header(scope)
        head = {"each": loop.get("for", f"i in range({loop.get('repeat')})")}
        if "repeat" in loop:
            head = choose([head, {"each": "i in range(2)"}])
        if self.random.random() < 0.3:
            k = choose(["k", "size"])
            head = {"each": f"{k} in {choose([[1, 3], [4, 8], [2, 2, 4]])}"}
        target = head["each"].partition(" in ")[0]
        name, source = self.source(scope)
        if name is None or scope.must_flow:
            return False
        kind = choose(["layer", "layer", "list", "block"])
        given = {"from": source} if source is not None else {}
        if kind == "block" and self.sketch.spec["blocks"]:
            return self.used(scope, head)
        raw = layer(scope, scope.value(name), self.width(scope, *read_names(target)))
        if raw is None:
            return False
        if kind == "list":
            raw = {"layers": [raw, choose(["ReLU", "Tanh", "GELU"])]}
        return self.said(scope, {**self.as_mapping(raw), **head, **given})

    def said(self, scope: Scope, raw: dict[str, Any]) -> bool:
        key = scope.fresh()
        return scope.attempt(key, self.beside(scope, key, raw))

    def as_mapping(self, raw: Any) -> dict[str, Any]:
        return {raw: {}} if isinstance(raw, str) else dict(raw)

    def rounds(self, scope: Scope) -> bool:
        """A loop some of whose inputs stand anew in each round, whose rounds are collected, or share a module."""
        if scope.must_flow or scope.depth > 1:
            return False
        choose, may = self.random.choice, self.sketch.may
        head = self.header(scope)
        collect, shared = may("collect", 0.6), may("shared", 0.4)
        name, source = self.source(scope)
        if name is None:
            return False
        bound = [one for one in read_names(str(head.get("for", "")).partition(" in ")[0]) if one != "_"]
        more = {**({"collect": True} if collect else {}), **({"shared": True} if shared else {})}
        found = self.lists(scope)
        if found and may("anew", 0.5):
            listed = choose(found)
            taken = set(scope.names()) | set(scope.frames[0].names)
            f = next(one for one in ("f", "skip1", "level", "item") if one not in taken)
            text, of = choose(
                [
                    (f"i in range({len(scope.value(listed))})", f"{listed}[i]"),
                    (f"{f} in {listed}", f),
                    (f"{f} in reversed({listed})", f),
                    (f"i, {f} in enumerate({listed}, 1)", f),
                ]
            )
            return self.of_two(scope, name, listed, {"for": text, **more}, of)
        if not more:
            return False
        kind = choose(["layer", "layer", "list", "block", "used"])
        if kind == "used" and self.sketch.spec["blocks"]:
            return self.used(scope, {**head, **more})
        if kind == "block":
            return self.block(scope, {**head, **more})
        raw = layer(scope, scope.value(name), choose([*bound, self.width(scope)]) if not shared else self.width(scope))
        if raw is None:
            return False
        if kind == "list":
            raw = {"layers": [raw, choose(["ReLU", "Tanh", {"Dropout": 0.2}])]}
        given = {"from": source} if source is not None else {}
        return self.said(scope, {**self.as_mapping(raw), **head, **more, **given})

    def of_two(self, scope: Scope, name: str, listed: str, head: dict[str, Any], of: str) -> bool:
        """A loop over a block that takes what is handed on, and something that stands anew."""
        first, second = scope.value(name), scope.value(listed)[0]
        if not isinstance(first, Tensor) or not isinstance(second, Tensor) or not first.dim():
            return False
        self.blocks += 1
        block = f"B{self.blocks}"
        axes = ["N", "C", "T", "D", "H"]
        inputs = {"x": axes[: first.dim()], "s": ["N", *(f"S{n}" for n in range(1, second.dim()))]}
        ends = ["x + mean(s)", "x * sigmoid(mean(s))", "fc + mean(s)", "relu(fc) - mean(s) * x"]
        if scope.alike(name, name) and first.shape == second.shape:
            inputs["s"] = inputs["x"]
            ends += ["x + s", "fc * s", "maximum(fc, s)"]
        end = self.random.choice(ends)
        layers: dict[str, Any] = {"fc": {"from": "x", "Linear": inputs["x"][-1]}} if "fc" in end else {}
        layers["y"] = end
        outputs = {"outputs": ["y", self.random.choice(["s * 2", "mean(s)", "y - 1"])]} if "collect" in head else {}
        kept = outputs if self.random.random() < 0.6 else {}
        self.sketch.spec["blocks"][block] = {"inputs": inputs, "layers": layers, **kept}
        if scope.attempt(scope.fresh(), {block: {}, "from": [name, of], **head}):
            return True
        del self.sketch.spec["blocks"][block]
        return False

    def of_a_list(self, scope: Scope) -> bool:
        """A block that takes a list of tensors, and perhaps one more."""
        found = self.lists(scope)
        if not found or scope.must_flow or not self.sketch.may("block_of_a_list"):
            return False
        choose = self.random.choice
        listed, x = choose(found), scope.pick("float")
        items = scope.value(listed)
        rank = items[0].dim()
        fixed = [len({one.shape[axis] for one in items if one.dim() == rank}) == 1 for axis in range(rank)]
        names = ["N", *(choose([f"L{axis}", "_"]) if same else "_" for axis, same in enumerate(fixed[1:], 1))]
        inputs: dict[str, Any] = {"features": {"list": names}}
        bodies: list[dict[str, Any]] = [
            {"y": "sum([mean(f0), mean(f1)])", "f0": "features[0]", "f1": "features[-1]"},
            {"cat1": "cat(features, -1)", "y": choose(["ReLU", {"Linear": 3}, "LayerNorm"])},
            {"y": "sum(features) / len(features)"},
            {"y": {"each": "f in features", "from": "f", "Linear": choose([3, 4])}},
            {"y": "[relu(features[0]), *features[1:]]"},
            {"first": "features[0]", "fc": {"Linear": 4}, "y": "fc + len(features)"},
        ]
        layers = choose(bodies)
        layers = {key: layers[key] for key in sorted(layers, key=lambda key: key == "y")}
        source: Any = listed
        if x is not None and self.random.random() < 0.4:
            inputs["x"] = [f"X{axis}" for axis in range(scope.value(x).dim())]
            layers = {"p": "mean(x)", **layers}
            source = choose([[listed, x], {"x": x, "features": listed}])
        self.blocks += 1
        name = f"B{self.blocks}"
        outputs = {"outputs": ["y", "p"]} if "p" in layers else {}
        self.sketch.spec["blocks"][name] = {"inputs": inputs, "layers": layers, **outputs}
        if scope.attempt(scope.fresh(), {name: {}, "from": source}):
            return True
        del self.sketch.spec["blocks"][name]
        return False
