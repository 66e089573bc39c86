"""Chip files that extend others: plain data merged, with the file and line that each value came from.

The keys of the chip replace the parent's. Levels are merged by name, the MAC and the vector unit by key; a
value that is replaced loses the parent's source, and a part that gets another component loses the numbers
that the old one or the parent stood for.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from dnnaccel._yaml import Fault, Origin, Place, is_path, place_merged_faults, read
from dnnaccel.arch.estimates import without_filled_in
from dnnaccel.errors import ArchitectureError, did_you_mean

__all__ = ["PRESETS", "level_places", "merged", "preset_names", "read_merged"]

PRESETS = Path(__file__).with_name("presets")
MAX_PARENTS = 8

Origins = dict[Place, Origin]
Data = tuple[dict[str, Any], Origins]

# What the parent says of itself is not true of the child.
_OWN = ("name", "title", "description")
_MERGED = ("levels", "mac", "vector")


def preset_names() -> list[str]:
    """Return the names of the presets, sorted."""
    return sorted(path.stem for path in PRESETS.glob("*.yaml"))


def read_merged(name: str, chain: tuple[str, ...] = ()) -> tuple[Any, Origins]:
    """Return the plain data of the chip file `name` merged over what it extends, and where all of it is from.

    `chain` holds the files that led here. Raises `ArchitectureError` with one line for each fault.
    """
    data, lines = read(name, noun="chip", error=ArchitectureError)
    return merged(data, {place: (name, line) for place, line in lines.items()}, name, chain)


def merged(data: Any, origins: Origins, name: str, chain: tuple[str, ...] = ()) -> tuple[Any, Origins]:
    """Return `data` of the file `name` merged over what it extends, as `read_merged` does; "" is no file."""
    if not isinstance(data, Mapping) or "extends" not in data:
        return data, origins
    parent, parent_origins = _parent(data["extends"], origins, name, chain)
    if not isinstance(parent, dict):
        return parent, parent_origins
    merge = _Merge((parent, parent_origins), (dict(data), origins))
    if merge.faults:
        raise ArchitectureError(place_merged_faults(merge.faults, origins))
    return merge.data, merge.origins


def level_places(data: Any) -> dict[Place, Place]:
    """Return what to call the levels of merged data: by name, for their numbers are those of no file."""
    levels = data.get("levels") if isinstance(data, Mapping) else None
    named = [_name(entry) for entry in levels] if isinstance(levels, list) else []
    return {("levels", index): ("levels", name) for index, name in enumerate(named) if name}


def _parent(extends: object, origins: Origins, name: str, chain: tuple[str, ...]) -> tuple[Any, Origins]:
    """Return the merged data of what a file extends; refuses what is no chip, or leads back here."""

    def refuse(sentence: str) -> ArchitectureError:
        return ArchitectureError(place_merged_faults([(("extends",), sentence)], origins))

    if not isinstance(extends, str) or not extends:
        raise refuse(f"must be the name of a chip or the path of its file, not {str(extends)[:60]!r}")
    if is_path(extends):
        path = os.path.normpath(os.path.join(os.path.dirname(name), extends))
    elif extends in preset_names():
        path = str(PRESETS / f"{extends}.yaml")
    else:
        raise refuse(f"unknown chip {extends[:60]!r}; {did_you_mean(extends[:60], preset_names())}")
    chain = (*chain, os.path.realpath(name) if name else "")
    if os.path.realpath(path) in chain:
        raise refuse(f"{extends} leads back to itself; a chip cannot extend itself")
    if len(chain) > MAX_PARENTS:
        raise refuse(f"more than {MAX_PARENTS} chips extend one another; copy what is needed")
    try:
        return read_merged(path, chain)
    except ArchitectureError as error:
        if str(error).startswith((f"{path}: ", f"{path}:1: is ")):
            raise refuse(str(error)) from None
        raise


class _Merge:
    """A child's data over its parent's."""

    def __init__(self, parent: Data, child: Data) -> None:
        self.parent, self.parent_origins = parent
        self.child, self.child_origins = child
        self.faults: list[Fault] = []
        self.data: dict[str, Any] = {}
        self.origins: Origins = {(): self.child_origins[()]}
        self.keys()
        for key in ("mac", "vector"):
            self.unit(key)
        self.levels()

    def keys(self) -> None:
        """Merge the keys of the chip itself."""
        if "name" not in self.child:
            self.faults.append((("name",), "missing; give the chip a name of its own"))
        for key in self.parent:
            if key not in self.child and key not in _MERGED and key not in _OWN:
                self.put((key,), self.parent[key], _below(self.parent_origins, (key,)))
        for key in self.child:
            if key not in _MERGED and key not in ("extends", "remove"):
                self.put((key,), self.child[key], _below(self.child_origins, (key,)))

    def put(self, place: Place, value: Any, origins: Origins) -> None:
        """Set a key of the chip."""
        self.data[str(place[0])] = value
        self.place(place, origins)

    def place(self, place: Place, origins: Origins) -> None:
        """Note where the values below `place` came from."""
        self.origins.update({(*place, *rest): origin for rest, origin in origins.items()})

    def unit(self, key: str) -> None:
        """Merge the MAC or the vector unit by key."""
        old, new = self.parent.get(key), self.child.get(key)
        old_origins, new_origins = (
            _below(origins, (key,)) for origins in (self.parent_origins, self.child_origins)
        )
        if key not in self.child:
            if key in self.parent:
                self.put((key,), old, old_origins)
        elif isinstance(old, Mapping) and isinstance(new, Mapping):
            self.put((key,), *_over((dict(old), old_origins), (dict(new), new_origins)))
        else:
            self.put((key,), new, new_origins)

    def levels(self) -> None:
        """Merge the levels by name."""
        old, new = self.parent.get("levels", []), self.child.get("levels", [])
        if not isinstance(old, list) or not isinstance(new, list):
            wrong = new if not isinstance(new, list) else old
            origins = self.child_origins if wrong is new else self.parent_origins
            self.put(("levels",), wrong, _below(origins, ("levels",)))
            return
        stack = [(entry, _below(self.parent_origins, ("levels", i))) for i, entry in enumerate(old)]
        stack = self.removed(stack)
        known = {_name(entry) for entry, _ in stack}
        for index, entry in enumerate(new):
            origins = _below(self.child_origins, ("levels", index))
            if _name(entry) in known:
                at = next(i for i, (other, _) in enumerate(stack) if _name(other) == _name(entry))
                stack[at] = self.changed(stack[at], (entry, origins), index)
            else:
                self.insert(stack, entry, origins, index)
        self.data["levels"] = [entry for entry, _ in stack]
        whole = self.child_origins if "levels" in self.child else self.parent_origins
        self.origins[("levels",)] = whole.get(("levels",), self.origins[()])
        for index, (_, origins) in enumerate(stack):
            self.place(("levels", index), origins)

    def removed(self, stack: list[Data]) -> list[Data]:
        """Return the parent's levels without those that the child takes out."""
        names = self.child.get("remove", [])
        if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
            self.faults.append((("remove",), "must be a list of names of levels, such as [glb]"))
            return stack
        known = [_name(entry) for entry, _ in stack]
        self.faults += [
            (("remove", index), f"there is no level {name!r}; {did_you_mean(name, known)}")
            for index, name in enumerate(names)
            if name not in known
        ]
        return [(entry, origins) for entry, origins in stack if _name(entry) not in names]

    def changed(self, old: Data, new: Data, index: int) -> Data:
        """Return a level of the parent with the child's keys over its own."""
        kind = _kind(old[0])
        if _kind(new[0]) != kind:
            sentence = f"is of the other kind in the parent; name it with `{kind}: {_name(old[0])}`"
            self.faults.append((("levels", index), sentence))
        for key in ("after", "before"):
            if key in new[0]:
                sentence = f"{_name(old[0])} stands where the parent has it; only new levels say where"
                self.faults.append((("levels", index, key), sentence))
        return _over(old, new)

    def insert(self, stack: list[Data], entry: Any, origins: Origins, index: int) -> None:
        """Put a new level where it says that it belongs."""
        if not isinstance(entry, Mapping) or not _name(entry):
            stack.append((entry, origins))
            return
        known = [_name(other) for other, _ in stack]
        said = [key for key in ("after", "before") if key in entry]
        if len(said) != 1:
            sentence = (
                f"{_name(entry)} is no level of the parent ({', '.join(known)}); a new one says "
                f"`after: NAME` or `before: NAME`"
            )
            self.faults.append((("levels", index), sentence))
            return
        neighbour = entry[said[0]]
        if not isinstance(neighbour, str) or neighbour not in known:
            sentence = (
                f"there is no level {str(neighbour)[:60]!r}; {did_you_mean(str(neighbour)[:60], known)}"
            )
            self.faults.append((("levels", index, said[0]), sentence))
            return
        kept = {key: value for key, value in entry.items() if key != said[0]}
        stack.insert(known.index(neighbour) + (said[0] == "after"), (kept, origins))


def _name(entry: Any) -> str:
    kind = _kind(entry)
    name = entry[kind] if kind else ""
    return name if isinstance(name, str) else ""


def _kind(entry: Any) -> str:
    kinds = [kind for kind in ("memory", "array") if isinstance(entry, Mapping) and kind in entry]
    return kinds[0] if len(kinds) == 1 else ""


def _below(origins: Origins, place: Place) -> Origins:
    """Return the origins of what lies below `place`, by the rest of the way."""
    depth = len(place)
    return {where[depth:]: origin for where, origin in origins.items() if where[:depth] == place}


def _over(old: Data, new: Data) -> Data:
    """Return one part with the keys of another over its own; replaced values lose their sources."""
    (base, base_origins), (changes, change_origins) = old, new
    if changes.get("component"):
        base = without_filled_in(base)
    data = dict(base)
    origins = {place: origin for place, origin in base_origins.items() if place[:1] and place[0] in data}
    if isinstance(data.get("sources"), Mapping):
        data["sources"] = {key: text for key, text in data["sources"].items() if key not in changes}
    if changes and isinstance(data.get("source"), str):
        # One text stands for all numbers of the part: it holds for those that stay.
        data["source"] = f"{', '.join(changes)} stated anew without a source; {data['source']}"
    for key, value in changes.items():
        both = key == "sources" and isinstance(value, Mapping) and isinstance(data.get(key), Mapping)
        data[key] = {**data[key], **value} if both else value
        if not both:
            origins = {place: origin for place, origin in origins.items() if place[0] != key}
        origins |= {(key, *rest): origin for rest, origin in _below(change_origins, (key,)).items()}
    return data, {(): change_origins.get((), ("", 1))} | origins
