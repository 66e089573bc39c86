"""From one technology to another: what the tables support, stated, and a refusal for the rest.

Energy from 45 to 65 nm: / 0.52 for everything (Stillmaker and Baas, Integration 58, 2017, as a public README
quotes it). Energy from 45 down to 7 nm: per operation, the two columns of table jouppi2021. Between two known
technologies: the straight line in the logarithms of technology and energy. Area: the factors of Stillmaker
and Baas, 130 to 7 nm, for everything.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

__all__ = ["Refused", "Scaled", "area_factor", "at_technology", "log_line", "nanometres"]

PLANAR_NM = 45.0
OLDEST_NM = 65.0
ENERGY_65_TO_45 = 0.52
# Area relative to 45 nm by technology: Stillmaker and Baas 2017, as the public wromaszkan/nodeScale holds it.
AREA_FROM_45 = {
    130.0: 6.4,
    90.0: 2.8,
    65.0: 1.5,
    45.0: 1.0,
    32.0: 0.46,
    20.0: 0.21,
    16.0: 0.19,
    14.0: 0.17,
    10.0: 0.1,
    7.0: 0.059,
}


class Refused(Exception):
    """A component cannot be estimated: which of its keys is to blame, and what could be had instead."""

    def __init__(self, key: str, sentence: str) -> None:
        super().__init__(sentence)
        self.key = key
        self.sentence = sentence


@dataclass(frozen=True, slots=True)
class Scaled:
    """An energy at the technology asked for: what the table says, times `factor`, and how that came about."""

    stated: float
    factor: float
    how: str

    @property
    def value(self) -> float:
        """The energy at the technology asked for."""
        return self.stated * self.factor


def nanometres(technology: float) -> str:
    """Return a technology as text: 45 for 45.0."""
    return f"{technology:g}"


def log_line(points: Mapping[float, float], at: float) -> float:
    """Return the value at `at` on the line through the two points around it, in logarithms of both.

    A point's own value is returned as it stands. `at` must lie between the first and the last point.
    """
    if at in points:
        return points[at]
    low = max(x for x in points if x < at)
    high = min(x for x in points if x > at)
    share = math.log(at / low) / math.log(high / low)
    return points[low] * math.pow(points[high] / points[low], share)


def at_technology(
    values: Mapping[float, float], technology: float | None, reference: Mapping[float, float], what: str
) -> Scaled:
    """Return the energy of one row at `technology`.

    `values` are the row's own energies by technology (0 for any), `reference` those of the same operation in
    the table that scales. Raises `Refused` where no technology is given or nothing leads there.
    """
    if 0.0 in values:
        return Scaled(values[0.0], 1.0, "")
    if technology is None:
        stated = " and ".join(nanometres(node) for node in sorted(values))
        sentence = f"missing; state technology_nm, of the chip or here ({what} is known at {stated} nm)"
        raise Refused("technology_nm", sentence)
    if technology in values:
        return Scaled(values[technology], 1.0, f"at {nanometres(technology)} nm")
    if min(values) < technology < max(values):
        ends = f"{nanometres(max(values))} and {nanometres(min(values))}"
        how = f"at {nanometres(technology)} nm by log interpolation between {ends} nm"
        return Scaled(log_line(values, technology), 1.0, how)
    nearest = min(values, key=lambda node: abs(math.log(node / technology)))
    source, target = _factor_from_45(nearest, reference), _factor_from_45(technology, reference)
    if source is None or target is None:
        raise Refused("technology_nm", _cannot(values, technology, reference, what, source is not None))
    factor = target / source
    rules = _rules(min(nearest, technology), max(nearest, technology))
    how = f"scaled {nanometres(nearest)} -> {nanometres(technology)} nm by {factor:.4g} ({rules})"
    return Scaled(values[nearest], factor, how)


def _factor_from_45(technology: float, reference: Mapping[float, float]) -> float | None:
    if PLANAR_NM <= technology <= OLDEST_NM:
        return log_line({PLANAR_NM: 1.0, OLDEST_NM: 1 / ENERGY_65_TO_45}, technology)
    if PLANAR_NM in reference and min(reference) <= technology < PLANAR_NM:
        return log_line(reference, technology) / reference[PLANAR_NM]
    return None


def _rules(low: float, high: float) -> str:
    rules = []
    if low < PLANAR_NM:
        rules.append("as the same operation in jouppi2021 from 45 to 7 nm")
    if high > PLANAR_NM:
        rules.append("Stillmaker and Baas, / 0.52 from 45 to 65 nm")
    return "; ".join(rules)


def _cannot(
    values: Mapping[float, float],
    technology: float,
    reference: Mapping[float, float],
    what: str,
    scalable: bool,
) -> str:
    low, high = min(values), max(values)
    if scalable:
        low = min(low, PLANAR_NM, *reference)
        high = max(high, OLDEST_NM)
    span = f"{nanometres(low)} to {nanometres(high)} nm" if low < high else f"{nanometres(low)} nm only"
    return (
        f"nothing known leads to {nanometres(technology)} nm; {what} can be had at {span} "
        f"(a technology_nm of the component's own takes it from there unscaled)"
    )


def area_factor(source: float, target: float) -> float | None:
    """Return the area at `target` nm over the area at `source` nm, or None outside 130 to 7 nm."""
    low, high = min(AREA_FROM_45), max(AREA_FROM_45)
    if not (low <= source <= high and low <= target <= high):
        return None
    return log_line(AREA_FROM_45, target) / log_line(AREA_FROM_45, source)
