"""Every spec that ships, as a module that is built and as a class that is generated: one network, and the right one.

A new file below specs/ is tested by existing. If it has parameters, it needs an entry in `OTHER_PARAMETERS`.
"""

from __future__ import annotations

import ast
import copy
import functools
import importlib.util
import inspect
import io
import json
import os
import pickle
import subprocess
import sys
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import fill
import pytest
import torch
import zoo_other
import zoo_text
import zoo_vision
from shipped import LARGE, NAMES, SPECS, marks
from torch import Tensor, nn

import archspec

ZOO = [zoo_other, zoo_text, zoo_vision]
"""Tables of more specs: settings, references, known counts."""

ROOT = Path(__file__).parent.parent
GENERATED = ROOT / "generated"

VGG_11 = [[64], [128], [256, 256], [512, 512], [512, 512]]
VGG_16 = [[64, 64], [128, 128], [256, 256, 256], [512, 512, 512], [512, 512, 512]]

OTHER_PARAMETERS: dict[str, list[dict[str, Any]]] = {
    "alexnet": [{"num_classes": 7, "classifier_width": 12}, {"dropout": 0.1, "classifier_width": 3}],
    "audio_m5": [{"num_classes": 3, "channels": 5}, {"channels": 1}],
    "autoencoder": [{"channels": 1, "width": 5}, {"latent_channels": 1}],
    "conv2d_depthwise": [{"in_channels": 6, "multiplier": 3}, {"out_channels": 1}],
    "conv2d_grouped": [{"groups": 1}, {"groups": 16}],
    "lenet5": [{"num_classes": 1}, {"num_classes": 26}],
    "mlp": [{"num_classes": 3, "image_size": 8}, {"image_size": 5}],
    "mlp_configurable": [
        {"hidden_sizes": [], "input_size": 5},
        {"hidden_sizes": [9, 8, 7], "dropout": 0.0},
        {"hidden_sizes": [4], "dropout": 1, "num_classes": 2},
    ],
    "tinyvgg": [{"hidden_units": 3, "output_shape": 2}, {"input_shape": 3}],
    "vgg": [
        {"stages": [[4], [6, 6], [8]], "classifier_width": 12, "num_classes": 5},
        {"stages": [[4, 5], [], [6]], "batch_norm": True, "classifier_width": 8, "dropout": 0.0},
    ],
}
"""Settings for each spec that has parameters: at least two besides the defaults. The first is a small network."""
for zoo in ZOO:
    OTHER_PARAMETERS |= zoo.SETTINGS

SLOW = {"alexnet", "vgg"}.union(*(zoo.SLOW for zoo in ZOO))
"""Specs that take seconds with their defaults."""

HUGE: set[str] = set().union(*(zoo.HUGE for zoo in ZOO))
"""Specs whose defaults are beyond a test machine's memory."""

UNSCRIPTABLE = {"audio/hifigan", "vision/deeplabv3_mobilenet", "vision/lraspp"}
"""Specs that read items of a list by numbers that are worked out, as their originals do: TorchScript takes literals."""

FREE = {
    "N": 3,
    "M": 4,
    "H": 67,
    "W": 70,
    "h": 2,
    "w": 3,
    "B": 3,
    "T": 7,
    "S": 5,
    "points": 6,
    "height": 75,
    "width": 75,
}
"""A size for each free dimension."""


def cases() -> list[Any]:
    """Each spec with its defaults and with each of its other settings."""
    found = []
    for name in NAMES:
        if name not in HUGE:
            found.append(pytest.param(name, {}, id=name, marks=[pytest.mark.slow] if name in SLOW else marks(name)))
        for number, params in enumerate(OTHER_PARAMETERS.get(name, [])):
            found.append(pytest.param(name, params, id=f"{name}-{number}", marks=marks(name)))
    return found


def small_cases() -> list[Any]:
    """Each spec in its first setting."""
    return [
        pytest.param(
            name,
            (OTHER_PARAMETERS.get(name) or [{}])[0],
            id=name,
            marks=marks(name),
        )
        for name in NAMES
    ]


def compiled_cases() -> list[Any]:
    """The same, where compiling takes long only a few of them in every run."""
    always = {"tinyvgg", "mlp", "mlp_configurable", "vgg", "autoencoder", "vision/resnet", "text/gpt2"}
    return [
        pytest.param(*case.values, id=case.id, marks=[] if case.id in always else [pytest.mark.slow])
        for case in small_cases()
    ]


@functools.cache
def load(name: str) -> archspec.Spec:
    return archspec.load(SPECS / f"{name}.yaml")


@functools.cache
def generated_class(name: str) -> type[nn.Module]:
    """The class of a committed module, imported as users do."""
    specification = importlib.util.spec_from_file_location(
        f"generated.{name.replace('/', '.')}", GENERATED / f"{name}.py"
    )
    assert specification is not None
    assert specification.loader is not None
    module = importlib.util.module_from_spec(specification)
    sys.modules[specification.name] = module  # pickle looks a class up by its module's name
    specification.loader.exec_module(module)
    return classes(module)[-1]


def classes(module: ModuleType) -> list[type[nn.Module]]:
    return [
        value
        for value in vars(module).values()
        if isinstance(value, type) and issubclass(value, nn.Module) and value.__module__ == module.__name__
    ]


def build(name: str, params: dict[str, Any]) -> nn.Module:
    torch.manual_seed(0)
    return archspec.build(load(name), **params)


def generate(name: str, params: dict[str, Any]) -> nn.Module:
    torch.manual_seed(0)
    return generated_class(name)(**params)


def size(dimension: object) -> int:
    """A dimension with the free ones at the sizes of `FREE`; `...` is one axis."""
    if str(dimension) == "...":
        return FREE["N"]
    return int(eval(str(dimension), {"__builtins__": {}}, FREE))


def examples(name: str, params: dict[str, Any]) -> list[Tensor]:
    """Inputs for a spec: numbers, or tokens below 9."""
    generator = torch.Generator().manual_seed(0)
    found = []
    for declared in load(name).graph(params).main.inputs:
        shape = [size(dimension) for dimension in declared.type.shape]
        if declared.type.dtype == "int64":
            found.append(torch.randint(0, 9, shape, generator=generator))
        elif declared.type.dtype == "bool":
            found.append(torch.ones(shape, dtype=torch.bool))
        else:
            found.append(torch.rand(shape, generator=generator))
    return found


def assert_equal_states(one: nn.Module, other: nn.Module) -> None:
    mine, theirs = one.state_dict(), other.state_dict()
    assert list(mine) == list(theirs)
    assert [key for key in mine if not torch.equal(mine[key], theirs[key])] == []


def equal_answers(one: nn.Module, other: nn.Module, inputs: Iterable[Any]) -> Iterator[Any]:
    """What two modules compute in eval mode, then with equal seeds in train mode, which has to be equal."""
    for training in (False, True):
        answers = []
        for module in (one, other):
            torch.manual_seed(1)
            answers.append(module.train(training)(*inputs))
        assert_equal(*answers)
        yield answers[0]


def flat(output: Any) -> list[Tensor]:
    """The tensors of a network's answer, one after the other."""
    return [tensor for part in output for tensor in flat(part)] if isinstance(output, tuple | list) else [output]


def assert_equal(one: Any, other: Any) -> None:
    """Two answers are alike, bit by bit."""
    mine, theirs = flat(one), flat(other)
    assert len(mine) == len(theirs)
    for a, b in zip(mine, theirs, strict=True):  # in float16, untrained weights may overflow, in both alike
        torch.testing.assert_close(a, b, rtol=0, atol=0, equal_nan=a.is_floating_point() or a.is_complex())


def outputs(module: nn.Module, *inputs: Tensor) -> Any:
    """What a module answers in eval mode."""
    with torch.no_grad():
        return module.eval()(*inputs)


both = pytest.mark.parametrize("make", [build, generate], ids=["built", "generated"])


# Built, generated, and written by hand: one network.


def test_each_spec_with_parameters_is_tested_with_others() -> None:
    with_parameters = {name for name in NAMES if load(name).document.params}
    assert set(OTHER_PARAMETERS) == with_parameters
    assert min(map(len, OTHER_PARAMETERS.values())) >= 2


@pytest.mark.parametrize(("name", "params"), cases())
def test_built_equals_generated(name: str, params: dict[str, Any]) -> None:
    built, generated = build(name, params), generate(name, params)
    assert_equal_states(built, generated)
    inputs = examples(name, params)
    assert len(list(equal_answers(built, generated, inputs))) == 2
    assert_equal_states(built, generated)  # running statistics have moved alike


@pytest.mark.slow
@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16], ids=str)
@pytest.mark.parametrize(("name", "params"), small_cases())
def test_runs_in_half_precision(name: str, params: dict[str, Any], dtype: torch.dtype) -> None:
    inputs = [x.to(dtype) if x.is_floating_point() else x for x in examples(name, params)]
    built, generated = build(name, params).to(dtype), generate(name, params).to(dtype)
    for answer in equal_answers(built, generated, inputs):
        assert {one.dtype for one in flat(answer) if one.is_floating_point()} == {dtype}


@pytest.mark.parametrize("name", NAMES)
def test_both_constructors_take_the_parameters_of_the_spec(name: str) -> None:
    def arguments(cls: type[nn.Module]) -> list[tuple[str, Any, object]]:
        return [(p.name, as_lists(p.default), p.kind) for p in inspect.signature(cls).parameters.values()]

    def as_lists(value: Any) -> Any:
        return [as_lists(item) for item in value] if isinstance(value, list | tuple) else value

    params = (OTHER_PARAMETERS.get(name) or [{}])[0]
    built = type(archspec.build(load(name), device="meta", **params))
    assert built.__name__ == generated_class(name).__name__
    assert arguments(built) == arguments(generated_class(name))
    assert [argument for argument, _, _ in arguments(built)] == list(load(name).document.params)
    torch.manual_seed(0)
    assert_equal_states(built(**params), build(name, params))


class TinyVGG(nn.Module):
    """specs/tinyvgg.yaml as a person writes it."""

    def __init__(self, input_shape: int = 1, hidden_units: int = 10, output_shape: int = 10) -> None:
        super().__init__()
        self.block_1 = nn.Sequential(
            nn.Conv2d(in_channels=input_shape, out_channels=hidden_units, kernel_size=3, stride=1, padding=1),
            nn.ReLU(),
            nn.Conv2d(in_channels=hidden_units, out_channels=hidden_units, kernel_size=3, stride=1, padding=1),
            nn.ReLU(),
            nn.MaxPool2d(kernel_size=2, stride=2),
        )
        self.block_2 = nn.Sequential(
            nn.Conv2d(hidden_units, hidden_units, 3, padding=1),
            nn.ReLU(),
            nn.Conv2d(hidden_units, hidden_units, 3, padding=1),
            nn.ReLU(),
            nn.MaxPool2d(2),
        )
        self.classifier = nn.Sequential(
            nn.Flatten(), nn.Linear(in_features=hidden_units * 7 * 7, out_features=output_shape)
        )

    def forward(self, x: Tensor) -> Tensor:
        return self.classifier(self.block_2(self.block_1(x)))


class MLPClassifier(nn.Module):
    """specs/mlp.yaml as a person writes it."""

    def __init__(self, num_classes: int = 10, image_size: int = 32) -> None:
        super().__init__()
        self.flatten = nn.Flatten()
        self.layers = nn.Sequential(
            nn.Linear(image_size * image_size * 3, 256),
            nn.ReLU(),
            nn.Linear(256, 128),
            nn.ReLU(),
            nn.Linear(128, 64),
            nn.ReLU(),
            nn.Linear(64, num_classes),
            nn.ReLU(),
        )

    def forward(self, x: Tensor) -> Tensor:
        return self.layers(self.flatten(x))


@both
@pytest.mark.parametrize(("name", "by_hand"), [("tinyvgg", TinyVGG), ("mlp", MLPClassifier)], ids=["tinyvgg", "mlp"])
def test_equals_the_class_written_by_hand(name: str, by_hand: type[nn.Module], make: Any) -> None:
    for params in ({}, *OTHER_PARAMETERS[name]):
        module, (x,) = make(name, params), examples(name, params)
        torch.manual_seed(0)
        expected = by_hand(**params)
        assert_equal_states(module, expected)
        for source, target in ((expected, module), (module, expected)):
            for parameter in source.parameters():
                nn.init.normal_(parameter)
            target.load_state_dict(source.state_dict())
            assert torch.equal(outputs(module, x), outputs(expected, x))


REFERENCES = [
    ("alexnet", "alexnet", {}),
    ("vgg11", "vgg", {"stages": VGG_11}),
    ("vgg16_bn", "vgg", {"stages": VGG_16, "batch_norm": True}),
]
for zoo in ZOO:
    REFERENCES += zoo.REFERENCES

SLOW_REFERENCES = {"vgg11", "vgg16_bn"} | zoo_vision.SLOW_REFERENCES


@pytest.mark.parametrize(
    ("model", "name", "params"),
    [
        pytest.param(*case, id=case[0], marks=[pytest.mark.slow] if case[0] in SLOW_REFERENCES else [])
        for case in REFERENCES
    ],
)
def test_equals_the_real_model(model: str, name: str, params: dict[str, Any]) -> None:
    expected = json.loads((ROOT / "tests" / "reference" / f"{model}.json").read_text("utf-8"))
    inputs = [
        fill.tokens(given["shape"], params["vocab_size"]) if given["dtype"] == "int64" else fill.example(given["shape"])
        for given in expected["inputs"]
    ]
    built, generated = build(name, params), generate(name, params)
    assert_equal_states(built, generated)
    found = fill.describe(built, *inputs)
    assert list(found["state_dict"].items()) == list(expected["state_dict"].items())
    assert found["parameters"] == expected["parameters"]
    for one, other in zip(found["outputs"], expected["outputs"], strict=True):
        tolerance = 1e-4 * other["std"]
        assert one["shape"] == other["shape"]
        for figure in ("first", "mean", "std"):
            assert one[figure] == pytest.approx(other[figure], rel=0, abs=tolerance)
    generated.load_state_dict(built.state_dict())
    assert_equal(outputs(generated, *inputs), outputs(built, *inputs))


@pytest.mark.parametrize(
    ("name", "params", "count"),
    [pytest.param(*case, marks=marks(case[0])) for zoo in ZOO for case in zoo.PARAMETERS],
)
def test_has_the_parameters_that_its_authors_count(name: str, params: dict[str, Any], count: int) -> None:
    assert archspec.summary(load(name), params=params).parameters == count
    built = archspec.build(load(name), device="meta", **params)
    assert sum(parameter.numel() for parameter in built.parameters()) == count


@pytest.mark.parametrize(("name", "params"), cases())
def test_shapes_and_dtypes_are_those_at_run_time(name: str, params: dict[str, Any]) -> None:
    module = archspec.build(load(name), **params)
    runs: defaultdict[str, list[Any]] = defaultdict(list)

    def note(path: str) -> Any:
        def hook(module: nn.Module, inputs: Any, output: Any) -> None:
            runs[path].append(output)

        return hook

    for path, step in module.named_modules():
        if path:
            step.register_forward_hook(note(path))
    outputs(module, *examples(name, params))
    shapes, dtypes = archspec.shapes(load(name), params=params), archspec.dtypes(load(name), params=params)
    told = {path: sizes(shape) for path, shape in shapes.items()}
    seen = {path: one_of(told[path], run) for path, run in runs.items() if not inside_a_layer(module, path)}
    assert {path: told[path] for path in seen} == {path: deep(output, size_of) for path, output in seen.items()}
    assert {path: dtypes[path] for path in seen} == {path: deep(output, dtype_of) for path, output in seen.items()}


def size_of(tensor: Tensor) -> tuple[int, ...]:
    return tuple(tensor.shape)


def dtype_of(tensor: Tensor) -> str:
    return str(tensor.dtype).removeprefix("torch.")


def one_of(shape: Any, runs: list[Any]) -> Any:
    """What a module returns in its first run; or in all runs, where a loop makes a list of them."""
    forms = [runs[0], runs, (runs[-1], runs)]
    return next((form for form in forms if deep(form, size_of) == shape), runs[0])


def inside_a_layer(module: nn.Module, path: str) -> bool:
    """Whether a part of a network is a layer's own affair, as the attention in nn.TransformerEncoderLayer is."""
    owners = [module.get_submodule(path[:place]) for place, sign in enumerate(path) if sign == "."]
    return any(of_torch(type(owner)) and not isinstance(owner, nn.Sequential | nn.ModuleList) for owner in owners)


def sizes(shape: Any) -> Any:
    """A shape in numbers, or a tuple of them."""
    if shape is None:  # attention's weights, where nobody wants them
        return None
    return tuple(sizes(part) if part is None or isinstance(part, tuple) else size(part) for part in shape)


def deep(output: Any, of: Callable[[Tensor], Any]) -> Any:
    """Something of each tensor that a module returns."""
    if output is None:
        return None
    return tuple(deep(part, of) for part in output) if isinstance(output, tuple | list) else of(output)


# What PyTorch does with a module.


@both
@pytest.mark.parametrize(("name", "params"), small_cases())
def test_copies_and_pickles(name: str, params: dict[str, Any], make: Any) -> None:
    module, inputs = make(name, params), examples(name, params)
    expected = outputs(module, *inputs)
    buffer = io.BytesIO()
    torch.save(module, buffer)
    buffer.seek(0)
    for twin in (copy.deepcopy(module), pickle.loads(pickle.dumps(module)), torch.load(buffer, weights_only=False)):
        assert_equal_states(twin, module)
        assert_equal(outputs(twin, *inputs), expected)
        assert str(twin) == str(module)
        next(twin.parameters()).data.zero_()
        assert_equal(outputs(module, *inputs), expected)  # nothing is shared


@both
@pytest.mark.filterwarnings("ignore:`torch.jit:DeprecationWarning")
@pytest.mark.filterwarnings("ignore:The tensor attributes .*_flat_weights:UserWarning")  # of PyTorch's own LSTM and GRU
@pytest.mark.parametrize(("name", "params"), compiled_cases())
@torch._dynamo.config.patch(allow_rnn=True)  # without, PyTorch's compiler takes no LSTM
def test_scripts_compiles_and_exports(name: str, params: dict[str, Any], make: Any) -> None:
    module, inputs = make(name, params).eval(), examples(name, params)
    expected = module(*inputs)  # with gradients: without, nn.TransformerEncoderLayer takes another way
    torch.compiler.reset()
    backend = "aot_eager" if name == "tinyvgg" else "eager"
    batch = {0: torch.export.Dim.DYNAMIC}
    scripted = [] if name in UNSCRIPTABLE else [torch.jit.script(module)]
    for other in (
        *scripted,
        torch.compile(module, fullgraph=True, backend=backend),
        torch.export.export(module, tuple(inputs), dynamic_shapes=(batch,) * len(inputs)).module(),
    ):
        assert_equal(other(*inputs), expected)


@both
@pytest.mark.parametrize(("name", "params"), small_cases())
def test_nothing_of_archspec_is_in_the_forward_path(name: str, params: dict[str, Any], make: Any) -> None:
    module, inputs = make(name, params), examples(name, params)
    assert [base for base in type(module).__mro__[1:] if base is not object and not of_torch(base)] == []
    own = type(module).__module__
    strange = [step for step in module.modules() if not of_torch(type(step)) and type(step).__module__ != own]
    assert strange == []
    entered: set[str] = set()
    sys.setprofile(lambda frame, event, argument: entered.add(frame.f_code.co_filename))
    try:
        outputs(module, *inputs)
    finally:
        sys.setprofile(None)
    assert [filename for filename in entered if filename.startswith(str(Path(archspec.__file__).parent))] == []


def of_torch(cls: type) -> bool:
    return cls.__module__.startswith("torch.nn.modules.")


WITHOUT_ARCHSPEC = """
import importlib.util, json, sys
sys.modules["archspec"] = None  # importing it is an ImportError
import torch
def flat(output):
    return [tensor for part in output for tensor in flat(part)] if isinstance(output, tuple) else [output]
for path, name, params, inputs in json.load(sys.stdin):
    specification = importlib.util.spec_from_file_location("standalone", path)
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    inputs = [torch.zeros(shape, dtype=getattr(torch, dtype)) for shape, dtype in inputs]
    print([list(tensor.shape) for tensor in flat(getattr(module, name)(**params).eval()(*inputs))])
"""


def test_generated_modules_run_without_archspec(tmp_path: Path) -> None:
    jobs, expected = [], []
    for name in NAMES:
        params = (OTHER_PARAMETERS.get(name) or [{}])[0]
        inputs = examples(name, params)
        given = [[list(x.shape), str(x.dtype).removeprefix("torch.")] for x in inputs]
        jobs.append([str(GENERATED / f"{name}.py"), generated_class(name).__name__, params, given])
        expected.append(str([list(x.shape) for x in flat(outputs(build(name, params), *inputs))]))
    assert python(WITHOUT_ARCHSPEC, json.dumps(jobs), cwd=tmp_path).splitlines() == expected


# The committed files.

GENERATE_ALL = """
import json, sys, archspec
print(json.dumps({name: archspec.generate(f"specs/{name}.yaml") for name in json.load(sys.stdin)}))
assert "torch" not in sys.modules
"""


@pytest.mark.parametrize(
    ("seed", "names"),
    [
        pytest.param("1", [name for name in NAMES if name not in LARGE], id="small"),
        pytest.param("2", NAMES, id="all", marks=pytest.mark.slow),
    ],
)
def test_committed_files_are_what_is_generated_now(seed: str, names: list[str]) -> None:
    sources = json.loads(python(GENERATE_ALL, json.dumps(names), PYTHONHASHSEED=seed))
    assert [name for name in names if sources[name] != (GENERATED / f"{name}.py").read_text("utf-8")] == []


def test_each_spec_has_a_committed_file() -> None:
    committed = {path.relative_to(GENERATED).with_suffix("").as_posix() for path in GENERATED.rglob("*.py")}
    assert committed - {"__init__"} == set(NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_generated_files_import_torch_and_the_standard_library(name: str) -> None:
    tree = ast.parse((GENERATED / f"{name}.py").read_text("utf-8"))
    for node in ast.walk(tree):
        if isinstance(node, ast.Import | ast.ImportFrom):
            modules = [node.module or ""] if isinstance(node, ast.ImportFrom) else [alias.name for alias in node.names]
            assert {module.partition(".")[0] for module in modules} <= {"torch", *sys.stdlib_module_names}


STRICT_LINT = (
    "--select ANN,ARG,B,C4,D,E,ERA,F,I,N,PIE,PL,RUF,SIM,UP,W "
    "--ignore D101,D102,D107,D203,D213,D413,E501,ANN401,B905,PLR0913,PLR0917,N803,N806,N812"
)
"""More than ruff's defaults.

Which blocks have a `doc`, how long its lines are, how many parameters there are, and how sizes are spelled
(`B, T, C = x.shape`), is the spec's affair; `import torch.nn.functional as F` is PyTorch's. The
functions of variants hand any argument on, and TorchScript knows no `strict=` of `zip`.
"""


@pytest.mark.parametrize(
    "command",
    [
        "ruff format --isolated --check",
        "black --check",
        f"ruff check --isolated {STRICT_LINT}",
        "mypy --strict --no-warn-return-any --config-file=",
    ],
    ids=["ruff", "black", "lint", "types"],
)
def test_generated_files_are_clean(command: str) -> None:
    run = subprocess.run(
        [sys.executable, "-m", *command.split(), str(GENERATED)], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert run.returncode == 0, run.stdout + run.stderr


def python(code: str, stdin: str, *, cwd: Path = ROOT, **environment: str) -> str:
    """What a fresh Python prints that runs some code; the project is importable."""
    run = subprocess.run(
        [sys.executable, "-c", code],
        input=stdin,
        cwd=cwd,
        env={**os.environ, "PYTHONPATH": str(ROOT), **environment},
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 0, run.stderr
    return run.stdout
