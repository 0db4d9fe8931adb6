"""The plan of the house, held against the code: who imports whom, what is public, and what each command may do."""

from __future__ import annotations

import ast
import importlib
import inspect
import json
import math
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from graphlib import TopologicalSorter
from pathlib import Path
from typing import NamedTuple

import pytest
import torch
from torch import nn

import archspec
import archspec.cli.commands  # declares them
from archspec import results
from archspec.checkpoints import Stored
from archspec.checkpoints.safetensors import pieces
from archspec.cli.arguments import COMMANDS
from archspec.document import MODULE_ATTRIBUTES, SEQUENTIAL_ATTRIBUTES
from archspec.document.names import PRIVATE_ATTRIBUTES
from archspec.layers import ABSENT, LAYERS
from archspec.problems import CODES

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "archspec"

LADDER = (
    "characters values storage",
    "dimensions problems",
    "source tensors layout files",
    "refusals expressions cli.console checkpoints",
    "windows document cuts",
    "formulas functions layers initializers starter revisions cli.project",
    "graph views.catalogue views.markdown cli.arguments",
    "lower views.weights views.schema",
    "flow",
    "overwriting lints emit views.explain views.summary",
    "views.plan",
    "views.changes views.diagram",
    "spec",
    "variants planning views.fitting importer",
    "analysis migration loading plan_files",
    "results",
    "api",
    "archspec",
    "assistant editor notebook",
    "live",
    "cli.commands",
    "cli",
    "__main__",
)
"""The rooms, lowest first: files, and folders with all that is in them.

One may import what stands on a lower rung than its own, and, within a folder, whatever makes no cycle.
"""

FOREIGN = {
    "yaml": {"source.composing"},
    "pydantic": {"assistant.tools", "document.model", "document.plan", "document.reading"},
    "pydantic_core": {"document.checks", "document.errors", "document.shorthand"},
    "cairosvg": {"views.diagram.pictures"},
    "graphlay": {"cli.commands.serve", "views.diagram.layout"},
    "jinja2": {"emit.code"},
    "mcp": {"assistant.server"},
    "pygls": {"editor.server"},
    "lsprotocol": {"editor.server"},
    "starlette": {"live.server"},
    "uvicorn": {"live.server"},
    "watchfiles": {"cli.commands.watch"},
    "shtab": {"cli.commands.completion"},
    "torch": {
        "checkpoints.pickled",
        "emit.filling",
        "emit.module",
        "emit.own",
        "importer.blocks",
        "importer.boundaries",
        "importer.configurations",
        "importer.containers",
        "importer.exploring",
        "importer.foreign",
        "importer.frames",
        "importer.grouping",
        "importer.idle",
        "importer.importing",
        "importer.inputs",
        "importer.intercepting",
        "importer.making",
        "importer.memory",
        "importer.operations",
        "importer.own",
        "importer.phrases",
        "importer.pruning",
        "importer.recording",
        "importer.running",
        "importer.saying",
        "importer.settings",
        "importer.state",
        "importer.targets",
        "importer.tracing",
        "importer.verifying",
        "loading",
        "views.summary.verify",
    },
    "torchinfo": {"views.summary.verify"},
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


RUNGS = {name: number for number, names in enumerate(LADDER) for name in names.split()}


def folder_of(room: str) -> str:
    """What stands on the ladder for a room: itself, or the folder that it is in."""
    held = [name for name in RUNGS if room == name or room.startswith(f"{name}.")]
    assert held or room == "views", f"{room} has no place on the ladder"
    return max(held, key=len, default=room)


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
    wrong, within = [], {}
    for found in imports():
        room = ours(found)
        if room is None or found.for_types:
            continue
        above, below = folder_of(found.room), folder_of(room)
        if above != below and not RUNGS[below] < RUNGS[above]:
            wrong.append(f"{found.room} imports {room}")
        if above == below and room != found.room:
            within.setdefault(found.room, set()).add(room)
    assert wrong == []
    TopologicalSorter(within).prepare()  # raises CycleError


def test_the_ladder_holds_every_room_and_no_other() -> None:
    named = " ".join(LADDER).split()
    assert sorted(set(named)) == sorted(named)
    assert {folder_of(room) for room in SOURCES} - {"views"} == set(named)


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
    # `archspec.import_module` is what the importer calls its own
    assert used == {"archspec", "api.building"}
    compiled = {room for room, text in texts.items() for node in ast.walk(ast.parse(text)) if called(node, _EXEC)}
    # the forward method, from names that were checked; a generated class, which the gate has passed
    assert compiled == {"emit.module", "importer.verifying"}


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
    assert not public & set(results.__all__)  # imported when they are named
    public |= {name for name in results.__all__ if inspect.isclass(getattr(archspec, name))}
    assert set(archspec.__all__) == public
    assert not hasattr(archspec, "Sumary")
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
    texts = [path.read_text("utf-8") for room, path in SOURCES.items() if room != "problems.codes"]
    used = set(re.findall(r'"(AS\d+)"', "".join(texts)))
    assert used == set(CODES)


# What PyTorch has.


def test_names_that_a_step_may_not_bear_are_those_of_a_module() -> None:
    module = {name for name in dir(nn.Module()) if not name.startswith("_")}
    assert module == MODULE_ATTRIBUTES
    assert {name for name in dir(nn.Sequential()) if not name.startswith("_")} - module == SEQUENTIAL_ATTRIBUTES
    private = {name for name in dir(nn.Sequential()) if name.startswith("_") and not name.startswith("__")}
    assert private == PRIVATE_ATTRIBUTES


def test_private_parts_of_torch_are_those_that_the_map_lists() -> None:
    used: set[str] = set()
    for room in FOREIGN["torch"] | {"emit.handing", "emit.parallel"}:
        for node in ast.walk(ast.parse(SOURCES[room].read_text("utf-8"))):
            named = node.attr if isinstance(node, ast.Attribute) else ""
            ours = isinstance(node, ast.Attribute) and ast.unparse(node.value) in ("self", "cls", "sys")
            if re.match("_[a-z]", named) and not ours and named != "_fields":  # which is of named tuples
                used.add(named)
            if isinstance(node, ast.ImportFrom) and re.match(r"torch\b.*\._", node.module or ""):
                used.add(node.module or "")
    told = (PACKAGE / "README.md").read_text("utf-8").partition("**Private parts of PyTorch.**")[2].partition("\n\n")[0]
    assert used == set(re.findall(r"`((?:torch\.[\w.]*)?_\w+)`", told))
    owners = (nn.Linear(1, 1), torch.zeros(1), torch.ops.aten.add.Tensor)
    modules = {name for name in used if name.startswith("torch.")}
    assert {name for name in used - modules if not any(hasattr(owner, name) for owner in owners)} == set()
    assert all(map(importlib.import_module, modules))


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
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True)


def checkpoint(spec: Path) -> bytes:
    """A file of zeros for all the weights of a network."""
    tensors = {
        key: Stored(shape, "F32", lambda shape=shape: bytes(4 * math.prod(shape)))
        for key, shape in archspec.weights(spec).items()
    }
    return b"".join(pieces(tensors, {}))


def test_only_what_builds_needs_torch(tmp_path: Path) -> None:
    (tmp_path / "net.yaml").write_bytes((ROOT / "specs" / "tinyvgg.yaml").read_bytes())
    (tmp_path / "old.safetensors").write_bytes(checkpoint(ROOT / "specs" / "tinyvgg.yaml"))
    commands = (
        "check net.yaml",
        "generate net.yaml",
        "generate --check net.yaml",
        "summary net.yaml",
        "explain net.yaml",
        "plan net.yaml --mesh dp=2,tp=2",
        "diff net.yaml net.yaml",
        "weights net.yaml old.safetensors",
        "weights net.yaml old.safetensors --migrate -o new.safetensors",
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
    "weights": (
        "weights {spec} old.safetensors",
        "weights {spec} old.safetensors --format json",
        "weights {spec} old.safetensors --migrate --force -o made/{name}.safetensors",
    ),
    "layers": ("layers", "layers Conv2d --format json"),
    "import": (),  # it runs the model that it is given
    "new": ("new made_{name}",),
    "schema": ("schema",),
    "plan": ("plan {spec} --mesh dp=2,tp=2", "plan {spec} --mesh tp=2 --format json", "plan {spec} --format markdown"),
    "completion": ("completion bash",),
}
"""How each command is run on a spec under the audit hook; a command that is not here fails the test."""

SERVING = {"lsp", "mcp", "serve", "watch"}
"""Commands that run until somebody ends them; the servers' own tests run them under a hook."""

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


HARMLESS = {"template", "statement", "docstring", "again", "imported"}
"""Texts that are specs like others."""


@pytest.mark.parametrize(
    "names", [pytest.param([*HOSTILE][::4], id="some"), pytest.param([*HOSTILE], id="all", marks=pytest.mark.slow)]
)
def test_static_commands_run_nothing_and_write_nothing_but_their_output(names: list[str], tmp_path: Path) -> None:
    assert set(EXAMPLES) | SERVING == set(COMMANDS), "each command has examples here"
    folder = tmp_path / "project"
    folder.mkdir()
    (tmp_path / "outside.yaml").write_text(BLOCKS)
    (folder / "pyproject.toml").write_text("[tool.archspec]\nspecs = 'made'\n")
    (folder / ".archspec-schema.json").write_text("{}")  # so that `new` need not write it
    (folder / "plain.yaml").write_text(PLAIN)
    (folder / "old.safetensors").write_bytes(checkpoint(folder / "plain.yaml"))
    wrong = PLAIN.replace("Linear", "Linaer").replace("padding: same", "padding: F.same(x)")
    wrong = wrong.replace("flag}", "flag, fo: 1}").replace("log(widths[1])", "log(widths[1)")
    (folder / "wrong.yaml").write_text(wrong)
    (folder / "blocks.yaml").write_text(BLOCKS)
    (folder / "importing.yaml").write_text(HOSTILE["imported"])
    (folder / "link.yaml").symlink_to("../outside.yaml")
    os.mkfifo(folder / "fifo.yaml")
    for name in names:
        (folder / f"spec_{name}.yaml").write_text(HOSTILE[name])
    before = {path.name for path in folder.iterdir()}
    specs = [f"spec_{name}.yaml" for name in names]
    commands = [command for examples in EXAMPLES.values() for command in examples]
    done = run(GUARDED, folder, json.dumps([commands, specs]), str(PACKAGE))
    assert done.returncode == 0, done.stderr
    assert "internal error" not in done.stderr, done.stderr
    statuses = dict(zip(names, json.loads(done.stdout.rpartition("statuses ")[2]), strict=True))
    good = {name for name, found in statuses.items() if max(found) == 0}
    assert good == HARMLESS.intersection(names)
    for name in statuses.keys() - good:
        of_a_spec = [status for command, status in zip(commands, statuses[name], strict=True) if "{spec}" in command]
        assert set(of_a_spec) == {1, 2}, name  # 2 is `diff`'s word for what it cannot compare
    assert {path.name for path in folder.iterdir()} - before == {"generated", "made"}
    modules = {"plain", "importing", *(f"spec_{name}" for name in good)}
    assert {path.name for path in (folder / "generated").iterdir()} == {f"{name}.py" for name in modules}
