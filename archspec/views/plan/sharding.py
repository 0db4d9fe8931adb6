"""What each rank holds: parameters, gradients and the states of an optimizer, to the byte."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from archspec.tensors import BYTES
from archspec.views.plan.parameters import ShardedParameter

OPTIMIZERS = {"adamw": 2, "adam": 2, "rmsprop": 1, "adagrad": 1, "momentum": 1, "sgd": 0}
"""How many tensors of a parameter's size an optimizer keeps: `momentum` is SGD with it."""

_COUNTING = frozenset(("adamw", "adam", "rmsprop", "adagrad"))
"""Those that keep the number of steps beside, in float32."""


@dataclass(frozen=True, slots=True)
class Bytes:
    """What one rank holds, in bytes."""

    parameters: int
    gradients: int
    optimizer: int


def held(parameters: Iterable[ShardedParameter], ranks: int, rank: int, optimizer: str) -> Bytes:
    """What one of the ranks holds that FSDP shards the parameters over.

    The gradient of a table of which ranks hold entries is that of the whole table, until FSDP shards it.
    """
    total = learning = gradients = states = 0
    for one in parameters:
        own = one.rows(ranks, rank) * one.row
        total += own
        if one.trainable:
            learning += own
            gradients += own * (one.degree if one.looked_up and ranks == 1 else 1)
            states += BYTES["float32"] if optimizer in _COUNTING else 0
    return Bytes(total, gradients, states + OPTIMIZERS[optimizer] * learning)


def by_rank(parameters: list[ShardedParameter], ranks: int, optimizer: str) -> list[tuple[Bytes, list[int]]]:
    """The ranks that hold equally much, and how much that is; those that hold most first."""
    if ranks == 1:
        return [(held(parameters, 1, 0, optimizer), [0])]
    kinds: dict[tuple[int, bool], list[ShardedParameter]] = {}
    for one in parameters:
        kinds.setdefault((one.local[0] if one.local else 1, one.trainable), []).append(one)
    found: dict[Bytes, list[int]] = {}
    rows = [(some[0], sum(one.row for one in some), len(some)) for some in kinds.values()]
    for rank in range(ranks):
        own = [(one.rows(ranks, rank) * size, one.trainable, count) for one, size, count in rows]
        learning = sum(size for size, trainable, _ in own if trainable)
        steps = sum(count for _, trainable, count in own if trainable) if optimizer in _COUNTING else 0
        states = OPTIMIZERS[optimizer] * learning + BYTES["float32"] * steps
        found.setdefault(Bytes(sum(size for size, _, _ in own), learning, states), []).append(rank)
    return sorted(found.items(), key=lambda one: -one[0].parameters)
