"""Checkpoints: which weights fit a network, what the others are called in it, and files that are not to be believed."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from key_layouts import GPT2, STYLES, Layout, gpt2_hugging_face, resnet_hugging_face, truth
from torch import nn

import archspec
from archspec.checkpoints import Archive, Stored, open_archive
from archspec.checkpoints.pickled import stored, tensor_of
from archspec.checkpoints.safetensors import pieces
from archspec.cli import main
from archspec.views.fitting import Match, match

SPECS = Path(__file__).parent.parent / "specs"


def archive(keys: Layout) -> Archive:
    return Archive("old.safetensors", {key: Stored(shape, "F32", lambda: b"") for key, shape in keys.items()})


def save(path: Path, state: dict[str, torch.Tensor], metadata: dict[str, str] | None = None) -> Path:
    path.write_bytes(b"".join(pieces({key: stored(value) for key, value in state.items()}, metadata or {})))
    return path


def filled(keys: Layout, seed: int = 0) -> dict[str, torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    return {key: torch.rand(shape, generator=generator) for key, shape in keys.items()}


# What is called what.


@pytest.mark.parametrize("order", ["of the model", "of the alphabet"])
@pytest.mark.parametrize("name", STYLES)
def test_styles_of_the_field_are_matched_without_help(name: str, order: str) -> None:
    spec, params, keys, rules = STYLES[name]
    keys = keys if order == "of the model" else dict(sorted(keys.items()))  # safetensors has them so
    report = match(archspec.load(SPECS / f"{spec}.yaml").graph(params), archive(keys))
    found = {old: new for new, old in report.sources.items() if new not in report.tied} | dict(report.transposed)
    assert found == truth(keys, rules)
    assert (report.new, report.reshaped, report.mistaken) == ((), (), ())
    assert set(report.gone) == keys.keys() - found.keys()


def test_what_wrappers_add_is_no_part_of_a_key_and_what_is_no_weight_is_told_apart() -> None:
    spec = archspec.parse("inputs: {x: [N, 4]}\nlayers: {a: {Linear: 4}, relu: ReLU, b: {Linear: 2}}\n")
    keys: Layout = {
        "base_model.model.a.base_layer.weight": (4, 4),
        "base_model.model.a._orig_mod.base_layer.bias": (4,),
        "base_model.model.a.lora_A.default.weight": (8, 4),
        "base_model.model.a.lora_B.default.weight": (4, 8),
        "base_model.model.b.weight": (2, 4),
        "base_model.model.b.bias": (2,),
    }
    report = match(spec.graph(), archive(keys))
    assert {new: old for old, new in report.renamed.items()} == {
        "a.weight": "base_model.model.a.base_layer.weight",
        "a.bias": "base_model.model.a._orig_mod.base_layer.bias",
        "b.weight": "base_model.model.b.weight",
        "b.bias": "base_model.model.b.bias",
    }
    assert report.beside == {"LoRA": tuple(key for key in keys if "lora" in key)}
    assert not report.gone


def report_of(old: str, new: str, rename: dict[str, str] | None = None) -> Match:
    """What the second of two lists of layers can take of the first."""
    keys = archspec.weights(archspec.parse(f"inputs: {{x: [N, 4, 9, 9]}}\nlayers: {old}\n"))
    return match(archspec.parse(f"inputs: {{x: [N, 4, 9, 9]}}\nlayers: {new}\n").graph(), archive(keys), rename)


CONV = "{Conv2d: {out_channels: 4, kernel_size: 3, padding: 1}}"


def test_layers_of_a_list_are_matched_in_order_even_where_another_one_has_the_key_now() -> None:
    report = report_of(
        f"[{CONV}, ReLU, {CONV}, ReLU, {CONV}]", f"[{CONV}, ReLU, ReLU, ReLU, {CONV}, ReLU, ReLU, {CONV}]"
    )
    assert report.renamed == {f"{a}.{name}": f"{b}.{name}" for a, b in ((2, 4), (4, 7)) for name in ("weight", "bias")}
    assert report.mistaken == ("4.weight", "4.bias")
    assert not report.by_order


def test_what_only_order_decides_is_told_apart_and_what_nothing_decides_is_left() -> None:
    renamed = report_of(f"{{a: {CONV}, b: {CONV}}}", f"{{c: {CONV}, d: {CONV}}}")
    assert renamed.renamed == {"a.weight": "c.weight", "a.bias": "c.bias", "b.weight": "d.weight", "b.bias": "d.bias"}
    assert renamed.by_order >= {"c.weight", "c.bias"}
    left = report_of(f"{{a: {CONV}}}", f"{{c: {CONV}, d: {CONV}}}")
    assert not left.renamed
    assert left.gone == ("a.weight", "a.bias")


def test_a_caller_renames_keys_and_paths_and_hears_of_those_that_do_not_exist() -> None:
    old, new = f"{{a: {CONV}, b: {CONV}}}", f"{{c: {CONV}, d: {CONV}}}"
    report = report_of(old, new, {"a": "d", "b.weight": "c.weight", "b.bias": "c.bias"})
    assert report.renamed == {"a.weight": "d.weight", "a.bias": "d.bias", "b.weight": "c.weight", "b.bias": "c.bias"}
    assert not report.by_order
    with pytest.raises(archspec.SpecError, match=r"AS611.*no key `bb`"):
        report_of(old, new, {"bb": "c"})


FUSED = "{qkv: {Linear: 32}, relu: ReLU, out: {Linear: 9}}"  # of 16 for queries, 8 for keys and 8 for values
APART = """
  q: {Linear: 16}
  k: {from: x, Linear: 8}
  v: {from: x, Linear: 8}
  relu: {ReLU: {}, from: "cat([q, k, v], -1)"}
  out: {Linear: 9}
"""


def of_layers(layers: str) -> archspec.Spec:
    return archspec.parse(
        f"inputs: {{x: [N, 4]}}\nlayers:\n  net:\n    layers: {layers.replace(chr(10), chr(10) + '    ')}\n"
    )


@pytest.mark.parametrize("turned", [False, True])
@pytest.mark.parametrize("splits", [True, False])
def test_weights_are_split_and_joined_as_a_caller_says(splits: bool, turned: bool, tmp_path: Path) -> None:
    apart, fused = archspec.build(of_layers(APART)), archspec.build(of_layers(FUSED))
    old, new = (fused, apart) if splits else (apart, fused)
    state = {
        f"module.{key}": value.T if turned and value.dim() == 2 else value for key, value in old.state_dict().items()
    }
    path = save(tmp_path / "old.safetensors", {key: value.contiguous() for key, value in state.items()})
    rename = {"*.qkv": "*.q, *.k, *.v"} if splits else {"net.q,net.k,net.v": "net.qkv"}
    report = archspec.match_weights(of_layers(APART if splits else FUSED), path, rename=rename)
    assert (report.gone, report.new, report.reshaped, report.fits) == ((), (), (), False)
    weight, bias = ("[:, 16:24]", "[16:24]") if turned else ("[16:24]", "[16:24]")
    named = {**report.renamed, **report.transposed}
    if splits:
        assert named[f"module.net.qkv.weight{weight}"] == "net.k.weight"
        assert named[f"module.net.qkv.bias{bias}"] == "net.k.bias"
    else:
        assert named[" + ".join(f"module.net.{one}.weight" for one in "qkv")] == "net.qkv.weight"
    x = torch.rand(3, 4)
    if not turned:
        assert archspec.load_weights(new, path, rename=rename) == ([], [])
        again = archspec.build(of_layers(APART if splits else FUSED))
        assert archspec.load_weights(again, path, rename=report.renamed) == ([], [])  # what was said, said by hand
        assert torch.equal(again(x), new(x))
    (tmp_path / "net.yaml").write_text(f"inputs: {{x: [N, 4]}}\nlayers: {{net: {{layers: {FUSED}}}}}\n")
    if not splits:
        pairs = [part for pair in rename.items() for part in ("--rename", "=".join(pair))]
        command = ["weights", str(tmp_path / "net.yaml"), str(path), *pairs, "--transpose", "*", "--migrate", "-o"]
        assert main([*command, str(tmp_path / "new.safetensors")]) == 0
        archspec.load_weights(new, tmp_path / "new.safetensors")
    if not (turned and splits):
        with torch.no_grad():
            torch.testing.assert_close(new(x), old(x), rtol=0, atol=1e-6)


@pytest.mark.parametrize(
    ("rename", "message"),
    [
        ({"a.*": "b, c", "a.qkv": "d"}, "AS611.*no key `a.qkv`"),
        ({"a, b": "c, d"}, "AS611.*are both several keys"),
        ({"w, absent": "x"}, "AS611.*no key `absent`"),
        ({"w": "x, y, z, u"}, r"AS610.*`w` has the shape \[6, 4\], which cannot be split into 4 equal parts"),
        ({"w[4:9]": "x"}, r"AS611.*`w` has the shape \[6, 4\], and no part 4:9"),
        ({"w, v": "x"}, r"AS610.*cannot be joined: their shapes are \[6, 4\], \[5\]"),
    ],
)
def test_what_cannot_be_split_or_joined_is_a_problem(rename: dict[str, str], message: str) -> None:
    graph = archspec.parse("inputs: {x: [N, 4]}\nlayers: [Linear: 6]\n").graph()
    with pytest.raises(archspec.SpecError, match=message):
        match(graph, archive({"w": (6, 4), "v": (5,), "a.b": (2,)}), rename)


# Old networks in new ones, bit for bit.


class Convolution(nn.Module):
    def __init__(self, channels: int, out: int, kernel: int, stride: int = 1) -> None:
        super().__init__()
        self.convolution = nn.Conv2d(channels, out, kernel, stride, kernel // 2, bias=False)
        self.normalization = nn.BatchNorm2d(out)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.normalization(self.convolution(x))


class Bottleneck(nn.Module):
    def __init__(self, channels: int, width: int, stride: int) -> None:
        super().__init__()
        projects = stride != 1 or channels != 4 * width
        self.shortcut = Convolution(channels, 4 * width, 1, stride) if projects else nn.Identity()
        parts = Convolution(channels, width, 1), Convolution(width, width, 3, stride), Convolution(width, 4 * width, 1)
        self.layer = nn.ModuleList(parts)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = self.layer[1](self.layer[0](x).relu()).relu()
        return (self.layer[2](y) + self.shortcut(x)).relu()


class HuggingFaceResNet(nn.Module):
    """With the keys of Hugging Face's, and the same arithmetic as the spec's."""

    def __init__(self) -> None:
        super().__init__()
        self.resnet = nn.Module()
        self.resnet.embedder = nn.Module()
        self.resnet.embedder.embedder = Convolution(3, 64, 7, 2)
        self.resnet.encoder = nn.Module()
        self.resnet.encoder.stages = nn.ModuleList()
        channels = 64
        for stage, depth in enumerate((2, 1, 3, 2)):
            one = nn.Module()
            one.layers = nn.Sequential()
            for block in range(depth):
                one.layers.append(Bottleneck(channels, 64 * 2**stage, 2 if stage and not block else 1))
                channels = 256 * 2**stage
            self.resnet.encoder.stages.append(one)
        self.classifier = nn.Sequential(nn.Flatten(), nn.Linear(2048, 7))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = nn.functional.max_pool2d(self.resnet.embedder.embedder(x).relu(), 3, 2, 1)
        for stage in self.resnet.encoder.stages:
            x = stage.layers(x)
        return self.classifier(nn.functional.adaptive_avg_pool2d(x, 1))


def test_a_migrated_resnet_computes_what_the_old_one_did(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    torch.manual_seed(0)
    old = HuggingFaceResNet().eval()
    assert {key: tuple(value.shape) for key, value in old.state_dict().items()} == dict(resnet_hugging_face())
    for name, value in old.named_buffers():
        if value.is_floating_point():
            value.uniform_(0.5, 1.5)
        assert name.startswith("resnet.")
    torch.save({"state_dict": old.state_dict(), "epoch": 3}, tmp_path / "old.pt")
    spec, params = str(SPECS / "vision" / "resnet.yaml"), {"depths": [2, 1, 3, 2], "num_classes": 7}
    command = ["weights", spec, str(tmp_path / "old.pt"), "--param", "depths=[2, 1, 3, 2]", "--param", "num_classes=7"]
    assert main([*command, "--migrate", "-o", str(tmp_path / "new.safetensors")]) == 0
    new = archspec.build(spec, params=params).eval()
    assert archspec.load_weights(new, tmp_path / "new.safetensors") == ([], [])
    x = torch.rand(2, 3, 32, 32)
    with torch.no_grad():
        assert torch.equal(new(x), old(x))
    capsys.readouterr()
    assert main(command) == 1
    assert "*  1 is in the file besides the weights\n     epoch" in capsys.readouterr().out


class HuggingFaceGPT2(nn.Module):
    """GPT-2 by functions, over the weights of a `state_dict` in Hugging Face's layout."""

    def __init__(self, state: dict[str, torch.Tensor]) -> None:
        super().__init__()
        self.state = state

    def linear(self, name: str, x: torch.Tensor) -> torch.Tensor:
        return nn.functional.linear(x, self.state[f"{name}.weight"].T.contiguous(), self.state[f"{name}.bias"])

    def norm(self, name: str, x: torch.Tensor) -> torch.Tensor:
        return nn.functional.layer_norm(x, (48,), self.state[f"{name}.weight"], self.state[f"{name}.bias"])

    def forward(self, ids: torch.Tensor) -> torch.Tensor:
        x = self.state["wte.weight"][ids] + self.state["wpe.weight"][: ids.shape[1]]
        for layer in range(3):
            at = f"h.{layer}"
            heads = self.linear(f"{at}.attn.c_attn", self.norm(f"{at}.ln_1", x)).unflatten(-1, (3, 6, 8))
            q, k, v = heads.permute(2, 0, 3, 1, 4).unbind()
            y = nn.functional.scaled_dot_product_attention(q, k, v, is_causal=True)
            x = x + self.linear(f"{at}.attn.c_proj", y.transpose(1, 2).reshape(x.shape))
            y = nn.functional.gelu(self.linear(f"{at}.mlp.c_fc", self.norm(f"{at}.ln_2", x)))
            x = x + self.linear(f"{at}.mlp.c_proj", y)
        return self.norm("ln_f", x) @ self.state["wte.weight"].T


def test_a_migrated_gpt2_computes_what_the_old_one_did(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    state = filled(dict(gpt2_hugging_face("")))
    old = save(tmp_path / "old.safetensors", state, {"format": "pt", "made": "by hand"})
    settings = [part for name, value in GPT2.items() for part in ("--param", f"{name}={value}")]
    command = ["weights", str(SPECS / "text" / "gpt2.yaml"), str(old), *settings, "--migrate", "-o"]
    assert main([*command, str(tmp_path / "new.safetensors")]) == 1
    assert "error[AS610]: weights that may be stored with their axes swapped, 12 in all" in capsys.readouterr().err
    assert not (tmp_path / "new.safetensors").exists()
    assert main([*command, str(tmp_path / "new.safetensors"), "--transpose", "transformer.h.*"]) == 0
    assert open_archive(tmp_path / "new.safetensors").metadata == {"format": "pt", "made": "by hand"}
    new = archspec.build(SPECS / "text" / "gpt2.yaml", params=GPT2)
    assert archspec.load_weights(new, tmp_path / "new.safetensors") == ([], [])
    ids = torch.arange(24).reshape(2, 12)
    with torch.no_grad():
        assert torch.equal(new(ids), HuggingFaceGPT2(state)(ids))


# What a caller decides.

SMALL = "params: {classes: 5}\ninputs: {x: [N, 4]}\nlayers: {body: {Linear: 3}, head: {Linear: classes}}\n"


def migrate(folder: Path, *options: str) -> int:
    (folder / "net.yaml").write_text(SMALL)
    command = ["weights", str(folder / "net.yaml"), str(folder / "old.safetensors"), "--migrate"]
    return main([*command, "-o", str(folder / "new.safetensors"), *options])


def test_weights_are_sliced_or_left_initial_only_as_the_caller_says(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    state = filled({"body.weight": (3, 4), "body.bias": (3,), "head.weight": (7, 2), "head.bias": (2,)})
    save(tmp_path / "old.safetensors", state)
    assert migrate(tmp_path) == 1
    assert (
        "weights that have another shape in the checkpoint, 2 in all: `head.weight`, `head.bias`"
        in capsys.readouterr().err
    )
    assert migrate(tmp_path, "--slice", "head.weight") == 1
    assert not (tmp_path / "new.safetensors").exists()
    assert migrate(tmp_path, "--slice", "head.weight", "--initial", "*.bias") == 0
    found = {key: tensor_of(value) for key, value in open_archive(tmp_path / "new.safetensors").tensors.items()}
    torch.manual_seed(0)
    initial = archspec.build(tmp_path / "net.yaml").state_dict()
    assert torch.equal(found["body.weight"], state["body.weight"])
    assert torch.equal(found["head.weight"][:, :2], state["head.weight"][:5])
    assert torch.equal(found["head.weight"][:, 2:], initial["head.weight"][:, 2:])
    assert all(torch.equal(found[key], initial[key]) for key in ("head.bias", "body.bias"))
    before = (tmp_path / "new.safetensors").read_bytes()
    assert migrate(tmp_path, "--initial", "*") == 2
    assert "exists; --force replaces it" in capsys.readouterr().err
    assert migrate(tmp_path, "--initial", "*", "--slice", "tail", "--force") == 1
    assert "error[AS611]: the network has no weight `tail`" in capsys.readouterr().err
    assert (tmp_path / "new.safetensors").read_bytes() == before


def test_weights_are_loaded_whole_or_not_at_all(tmp_path: Path) -> None:
    state = filled({"trunk.weight": (3, 4), "trunk.bias": (3,), "head.weight": (5, 3), "head.bias": (6,), "x": (1,)})
    path = save(tmp_path / "old.safetensors", {f"module.{key}": value for key, value in state.items()})
    model = archspec.build(archspec.parse(SMALL))
    before = {key: value.clone() for key, value in model.state_dict().items()}
    with pytest.raises(archspec.SpecError) as caught:
        archspec.load_weights(model, path, rename={"trunk": "body"})
    assert [problem.message for problem in caught.value.problems] == [
        "weights that have another shape, 1 in all: `head.bias`"
    ]
    assert all(torch.equal(value, before[key]) for key, value in model.state_dict().items())
    assert archspec.load_weights(model, path, rename={"trunk": "body"}, strict=False) == (
        ["head.bias"],
        ["module.head.bias", "module.x"],
    )
    assert torch.equal(model.body.weight, state["trunk.weight"])
    assert torch.equal(model.head.bias, before["head.bias"])
    meta = archspec.build(archspec.parse(SMALL), device="meta", dtype=torch.float64)
    archspec.load_weights(meta, path, rename={"trunk": "body"}, strict=False)
    assert (meta.body.weight.device.type, meta.body.weight.dtype) == ("cpu", torch.float64)


# Files.


def damaged(header: object, data: bytes = b"", length: int | None = None) -> bytes:
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return (len(text) if length is None else length).to_bytes(8, "little") + text + data


def entry(shape: list[Any], begin: int, end: int, dtype: str = "F32") -> dict[str, Any]:
    return {"dtype": dtype, "shape": shape, "data_offsets": [begin, end]}


HOSTILE = {
    "empty": (b"", "too short"),
    "a header beyond the end": (damaged({}, length=10**6), "ends before"),
    "a header beyond all limits": (damaged({}, length=2**63), "at most 100,000,000 are allowed"),
    "no JSON": (damaged(b"{nonsense"), "not valid JSON"),
    "no UTF-8": (damaged(b'{"\xff": 1}'), "not valid JSON"),
    "nested JSON": (damaged(b'{"a":' + b"[" * 100_000), "not valid JSON"),
    "a long number": (damaged(b'{"a": ' + b"9" * 5000 + b"}"), "not valid JSON"),
    "a list": (damaged([1, 2, 3, 4]), "not a mapping"),
    "a key twice": (damaged(b'{"a": 1, "a": 2}'), "twice"),
    "metadata": (damaged({"__metadata__": {"a": 1}}), "not a mapping of strings"),
    "an entry": (damaged({"a": {"dtype": "F32"}}), "`a` must have exactly"),
    "a dtype": (damaged({"a": entry([1], 0, 4, "F31")}, b"1234"), "unknown dtype, `F31`"),
    "a negative size": (damaged({"a": entry([-1], 0, 4)}, b"1234"), "the shape `[-1]`"),
    "a true size": (damaged({"a": entry([True], 0, 4)}, b"1234"), "the shape `[True]`"),
    "a huge shape": (damaged({"a": entry([2**62, 2**62], 0, 4)}, b"1234"), "which is not a valid shape"),
    "many axes": (damaged({"a": entry([1] * 65, 0, 4)}, b"1234"), "which is not a valid shape"),
    "offsets backwards": (damaged({"a": entry([1], 4, 0)}, b"1234"), "not valid offsets"),
    "offsets beyond": (damaged({"a": entry([4], 0, 16)}, b"1234"), "12 bytes after the end"),
    "a wrong size": (damaged({"a": entry([2], 0, 4)}, b"1234"), "not the size of F32 `[2]`"),
    "an overlap": (damaged({"a": entry([2], 0, 8), "b": entry([2], 4, 12)}, b"123456789012"), "overlap those of `a`"),
    "a gap": (damaged({"a": entry([1], 4, 8)}, b"12345678"), "belong to no tensor"),
    "more at the end": (damaged({"a": entry([1], 0, 4)}, b"12345678"), "4 bytes at the end"),
    "a long key": (damaged({"a" * 2000: entry([], 0, 4)}, b"1234"), "not a valid key"),
    "a deep key": (damaged({"a." * 400: entry([], 0, 4)}, b"1234"), "not a valid key"),
    "a zip": (b"PK\x03\x04" + b"\0" * 60, "PyTorch cannot load the file"),
    "a pickle that runs code": (b"\x80\x04cos\nsystem\nX\x04\0\0\0exit\x85R.", "it was not loaded"),
    "GGUF": (b"GGUF\x03\0\0\0" + b"\0" * 60, "this is a GGUF file"),
    "an index of nothing": (b'{"weight_map": 3}', "without a `weight_map`"),
    "an index upwards": (b'{"weight_map": {"a": "../old.safetensors"}}', "which is not a file beside it"),
    "an index of what is not there": (b'{"weight_map": {"a": "absent.safetensors"}}', "cannot be read"),
    "an index of itself": (b'{"weight_map": {"a": "old.safetensors"}}', "the header is"),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_file_that_is_no_checkpoint_is_a_problem(
    name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    content, message = HOSTILE[name]
    (tmp_path / "old.safetensors").write_bytes(content)
    (tmp_path / "net.yaml").write_text(SMALL)
    assert main(["weights", str(tmp_path / "net.yaml"), str(tmp_path / "old.safetensors")]) == 1
    error = capsys.readouterr().err
    assert "error[AS609]" in error
    assert message in error


def test_every_cut_of_a_file_is_a_problem(tmp_path: Path) -> None:
    whole = save(tmp_path / "whole", filled({"a.weight": (2, 3), "a.bias": (2,)})).read_bytes()
    for end in range(len(whole)):
        (tmp_path / "cut").write_bytes(whole[:end])
        with pytest.raises(archspec.SpecError, match="AS609"):
            open_archive(tmp_path / "cut")


def test_shards_and_folders_are_one_checkpoint(tmp_path: Path) -> None:
    state = filled({"a.weight": (2, 3), "a.bias": (2,), "b.weight": (4, 2)})
    save(tmp_path / "model-1.safetensors", {"a.weight": state["a.weight"]}, {"format": "pt"})
    torch.save({"a.bias": state["a.bias"], "b.weight": state["b.weight"]}, tmp_path / "model-2.bin")
    names = {"a.weight": "model-1.safetensors", "a.bias": "model-2.bin", "b.weight": "model-2.bin"}
    (tmp_path / "model.safetensors.index.json").write_text(json.dumps({"metadata": {}, "weight_map": names}))
    found = open_archive(tmp_path)
    assert {key: tensor_of(one).tolist() for key, one in found.tensors.items()} == {
        key: value.tolist() for key, value in state.items()
    }
    assert found.metadata == {"format": "pt"}
    names["a.gain"] = "model-2.bin"
    (tmp_path / "model.safetensors.index.json").write_text(json.dumps({"weight_map": names}))
    with pytest.raises(archspec.SpecError, match=r"AS609.*`a.gain` is in `model-2.bin`, which does not have it"):
        open_archive(tmp_path)


@pytest.mark.slow
def test_files_are_those_of_the_safetensors_package(tmp_path: Path) -> None:
    package = pytest.importorskip("safetensors.torch")
    dtypes = (torch.float64, torch.float32, torch.bfloat16, torch.float16, torch.int64, torch.uint8, torch.bool)
    state = {f"{at}.x": torch.arange(6).reshape(2, 3).to(dtype) for at, dtype in enumerate(dtypes)}
    state |= {"none": torch.empty(0, 4), "one": torch.tensor(3.0), "eight": torch.ones(5).to(torch.float8_e4m3fn)}
    save(tmp_path / "ours", state, {"format": "pt"})
    theirs = package.load_file(tmp_path / "ours")
    assert {key: (value.dtype, value.tolist()) for key, value in theirs.items()} == {
        key: (value.dtype, value.tolist()) for key, value in state.items()
    }
    package.save_file(state, tmp_path / "theirs", {"format": "pt"})
    found = open_archive(tmp_path / "theirs")
    assert found.metadata == {"format": "pt"}
    assert all(torch.equal(tensor_of(one), state[key]) for key, one in found.tensors.items())
