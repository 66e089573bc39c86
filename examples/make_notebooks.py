"""Makes the notebooks of examples/notebooks from the scripts beside this file that are written in cells.

    python examples/make_notebooks.py            # writes the notebooks anew
    python examples/make_notebooks.py --check    # changes nothing, fails where one is stale

Edit the scripts, never the notebooks. The cells are in Jupytext's percent format: `# %%` begins a cell of
code, `# %% [markdown]` one of text; the docstring at the top is the first text, its first line the title. A
cell tagged `active-py` is the script's alone, for its command line; one tagged `active-ipynb` is the
notebook's, and a comment in the script. Notebooks have no outputs: running them makes those.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import jupytext
import nbformat

FOLDER = Path(__file__).resolve().parent
SCRIPTS = sorted(path for path in FOLDER.glob("*.py") if path.read_text("utf-8").startswith("# %%"))


def target(script: Path) -> Path:
    """Return the path of a script's notebook."""
    return FOLDER / "notebooks" / f"{script.stem}.ipynb"


def notebook(script: Path) -> str:
    """Return the notebook of a script as text: the same for the same script, always."""
    made = jupytext.reads(script.read_text(encoding="utf-8"), fmt="py:percent")
    made.cells = [cell for cell in made.cells if "active-py" not in cell.metadata.get("tags", ())]
    made.metadata = {
        "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
        "language_info": {"name": "python"},
    }
    for number, cell in enumerate(made.cells, start=1):
        cell.id = f"cell-{number}"  # in place of a random one
        cell.metadata = {}
    title, _, rest = made.cells[0].source.partition("\n")
    made.cells[0].source = f"# {title.rstrip('.')}\n{rest}"
    return nbformat.writes(made, version=4) + "\n"


def main() -> int:
    parser = argparse.ArgumentParser(description="Make the notebooks of the examples from their scripts.")
    parser.add_argument("--check", action="store_true", help="change nothing, fail where one is stale")
    check = parser.parse_args().check
    wanted = {target(script): notebook(script) for script in SCRIPTS}
    stale = [path for path, text in wanted.items() if not path.is_file() or path.read_text("utf-8") != text]
    stale += [path for path in FOLDER.glob("notebooks/*.ipynb") if path not in wanted]
    for path in stale:
        print(f"{'stale' if check else 'made'}: {path.relative_to(FOLDER)}")
        if path not in wanted:
            if not check:
                path.unlink()
        elif not check:
            path.parent.mkdir(exist_ok=True)
            path.write_text(wanted[path], encoding="utf-8")
    return 1 if stale and check else 0


if __name__ == "__main__":
    sys.exit(main())
