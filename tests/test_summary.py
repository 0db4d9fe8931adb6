"""The static table, held against PyTorch: shapes, parameters and memory exactly, MACs as its own counter has them.

torchinfo's mult-adds are another matter. `TORCHINFO` says where they differ from MACs, and by exactly how much.
"""

from __future__ import annotations

import csv
import importlib.util
import json
import math
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from shipped import NAMES, marks
from torch import nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.flop_counter import FlopCounterMode

import archspec
from archspec.dimensions import Dimension
from archspec.document import limit
from archspec.graph import Call
from archspec.views.summary import Summary, folding, summarize
from archspec.views.summary import verify as verifying
from archspec.views.summary.table import WIDTH

ROOT = Path(__file__).parent.parent
STACKS = sorted((ROOT / "specs").glob("*.yaml"))  # the others are graphs, whose steps also compute

VARIANTS: list[tuple[str, dict[str, Any]]] = [
    ("tinyvgg", {"input_shape": 3, "hidden_units": 32, "output_shape": 100}),
    ("vgg", {"stages": [[64], [128], [256, 256], [512, 512], [512, 512]]}),
    ("vgg", {"batch_norm": True, "num_classes": 7}),
    ("mlp_configurable", {"hidden_sizes": []}),
    ("mlp_configurable", {"hidden_sizes": [30, 20, 10], "dropout": 0.0}),
    ("conv2d_grouped", {"groups": 16}),
    ("conv2d_depthwise", {"multiplier": 3}),
]
"""Shipped specs with parameters other than their defaults."""

SHORT = {
    "ft_transformer": {"x_cat": [1, 3]},
    "lstm_classifier": {"tokens": [1, 9]},
    "seq2seq": {"source": [1, 7], "target": [1, 9]},
}
"""Sizes for those that PyTorch runs step by step, and for one with columns that no figure depends on."""

TORCHINFO: dict[str, Callable[[Call, nn.Module], int]] = {
    # A convolution's bias is added once to each output, a Linear's likewise: no multiply-accumulate.
    verifying.BIAS: lambda call, module: _numel(call.output) if module.bias is not None else 0,
    # BatchNorm, LayerNorm, PReLU, Embedding, …: PyTorch's counter counts convolutions and matrix products alone.
    verifying.ELEMENTWISE: lambda call, module: _shape(call.output)[0] * _count(module),
    # torchinfo multiplies a Linear's parameters by the first axis; the rows are the product of all axes but the last.
    verifying.ROWS: lambda call, module: (
        _shape(call.output)[0] * _count(module) - _numel(call.output) * module.in_features
    ),
    # Each input element meets the whole kernel; torchinfo takes the output's places, as for any convolution.
    verifying.TRANSPOSED: lambda call, module: (
        _shape(call.output)[0]
        * (
            math.prod(_shape(call.output)[2:]) * _count(module)
            - math.prod(_shape(call.inputs[0])[2:]) * module.weight.numel()
        )
    ),
    # [C, H, W]: torchinfo takes C for the batch, leaves H out as if it were the channels, and counts the bias.
    verifying.NO_BATCH: lambda call, module: (
        _shape(call.output)[0] * math.prod(_shape(call.output)[2:]) * _count(module)
        - math.prod(_shape(call.output)[1:]) * module.weight.numel()
    ),
}
"""torchinfo's mult-adds less the MACs of a layer, by the reason that `verify` gives: every difference there is."""

ZOO = """
inputs: {x: {shape: [N, 12], dtype: int64}}
layers:
  - Embedding: {num_embeddings: 50, embedding_dim: 8}
  - LayerNorm
  - Linear: 16
  - Linear: {out_features: 24, bias: false}
  - PReLU
  - Unflatten: {dim: 2, unflattened_size: [4, 6]}
  - GroupNorm: {num_groups: 3}
  - Conv2d: {out_channels: 6, kernel_size: 3, padding: 1, groups: 2, bias: false}
  - InstanceNorm2d: {affine: true}
  - ConvTranspose2d: {out_channels: 4, kernel_size: 3, stride: 2, groups: 2}
  - ConvTranspose2d: {out_channels: 4, kernel_size: 2, stride: 2, bias: false}
  - Conv2d: {out_channels: 5, kernel_size: [3, 5], dilation: 2, padding: same}
  - Flatten
  - Linear: 3
"""
SINGLE = "inputs: {x: [3, 20, 30]}\nlayers: [Conv2d: {out_channels: 8, kernel_size: 3}, ReLU]"


def _count(module: nn.Module) -> int:
    return sum(parameter.numel() for parameter in module.parameters())


def _shape(flow: Any) -> tuple[int, ...]:
    return tuple(size if isinstance(size, int) else 1 for size in flow.shape)  # the batch is the one free size


def _numel(flow: Any) -> int:
    return math.prod(_shape(flow))


def advised(spec: archspec.Spec, params: dict[str, Any] | None = None) -> dict[str, list[int]]:
    """The sizes of the inputs that the summary itself advises to give."""
    hint = archspec.summary(spec, params=params).hint
    return {name: [int(size) for size in sizes.split(",")] for name, sizes in re.findall(r"--input (\w+)=(\S+)", hint)}


def run(model: nn.Module, summary: Summary, *, training: bool) -> tuple[int, dict[int, int]]:
    """The FLOPs of one forward pass, and the bytes of each storage that an innermost module made."""
    outputs: list[torch.Tensor] = []
    for module in model.modules():
        if not list(module.children()):
            module.register_forward_hook(lambda module, inputs, output: outputs.append(output))
    inputs = [
        torch.zeros(
            [size if isinstance(size, int) else summary.sizes.get(str(size), 1) for size in value.type.shape],
            dtype=getattr(torch, value.type.dtype),
            device="meta",
        )
        for value in summary.inputs
    ]
    model.requires_grad_(False)  # the counter hooks into the gradients of what modules take
    with FlopCounterMode(display=False) as counter, torch.inference_mode():
        model.train(training)(*inputs)
    storages = [output.untyped_storage() for output in outputs if isinstance(output, torch.Tensor)]
    given = {value.untyped_storage()._cdata for value in inputs}
    made = {storage._cdata: storage.nbytes() for storage in storages if storage._cdata not in given}
    return counter.get_total_flops(), made


CASES = [pytest.param(name, {}, id=name, marks=marks(name)) for name in NAMES] + [
    pytest.param(name, params, id=f"{name}-{number}", marks=marks(name))
    for number, (name, params) in enumerate(VARIANTS)
]


@pytest.mark.parametrize(("name", "params"), CASES)
def test_figures_equal_pytorchs(name: str, params: dict[str, Any]) -> None:
    spec = archspec.load(ROOT / "specs" / f"{name}.yaml")
    inputs = advised(spec, params) | SHORT.get(name.rpartition("/")[2], {})
    summary = archspec.summary(spec, params=params, inputs=inputs)
    model = archspec.build(spec, device="meta", limit=None, **params)
    assert summary.parameters == _count(model)
    assert summary.trainable == sum(p.numel() for p in model.parameters() if p.requires_grad)
    assert sum(summary.parameter_bytes.values()) == sum(p.numel() * p.element_size() for p in model.parameters())
    verdict = verifying.verify(model, spec.graph(params, inputs)).splitlines()[-1]
    assert re.fullmatch(r"All \d+ layers agree in output shape, parameters and MACs\.", verdict)
    flops, outputs = run(model, summary, training="/" not in name)
    assert summary.macs == flops // 2
    if "/" not in name:  # a stack: graphs compute, too
        assert summary.activation_bytes == sum(outputs.values())
    assert "\n?" not in str(summary)


FUSED = {
    "lstm_classifier": "aten.mkldnn_rnn_layer, a kernel for all of an LSTM, is no product to the counter",
    "gpt2": "aten._scaled_dot_product_flash_attention_for_cpu is not among the attention kernels that it counts",
}
"""Where PyTorch's counter has less on the CPU than the summary, and why. MACs are what it counts on the meta device."""


class Called(TorchDispatchMode):
    """The functions that PyTorch calls below its modules."""

    def __init__(self) -> None:
        super().__init__()
        self.functions: set[str] = set()

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        self.functions.add(str(func.overloadpacket))
        return func(*args, **(kwargs or {}))


@pytest.mark.parametrize("name", FUSED)
def test_counts_what_a_kernel_of_the_cpu_hides(name: str) -> None:
    kernel = FUSED[name].split()[0].removesuffix(",")
    params = {"vocab_size": 20, **({"n_layer": 2, "n_embd": 24} if name == "gpt2" else {"hidden_size": 8})}
    spec = archspec.load(ROOT / "specs" / "text" / f"{name}.yaml")
    (value,) = spec.graph().main.inputs
    tokens = torch.zeros([1, 12], dtype=torch.int64)
    summary = archspec.summary(spec, params=params, inputs={value.name: [1, 12]})
    model = archspec.build(spec, **params).eval()
    with FlopCounterMode(display=False) as counter, torch.no_grad(), Called() as called:
        model(tokens)
    assert kernel in called.functions
    assert counter.get_total_flops() // 2 < summary.macs
    assert verifying.verify(model, spec.graph(params, {value.name: [1, 12]})).endswith("parameters and MACs.")


SOURCES = [pytest.param(path.read_text(), id=path.stem) for path in STACKS] + [
    pytest.param(ZOO, id="zoo"),
    pytest.param(SINGLE, id="single"),
]


@pytest.mark.parametrize("text", SOURCES)
def test_torchinfo_differs_by_the_reasons_given_and_no_others(text: str) -> None:
    spec = archspec.parse(text)
    graph = spec.graph(inputs=advised(spec))
    model = archspec.build(spec, device="meta")
    inputs = [
        torch.zeros(_shape(value.type), dtype=getattr(torch, value.type.dtype), device="meta")
        for value in graph.main.inputs
    ]
    found = verifying.measure(model, inputs).layers
    for path, call, _ in graph.layers():
        figures = found[path]
        if figures.mult_adds != figures.macs:
            difference = TORCHINFO[verifying.reason(call)](call, model.get_submodule(path))
            assert figures.mult_adds - figures.macs == difference, path


def test_zoo_meets_every_reason() -> None:
    texts = [archspec.verify(archspec.parse(text)) for text in (ZOO, SINGLE)]
    assert all(any(reason in text for text in texts) for reason in TORCHINFO)


PLACES = """
params: {flag: bool}
inputs: {x: [N, 4, 8], y: [N, 6, 12]}
layers:
  attention:
    MultiheadAttention: {num_heads: 2, batch_first: true}
    from: {value: y, key: y, query: "cat([x, x[:, :, :4]], 2)", need_weights: false}   # in another order than PyTorch's
  seen, weights: attention
  fc: {Linear: 3, from: {input: "seen @ transpose(seen, 1, 2)"}}
  again: {again: fc, from: "fc @ transpose(fc, 1, 2)"}
  chosen: "again @ transpose(fc, 1, 2) @ fc if flag else again"
outputs: ["chosen @ transpose(again, 1, 2)", fc]
"""
"""Multiply-accumulates wherever a spec may say them."""


def test_counts_in_every_place() -> None:
    spec = archspec.parse(PLACES)
    for flag in (True, False):
        assert archspec.verify(spec, params={"flag": flag}).endswith("parameters and MACs.")
    unknown = archspec.summary(spec, inputs={"x": [2, 4, 8], "y": [2, 6, 12]})
    assert {row.name: str(row.macs) for row in unknown.rows if row.depth == 0}["chosen"] == "192 if flag else 0"


@pytest.fixture
def own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> archspec.Spec:
    lines = ("from torch import nn", "class Net(nn.Sequential):", "    def __init__(self): super().__init__(nn.ReLU())")
    (tmp_path / "summary_own.py").write_text("\n".join(lines))
    monkeypatch.syspath_prepend(tmp_path)
    return archspec.parse("inputs: {x: [N, 4]}\nlayers: [Linear: 3, summary_own.Net: {}]", allow=["summary_own"])


def test_own_classes_are_known_to_pytorch_alone(own: archspec.Spec) -> None:
    summary = archspec.summary(own)
    assert (summary.rows[0].macs, summary.rows[1].is_own, summary.hint) == (12, True, "")
    verdict = archspec.verify(own).splitlines()
    assert verdict[-2].startswith("1 of your own classes")
    assert verdict[-1].startswith("All 1 layers agree")


class Wrong(nn.Module):
    """TinyVGG's first block with a kernel and a bias that the spec does not say, and a layer more."""

    def __init__(self) -> None:
        super().__init__()
        self.block_1 = nn.Sequential(
            nn.Conv2d(1, 10, 5, padding=1), nn.ReLU(), nn.Conv2d(10, 10, 3, padding=1, bias=False), nn.Tanh()
        )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.block_1(x)


def test_verify_says_what_differs_and_where() -> None:
    spec = archspec.load(ROOT / "specs" / "tinyvgg.yaml")
    with pytest.raises(archspec.SpecError) as caught:
        verifying.verify(Wrong(), spec.graph())
    messages = {(problem.line, problem.message) for problem in caught.value.problems}
    lines = spec.text.splitlines()
    first = next(number for number, line in enumerate(lines, 1) if "Conv2d" in line)
    shape = "the output shape of `block_1.0` is [1, 10, 26, 26] in PyTorch; the summary says [1, 10, 28, 28]"
    assert (first, shape) in messages
    assert (
        first,
        "the number of parameters of `block_1.0` is 260 in PyTorch; the summary says 100",
    ) in messages
    assert any("MACs of `block_1.0` is 169000 in PyTorch; the summary says 70560" in text for _, text in messages)
    assert any("parameters of `block_1.2` is 900 in PyTorch; the summary says 910" in text for _, text in messages)
    assert any("`classifier.1` is not a module of the built network" in text for _, text in messages)
    assert {problem.code for problem in caught.value.problems} == {"AS606"}


def test_verify_finds_modules_that_are_no_steps() -> None:
    spec = archspec.parse("inputs: {x: [N, 4]}\nlayers: [Linear: 3]")
    with pytest.raises(archspec.SpecError, match="modules that are not steps: 1"):
        verifying.verify(nn.Sequential(nn.Linear(4, 3), nn.ReLU()), spec.graph())


def test_verify_leaves_the_model_as_it_is() -> None:
    spec = archspec.parse("inputs: {x: [N, 4]}\nlayers: [Linear: 3, BatchNorm1d, {Linear: {out_features: 2}}]")
    model = archspec.build(spec)
    before = {name: value.clone() for name, value in model.state_dict().items()}
    verifying.verify(model, spec.graph())
    assert model.training
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())
    assert not any(module._forward_hooks for module in model.modules())


def test_verify_takes_layers_on_devices_of_their_own() -> None:
    text = "inputs: {x: [N, 4]}\nlayers: [Linear: {out_features: 3, device: cpu}, Linear: 2]"
    assert archspec.verify(archspec.parse(text)).endswith("All 2 layers agree in output shape, parameters and MACs.")


def test_verify_needs_every_size() -> None:
    with pytest.raises(archspec.SpecError) as caught:
        archspec.verify(ROOT / "specs" / "alexnet.yaml")
    assert caught.value.problems[0].help == "H and W are not known: --input x=1,3,224,224 makes every figure a number"


@pytest.mark.parametrize("missing", ["torch", "torchinfo"])
def test_verify_says_what_to_install(missing: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, missing, None)
    spec = archspec.load(ROOT / "specs" / "tinyvgg.yaml")
    with pytest.raises(ImportError, match=r"pip install 'archspec-nn\[torch\]'$"):
        verifying.verify(nn.Identity(), spec.graph())


def test_summary_imports_no_torch() -> None:
    code = (
        "import sys, archspec; text = str(archspec.summary(sys.argv[1])); "
        "import archspec.views.summary.verify; assert 'torch' not in sys.modules; print(text)"
    )
    spec = str(ROOT / "specs" / "tinyvgg.yaml")
    done = subprocess.run([sys.executable, "-c", code, spec], capture_output=True, text=True, cwd=ROOT, check=True)
    assert done.stdout.startswith("TinyVGG: x [N, 1, 28, 28] -> [N, 10]\n")


# The table.


@pytest.mark.parametrize("name", ["tinyvgg", "autoencoder"])
def test_table(name: str, golden: Callable[[str, str], None]) -> None:
    golden(f"summary_{name}.txt", f"{archspec.summary(ROOT / 'specs' / f'{name}.yaml')}\n")


@pytest.mark.parametrize("path", STACKS, ids=lambda path: path.stem)
def test_table_is_plain_and_narrow(path: Path) -> None:
    spec = archspec.load(path)
    text = str(archspec.summary(spec, inputs=advised(spec)))
    assert text.replace("×", "x").isascii()
    assert all(max(map(len, table.splitlines())) <= WIDTH for table in (text, str(archspec.summary(spec))))
    assert not any(line.endswith(" ") for line in text.splitlines())


def test_a_narrow_table_leaves_columns_out() -> None:
    table = archspec.summary(ROOT / "specs" / "tinyvgg.yaml")
    for width in (120, 80, 60):
        lines = table.text(width=width).splitlines()
        assert max(map(len, lines)) <= width
        assert ("Memory" in lines[2]) == (width > 60)
        assert "multiply-accumulates" in " ".join(lines)


def _of(text: str, **more: Any) -> Summary:
    return archspec.summary(archspec.parse(text), **more)


def test_batch_is_one_sample() -> None:
    summary = _of("inputs: {x: [N, 3, 8, 8]}\nlayers: [Conv2d: {out_channels: 4, kernel_size: 1}]")
    (row,) = summary.rows
    assert (row.macs, row.parameters, row.output_bytes) == (768, 16, 1024)
    assert "768 multiply-accumulates for N = 1" in str(summary)
    assert str(row.output) == "[N, 4, 8, 8]"
    given = _of(
        "inputs: {x: [N, 3, 8, 8]}\nlayers: [Conv2d: {out_channels: 4, kernel_size: 1}]", inputs={"x": [5, 3, 8, 8]}
    )
    assert (given.macs, given.sizes) == (3840, {})
    assert "for N" not in str(given)


def test_free_sizes_stay_formulas() -> None:
    text = "inputs: {x: [N, 3, H, W]}\nlayers: [Conv2d: {out_channels: 64, kernel_size: 3, padding: 1}]"
    summary = _of(text)
    assert isinstance(summary.macs, Dimension)
    assert "1,728 * H * W" in str(summary)
    assert str(summary).endswith("H and W are not known: --input x=1,3,224,224 makes every figure a number")
    strided = _of(text.replace("kernel_size: 3, padding: 1", "kernel_size: 9, stride: 4"))
    assert re.search(r"15,616 +100.0% +\? +\?$", str(strided), re.MULTILINE)
    assert re.search(r"^MACs +\?$", str(strided), re.MULTILINE)


def test_advice_is_large_enough_for_the_network() -> None:
    text = "inputs: {x: [N, 1, 2 * t]}\nlayers: [Conv1d: {out_channels: 4, kernel_size: 3, stride: 600}, ReLU]"
    assert "--input x=1,1,1024 " in str(_of(text.replace("kernel_size: 3", "kernel_size: 512")))
    assert "--input x=1,1,224 " in str(_of(text))


def test_sequences_without_a_batch_name() -> None:
    summary = _of("inputs: {x: [4, T, 8]}\nlayers: [Linear: 2]")
    assert (summary.sizes, str(summary.macs)) == ({}, "64 * T")
    assert "--input x=4,224,8 " in str(summary)


def test_parameters_without_a_value() -> None:
    summary = _of("params: {width: int}\ninputs: {x: [N, 4]}\nlayers: [Linear: width, ReLU]")
    assert "5 * width" in str(summary)
    assert str(summary).endswith("width is not known: --param width=... makes every figure a number")
    assert _of("params: {width: int}\ninputs: {x: [N, 4]}\nlayers: [Linear: width]", params={"width": 3}).hint == ""


def test_loops_without_a_value() -> None:
    text = "params: {sizes: list}\ninputs: {x: [N, 4]}\nlayers: [{for: s in sizes, layers: [Linear: s, ReLU]}, ReLU]"
    table = str(_of(text))
    assert "for s in sizes" in table
    assert re.search(r"^Parameters +\?$", table, re.MULTILINE)
    assert table.endswith("sizes is not known: --param sizes=... makes every figure a number")


def test_a_size_that_one_sample_cannot_have() -> None:
    summary = _of("inputs: {x: [N, 64 // (N - 1)]}\nlayers: [ReLU]")
    assert re.search(r"^Activations +\?$", str(summary), re.MULTILINE)


def test_dtypes() -> None:
    text = """
inputs: {x: {shape: [N, 6], dtype: int64}}
layers:
  - Embedding: {num_embeddings: 10, embedding_dim: 4}
  - LayerNorm
  - Flatten
"""
    summary = _of(text.replace("embedding_dim: 4", "embedding_dim: 4, dtype: bfloat16").replace("  - LayerNorm\n", ""))
    assert summary.parameter_bytes == {"bfloat16": 80}
    assert summary.activation_bytes == 48  # Flatten gives a view
    assert "x [N, 6] int64 -> [N, 24] bfloat16" in str(summary)
    assert _of(text).parameter_bytes == {"float32": 192}


def test_json() -> None:
    spec = ROOT / "specs" / "autoencoder.yaml"
    data = json.loads(json.dumps(archspec.summary(spec).as_dict()))
    assert data["inputs"] == {"x": {"shape": ["N", 3, "4 * h", "4 * w"], "dtype": "float32"}}
    assert data["sizes"] == {"N": 1}
    steps = {step["path"]: step for step in data["steps"]}
    assert steps["encoder"]["depth"] == 0
    assert steps["encoder.2"] == {
        "path": "encoder.2",
        "depth": 1,
        "layer": "Conv2d",
        "input": [{"shape": ["N", 16, "2 * h", "2 * w"], "dtype": "float32"}],
        "output": {"shape": ["N", 4, "h", "w"], "dtype": "float32"},
        "parameters": 580,
        "macs": "576 * h * w",
        "output_bytes": "16 * h * w",
        "receptive_field": [7, 7],
        "line": next(n for n, line in enumerate(spec.read_text().splitlines(), 1) if "latent_channels, k" in line),
    }
    assert data["totals"] == {
        "parameters": 2055,
        "trainable": 2055,
        "macs": "4608 * h * w",
        "activation_bytes": "1440 * h * w",
        "parameter_bytes": {"float32": 8220},
        "inference_bytes": "?",
        "training_bytes": "?",
        "saved_bytes": "?",
    }


def test_columns_add_up() -> None:
    summary = archspec.summary(ROOT / "specs" / "tinyvgg.yaml")
    assert [row.path for row in summary.rows if row.is_group] == ["block_1", "block_2", "classifier"]
    assert sum(row.parameters for row in summary.rows) == summary.parameters == 7740


@pytest.mark.parametrize(
    ("layers", "lines"),
    [("[{repeat: 3000, layers: [Linear: 4]}]", 1), ("[" * 60 + "ReLU" + "]" * 60, 60)],
    ids=["long", "deep"],
)
def test_size(layers: str, lines: int) -> None:
    summary = summarize(archspec.parse(f"inputs: {{x: [N, 4]}}\nlayers: {layers}").graph())
    assert len(str(summary).splitlines()) == lines + 10


# The tree.


def test_repetitions_stand_as_one_and_depth_sums_up() -> None:
    spec = archspec.load(ROOT / "specs" / "vision" / "resnet.yaml")
    summary = archspec.summary(spec, inputs={"x": [1, 3, 224, 224]})
    lines = {line.split()[0]: line for line in summary.text(2).splitlines() if line.startswith("  ")}
    assert re.search(r"1-5 ×5 +Bottleneck .* 5 × 1,117,184 +21.9% +5 × 218 M +26.7% +5 × 3.21 MB$", lines["1-5"])
    shown = list(folding.lines(summary.rows))
    for name, whole in (("parameters", summary.parameters), ("macs", summary.macs)):
        assert sum(line.times * getattr(line, name) for line in shown if not line.is_open) == whole
    (long,) = folding.lines(_of("inputs: {x: [N, 4]}\nlayers: [{repeat: 9, layers: [Linear: 4]}]").rows)
    assert (long.name, long.times, long.parameters) == ("0-8", 9, 20)
    pairs = folding.lines(_of("inputs: {x: [N, 4]}\nlayers: [{repeat: 3, layers: [Linear: 4, ReLU]}, ReLU]").rows)
    assert [(line.name, line.times) for line in pairs] == [("0, 2, 4", 3), ("1, 3, 5", 3), ("6", 1)]


def test_batch_scales_what_flows_alone() -> None:
    one, many = (archspec.summary(ROOT / "specs" / "tinyvgg.yaml", batch=batch) for batch in (1, 32))
    assert (many.macs, many.parameters) == (32 * one.macs, one.parameters)
    assert many.activation_bytes == 32 * one.activation_bytes
    assert "for N = 32" in str(many)


def test_csv_and_markdown_hold_what_the_rows_do() -> None:
    summary = archspec.summary(ROOT / "specs" / "text" / "gpt2.yaml", inputs={"idx": [1, 8]})
    found = list(csv.DictReader(summary.csv().splitlines()))
    assert [row["path"] for row in found] == [row.path for row in summary.rows]
    assert sum(int(row["parameters"] or 0) for row in found) == summary.parameters
    assert sum(int(row["macs"] or 0) for row in found) == summary.macs
    assert found[-1]["output"] == "[1, 8, 50257]"
    table = [line for line in summary.markdown(1).splitlines() if line.startswith("|")]
    assert {len(re.findall(r"(?<!\\)\|", line)) for line in table} == {10}
    assert len(table) == 2 + sum(row.depth == 0 for row in summary.rows)


# Memory.

MEMORY: dict[str, tuple[dict[str, Any], dict[str, list[int]], float]] = {
    "tinyvgg": ({}, {"x": [8, 1, 28, 28]}, 0.01),
    "vision/mobilenet_v2": ({"num_classes": 10}, {"x": [2, 3, 32, 32]}, 0.02),
    "vision/unet": ({"width": 4}, {"x": [2, 3, 32, 32]}, 0.15),  # variables outlive their last use
    "text/gpt2": ({"n_layer": 2, "n_embd": 48, "n_head": 4, "vocab_size": 99}, {"idx": [3, 32]}, 0.05),
}
"""Parameters, sizes of the inputs, and how far the peak of inference may be off: that of training by 2 % at most."""


@pytest.mark.parametrize("name", MEMORY)
def test_memory_is_what_a_run_takes(name: str) -> None:
    params, inputs, off = MEMORY[name]
    spec = archspec.load(ROOT / "specs" / f"{name}.yaml")
    memory = archspec.summary(spec, params=params, inputs=inputs).memory
    model = archspec.build(spec, **params)
    (value,) = spec.graph().main.inputs
    x = torch.zeros(inputs[value.name], dtype=getattr(torch, value.type.dtype))
    inference, training = benchmark("memory").measure(model, [x])
    assert memory.inference == pytest.approx(inference, rel=off)
    assert memory.training == pytest.approx(training, rel=0.02)
    assert memory.saved < memory.training


def test_the_receptive_field_is_where_gradients_come_from() -> None:
    text = """
inputs: {x: [N, 1, H, W]}
layers:
  a: {Conv2d: {out_channels: 2, kernel_size: [3, 5], stride: [2, 1]}}
  b: {Conv2d: {out_channels: 2, kernel_size: 3, dilation: [1, 2], padding: 4}}
  c: {AvgPool2d: 2}
  d: {Conv2d: {out_channels: 2, kernel_size: 3, padding: 1}}
  e: c + d
  f: flatten(e, 1)
"""
    summary = _of(text, inputs={"x": [1, 1, 64, 64]})
    fields = {row.name: row.receptive_field for row in summary.rows}
    assert fields["f"] == ()
    model = archspec.build(archspec.parse(text.replace("  f: flatten(e, 1)\n", "")))
    for parameter in model.parameters():
        nn.init.ones_(parameter)
    x = torch.ones(1, 1, 64, 64, requires_grad=True)
    model(x)[0, 0, 9, 15].backward()
    assert x.grad is not None
    seen = [int(x.grad[0, 0].any(axis).sum()) for axis in (1, 0)]
    assert list(fields["e"]) == seen


# Budgets.


def test_limits_have_suffixes() -> None:
    assert [limit(text) for text in ("7", "5k", "1.5M", "2G", "0.125T", 9)] == [
        *(7, 5000, 1_500_000, 2 * 10**9, 125 * 10**9, 9)
    ]
    for text in ("", "5m", "1.5", "1e6", "-1", "0", "0.0M", "1.2345k", "5 M", "\u0665", True, 1.5, None):
        with pytest.raises(ValueError, match="is not a valid limit"):
            limit(text)


def test_a_budget_is_of_check_alone() -> None:
    text = "inputs: {x: [N, 4]}\nbudget: {parameters: 19}\nlayers: [Linear: 4]"
    spec = archspec.parse(text)
    assert archspec.build(spec)(torch.zeros(1, 4)).shape == (1, 4)
    (problem,) = archspec.check(spec)
    assert (problem.code, problem.line, problem.column) == ("AS607", 2, 10)
    assert archspec.check(spec, budget={}) == archspec.check(spec, budget={"parameters": 20, "macs": 16}) == []
    (problem,) = archspec.check(spec, inputs={"x": [3, 4]}, budget={"macs": 47})
    assert problem.message == "48 multiply-accumulates are more than the budget of 47"
    assert problem.line == 3


def test_a_budget_cannot_count_what_is_the_users_own(own: archspec.Spec) -> None:
    (problem,) = archspec.check(own, budget={"parameters": 10**6})
    assert (problem.code, "Net, which only PyTorch knows" in problem.message) == ("AS608", True)


def benchmark(name: str) -> Any:
    """A module of benchmarks/."""
    found = importlib.util.spec_from_file_location(name, ROOT / "benchmarks" / f"{name}.py")
    assert found is not None
    assert found.loader is not None
    module = importlib.util.module_from_spec(found)
    found.loader.exec_module(module)
    return module


OPEN = "params: {flag: bool, n: int, width: list}\ninputs: {x: [T, N, 8]}\nlayers:\n"
LINEAR = "{Linear: {out_features: 8, bias: flag}"


@pytest.mark.parametrize(
    ("steps", "frozen"),
    [
        (f"  a: {LINEAR}}}\n", "0"),
        (f"  a: {LINEAR}, trainable: false}}\n", "?"),
        (f"  a: {LINEAR}}}\n  b: {{Linear: {{out_features: 8, weight: a.weight}}, trainable: false}}\n", "?"),
        ("  a: {Linear: 8, for: w in width, trainable: false}\n", "?"),
        ("  a: {Linear: 8, for: w in width}\n", "0"),
        ("  a: {LSTM: {hidden_size: 8, num_layers: n}, trainable: false}\n", "576 * n"),
    ],
)
def test_what_is_frozen_is_known_as_far_as_parameters_are(steps: str, frozen: str, tmp_path: Path) -> None:
    (tmp_path / "net.yaml").write_text(OPEN + steps)
    found = str(archspec.summary(archspec.load(tmp_path / "net.yaml")).frozen)
    assert ("?" if found.startswith("?") or "+ ?" in found else found) == frozen
