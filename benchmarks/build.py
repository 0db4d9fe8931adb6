"""How long `archspec.build` takes, against constructing the same class written by hand.

Run `python benchmarks/build.py`; it takes less than a minute. Goal: at most 1.15 times, from a spec that is loaded.
From a path, reading and checking the file come on top; that has no goal.
"""

from __future__ import annotations

from handwritten import MLPClassifier, TinyVGG
from measure import SPECS, compare

import archspec

if __name__ == "__main__":
    for name, by_hand in (("tinyvgg", TinyVGG), ("mlp", MLPClassifier)):
        path = SPECS / f"{name}.yaml"
        spec = archspec.load(path)
        print(name)
        # One with the other: what a turn costs depends on what the turn before left in the processor's caches.
        loaded = {"by hand": by_hand, "build, loaded spec": lambda spec=spec: archspec.build(spec)}
        compare(loaded, {"build, loaded spec": 1.15}, rounds=400)
        compare({"by hand": by_hand, "build, path": lambda path=path: archspec.build(path)}, {}, rounds=50)
        print()
