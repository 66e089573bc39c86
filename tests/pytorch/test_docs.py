"""What the documentation shows of PyTorch runs, and prints what it says."""

from __future__ import annotations

import contextlib
import io
import re
from pathlib import Path

PAGE = Path(__file__).parents[2] / "docs" / "import.md"


def test_the_example_prints_what_the_page_says() -> None:
    blocks = re.findall(r"^```py\n(.*?)^```\n\n```text\n(.*?)^```", PAGE.read_text("utf-8"), re.M | re.S)
    assert len(blocks) == 1
    code, output = blocks[0]
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        exec(code, {"__name__": "__main__"})
    assert printed.getvalue() == output
