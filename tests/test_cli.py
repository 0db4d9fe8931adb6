"""The command line's promises: exit statuses, what goes to which stream, which files are written.

The stages behind it are replaced by small stand-ins: a spec that says `bad` has an error, one that
says `warn` a warning. What the stages themselves do is tested elsewhere.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import pytest

import archspec
from archspec import files
from archspec.cli import console, main
from archspec.problems import Problem, Span, SpecError

ROOT = Path(__file__).parents[1]
Run = Callable[..., tuple[int, str, str]]


@dataclass(frozen=True)
class Spec:
    name: str
    text: str
    budget: ClassVar[dict[str, int]] = {"parameters": 7}

    def settings(self, variant: str | None, params: dict[str, Any]) -> dict[str, Any]:
        assert variant is None
        return params

    def graph(self, params: dict[str, Any], inputs: dict[str, Any]) -> None:
        if params.get("hidden") == 0:
            raise SpecError([problem(self, "error")])


class Table(str):
    sizes: ClassVar[dict[str, int]] = {}

    def as_dict(self) -> dict[str, str]:
        return {"table": str(self)}

    def text(self, depth: int | None, width: int = 120) -> str:
        return f"{self} to {depth}"

    def markdown(self, depth: int | None) -> str:
        return f"| {self} to {depth}"

    def csv(self) -> str:
        return f"{self},"


def problem(spec: Spec, severity: Any) -> Problem:
    line = spec.text.split("\n")[0]
    code = "AS401" if severity == "error" else "AS703"
    return Problem(code, f"this is {line}", Span(spec.name, 1, 1, 1, 4, line), severity=severity)


def parse(text: str, name: str, *, allow: Sequence[str] = ()) -> Spec:
    spec = Spec(name, text)
    if "bad" in text:
        raise SpecError([problem(spec, "error")])
    if "crash" in text:
        raise RecursionError("deep\x1b[31m")
    if "interrupt" in text:
        raise KeyboardInterrupt
    return spec


def load(path: str, *, allow: Sequence[str] = ()) -> Spec:
    if not os.path.isfile(path):
        raise SpecError([files.problem(path, "AS107", "the file cannot be read")])
    return parse(Path(path).read_text(), path)


def check(
    spec: Spec,
    *,
    variant: str | None,
    params: dict[str, Any],
    inputs: dict[str, Any],
    ignore: Sequence[str],
    budget: dict[str, int],
) -> list[Problem]:
    spec.graph(params, inputs)
    if budget.get("macs") == 300_000_000:
        return [problem(spec, "error")]
    return [problem(spec, "warning")] if "warn" in spec.text and "AS703" not in ignore else []


def generate(spec: Spec) -> str:
    return files.seal(f'"""A."""\n\n{files.seal_comment(spec.name, spec.text)}\n\nTEXT = {spec.text!a}\n')


def summary(spec: Spec, *, params: dict[str, Any], inputs: dict[str, Any], batch: int, variant: str | None) -> Table:
    return Table(f"table of {params} {inputs} {batch}")


def verify(spec: Spec, *, params: dict[str, Any], inputs: dict[str, Any], variant: str | None) -> str:
    raise ImportError("--verify needs PyTorch: pip install 'archspec-nn[torch]'")


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Run:
    """Runs a command line in an empty folder: exit status, stdout, stderr."""
    for stand_in in (parse, load, check, generate, summary, verify):
        monkeypatch.setattr(archspec, stand_in.__name__, stand_in, raising=False)
    monkeypatch.chdir(tmp_path)
    for name in ("NO_COLOR", "FORCE_COLOR", "TERM"):
        monkeypatch.delenv(name, raising=False)

    def run(*arguments: str) -> tuple[int, str, str]:
        try:
            status = main(arguments)
        except SystemExit as exited:
            status = int(exited.code or 0)
        return status, *capfd.readouterr()

    return run


def write(path: str, text: str = "name: A\n") -> None:
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    Path(path).write_text(text)


# check


def test_check_says_what_is_wrong(run: Run) -> None:
    write("specs/good.yaml")
    write("specs/deep/worse.yml", "bad: 2")
    write("specs/bad.yaml", "bad: 1")
    write("specs/.hidden/bad.yaml", "bad: 3")
    status, out, err = run("check", "specs", "specs/bad.yaml")
    assert (status, err) == (1, "")
    assert [line.split(":")[0] for line in out.splitlines() if "AS401" in line] == [
        "specs/bad.yaml",
        "specs/deep/worse.yml",
    ]
    assert out.endswith("\n2 errors\n")
    assert run("check", "specs/good.yaml") == (0, "1 spec checked, nothing wrong\n", "")


def test_warnings_are_shown_and_pass(run: Run) -> None:
    write("a.yaml", "warn")
    status, out, err = run("check", "a.yaml")
    assert (status, err) == (0, "")
    assert "warning[AS703]" in out
    assert run("check", "a.yaml", "--format", "github")[1].startswith("::warning file=a.yaml,line=1,col=1,")
    for other in ("generate", "summary"):  # they are about what comes of it
        assert "warning" not in run(other, "a.yaml")[2]


def test_warnings_fail_where_they_are_to_and_are_silent_where_they_are_to(run: Run) -> None:
    write("a.yaml", "warn")
    assert run("check", "a.yaml", "--strict")[0] == 1
    write("pyproject.toml", "[tool.archspec]\nstrict = true\n")
    assert run("check", "a.yaml")[0] == 1
    write("pyproject.toml", "[tool.archspec]\nstrict = true\nignore = ['AS703']\n")
    assert run("check", "a.yaml") == (0, "1 spec checked, nothing wrong\n", "")


def test_formats_for_programs(run: Run) -> None:
    write("a.yaml", "bad")
    write("b.yaml")
    status, out, _ = run("check", "a.yaml", "b.yaml", "--format", "json")
    assert (status, [found["path"] for found in json.loads(out)]) == (1, ["a.yaml"])
    assert run("check", "b.yaml", "--format", "json") == (0, "[]\n", "")
    assert run("check", "a.yaml", "--format", "github")[1].startswith("::error file=a.yaml,line=1,col=1,")
    assert run("check", "a.yaml", "b.yaml", "--format", "json", "--output-file", "found.json") == (1, "", "")
    assert Path("found.json").read_text() == out


def test_standard_input(run: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for text, status in [("name: A\n", 0), ("bad", 1), ("\udcff", 1)]:
        (tmp_path / "piped").write_bytes(text.encode("utf-8", "surrogateescape"))
        with open(tmp_path / "piped") as stream, monkeypatch.context() as patched:
            patched.setattr(sys, "stdin", stream)
            found = run("check", "-")
        assert found[0] == status
        assert status == 0 or "<stdin>:1:1: error[" in found[1]


def test_params_are_values_of_the_language(run: Run) -> None:
    write("a.yaml")
    _, out, _ = run(
        *("summary", "a.yaml", "--param", "a=[64, 32]", "--param", "b=1e-3", "--param", "c=abc"),
        *("--param", "d=on", "--param", "e=true", "--input", "x=1,3,224,224"),
    )
    params = {"a": [64, 32], "b": 0.001, "c": "abc", "d": "on", "e": True}
    assert out == f"table of {params} {{'x': (1, 3, 224, 224)}} 1 to None\n"
    assert run("check", "a.yaml", "--param", "hidden=0")[0] == 1


@pytest.mark.parametrize(
    "arguments",
    [
        "check",
        "check empty",
        "check a.yaml --param a",
        "check a.yaml --param a=1 --param a=2",
        "check a.yaml --param a=010",
        "check a.yaml --param a=]",
        "check a.yaml --param a={b:1}",
        "check a.yaml --param a=99999999999999999999",
        "check a.yaml --input x=1,-3",
        "check a.yaml --input x=",
        "check a.yaml --input x=" + "9" * 5000,
        "check a.yaml --form json",
        "generate a.yaml --check --force",
        "generate a.yaml b.yaml -o x.py",
        "generate a.yaml b.yaml -o -",
        "generate a.yaml -o - --check",
        "generate - -o folder",
        "summary empty",
        "summary a.yaml --verify",
        "summary a.yaml --batch 0",
        "summary a.yaml --batch 8",
        "summary a.yaml --depth x",
        "check a.yaml --budget flops=1M",
        "check a.yaml --budget macs=1.5",
        "check a.yaml --budget macs=5B",
        "new folder/name",
        "unknown",
        "",
    ],
)
def test_wrong_usage_exits_2_with_one_line_that_says_why(arguments: str, run: Run) -> None:
    write("a.yaml")
    write("b.yaml")
    Path("empty").mkdir()
    status, _, err = run(*arguments.split())
    assert (status, err.count("Traceback")) == (2, 0)
    assert err.splitlines()[-1].startswith("archspec")
    assert len(err.splitlines()[-1]) < 200
    assert not Path("generated").exists()


# generate


def test_generate_writes_what_is_good_and_reports_the_rest(run: Run) -> None:
    write("pyproject.toml", "[tool.archspec]\nspecs = 'specs'\ngenerated = 'made'\n")
    write("specs/tiny-vgg.yaml")
    write("specs/vision/net.yaml")
    write("specs/bad.yaml", "bad")
    write("specs/torch.yaml")
    status, out, err = run("generate")
    assert (status, out) == (1, "wrote made/tiny_vgg.py\nwrote made/vision/net.py\n")
    assert "specs/bad.yaml:1:1: error[AS401]" in err
    assert "specs/torch.yaml:1:1: error[AS602]" in err
    # However a spec is named, from wherever, its module is the same.
    assert run("generate", "specs/vision")[:2] == (0, "unchanged made/vision/net.py\n")
    os.chdir("specs")
    assert run("generate", "vision/net.yaml")[:2] == (0, "unchanged ../made/vision/net.py\n")


def test_check_and_diff_write_nothing(run: Run) -> None:
    write("a.yaml")
    status, _, err = run("generate", "a.yaml", "--check")
    assert status == 1
    assert "generated/a.py:1:1: error[AS605]: the generated file is missing" in err
    assert "`archspec generate a.yaml`" in err
    assert run("generate", "a.yaml", "--diff")[1].startswith("--- /dev/null\n+++ generated/a.py\n")
    assert not Path("generated").exists()
    run("generate", "a.yaml")
    assert run("generate", "a.yaml", "--check", "--diff") == (0, "", "")
    write("a.yaml", "name: B\n")
    before = Path("generated/a.py").read_text()
    status, out, err = run("generate", "a.yaml", "--diff")
    assert (status, err) == (1, "")
    assert "\n-TEXT = 'name: A\\n'\n+TEXT = 'name: B\\n'\n" in out
    assert "out of date" in run("generate", "a.yaml", "--check")[2]
    assert Path("generated/a.py").read_text() == before


@pytest.mark.parametrize("code", ["AS601", "AS602"])
def test_what_a_person_wrote_is_overwritten_only_on_demand(code: str, run: Run) -> None:
    write("a.yaml")
    run("generate", "a.yaml")
    path = Path("generated/a.py")
    mine = path.read_text() + "# mine\n" if code == "AS601" else "# mine\n"
    path.write_text(mine)
    for option in ([], ["--check"]):
        status, _, err = run("generate", "a.yaml", *option)
        assert status == 1
        assert f"generated/a.py:1:1: error[{code}]" in err
        assert "`archspec generate a.yaml --force`" in err
    assert path.read_text() == mine
    assert run("generate", "a.yaml", "--force")[:2] == (0, "wrote generated/a.py\n")
    assert run("generate", "a.yaml", "--check")[0] == 0


def test_two_specs_for_one_file_write_nothing_at_all(run: Run) -> None:
    for name in ("a-b", "a_b", "A_B", "c"):
        write(f"specs/{name}.yaml")
    status, out, err = run("generate", "specs")
    assert (status, out, err.count("AS602")) == (1, "", 2)
    assert not Path("generated").exists()


def test_outputs(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    write("a.yaml")
    text = generate(load("a.yaml"))
    assert run("generate", "a.yaml", "-o", "-") == (0, text, "")
    assert run("generate", "a.yaml", "-o", "models/net.py")[:2] == (0, "wrote models/net.py\n")
    assert run("generate", "a.yaml", "-o", "models")[:2] == (0, "wrote models/a.py\n")
    Path("models/link.py").symlink_to("a.py")
    for name in ("models/link.py", "models/torch.py"):
        status, _, err = run("generate", "a.yaml", "-o", name, "--force")
        assert status == 1
        assert f"{name}:1:1: error[AS602]" in err
    with open("a.yaml") as stream:
        monkeypatch.setattr(sys, "stdin", stream)
        assert run("generate", "-") == (0, generate(Spec("<stdin>", "name: A\n")), "")


# summary, new, completion


def test_summary(run: Run) -> None:
    write("a.yaml")
    assert json.loads(run("summary", "a.yaml", "--format", "json")[1]) == {"table": "table of {} {} 1"}
    assert run("summary", "a.yaml", "--format", "csv")[1] == "table of {} {} 1,\n"
    assert run("summary", "a.yaml", "--format", "markdown", "--depth", "2")[1] == "| table of {} {} 1 to 2\n"
    status, out, err = run("summary", "a.yaml", "--verify")
    assert (status, out) == (2, "table of {} {} 1 to None\n")
    assert "archspec-nn[torch]" in err


def test_only_check_holds_a_budget(run: Run) -> None:
    write("a.yaml")
    assert run("check", "a.yaml", "--budget", "macs=0.3G")[0] == 1
    assert run("check", "a.yaml", "--budget", "macs=0.4G")[0] == 0
    assert run("summary", "a.yaml")[0] == run("generate", "a.yaml", "-o", "-")[0] == 0


def test_a_project_allows_packages_and_has_a_budget(tmp_path: Path) -> None:
    own = "inputs: {x: [N, 2]}\nlayers: [my_nets.Layer, {Linear: 300}]\n"
    (tmp_path / "net.yaml").write_text(own.replace("[my", "[{my").replace("Layer,", "Layer: {}, shape: [N, 2]},"))

    def check(table: str) -> str:
        (tmp_path / "pyproject.toml").write_text(table)
        command = [sys.executable, "-m", "archspec", "check", "net.yaml"]
        done = subprocess.run(
            command, cwd=tmp_path, env=os.environ | {"PYTHONPATH": str(ROOT)}, capture_output=True, text=True
        )
        return done.stdout

    assert "AS408" in check("")
    assert "nothing wrong" in check("[tool.archspec]\nallow = ['my_nets']\n")
    (tmp_path / "net.yaml").write_text("inputs: {x: [N, 2]}\nlayers: [{Linear: 300}]\n")
    assert "900 parameters are more than the budget of 500" in check("[tool.archspec]\nbudget = {parameters = 500}\n")
    (tmp_path / "net.yaml").write_text("budget: {parameters: 1k}\ninputs: {x: [N, 2]}\nlayers: [{Linear: 300}]\n")
    assert "nothing wrong" in check("[tool.archspec]\nbudget = {parameters = 500}\n")


def test_new_writes_a_first_spec_once(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    from archspec.starter import new

    monkeypatch.setattr(archspec, "new", new, raising=False)
    write("pyproject.toml", "[tool.archspec]\nspecs = ['nets']\n")
    status, out, _ = run("new", "my_net")
    assert (status, out.splitlines()[:2]) == (
        0,
        ["wrote .archspec-schema.json, for editors", "wrote nets/my_net.yaml; now try"],
    )
    assert "\nname: MyNet  " in Path("nets/my_net.yaml").read_text()
    status, out, _ = run("new", "my_gpt", "--template", "gpt")
    assert (status, "CausalSelfAttention" in Path("nets/my_gpt.yaml").read_text()) == (0, True)
    Path("nets/my_net.yaml").write_text("mine")
    for name in ("my_net", "torch", "class"):
        status, _, err = run("new", name)
        assert (status, "error[AS602]" in err) == (1, True)
    assert Path("nets/my_net.yaml").read_text() == "mine"


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("chek a.yaml", "there is no command `chek`; did you mean `check`?"),
        ("check --format jsn a.yaml", "invalid choice: 'jsn'; did you mean `json`?"),
        ("summary --depht 2 a.yaml", "unrecognized arguments: --depht a.yaml; did you mean --depth?"),
    ],
)
def test_a_mistyped_word_of_the_command_line_gets_the_nearest(line: str, expected: str, run: Run) -> None:
    status, _, err = run(*line.split())
    assert (status, expected in err) == (2, True), err


def test_devices_and_pipes_take_a_module_as_it_is(run: Run) -> None:
    write("a.yaml")
    assert run("generate", "a.yaml", "-o", os.devnull)[:2] == (0, "")
    os.mkfifo("pipe")
    reader = threading.Thread(target=lambda: read.append(Path("pipe").read_text()), daemon=True)
    read: list[str] = []
    reader.start()
    assert run("generate", "a.yaml", "-o", "pipe")[0] == 0
    reader.join()
    assert read == [run("generate", "a.yaml", "-o", "-")[1]]
    write("b.yaml")
    status, _, err = run("generate", "a.yaml", "b.yaml", "-o", os.devnull)
    assert (status, "only one spec" in err) == (2, True)


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_knows_every_command(shell: str, run: Run) -> None:
    status, out, _ = run("completion", shell)
    assert status == 0
    assert all(word in out for word in ("check", "generate", "summary", "verify", "new"))


@pytest.mark.parametrize(
    "command", [[], ["check"], ["generate"], ["summary"], ["diff"], ["layers"], ["new"], ["schema"], ["completion"]]
)
def test_help_explains_every_option(command: list[str], run: Run) -> None:
    status, out, _ = run(*command, "--help")
    assert status == 0
    assert "examples:" in out or not command
    assert "exit status:" in out or command


# settings


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[tool.archspec]\nspec = 'a'\n", "unknown key `spec`"),
        ("[tool.archspec]\nspecs = 3\n", "`specs`"),
        ("[tool.archspec]\nspecs = ['']\n", "`specs`"),
        ("[tool.archspec]\ngenerated = ['a']\n", "`generated`"),
        ("[tool.archspec]\nallow = ['os.path']\nallows = 1\n", "did you mean `allow`?"),
        ("[tool.archspec]\nallow = ['a b']\n", "`allow`"),
        ("[tool.archspec]\nbudget = {cost = 1}\n", "parameters and macs"),
        ("[tool.archspec]\nbudget = {macs = 'many'}\n", "such as 5M"),
        ("[tool.archspec]\nignore = 'AS703'\n", "`ignore`"),
        ("[tool.archspec]\nignore = ['AS730']\n", "did you mean `AS703`?"),
        ("[tool.archspec]\nignore = ['AS401']\n", "`AS401` in `ignore`"),
        ("[tool.archspec]\nstrict = 'yes'\n", "`strict`"),
        ("[tool]\narchspec = 3\n", "tool.archspec"),
        ("tool = 3\n", "pyproject.toml"),
        ("[tool.archspec\n", "pyproject.toml"),
        ("x = " + "[" * 5000 + "]" * 5000 + "\n", "pyproject.toml is nested too deeply"),
        ("# " + "x" * 2**20 + "\n", "pyproject.toml`: larger than 1048576 bytes"),
    ],
    ids=range(17),
)
def test_settings_that_cannot_be_followed(text: str, words: str, run: Run) -> None:
    write("pyproject.toml", text)
    write("below/a.yaml")
    os.chdir("below")
    status, _, err = run("generate", "a.yaml")
    assert (status, err.count("\n"), "Traceback" in err) == (2, 1, False)
    assert words in err


# the terminal


@pytest.mark.parametrize(
    ("environment", "terminal", "colored"),
    [
        ({}, True, True),
        ({}, False, False),
        ({"FORCE_COLOR": "1"}, False, True),
        ({"NO_COLOR": "1"}, True, False),
        ({"NO_COLOR": "1", "FORCE_COLOR": "1"}, True, False),
        ({"TERM": "dumb"}, True, False),
    ],
)
def test_color(
    environment: dict[str, str], terminal: bool, colored: bool, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    write("a.yaml", "bad")
    monkeypatch.setattr(console, "is_terminal", lambda stream: terminal)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert ("\x1b[1;31m" in run("check", "a.yaml")[1]) == colored


def test_progress_is_one_line_that_goes_away(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(console, "is_terminal", lambda stream: True)
    for name in ("a", "b" * 100):
        write(f"specs/{name}.yaml")
    err = run("check", "specs")[2]
    assert "\r\x1b[2K[1/2] specs/a.yaml\r" in err
    assert err.endswith("\r\x1b[2K")
    assert "\n" not in err
    assert all(len(line) <= 3 + 80 for line in err.split("\r"))
    assert run("check", "specs/a.yaml")[2] == ""


def test_an_internal_error_is_one_honest_message(run: Run) -> None:
    write("a.yaml", "crash")
    status, _, err = run("check", "a.yaml")
    assert (status, "Traceback" in err, "\x1b" in err) == (101, False, False)
    assert "internal error: RecursionError: deep" in err
    assert "--debug" in err
    for arguments in (["--debug", "check", "a.yaml"], ["check", "a.yaml", "--debug"]):
        status, _, err = run(*arguments)
        assert (status, "Traceback" in err) == (101, True)


class UnspeakableError(Exception):
    """An error that cannot say what it is."""

    def __str__(self) -> str:
        raise ValueError("not even this")


def fail(*_: Any, **__: Any) -> Any:
    raise UnspeakableError


@pytest.mark.parametrize(
    ("place", "arguments"),
    [
        ("archspec.cli.console.render_text", "check a.yaml"),
        ("archspec.problems.formats.render_json", "check a.yaml --format json"),
        ("archspec.problems.formats.explanation", "check a.yaml --format sarif"),
        ("archspec.cli.commands.check.report", "check a.yaml"),
        ("archspec.fix", "check a.yaml --fix"),
        ("archspec.files.write", "check a.yaml --fix"),
        ("archspec.cli.parser", "check a.yaml"),
        ("archspec.problems.explanations.explanation", "codes AS101"),
    ],
)
def test_an_internal_error_is_one_wherever_it_happens(
    place: str, arguments: str, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    write("a.yaml", "bad")
    monkeypatch.setattr(archspec, "fix", lambda *_, **__: archspec.Fixed("mended", [], (), ()))
    monkeypatch.setattr(place, fail)
    for more, shown in (([], False), (["--debug"], True)):
        status, _, err = run(*arguments.split(), *more)
        assert (status, "Traceback" in err) == (101, shown)
        assert re.search(r"^archspec: internal error: .*UnspeakableError", err, re.MULTILINE)
        assert Path("a.yaml").read_text() == "bad"


def test_a_bug_in_a_command_that_is_only_imported_is_reported_too() -> None:
    code = """
import sys
sys.modules["archspec.cli.commands.summary"] = None
from archspec.cli import main
sys.exit(main(["check", "a.yaml"]))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, "Traceback" in done.stderr) == (101, "", False)
    assert done.stderr.startswith("archspec: internal error: ")


def test_an_interrupt_is_silent(run: Run) -> None:
    write("a.yaml", "interrupt")
    assert run("check", "a.yaml") == (130, "", "")


def test_a_reader_that_leaves_early_is_no_error() -> None:
    command = [sys.executable, "-m", "archspec", "completion", "bash"]
    read, written = os.pipe()
    os.close(read)
    done = subprocess.run(command, stdout=written, stderr=subprocess.PIPE, text=True, check=False)
    os.close(written)
    assert (done.returncode, done.stderr) == (141, "")


def test_a_full_disk_is_named_and_is_no_internal_error() -> None:
    command = [sys.executable, "-m", "archspec", "completion", "bash"]
    with open("/dev/full", "w") as full:
        done = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, text=True, check=False)
    assert (done.returncode, done.stderr) == (2, "archspec: no space left on device\n")


def test_the_command_line_starts_without_what_it_does_not_need() -> None:
    code = "import sys, archspec.cli, archspec.cli.commands; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    heavy = {"torch", "numpy", "shtab", "difflib", "tomllib", "asyncio", "jinja2"}
    assert heavy.isdisjoint(done.stdout.split())


VALUELESS = """\
params: {kernel: list, flag: bool, n: int, width: list}
inputs: {x: [N, 3, 32, 32]}
layers:
  conv: {Conv2d: {out_channels: 8, kernel_size: kernel, bias: flag}}
  norm: {BatchNorm2d: {affine: flag}}
  more: {Conv2d: {out_channels: w, kernel_size: 1}, for: w in width}
  pooled: adaptive_avg_pool2d(more, 4)
  flat: flatten(pooled, 1)
  fc: {Linear: {out_features: n, bias: flag}}
"""


@pytest.mark.parametrize(
    ("command", "status"),
    [
        ("check", 0),
        ("summary", 0),
        ("explain", 0),
        ("diagram --format dot", 0),
        ("generate -o -", 0),
        ("diff net.yaml", 0),
    ],
)
def test_parameters_may_have_no_value(
    command: str, status: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("net.yaml").write_text(VALUELESS)
    found = main([*command.split(), "net.yaml"])
    assert found == status, capsys.readouterr().err
    assert "null" not in capsys.readouterr().out
