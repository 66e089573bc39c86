"""Runs what the documentation shows, and writes what it printed into the documentation.

    python docs/generate.py                      # README.md and docs/*.md, rewritten in place
    python docs/generate.py --check README.md    # fails, with the difference, where a page is stale

On a page:

- a `python` block is executed, all blocks of a page one after another in one namespace;
- every `dnnaccel` line of a `bash` block is executed; other lines are for the reader, as is a block after a
  comment `<!-- command: NAME -->`;
- a `yaml` block after `<!-- file: NAME -->` is saved under that name, for what follows;
- the `text` block after `<!-- output -->` is what the last block printed; a range, as in
  `<!-- output: 1-30, 64- -->`, picks lines of it; the time that a search took is left out;
- what stands between `<!-- output of: python FILE -->` and `<!-- end of output -->` is what that script of
  the repository prints, as Markdown.

Everything runs in an empty directory, where `my_chip.yaml` is a copy of the chip `example`.
"""

from __future__ import annotations

import argparse
import contextlib
import difflib
import io
import os
import re
import shlex
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import dnnaccel as da
from dnnaccel import cli

ROOT = Path(__file__).resolve().parents[1]
PAGES = ["README.md", *sorted(str(page.relative_to(ROOT)) for page in (ROOT / "docs").glob("*.md"))]

FENCE = re.compile(r"^```(?P<language>\w*)$")
MARKER = re.compile(r"^<!-- (?P<kind>command|file|output of|output)(?:: (?P<argument>.+?))? -->$")
BY_THE_CLOCK = "search time "
END_OF_OUTPUT = "<!-- end of output -->"


class PageError(Exception):
    """What a page shows cannot be run, or is not marked up as the top of this file says."""


class Page:
    """One page as it is rewritten: what it says, what it ran so far, and what that printed last."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.lines = (ROOT / name).read_text(encoding="utf-8").splitlines()
        self.namespace: dict[str, Any] = {"__name__": "__main__"}
        self.printed = ""
        self.at = 0

    def rewritten(self) -> str:
        """Return the page with every output as this run printed it."""
        written: list[str] = []
        marker: re.Match[str] | None = None
        while self.at < len(self.lines):
            line = self.lines[self.at]
            self.at += 1
            written.append(line)
            if found := MARKER.match(line):
                marker = found
                if found["kind"] == "output of":
                    self.skip_to(END_OF_OUTPUT)
                    written += ["", *self.run_script(found["argument"]).splitlines(), "", END_OF_OUTPUT]
            elif found := FENCE.match(line):
                start = self.at
                self.skip_to("```")
                block = self.lines[start : self.at - 1]
                kind = marker["kind"] if marker else ""
                if found["language"] == "text" and kind == "output":
                    assert marker is not None
                    block = self.shown(marker["argument"])
                elif found["language"] == "yaml" and kind == "file":
                    assert marker is not None
                    Path(marker["argument"]).write_text("\n".join(block) + "\n", encoding="utf-8")
                elif found["language"] == "python":
                    self.run_python("\n".join(block), start)
                elif found["language"] == "bash" and kind != "command":
                    self.run_shell(block)
                written += [*block, "```"]
                marker = None
            elif line:
                marker = None
        return "\n".join(written) + "\n"

    def skip_to(self, end: str) -> None:
        """Go on behind the next line that is `end`."""
        start = self.at
        while self.at < len(self.lines):
            self.at += 1
            if self.lines[self.at - 1] == end:
                return
        raise PageError(f"{self.name}:{start}: nothing closes this with {end}")

    def shown(self, ranges: str | None) -> list[str]:
        """Return the lines of the last output that are to be shown, "..." where some are left out."""
        lines = [line.rstrip() for line in self.printed.rstrip("\n").splitlines()]
        lines = [line for line in lines if not line.startswith(BY_THE_CLOCK)]
        if ranges is None:
            return lines
        shown: list[str] = []
        last = 0
        for part in ranges.split(","):
            first, _, until = part.strip().partition("-")
            if int(first) > last + 1:
                shown.append("...")
            last = int(until) if until else len(lines)
            shown += lines[int(first) - 1 : last]
        return shown if last >= len(lines) else [*shown, "..."]

    def run_python(self, code: str, line: int) -> None:
        """Execute a block; what it prints is the page's last output."""
        printed = io.StringIO()
        # Tracebacks and warnings name the page and its own line numbers.
        compiled = compile("\n" * line + code, self.name, "exec")
        with contextlib.redirect_stdout(printed):
            exec(compiled, self.namespace)
        self.printed = printed.getvalue()

    def run_shell(self, block: list[str]) -> None:
        """Execute the `dnnaccel` lines of a block; what they print is the page's last output."""
        printed = io.StringIO()
        for line in block:
            words = shlex.split(line, comments=True)
            if not words or words[0] != "dnnaccel":
                continue
            said = io.StringIO()
            with contextlib.redirect_stdout(printed), contextlib.redirect_stderr(said):
                code = cli.run(words[1:])
            if code not in (0, 1):  # 1 is an answer: `diff` found a difference
                raise PageError(f"{self.name}: {line!r} ends with code {code}: {said.getvalue().strip()}")
        self.printed = printed.getvalue()

    def run_script(self, command: str) -> str:
        """Return what a script of the repository prints."""
        python, script, *arguments = shlex.split(command)
        if python != "python":
            raise PageError(f"{self.name}: {command!r} is not a Python script")
        done = subprocess.run(
            [sys.executable, str(ROOT / script), *arguments], capture_output=True, text=True, encoding="utf-8"
        )
        if done.returncode != 0:
            raise PageError(f"{self.name}: {command!r} ends with code {done.returncode}: {done.stderr}")
        return done.stdout.rstrip("\n")


def rewritten(name: str) -> str:
    """Return a page as it should be, run in a directory of its own."""
    page = Page(name)
    before = Path.cwd()
    with tempfile.TemporaryDirectory() as place:
        os.chdir(place)
        try:
            Path("my_chip.yaml").write_text(da.arch.load("example").to_yaml(), encoding="utf-8")
            return page.rewritten()
        finally:
            os.chdir(before)


def main() -> int:
    parser = argparse.ArgumentParser(description="Run what the documentation shows and write what it prints.")
    parser.add_argument("pages", nargs="*", metavar="PAGE", help="pages, by path from the root; default all")
    parser.add_argument("--check", action="store_true", help="change nothing, fail where a page is stale")
    options = parser.parse_args()
    stale = 0
    for name in options.pages or PAGES:
        old = (ROOT / name).read_text(encoding="utf-8")
        try:
            new = rewritten(name)
        except PageError as error:
            print(error, file=sys.stderr)
            return 2
        if old == new:
            continue
        stale += 1
        if options.check:
            sys.stdout.writelines(
                difflib.unified_diff(
                    old.splitlines(keepends=True), new.splitlines(keepends=True), name, f"{name} as it runs"
                )
            )
        else:
            (ROOT / name).write_text(new, encoding="utf-8")
            print(f"wrote {name}")
    return 1 if stale and options.check else 0


if __name__ == "__main__":
    sys.exit(main())
