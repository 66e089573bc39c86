"""Pages in a real browser: Debian's chromium, headless, driven by selenium."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import dnnaccel as da
from dnnaccel._text import Column
from dnnaccel.report import html

webdriver = pytest.importorskip("selenium.webdriver")
from selenium.webdriver.common.by import By  # noqa: E402
from selenium.webdriver.common.keys import Keys  # noqa: E402

_CHROMIUM, _DRIVER = shutil.which("chromium"), shutil.which("chromedriver")

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(_CHROMIUM is None or _DRIVER is None, reason="needs chromium and chromium-driver"),
]

PHONE, DESKTOP = 360, 1280
HOSTILE = "<script>window.hacked = 1</script>\"'><img src=x onerror='window.hacked = 1'></script>"


class Browser:
    """A page of chromium that is as wide, and as light or dark, as a test asks."""

    def __init__(self) -> None:
        options = webdriver.ChromeOptions()
        options.binary_location = _CHROMIUM
        for argument in ("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"):
            options.add_argument(argument)
        options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
        self.driver = webdriver.Chrome(options=options, service=webdriver.ChromeService(_DRIVER))

    def open(self, path: Path, *, width: int = DESKTOP, dark: bool = False) -> None:
        size = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": width < 600}
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
        self.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [scheme]})
        self.driver.get(path.as_uri())

    def all(self, selector: str) -> list[Any]:
        found: list[Any] = self.driver.find_elements(By.CSS_SELECTOR, selector)
        return found

    def one(self, selector: str) -> Any:
        return self.driver.find_element(By.CSS_SELECTOR, selector)

    def run(self, script: str, *arguments: object) -> Any:
        return self.driver.execute_script(script, *arguments)

    def brightness(self) -> int:
        """Return how light the ground of the page is, from 0 to 255."""
        colour = self.run("return getComputedStyle(document.body).backgroundColor")
        return max(int(part) for part in colour.strip("rgb()").split(","))

    def point_at(self, element: Any) -> None:
        # The page hears of its scrolling a frame later, and hides the tooltip then.
        self.driver.execute_async_script(
            "arguments[0].scrollIntoView({block: 'center'});"
            "requestAnimationFrame(() => requestAnimationFrame(() => setTimeout(arguments[1])));",
            element,
        )
        webdriver.ActionChains(self.driver).move_to_element(element).perform()


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    browser = Browser()
    yield browser
    browser.driver.quit()


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("pages")
    eyeriss = da.arch.load("eyeriss")
    conv2 = da.zoo.load("alexnet")["conv2"]
    compared = da.compare("alexnet", eyeriss, ["ws", "os", "is", "rs", "nlr"])
    atlas = da.atlas(["lenet5", "alexnet"], ["eyeriss", "tpu_v1"], store=folder / "atlas.sqlite")
    made = {
        "atlas": atlas.to_html(),
        "report": da.simulate("resnet50", eyeriss).to_html(),
        "stalls": da.simulate("lenet5", eyeriss, fidelity="cycle").to_html(),
        "comparison": compared.to_html(),
        "layers": compared.layers().to_html(),
        "diff": da.diff(compared.rows[0].report, compared.rows[1].report).to_html(),
        "sweep": da.sweep("lenet5", eyeriss, {"pe_array.rows": [6, 8, 12]}).to_html(),
        "explanation": da.explain("alexnet", eyeriss).to_html(),
        "search": da.search(conv2, eyeriss, objective="pareto").to_html(),
        "systolic": da.systolic.simulate("lenet5", rows=16, cols=8).to_html(),
        "blocks": _every_block(),
    }
    for name, text in made.items():
        (folder / f"{name}.html").write_text(text, encoding="utf-8")
    return {name: folder / f"{name}.html" for name in made}


def _every_block() -> str:
    """Return a page with one of each block, and a hostile name wherever a name can stand."""
    points = [
        html.ScatterPoint(x, 10.0**x, f"{HOSTILE} {x}", note=HOSTILE, group=HOSTILE, link="#t", marked=x < 3)
        for x in range(1, 9)
    ]
    numbers = [("a", "3.2M"), ("b", "12.00 µJ"), ("c", "950"), ("d", "-"), ("e", "1.1G"), (HOSTILE, "40.00k")]
    columns = [
        Column("name", [*(name for name, _ in numbers), "total"], left=True),
        Column("size", [*(size for _, size in numbers), "9.999T"]),
        Column(HOSTILE, [HOSTILE] * 7, left=True),
    ]
    axes = {"x_label": HOSTILE, "y_label": "y"}
    return html.page(
        HOSTILE,
        [
            html.section(
                HOSTILE, html.details(HOSTILE, html.table(columns, total=True, searchable=True, anchor="t"))
            ),
            html.scatter(points, log_y=True, title=HOSTILE, **axes),
            html.lines({HOSTILE: [(1, 2), (2, 3)], "b": [(1, 1), (3, 9)]}, **axes),
            html.roofline(points, peak=1e8, slopes={HOSTILE: 1e6}, **axes),
            html.stacked_bars(
                [(HOSTILE, {HOSTILE: 1.0, "b": 2.0})], unit_text=str, title=HOSTILE, x_label=HOSTILE
            ),
            html.bump(["one", HOSTILE, "three"], {HOSTILE: [1, 2, 1], "b": [2, 1, None], "c": [3, 3, 2]}),
            html.heat_map([HOSTILE], [HOSTILE, "b"], [[1.0, None]], unit_text=str, title=HOSTILE),
            html.facts([(HOSTILE, HOSTILE)]),
            html.tiles([(HOSTILE, HOSTILE, HOSTILE)]),
            html.preformatted(HOSTILE),
            html.paragraph(HOSTILE),
        ],
        inputs={HOSTILE: HOSTILE, "long": f"{HOSTILE}\n" * 20, "data": [HOSTILE] * 20},
    )


KINDS = [
    "report",
    "stalls",
    "comparison",
    "layers",
    "diff",
    "sweep",
    "atlas",
    "explanation",
    "search",
    "systolic",
    "blocks",
]


@pytest.mark.parametrize("kind", KINDS)
def test_a_page_opens_without_an_error_and_loads_nothing(
    browser: Browser, pages: dict[str, Path], kind: str
) -> None:
    browser.open(pages[kind])
    assert browser.driver.get_log("browser") == []
    assert browser.run("return performance.getEntriesByType('resource').length") == 0
    assert browser.run("return window.hacked") is None
    ids = browser.run("return [...document.querySelectorAll('[id]')].map((one) => one.id)")
    assert len(ids) == len(set(ids))
    assert browser.one("h1").is_displayed()


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("width", [PHONE, DESKTOP])
def test_a_page_is_no_wider_than_the_screen(
    browser: Browser, pages: dict[str, Path], kind: str, width: int
) -> None:
    browser.open(pages[kind], width=width)
    browser.run("document.querySelectorAll('details').forEach((one) => { one.open = true; })")
    assert browser.run("return document.documentElement.scrollWidth") <= width
    assert browser.run("return innerWidth") == width


def test_the_policy_forbids_the_network_and_other_scripts(browser: Browser, pages: dict[str, Path]) -> None:
    browser.open(pages["blocks"])
    browser.run(
        "const script = document.createElement('script'); script.textContent = 'window.hacked = 1';"
        "document.body.append(script); const image = new Image();"
        "image.src = 'data:image/gif;base64,R0lGODlh';"
    )
    assert browser.run("return window.hacked") is None
    said = " ".join(entry["message"] for entry in browser.driver.get_log("browser"))
    assert "Content Security Policy" in said


def column(browser: Browser, index: int) -> list[str]:
    script = (
        "return [...document.querySelector('#t tbody').rows].map((row) => row.cells[arguments[0]].innerText)"
    )
    found: list[str] = browser.run(script, index)
    return found


def test_tables_sort_by_click_and_by_key(browser: Browser, pages: dict[str, Path]) -> None:
    browser.open(pages["blocks"])
    browser.run("document.querySelector('details').open = true")
    name, size = browser.all("#t thead button")[:2]
    before = column(browser, 0)
    up = ["12.00 µJ", "950", "40.00k", "3.2M", "1.1G", "-"]
    size.click()
    assert column(browser, 1) == up
    headers = browser.all("#t thead th")
    assert [header.get_attribute("aria-sort") for header in headers] == [None, "ascending", None]
    size.send_keys(Keys.ENTER)
    assert column(browser, 1) == [*reversed(up[:-1]), "-"]  # what does not apply stays last
    assert headers[1].get_attribute("aria-sort") == "descending"
    size.send_keys(Keys.SPACE)
    assert column(browser, 0) == before
    assert headers[1].get_attribute("aria-sort") is None
    name.click()
    assert column(browser, 0) == [HOSTILE, *"abcde"]
    assert browser.one("#t tfoot").text.startswith("total")


def test_a_search_keeps_the_rows_that_have_all_its_words(browser: Browser, pages: dict[str, Path]) -> None:
    browser.open(pages["report"])
    box = browser.one(".search input")
    box.send_keys("CONV2D conv3_1")
    shown = browser.run(
        "return [...document.querySelector('table.sortable tbody').rows].filter((row) => !row.hidden)"
        ".map((row) => row.cells[0].innerText)"
    )
    names = [
        layer.name for layer in da.zoo.load("resnet50") if layer.kind == "conv2d" and "conv3_1" in layer.name
    ]
    assert shown == names
    assert len(names) > 1
    assert browser.one(".found").text == f"{len(names)} of {len(da.zoo.load('resnet50'))} rows"


def test_hovering_a_mark_shows_what_it_is(browser: Browser, pages: dict[str, Path]) -> None:
    browser.open(pages["report"])
    tip = browser.one(".tip")
    assert not tip.is_displayed()
    bar = browser.one(".bar .mark")
    said = browser.run("return arguments[0].querySelector('title').textContent", bar)
    browser.point_at(bar)
    assert tip.is_displayed()
    assert tip.text == said
    assert said.startswith("conv1\ndram: ")
    point = browser.all(".plot .mark")[-1]
    browser.point_at(point)
    assert "MACs/B" in tip.text
    browser.point_at(browser.one("h1"))
    assert not tip.is_displayed()


def test_marks_are_reached_by_the_keyboard(browser: Browser, pages: dict[str, Path]) -> None:
    browser.open(pages["report"])
    first, second = browser.all(".bar .mark")[:2]
    assert first.get_attribute("tabindex") == "0"
    assert second.get_attribute("tabindex") == "-1"
    browser.run("arguments[0].focus()", first)
    assert browser.one(".tip").text == first.get_attribute("aria-label")
    webdriver.ActionChains(browser.driver).send_keys(Keys.ARROW_RIGHT).perform()
    assert browser.driver.switch_to.active_element == second
    assert browser.one(".tip").text == second.get_attribute("aria-label") != first.get_attribute("aria-label")
    webdriver.ActionChains(browser.driver).send_keys(Keys.ESCAPE).perform()
    assert not browser.one(".tip").is_displayed()


@pytest.mark.parametrize("width", [PHONE, DESKTOP])
def test_charts_are_there_and_inside_their_frames(
    browser: Browser, pages: dict[str, Path], width: int
) -> None:
    browser.open(pages["report"], width=width)
    charts = browser.run(
        "return [...document.querySelectorAll('.chart')].map((chart) => { const box = "
        "chart.getBoundingClientRect();"
        " return [chart.querySelectorAll('.mark').length, box.width, box.height]; })"
    )
    memories = len(da.arch.load("eyeriss").memories)
    assert len(charts) == 2 + 1 + memories + 1  # energy twice, time, a roofline for each memory, utilisation
    for marks, wide, high in charts:
        assert marks > 5
        assert wide > 250
        assert high > 100
    outside = browser.run(
        "return [...document.querySelectorAll('.plot')].flatMap((plot) => {"
        " const frame = plot.getBoundingClientRect();"
        " const boxes = [...plot.querySelectorAll('.mark')].map((mark) => mark.getBoundingClientRect());"
        " return boxes.filter((box) =>"
        "  box.left + box.width / 2 < frame.left - 1 || box.right - box.width / 2 > frame.right + 1 ||"
        "  box.top + box.height / 2 < frame.top - 1 || box.bottom - box.height / 2 > frame.bottom + 1); })"
    )
    assert outside == []


def test_a_page_is_light_or_dark_as_the_system_or_the_button_says(
    browser: Browser, pages: dict[str, Path]
) -> None:
    for dark in (False, True):
        browser.open(pages["report"], dark=dark)
        assert (browser.brightness() < 64) is dark
        button = browser.one(".theme")
        assert button.text == ("Light" if dark else "Dark")
        button.click()
        assert (browser.brightness() < 64) is not dark
        assert button.text == ("Dark" if dark else "Light")


def test_a_layer_of_the_table_opens_its_mapping(browser: Browser, pages: dict[str, Path]) -> None:
    browser.open(pages["report"])
    link = browser.one("table.sortable tbody a")
    target = browser.one("#layer-0")
    for _ in range(2):
        browser.run("arguments[0].open = false; arguments[1].scrollIntoView({block: 'center'})", target, link)
        link.click()
        assert target.get_attribute("open") is not None
    assert target.find_element(By.TAG_NAME, "pre").text.startswith("conv1 on eyeriss")


def test_ranks_bring_out_the_one_that_is_pointed_at(browser: Browser, pages: dict[str, Path]) -> None:
    browser.open(pages["blocks"])
    first, second = browser.all(".rank")[:2]
    browser.point_at(second.find_element(By.TAG_NAME, "circle"))
    opacity = "return getComputedStyle(arguments[0]).opacity"
    assert float(browser.run(opacity, second)) == 1
    assert float(browser.run(opacity, first)) < 0.5
    assert browser.one(".tip").text.startswith("b\n")


def test_embedded_inputs_are_the_inputs(browser: Browser, pages: dict[str, Path]) -> None:
    browser.open(pages["blocks"])
    data = json.loads(browser.run("return document.getElementById('dnnaccel-inputs').textContent"))
    assert data[HOSTILE] == HOSTILE
    assert data["data"] == [HOSTILE] * 20


def test_notebooks_show_two_results_on_their_own_ground(browser: Browser, tmp_path: Path) -> None:
    report = da.simulate("lenet5", "eyeriss")
    shown = (
        report._repr_html_() * 2 + da.zoo.load("lenet5")._repr_html_() + da.arch.load("eyeriss")._repr_html_()
    )
    page = tmp_path / "notebook.html"
    page.write_text(
        '<!DOCTYPE html><meta charset="utf-8"><meta name="viewport" content="width=device-width">'
        f'<body style="background: #111; color: #ddd">'
        f'<p id="outside">before</p>{shown}</body>',
        encoding="utf-8",
    )
    browser.open(page, width=PHONE)
    assert browser.driver.get_log("browser") == []
    colours = browser.run(
        "return [...document.querySelectorAll('.dnnaccel td, .dnnaccel pre, .dnnaccel p, #outside')]"
        ".map((one) => getComputedStyle(one).color)"
    )
    assert set(colours) == {"rgb(221, 221, 221)"}
    assert browser.run("return document.querySelectorAll('.dnnaccel [id]').length") == 0
    assert browser.run("return document.documentElement.scrollWidth") <= PHONE
