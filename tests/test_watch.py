"""`archspec watch` and `archspec explain --uses`."""

from __future__ import annotations

import argparse
import subprocess
import sys
import threading
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest

import archspec
from archspec.cli import main
from archspec.cli.commands.watch import follow

ROOT = Path(__file__).parent.parent
BLOCKS = "blocks: {Block: {inputs: {x: [N, C]}, layers: {act: ReLU}}}\n"
NET = "imports: {Block: ./blocks.yaml}\ninputs: {x: [N, 4]}\nlayers: {a: Block}\n"


def test_every_save_is_checked_generated_and_drawn(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    net, blocks = Path("net.yaml"), Path("blocks.yaml")
    net.write_text("inputs: {x: [N, 4]}\nlayers: {a: ReLU}\n")
    blocks.write_text(BLOCKS)
    edits = [(net, NET), (blocks, BLOCKS.replace("ReLU", "Relu")), (blocks, BLOCKS.replace("ReLU", "GELU"))]
    watched, told = [], []

    def saves(paths: Iterable[str]) -> Iterator[object]:
        watched.append({Path(path).name for path in paths})
        while edits:
            told.append(capsys.readouterr())
            path, text = edits.pop(0)
            path.write_text(text)
            yield path

    options = argparse.Namespace(spec="net.yaml", diagram="net.mmd", no_generate=False, output=None, allow=[])
    follow(options, saves)
    told.append(capsys.readouterr())
    assert watched == [{"net.yaml"}, {"net.yaml", "blocks.yaml"}]
    assert "nothing wrong\nwrote generated/net.py\nwrote net.mmd\n" in told[0].out
    assert "wrote generated/net.py" in told[1].out
    assert "unknown layer `Relu`" in told[2].err
    assert "wrote" not in told[2].out
    assert "wrote generated/net.py" in told[3].out
    assert "GELU" in Path("generated/net.py").read_text()


@pytest.mark.slow
def test_watchfiles_says_what_was_saved(tmp_path: Path) -> None:
    """The command itself, in a process of its own: what is saved is checked anew."""
    pytest.importorskip("watchfiles")
    net = tmp_path / "net.yaml"
    net.write_text("inputs: {x: [N, 4]}\nlayers: {a: ReLU}\n")
    done = threading.Event()

    def save() -> None:
        while not done.wait(0.2):  # until it is noticed: nothing says when the watching has begun
            net.write_text("inputs: {x: [N, 4]}\nlayers: {a: Relu}\n")

    command = [sys.executable, "-u", "-m", "archspec", "watch", "net.yaml", "--no-generate"]
    with subprocess.Popen(
        command, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as running:
        assert running.stdout is not None
        assert "nothing wrong" in running.stdout.readline()
        saving = threading.Thread(target=save)
        saving.start()
        noticed = any("unknown layer" in line for line in running.stdout)
        done.set()
        saving.join()
        running.terminate()
    assert noticed


def test_uses_are_the_other_direction_of_explanations(capsys: pytest.CaptureFixture[str]) -> None:
    """Each reader takes what the step gives; all that is told to change is behind it, and nothing else is."""
    path = ROOT / "specs/vision/resnet.yaml"
    found = archspec.uses(path, "layer2.0.conv1")
    assert [one.path for one in found.readers] == ["layer2.0.bn1"]
    beside = ["layer2.0.bn1", "layer2.0.relu", "layer2.0.conv2"]
    assert list(found.dependents[:3]) == beside
    assert found.dependents[-5:] == ("layer3", "layer4", "avgpool", "flatten", "fc")
    assert not {"layer2.0", "layer2", "layer2.0.downsample", "layer1"} & set(found.dependents)
    assert found.as_dict()["count"] == found.count > 100
    assert main(["explain", str(path), "fc", "--uses"]) == 0
    assert "nothing reads fc" in capsys.readouterr().out
    assert main(["explain", str(path), "--uses"]) == 2
    with pytest.raises(ValueError, match="did you mean `fc`"):
        archspec.uses(path, "fcc")
