"""How long a command takes from a cold start, against what its libraries alone take, and against `import torch`.

Every editor and every hook pays it each time. Run `python benchmarks/startup.py`; it takes about a minute.
Goals: `check` takes at most 1.6 times and `generate` at most 1.9 times what a Python takes that imports yaml and jinja2
and defines the smallest Pydantic model; both take at most 0.2 times what one takes that imports torch.
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
    baselines = {"one Pydantic model": (SMALLEST_MODEL, 1.6, 1.9, 20), "import torch": ("import torch", 0.2, 0.2, 8)}
    for baseline, (code, check, generate, rounds) in baselines.items():
        subjects = {baseline: python("-c", code), "archspec check": CHECK, "archspec generate": GENERATE}
        compare(subjects, {"archspec check": check, "archspec generate": generate}, rounds=rounds)
        print()
