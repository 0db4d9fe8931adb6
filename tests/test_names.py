"""Whatever name is accepted works: the generated module computes with it what the built one computes."""

from __future__ import annotations

import builtins
import keyword
from collections.abc import Callable
from typing import Any

import pytest
import torch

import archspec
from archspec.document import MODULE_ATTRIBUTES

FIELDS: dict[str, str] = {
    "class": "name: NAME\ninputs: {x: [N, 8]}\nlayers: [Linear: 4]\n",
    "parameter": "params: {NAME: 4}\ninputs: {x: [N, 8]}\nlayers: {a: {Linear: NAME}, b: 'relu(a) * NAME'}\n",
    "computed value": "let: {NAME: 2 * 2}\ninputs: {x: [N, 8]}\nlayers: {a: {Linear: NAME}, b: 'relu(a) * NAME'}\n",
    "input": "inputs: {NAME: [N, 8]}\nlayers: {a: {Linear: 4}, b: 'relu(a) + max(N, 2) + mean(NAME)'}\n",
    "dimension": "inputs: {x: [NAME, 8]}\nlayers: {a: {Linear: 4}, b: 'relu(a) + NAME'}\n",
    "unread dimension": "inputs: {x: [NAME, 8]}\nlayers: {a: {Linear: 4}, b: relu(a)}\n",
    "step": "inputs: {x: [N, 8]}\nlayers: {NAME: {Linear: 4}, b: 'softmax(NAME, -1) + max(N, 2) * NAME'}\n",
    "expression": "inputs: {x: [N, 8]}\nlayers: {NAME: relu(x), b: 'softmax(NAME, -1) + max(N, 2) * NAME'}\n",
    "step of a list": "inputs: {x: [N, 8]}\nlayers: [{Linear: 4, name: NAME}, ReLU]\n",
    "group": "inputs: {x: [N, 8]}\nlayers: {NAME: [Linear: 4, ReLU], b: 'relu(NAME)'}\n",
    "step of a group": "inputs: {x: [N, 8]}\nlayers: {a: {layers: {NAME: {Linear: 4}, b: relu(NAME)}}}\n",
    "unpacked value": "inputs: {x: [N, 8]}\nlayers: {'NAME, b': 'chunk(x, 2, -1)', c: 'NAME + softmax(b, -1)'}\n",
    "tensor": "inputs: {x: [N, 8]}\nlayers: {NAME: {Parameter: randn(8)}, b: 'x * NAME + max(N, 1)'}\n",
    "output": "inputs: {x: [N, 8]}\nlayers: {a: {Linear: 4}}\noutputs: {NAME: a}\n",
    "loop": "inputs: {x: [N, 8]}\nlayers: {a: {Linear: 8 + NAME - NAME, for: NAME in range(2)}, b: relu(a)}\n",
    "block": "inputs: {x: [N, 8]}\nlayers: {a: NAME, b: relu(a)}\nblocks:\n"
    "  NAME: {inputs: {x: [N, C]}, layers: {y: {Linear: C}}}\n",
    "parameter of a block": "inputs: {x: [N, 8]}\nlayers: {a: {B: {NAME: 4}}, b: relu(a)}\nblocks:\n"
    "  B: {params: {NAME: int}, inputs: {x: [N, C]}, layers: {y: {Linear: NAME}, z: relu(y) + NAME}}\n",
    "input of a block": "inputs: {x: [N, 8]}\nlayers: {a: B, b: relu(a)}\nblocks:\n"
    "  B: {inputs: {NAME: [N, C]}, layers: {y: {Linear: C}, z: relu(y) + NAME}}\n",
    "dimension of a block": "inputs: {x: [N, 8]}\nlayers: {a: B, b: relu(a)}\nblocks:\n"
    "  B: {inputs: {x: [N, NAME]}, layers: {y: {Linear: NAME}, z: relu(y) + NAME}}\n",
    "size of a step": "inputs: {x: [N, 8]}\nlayers: {a: {Linear: 4, shape: [N, NAME]}, b: relu(a) + NAME}\n",
}

NAMES = "F torch self max Net N i layer match print open out".split()
"""What generated code needs, calls or is fond of, and Python's own."""

MORE = sorted(
    {
        *"nn math Tensor Any Sequence OrderedDict NamedTuple Literal Callable super ValueError make_divisible".split(),
        *"group output layers layers_1 named_layers value x a y device training T weight bias shape C B".split(),
        *(name for name in dir(builtins) if not name.startswith("_")),
        *keyword.softkwlist,
        *MODULE_ATTRIBUTES,
    }
    - {*NAMES}
)


def outcome(text: str) -> str:
    """`refused`, or `works`; anything else fails."""
    try:
        spec = archspec.parse(text)
    except archspec.SpecError:
        return "refused"
    namespace: dict[str, Any] = {}
    exec(compile(spec.generate(), "generated", "exec"), namespace)
    make: Callable[[], Any] = namespace[spec.name]
    x = torch.randn(3, 8)
    results = []
    for maker in (make, lambda: archspec.build(spec)):
        torch.manual_seed(0)
        module = maker()
        results.append((list(module.state_dict()), module(x)))
    (keys, generated), (expected_keys, built) = results
    assert keys == expected_keys
    for one, other in zip(
        *(value if isinstance(value, tuple) else (value,) for value in (generated, built)), strict=True
    ):
        assert torch.equal(one, other)
    return "works"


@pytest.mark.parametrize("field", FIELDS)
def test_an_accepted_name_works(field: str) -> None:
    assert outcome(FIELDS[field].replace("NAME", "Word" if field == "block" else "word")) == "works"
    found = {name: outcome(FIELDS[field].replace("NAME", name)) for name in NAMES}
    print(field, found)


@pytest.mark.slow
@pytest.mark.parametrize("field", FIELDS)
def test_any_accepted_name_works(field: str) -> None:
    for name in MORE:
        outcome(FIELDS[field].replace("NAME", name))
