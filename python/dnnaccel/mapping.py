"""Mappings: loop nests over a chip's levels, read and printed as a person writes them."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping as MappingOf
from dataclasses import dataclass
from typing import TYPE_CHECKING

from dnnaccel._files import read_text, write_atomically
from dnnaccel.errors import MappingError, did_you_mean
from dnnaccel.problem import DIMS, ROLES

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["LevelMapping", "Loop", "Mapping"]

MAX_TEXT_BYTES = 1_000_000
"""Largest mapping text that `Mapping.parse` and `Mapping.load` read."""


@dataclass(frozen=True, slots=True)
class Loop:
    """One loop: dim `dim` is cut into chunks of `tile` (the last one shorter where it does not divide).

    `extent` is what it is cut from, for the reader; None where the text did not say.
    """

    dim: str
    tile: int
    extent: int | None = None

    def __post_init__(self) -> None:
        if self.dim not in DIMS:
            raise MappingError(f"unknown dim {self.dim!r} in a loop; {did_you_mean(self.dim, DIMS)}")
        if self.tile < 1:
            raise MappingError(f"loop over {self.dim} has step {self.tile}; it must be at least 1")


@dataclass(frozen=True, slots=True)
class LevelMapping:
    """What one level does: its loops, outermost first, and, for a memory, the tensor roles it keeps.

    `keeps` is None for a fan-out (its loops are spatial).
    """

    level: str
    loops: tuple[Loop, ...] = ()
    keeps: frozenset[str] | None = None


_LINE = re.compile(
    r"^(?P<word>for|par)\s+(?P<dim>[A-Za-z]{1,60})"
    r"(?:\s+in\s+0\.\.(?P<extent>\d{1,18}))?\s+step\s+(?P<tile>\d{1,18})$"
)
_LEVEL = re.compile(r"^(?P<name>[A-Za-z_][\w.]{0,99})(?:\s*\[(?P<keeps>[^\]]*)\])?:?$")


@dataclass(frozen=True, slots=True)
class Mapping:
    """A loop nest: one `LevelMapping` per level of a chip, outermost first.

    A memory's loops run below its storage. `str(mapping)` prints the nest and `Mapping.parse` reads it back.
    """

    levels: tuple[LevelMapping, ...]

    @classmethod
    def parse(cls, text: str) -> Mapping:
        """Read a nest as `str(mapping)` prints it.

        A level is a line with its name and, for a memory, the tensors it keeps in brackets; loops follow it,
        `for M in 0..96 step 16` (temporal) or `par M step 4` (spatial); the extent may be left out, and what
        follows `#` is a comment. Raises `MappingError` with the line and what would be right.
        """
        return cls._read(text, None)

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> Mapping:
        """Read the nest in the text file `path`, as `save` writes it or as written by hand.

        Raises `MappingError`: that the file cannot be read, or what is wrong in it as ``file:line: ...``.
        """
        text = read_text(
            path,
            kind="mapping file",
            usual_size="a few hundred bytes",
            max_bytes=MAX_TEXT_BYTES,
            error=MappingError,
        )
        return cls._read(text, os.fspath(path))

    @classmethod
    def of(cls, given: Mapping | str | os.PathLike[str]) -> Mapping:
        """Return the mapping that a caller gives: a `Mapping`, the text of one, or the path of its file.

        Text is what has several lines or is a level with what it keeps; other strings are paths. Raises what
        `parse` and `load` do.
        """
        if isinstance(given, Mapping):
            return given
        return cls.parse(given) if isinstance(given, str) and _is_text(given) else cls.load(given)

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the nest to the text file `path`, whole or not at all; `load` reads it back equal.

        Raises `DnnAccelError` if it cannot be written.
        """
        write_atomically(path, f"{self}\n")

    @classmethod
    def _read(cls, text: str, file: str | None) -> Mapping:
        """Read a nest that came from `file`, if it is not None, for messages."""
        if len(text) > MAX_TEXT_BYTES:
            raise MappingError(f"mapping text of {len(text)} characters; at most {MAX_TEXT_BYTES} are read")
        levels: list[LevelMapping] = []
        loops: list[Loop] = []

        def close() -> None:
            if levels:
                last = levels[-1]
                levels[-1] = LevelMapping(last.level, tuple(loops), last.keeps)
                loops.clear()

        for number, raw in enumerate(text.splitlines(), start=1):
            line = raw.split("#", 1)[0].strip()
            if not line or line == "mac":
                continue
            where = f"mapping line {number}" if file is None else f"{file}:{number}"
            if match := _LINE.match(line):
                if not levels:
                    raise MappingError(f"{where}: a loop stands before the first level")
                spatial = levels[-1].keeps is None
                if spatial != (match["word"] == "par"):
                    right = "par" if spatial else "for"
                    raise MappingError(
                        f"{where}: {match['word']!r} under {levels[-1].level}; "
                        f"loops there are written {right!r} (a memory lists what it keeps in brackets)"
                    )
                extent = int(match["extent"]) if match["extent"] else None
                try:
                    loops.append(Loop(match["dim"], int(match["tile"]), extent))
                except MappingError as error:
                    raise MappingError(f"{where}: {error}") from None
            elif match := _LEVEL.match(line):
                close()
                levels.append(LevelMapping(match["name"], (), _parse_keeps(match["keeps"], where)))
            else:
                raise MappingError(
                    f"{where}: {line[:60]!r} is neither a level ('glb [inputs, outputs]') "
                    "nor a loop ('for M in 0..96 step 16', 'par C step 1')"
                )
        close()
        if not levels:
            raise MappingError(("" if file is None else f"{file}: ") + "a mapping names at least one level")
        return cls(tuple(levels))

    def level(self, name: str) -> LevelMapping:
        """Return what level `name` does; raises `MappingError` if the mapping has none of that name."""
        for level in self.levels:
            if level.level == name:
                return level
        names = [level.level for level in self.levels]
        raise MappingError(f"the mapping has no level {name!r}; {did_you_mean(name, names)}")

    def with_extents(self, bounds: MappingOf[str, int]) -> Mapping:
        """Return the same nest with what every loop cuts, where it was left out; `bounds` are the dims'.

        A dim that is not in `bounds` stays as it is.
        """
        left = dict(bounds)

        def fill(loop: Loop) -> Loop:
            extent = left.get(loop.dim, loop.extent)
            if extent is None:
                return loop
            left[loop.dim] = min(loop.tile, extent)
            return Loop(loop.dim, loop.tile, extent) if loop.extent is None else loop

        return Mapping(
            tuple(
                LevelMapping(level.level, tuple(fill(loop) for loop in level.loops), level.keeps)
                for level in self.levels
            )
        )

    def plot(
        self, kind: str = "nest", path: str | os.PathLike[str] | None = None, *, width: str | None = None
    ) -> Figure:
        """Draw the loops over the levels, with what each keeps, and return the matplotlib figure.

        `evaluate(layer, chip, mapping).plot()` knows the words held and the sizes of the memories too.
        "nest" is the only kind; `path` and `width` are as `Report.plot` takes them, which says what is
        raised. Raises `MappingError` if a loop does not say what it cuts: see `with_extents`.
        """
        from dnnaccel.report.plots.kind import draw
        from dnnaccel.report.plots.kinds import MAPPING_KINDS

        return draw(self, MAPPING_KINDS, kind, path, width=width)

    def _repr_html_(self) -> str:
        from dnnaccel.report.html import fragment, preformatted

        return fragment(preformatted(str(self)))

    def __str__(self) -> str:
        lines = []
        for level in self.levels:
            keeps = level.keeps
            if keeps is None:
                lines.append(level.level)
            else:
                lines.append(f"{level.level} [{', '.join(r for r in ROLES if r in keeps)}]")
            word = "par" if keeps is None else "for"
            for loop in level.loops:
                extent = "" if loop.extent is None else f" in 0..{loop.extent}"
                lines.append(f"  {word} {loop.dim}{extent} step {loop.tile}")
        lines.append("mac")
        return "\n".join(lines)


def _is_text(given: str) -> bool:
    if "\n" in given or not given.strip():
        return True
    level = _LEVEL.match(given.split("#", 1)[0].strip())
    return level is not None and level["keeps"] is not None


def _parse_keeps(text: str | None, where: str) -> frozenset[str] | None:
    if text is None:
        return None
    keeps = frozenset(word for word in re.split(r"[\s,]+", text) if word)
    for word in sorted(keeps - set(ROLES)):
        raise MappingError(f"{where}: unknown tensor {word[:60]!r}; {did_you_mean(word, ROLES)}")
    return keeps
