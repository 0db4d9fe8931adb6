"""The plan of the house, held against the code: who imports whom, what is public, and what each command may do."""

from __future__ import annotations

import ast
import importlib
import inspect
import json
import os
import re
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from fnmatch import fnmatchcase
from functools import cache
from pathlib import Path
from typing import NamedTuple

import pytest
import torch
from torch import nn

import archspec
import archspec.commands  # declares them
from archspec.arguments import COMMANDS
from archspec.document import MODULE_ATTRIBUTES, SEQUENTIAL_ATTRIBUTES
from archspec.layers import ABSENT, LAYERS
from archspec.problems import CODES

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "archspec"

LADDER = (
    "records dimensions.printing expressions.errors",
    "problems dimensions.terms",
    "dimensions.atoms dimensions.comparing source.scalars source.tree files fixing codes expressions.mistakes",
    "dimensions.division dimensions.extrema source.hints source.reading project formats",
    "dimensions source.composing console",
    "source tensors refusals expressions.nodes",
    "document expressions.values expressions.parsing arguments",
    "imports starter expressions.arithmetic",
    "expressions.functions",
    "expressions.evaluation",
    "expressions",
    "windows",
    "formulas.patterns layers._arguments functions._base",
    "formulas.use layers._base functions._dtypes functions._shapes",
    "formulas.rules layers._* functions._*",
    "formulas layers.* functions.*",
    "functions.operators",
    "layers functions",
    "graph",
    "lower._problems lower.names lower.carried lower.computed lower.history",
    "lower.context lower.parameters lower.lifetimes",
    "lower.own lower.sizes lower.exports",
    "lower.calls",
    "lower.modules",
    "lower.tensors",
    "lower.classes",
    "lower.blocks",
    "lower",
    "salvage",
    "lints.ops lints.places",
    "lints.silence lints.wiring",
    "lints._base",
    "lints.*",
    "lints",
    "emit emit.text emit.gate views views.origins views.weights views.changes_text views.examples"
    " views.summary_figures views.summary_field",
    "emit.assignment emit.checks views.links views.summary_kept views.changes_tree views.catalogue",
    "emit.forward views.histories views.summary_trace views.changes_matching views.schema",
    "emit.constructor emit.module views.facts views.summary_rows views.summary_memory",
    "emit.code views.telling views.summary_folding views.summary_hint",
    "views.explain views.summary_table",
    "views.summary",
    "views.budget views.verify views.changes views.diagram.text views.diagram.model",
    "views.diagram.style views.diagram.folding views.diagram.operations views.diagram.facts views.diagram.stacks",
    "views.diagram.lines views.diagram.layout views.diagram.scenes",
    "views.diagram.svg views.diagram.mermaid views.diagram.dot",
    "views.diagram.page",
    "views.diagram",
    "revisions",
    "spec",
    "archspec",
    "commands._shared",
    "commands.*",
    "commands",
    "cli",
    "__main__",
)
"""The rooms, lowest first. One may import what stands on a lower rung than its own, and nothing else of archspec."""

FOREIGN = {
    "yaml": {"source.composing"},
    "pydantic_core": {"document"},
    "graphlay": {"views.diagram.layout"},
    "jinja2": {"emit.code"},
    "shtab": {"commands.completion"},
    "torch": {"emit.module", "views.verify"},
    "torchinfo": {"views.verify"},
}
"""Which rooms import what is neither ours nor the standard library's."""


class Import(NamedTuple):
    """One import: the room that it stands in, the module, and how it stands there."""

    room: str
    module: str
    line: str
    in_function: bool
    for_types: bool


def room_of(path: Path) -> str:
    """`emit/code.py` is the room emit.code, `emit/__init__.py` emit, and the package's own `archspec`."""
    parts = path.relative_to(PACKAGE).with_suffix("").parts
    return ".".join(part for part in parts if part != "__init__") or "archspec"


SOURCES = {room_of(path): path for path in sorted(PACKAGE.rglob("*.py"))}


def rung(room: str) -> int:
    """How high a room stands: by its own name, or else by the longest pattern that fits it."""
    places = {name: number for number, names in enumerate(LADDER) for name in names.split()}
    fitting = [name for name in places if name == room or ("*" in name and fnmatchcase(room, name))]
    assert fitting, f"{room} has no place on the ladder"
    return places[room if room in places else max(fitting, key=len)]


@cache
def imports() -> tuple[Import, ...]:
    """Every import of the package."""
    return tuple(found for room, path in SOURCES.items() for found in imports_of(room, path.read_text("utf-8")))


def imports_of(room: str, text: str) -> Iterator[Import]:
    lines = text.splitlines()

    def visit(node: ast.AST, in_function: bool, for_types: bool) -> Iterator[Import]:
        for child in ast.iter_child_nodes(node):
            if isinstance(child, ast.Import | ast.ImportFrom):
                for module in modules(child):
                    yield Import(room, module, lines[child.lineno - 1], in_function, for_types)
                continue
            function = in_function or isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
            types = for_types or (isinstance(child, ast.If) and ast.unparse(child.test) == "TYPE_CHECKING")
            yield from visit(child, function, types)

    yield from visit(ast.parse(text), False, False)


def modules(node: ast.Import | ast.ImportFrom) -> list[str]:
    """The modules that an import names: `from archspec.emit import gate` is archspec.emit.gate."""
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    assert node.module
    assert not node.level, "imports are absolute"
    inner = [f"{node.module}.{alias.name}" for alias in node.names]
    rooms = [name for name in inner if name.removeprefix("archspec.") in SOURCES]
    return rooms if len(rooms) == len(inner) else [*rooms, node.module]


def ours(found: Import) -> str | None:
    """The room that an import is of, if it is one of ours."""
    if found.module == "archspec":
        return "archspec"
    return found.module.removeprefix("archspec.") if found.module.startswith("archspec.") else None


# Who imports whom.


def test_each_room_imports_only_those_below_it_on_the_ladder() -> None:
    wrong = []
    for found in imports():
        room = ours(found)
        if room is not None and not found.for_types and not rung(room) < rung(found.room):
            wrong.append(f"{found.room} imports {room}")
    assert wrong == []


def test_the_ladder_holds_every_room_and_no_other() -> None:
    assert all(rung(room) >= 0 for room in SOURCES)
    named = [room for rooms in LADDER for room in rooms.split() if "*" not in room]
    assert [room for room, count in Counter(named).items() if count > 1 or room not in SOURCES] == []


def test_what_begins_with_an_underscore_is_imported_within_its_package_alone() -> None:
    private = [(found.room, room) for found in imports() if (room := ours(found)) and "._" in room]
    assert private, "there are some"
    assert [pair for pair in private if pair[0].partition(".")[0] != pair[1].partition(".")[0]] == []


def test_what_is_not_ours_is_imported_where_it_belongs() -> None:
    found = {(one.module.partition(".")[0], one.room) for one in imports() if not one.for_types and ours(one) is None}
    foreign = {pair for pair in found if pair[0] not in sys.stdlib_module_names}
    assert foreign == {(name, room) for name, rooms in FOREIGN.items() for room in rooms}


def test_an_import_within_a_function_says_why() -> None:
    silent = {(one.room, one.module) for one in imports() if one.in_function and "#" not in one.line}
    assert silent == set()


def test_nothing_is_imported_by_a_name_that_is_computed() -> None:
    words = re.compile(r"\b(__import__|import_module|eval|pickle|marshal|shelve)\b")
    texts = {room: path.read_text("utf-8") for room, path in SOURCES.items()}
    used = {room for room, text in texts.items() for node in ast.walk(ast.parse(text)) if called(node, words)}
    assert used == set()
    compiled = {room for room, text in texts.items() for node in ast.walk(ast.parse(text)) if called(node, _EXEC)}
    assert compiled == {"emit.module"}  # the forward method, from names that were checked


_EXEC = re.compile(r"exec|compile")


def called(node: ast.AST, names: re.Pattern[str]) -> bool:
    """Whether a node calls one of those by its bare name, or imports it."""
    if isinstance(node, ast.Import | ast.ImportFrom):
        return any(names.fullmatch(alias.name) for alias in node.names)
    return isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and names.fullmatch(node.func.id) is not None


# What is public.


def test_all_is_sorted_complete_and_can_be_imported() -> None:
    assert archspec.__all__ == sorted(archspec.__all__)
    public = {
        name
        for name, value in vars(archspec).items()
        if not name.startswith("_") and (inspect.isclass(value) or inspect.isfunction(value))
        if value.__module__.partition(".")[0] == "archspec"
    }
    assert set(archspec.__all__) == public
    promised = "Problem Spec SpecError build check diagram dtypes generate load parse shapes summary"
    assert set(promised.split()) <= public


@pytest.mark.parametrize("room", SOURCES)
def test_everything_public_is_documented(room: str) -> None:
    tree = ast.parse(SOURCES[room].read_text("utf-8"))
    definitions = [node for node in tree.body if isinstance(node, ast.FunctionDef | ast.ClassDef)]
    silent = [node.name for node in definitions if not node.name.startswith("_") and not ast.get_docstring(node)]
    assert ast.get_docstring(tree)
    assert silent == []


def test_every_code_is_used_and_every_used_code_is_known() -> None:
    texts = [path.read_text("utf-8") for path in SOURCES.values()]
    table = inspect.getsource(importlib.import_module("archspec.problems")).partition("CODES")[2].partition("}")[0]
    used = Counter(re.findall(r'"(AS\d+)"', "".join(texts)))
    used.subtract(re.findall(r'"(AS\d+)"', table))
    assert {code for code, count in used.items() if count > 0} == set(CODES)


# What PyTorch has.


def test_names_that_a_step_may_not_bear_are_those_of_a_module() -> None:
    module = {name for name in dir(nn.Module()) if not name.startswith("_")}
    assert module == MODULE_ATTRIBUTES
    assert {name for name in dir(nn.Sequential()) if not name.startswith("_")} - module == SEQUENTIAL_ATTRIBUTES


def test_the_catalogue_knows_every_module_of_torch() -> None:
    modules = {name for name, value in vars(nn).items() if inspect.isclass(value) and issubclass(value, nn.Module)}
    assert set(LAYERS) | set(ABSENT) == modules, torch.__version__
    assert set(LAYERS) & set(ABSENT) == set()


# What commands do.

WITHOUT_TORCH = """
import sys

class Blocker:
    def find_spec(self, name, path=None, target=None):
        assert name.partition(".")[0] not in ("torch", "torchinfo", "numpy"), f"{name} is imported"

sys.meta_path.insert(0, Blocker())
import archspec
archspec.check("net.yaml")
archspec.shapes("net.yaml")
archspec.dtypes("net.yaml")
archspec.weights("net.yaml")
from archspec.cli import main
for command in sys.argv[1:]:
    assert main(command.split()) == 0, command
assert not {"torch", "torchinfo", "numpy"} & set(sys.modules)
"""


def run(script: str, folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    environment = os.environ | {"PYTHONPATH": str(ROOT), "PYTHONDONTWRITEBYTECODE": "1", "NO_COLOR": "1"}
    command = [sys.executable, "-c", script, *arguments]
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, timeout=120)


def test_only_what_builds_needs_torch(tmp_path: Path) -> None:
    (tmp_path / "net.yaml").write_bytes((ROOT / "specs" / "vgg.yaml").read_bytes())
    commands = (
        "check net.yaml",
        "generate net.yaml",
        "generate --check net.yaml",
        "summary net.yaml",
        "explain net.yaml",
        "diff net.yaml net.yaml",
        "layers Conv2d",
        "new other",
        "schema",
    )
    commands += tuple(f"diagram net.yaml --format {form}" for form in ("svg", "mermaid", "dot", "html"))
    done = run(WITHOUT_TORCH, tmp_path, *commands, "completion bash")
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "generated" / "net.py").exists()


EXAMPLES = {
    "check": (
        "check {spec}",
        "check {spec} --format json",
        "check {spec} --format github",
        "check {spec} --format sarif",
    ),
    "codes": ("codes", "codes AS502", "codes --schema"),
    "summary": ("summary {spec}", "summary {spec} --format json"),
    "explain": ("explain {spec}", "explain {spec} --format markdown", "explain {spec} --format json"),
    "diagram": (
        "diagram {spec} --format html",
        "diagram {spec} --format mermaid",
        "diagram {spec} --format dot",
        "diagram {spec} -o made/{name}.svg",
    ),
    "generate": (
        "generate {spec} --force",
        "generate {spec} --check",
        "generate {spec} --diff",
        "generate {spec} -o -",
    ),
    "diff": ("diff {spec} {spec}", "diff {spec} {spec} --format markdown", "diff {spec} {spec} --format json"),
    "layers": ("layers", "layers Conv2d --format json"),
    "new": ("new made_{name}",),
    "schema": ("schema",),
    "completion": ("completion bash",),
}
"""How each command is run on a spec under the audit hook; a command that is not here fails the test."""

GUARDED = """
import json, os, sys

examples, specs = json.loads(sys.argv[1])
outputs = [os.path.realpath(folder) for folder in ("generated", "made")]
readable = [os.getcwd(), *map(os.path.realpath, (sys.argv[2], sys.prefix, sys.base_prefix))]
phase = "loading"

HARMLESS = "builtins.id object.__getattr__ os.listdir os.putenv os.scandir os.unsetenv sys._getframe".split()

def inside(path, folders):
    real = os.path.realpath(os.fsdecode(path)) if isinstance(path, (str, bytes)) else ""
    return any(real.startswith(folder + os.sep) or real == folder for folder in folders)

def audit(event, arguments):
    if phase == "loading":  # our own modules and what they import; templates become Python here, too
        return
    if event == "compile":
        # ast.parse, of expressions and of what was generated; whatever is then run shows as `exec`.
        assert arguments[1] == "<unknown>", f"compile {arguments!r}"
    elif event == "open":
        path, mode, flags = arguments
        writes = flags & (os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND)
        opened = isinstance(path, int) and not writes  # a descriptor, which the same event has shown before
        assert opened or inside(path, outputs if writes else readable), f"open {arguments!r}"
    elif event in ("os.rename", "os.remove", "os.chmod", "os.mkdir", "os.rmdir", "os.link", "os.symlink"):
        assert inside(arguments[0], outputs), f"{event} {arguments!r}"
    else:
        assert event in HARMLESS, f"{event} {arguments!r}"

sys.addaudithook(audit)
from archspec.cli import main

def run_all(spec):
    name = os.path.splitext(spec)[0]
    return [main(command.format(spec=spec, name=name).split()) for command in examples]

for spec in ("plain.yaml", "wrong.yaml", "importing.yaml", "absent.yaml"):
    run_all(spec)
phase = "guarded"
statuses = [run_all(spec) for spec in specs]
phase = "loading"
print("statuses", json.dumps(statuses))
"""

PLAIN = """
doc: One of everything, so that all that is imported late has been.
params: {widths: [4, 8], flag: true, rate: 0.5, small: {type: int, default: "make_divisible(widths[0], 2)"}}
let: {k: "ceil(sqrt(log(widths[1])))"}
inputs: {x: [N, 3, 8, 8]}
layers:
  body:
    - for: w in widths
      name: "layer{w}"
      layers: [{Conv2d: {out_channels: w, kernel_size: k, padding: same}}, ReLU]
    - {Dropout: rate, when: flag}
  flatten: Flatten
  head: {Linear: small}
"""

HOSTILE = {
    "import": "inputs: {x: [N, \"__import__('os').system('touch hit')\"]}\nlayers: [ReLU]\n",
    "call": "inputs: {x: [N, 3]}\nlayers: [{Linear: \"exec('open(\\\\'hit\\\\', \\\\'w\\\\')')\"}]\n",
    "lambda": "let: {f: \"(lambda: open('hit', 'w'))()\"}\ninputs: {x: [N, 3]}\nlayers: [ReLU]\n",
    "attribute": 'let: {f: "().__class__.__base__.__subclasses__()"}\ninputs: {x: [N, 3]}\nlayers: [ReLU]\n',
    "layer": "inputs: {x: [N, 3]}\nlayers: [os.system: 'touch hit']\n",
    "loader": "inputs: {x: [N, 3]}\nlayers: [!!python/object/apply:os.system ['touch hit']]\n",
    "template": "doc: '{{ cycler.__init__.__globals__.os.system(1) }}'\ninputs: {x: [N]}\nlayers: [ReLU]\n",
    "statement": "doc: '{% include 1 %}'\nparams: {p: '\"; import os'}\ninputs: {x: [N]}\nlayers: [ReLU]\n",
    "docstring": 'doc: |\n  """\n  import os; os.system(\'touch hit\')\n  """\ninputs: {x: [N]}\nlayers: [ReLU]\n',
    "module": "import: os\ninputs: {x: [N]}\nlayers: [ReLU]\n",
    "power": "inputs: {x: [N, 9**9**9]}\nlayers: [ReLU]\n",
    "nesting": "inputs: {x: [N, 3]}\nlayers: " + "[" * 5000,
    "path": "name: ../../hit\ninputs: {x: [N, 3]}\nlayers: [ReLU]\n",
    "deep": "inputs: {x: [N, 3]}\nlayers: [B0]\nblocks:\n"
    + "".join(f"  B{i}: {{inputs: {{x: [N, C]}}, layers: [B{i + 1}]}}\n" for i in range(2000)),
    "import_of_a_module": "imports: {os: os}\ninputs: {x: [N]}\nlayers: [os]\n",
    "import_from_above": "imports: {A: ../outside.yaml}\ninputs: {x: [N]}\nlayers: [A]\n",
    "import_from_anywhere": "imports: {A: /outside.yaml}\ninputs: {x: [N]}\nlayers: [A]\n",
    "import_of_a_link": "imports: {A: ./link.yaml}\ninputs: {x: [N]}\nlayers: [A]\n",
    "import_of_a_device": "imports: {A: ./fifo.yaml}\ninputs: {x: [N]}\nlayers: [A]\n",
    "import_of_something_hostile": "imports: {A: ./spec_loader.yaml}\ninputs: {x: [N]}\nlayers: [A]\n",
    "import_of_itself": "imports: {A: ./spec_import_of_itself.yaml}\ninputs: {x: [N]}\nlayers: [A]\n",
    "allowing": "allow: [os]\ninputs: {x: [N]}\nlayers: [os.system: 'touch hit']\n",
    "class": "inputs: {x: [N]}\nlayers: [subprocess.Popen: {args: 'touch hit'}]\n",
    "imported": "imports: {Block: ./blocks.yaml}\ninputs: {x: [N, 3]}\nlayers: [Block]\n",
    "again": PLAIN.replace("One of everything", "The same"),
}
BLOCKS = "blocks: {Block: {inputs: {x: [N, C]}, layers: [ReLU]}}\n"


def test_static_commands_run_nothing_and_write_nothing_but_their_output(tmp_path: Path) -> None:
    assert set(EXAMPLES) == set(COMMANDS), "each command has examples here"
    folder = tmp_path / "project"
    folder.mkdir()
    (tmp_path / "outside.yaml").write_text(BLOCKS)
    (folder / "pyproject.toml").write_text("[tool.archspec]\nspecs = 'made'\n")
    (folder / ".archspec-schema.json").write_text("{}")  # so that `new` need not write it
    (folder / "plain.yaml").write_text(PLAIN)
    wrong = PLAIN.replace("Linear", "Linaer").replace("padding: same", "padding: F.same(x)")
    wrong = wrong.replace("flag}", "flag, fo: 1}").replace("log(widths[1])", "log(widths[1)")
    (folder / "wrong.yaml").write_text(wrong)
    (folder / "blocks.yaml").write_text(BLOCKS)
    (folder / "importing.yaml").write_text(HOSTILE["imported"])
    (folder / "link.yaml").symlink_to("../outside.yaml")
    os.mkfifo(folder / "fifo.yaml")
    for name, text in HOSTILE.items():
        (folder / f"spec_{name}.yaml").write_text(text)
    before = {path.name for path in folder.iterdir()}
    specs = [f"spec_{name}.yaml" for name in HOSTILE]
    commands = [command for examples in EXAMPLES.values() for command in examples]
    done = run(GUARDED, folder, json.dumps([commands, specs]), str(PACKAGE))
    assert done.returncode == 0, done.stderr
    assert "internal error" not in done.stderr, done.stderr
    statuses = dict(zip(HOSTILE, json.loads(done.stdout.rpartition("statuses ")[2]), strict=True))
    good = {name for name, found in statuses.items() if max(found) == 0}
    assert good == {"template", "statement", "docstring", "again", "imported"}
    for name in statuses.keys() - good:
        of_a_spec = [status for command, status in zip(commands, statuses[name], strict=True) if "{spec}" in command]
        assert set(of_a_spec) == {1, 2}, name  # 2 is `diff`'s word for what it cannot compare
    assert {path.name for path in folder.iterdir()} - before == {"generated", "made"}
    modules = {"plain", "importing", *(f"spec_{name}" for name in good)}
    assert {path.name for path in (folder / "generated").iterdir()} == {f"{name}.py" for name in modules}
