"""`archspec serve`: the page that follows a file, and who is refused."""

from __future__ import annotations

import asyncio
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from html import unescape
from pathlib import Path
from typing import Any

import pytest
from test_diagram import HOSTILE

import archspec.live
from archspec.cli import main
from archspec.live.state import Live
from archspec.views.diagram import following_page
from archspec.views.diagram.following import Following

pytest.importorskip("graphlay")
testing = pytest.importorskip("starlette.testclient", reason="starlette is not installed: pip install '.[serve]'")
pytest.importorskip("uvicorn")
pytest.importorskip("httpx2", reason="the client of starlette's tests is not installed")

NET = "inputs: {x: [N, 4]}\nlayers:\n  first: {Linear: 8}\n  last: {Linear: 2}\n"
OWN = "http://127.0.0.1:8000"

GUARDED = """
import os, sys
REFUSED = "subprocess.Popen os.system os.exec os.posix_spawn os.fork socket.connect os.remove os.mkdir os.rename"
def audit(event, arguments):
    writes = event == "open" and isinstance(arguments[2], int) and arguments[2] & (os.O_WRONLY | os.O_RDWR | os.O_CREAT)
    elsewhere = event == "socket.bind" and arguments[1][0] != "127.0.0.1"
    if event in REFUSED.split() or elsewhere or (writes and not isinstance(arguments[0], int)):
        os.write(2, f"{event} {arguments!r}".encode())
        os._exit(70)
sys.dont_write_bytecode = True
sys.addaudithook(audit)
from archspec.cli import main
sys.exit(main(["serve", sys.argv[1]]))
"""


@pytest.fixture
def net(tmp_path: Path) -> Path:
    path = tmp_path / "net.yaml"
    path.write_text(NET)
    return path


@pytest.fixture
def client(net: Path) -> Iterator[Any]:
    from archspec.live.server import LivePage, application

    app = application(LivePage(Live(str(net))), "secret", 8000)
    with testing.TestClient(app, base_url=OWN) as made:
        yield made


def page(client: Any) -> str:
    answer = client.get("/?token=secret")
    assert answer.status_code == 200
    return str(answer.text)


def test_the_page_is_of_the_file_as_it_is_now(client: Any, net: Path) -> None:
    text = page(client)
    assert 'data-row="last"' in text
    assert "<td>last</td>" in text, "the table"
    assert 'first: {Linear: 8}<span class="note">[N, 8]</span>' in text
    assert "nn.Linear(8, 2)" in text, "the source"
    assert "Nothing wrong" in text
    assert page(client) == text
    net.write_text(NET.replace("Linear: 8", "Linear: 16"))
    text = page(client)
    assert "nn.Linear(16, 2)" in text
    assert "[N, 16]" in text


def test_while_the_text_has_errors_the_picture_stays(client: Any, net: Path) -> None:
    net.write_text(NET.replace("last: {Linear: 2}", "last: {Linaer: 2"))
    text = page(client)
    assert 'data-row="' not in text, "there has been no picture yet"
    assert "AS1" in text
    net.write_text(NET)
    page(client)
    net.write_text(NET.replace("Linear: 2", "Linaer: 2"))
    text = page(client)
    assert 'data-row="last"' in text
    assert "as it was before" in text
    assert re.search(r'<li class="error" data-place="3" tabindex="0">4:10 AS401 unknown layer', text)
    assert 'class="error">  last: {Linaer: 2}' in text
    assert '<span class="note">~ [N, 2]</span>' in text
    net.unlink()
    assert "no such file" in page(client)


def test_files_that_it_imports_are_followed(client: Any, net: Path) -> None:
    blocks = net.with_name("blocks.yaml")
    blocks.write_text("blocks: {Block: {inputs: {x: [N, C]}, layers: {act: ReLU, fc: {Linear: 3}}}}\n")
    net.write_text("imports: {Block: ./blocks.yaml}\ninputs: {x: [N, 4]}\nlayers: {a: Block, b: {Linear: 2}}\n")
    assert "nn.ReLU" in page(client)
    blocks.write_text(blocks.read_text().replace("ReLU", "SiLU"))
    assert "nn.SiLU" in page(client)


@pytest.mark.parametrize("path", ["/", "/events", "/anything"])
def test_only_the_page_itself_is_answered(client: Any, path: str) -> None:
    def refused(query: str = "?token=secret", **headers: str) -> str:
        answer = client.get(f"{path}{query}", headers={name.replace("_", "-"): text for name, text in headers.items()})
        assert answer.status_code == 403
        assert "Linear" not in answer.text
        return str(answer.text)

    assert "token" in refused("")
    assert "token" in refused("?token=wrong")
    assert "token" in refused("?token=secre%C3%A9%00")
    assert "host" in refused(host="attacker.example:8000")
    assert "host" in refused(host="127.0.0.1:8001")
    assert "host" in refused(host="")
    assert "origin" in refused(origin="https://attacker.example")
    assert "origin" in refused(origin="http://127.0.0.1:8001")
    assert "origin" in refused(origin="null")
    assert "origin" in refused(sec_fetch_site="cross-site", sec_fetch_mode="no-cors")
    assert "origin" in refused(sec_fetch_site="same-site", sec_fetch_mode="cors")


def test_what_is_answered_is_sealed(client: Any) -> None:
    answer = client.get("/?token=secret", headers={"origin": OWN, "host": "localhost:8000"})
    assert answer.status_code == 403, "the host of the address and the origin are one"
    answer = client.get("/?token=secret", headers={"origin": OWN})
    assert answer.status_code == 200
    assert answer.headers["content-security-policy"] == "frame-ancestors 'none'"
    assert answer.headers["referrer-policy"] == "no-referrer"
    assert answer.headers["cache-control"] == "no-store"
    policy = re.search(r'http-equiv="Content-Security-Policy" content="([^"]+)"', answer.text)
    assert policy is not None
    assert policy[1].startswith("default-src 'none'; script-src 'sha256-")
    assert "connect-src 'self'" in policy[1]
    assert client.post("/?token=secret").status_code == 405
    assert client.get("/net.yaml?token=secret").status_code == 404


def test_a_change_is_told_to_those_who_wait(net: Path) -> None:
    from archspec.live.server import LivePage

    async def follow() -> list[str]:
        site = LivePage(Live(str(net)))
        await site.look()
        stream = site.versions()
        told = [await anext(stream)]
        waiting = asyncio.ensure_future(anext(stream))
        await site.look()
        assert not waiting.done(), "nothing has changed"
        net.write_text(NET.replace("8", "16"))
        await site.look()
        told.append(await waiting)
        await stream.aclose()
        return told

    assert asyncio.run(follow()) == ["data: 1\n\n", "data: 2\n\n"]


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_text_stays_text(text: str, tmp_path: Path) -> None:
    path = tmp_path / "net.yaml"
    path.write_bytes(f"doc: x\n{text}\n{NET}".encode("utf-8", "surrogatepass"))
    live = Live(str(path))
    live.look()
    made = live.page()
    plain = following_page(None, {"net.yaml": "x"}, Following("1"))
    tags = re.compile(r"<(/?\w+|!--)")
    assert set(tags.findall(made)) <= {*tags.findall(plain), "p", "li", "br", "/li", "span", "/span"}
    assert "<script>alert" not in unescape(made.partition("<aside>")[0])
    assert made.count("<script") == plain.count("<script")


def test_what_cannot_be_served_is_refused(
    net: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for arguments in (["-"], [str(tmp_path)], [str(net), "--port", "70000"]):
        assert main(["serve", *arguments]) == 2
    monkeypatch.setitem(sys.modules, "uvicorn", None)
    monkeypatch.delitem(sys.modules, "archspec.live.server", raising=False)
    monkeypatch.delattr(archspec.live, "server", raising=False)
    assert main(["serve", str(net)]) == 2
    assert "pip install 'archspec-nn[serve]'" in capsys.readouterr().err


CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)


@pytest.mark.slow
@pytest.mark.skipif(CHROMIUM is None, reason="no Chromium is installed: apt-get install chromium")
def test_a_browser_follows_the_file(net: Path) -> None:
    """The command in a process that may not write, start another one or connect; the page in Chromium."""
    playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    command = [sys.executable, "-c", GUARDED, str(net)]
    with (
        subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as serving,
        playwright.sync_playwright() as started,
    ):
        assert serving.stdout is not None
        address = serving.stdout.readline().rpartition(": ")[2].strip()
        browser = started.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        shown = browser.new_page()
        heard: list[str] = []
        asked: set[str] = set()
        shown.on("console", lambda message: heard.append(message.text))
        shown.on("pageerror", lambda error: heard.append(str(error)))
        shown.on("request", lambda request: asked.add(request.url.partition("?")[0]))
        net.write_text(NET.replace("Linear: 8", "Linaer: 8"))
        shown.goto(address)
        shown.get_by_text("unknown layer").wait_for()
        for text, seen in (
            (
                f"{NET}blocks:\n  Block: {{inputs: {{x: [N, C]}}, layers: [ReLU]}}\n".replace(
                    "last: ", "b: Block\n  last: "
                ),
                "b",
            ),
            (NET.replace("last", "final"), "final"),
        ):
            net.write_text(text)
            shown.locator(f'.row[data-row="{seen}"]:visible').first.wait_for()
        shown.locator('.row[data-row="final"]:visible').click()
        shown.locator("#theme").click()
        theme = shown.locator("html").get_attribute("data-theme")
        net.write_text(NET.replace("last", "final").replace("8", "77"))
        shown.locator("#spec .on", has_text="final").wait_for()
        shown.locator("#table", has_text="77").wait_for()
        assert shown.locator('.row.on[data-row="final"]').count() > 0, "what was selected still is"
        assert shown.locator("html").get_attribute("data-theme") == theme
        net.write_text(NET.replace("Linear: 2", "Linear: ["))
        shown.locator("#note").wait_for()
        shown.screenshot(path=str(net.with_suffix(".png")))
        root = address.partition("?")[0]
        assert asked == {root, f"{root}events"}
        assert heard == []
        browser.close()
        assert serving.poll() is None
        serving.terminate()
        assert serving.wait(600) != 70
