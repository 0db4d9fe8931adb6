"""Makes a spec that fails smaller, as long as it fails in the same way."""

from __future__ import annotations

import ast
import copy
import re
from collections.abc import Callable, Iterator
from typing import Any

from drawing_scopes import entries, reads_of, runs_again
from naive_values import read_names

Spec = dict[str, Any]
Path = tuple[str | int, ...]


def shrink(spec: Spec, fails: Callable[[Spec], bool], most: int = 500) -> Spec:
    """The smallest spec found by up to `most` tries, each of which fails as the first one does."""
    tries = 0
    smaller = True
    while smaller:
        smaller = False
        for candidate in map(repaired, candidates(spec)):
            if size(candidate) >= size(spec):
                continue
            tries += 1
            if tries > most:
                return spec
            if fails(candidate):
                spec, smaller = candidate, True
                break
    return spec


def repaired(spec: Spec) -> Spec:
    """Without blocks, parameters and inputs that nothing uses any more; what nobody reads is returned."""
    result = copy.deepcopy(spec)
    try:
        for one in (result, *(result.get("blocks") or {}).values()):
            returned(one, own=one is not result)
        without_unused(result)
    except (AttributeError, LookupError, TypeError, SyntaxError, ValueError):
        return spec  # no spec at all: the judge refuses it
    return {key: one for key, one in result.items() if one not in ({}, None)}


def without_unused(spec: Spec) -> None:
    blocks = spec.get("blocks") or {}
    while unused := [name for name in blocks if not uses(name, [spec["layers"], *rest(blocks, name)])]:
        for name in unused:
            del blocks[name]
    everything = {key: one for key, one in spec.items() if key != "params"}
    for name in list(spec.get("params") or {}):
        if not uses(name, everything):
            del spec["params"][name]


def rest(blocks: dict[str, Any], name: str) -> list[Any]:
    return [one for key, one in blocks.items() if key != name]


def uses(name: str, value: Any) -> bool:
    return bool(re.search(rf"\b{name}\b", str(value)))


def returned(cls: dict[str, Any], own: bool) -> None:
    """Lets a class return the values that nobody reads."""
    layers = cls["layers"]
    if not isinstance(layers, dict) or not layers:
        return
    names = [name for key in layers for name in read_names(key)]
    current, read = (next(iter(cls["inputs"])) if len(cls["inputs"]) == 1 else None), set()
    for key, raw in layers.items():
        tensor = isinstance(raw, dict) and ("Parameter" in raw or "Buffer" in raw)
        again = key.isidentifier() and runs_again(raw, layers)
        expression = isinstance(raw, str) and not raw[:1].isupper() and not again
        if not tensor and not expression and not (isinstance(raw, dict) and "from" in raw):
            read.add(current)
        read |= set() if tensor or again else reads_of(raw)
        current = current if tensor else key
    for key in [key for key, raw in layers.items() if isinstance(raw, dict) and {"Parameter", "Buffer"} & raw.keys()]:
        if key not in read:
            del layers[key]
            names.remove(key)
    outputs = cls.get("outputs")
    texts = list(outputs.values() if isinstance(outputs, dict) else entries(outputs or []))
    valid = [text for text in texts if set(read_names(text)) <= {*names, *cls["inputs"], *cls.get("params", {})}]
    waiting = [name for name in names if name not in read]
    if not own:
        for name in [one for one in cls["inputs"] if one not in read]:
            if len(cls["inputs"]) > 1 and not uses(name, [layers, outputs]):
                del cls["inputs"][name]
    else:
        waiting += [name for name in cls["inputs"] if name not in read]
    told = {name for text in valid for name in read_names(text)}
    missing = [name for name in waiting if name not in told]
    if not missing and len(valid) == len(texts):
        return
    if outputs is None and missing == [current]:
        return
    wanted = [*valid, *missing]
    cls["outputs"] = wanted if len(wanted) != 1 else wanted[0]


def size(value: Any) -> int:
    if isinstance(value, dict):
        return sum(2 + size(one) for one in value.values())
    if isinstance(value, list):
        return 1 + sum(map(size, value))
    if isinstance(value, str):
        return 1 + len(re.findall(r"\w+|[^\w\s]", value))
    return 1


def candidates(spec: Spec) -> Iterator[Spec]:
    """Smaller specs, those that lose most first."""
    for path in sorted(layers_of(spec), key=len):
        yield from without_steps(spec, path)
    for path, value in list(nodes(spec)):
        if isinstance(value, dict):
            for key in list(value):
                if (*path, key) not in (("inputs",), ("layers",)):
                    yield changed(spec, (*path, key), None, drop=True)
        elif isinstance(value, list):
            for place in range(len(value)):
                yield changed(spec, (*path, place), None, drop=True)
    for path, value in list(nodes(spec)):
        yield from hoisted(spec, path, value)
    for path, value in list(nodes(spec)):
        if isinstance(value, str) and path[:1] != ("params",):
            for text in parts(value):
                yield changed(spec, path, text)


def layers_of(spec: Spec) -> list[Path]:
    """Where mappings of steps are."""
    return [path for path, value in nodes(spec) if path and path[-1] == "layers" and isinstance(value, dict)]


def without_steps(spec: Spec, path: Path) -> Iterator[Spec]:
    """Without some steps of a mapping, whose readers read another value in their place."""
    steps = list(at(spec, path))
    for last in range(1, len(steps)):
        shorter = changed(spec, path, {key: at(spec, path)[key] for key in steps[:last]})
        around = at(shorter, path[:-1])
        if "outputs" in around:
            del around["outputs"]
        yield shorter
    for key in steps:
        before = at(spec, path)
        rest = {one: raw for one, raw in before.items() if one != key}
        yield changed(spec, path, rest)
        others = [*steps[: steps.index(key)][-2:], *at(spec, path[:-1]).get("inputs", {})]
        for name in re.findall(r"\w+", key):
            for other in others:
                if re.fullmatch(r"\w+", other):
                    replaced = changed(spec, path, rest)
                    at(replaced, path[:-1]).update(renamed(at(replaced, path[:-1]), name, other))
                    yield replaced


def renamed(value: Any, name: str, other: str) -> Any:
    """The same with another name read in expressions."""
    if isinstance(value, dict):
        return {key: renamed(one, name, other) for key, one in value.items()}
    if isinstance(value, list):
        return [renamed(one, name, other) for one in value]
    return re.sub(rf"\b{name}\b", other, value) if isinstance(value, str) else value


def hoisted(spec: Spec, path: Path, value: Any) -> Iterator[Spec]:
    """A part in place of the whole."""
    if isinstance(value, dict) and path:
        for one in value.values():
            if isinstance(one, dict | list | str):
                yield changed(spec, path, one)
    if isinstance(value, list) and path and path[-1] in ("layers", "from", "outputs"):
        for one in value:
            yield changed(spec, path, one)


def parts(text: str) -> Iterator[str]:
    """Smaller expressions within one."""
    try:
        tree = ast.parse(text.strip(), mode="eval").body
    except SyntaxError:
        return
    for node in ast.walk(tree):
        if node is not tree and isinstance(node, ast.expr):
            yield ast.unparse(node)


def nodes(value: Any, path: Path = ()) -> Iterator[tuple[Path, Any]]:
    yield path, value
    if isinstance(value, dict):
        for key, one in value.items():
            yield from nodes(one, (*path, key))
    elif isinstance(value, list):
        for place, one in enumerate(value):
            yield from nodes(one, (*path, place))


def at(value: Any, path: Path) -> Any:
    for part in path:
        value = value[part]
    return value


def changed(spec: Spec, path: Path, value: Any, *, drop: bool = False) -> Spec:
    """A copy with another value at a place, or with none."""
    if not path:
        return copy.deepcopy(value) if isinstance(value, dict) else spec
    result = copy.deepcopy(spec)
    around = at(result, path[:-1])
    if drop:
        del around[path[-1]]
    else:
        around[path[-1]] = copy.deepcopy(value)
    return result
