"""YAML at the door: plain data with the line of each value, and nothing executed or unbounded on the way.

Whoever reads says what its files describe (a noun for the sentences) and which exception a fault is.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import yaml

from dnnaccel._files import read_text

__all__ = [
    "Fault",
    "Limits",
    "Origin",
    "Place",
    "describe_faults",
    "dump",
    "is_path",
    "parse",
    "place_faults",
    "place_merged_faults",
    "read",
]

MAX_DEPTH = 20
MAX_FAULTS = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """How large a file may be, what its kind usually is, and how it starts."""

    max_bytes: int = 1_000_000
    max_values: int = 10_000
    usual_size: str = "a few kilobytes"
    usual_values: str = "a few hundred"
    first_line: str = "format: 1"
    compiled: bool = False
    """Whether to read with libyaml where PyYAML has it: faster, its sentences on broken YAML less clear."""


Place = tuple[str | int, ...]
"""The path of keys and indices that leads to a value."""

Origin = tuple[str, int]
"""The file, and its line, that a value came from; the file is "" for data that came from none."""

Fault = tuple[Place, str]
"""Where, and what: a sentence that says what would be right."""

_INTEGER = re.compile(r"[-+]?[0-9]{1,30}")
_FLOAT = re.compile(r"[-+]?(?:[0-9]{1,30}(?:\.[0-9]{0,30})?|\.[0-9]{1,30})(?:[eE][-+]?[0-9]{1,4})?")
_SMALL = Limits()
_CONSTANTS = {"": None, "~": None, "null": None, "true": True, "false": False}


def is_path(name: object) -> bool:
    """Return whether `name` is a file's path and no name: it has a separator or ends in .yaml or .yml."""
    if not isinstance(name, str):
        return isinstance(name, os.PathLike)
    return os.sep in name or "/" in name or name.lower().endswith((".yaml", ".yml"))


def read(
    name: str, *, noun: str, error: type[Exception], limits: Limits = _SMALL
) -> tuple[Any, dict[Place, int]]:
    """Return the plain data of the YAML file `name`, and the line of each value's place.

    Raises `error` with one sentence if the file cannot be read, is no YAML, or asks for more than plain data.
    """
    return parse(_read_text(name, noun, error, limits), name, noun=noun, error=error, limits=limits)


def parse(
    text: str, name: str, *, noun: str, error: type[Exception], limits: Limits = _SMALL
) -> tuple[Any, dict[Place, int]]:
    """Parse YAML `text`, which came from `name`, as `read` does.

    The parser's events are read one by one, so depth and size are bounded before anything is built.
    """
    # Before the parser does: libyaml would count the place in bytes.
    forbidden = yaml.reader.Reader.NON_PRINTABLE.search(text)
    if forbidden is not None:
        line = text.count("\n", 0, forbidden.start()) + 1
        raise error(f"{name}:{line}: holds the character {forbidden[0]!r}, which YAML forbids")
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader) if limits.compiled else yaml.SafeLoader
    try:
        return _Builder(name, noun, error, limits).build(yaml.parse(text, Loader=loader))
    except yaml.MarkedYAMLError as fault:
        mark = fault.problem_mark or fault.context_mark
        line = 1 if mark is None else mark.line + 1
        # Some versions of libyaml have a bound of their own and read ahead to it.
        deep = "nesting depth" in str(fault.problem)
        said = _too_deep(noun) if deep else f"is not valid YAML: {fault.problem}"
        raise error(f"{name}:{line}: {said}") from None
    except yaml.YAMLError as fault:
        # What libyaml alone refuses, such as nesting beyond its own bound.
        raise error(f"{name}: is not valid YAML: {' '.join(str(fault).split())}") from None


def dump(data: dict[str, Any]) -> str:
    """Return plain `data` as YAML text that `read` reads back to equal data."""
    return yaml.dump(data, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=100)


def describe_faults(faults: Iterable[Fault], where: str = "") -> str:
    """Return the faults as text, one line for each: what `where` says, the path, the sentence."""
    lines = []
    for path, sentence in faults:
        place = ".".join(str(step) for step in path)
        lines.append(": ".join(part for part in (where, place, sentence) if part))
    return "\n".join(lines)


def place_faults(faults: Iterable[Fault], name: str, lines: dict[Place, int]) -> str:
    """Return the faults of file `name` as text in its order, each with its line; a flood is cut."""
    origins: dict[Place, Origin] = {place: (name, line) for place, line in lines.items()}
    return place_merged_faults(faults, {(): (name, 1)} | origins)


def place_merged_faults(
    faults: Iterable[Fault], origins: Mapping[Place, Origin], names: Mapping[Place, Place] | None = None
) -> str:
    """Return the faults of data from several files as text, each with its file and line.

    `origins` says for each place which file it came from; that of the whole, which comes first, has place ().
    `names` says what to call places of which the reader's files know no number.
    """
    name = origins[()][0]
    placed = [(_origin_of(where, origins), (_named(where, names or {}), text)) for where, text in faults]
    placed.sort(key=lambda at: (at[0][0] != name, at[0]))
    messages = [
        describe_faults([fault], f"{file}:{line}" if file else "")
        for (file, line), fault in placed[:MAX_FAULTS]
    ]
    if len(placed) > MAX_FAULTS:
        messages.append(f"{name}: and {len(placed) - MAX_FAULTS} more".removeprefix(": "))
    return "\n".join(messages)


class _Dumper(yaml.SafeDumper):
    """Writes text such that this module's reader, which knows 1e3 for a number, reads text again."""


def _represent_text(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    style = None if isinstance(_scalar(text), str) else "'"
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=style)


_Dumper.add_representer(str, _represent_text)


def _read_text(name: str, noun: str, error: type[Exception], limits: Limits) -> str:
    return read_text(
        name,
        kind=f"{noun}'s YAML file",
        usual_size=limits.usual_size,
        max_bytes=limits.max_bytes,
        error=error,
    )


def _named(where: Place, names: Mapping[Place, Place]) -> Place:
    for depth in range(len(where), 0, -1):
        if where[:depth] in names:
            return (*names[where[:depth]], *where[depth:])
    return where


def _origin_of(where: Place, origins: Mapping[Place, Origin]) -> Origin:
    # A missing key has no line of its own: what should have held it has.
    while where not in origins and where:
        where = where[:-1]
    return origins[where]


def _scalar(text: str) -> object:
    """Return what an unquoted scalar means: as in YAML 1.2, so that 1e3 is a number and `on` a word."""
    if text.lower() in _CONSTANTS:
        return _CONSTANTS[text.lower()]
    if _INTEGER.fullmatch(text):
        return int(text)
    return float(text) if _FLOAT.fullmatch(text) else text


def _too_deep(noun: str) -> str:
    return f"nested more than {MAX_DEPTH} deep; a {noun}'s YAML file needs four"


class _Builder:
    """Builds plain data from YAML events without recursion."""

    def __init__(self, name: str, noun: str, error: type[Exception], limits: Limits) -> None:
        self.name = name
        self.noun = noun
        self.error = error
        self.limits = limits
        self.lines: dict[Place, int] = {}
        # One entry for each open collection: the collection, its path, and for a mapping the pending key.
        self.open: list[tuple[dict[str, Any] | list[Any], Place]] = []
        self.keys: list[str | None] = []
        self.root: Any = None
        self.documents = 0
        self.values = 0

    def build(self, events: Iterator[yaml.Event]) -> tuple[Any, dict[Place, int]]:
        for event in events:
            line = 1 if event.start_mark is None else event.start_mark.line + 1
            if isinstance(event, yaml.DocumentStartEvent):
                self.documents += 1
                if self.documents > 1:
                    self.fail(line, f"a second document starts here; a file describes one {self.noun}")
            elif isinstance(event, yaml.AliasEvent):
                self.fail(line, "aliases (*name) are not read; write the value out")
            elif isinstance(event, yaml.NodeEvent):
                self.node(event, line)
            elif isinstance(event, yaml.CollectionEndEvent):
                self.open.pop()
                self.keys.pop()
        if not self.documents:
            self.fail(1, f"is empty; a {self.noun}'s YAML file starts with {self.limits.first_line}")
        return self.root, self.lines

    def fail(self, line: int, sentence: str) -> None:
        raise self.error(f"{self.name}:{line}: {sentence}")

    def node(self, event: yaml.NodeEvent, line: int) -> None:
        self.values += 1
        if self.values > self.limits.max_values:
            self.fail(
                line,
                f"more than {self.limits.max_values} values; a {self.noun} needs {self.limits.usual_values}",
            )
        if event.anchor is not None:
            self.fail(line, "anchors (&name) are not read; write the value out")
        tag = event.tag if isinstance(event, (yaml.ScalarEvent, yaml.CollectionStartEvent)) else None
        if tag is not None:
            self.fail(line, f"tags ({tag}) are not read; write the plain value")
        if isinstance(event, yaml.ScalarEvent):
            if self.open and isinstance(self.open[-1][0], dict) and self.keys[-1] is None:
                self.keys[-1] = self.take_key(event.value, line)
            else:
                # Plain text has no style, which libyaml says as "".
                self.put(event.value if event.style else _scalar(event.value), line)
            return
        if len(self.open) >= MAX_DEPTH:
            self.fail(line, _too_deep(self.noun))
        if self.open and isinstance(self.open[-1][0], dict) and self.keys[-1] is None:
            self.fail(line, "a key must be a word")
        collection: dict[str, Any] | list[Any] = {} if isinstance(event, yaml.MappingStartEvent) else []
        self.open.append((collection, self.put(collection, line)))
        self.keys.append(None)

    def take_key(self, key: str, line: int) -> str:
        mapping, path = self.open[-1]
        place = (*path, key)
        if key in mapping:
            name = ".".join(str(step) for step in place)
            self.fail(line, f"{name}: stated twice; the first is on line {self.lines[place]}")
        self.lines[place] = line
        return key

    def put(self, value: Any, line: int) -> Place:
        if not self.open:
            self.root = value
            self.lines[()] = line
            return ()
        parent, path = self.open[-1]
        if isinstance(parent, dict):
            key = self.keys[-1]
            assert key is not None
            parent[key] = value
            self.keys[-1] = None
            return (*path, key)
        place = (*path, len(parent))
        parent.append(value)
        self.lines[place] = line
        return place
