"""Draws specs that use all of the language, mixed: the judge then says whether each means the same to all readings.

Run as a program it judges as many as one likes, minimises failing ones, and writes them to a folder:

    python tests/fuzz/drawing.py --count 20000 --seed 1 --jobs 2
"""

from __future__ import annotations

import argparse
import re
import sys
from collections import Counter
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from random import Random
from typing import Any

import judge
import torch
import yaml
from drawing_blocks import INPUTS, cleaned
from drawing_scopes import Scope
from drawing_weights import Weights
from naive import Frame, Network
from naive_values import load
from shrinking import shrink

import archspec

FEATURES = frozenset(
    (
        "bitwise call init init_at_the_top parametrize trainable variants"
        " again again_in_place again_of_group again_of_loop alias alias_of_tensor anew block block_of_a_list buffer"
        " collect conditional each lists_of_tensors shared star"
        " conditional_on_training ellipsis group group_in_loop group_reads_several inplace invert let linspace list"
        " list_functions lists loop loop_of_several name_beside named_like_a_size named_outputs nested optional order"
        " parameter pattern random rank_in_loop rounding several shape step_as_parameter step_called_x"
        " tensor_of_steps tie typed unpack when when_of_group when_of_several"
    ).split()
)
SWITCHED_OFF: frozenset[str] = frozenset()
"""Features in which the compiler is known to differ; `--all` draws them, too."""

OF_CLASSES = ("AS506", "AS508")
"""Why a spec may be built and not generated: no class with formulas for its sizes stands for all its parameters."""
SIZES = {"N": 2, "T": 5, "H": 8, "W": 9, "K": 6}
OTHERS = {"N": 5, "T": 3, "H": 12, "W": 21, "K": 2}


class Drawer(Weights):
    """Draws one spec."""

    def draw(self) -> None:
        spec, choose = self.sketch.spec, self.random.choice
        spec["params"] = {"width": choose([4, 8]), "n": choose([1, 2, 2, 3]), "flag": choose([True, False])}
        spec["params"] |= {"scale": 0.5, "widths": choose([[4, 8], [4], [8, 4, 4]]), "act": choose(["ReLU", "Tanh"])}
        spec["params"] |= {"table": [[4, 1], [8, 2]]}
        other = {"width": choose([4, 8, 12]), "n": choose([0, 1, 2, 3]), "flag": choose([True, False])}
        other |= {"scale": 2.0, "widths": choose([[4, 4], [8], [6, 4]]), "act": choose(["GELU", "Tanh"])}
        if self.sketch.may("let", 0.4):
            spec["let"] = {"inner": choose(["2 * width", "width + 4", "widths[0] * 2"])}
        spec["inputs"] = self.inputs()
        self.sketch.settings = [{}, other]
        base, changed = (Network(spec, "cpu", one, embed_anything=False) for one in self.sketch.settings)
        changed.training = True
        self.sketch.readings = [base, changed]
        networks = [base, base, changed, changed]
        frames = []
        for network, sizes in zip(networks, (SIZES, OTHERS) * 2, strict=True):
            network.blocks = spec["blocks"]
            values = {}
            for name, shape in network.shapes(sizes).items():
                dtype = getattr(torch, network.inputs()[name].get("dtype", "float32"))
                values[name] = torch.zeros(shape, dtype=dtype)
            free = {name: sizes[name] for name in network.free_names()}
            frames.append(Frame("", {**network.constants(), **free}, values))
        inputs = list(spec["inputs"])
        scope = Scope(self.sketch, networks, frames, inputs[0] if len(inputs) == 1 else None, 0)
        scope.unread = [name for name in inputs if not optional(spec["inputs"][name])]
        scope.hidden = {name for name in inputs if optional(spec["inputs"][name])}
        self.sketch.optional = sorted(scope.hidden)
        if scope.hidden:
            any(self.several(scope) for _ in range(9))
        self.steps(scope, choose([2, 3, 3, 4, 4, 5, 6, 8]))
        spec["outputs"] = self.outputs(scope)
        spec["layers"] = scope.steps
        for name in scope.hidden & set(spec["inputs"]):
            if not mentioned(name, list(spec["layers"].values())):
                del spec["inputs"][name]
        if self.sketch.may("init_at_the_top", 0.15):
            spec["init"] = self.at_the_top()
        if self.sketch.may("variants", 0.1):
            spec["variants"] = {"small": dict(other), "large": {"doc": "As it is.", "n": spec["params"]["n"]}}
        spec["order"] = self.order(scope)

    def inputs(self) -> dict[str, Any]:
        choose, found = self.random.choice, {}
        names = self.random.sample(INPUTS, choose([1, 1, 1, 2, 2, 3]))
        kinds = [choose(["flat", "sequence", "sequence", "image", "tokens", "bools"]) for _ in names]
        if not any(kind in ("flat", "sequence", "image") for kind in kinds):
            kinds[0] = choose(["flat", "sequence", "image"])
        for name, kind in zip(names, kinds, strict=True):
            channels = choose([4, 8, 4, "width", "2 * width", "inner" if self.sketch.spec["let"] else 4])
            if kind == "flat":
                found[name] = ["N", channels]
            elif kind == "sequence":
                found[name] = ["N", "T", channels]
            elif kind == "image":
                found[name] = ["N", channels, "H", "W"]
            elif kind == "tokens":
                found[name] = {"shape": ["N", "T"], "dtype": "int64"}
            else:
                found[name] = {"shape": ["N", "T"], "dtype": "bool"}
        if self.sketch.may("optional", 0.3) and "sequence" in kinds and "mask" not in found:
            found["mask"] = {"shape": ["N", "T"], "dtype": "bool", "optional": True}
        if self.sketch.may("optional", 0.15):
            found["extra"] = {"shape": choose([["N", 4], ["N", "T", 4], ["N", "K"], [4]]), "optional": True}
        return found


def optional(declared: Any) -> bool:
    return isinstance(declared, dict) and bool(declared.get("optional"))


def mentioned(name: str, parts: list[Any]) -> bool:
    return bool(re.search(rf"\b{name}\b", str(parts)))


def besides(blocks: dict[str, Any], name: str) -> list[Any]:
    return [block for one, block in blocks.items() if one != name]


class Drawn:
    """A spec that was drawn, and the settings for which it is judged."""

    def __init__(self, spec: dict[str, Any], settings: list[dict[str, Any]]) -> None:
        blocks = spec["blocks"]
        while unused := [name for name in blocks if not mentioned(name, [spec["layers"], *besides(blocks, name)])]:
            blocks = {name: one for name, one in blocks.items() if name not in unused}
        spec = {**spec, "blocks": blocks}
        words = set(re.findall(r"\w+", str({key: value for key, value in spec.items() if key != "params"})))
        spec = {**spec, "params": {key: value for key, value in spec["params"].items() if key in words}}
        if "variants" in spec:
            left = {
                name: {key: value for key, value in one.items() if key == "doc" or key in spec["params"]}
                for name, one in spec["variants"].items()
            }
            spec = {**spec, "variants": {name: one for name, one in left.items() if set(one) - {"doc"}}}
        self.spec = cleaned(spec)
        known = self.spec.get("params", {})
        self.settings = [{key: value for key, value in one.items() if key in known} for one in settings]
        self.settings = [{}, *(one for one in self.settings[1:] if one)]

    @property
    def text(self) -> str:
        return written(self.spec)


def written(spec: dict[str, Any]) -> str:
    """A spec as YAML: its steps below one another, all else on a line."""
    dumper = getattr(yaml, "CSafeDumper", yaml.SafeDumper)
    return str(yaml.dump(spec, Dumper=dumper, sort_keys=False, default_flow_style=None, width=150))


def draw(seed: int, features: frozenset[str] = FEATURES - SWITCHED_OFF) -> Drawn | None:
    """The spec of a seed; None where nothing came of it."""
    drawer = Drawer(seed, features)
    drawer.draw()
    if not drawer.sketch.spec["layers"] or drawer.sketch.spec["outputs"] == []:
        return None
    return Drawn(drawer.sketch.spec, drawer.sketch.settings)


# What is made of them.


class Verdict:
    """What the judge says of a spec: `kind` is `equal`, or in what readings differ, or the code that refuses it."""

    def __init__(self, kind: str, why: str = "", params: dict[str, Any] | None = None) -> None:
        self.kind = kind
        self.why = why
        self.params = params or {}

    @property
    def fails(self) -> bool:
        return not self.kind.startswith(("equal", "nothing drawn", "refused", "warned"))


def judged(text: str, settings: list[dict[str, Any]]) -> Verdict:
    """Judges a spec for each of those parameters."""
    case = None
    for params in settings:
        try:
            case = case or judge.Case(text)
            case.judge(params, SIZES)
        except archspec.SpecError as error:
            other = "refused" if not params else "refused with other parameters"
            return Verdict(f"{other}, {error.problems[0].code}", str(error), params)
        except judge.DisagreementError as error:
            if error.kind == "an input is changed" and any(
                one.code == "AS711" for one in archspec.check(archspec.parse(text), params=params)
            ):
                return Verdict("warned, AS711")
            what, _, code = error.kind.partition(" refuses ")
            if what == "generate" and (code in OF_CLASSES or breaks(text)):
                return Verdict(f"refused by generate, {code}", str(error), params)
            return Verdict(error.kind, str(error), params)
    return Verdict("equal")


def breaks(text: str) -> bool:
    """Whether other parameters, or other sizes with them, break a spec: then no class of it can take them all.

    Where a block keeps a step or not, as its sizes are, other numbers of the network's inputs are tried, too.
    """
    random, known = Random(0), load(text).get("params") or {}
    chooses = any("when" in written(block) for block in (load(text).get("blocks") or {}).values())
    for attempt in range(80 if chooses else 40):
        params = {name: other(value, random) for name, value in known.items()}
        try:
            tree = with_other_settings(load(text), random)
            if attempt >= 40:
                numbers = {number: random.choice([number, 1, 2, 3, 6, 12, 16, 40]) for number in range(20)}
                tree["inputs"] = replaced(tree["inputs"], numbers)
            reading = Network(tree, "cpu", params, embed_anything=False)
            for training in (False, True):
                for sizes in (SIZES, OTHERS):
                    reading.run(sizes, training)
            list(reading.tied())
        except Exception:
            return True
    return False


def replaced(value: Any, numbers: dict[int, int]) -> Any:
    """The same with other numbers in its lists."""
    if isinstance(value, dict):
        return {key: replaced(one, numbers) for key, one in value.items()}
    if isinstance(value, list):
        return [replaced(one, numbers) for one in value]
    return numbers.get(value, value) if type(value) is int else value


def with_other_settings(tree: dict[str, Any], random: Random) -> dict[str, Any]:
    """The spec with other numbers where blocks are used: a block's class has to take them, too."""

    def changed(value: Any) -> Any:
        if isinstance(value, list):
            return [changed(one) for one in value]
        if not isinstance(value, dict):
            return value
        blocks = tree.get("blocks") or {}
        return {
            key: {name: other(one, random) if not isinstance(one, str) else one for name, one in inner.items()}
            if key in blocks and isinstance(inner, dict) and "layers" not in inner
            else changed(inner)
            for key, inner in value.items()
        }

    return {key: changed(value) if key != "params" else value for key, value in tree.items()}


def other(value: Any, random: Random) -> Any:
    """Another value of a parameter's type."""
    if isinstance(value, bool):
        return random.random() < 0.5
    if isinstance(value, int):
        return random.choice([value, 0, 1, 2, 3, 4, 5, 8, 12])
    if isinstance(value, list):
        return [other(one, random) for one in random.choices(value, k=random.randint(0, 3))] if value else []
    return random.choice(["ReLU", "Tanh", "GELU"]) if isinstance(value, str) else value


def verdict(seed: int, features: frozenset[str]) -> tuple[int, Drawn | None, Verdict]:
    torch.set_num_threads(1)
    drawn = draw(seed, features)
    return seed, drawn, judged(drawn.text, drawn.settings) if drawn else Verdict("nothing drawn")


def minimised(drawn: Drawn, found: Verdict, most: int = 400) -> tuple[str, Verdict]:
    """A smaller spec that fails in the same way."""

    def again(spec: dict[str, Any]) -> Verdict:
        known = spec.get("params") or {}
        settings = [{}, {key: value for key, value in found.params.items() if key in known}]
        return judged(written(spec), settings if settings[1] else [{}])

    def fails(spec: dict[str, Any]) -> bool:
        try:
            return again(spec).kind == found.kind
        except Exception:
            return False

    small = shrink(drawn.spec, fails, most)
    return written(small), again(small)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--count", type=int, default=1000, help="how many specs to draw")
    parser.add_argument("--seed", type=int, default=0, help="the seed of the first one")
    parser.add_argument("--jobs", type=int, default=1, help="how many processes draw and judge")
    parser.add_argument("--all", action="store_true", help="draw features that are switched off, too")
    parser.add_argument("--minimise", type=int, default=1, help="how many of each kind to minimise")
    parser.add_argument("--folder", type=Path, default=Path("drawn"), help="where failing specs are written")
    options = parser.parse_args()
    features = FEATURES if options.all else FEATURES - SWITCHED_OFF
    seeds = range(options.seed, options.seed + options.count)
    kinds: Counter[str] = Counter()
    with ProcessPoolExecutor(options.jobs, mp_context=get_context("fork")) as pool:
        for seed, drawn, found in pool.map(partial(verdict, features=features), seeds, chunksize=8):
            kinds[found.kind] += 1
            if found.fails and drawn is not None and kinds[found.kind] <= options.minimise:
                text, small = minimised(drawn, found)
                options.folder.mkdir(parents=True, exist_ok=True)
                why = "".join(f"# {line}\n" for line in small.why.split("\n")[:12])
                what = f"# {small.kind}, with {small.params}, seed {seed}\n"
                name = re.sub(r"\W+", "_", found.kind) + f"_{seed}.yaml"
                (options.folder / name).write_text(what + why + text, encoding="utf-8")
    for kind, count in kinds.most_common():
        print(f"{count:7} {kind}")
    sys.exit(any(Verdict(kind).fails for kind in kinds))


if __name__ == "__main__":
    main()
