"""Layers that work in place, as PyTorch has them: what it refuses, and where numbers change that are read once more."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from in_place import Drawn, Verdict
from test_cases import saved_bytes
from torch import Tensor

import archspec
from archspec.expressions import FunctionCall, Items
from archspec.functions import FUNCTIONS
from archspec.layers import LAYERS
from archspec.storage import CASTING, VIEWS, keeps
from archspec.views.catalogue.examples import function_example, layer_example
from archspec.views.summary.memory import peaks
from archspec.views.summary.trace import Trace


def judged(text: str) -> Verdict:
    """What a check says of a network, in the words of the oracle."""
    try:
        problems = archspec.check(archspec.parse(text))
    except archspec.SpecError as error:
        problems = list(error.problems)
    errors = [problem for problem in problems if problem.severity == "error"]
    assert {problem.code for problem in errors} <= {"AS510"}, text
    return Verdict("; ".join(problem.message for problem in errors), any(one.code == "AS711" for one in problems))


@pytest.mark.parametrize("first", range(0, 300, 50))
def test_a_problem_is_reported_exactly_where_pytorch_has_one(first: int) -> None:
    found = set()
    for seed in range(first, first + 50):
        torch.manual_seed(seed)
        drawn = Drawn(seed)
        text, wanted = drawn.text(), drawn.verdict()
        verdict = judged(text)
        assert bool(verdict.wrong) == bool(wanted.wrong), f"{seed}: {wanted}\n{verdict}\n{text}"
        if not wanted.wrong:
            assert verdict.changes_input == wanted.changes_input, f"{seed}\n{text}"
        found.add(bool(wanted.wrong))
    assert found == {True, False}


# What each operation keeps, for the whole catalogue.

EXAMPLES = {name: layer_example(layer) for name, layer in LAYERS.items()}
EXAMPLES |= {name: function_example(function) for name, function in FUNCTIONS.items() if name != "batch_norm"}
EXAMPLES = {name: text for name, text in EXAMPLES.items() if "outputs:" not in text}
"""A spec of each entry that takes a tensor; batch_norm takes running statistics, for which there are no gradients."""

COPIED = {
    "GRU": "its computation step by step keeps copies of what flows in and out",
    "RNN": "likewise",
    "LSTM": "likewise, but for the output of a single layer",
    "GRUCell": "it keeps its gates, which are no part of what it returns",
    "LSTMCell": "likewise",
    "MultiheadAttention": "it puts the axes of its inputs into another order, and keeps copies",
    "TransformerDecoderLayer": "likewise",
    "TransformerEncoderLayer": "likewise",
    "Transformer": "likewise",
    "scaled_dot_product_attention": "without an axis of heads it keeps products of its inputs, not themselves",
    "float_power": "it computes in double precision, of copies",
    "ldexp": "it keeps 2 to the power of the second input",
}
"""What keeps copies in this example, so that its inputs may be overwritten: the table says no less than is needed."""

UNTOLD = {
    "copysign": "it keeps the sign of the second input alone",
    "isclose": "no gradient flows back from its result",
    "isfinite": "likewise",
    "argsort": "likewise",
    "floor_divide": "it has no derivative",
    "cholesky": "the example's matrices are not positive",
    "linalg.cholesky": "likewise",
    "scatter_add": "the example's indices leave out places of the source, and PyTorch refuses its gradient",
}
"""Of what nothing is said here, and why."""


def inputs_of(spec: archspec.Spec) -> list[Tensor]:
    """Inputs of a spec with numbers between 0 and 1, through which gradients flow back."""
    torch.manual_seed(0)
    found = []
    for value in spec.graph().main.inputs:
        shape = [size if isinstance(size, int) else 4 for size in value.type.shape]
        dtype = getattr(torch, value.type.dtype)
        if dtype.is_floating_point or dtype.is_complex:
            found.append((torch.rand(shape, dtype=dtype) * 0.8 + 0.1).requires_grad_() * 1)
        else:
            found.append(torch.randint(0, 2, shape, dtype=dtype))
    return found


def tensors(value: Any) -> list[Tensor]:
    """Every tensor of a value."""
    if isinstance(value, Tensor):
        return [value]
    return [tensor for part in value for tensor in tensors(part)] if isinstance(value, tuple | list) else []


def needed(module: torch.nn.Module, spec: archspec.Spec, place: int, *, output: bool) -> bool:
    """Whether the backward pass reads an input, or an output, as it was."""
    inputs = inputs_of(spec)
    outputs = tensors(module(*inputs))
    (outputs if output else inputs)[place].detach().zero_()
    learned = [one for one in outputs if one.requires_grad]
    total = sum((torch.view_as_real(one.resolve_conj()) if one.is_complex() else one).sum() for one in learned)
    try:
        total.backward()
    except RuntimeError as error:
        return "modified by an inplace operation" in str(error)
    return False


def operands(spec: archspec.Spec, inputs: list[Tensor]) -> list[bool | None]:
    """What flows into the example's layer or function, in order: whether it learns, None for a number."""
    names = {value.name: tensor.requires_grad for value, tensor in zip(spec.graph().main.inputs, inputs, strict=True)}
    (step,) = spec.graph().main.steps
    if step.kind == "call":
        return list(names.values())
    node = step.arguments[0][1]
    assert isinstance(node, FunctionCall)
    listed = [one.children if isinstance(one, Items) else (one,) for one in node.arguments]
    return [names.get(part.text) for parts in listed for part in parts]


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", sorted(EXAMPLES.keys() - UNTOLD.keys()))
def test_the_table_says_what_the_backward_pass_reads(name: str) -> None:
    spec = archspec.parse(EXAMPLES[name])
    module = archspec.build(spec).train()
    inputs = inputs_of(spec)
    outputs = tensors(module(*inputs))
    shared = any(x.untyped_storage().data_ptr() == y.untyped_storage().data_ptr() for x in inputs for y in outputs)
    same = name in CASTING and [one.dtype for one in outputs] == [one.dtype for one in inputs[:1]]
    assert shared == (name in VIEWS or same or name in ("alpha_dropout", "feature_alpha_dropout"))
    if shared or not any(one.requires_grad for one in outputs):
        return
    learns = operands(spec, inputs)
    places = [place for place, one in enumerate(learns) if one is not None]
    sources, results = keeps(name, learns, len(outputs))
    kept = {places.index(place) for place in sources}
    found = {place for place in range(len(inputs)) if needed(module, spec, place, output=False)}
    back = {place for place in range(len(outputs)) if needed(module, spec, place, output=True)}
    if name in COPIED:
        assert found <= kept
    else:
        assert (found, back) == (kept, set(results))


# Bytes.

_WITHOUT_DERIVATIVE = [
    f"special.{name}"
    for name in (
        "airy_ai bessel_j0 bessel_j1 bessel_y0 bessel_y1 chebyshev_polynomial_t chebyshev_polynomial_u "
        "chebyshev_polynomial_v chebyshev_polynomial_w hermite_polynomial_h hermite_polynomial_he "
        "laguerre_polynomial_l legendre_polynomial_p modified_bessel_i0 modified_bessel_i1 modified_bessel_k0 "
        "modified_bessel_k1 scaled_modified_bessel_k0 scaled_modified_bessel_k1 shifted_chebyshev_polynomial_t "
        "shifted_chebyshev_polynomial_u shifted_chebyshev_polynomial_v shifted_chebyshev_polynomial_w "
        "spherical_bessel_j0"
    ).split()
]

STEPS = {
    "EmbeddingBag": "where each bag begins, which a caller may say",
    "LPPool1d": "powers, means and signs",
    "LPPool2d": "likewise",
    "LPPool3d": "likewise",
    "lp_pool1d": "likewise",
    "lp_pool2d": "likewise",
    "lp_pool3d": "likewise",
    "LocalResponseNorm": "squares, padded, and their means",
    "local_response_norm": "likewise",
    "normalize": "norms, once as they are and once bounded below",
    "scaled_dot_product_attention": "without an axis of heads, products",
    **dict.fromkeys(("linalg.det", "det", "logdet", "slogdet", "linalg.slogdet", "linalg.solve"), "a factorization"),
    **dict.fromkeys(("linalg.svdvals", "linalg.eigvalsh", "linalg.eigvals"), "the vectors that are not returned"),
    **dict.fromkeys(("matrix_power", "linalg.matrix_power"), "the powers on the way"),
    **dict.fromkeys(("quantile", "nanquantile", "nanmean", "msort"), "indices, masks and copies on the way"),
    **dict.fromkeys(("bincount", "masked_select", "argwhere"), "as much as the numbers say"),
    **dict.fromkeys((*_WITHOUT_DERIVATIVE, "histc"), "nothing: they have no derivative"),
    "special.ndtr": "the argument of the error function",
    "kron": "copies of its factors",
    "float_power": "copies in double precision",
    "GRU": "the state that it begins with, and copies of axes in another order",
    "LSTM": "likewise",
    "MultiheadAttention": "likewise",
    "Transformer": "likewise",
    "TransformerDecoderLayer": "likewise",
    "TransformerEncoderLayer": "likewise",
}
"""What is computed in steps that are not followed one by one, and what they keep: the figures are near, not exact."""


class Learning(Trace):
    """A trace of a network through whose inputs gradients flow back."""

    def new(self, flow: Any, *, learns: bool, bytes_of: Any = None) -> Any:
        return super().new(flow, learns=True, bytes_of=bytes_of)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", sorted(EXAMPLES.keys() - STEPS.keys() - UNTOLD.keys()))
def test_as_many_bytes_are_kept_as_pytorch_keeps(name: str) -> None:
    spec = archspec.parse(EXAMPLES[name])
    module = archspec.build(spec).train()
    inputs = inputs_of(spec)
    shapes = {one.name: list(tensor.shape) for one, tensor in zip(spec.graph().main.inputs, inputs, strict=True)}
    main = spec.graph(inputs=shapes).main
    training, inference = Learning({}, training=True), Learning({}, training=False)
    training.run(main)
    inference.run(main)
    assert peaks(training, inference, 0).saved == saved_bytes(module, *inputs)
