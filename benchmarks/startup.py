"""How long a command takes from a cold start, against what its libraries alone take, and against `import torch`.

Every editor and every hook pays it each time. Run `python benchmarks/startup.py`; it takes about a minute.
Goals: at most 1.6 times a Python that imports yaml, pydantic and jinja2 and does nothing; at most 0.2 times one that
imports torch.
"""

from __future__ import annotations

from measure import compare, python

CHECK = python("-m", "archspec", "check", "specs/tinyvgg.yaml")
GENERATE = python("-m", "archspec", "generate", "specs/tinyvgg.yaml", "-o", "-")

if __name__ == "__main__":
    for baseline, goal, rounds in (("import yaml, pydantic, jinja2", 1.6, 20), ("import torch", 0.2, 8)):
        subjects = {baseline: python("-c", baseline), "archspec check": CHECK, "archspec generate": GENERATE}
        compare(subjects, {"archspec check": goal, "archspec generate": goal}, rounds=rounds)
        print()
