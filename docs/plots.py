"""Makes the pictures of docs/plots.md anew, by running the page: every picture is what the page's code draws.

python docs/plots.py
"""

from __future__ import annotations

import os
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

import generate

PAGE = "docs/plots.md"
PICTURES = generate.ROOT / "docs" / "plots"


def drawn() -> dict[str, bytes]:
    """Run the page in an empty directory; return the pictures that it makes there, by name."""
    page = generate.Page(PAGE)
    before = Path.cwd()
    with tempfile.TemporaryDirectory() as place:
        os.chdir(place)
        try:
            page.rewritten()
            return {path.name: path.read_bytes() for path in sorted(Path.cwd().glob("*.png"))}
        finally:
            os.chdir(before)


def main() -> None:
    PICTURES.mkdir(exist_ok=True)
    for old in PICTURES.glob("*.png"):
        old.unlink()
    for name, picture in drawn().items():
        (PICTURES / name).write_bytes(picture)
        print(f"wrote docs/plots/{name}")


if __name__ == "__main__":
    main()
