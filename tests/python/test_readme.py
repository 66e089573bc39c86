"""README and docs: every block runs, every output is what a run prints, every link leads somewhere."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGES = ["README.md", *sorted(str(page.relative_to(ROOT)) for page in (ROOT / "docs").glob("*.md"))]
README = (ROOT / "README.md").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    "page", [pytest.param(page, marks=pytest.mark.slow) if page == "README.md" else page for page in PAGES]
)
def test_page_is_what_a_run_prints(page: str) -> None:
    done = subprocess.run(
        [sys.executable, str(ROOT / "docs" / "generate.py"), "--check", page],
        env=os.environ | {"PYTHONIOENCODING": "utf-8"},
        capture_output=True,
        text=True,
        encoding="utf-8",
    )
    assert done.returncode == 0, (
        f"run python docs/generate.py {page}, and read the difference\n{done.stdout}{done.stderr}"
    )


def test_generator_notices_a_page_that_is_out_of_date(tmp_path: Path) -> None:
    (tmp_path / "docs").mkdir()
    script = tmp_path / "docs" / "generate.py"
    script.write_text((ROOT / "docs" / "generate.py").read_text(encoding="utf-8"), encoding="utf-8")
    page = tmp_path / "README.md"
    stale = "```python\nprint(6 * 7)\n```\n\n<!-- output -->\n```text\n41\n```\n"

    def run(*arguments: str) -> int:
        return subprocess.run(
            [sys.executable, str(script), *arguments, "README.md"], capture_output=True
        ).returncode

    page.write_text(stale, encoding="utf-8")
    assert run("--check") == 1
    assert page.read_text(encoding="utf-8") == stale
    assert run() == 0
    assert page.read_text(encoding="utf-8") == stale.replace("41", "42")
    assert run("--check") == 0
    page.write_text("```bash\ndnnaccel simulate alexnot --arch eyeriss\n```\n", encoding="utf-8")
    assert run("--check") == 2


@pytest.mark.parametrize("name", ["install", "test"])
def test_readme_has_the_two_commands(name: str) -> None:
    found = re.findall(rf"<!-- command: {name} -->\n```bash\n(.*?)```", README, flags=re.DOTALL)
    assert len(found) == 1
    (line,) = found[0].splitlines()
    wanted = {
        "install": [
            "python3 -m venv .venv",
            ".venv/bin/pip install .",
            ".venv/bin/dnnaccel simulate alexnet",
        ],
        "test": [".venv/bin/pip install '.[test]'", ".venv/bin/python -m pytest"],
    }[name]
    parts = line.split(" && ")
    assert len(parts) == len(wanted)
    assert all(part.startswith(start) for part, start in zip(parts, wanted, strict=True))


@pytest.mark.parametrize("page", [*PAGES, "bench/README.md", "examples/README.md"])
def test_links_lead_somewhere(page: str) -> None:
    text = (ROOT / page).read_text(encoding="utf-8")
    for target in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", text):
        assert ((ROOT / page).parent / target).exists(), f"{page} links to {target}"
