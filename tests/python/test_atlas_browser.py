"""The atlas' page in a real browser: it draws what the atlas found, follows the chosen chip, opens layers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from test_page_browser import DESKTOP, PHONE, Browser, browser, pytestmark

import dnnaccel as da
from dnnaccel.atlas import Atlas

__all__ = ["browser", "pytestmark"]  # a fixture and marks, shared

NETS = ["lenet5", "alexnet", "squeezenet_v1_1", "mobilenet_v2"]
CHIPS = ["eyeriss", "eyeriss_isca16_ws", "tpu_v1"]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Atlas, Path]:
    folder = tmp_path_factory.mktemp("atlas")
    found = da.atlas(NETS, CHIPS, store=folder / "a.sqlite")
    found.save(folder / "atlas.html")
    return found, folder / "atlas.html"


def faults(browser: Browser) -> list[Any]:
    return [entry for entry in browser.driver.get_log("browser") if entry["level"] != "INFO"]


def test_the_page_draws_the_atlas(browser: Browser, made: tuple[Atlas, Path]) -> None:
    found, path = made
    browser.open(path)
    assert len(browser.all("#atlas-accuracy .mark")) == 4 * 3
    assert len(browser.all("#atlas-cost .mark")) == 2 * 3
    for index, chip in enumerate(CHIPS):
        browser.run(
            "const box = document.getElementById('atlas-chip'); box.value = arguments[0];"
            "box.dispatchEvent(new Event('change'))",
            str(index),
        )
        assert browser.one("#atlas-said").text.startswith(f"{chip}: ")
        ranks = found.ranks(chip, "ImageNet")
        for mark in browser.all("#atlas-bump .mark"):
            name, shown = mark.get_attribute("aria-label").split("\n")
            words = {"weights": "weights", "MACs": "macs", "energy": "energy", "latency": "latency"}
            expected = ", ".join(f"{word}: {ranks[key][name]:.0f}" for word, key in words.items())
            assert shown == expected
    assert faults(browser) == []


def test_a_place_in_the_page_opens_its_layers(browser: Browser, made: tuple[Atlas, Path]) -> None:
    found, path = made
    browser.open(path)
    row = found["mobilenet_v2", "tpu_v1"]
    browser.run("location.hash = 'mobilenet_v2@tpu_v1'")
    dialog = browser.one("#atlas-layers")
    webdriver_wait(browser, lambda: dialog.is_displayed())
    assert len(browser.all("#atlas-inside tbody tr")) == len(row.layers)
    assert "MobileNet" in browser.one("#atlas-inside h2").text
    browser.one("#atlas-close").click()
    assert not dialog.is_displayed()
    assert browser.run("return location.hash") == ""
    box = browser.one(".atlas-rows input")
    box.send_keys("mobilenet tpu")
    shown = [one for one in browser.all(".atlas-rows tbody tr") if one.is_displayed()]
    assert len(shown) == 1
    shown[0].find_element("css selector", "a").click()
    webdriver_wait(browser, lambda: dialog.is_displayed())
    assert faults(browser) == []


@pytest.mark.parametrize("width", [PHONE, DESKTOP])
@pytest.mark.parametrize("dark", [False, True])
def test_the_page_fits(width: int, dark: bool, browser: Browser, made: tuple[Atlas, Path]) -> None:
    browser.open(made[1], width=width, dark=dark)
    assert browser.run("return document.documentElement.scrollWidth") <= width
    assert (browser.brightness() < 128) == dark


def webdriver_wait(browser: Browser, told: Any) -> None:
    from selenium.webdriver.support.ui import WebDriverWait

    WebDriverWait(browser.driver, 10).until(lambda _: told())
