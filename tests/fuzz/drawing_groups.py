"""Draws steps of several: lists, groups that read what is around them, and what brings values together at the end."""

from __future__ import annotations

from typing import Any

import torch
from drawing_layers import IN_PLACE, layer
from drawing_scopes import Scope
from drawing_steps import Steps
from naive import Frame
from naive_values import compute, destructure, read_names
from torch import Tensor


class Groups(Steps):
    """Adds lists and groups to scopes."""

    def list(self, scope: Scope, loop: dict[str, Any] | None = None) -> bool:
        """A list of layers, perhaps once for each item of a loop."""
        if not self.sketch.may("list"):
            return False
        name, source = self.source(scope)
        if name is None and not scope.must_flow:
            return False
        start = scope.flowing[0] if name is None else scope.value(name)
        if not isinstance(start, Tensor):
            return False
        items: list[Any] = []
        bound = read_names(str(loop.get("for", "")).partition(" in ")[0]) if loop else []
        x = start
        for number in range(self.random.randint(1, 4)):
            item = self.item(scope, x, bound, number, items)
            trial = [*items, item]
            probe = scope.copy()
            raw = {"layers": trial, **({"from": source} if source else {})}
            with self.sketch.draft():
                if not probe.attempt("__list", raw):
                    continue
            items = trial
            x = probe.flowing[0]
            if not isinstance(x, Tensor):
                items.pop()
                break
        return bool(items) and self.add(scope, {"layers": items, **loop} if loop else items, source)

    def item(self, scope: Scope, x: Tensor, bound: list[str], number: int, items: list[Any]) -> Any:
        """One step of a list."""
        choose = self.random.choice
        raw = layer(scope, x, self.width(scope, *(one for one in bound if one != "_")))
        raw = raw if raw is not None else "Identity"
        made = items and isinstance(items[-1], dict) and any(kind in items[-1] for kind in ("Linear", "Conv2d"))
        if made and self.sketch.may("inplace", 0.3):
            raw = {choose(IN_PLACE): {"inplace": True}}
        chance = self.random.random()
        if chance < 0.08 and self.sketch.may("nested"):
            return [raw, choose(["ReLU", "Tanh"])]
        if chance < 0.2 and self.sketch.may("loop") and not bound:
            head = self.header(scope)
            inner = layer(scope, x, self.width(scope, *read_names(str(head.get("for", "")).partition(" in ")[0])))
            if self.random.random() < 0.5:
                return {**head, "layers": [inner or "Identity", choose(["ReLU", "GELU", "Tanh"])]}
            return {**({inner: {}} if isinstance(inner, str) else inner or {"Identity": {}}), **head}
        if isinstance(raw, str):
            raw = {raw: {}} if chance < 0.5 else raw
        if isinstance(raw, dict) and chance > 0.9 and self.sketch.may("when"):
            raw = {**raw, "when": self.condition(scope, raw)}
        if isinstance(raw, dict) and 0.8 < chance < 0.9 and self.sketch.may("pattern"):
            numbers = [one for one in bound if one != "_"] or (scope.integers() if chance < 0.86 else [])
            raw = {**raw, "name": f"part{number}" + (f"_{{{numbers[0]}}}" if numbers else "")}
        return raw

    def group(self, scope: Scope, loop: dict[str, Any] | None = None) -> bool:
        """Named steps within one, which read what is around."""
        if scope.depth > 2 or not self.sketch.may("group") or (loop and not self.sketch.may("group_in_loop")):
            return False
        name, source = self.source(scope)
        if name is None:
            return False
        frames = [
            Frame(f"{frame.prefix}__g.", {**frame.names, **bound}, dict(frame.values), frame)
            for frame, bound in zip(scope.frames, self.bound(scope, loop), strict=True)
        ]
        inner = scope.inner(frames, None, [frame.values[name] for frame in scope.frames])
        inner.must_flow = True
        inner.around = {name}
        with self.sketch.draft():
            self.steps(inner, self.random.randint(1, 4))
            if inner.must_flow or not inner.steps:
                return False
            joined = self.joined(inner, name if loop else None)
        if not joined:
            return False
        return self.add(scope, {"layers": inner.steps, **(loop or {})}, source)

    def joined(self, scope: Scope, like: str | None) -> bool:
        """Brings all that nobody reads together in the last value; of a loop, in one like the first."""
        if like in scope.own and "rank_in_loop" not in self.sketch.features:
            return False  # the group has its own value of that name
        waiting = [name for name in scope.unread if name != scope.current]
        last = scope.flowing[0]
        if scope.current is None:
            waiting, last = list(scope.unread), None
        if like is None and not waiting and last is not None:
            return True
        if like is not None and not waiting and self.is_like(scope, like):
            return True
        names = [*([scope.current] if scope.current else []), *waiting]
        first = like if like is not None else next((one for one in names if self.is_float(scope, one)), None)
        if first is None:
            return False
        parts = [first, *(part for one in names if one != first for part in self.scalars(scope, one))]
        return scope.attempt(scope.fresh(), " + ".join(parts)[:190])

    def is_like(self, scope: Scope, like: str) -> bool:
        pairs = [(value, frame.values[like]) for value, frame in zip(scope.flowing, scope.frames, strict=True)]
        return all(
            isinstance(value, Tensor)
            and isinstance(other, Tensor)
            and value.shape == other.shape
            and value.dtype == torch.float32
            for value, other in pairs
        )

    def is_float(self, scope: Scope, name: str) -> bool:
        value = scope.value(name)
        return isinstance(value, Tensor) and value.dtype == torch.float32

    def scalars(self, scope: Scope, name: str) -> list[str]:
        """One number made of a value."""

        def of(text: str, value: Any) -> str:
            if isinstance(value, tuple | list):
                return of(f"{text}[0]", value[0]) if value else f"len({text})"
            return f"mean({text})" if value.dtype == torch.float32 else f"mean({text} * 1.0)"

        return [of(name, scope.value(name))]

    def header(self, scope: Scope) -> dict[str, Any]:
        choose = self.random.choice
        counts = [one for one in scope.integers() if all(frame.names[one] <= 4 for frame in scope.frames)]
        lists = [one for one in scope.numbers(list) if one.startswith("widths")]
        tables = [one for one in scope.numbers(list) if one.startswith("table")]
        taken = set(scope.frames[0].names)
        i, w = (next(one for one in names if one not in taken) for names in (("i", "j", "k2"), ("w1", "w2", "w3")))
        found: list[dict[str, Any]] = [{"repeat": 2}, {"repeat": 1}, {"for": f"{i} in range(2)"}]
        for count in counts:
            found += [{"repeat": count}, {"for": f"{i} in range({count})"}]
        for one in lists:
            found += [{"for": f"{w} in {one}"}, {"for": f"{i}, {w} in enumerate({one})"}, {"repeat": f"len({one})"}]
            found += [{"for": f"{w}, {i} in zip({one}, {one})"}]
        for one in tables:
            found += [{"for": f"{w}, {i} in {one}"}]
        return dict(choose(found))

    def bound(self, scope: Scope, loop: dict[str, Any] | None) -> list[dict[str, Any]]:
        """What a loop binds in its first round, under every setting; something, where it has none."""
        if not loop or "for" not in loop:
            return [{} for _ in scope.frames]
        target, _, text = loop["for"].partition(" in ")
        found = []
        for frame in scope.frames:
            items = compute(text, frame.names)
            found.append(destructure(target, items[0]) if items else dict.fromkeys(read_names(target), 4))
        return found

    def outputs(self, scope: Scope) -> Any:
        """What a class returns: all that nobody has read, at least; None is the last value alone."""
        if scope.must_flow:
            scope.attempt(scope.fresh(), "Identity")
        waiting = [name for name in scope.unread if name != scope.current]
        if not scope.steps:
            return []
        if scope.current is not None and scope.current in scope.own and not waiting and self.random.random() < 0.7:
            return None
        if self.random.random() < 0.5 and self.joined(scope, None) and scope.current:
            return None
        names = list(dict.fromkeys([*scope.unread, *([scope.current] if scope.current in scope.steps else [])]))
        if not names:
            names = [name for name in scope.names() if name in scope.own][-1:]
        if len(names) == 1 and self.random.random() < 0.5:
            return names[0]
        if len(names) > 6:
            return names
        if self.sketch.may("named_outputs", 0.3):
            return {f"part_{number}": name for number, name in enumerate(names)}
        return names

    def order(self, scope: Scope) -> list[str] | None:
        made = [name for name, raw in scope.steps.items() if isinstance(raw, dict | list) and "again" not in raw]
        if not made or not self.sketch.may("order", 0.12):
            return None
        return self.random.sample(made, self.random.randint(1, len(made)))
