"""Keys without what wrappers put before them, and moved below the path that the network has them at."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping

from archspec.views.fitting.trees import Shapes

_WRAPPERS = frozenset("_orig_mod _fsdp_wrapped_module _checkpoint_wrapped_module base_layer".split())
"""What torch.compile, FSDP, activation checkpointing and PEFT put between the parts of a key."""
_BEFORE = ("base_model.model.", "module.")
"""What PEFT and DataParallel put before all keys."""
_ADAPTER = re.compile(r"(?:^|\.)lora_(?:A|B|embedding_A|embedding_B|magnitude_vector)(?:\.|$)")
_OPTIMIZER = re.compile(r"(?:^|\.)(?:optimizer|optim|exp_avg|exp_avg_sq|momentum_buffer|param_groups)(?:\.|$)")
_MOST_LEVELS = 4
"""How many parts of a key may stand before those that agree."""


def beside(key: str) -> str:
    """What a tensor belongs to that is no weight of a network: `LoRA` or `optimizer`, else nothing."""
    return "LoRA" if _ADAPTER.search(key) else "optimizer" if _OPTIMIZER.search(key) else ""


def plain(keys: Mapping[str, object], known: Mapping[str, object]) -> dict[str, str]:
    """Keys of a checkpoint without what wrappers add; the key as stored, by the plain one."""
    found: dict[str, str] = {}
    before = [prefix for prefix in _BEFORE if keys and all(key.startswith(prefix) for key in keys)]
    before = [prefix for prefix in before if not any(key.startswith(prefix) for key in known)]
    for key in keys:
        name = key.replace("/", ".") if "." not in key else key
        for prefix in before:
            name = name.removeprefix(prefix)
        *path, last = name.split(".")
        name = ".".join((*(part for part in path if part not in _WRAPPERS), last))
        found[key if name in found or name in keys else name] = key
    return found


def renamed(keys: Mapping[str, str], rename: Mapping[str, str]) -> tuple[dict[str, str], list[str]]:
    """Keys with what a caller renames, whole keys or paths before them; and the names that no key has."""
    found: dict[str, str] = {}
    used: set[str] = set()
    for name, key in keys.items():
        old = next((old for old in (key, name) if old in rename), None)
        if old is None:
            old = max((one for one in rename if name.startswith(f"{one}.")), key=len, default=None)
            new = name if old is None else f"{rename[old]}.{name[len(old) + 1 :]}".removeprefix(".")
        else:
            new = rename[old]
        used |= set() if old is None else {old}
        found[new] = key
    return found, [old for old in rename if old not in used]


def moved(keys: Mapping[str, str], shapes: Shapes, known: Shapes) -> dict[str, str]:
    """Keys below the path where most of them agree with the network's: `bert.pooler` as `pooler`, `h.0` as
    `transformer.h.0`. The key as stored, by the moved one.
    """
    votes: Counter[tuple[str, str]] = Counter()
    tails: dict[str, list[str]] = {}
    for key in known:
        for before, tail in _cuts(key):
            tails.setdefault(tail, []).append(before)
    for name, key in keys.items():
        for before, tail in _cuts(name):
            same = (other for other in tails.get(tail, ()) if known[other + tail] == shapes[key])
            votes.update((before, other) for other in list(same)[:_MOST_LEVELS])
    if not votes:
        return dict(keys)
    (old, new), count = max(votes.items(), key=lambda item: (item[1], -len(item[0][0]) - len(item[0][1])))
    if old == new or count < 2:
        return dict(keys)
    found: dict[str, str] = {}
    for name, key in keys.items():
        target = f"{new}{name[len(old) :]}" if name.startswith(old) else name
        found[target if target not in found and (target == name or target in known or target not in keys) else name] = (
            key
        )
    return found


def _cuts(key: str) -> Iterator[tuple[str, str]]:
    """The ways to cut a key in two, such that a layer's name stays with the weight's."""
    parts = key.split(".")
    for at in range(min(_MOST_LEVELS, len(parts) - 1)):
        yield "".join(f"{part}." for part in parts[:at]), ".".join(parts[at:])
