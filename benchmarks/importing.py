"""How much of some models `archspec import` says exactly: python benchmarks/importing.py MODELS.py [NAME...]

MODELS.py has a dictionary `CASES` of records with `factory`, `inputs`, `args`, `vary`, `unseen` and `gap`: inputs are
shapes, with `high` for integers. Of each model it prints whether the spec was verified, whether the parameters that
`vary` names are there, whether values that the importer was not shown give the same network, lines of YAML and seconds.
"""

from __future__ import annotations

import argparse
import importlib.util
import sys
import time
from pathlib import Path
from types import ModuleType
from typing import Any

import torch

import archspec


def read(path: str) -> ModuleType:
    """The module of a file."""
    spec = importlib.util.spec_from_file_location(Path(path).stem, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


def tensor(value: Any, batch: int = 0) -> torch.Tensor:
    """An input of a case, with that many more rows than it says."""
    shape = (value[0] + batch, *value[1:])
    if hasattr(value, "high"):
        return torch.randint(0, value.high, shape)
    return torch.rand(shape) > 0.5 if type(value).__name__ == "Bools" else torch.randn(shape)


def flat(value: Any) -> list[torch.Tensor]:
    """The tensors of a result."""
    if isinstance(value, torch.Tensor):
        return [value]
    items = value.values() if isinstance(value, dict) else value
    return [one for item in items for one in flat(item)]


def equal(case: Any, text: str, settings: dict[str, Any]) -> bool:
    """Whether the spec with those settings is the model with them: keys, and outputs in both modes."""
    model = case.factory(**{**case.args, **settings})
    network = archspec.build(archspec.parse(text), params=settings)
    if list(model.state_dict()) != list(network.state_dict()):
        return False
    network.load_state_dict(model.state_dict())
    inputs = {name: tensor(value) for name, value in case.inputs.items()}
    for training in (False, True):
        results = []
        for module in (model.train(training), network.train(training)):
            torch.manual_seed(0)
            results.append(flat(module(**inputs)))
        if not all(torch.allclose(a, b, 1e-4, 1e-6) for a, b in zip(*results, strict=True)):
            return False
    return True


def outcome(case: Any) -> tuple[str, str]:
    """What comes of one case, and the spec."""
    inputs = {name: tensor(value) for name, value in case.inputs.items()}
    imported = archspec.import_module(case.factory, inputs, args=case.args, vary=case.vary, partial=True)
    if case.gap:
        lines = [Path(gap.path).read_text("utf-8").splitlines()[gap.line - 1] for gap in imported.gaps if gap.path]
        return ("gap at its line" if any(line.endswith("# gap") for line in lines) else "GAP ELSEWHERE"), ""
    if not imported.verified:
        return "not verified", imported.text
    try:
        missing = [one for one in (case.vary, case.unseen) if one and not equal(case, imported.text, one)]
    except archspec.SpecError as error:
        return f"PARAMETERS: {str(error).splitlines()[0]}", imported.text
    return ("DIFFERS" if missing else "exact"), imported.text


def main() -> None:
    """Prints a line for each model, and how many are as they should be."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("models")
    parser.add_argument("names", nargs="*")
    options = parser.parse_args()
    torch.manual_seed(0)
    cases = read(options.models).CASES
    right = 0
    for name in options.names or cases:
        start = time.process_time()
        found, text = outcome(cases[name])
        right += found in ("exact", "gap at its line")
        print(f"{name:20} {found:20} {len(text.splitlines()):4} lines {time.process_time() - start:6.1f} s", flush=True)
    print(f"{right} of {len(options.names or cases)}")


if __name__ == "__main__":
    main()
