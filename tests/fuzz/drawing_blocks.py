"""Draws blocks and loops: classes of one or several inputs and outputs, used once, several times, or in rounds."""

from __future__ import annotations

from typing import Any

from drawing_groups import Groups
from drawing_layers import layer
from drawing_scopes import Scope
from naive import Frame, Given
from naive_values import read_names

INPUTS = "x y t img tokens q a mask z m".split()
"""Names for inputs, of blocks as of networks: so the same ones stand for different things."""


class Blocks(Groups):
    """Adds blocks and loops to scopes."""

    def loop(self, scope: Scope) -> bool:
        if not self.sketch.may("loop") or scope.depth > 2:
            return False
        head = self.header(scope)
        kind = self.random.choice(["layer", "layer", "list", "group", "block", "block", "block"])
        if kind == "list":
            return self.list(scope, head)
        if kind == "group":
            return self.group(scope, head)
        if kind == "block":
            return self.block(scope, head)
        name, source = self.source(scope)
        if name is None:
            return False
        bound = [one for one in read_names(str(head.get("for", "")).partition(" in ")[0]) if one != "_"]
        raw = layer(scope, scope.value(name), self.width(scope, *bound))
        if raw is None:
            return False
        return self.add(scope, {**({raw: {}} if isinstance(raw, str) else raw), **head}, source)

    def block(self, scope: Scope, loop: dict[str, Any] | None = None) -> bool:
        if not self.sketch.may("block") or scope.depth > 1:
            return False
        if self.sketch.spec["blocks"] and self.random.random() < 0.35:
            return self.used(scope, loop)
        count = self.random.choice([1, 1, 2, 2, 3])
        if loop and "loop_of_several" not in self.sketch.features:
            count = 1
        chosen: list[str] = []
        for _ in range(count):
            name = scope.pick("float") if not chosen or self.random.random() < 0.7 else scope.pick("any")
            if name is not None:
                chosen.append(name)
        if not chosen:
            return False
        bound = self.bound(scope, loop)
        params, settings = self.parameters(scope, read_names(str((loop or {}).get("for", "")).partition(" in ")[0]))
        names = self.random.sample(INPUTS, len(chosen))
        block: dict[str, Any] = {"params": params, "inputs": self.declared(scope, names, chosen, settings)}
        frames = []
        try:
            for network, frame, extra in zip(scope.networks, scope.frames, bound, strict=True):
                known = {**frame.names, **extra}
                values = {key: network.argument(key, one, Frame("", known, {})) for key, one in settings.items()}
                inside = network.parameters(block, values)
                given = network.bound(block["inputs"], Given([None] * len(names), [frame.values[c] for c in chosen]))
                network.declared(block["inputs"], given, inside)
                frames.append(Frame("__b.", inside, given))
        except Exception:
            return False
        inner = Scope(self.sketch, scope.networks, frames, names[0] if len(names) == 1 else None, scope.depth + 1)
        inner.unread = list(names)
        with self.sketch.draft():
            self.steps(inner, self.random.randint(1, 5))
            block["layers"] = inner.steps
            block["outputs"] = self.carried(inner, names) if loop else self.outputs(inner)
            block["order"] = self.order(inner)
        if not inner.steps or block["outputs"] == []:
            return False
        self.blocks += 1
        name = f"B{self.blocks}"
        self.sketch.spec["blocks"][name] = cleaned(block)
        done = self.call(scope, name, settings, names, chosen, loop)
        if not done:
            del self.sketch.spec["blocks"][name]
        return done

    def call(
        self,
        scope: Scope,
        name: str,
        settings: dict[str, Any],
        names: list[str],
        chosen: list[str],
        loop: dict[str, Any] | None,
    ) -> bool:
        source: Any = chosen[0]
        if len(chosen) > 1:
            source = list(chosen)
            if self.random.random() < 0.4:
                pairs = list(zip(names, chosen, strict=True))
                if not loop:
                    self.random.shuffle(pairs)
                source = dict(pairs)
        elif chosen[0] == scope.current and self.random.random() < 0.6:
            source = None
        return self.add(scope, {name: settings, **(loop or {})}, source)

    def used(self, scope: Scope, loop: dict[str, Any] | None) -> bool:
        """A block that is there already, for other values."""
        name = self.random.choice(list(self.sketch.spec["blocks"]))
        block = self.sketch.spec["blocks"][name]
        settings = {}
        for key, one in (block.get("params") or {}).items():
            value = self.parameter(scope, key, one)
            if value is None:
                return False
            settings[key] = value
        chosen = [scope.pick() for _ in block["inputs"]]
        if None in chosen or (loop and len(chosen) > 1 and "loop_of_several" not in self.sketch.features):
            return False
        return self.call(scope, name, settings, list(block["inputs"]), [str(one) for one in chosen], loop)

    def parameter(self, scope: Scope, key: str, declared: Any) -> Any:
        choose = self.random.choice
        kind = declared if isinstance(declared, str) else type(declared).__name__
        if key == "act" or (kind == "str" and isinstance(declared, str) and declared[:1].isupper()):
            return choose(["GELU", "Sigmoid", *scope.numbers(str)])
        if kind == "int":
            return choose([4, 2, *scope.integers()])
        if kind == "bool":
            return choose([True, False, *scope.numbers(bool)])
        if kind == "float":
            return choose([0.5, 0.25, 2, *scope.numbers(float)])
        lists = [one for one in scope.numbers(list) if one.startswith("widths")]
        return choose([[4, 8], [4], *lists]) if kind == "list" else None

    def parameters(self, scope: Scope, loop: list[str]) -> tuple[dict[str, Any], dict[str, Any]]:
        """Parameters of a block, and what they are here."""
        params: dict[str, Any] = {}
        settings: dict[str, Any] = {}
        pool = {
            "width": "int",
            "n": "int",
            "flag": "bool",
            "scale": "float",
            "widths": "list",
            "act": "ReLU",
            "d": "int",
        }
        defaults = {"width": 4, "n": 2, "flag": True, "scale": 0.5, "widths": [4, 4], "act": "ReLU", "d": 8}
        for key in self.random.sample(list(pool), self.random.choice([0, 1, 1, 2])):
            value = self.parameter(scope, key, pool[key])
            if value is None:
                continue
            bound = [one for one in loop if one != "_"]
            if bound and pool[key] == "int" and self.random.random() < 0.7:
                value = self.random.choice(bound)
            params[key] = pool[key] if self.random.random() < 0.6 else defaults[key]
            settings[key] = value
        required = {key: one for key, one in params.items() if one in ("int", "bool", "float", "list")}
        return {**required, **params}, settings

    def declared(
        self, scope: Scope, names: list[str], chosen: list[str], settings: dict[str, Any]
    ) -> dict[str, dict[str, Any] | list[Any]]:
        """The inputs of a block, whose sizes have names."""
        known: dict[tuple[int, ...], str] = {}
        pool = [one for one in ("N", "C", "T", "D", "H", "W", "E", "M") if one not in settings]
        found: dict[str, dict[str, Any] | list[Any]] = {}
        for name, value in zip(names, chosen, strict=True):
            shape: list[Any] = []
            for axis in range(scope.value(value).dim()):
                sizes = tuple(frame.values[value].shape[axis] for frame in scope.frames)
                if sizes not in known or (self.random.random() < 0.1 and pool):
                    if not pool:
                        pool = [f"D{len(known)}"]
                    known[sizes] = pool.pop(0)
                literal = len(set(sizes)) == 1 and self.random.random() < 0.15
                shape.append(sizes[0] if literal else known[sizes])
            if len(shape) > 1 and self.random.random() < 0.15:
                shape = ["...", *shape[self.random.randint(1, len(shape) - 1) :]]
            dtype = str(scope.value(value).dtype).removeprefix("torch.")
            found[name] = shape if dtype == "float32" else {"shape": shape, "dtype": dtype}
        return found

    def carried(self, scope: Scope, names: list[str]) -> Any:
        """What a block of a loop returns: values like its first inputs."""
        count = self.random.randint(1, len(names))
        floats = [name for name in names[:count] if self.is_float(scope, name)]
        if len(floats) < count:
            count = 1
            if not self.is_float(scope, names[0]):
                return []
        texts = []
        waiting = list(scope.unread)
        for name in names[:count]:
            alike = [one for one in scope.tensors() if scope.alike(one, name) and one not in names]
            unread = [one for one in alike if one in waiting]
            text = self.random.choice(unread or alike or [name])
            waiting = [one for one in waiting if one != text]
            texts.append(text)
        texts[-1] = " + ".join([texts[-1], *(part for one in waiting for part in self.scalars(scope, one))])
        if any(len(text) > 190 for text in texts):
            return []
        for text in texts:
            scope.read(set(read_names(text)))
        return texts[0] if count == 1 else texts


def cleaned(block: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in block.items() if value is not None and value != {}}
