"""The page around the tables and charts, and fragments of it for notebooks."""

from __future__ import annotations

import base64
import functools
import hashlib
import json
from collections.abc import Mapping, Sequence
from html import escape
from importlib import resources

from dnnaccel.report.palette import colours

__all__ = [
    "details",
    "facts",
    "fragment",
    "page",
    "panels",
    "paragraph",
    "preformatted",
    "section",
    "subtitle",
    "tiles",
]

INPUTS_ID = "dnnaccel-inputs"
"""Id of the script element that holds a page's inputs as JSON."""

_SHOWN_INLINE = 100


def page(
    title: str,
    blocks: Sequence[str],
    *,
    inputs: Mapping[str, object] | None = None,
    script: str = "",
    style: str = "",
) -> str:
    """Return a whole page of `blocks`, with style and script inside it and every network access forbidden.

    `inputs` is what made the page, as plain JSON values: shown at its end, and embedded for `dnnaccel rerun`.
    `script` and `style` are the package's own that these blocks need besides; they are not escaped.
    """
    script = _text("page.js") + script
    style = _style() + _text("page.css") + style
    policy = (
        f"default-src 'none'; style-src 'sha256-{_digest(style)}'; script-src 'sha256-{_digest(script)}'; "
        "base-uri 'none'; form-action 'none'"
    )
    made = () if inputs is None else (_inputs(inputs),)
    return _writable(
        (
            "<!DOCTYPE html>",
            '<html lang="en">',
            "<head>",
            '<meta charset="utf-8">',
            f'<meta http-equiv="Content-Security-Policy" content="{policy}">',
            '<meta name="viewport" content="width=device-width, initial-scale=1">',
            '<meta name="color-scheme" content="light dark">',
            f"<title>{escape(title)}</title>",
            f"<style>{style}</style>",
            "</head>",
            "<body>",
            '<div class="dnnaccel">',
            f"<header><h1>{escape(title)}</h1>",
            '<button type="button" class="theme control" hidden>Dark</button></header>',
            "<main>",
            *blocks,
            "</main>",
            *made,
            "</div>",
            f"<script>{script}</script>",
            "</body>",
            "</html>",
            "",
        )
    )


def fragment(*blocks: str) -> str:
    """Return `blocks` for a notebook: a style that touches nothing outside of them, no script, no ids."""
    return _writable(('<div class="dnnaccel">', f"<style>{_style()}</style>", *blocks, "</div>"))


def section(title: str, *blocks: str, anchor: str = "") -> str:
    """Return `blocks` under a heading; `anchor` is what "#anchor" links to."""
    return "\n".join((f"<section{named(anchor)}>", f"<h2>{escape(title)}</h2>", *blocks, "</section>"))


def details(title: str, *blocks: str, anchor: str = "", opened: bool = False) -> str:
    """Return `blocks` behind a title that opens them."""
    state = " open" if opened else ""
    inside = "\n".join(blocks)
    return f"<details{named(anchor)}{state}>\n<summary>{escape(title)}</summary>\n{inside}\n</details>"


def panels(*blocks: str) -> str:
    """Return `blocks` side by side where the page is wide enough, and below each other where it is not."""
    return "\n".join(('<div class="panels">', *blocks, "</div>"))


def subtitle(text: str) -> str:
    """Return `text` as a heading within a section."""
    return f"<h3>{escape(text)}</h3>"


def tiles(figures: Sequence[tuple[str, str, str]]) -> str:
    """Return headline figures, each a name, a value with its unit, and a remark or ""."""
    shown = "\n".join(
        f"<div><dt>{escape(name)}</dt><dd>{escape(value)}</dd>"
        + (f"<dd>{escape(remark)}</dd>" if remark else "")
        + "</div>"
        for name, value, remark in figures
    )
    return f'<dl class="tiles">\n{shown}\n</dl>'


def paragraph(text: str) -> str:
    """Return `text` as a paragraph."""
    return f"<p>{escape(text)}</p>"


def preformatted(text: str) -> str:
    """Return `text` with its lines and blanks as they are."""
    return f'<pre tabindex="0">{escape(text)}</pre>'


def facts(pairs: Sequence[tuple[str, str]]) -> str:
    """Return names and values as a table of two columns."""
    rows = "\n".join(
        f'<tr><th scope="row">{escape(name)}</th><td>{escape(value)}</td></tr>' for name, value in pairs
    )
    return f'<div class="scroll"><table class="facts">\n<tbody>\n{rows}\n</tbody>\n</table></div>'


def _writable(lines: Sequence[str]) -> str:
    """Return `lines` as a text that UTF-8 can write: half a character, as JSON may hold, becomes "?"."""
    return "\n".join(lines).encode("utf-8", "replace").decode("utf-8")


def named(anchor: str) -> str:
    """Return the attribute that lets "#anchor" link to an element; none for ""."""
    return f' id="{escape(anchor)}"' if anchor else ""


def embedded_json(value: object) -> str:
    """Return `value` as JSON that no text in it can end the script element around it."""
    text = json.dumps(value, allow_nan=False, separators=(",", ":"))
    return text.replace("&", "\\u0026").replace("<", "\\u003c").replace(">", "\\u003e")


def _inputs(inputs: Mapping[str, object]) -> str:
    """Show the inputs behind a title, and embed all of them."""
    shown = details("How this page was made", *_values(inputs), anchor="inputs")
    data = f'<script type="application/json" id="{INPUTS_ID}">{embedded_json(dict(inputs))}</script>'
    return f"<footer>\n{shown}\n{data}\n</footer>"


def _values(inputs: Mapping[str, object]) -> list[str]:
    """Show short values in a table, and each long one behind its name."""
    short: list[tuple[str, str]] = []
    long: list[str] = []
    for name, value in inputs.items():
        text = value if isinstance(value, str) else json.dumps(value, allow_nan=False)
        if len(text) <= _SHOWN_INLINE and "\n" not in text:
            short.append((name, text))
        elif isinstance(value, Mapping):
            long.append(details(name, *_values(value)))
        elif isinstance(value, list | tuple):
            long.append(details(name, *_values({f"{number}": one for number, one in enumerate(value, 1)})))
        else:
            long.append(details(name, preformatted(text)))
    return [*([facts(short)] if short else []), *long]


@functools.cache
def _text(name: str) -> str:
    return resources.files(__package__).joinpath(name).read_text("utf-8")


@functools.cache
def _style() -> str:
    """Return the style of blocks, with the package's colours as the classes c0, c1, ..."""
    shades = colours([str(number) for number in range(16)])
    rules = "\n".join(
        f".dnnaccel .c{number} {{ fill: {shade}; --shade: {shade}; }}" for number, shade in shades.items()
    )
    return f"\n{_text('parts.css')}{rules}\n"


def _digest(text: str) -> str:
    return base64.b64encode(hashlib.sha256(text.encode()).digest()).decode("ascii")
