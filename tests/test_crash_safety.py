"""Whatever happens while a file is written: it holds the old text or the new one, and `generate` says which.

Killed at every call, by several processes at once, on a full disk, in a read-only folder.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
SPEC = "inputs: {x: [N, 3]}\nlayers: [Linear: WIDTH]\n"

KILLED = """
import json, os, shutil, sys
from archspec import files
from archspec.cli import main

write = files.write
outcomes = []

def begin_anew():
    shutil.rmtree("generated", ignore_errors=True)
    if sys.argv[1]:
        os.mkdir("generated")
        with open("generated/net.py", "w") as stream:
            stream.write(sys.argv[1])

def killed_at(call, path, text):  # in a process of its own, which ends there; whether there was such a call
    child = os.fork()
    if child:
        return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 9

    def end(frame, event, argument):
        nonlocal call
        call -= 1
        if not call:
            os._exit(9)

    sys.setprofile(end)
    write(path, text)
    os._exit(0)

def killed_at_each_call(path, text):
    call, ended = 0, True
    while ended:
        call += 1
        begin_anew()
        ended = killed_at(call, path, text)
        names = os.listdir("generated") if os.path.exists("generated") else []
        found = open("generated/net.py").read() if "net.py" in names else ""
        outcomes.append((found, [name for name in names if name != "net.py"], ended))
    begin_anew()
    return write(path, text)

files.write = killed_at_each_call
assert main(["generate", "net.yaml"]) == 0
print(json.dumps(outcomes))
"""


def python(script: str, folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", script, *arguments]
    environment = {"PYTHONPATH": str(ROOT), "PYTHONDONTWRITEBYTECODE": "1", "PATH": "/usr/bin:/bin"}
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True)


def archspec(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return python("import sys; from archspec.cli import main; sys.exit(main())", folder, *arguments)


@pytest.fixture(scope="module")
def texts(tmp_path_factory: pytest.TempPathFactory) -> dict[int, str]:
    """What is generated for two widths."""
    folder = tmp_path_factory.mktemp("texts")
    found = {}
    for width in (4, 5):
        (folder / "net.yaml").write_text(SPEC.replace("WIDTH", str(width)))
        found[width] = archspec(folder, "generate", "net.yaml", "-o", "-").stdout
    return found


@pytest.mark.parametrize("before", [None, 4], ids=["new file", "replaced file"])
def test_killed_at_any_call(before: int | None, texts: dict[int, str], tmp_path: Path) -> None:
    (tmp_path / "net.yaml").write_text(SPEC.replace("WIDTH", "5"))
    old, new = texts[before] if before else "", texts[5]
    done = python(KILLED, tmp_path, old)
    assert done.returncode == 0, done.stderr
    outcomes = json.loads(done.stdout.splitlines()[-1])
    assert len(outcomes) > 50, "it was killed at many calls"
    assert {text for text, _, _ in outcomes} == {old, new}
    changed = [text == new for text, _, _ in outcomes]
    assert changed == sorted(changed), "from one call on it is the new one"
    assert outcomes[-1][1:] == [[], False], "nothing is left beside it where nothing was killed"
    beside = {name for _, names, _ in outcomes for name in names}
    assert beside, "else a temporary file is"
    assert all(name.startswith(".archspec-") and name.endswith(".tmp") for name in beside)
    assert archspec(tmp_path, "generate", "net.yaml").stdout == "unchanged generated/net.py\n"


CONCURRENT = """
import os, sys, time
from pathlib import Path
from archspec.cli import main

path = Path("generated/net.py")
texts = [Path(name).read_text() for name in ("4.txt", "5.txt")]
writers = []
for width in (4, 5, 4):
    writers.append(os.fork())
    if not writers[-1]:
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        os._exit(max(main(["generate", f"{width}.yaml", "-o", str(path)]) for _ in range(40)))
reads = changes = 0
last = ""
while writers:
    found, status = os.waitpid(-1, os.WNOHANG)
    if found:
        assert status == 0, status
        writers.remove(found)
    if path.exists():
        text = path.read_text()
        assert text in texts, "torn"
        reads, changes, last = reads + 1, changes + (text != last), text
assert os.listdir("generated") == ["net.py"], os.listdir("generated")
print(reads, changes)
"""


def test_several_processes_write_and_read_at_once(texts: dict[int, str], tmp_path: Path) -> None:
    for width in (4, 5):
        (tmp_path / f"{width}.yaml").write_text(
            SPEC.replace("WIDTH", str(width)).replace("inputs", "name: Net\ninputs")
        )
        (tmp_path / f"{width}.txt").write_text(archspec(tmp_path, "generate", f"{width}.yaml", "-o", "-").stdout)
    done = python(CONCURRENT, tmp_path)
    assert done.returncode == 0, done.stderr
    reads, changes = map(int, done.stdout.split())
    assert reads > 100
    assert changes > 2


# Disks and folders that take nothing.


LARGE = SPEC.replace("[Linear: WIDTH]", f"[{', '.join(['Linear: WIDTH'] * 200)}]")


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A project of two specs, each with an older module; that of `b` is large."""
    (tmp_path / "specs").mkdir()
    for width in ("4", "5"):
        (tmp_path / "specs" / "a.yaml").write_text(SPEC.replace("WIDTH", width))
        (tmp_path / "specs" / "b.yaml").write_text(LARGE.replace("WIDTH", width))
        if width == "4":
            assert archspec(tmp_path, "generate", "specs").returncode == 0
    return tmp_path


def held(folder: Path) -> dict[str, str]:
    """Everything in a folder, hidden files as well."""
    return {path.name: path.read_text() for path in folder.iterdir()}


def in_namespace(project: Path, prepare: str) -> subprocess.CompletedProcess[str]:
    """`archspec generate specs`, with mounts that nobody else sees; `after` is what `generated` then holds."""
    script = (
        f"set -e; {prepare}; s=0; {sys.executable} -m archspec generate specs || s=$?; cp -a generated after; exit $s"
    )
    environment = {"PYTHONPATH": str(ROOT), "PATH": "/usr/sbin:/usr/bin:/sbin:/bin"}
    command = ["unshare", "--mount", "--map-root-user", "sh", "-c", script]
    return subprocess.run(command, cwd=project, env=environment, capture_output=True, text=True)


@pytest.fixture
def namespaces() -> None:
    """Skips where the system gives no mount namespaces."""
    command = ["unshare", "--mount", "--map-root-user", "mount", "-t", "tmpfs", "tmpfs", "/mnt"]
    if not shutil.which("unshare") or subprocess.run(command, capture_output=True).returncode:
        pytest.skip("no mount namespaces here")


def test_a_module_larger_than_a_file_may_be_is_named_and_the_other_is_written(project: Path) -> None:
    before = held(project / "generated")
    script = "import resource, sys; resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))\n"
    done = python(script + "from archspec.cli import main; sys.exit(main(['generate', 'specs']))", project)
    assert_one_was_written(done, before, held(project / "generated"), "file too large")


def assert_one_was_written(
    done: subprocess.CompletedProcess[str], before: dict[str, str], after: dict[str, str], reason: str
) -> None:
    assert (done.returncode, done.stdout) == (1, "wrote generated/a.py\n"), done.stderr
    assert f"generated/b.py:1:1: error[AS602]: the file cannot be written: {reason}" in done.stderr
    assert "Linear(3, 5)" in after["a.py"]
    assert after == before | {"a.py": after["a.py"]}


def test_a_full_disk_leaves_the_old_file_and_says_which(project: Path, namespaces: None) -> None:
    before = held(project / "generated")
    # Room for the two old modules and for one page more.
    size = sum(-(-len(text) // 4096) for text in before.values()) + 1
    prepare = f"cp -r generated kept; mount -t tmpfs -o size={4 * size}k tmpfs generated; cp kept/* generated"
    done = in_namespace(project, prepare)
    assert_one_was_written(done, before, held(project / "after"), "no space left on device")


def test_a_read_only_folder_is_left_as_it_was_and_named(project: Path, namespaces: None) -> None:
    before = held(project / "generated")
    done = in_namespace(project, "mount --bind generated generated; mount -o remount,bind,ro generated")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.count("error[AS602]: the file cannot be written: read-only file system") == 2
    assert held(project / "after") == before
