"""The HTML page of a drawing, used as a reader uses it, in a real browser: Chromium, where it is installed."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from test_diagram import HOSTILE, SPECS, hostile, written

import archspec

playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(CHROMIUM is None, reason="no Chromium is installed: apt-get install chromium"),
]

ROOT = Path(__file__).parent.parent
LARGEST = "densenet"  # of the pages of the specs that ship


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with playwright.sync_playwright() as started:
        # Without a sandbox: it is our own page, and containers allow none.
        running = started.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"], timeout=0)
        yield running
        running.close()


@pytest.fixture
def visit(browser: Any, tmp_path: Path) -> Iterator[Callable[..., Any]]:
    """Opens a page's text; at the end, it has logged nothing and asked for nothing but itself."""
    visited = []

    def open_page(text: str, **options: Any) -> Any:
        file = tmp_path / f"page{len(visited)}.html"
        file.write_text(text, "utf-8")
        page = browser.new_page(viewport={"width": 1400, "height": 900}, **options)
        page.set_default_timeout(0)  # a loaded machine may take as long as it likes
        heard: list[str] = []
        page.on("console", lambda message: heard.append(message.text))
        page.on("pageerror", lambda error: heard.append(str(error)))
        page.on("dialog", lambda dialog: (heard.append(dialog.message), dialog.dismiss()))
        page.on("request", lambda request: heard.append(request.url))
        visited.append((page, file, heard))
        page.goto(file.as_uri())
        return page

    yield open_page
    for page, file, heard in visited:
        assert set(heard) == {file.as_uri()}
        page.close()


def page_of(name: str, **options: Any) -> str:
    return archspec.diagram(next(path for path in SPECS if path.stem == name), format="html", **options)


def row(page: Any, path: str) -> Any:
    """The step of that path, as it is seen now."""
    return page.locator(f'.row[data-row="{path}"]:visible')


def marked(page: Any, pane: str) -> list[str]:
    return [text.strip() for text in page.locator(f"#{pane} .on").all_inner_texts()]


def test_blocks_open_and_close(visit: Callable[..., Any]) -> None:
    page = visit(page_of("resnet", depth=0))
    assert row(page, "layer1.0").count() == 0
    assert row(page, "layer1").get_attribute("aria-expanded") == "false"
    below = row(page, "fc").bounding_box()["y"]
    row(page, "layer1").click()
    row(page, "layer1.0").click()
    assert row(page, "layer1").get_attribute("aria-expanded") == "true"
    assert row(page, "layer1.0.downsample.1").count() == 0
    row(page, "layer1.0.downsample").click()
    assert row(page, "layer1.0.downsample.1").is_visible()
    assert_nothing_overlaps(page)
    row(page, "layer1").click(position={"x": 30, "y": 15})
    assert row(page, "layer1.0").count() == 0
    page.locator("#picture").evaluate("element => element.scrollTo(0, 0)")
    assert row(page, "fc").bounding_box()["y"] == pytest.approx(below, abs=1)


@pytest.mark.parametrize("name", ["yolov8", "diffusion_unet", "transformer", "perceiver", "convnext"])
def test_whatever_is_open_nothing_overlaps(name: str, visit: Callable[..., Any]) -> None:
    page = visit(page_of(name, depth=0))
    for key in ("o", "c"):
        page.keyboard.press(key)
        assert_nothing_overlaps(page)
    for block in page.locator(".row[aria-expanded]:visible").all()[::2]:
        block.dispatch_event("click")
    assert_nothing_overlaps(page)


def assert_nothing_overlaps(page: Any) -> None:
    """Of the boxes of a scene no two meet, each is within the frame around it, and holds its text."""
    assert (
        page.evaluate(
            """() => {
            const wrong = [];
            const all = [...document.querySelectorAll("#picture .box")];
            const visible = all.filter((box) => box.getClientRects().length);
            const bounds = new Map(visible.map((box) => {
                const shape = box.querySelector(":scope > g:not([display=none]) > .row > :is(rect, circle)");
                const rows = box.querySelectorAll(":scope > .closed:not([display=none]) > .row > :is(rect, circle)");
                const last = ([...rows].at(-1) ?? shape).getBoundingClientRect();
                const { left, top, right } = shape.getBoundingClientRect();
                return [box, { left, top, right, bottom: last.bottom }];
            }));
            const name = (box) => box.dataset.box;
            for (const [a, one] of bounds) {
                for (const [b, two] of bounds) {
                    const apart = one.right <= two.left + 0.5 || two.right <= one.left + 0.5
                        || one.bottom <= two.top + 0.5 || two.bottom <= one.top + 0.5;
                    if (a !== b && a.parentElement === b.parentElement && !apart) wrong.push([name(a), name(b)]);
                }
                const around = bounds.get(a.parentElement.closest(".box"));
                if (around && (one.left < around.left || one.right > around.right
                    || one.top < around.top || one.bottom > around.bottom + 4)) wrong.push([name(a), "frame"]);
                for (const text of a.querySelectorAll(":scope > g:not([display=none]) > .row > text")) {
                    const { left, right } = text.getBoundingClientRect();
                    if (left < one.left || right > one.right) wrong.push([name(a), text.textContent]);
                }
            }
            return wrong;
        }"""
        )
        == []
    )


def test_a_line_and_a_step_lead_to_one_another(visit: Callable[..., Any]) -> None:
    page = visit(page_of("tinyvgg", depth=0))
    page.locator("#spec .code div", has_text="Linear: output_shape").click()
    assert row(page, "classifier.1").is_visible()  # its block was opened
    assert row(page, "classifier.1").get_attribute("aria-selected") == "true"
    assert row(page, "classifier.1").bounding_box()["y"] < 900
    assert marked(page, "source") == [
        "nn.Linear(hidden_units * 7 * 7, output_shape),",
        "return self.classifier(x)",
    ]
    page.locator("#source .code div", has_text="self.block_2 = nn.Sequential(").click()
    assert marked(page, "spec")[0] == "block_2:"
    row(page, "block_2").click()
    row(page, "block_2.4").click()
    assert marked(page, "spec") == ["- MaxPool2d: 2"]
    for pane in ("spec", "source"):
        assert is_in_view(page, pane)
    assert "[N, hidden_units, 7, 7]" in page.locator("#about").inner_text()


def is_in_view(page: Any, pane: str) -> bool:
    """Whether the first marked line can be seen without scrolling."""
    line, frame = (page.locator(f"#{pane} {one}").first.bounding_box() for one in (".on", ".code"))
    return bool(frame["y"] <= line["y"] and line["y"] + line["height"] <= frame["y"] + frame["height"])


def test_the_pointer_shows_shapes_formula_and_parameters(visit: Callable[..., Any]) -> None:
    page = visit(page_of("tinyvgg"))
    assert page.locator("#hover").is_hidden()
    row(page, "classifier.1").scroll_into_view_if_needed()
    row(page, "classifier.1").hover()
    told = page.locator("#hover").inner_text()
    for text in ("classifier.1", "[N, 490]", "[N, 10]", "[N, output_shape]", "490 = hidden_units * 7 * 7", "4,910"):
        assert text in told


def test_searching_leads_through_all_that_fits(visit: Callable[..., Any]) -> None:
    page = visit(page_of("gpt2", depth=0))
    page.keyboard.press("/")
    page.keyboard.type("layernorm")
    assert page.locator("#found").inner_text() == "3 found"
    found = []
    for _ in range(4):
        page.keyboard.press("Enter")
        found.append(page.locator('.row[aria-selected="true"]:visible').get_attribute("data-row"))
    assert found == [f"transformer.{step}" for step in ("h.0.ln_1", "h.0.ln_2", "ln_f", "h.0.ln_1")]
    assert page.locator("#found").inner_text() == "1 of 3"
    page.keyboard.press("Escape")
    assert page.locator("#search").input_value() == ""


def test_everything_can_be_done_with_the_keyboard(visit: Callable[..., Any]) -> None:
    page = visit(page_of("tinyvgg", depth=0))

    def press(*keys: str) -> str:
        for key in keys:
            page.keyboard.press(key)
        return str(page.evaluate("document.activeElement.dataset.row"))

    row(page, "in:x").focus()
    assert press("ArrowDown") == "block_1"
    assert press("ArrowRight") == "block_1"
    assert row(page, "block_1").get_attribute("aria-expanded") == "true"
    assert press("ArrowRight", "ArrowDown") == "block_1.0"
    assert marked(page, "spec") == ["- Conv2d: {out_channels: hidden_units, kernel_size: 3, padding: 1}"]
    assert press("ArrowLeft", "ArrowLeft") == "block_1"
    assert row(page, "block_1.0").count() == 0
    assert press("Enter", "End") == "out:output"
    assert press("Home") == "in:x"
    page.locator("#spec .code").focus()
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowDown")
    assert page.locator('.row[aria-selected="true"]:visible').get_attribute("data-row") == "block_1"


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_page_is_light_or_dark_as_the_system_is_and_as_one_likes(scheme: str, visit: Callable[..., Any]) -> None:
    page = visit(page_of("tinyvgg"), color_scheme=scheme)
    grounds = {"light": "rgb(255, 255, 255)", "dark": "rgb(13, 17, 23)"}
    other = "dark" if scheme == "light" else "light"

    def ground() -> Any:
        return page.evaluate("getComputedStyle(document.body).backgroundColor")

    assert ground() == grounds[scheme]
    page.keyboard.press("t")
    assert ground() == grounds[other]
    fill = "getComputedStyle(document.querySelector('.f-convolution')).fill"
    assert page.evaluate(fill) == {"light": "rgb(219, 234, 254)", "dark": "rgb(22, 48, 90)"}[other]
    assert visit(page_of("tinyvgg", theme=other), color_scheme=scheme).evaluate(fill) == page.evaluate(fill)


def test_a_small_screen_sees_the_picture_smaller(visit: Callable[..., Any]) -> None:
    page = visit(page_of("gpt2"))
    page.set_viewport_size({"width": 300, "height": 900})
    page.reload()

    def width() -> float:
        return float(page.locator("#picture svg").bounding_box()["width"])

    small = width()
    page.locator("#larger").click()
    assert width() == pytest.approx(small * 1.25)
    page.keyboard.press("0")
    assert width() > small * 1.5


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_text_does_nothing_in_a_browser(text: str, visit: Callable[..., Any]) -> None:
    texts = written(hostile(text), text)
    page = visit(texts["html"])
    assert page.locator("#picture .row").count() > 0
    visit(texts["svg"].replace("<svg", "<!doctype html><svg", 1))


def test_what_opens_on_the_largest_page_is_little_work(visit: Callable[..., Any]) -> None:
    sizes = {path.stem: len(page_of(path.stem)) for path in SPECS if path.stem in (LARGEST, "convnext", "efficientnet")}
    assert max(sizes, key=lambda name: sizes[name]) == LARGEST
    page = visit(page_of(LARGEST))
    change = """() => {
        const set = Element.prototype.setAttribute;
        let writes = 0;
        Element.prototype.setAttribute = function (...values) { writes += 1; return set.apply(this, values); };
        document.getElementById("open").click();
        Element.prototype.setAttribute = set;
        return writes / document.querySelectorAll("#picture *").length;
    }"""
    assert 0 < page.evaluate(change) < 4  # each element is written a few times, whatever opens
