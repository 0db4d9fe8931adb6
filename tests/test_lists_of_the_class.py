"""Lists of the class that loops fill: their items count up whatever the parameters, or the spec is refused in words."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from itertools import product
from typing import Any

import torch

import archspec

LOOPS = ("i in range(n)", "i in range(k, n)", "i in range(k, n + k)", "i in q", "i, c in enumerate(q, k)")
LOOPS += ("i, c in enumerate(q)", "i in reversed(range(n))", "i in range(2)")
NUMBERS = ("i", "i + k", "z*i", "n - 1 - i", "i if k == 0 else 2 - i", "2 * i")
ROUNDS = (
    '{{Linear: 4, for: {loop}, name: "b.{{{number}}}"}}',
    '{{for: {loop}, layers: {{u: {{Linear: 4, name: "b.{{{number}}}"}}, v: {{ReLU: {{}}, name: "c.{{{number}}}"}}}}}}',
    '{{for: {loop}, layers: {{u: {{for: j in range(z), Linear: 4, name: "b.{{({number}) * z + j}}"}}}}}}',
)
BEHIND = ("ReLU", "{name: b.2, ReLU: {}}", '{name: "b.{n}", ReLU: {}}')
SETTINGS: tuple[dict[str, Any], ...] = ({}, {"n": 2}, {"k": 1}, {"z": 2}, {"q": [1, 0]}, {"q": [0]}, {"n": 2, "z": 2})


def specs() -> Iterator[str]:
    for loop, number, rounds, behind in product(LOOPS, NUMBERS, ROUNDS, BEHIND):
        step = rounds.format(loop=f'"{loop}"', number=number)
        yield (
            "name: Net\nparams: {n: 2, k: 0, z: 1, q: [0, 1]}\ninputs: {x: [N, 4]}\n"
            f"layers:\n  a: {step}\n  d: {behind}\n"
        )


def keys(make: Any, params: dict[str, Any]) -> list[str] | None:
    """The keys of a module with some parameters; None where there is none."""
    try:
        with torch.device("meta"):
            return list(make(**params).state_dict())
    except archspec.SpecError:
        return None


def test_items_have_the_numbers_of_the_built_network_whatever_the_parameters() -> None:
    told: dict[str, int] = {"refused": 0, "refused in symbols": 0, "equal": 0}
    for text in specs():
        try:
            spec = archspec.parse(text)
        except archspec.SpecError:
            told["refused"] += 1
            continue
        try:
            source = spec.generate()
        except archspec.SpecError as error:
            told["refused in symbols"] += all(problem.code == "AS508" for problem in error.problems)
            continue
        scope: dict[str, Any] = {}
        exec(compile(source, "<generated>", "exec"), scope)
        for params in SETTINGS:
            built = keys(partial(archspec.build, spec), params)
            made = keys(scope["Net"], params)
            assert built == made, f"{params}\n{text}"
        told["equal"] += 1
    assert min(told.values()) > 10, told


def test_rounds_over_a_list_without_a_default_are_read_and_told() -> None:
    """Whatever is done with the rounds, every view has words for them; the class is that of a list with a default."""
    bodies = ("Linear: 4", "Linear: c", "layers: [{Linear: 4}, ReLU]")
    loops = (("for", "from: x"), ("for", "collect: true"), ("for", "shared: true"), ("each", "from: x"))
    followers = ("{from: a, Flatten: {}}", "a", "a[0]", "cat(a[1], dim=-1)", "{from: x, Linear: len(a)}")
    compared = 0
    for body, (loop, how), follower in product(bodies, loops, followers):
        steps = f"  a:\n    {loop}: i, c in enumerate(q, 1)\n    {body}\n    {how}\n  b: {follower}\n"
        sources = []
        for q in ("{type: list}", "{type: list, default: [4, 4]}"):
            try:
                spec = archspec.parse(f"name: Net\nparams: {{q: {q}}}\ninputs: {{x: [N, 4]}}\nlayers:\n{steps}")
                source = spec.generate()
            except archspec.SpecError:
                continue
            assert all(map(str, (archspec.summary(spec), archspec.explain(spec), archspec.diagram(spec))))
            assert "equal" in str(archspec.diff(spec, spec))
            sources.append(source.partition("def forward")[2])
        if len(sources) == 2:
            assert sources[0] == sources[1]
            compared += 1
    assert compared > 5
