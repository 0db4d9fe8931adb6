"""How long a command takes from a cold start, against what its libraries alone take, and against `import torch`.

Every editor and every hook pays it each time. Run `python benchmarks/startup.py`; it takes about a minute.
Goals: at most 1.6 times a Python that imports yaml, pydantic and jinja2 and does nothing; at most 0.2 times one that
imports torch. Beside them stands a Python that defines the smallest Pydantic model: `import pydantic` alone is lazy
and loads hardly anything.
"""

from __future__ import annotations

from measure import compare, python

CHECK = python("-m", "archspec", "check", "specs/tinyvgg.yaml")
GENERATE = python("-m", "archspec", "generate", "specs/tinyvgg.yaml", "-o", "-")

SMALLEST_MODEL = """
import yaml, jinja2
from pydantic import BaseModel
class Smallest(BaseModel):
    x: int
"""

if __name__ == "__main__":
    for baseline, goal, rounds in (("import yaml, pydantic, jinja2", 1.6, 20), ("import torch", 0.2, 8)):
        subjects = {
            baseline: python("-c", baseline),
            "one Pydantic model": python("-c", SMALLEST_MODEL),
            "archspec check": CHECK,
            "archspec generate": GENERATE,
        }
        compare(subjects, {"archspec check": goal, "archspec generate": goal}, rounds=rounds)
        print()
