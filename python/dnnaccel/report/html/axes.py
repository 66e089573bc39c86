"""Axes: where a value stands between its ends, and which values to name."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable
from dataclasses import dataclass

from dnnaccel.errors import DnnAccelError

__all__ = ["Axis", "axis", "percentage", "short"]

_TICKS = 5
_ZEROS = re.compile(r"(\.\d*?)0+(?!\d)")
_WORD = re.compile(r"(?<=\S) [A-Za-z]{4,}\S*$|(?<=\S) [A-Za-z]+/\S+$")


@dataclass(frozen=True, slots=True)
class Axis:
    """The values from `low` to `high`, along a straight or a logarithmic scale, some of them named."""

    low: float
    high: float
    ticks: tuple[float, ...]
    log: bool = False

    def place(self, value: float) -> float:
        """Return where `value` stands, from 0 at `low` to 1 at `high`."""
        if self.log:
            return math.log(value / self.low) / math.log(self.high / self.low)
        return (value - self.low) / (self.high - self.low)


def axis(values: Iterable[float], *, log: bool = False, zero: bool = False) -> Axis:
    """Return an axis that all `values` stand on, with `zero` from 0 on.

    Raises `DnnAccelError` for a value that is not finite, or not positive on a logarithmic axis.
    """
    known = list(values) or [1.0]
    for value in known:
        if not math.isfinite(value) or (log and value <= 0):
            raise DnnAccelError(f"a {'logarithmic ' * log}axis cannot show the value {value!r}")
    return _log_axis(min(known), max(known)) if log else _linear_axis(min(known), max(known), zero)


def _linear_axis(low: float, high: float, zero: bool) -> Axis:
    # From zero also where that costs little room: lengths and heights then say what they seem to say.
    if zero or 0 <= low < 0.5 * high:
        low = min(low, 0.0)
    if high <= low:
        high = low + (abs(low) or 1.0)
    rough = (high - low) / _TICKS
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(step * power for step in (1, 2, 2.5, 5, 10) if step * power >= rough * 0.999)
    first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
    return Axis(first * step, last * step, tuple(number * step for number in range(first, last + 1)))


def _log_axis(low: float, high: float) -> Axis:
    # At least a decade: less than that would make a mountain of a little noise.
    margin = max(1.08, (high / low) ** 0.04, (10 * low / high) ** 0.5)
    low, high = low / margin, high * margin
    decades = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    for steps in ((1,), (1, 3), (1, 2, 5), (1, 1.5, 2, 3, 4, 5, 6, 7, 8, 9)):
        ticks = [
            step * 10.0**power for power in decades for step in steps if low <= step * 10.0**power <= high
        ]
        if len(ticks) >= 3:
            break
    thinned = ticks[:: math.ceil(len(ticks) / (_TICKS + 2))] if ticks else []
    return Axis(low, high, tuple(thinned), log=True)


def short(text: str) -> str:
    """Return what a tick says: "2.500 mJ" as "2.5 mJ", "4.000M cycles" as "4M".

    A round number needs no zeros that say how exact it is, and a word is in the axis' label already.
    """
    text = _WORD.sub("", text)
    return _ZEROS.sub(lambda match: "" if match[1] == "." else match[1], text, count=1)


def percentage(part: float) -> str:
    """Return a part of 1 as SVG writes it."""
    return f"{100 * part:.4g}%"
