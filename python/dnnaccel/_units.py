"""Numbers as a person reads them: four significant digits and a prefix, the same way everywhere."""

from __future__ import annotations

import math

__all__ = ["NONE", "count", "energy", "percent", "quantity", "ratio"]

NONE = "-"
"""What stands where a number does not apply."""

PREFIXES = {
    -15: "f",
    -12: "p",
    -9: "n",
    -6: "µ",
    -3: "m",
    0: "",
    3: "k",
    6: "M",
    9: "G",
    12: "T",
    15: "P",
    18: "E",
}


def count(value: float | None) -> str:
    """Return a plain number: "96", "105.4M", and 0.00123 as "0.00123"; None as "-"."""
    if value is None:
        return NONE
    if value == int(value) and abs(value) < 1000:
        return str(int(value))
    if abs(value) < 1:
        return f"{value:.4g}"
    digits, prefix = scaled(value)
    return digits + prefix


def quantity(value: float | None, unit: str) -> str:
    """Return a quantity in a base unit with an SI prefix: 0.00123 and "J" give "1.230 mJ"; None gives "-"."""
    if value is None:
        return NONE
    if value == 0:
        return f"0 {unit}"
    digits, prefix = scaled(value)
    return f"{digits} {prefix}{unit}"


def energy(value: float | None, unit: str) -> str:
    """Return an energy stated in `unit`: pJ become "1.234 mJ", any other unit stays itself ("7.244G MAC").

    So does what is a multiple of one: "pJ s", energy x delay, becomes "1.234 mJ s".
    """
    if value is None:
        return NONE
    first, _, rest = unit.partition(" ")
    if first == "pJ":
        return quantity(value * 1e-12, f"J {rest}".rstrip())
    return f"{count(value)} {unit}"


def percent(fraction: float | None) -> str:
    """Return a fraction as a percentage without its sign: "61.2", "<0.1" for a trace, "0" for nothing."""
    if fraction is None:
        return NONE
    if fraction == 0:
        return "0"
    return "<0.1" if abs(fraction) < 0.0005 else f"{100 * fraction:.1f}"


def ratio(value: float | None) -> str:
    """Return a ratio as "1.25x", or "n/a" where there is nothing to compare with."""
    if value is None:
        return "n/a"
    return f"{value:.2f}x" if 0.1 <= value < 1000 else f"{value:.3g}x"


def scaled(value: float) -> tuple[str, str]:
    """Return `value` as four significant digits and the SI prefix that goes with them."""
    if value == 0:
        return "0", ""
    exponent = prefix_exponent(value)
    mantissa = value / 10.0**exponent
    decimals = max(0, 3 - math.floor(math.log10(abs(mantissa))))
    text = f"{mantissa:.{decimals}f}"
    # Rounding may carry into the next prefix (999,960 is 1.000M, not 1000k) or add a digit (9.9996: 10.00).
    if abs(float(text)) >= 1000 and exponent + 3 in PREFIXES:
        exponent += 3
        text = f"{value / 10.0**exponent:.3f}"
    elif decimals and abs(float(text)) >= 10.0 ** (4 - decimals):
        text = f"{mantissa:.{decimals - 1}f}"
    return text, PREFIXES[exponent]


def prefix_exponent(value: float) -> int:
    """Return the power of ten, a multiple of 3 with a known prefix, that `value` is best written in."""
    if value == 0:
        return 0
    exponent = 3 * math.floor(math.log10(abs(value)) / 3)
    return min(max(exponent, min(PREFIXES)), max(PREFIXES))


def prefix(exponent: int) -> str:
    """Return the SI prefix of 10**`exponent` (a multiple of 3 between -15 and 18)."""
    return PREFIXES[exponent]
