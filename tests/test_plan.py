"""Plans: what is cut is what PyTorch computes right in blocks; bytes are those that DTensor and FSDP2 have."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import torch
import torch.distributed as dist
from torch import nn
from torch.distributed.device_mesh import DeviceMesh, init_device_mesh
from torch.distributed.fsdp import fully_shard
from torch.distributed.tensor import DTensor, Shard, distribute_tensor
from torch.testing._internal.distributed.fake_pg import FakeStore
from torch.utils._python_dispatch import TorchDispatchMode

import archspec
from archspec.cli import main
from archspec.functions import FUNCTIONS, OPERATORS
from archspec.tensors import TensorType
from archspec.views.plan import Plan

ROOT = Path(__file__).parent.parent
SPECS = sorted((ROOT / "specs").rglob("*.yaml"))
LLAMA, GPT2, BERT = (str(ROOT / "specs" / "text" / f"{name}.yaml") for name in ("llama", "gpt2", "bert"))


def roles(plan: Plan) -> dict[str, tuple[str, int]]:
    """The role and axis of each weight that is cut, without the numbers of repetitions but the first."""
    return {
        one.weight: (one.role, one.axis) for one in plan.cuts if not any(f".{n}." in one.weight for n in range(1, 99))
    }


# What is cut.


def test_a_llama_is_cut_as_by_hand() -> None:
    plan = archspec.plan(LLAMA, {"tp": 8}, params={"num_hidden_layers": 2})
    column, row = ("column", 0), ("row", 1)
    layer = "model.layers.0"
    assert roles(plan) == {
        "model.embed_tokens.weight": ("row", 0),
        **{f"{layer}.self_attn.{name}_proj.weight": column for name in "qkv"},
        f"{layer}.self_attn.o_proj.weight": row,
        **{f"{layer}.mlp.{name}_proj.weight": column for name in ("gate", "up")},
        f"{layer}.mlp.down_proj.weight": row,
        "lm_head.weight": column,
    }
    assert {one.why for one in plan.whole} == {"`RMSNorm` has no rule that cuts its weights"}
    assert plan.problems == ()


def test_heads_fewer_than_ranks_stay_whole_and_say_so() -> None:
    plan = archspec.plan(LLAMA, "tp=16", params={"num_hidden_layers": 2})
    (problem,) = plan.problems
    assert (problem.code, problem.line) == ("AS802", 93)
    assert "8 is not divisible by 16 ranks" in problem.message
    assert problem.help == "degrees that divide 8: 1, 2, 4, 8"
    assert not any("self_attn" in one.weight for one in plan.cuts)
    assert any("mlp" in one.weight for one in plan.cuts)


def test_a_packed_weight_and_a_vocabulary_stay_whole() -> None:
    plan = archspec.plan(GPT2, {"tp": 2}, params={"n_layer": 2})
    assert {key.rpartition("0.")[2] for key in roles(plan)} == {"mlp.c_fc.weight", "mlp.c_fc.bias", "mlp.c_proj.weight"}
    assert [(one.code, one.line) for one in plan.problems] == [("AS806", 31), ("AS802", 34), ("AS803", 64)]
    assert "pad it to 50,304" in plan.problems[1].help
    whole = {one.weight: one for one in plan.whole}
    assert "lm_head.weight" not in whole, "it is the embedding's"
    assert whole["transformer.h.1.attn.c_attn.bias"].line == 61
    padded = archspec.plan(GPT2, {"tp": 2}, params={"n_layer": 2, "vocab_size": 50304})
    assert roles(padded)["transformer.wte.weight"] == ("row", 0)


def test_bert_is_cut_and_its_small_tables_are_not() -> None:
    plan = archspec.plan(BERT, {"tp": 2})
    assert roles(plan)["encoder.layer.0.output.dense.weight"] == ("row", 1)
    assert roles(plan)["pooler.dense.bias"] == ("column", 0)
    whole = {one.weight for one in plan.whole if "LayerNorm" not in one.weight and "dense.bias" not in one.weight}
    assert whole == {"embeddings.position_embeddings.weight", "embeddings.token_type_embeddings.weight"}


STEP = """
inputs: {{x: [N, 8]}}
layers:
  a: {{from: x, Linear: 16}}
  {step}
  b: {{from: y, Linear: 8}}
"""


@pytest.mark.parametrize(
    ("step", "why"),
    [
        ("y: relu(a)", ""),
        ("y: a * 2 + a", ""),
        ("y: cat([a, a], 1)", "`cat` reads whole rows of it"),
        ("y: softmax(a, -1)", "`softmax` reads whole rows of it"),
        ("y: {LayerNorm: {elementwise_affine: false}, from: a}", "`LayerNorm` reads whole rows of it"),
        ("y: flatten(softmax(reshape(a, [N, 4, 4]), -1), 1)", ""),
        ("y: flatten(softmax(reshape(a, [N, 4, 4]), 1), 1)", "`softmax` reads whole rows of it"),
        ("y: flatten(transpose(reshape(a, [N, 4, 4]), 1, 2), 1)", "`flatten` reads whole rows of it"),
        ("y: a + mean(a, 1, True)", "`mean` reads whole rows of it"),
        ("y: flip(a, [1])", "`flip` reads whole rows of it"),
        ("y: a + sum(x, 1, True)", ""),
        ("y: a * x[:, 0:1]", ""),
        ("y: a + cat([x, x], 1)", "`+` joins it with a value that is whole along that axis, [1, 16]"),
        ("y: reshape(a, [-1, 16])", "`reshape` has -1 for another axis than the one that is cut"),
    ],
)
def test_a_cut_passes_what_works_on_blocks_alone(step: str, why: str) -> None:
    plan = archspec.plan(archspec.parse(STEP.format(step=step)), {"tp": 2})
    reasons = {one.weight: one.why for one in plan.whole}
    assert reasons.get("a.weight", "") == why
    assert ("a.weight" in {one.weight for one in plan.cuts}) == (not why)


def test_a_learnable_value_that_every_rank_holds_forbids_a_cut() -> None:
    step = 'scale: {Parameter: "ones(1)"}\n  y: a * scale'
    plan = archspec.plan(archspec.parse(STEP.format(step=step)), {"tp": 2})
    assert {one.weight: one.why for one in plan.whole}["a.weight"].startswith("`*` joins it with a learnable value")


BLOCKS = """
inputs: {{x: [N, T, 8]}}
layers:
  blocks: {{Block: {{}}, repeat: 2}}
  norm: LayerNorm
  head: {{Linear: 16}}
blocks:
  Block:
    inputs: {{x: [N, T, 8]}}
    layers:
      norm: LayerNorm
      up: {{Linear: 16}}
      act: ReLU
      down: {{Linear: 8}}
      {step}
      out: x + y
"""


@pytest.mark.parametrize(
    ("step", "why"),
    [
        ("y: relu(down)", ""),
        ("y: {Dropout: 0.1, from: down}", ""),
        ("y: dropout(down, 0.1)", "`dropout` would draw the same numbers for each block"),
        ("y: flip(down, [1])", "`flip` reads all of it"),
        ('scale: {Parameter: "ones(8)"}\n      y: down * scale', "`*` joins it with a learnable value"),
        ("y: down * T", "a block asks how long it is"),
    ],
)
def test_a_sum_is_scattered_where_blocks_of_the_sequence_will_do(step: str, why: str) -> None:
    plan = archspec.plan(
        archspec.parse(BLOCKS.format(step=step)), {"tp": 2}, inputs={"x": (2, 6, 8)}, sequence_parallel=True
    )
    assert set(plan.sequence.sums) == (set() if why else {"blocks.0.down", "blocks.1.down"})
    if why:
        assert any(one.code == "AS811" and why in one.message for one in plan.problems)
    else:
        assert {"blocks.0.norm", "blocks.1.norm", "norm"} <= set(plan.sequence.norms)
        assert set(plan.sequence.begun) == {"blocks.0"}


@pytest.mark.parametrize(
    "norm",
    ["{LayerNorm: {weight: norm.weight}, from: down}", "{LayerNorm: , from: down, parametrize: {weight: weight_norm}}"],
)
def test_a_norm_whose_weight_is_not_its_own_reads_the_whole_sequence(norm: str) -> None:
    spec = archspec.parse(BLOCKS.format(step=f"y: {norm}"))
    plan = archspec.plan(spec, {"tp": 2}, inputs={"x": (2, 6, 8)}, sequence_parallel=True)
    assert not any(path.endswith(".y") for path in plan.sequence.norms)
    assert not plan.sequence.sums


def test_a_sequence_that_does_not_divide_stays_whole() -> None:
    spec = archspec.parse(BLOCKS.format(step="y: relu(down)"))
    plan = archspec.plan(spec, {"tp": 2}, inputs={"x": (2, 7, 8)}, sequence_parallel=True)
    assert not plan.sequence.sums
    assert "7 is not divisible by 2 ranks" in plan.problems[0].message


X, Z, W = torch.randn(4, 6, 8), torch.randn(4, 1, 8), torch.randn(8, 6)
Q, K = torch.randn(2, 8, 6, 4), torch.randn(2, 4, 6, 4)
CALLS: list[tuple[str, tuple[Any, ...], dict[str, Any]]] = [
    *((name, (X,), {}) for name in ("relu", "gelu", "silu", "cos", "clone", "contiguous", "ravel", "float")),
    *((name, (X, Z), {}) for name in ("add", "mul", "maximum", "eq", "type_as")),
    ("where", (X > 0, X, Z), {}),
    ("clamp", (X, 0.0), {}),
    *((name, (X, dim), {}) for name in ("softmax", "log_softmax", "glu") for dim in (1, -1)),
    *((name, (X, 1), {}) for name in ("sum", "mean", "amax", "std", "unbind")),
    ("sum", (X, (0, 2), True), {}),
    *((name, ((X, X), 1), {}) for name in ("cat", "stack")),
    *((name, (X, 0, 2), {}) for name in ("transpose", "swapaxes")),
    ("permute", (X, (2, 0, 1)), {}),
    *(("reshape", (X, shape), {}) for shape in ((4, 6, 2, 4), (24, 8), (4, 48), (2, 2, 6, 8), (4, 2, 3, 8), (192,))),
    ("view", (X, 4, 6, 2, 4), {}),
    *(("flatten", (X, *dims), {}) for dims in ((), (1,), (0, 1))),
    ("unflatten", (X, 1, (2, 3)), {}),
    ("unsqueeze", (X, 1), {}),
    ("squeeze", (Z, 1), {}),
    *((name, (X, W), {}) for name in ("matmul", "@")),
    ("bmm", (X, X.transpose(1, 2)), {}),
    *((name, (X, 2, 1), {}) for name in ("chunk", "split", "tensor_split")),
    ("select", (X, 1, 2), {}),
    ("narrow", (X, 2, 1, 4), {}),
    ("flip", (X, (1,)), {}),
    *((name, (X,), {}) for name in ("tril", "triu")),
    ("expand", (Z, 4, 6, 8), {}),
    ("broadcast_to", (Z, (4, 6, 8)), {}),
    ("layer_norm", (X, (8,)), {}),
    ("rms_norm", (X, (6, 8)), {}),
    ("scaled_dot_product_attention", (Q, Q, Q), {}),
    ("scaled_dot_product_attention", (Q, K, K), {"enable_gqa": True}),
    ("scaled_dot_product_attention", (Q, Q, Q, torch.randn(8, 6, 6)), {}),
]
"""Calls of functions that have rules."""


def typed(value: Any) -> Any:
    """A value as rules take it."""
    if isinstance(value, torch.Tensor):
        return TensorType(tuple(value.shape), str(value.dtype).removeprefix("torch."))
    return tuple(map(typed, value)) if isinstance(value, tuple) else value


def run_call(name: str, values: Mapping[str, Any]) -> tuple[torch.Tensor, ...]:
    """What PyTorch computes."""
    function = {**OPERATORS, **FUNCTIONS}[name]
    arguments = [*values.values()]
    if name == "view" or name == "expand":
        arguments = [arguments[0], *arguments[1]]
    keywords = {"enable_gqa": values.get("enable_gqa")} if "enable_gqa" in values else {}
    arguments = arguments[: len(arguments) - len(keywords)]
    owner = {"torch": torch, "F": nn.functional, "Tensor": torch.Tensor}.get(function.python.partition(".")[0])
    result = (getattr(owner, function.name) if owner else torch.matmul)(*arguments, **keywords)
    return result if isinstance(result, tuple | list) else (result,)


def in_blocks(passings: Any, values: Mapping[str, Any], axis: int, block: int) -> dict[str, Any]:
    """The arguments of one of two ranks, where what comes out is cut along an axis."""

    def cut(value: torch.Tensor, passing: Mapping[int, int]) -> torch.Tensor:
        own = [place for place, to in passing.items() if to == axis]
        return value.chunk(2, own[0])[block] if own else value

    found = dict(values)
    for name, passing in passings.items():
        value = values[name]
        inside = isinstance(value, tuple)
        found[name] = tuple(map(cut, value, passing)) if inside else cut(value, passing)
    for name in ("shape", "size", "sizes"):  # `-1` stands for the size that differs
        place = axis - 1 if name == "sizes" else axis
        if name in found and 0 <= place < len(found[name]):
            found[name] = (*found[name][:place], -1, *found[name][place + 1 :])
    return found


@pytest.mark.parametrize(("name", "positional", "keywords"), CALLS, ids=[f"{n}_{i}" for i, (n, *_) in enumerate(CALLS)])
def test_the_rule_of_a_function_is_what_pytorch_computes_of_blocks(
    name: str, positional: tuple[Any, ...], keywords: dict[str, Any]
) -> None:
    function = {**OPERATORS, **FUNCTIONS}[name]
    values = dict(function.signature.bind(*positional, **keywords).arguments)
    whole = run_call(name, values)
    bound = function.signature.bind(*map(typed, positional), **keywords)
    bound.apply_defaults()
    passings = function.passings(typed(tuple(whole) if len(whole) > 1 else whole[0]), bound.arguments)
    axes = {
        to for some in passings.values() for one in (some if isinstance(some, list) else [some]) for to in one.values()
    }
    assert axes or name == "ravel", "some axis passes"
    for axis in sorted(axis for axis in axes if whole[0].shape[axis] % 2 == 0):
        parts = zip(*(run_call(name, in_blocks(passings, values, axis, block)) for block in range(2)), strict=True)
        for result, some in zip(whole, parts, strict=True):
            torch.testing.assert_close(torch.cat(some, axis), result)


# What each rank holds.


@contextmanager
def fake_ranks(mesh: Mapping[str, int], rank: int) -> Iterator[DeviceMesh]:
    """A mesh of ranks that are not there: this process is one of them."""
    world = 1
    for size in mesh.values():
        world *= size
    dist.init_process_group("fake", rank=rank, world_size=world, store=FakeStore())
    try:
        yield init_device_mesh("cpu", tuple(mesh.values()), mesh_dim_names=tuple(mesh))
    finally:
        dist.destroy_process_group()


def sharded(plan: Plan, model: nn.Module, mesh: DeviceMesh) -> nn.Module:
    """The model as DTensor and FSDP2 shard it by a plan."""
    modules = dict(model.named_modules())
    for one in plan.cuts:
        path, _, name = one.weight.rpartition(".")
        weight = distribute_tensor(getattr(modules[path], name).detach(), mesh["tp"], [Shard(one.axis)])
        setattr(modules[path], name, nn.Parameter(weight))
    for key, other in plan.ties.items():
        (path, _, name), (owner, _, place) = key.rpartition("."), other.rpartition(".")
        setattr(modules[path], name, getattr(modules[owner], place))
    if "dp" in plan.mesh:
        for path in plan.blocks:
            fully_shard(modules[path], mesh=mesh["dp"])
        fully_shard(model, mesh=mesh["dp"])
    return model


def measured(spec: str, plan: Plan, rank: int, **settings: Any) -> int:
    """Bytes of the parameters of one rank, by DTensor."""
    with fake_ranks(plan.mesh, rank) as mesh:
        model = sharded(plan, archspec.build(spec, device="meta", **settings), mesh)
        return sum(one.to_local().nbytes if isinstance(one, DTensor) else one.nbytes for one in model.parameters())


SMALL = {"num_hidden_layers": 2, "hidden_size": 96, "intermediate_size": 200, "num_attention_heads": 4}
EXACT = [
    pytest.param(
        LLAMA,
        {"dp": 5, "tp": 2},
        {"params": {**SMALL, "num_key_value_heads": 2, "vocab_size": 1002}},
        marks=pytest.mark.slow,
    ),
    (GPT2, {"dp": 3, "tp": 2}, {"params": {"n_layer": 2, "vocab_size": 512}}),
    (BERT, {"tp": 2, "dp": 7}, {"params": {**SMALL}}),
    (str(ROOT / "specs" / "vision" / "unet.yaml"), {"dp": 6}, {}),
    pytest.param(LLAMA, {"dp": 128, "tp": 8}, {"variant": "llama3_405b"}, marks=pytest.mark.slow),
    pytest.param(LLAMA, {"dp": 512, "tp": 8}, {"variant": "llama3_70b"}, marks=pytest.mark.slow),  # 4,096 ranks
]


@pytest.mark.parametrize(("spec", "mesh", "settings"), EXACT)
def test_the_bytes_of_parameters_are_those_of_dtensor(
    spec: str, mesh: dict[str, int], settings: dict[str, Any]
) -> None:
    plan = archspec.plan(spec, mesh, **settings)
    total = 1
    for size in mesh.values():
        total *= size
    assert sum(one.count for one in plan.ranks) == total
    for one in (plan.ranks[0], plan.ranks[-1]):
        assert one.parameters == measured(spec, plan, one.example, **settings), one.name


KINDS = {
    "all_reduce": "all_reduce",
    "all_reduce_": "all_reduce",
    "allreduce_": "all_reduce",
    "all_gather_into_tensor": "all_gather",
    "_allgather_base_": "all_gather",
    "reduce_scatter_tensor": "reduce_scatter",
    "_reduce_scatter_base_": "reduce_scatter",
}


class Collectives(TorchDispatchMode):
    """Counts what goes over a mesh, and its bytes: those of the larger tensor."""

    def __init__(self) -> None:
        super().__init__()
        self.count: Counter[str] = Counter()
        self.bytes: Counter[str] = Counter()

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        result = func(*args, **(kwargs or {}))
        kind = KINDS.get(func._schema.name.partition("::")[2]) if "c10d" in func.namespace else None
        if kind is not None:
            self.count[kind] += 1
            self.bytes[kind] += max(
                x.nbytes for x in torch.utils._pytree.tree_leaves((args, result)) if hasattr(x, "nbytes")
            )
        return result


TINY = {"num_hidden_layers": 2, "hidden_size": 32, "intermediate_size": 48, "num_attention_heads": 4, "vocab_size": 256}
SENT: list[Any] = [
    (LLAMA, {"dp": 3, "tp": 2}, {**TINY, "num_key_value_heads": 2}),
    pytest.param(BERT, {"tp": 2}, {**TINY, "max_position_embeddings": 16}, marks=pytest.mark.slow),
    pytest.param(GPT2, {"dp": 3}, {"n_layer": 2, "n_embd": 32, "n_head": 4, "vocab_size": 256}, marks=pytest.mark.slow),
]


def counted(plan: Plan) -> tuple[Counter[str], Counter[str]]:
    """The collectives of a plan by their kind, and their bytes."""
    count, size = Counter[str](), Counter[str]()
    for one in plan.communication:
        count[one.kind] += one.count
        size[one.kind] += one.bytes
    return count, size


def collectives(spec: str, plan: Plan, params: dict[str, Any]) -> Collectives:
    """What one rank of a plan's mesh sends, forward and backward."""
    with fake_ranks(plan.mesh, 0) as mesh:
        model = archspec.parallelize(archspec.build(spec, params=params), plan, mesh)
        with Collectives() as found:
            results = model(torch.randint(0, 16, (2, 6)))
            sum(x.sum() for x in ([results] if isinstance(results, torch.Tensor) else results)).backward()
    return found


@pytest.mark.filterwarnings("ignore::UserWarning")
@pytest.mark.parametrize("sequence", [False, True], ids=["", "sequence"])
@pytest.mark.parametrize("checkpoint", [None, "blocks"])
@pytest.mark.parametrize(("spec", "mesh", "params"), SENT)
def test_the_collectives_of_a_step_are_those_that_are_counted(
    spec: str, mesh: dict[str, int], params: dict[str, Any], checkpoint: str | None, sequence: bool
) -> None:
    name = archspec.load(spec).graph().main.inputs[0].name
    plan = archspec.plan(
        spec, mesh, params=params, checkpoint=checkpoint, inputs={name: (2, 6)}, sequence_parallel=sequence
    )
    found = collectives(spec, plan, params)
    assert (found.count, found.bytes) == counted(plan)


@pytest.mark.filterwarnings("ignore::UserWarning")
@pytest.mark.parametrize(
    ("spec", "mesh", "params"),
    [
        (LLAMA, {"tp": 2}, {**TINY, "num_key_value_heads": 2}),
        (LLAMA, {"dp": 2, "tp": 2}, {**TINY, "num_key_value_heads": 2}),
        (GPT2, {"tp": 2}, {"n_layer": 2, "n_embd": 32, "n_head": 4, "vocab_size": 256}),
    ],
)
def test_the_bytes_of_gradients_are_those_of_dtensor(spec: str, mesh: dict[str, int], params: dict[str, Any]) -> None:
    plan = archspec.plan(spec, mesh, params=params)
    with fake_ranks(mesh, 0) as made:
        model = archspec.parallelize(archspec.build(spec, params=params), plan, made)
        result = model(torch.randint(0, 16, (2, 6)))
        (result if isinstance(result, torch.Tensor) else result[0]).sum().backward()
        gradients = [p.grad for p in model.parameters()]
        found = sum(
            one.to_local().nbytes if isinstance(one, DTensor) else one.nbytes for one in gradients if one is not None
        )
    assert plan.ranks[0].gradients == found


def test_the_optimizer_holds_what_adamw_holds() -> None:
    torch.manual_seed(0)
    spec = ROOT / "specs" / "mlp.yaml"
    model = archspec.build(spec)
    optimizer = torch.optim.AdamW(model.parameters())
    model(torch.randn(2, 3, 32, 32)).sum().backward()
    optimizer.step()
    states = [value for state in optimizer.state.values() for value in state.values()]
    (one,) = archspec.plan(spec).ranks
    assert one.optimizer == sum(value.nbytes for value in states)
    assert one.gradients == sum(p.grad.nbytes for p in model.parameters() if p.grad is not None) == one.parameters


@pytest.mark.slow
def test_the_largest_llama_is_planned_and_does_not_fit() -> None:
    settings: dict[str, Any] = {"variant": "llama3_405b", "inputs": {"input_ids": (1, 4096)}, "dtype": "bfloat16"}
    plan = archspec.plan(LLAMA, "dp=128,tp=8", device_memory="80GB", **settings)
    assert plan.fits is False
    assert [one.code for one in plan.problems] == ["AS805"]


@pytest.mark.slow
@pytest.mark.parametrize("path", SPECS, ids=[path.stem for path in SPECS])
def test_every_shipped_spec_is_planned(path: Path) -> None:
    for mesh in ({"dp": 7, "tp": 2},):
        plan = archspec.plan(path, mesh)
        assert json.loads(json.dumps(plan.as_dict()))["share_cut"] == plan.share_cut
        assert len(plan.cuts) + len(plan.whole) in (0, len({*(one.weight for one in (*plan.cuts, *plan.whole))}))
        assert all(isinstance(one.peak, int) for one in plan.ranks)
        assert str(plan)
        assert plan.markdown()


# Pipeline stages, and meshes to choose from.


def test_stages_hold_the_network_once_and_cost_alike() -> None:
    settings: dict[str, Any] = {"params": {"num_hidden_layers": 10}, "inputs": {"input_ids": (1, 64)}}
    whole = archspec.plan(LLAMA, {"dp": 2, "tp": 4}, **settings)
    plan = archspec.plan(LLAMA, {"dp": 2, "tp": 4}, pp=4, **settings)
    assert sum(one.parameters for one in plan.ranks) == whole.ranks[0].parameters
    received = 3 * 2 * 64 * 128 * 4  # each stage but the first keeps the cosines and sines that it is sent
    assert sum(one.activations or 0 for one in plan.ranks) == (whole.ranks[0].activations or 0) + received
    assert sorted(one.example for one in plan.ranks) == [0, 8, 16, 24]
    assert sum(one.macs for one in plan.stages) == archspec.summary(LLAMA, **settings).macs
    assert plan.stages[0].first == "model.layers.0"
    layer = max(one.macs for one in plan.stages) / 3
    assert max(one.macs for one in plan.stages) < sum(one.macs for one in plan.stages) / 4 + layer
    (sent,) = (one for one in plan.communication if one.kind == "send")
    assert sent.count == 3 * (2 + 2), "hidden states and their gradients, cosines and sines, over three borders"
    assert plan.problems == ()


def test_a_tie_across_stages_is_an_error() -> None:
    plan = archspec.plan(GPT2, pp=2, params={"n_layer": 2})
    assert [(one.code, one.severity, one.line) for one in plan.problems] == [("AS804", "error", 39)]
    with pytest.raises(ValueError, match="4 pipeline stages need as many repeated blocks"):
        archspec.plan(GPT2, pp=4, params={"n_layer": 2})


def test_an_input_that_a_later_stage_reads_is_a_warning() -> None:
    step = "y: down + 1"
    spec = archspec.parse(BLOCKS.format(step=step))
    assert archspec.plan(spec, pp=2, inputs={"x": (2, 6, 8)}).problems == ()
    again = BLOCKS.format(step=step).replace("norm: LayerNorm\n  head", "sum: blocks + x\n  norm: LayerNorm\n  head")
    (problem,) = archspec.plan(archspec.parse(again), pp=2, inputs={"x": (2, 6, 8)}).problems
    assert (problem.code, problem.line) == ("AS812", 2)
    assert "stage 1 reads the input `x`" in problem.message


def test_meshes_are_listed_by_what_a_step_sends(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["plan", BERT, "--devices", "12", "--device-memory", "80GB", "--format", "json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert [one["fits"] for one in found] == [True] * 6
    sent = [sum(part["bytes"] for part in one["communication"]) for one in found]
    assert sent == sorted(sent)
    assert {one["mesh"]["dp"] * one["mesh"]["tp"] for one in found} == {12}
    assert main(["plan", BERT, "--devices", "12", "--mesh", "tp=2"]) == 2


# The command.


def test_the_command_prints_json_markdown_and_text(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["plan", GPT2, "--mesh", "dp=2,tp=2", "--format", "json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["mesh"] == {"dp": 2, "tp": 2}
    assert {problem["code"] for problem in found["problems"]} == {"AS802", "AS803", "AS806"}
    assert main(["plan", GPT2, "--mesh", "tp=2", "--format", "markdown"]) == 0
    assert "| transformer.h.*.mlp.c_fc.weight (×12) | column | axis 0 | line 77 |" in capsys.readouterr().out
    assert main(["plan", GPT2, "--device-memory", "1GB"]) == 1
    assert "error[AS805]" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--mesh", "pp=2"], "`pp`"),
        (["--mesh", "tp"], "write it like dp=16,tp=8"),
        (["--mesh", "tp=0"], "takes a number from 1"),
        (["--dtype", "int8"], "float32"),
        (["--optimizer", "adamm"], "did you mean `adam`?"),
        (["--checkpoint", "layers"], "blocks"),
        (["--device-memory", "much"], "80GB"),
        (["--batch", "0"], "number of 1 or more"),
    ],
)
def test_what_is_no_setting_is_refused(options: list[str], message: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["plan", GPT2, *options]) == 2
    assert message in capsys.readouterr().err
