"""What is published: the wheel, the source distribution, and what both say of the package."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tarfile
import tomllib
import zipfile
from pathlib import Path

import pytest
import yaml

import archspec

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "archspec"
SPEC = "name: Net\ninputs: {x: [N, 8]}\nlayers: [Linear: 3]\n"


def test_the_citation_and_the_project_say_the_same() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text("utf-8"))
    assert citation["version"] == project["version"] == archspec.__version__
    assert citation["license"] == project["license"]
    assert [author["name"] for author in citation["authors"]] == [author["name"] for author in project["authors"]]


def build(hook: str, source: Path, folder: Path) -> Path:
    """A distribution, built by the project's own build backend."""
    script = f"import sys, hatchling.build; print(hatchling.build.{hook}(sys.argv[1]))"
    folder.mkdir(exist_ok=True)
    done = subprocess.run([sys.executable, "-c", script, str(folder)], cwd=source, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return folder / done.stdout.split()[-1]


@pytest.mark.slow
def test_the_wheel_holds_the_package_alone_and_works_without_the_checkout(tmp_path: Path) -> None:
    pytest.importorskip("hatchling")
    wheel = build("build_wheel", ROOT, tmp_path / "dist")
    with zipfile.ZipFile(wheel) as archive:
        files = {name for name in archive.namelist() if ".dist-info/" not in name}
    sources = {path.relative_to(ROOT).as_posix() for path in PACKAGE.rglob("*") if path.is_file()}
    assert files == {path for path in sources if "__pycache__" not in path}
    assert wheel.stat().st_size < 1_500_000
    site = tmp_path / "site"
    install = ["-m", "pip", "install", "--quiet", "--no-deps", "--no-index", "--target", str(site), str(wheel)]
    subprocess.run([sys.executable, *install], check=True)
    (tmp_path / "net.yaml").write_text(SPEC)
    environment = {name: value for name, value in os.environ.items() if name != "COLUMNS"} | {"PYTHONPATH": str(site)}

    def run(*words: str) -> str:
        done = subprocess.run([sys.executable, *words], cwd=tmp_path, env=environment, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        return done.stdout

    assert Path(run("-c", "import archspec; print(archspec.__file__)").strip()).is_relative_to(site)
    assert run("-m", "archspec", "--version") == f"archspec {archspec.__version__}\n"
    assert "Linear" in run("-m", "archspec", "summary", "net.yaml")
    for command in ("check net.yaml", "generate net.yaml", "codes AS502", "layers Linear", "schema", "new other"):
        run("-m", "archspec", *command.split())
    assert run("-c", "import archspec; print(archspec.build('net.yaml'))").startswith("Net(")
    assert run("-c", "from generated.net import Net; print(Net())").startswith("Net(")


@pytest.mark.slow
def test_the_source_distribution_makes_the_same_wheel(tmp_path: Path) -> None:
    pytest.importorskip("hatchling")
    packed = build("build_sdist", ROOT, tmp_path / "dist")
    with tarfile.open(packed) as archive:
        archive.extractall(tmp_path / "source", filter="data")
    (source,) = (tmp_path / "source").iterdir()
    assert {"README.md", "LICENSE", "CHANGELOG.md", "CITATION.cff", "tests", "docs", "specs"} <= set(os.listdir(source))
    wheels = [build("build_wheel", folder, tmp_path / name) for folder, name in ((ROOT, "one"), (source, "two"))]
    contents = []
    for wheel in wheels:
        with zipfile.ZipFile(wheel) as archive:
            contents.append({name: archive.read(name) for name in archive.namelist()})
    assert contents[0] == contents[1]


@pytest.mark.slow
def test_the_index_takes_what_is_published(tmp_path: Path) -> None:
    pytest.importorskip("hatchling")
    pytest.importorskip("twine")
    made = [str(build(hook, ROOT, tmp_path / "dist")) for hook in ("build_wheel", "build_sdist")]
    done = subprocess.run([sys.executable, "-m", "twine", "check", "--strict", *made], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


USER = """
from pathlib import Path

import archspec
from archspec import Analysis, Changes, Checkpoint, Explanation, Imported, Match
from archspec import Plan, Problem, Spec, SpecError, Summary


def use(path: Path) -> int:
    spec: Spec = archspec.load(path)
    problems: list[Problem] = archspec.check(path, params={"width": 8}, allow=["mine"])
    summary: Summary = archspec.summary(spec, batch=2)
    explanation: Explanation = archspec.explain(path)
    changes: Changes = archspec.diff(path, path)
    checkpoint: Checkpoint | None = changes.checkpoint
    plan: Plan = archspec.plan(path, {"dp": 2})
    match: Match = archspec.match_weights(path, "old.safetensors", rename={"a": "b"})
    analysis: Analysis = archspec.analyse("inputs: {x: [N, 3]}", "net.yaml")
    model = archspec.build(path, width=8)
    missing, unexpected = archspec.load_weights(model, "old.safetensors", strict=False)
    imported: Imported = archspec.import_module(lambda: model, {"x": (2, 3)})
    source: str = archspec.generate({"inputs": {"x": ["N", 3]}, "layers": ["ReLU"]})
    try:
        model.eval()
    except SpecError as error:
        print(error.problems[0].code)
    print(explanation, checkpoint, plan, match.renamed, analysis.steps, missing, unexpected, imported.verified, source)
    return len(problems) + len(str(summary.parameters))
"""
MISUSE = """
import archspec

archspec.check(3)
archspec.load("net.yaml").no_such_attribute
archspec.summary("net.yaml", batch="2")
"""


@pytest.mark.slow
@pytest.mark.parametrize("checker", ["mypy", "pyright"])
def test_users_find_the_api_typed(checker: str, tmp_path: Path) -> None:
    pytest.importorskip(checker)
    (tmp_path / "user.py").write_text(USER)
    (tmp_path / "misuse.py").write_text(MISUSE)
    settings = {"typeCheckingMode": "strict", "extraPaths": [str(ROOT)]}
    (tmp_path / "pyrightconfig.json").write_text(json.dumps(settings))
    (tmp_path / "mypy.ini").write_text("[mypy]\nstrict = true\n")
    options = ["--pythonpath", sys.executable] if checker == "pyright" else []

    def run(file: str) -> str:
        environment = os.environ | {"MYPYPATH": str(ROOT)}
        command = [sys.executable, "-m", checker, *options, *([file] if checker == "mypy" else [])]
        done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True)
        return done.stdout + done.stderr

    said = run("misuse.py")
    assert all(f"misuse.py:{line}" in said for line in (4, 5, 6)), said
    assert "user.py" not in said, said
    assert checker == "pyright" or "Success" in run("user.py")
