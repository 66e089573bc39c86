"""The points of a sweep: every combination of parameter values that the constraints let through."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

from dnnaccel.errors import ArchitectureError, SweepError
from dnnaccel.sweeping.expression import Condition

if TYPE_CHECKING:
    from dnnaccel.arch import Chip

__all__ = [
    "MAX_POINTS",
    "Constraint",
    "Grid",
    "Point",
    "Value",
    "log_range",
    "on_chip_bytes",
    "points",
    "read_values",
]

Value: TypeAlias = bool | int | float | str
Constraint: TypeAlias = "str | Callable[[Chip], bool]"

MAX_POINTS = 1_000_000
"""Most combinations of one sweep."""
NOT_OF_THE_CHIP = ("batch", "dataflow")
"""Parameters that are not keys of a chip."""
_MAX_VALUES = 10_000
_RANGE = re.compile(r"(?P<low>[^.\s]+(?:\.\d+)?)\.\.(?P<high>[^*+\s]+?)\s*(?P<step>[*+])\s*(?P<by>\S+)")


@dataclass(frozen=True, slots=True)
class Point:
    """One combination: its values by parameter, and the chip that they make, or why there is none."""

    values: Mapping[str, Value]
    chip: Chip | None
    reason: str | None = None

    @property
    def batch(self) -> int | None:
        """The batch, if that is a parameter."""
        return self.values.get("batch")  # type: ignore[return-value]

    @property
    def dataflow(self) -> str | None:
        """The dataflow's name, if that is a parameter."""
        return self.values.get("dataflow")  # type: ignore[return-value]

    def __str__(self) -> str:
        return ", ".join(f"{name}={value}" for name, value in self.values.items())


def log_range(low: int, high: int, *, factor: float = 2.0) -> list[int]:
    """Return whole numbers from `low` up to `high`, each about `factor` times the one before.

    Raises `SweepError` unless 1 <= low <= high and factor > 1.

    Examples
    --------
    >>> log_range(64, 1024)
    [64, 128, 256, 512, 1024]
    >>> log_range(10, 100, factor=1.8)
    [10, 18, 32, 58]
    """
    if not (1 <= low <= high and factor > 1 and math.isfinite(factor)):
        raise SweepError(
            f"a range of factors needs 1 <= low <= high and factor > 1, not {low}..{high}*{factor}"
        )
    found: list[int] = []
    # The small share takes up what the logarithms round off.
    for exponent in range(int(math.log(high / low) / math.log(factor) * (1 + 1e-12) + 1e-9) + 1):
        value = round(low * factor**exponent)
        if not found or value > found[-1]:
            found.append(min(value, high))
    return found


def read_values(text: str) -> list[Value]:
    """Return the values that a text lists, as a person types them in a shell.

    "8,12,16" is a list, "64..1024*2" a range of factors, "8..16+4" one of steps; they can be mixed.

    Examples
    --------
    >>> read_values("1,8..16+4")
    [1, 8, 12, 16]
    >>> read_values("ws,os")
    ['ws', 'os']
    """
    from dnnaccel.arch import parse_value

    values: list[Value] = []
    for part in filter(None, (piece.strip() for piece in text.split(","))):
        if ".." not in part:
            values.append(parse_value(part))
            continue
        match = _RANGE.fullmatch(part)
        try:
            if match is None:
                raise ValueError
            low, high = int(match["low"]), int(match["high"])
            if match["step"] == "*":
                values += log_range(low, high, factor=float(match["by"]))
            else:
                step = int(match["by"])
                if step < 1 or low > high or (high - low) // step >= _MAX_VALUES:
                    raise ValueError
                values += range(low, high + 1, step)
        except ValueError:
            raise SweepError(
                f"{part!r} is no range of whole numbers; write 64..1024*2 for factors, 8..16+4 for steps"
            ) from None
    if not values:
        raise SweepError(f"{text!r} lists no values; write, for instance, 8,12,16")
    return values


def on_chip_bytes(chip: Chip) -> int:
    """Return the bytes of all memories on the chip, all instances together."""
    from dnnaccel.arch import Memory

    return sum(
        level.size_bytes * chip.instances(level.name)
        for level in chip.levels
        if isinstance(level, Memory) and level.size_bytes is not None
    )


class Grid:
    """Every combination of parameter values, by number; the last parameter changes fastest.

    Raises `SweepError` for a parameter without values, too many combinations, or a constraint that cannot be
    read.
    """

    __slots__ = ("_area", "_base", "_conditions", "_on_chip", "_tolerance", "values")

    def __init__(
        self,
        base: Chip,
        parameters: Mapping[str, Iterable[Value] | Value],
        *,
        constraints: Sequence[Constraint] = (),
        equal_area: float | None = None,
        on_chip: int | None = None,
    ) -> None:
        self.values = {name: _listed(name, given) for name, given in parameters.items()}
        if len(self) > MAX_POINTS:
            raise SweepError(f"{len(self):,} combinations; a sweep takes {MAX_POINTS:,} at most")
        self._base = base
        self._conditions = [Condition(given) if isinstance(given, str) else given for given in constraints]
        self._tolerance, self._area = equal_area, _area(base) if equal_area is not None else 0.0
        self._on_chip = on_chip

    def __len__(self) -> int:
        return math.prod(map(len, self.values.values()))

    def point(self, index: int) -> Point | None:
        """Return a combination; None for one that the constraints exclude.

        One that makes no chip meets all constraints, and has its reason. Raises `SweepError` for a constraint
        that cannot be worked out, `UnknownNameError` for a key that the chip has not.
        """
        chosen: dict[str, Value] = {}
        for name, values in reversed(self.values.items()):
            index, place = divmod(index, len(values))
            chosen[name] = values[place]
        values_of = dict(reversed(chosen.items()))
        changes = {name: value for name, value in values_of.items() if name not in NOT_OF_THE_CHIP}
        try:
            chip = self._base.override(changes) if changes else self._base
        except ArchitectureError as error:
            return Point(values_of, None, str(error))
        return Point(values_of, chip) if self._allows(chip) else None

    def none_left(self) -> SweepError:
        """Return the error for constraints that exclude everything."""
        return SweepError(f"none of {len(self):,} combinations meets the constraints")

    def _allows(self, chip: Chip) -> bool:
        tolerance = self._tolerance
        if tolerance is not None and abs(_area(chip) - self._area) > tolerance * self._area:
            return False
        if self._on_chip is not None and on_chip_bytes(chip) > self._on_chip:
            return False
        return all(holds(chip) for holds in self._conditions)


def points(grid: Grid) -> list[tuple[int, Point]]:
    """Return the combinations that meet the constraints, with their numbers.

    Raises what `Grid.point` does, and `SweepError` if there is none.
    """
    found = [(index, point) for index in range(len(grid)) if (point := grid.point(index)) is not None]
    if not found:
        raise grid.none_left()
    return found


def _listed(name: str, given: Iterable[Value] | Value) -> list[Value]:
    if isinstance(given, str):
        listed = read_values(given)
    elif isinstance(given, Iterable):
        listed = [value.item() if hasattr(value, "item") else value for value in given]
    else:
        listed = [given]
    if not listed:
        raise SweepError(f"parameter {name!r} has no values")
    if len(listed) > _MAX_VALUES:
        raise SweepError(f"parameter {name!r} has {len(listed):,} values; at most {_MAX_VALUES:,} are taken")
    return list(dict.fromkeys(listed))


def _area(chip: Chip) -> float:
    area = chip.area
    if area is None:
        raise SweepError(
            f"equal area needs a chip whose parts all state one; {chip.name} has none for "
            f"{', '.join(chip.parts_without_area)} (give them a component, or an area)"
        )
    if area <= 0:
        raise SweepError(f"equal area needs a chip that has one; that of {chip.name} is {area}")
    return area
