"""The pages of the chips: as their YAML files say, one for each, with a picture that is well-formed."""

from __future__ import annotations

import json
import runpy
import sys
import xml.etree.ElementTree as ElementTree
from pathlib import Path
from typing import Any

import pytest

import presets
from dnnaccel import arch

PAGES = Path(__file__).parents[2] / "docs" / "chips"


@pytest.fixture(scope="module")
def generator() -> dict[str, Any]:
    """What docs/chips/generate.py defines."""
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(PAGES))
        found = runpy.run_path(str(PAGES / "generate.py"), run_name="generator")
    sys.modules.pop("picture", None)
    return found


def test_pages_are_as_generated(generator: dict[str, Any]) -> None:
    figures = json.loads((PAGES / "figures.json").read_text(encoding="utf-8"))
    made = generator["files"](figures)
    kept = {path.name for path in PAGES.iterdir() if path.suffix in (".md", ".svg")}
    assert kept == set(made)
    stale = [name for name, text in made.items() if (PAGES / name).read_text(encoding="utf-8") != text]
    assert not stale, "python docs/chips/generate.py writes them anew"


def test_every_chip_has_a_page_and_a_picture_of_all_its_levels() -> None:
    for name in set(arch.names()) - {"example"}:
        page = (PAGES / f"{name}.md").read_text(encoding="utf-8")
        assert f"({name}.svg)" in page
        root = ElementTree.fromstring((PAGES / f"{name}.svg").read_text(encoding="utf-8"))
        words = {element.text or "" for element in root.iter("{http://www.w3.org/2000/svg}text")}
        if name == arch.HOST:
            continue
        for level in arch.load(name).levels:
            assert any(word.split(":")[0] == level.name for word in words), (name, level.name)
            assert f"| {level.name} |" in page


def test_nothing_is_drawn_outside_the_picture() -> None:
    for path in PAGES.glob("*.svg"):
        root = ElementTree.fromstring(path.read_text(encoding="utf-8"))
        width, height = float(root.attrib["width"]), float(root.attrib["height"])
        for element in root.iter():
            if element.tag.endswith("rect"):
                right = float(element.get("x", 0)) + float(element.attrib["width"])
                bottom = float(element.get("y", 0)) + float(element.attrib["height"])
                assert right <= width, path.name
                assert bottom <= height, path.name
            if element.tag.endswith("text"):
                # No letter is wider than 0.62 of its height on average.
                size = float(element.attrib["font-size"])
                long = 0.62 * size * len(element.text or "")
                assert float(element.attrib["x"]) + long <= width + 20, (path.name, element.text)


def test_every_published_figure_stands_on_its_page(generator: dict[str, Any]) -> None:
    for name, entries in generator["published"]().items():
        page = (PAGES / f"{name}.md").read_text(encoding="utf-8")
        for entry in entries:
            assert f"| {entry['what']} | {entry['published']:g} (" in page


# A few: all would take CI some ten minutes. `docs/chips/generate.py --simulate` makes them all anew.
@pytest.mark.slow
@pytest.mark.parametrize("name", sorted(set(presets.QUICK) - {"example"}))
def test_figures_are_what_simulation_gives(name: str, generator: dict[str, Any]) -> None:
    figures = json.loads((PAGES / "figures.json").read_text(encoding="utf-8"))
    assert generator["simulated"](name) == figures[name], "python docs/chips/generate.py --simulate"
