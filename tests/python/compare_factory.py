"""Random reports, and numbers read back from printed tables, for the tests of what compares reports."""

from __future__ import annotations

import re
from dataclasses import replace

from hypothesis import strategies as st
from report_factory import make_conv, make_report, make_vector_layer

from dnnaccel.cost import LayerReport
from dnnaccel.report import Report

PREFIXES = {
    "f": -15,
    "p": -12,
    "n": -9,
    "µ": -6,
    "m": -3,
    "": 0,
    "k": 3,
    "M": 6,
    "G": 9,
    "T": 12,
    "P": 15,
    "E": 18,
}
# "97.67M", "18.20M MAC" and "933.3 MAC" have the prefix at the digits, "17.39 mJ" and "1.085 s" at the unit.
NUMBER = re.compile(
    r"(?P<digits>\d+(?:\.\d+)?(?:e[+-]\d+)?)"
    r"(?:(?P<joined>[fpnµmkMGTPE]?)(?: (?P<counted>MAC.*))?"
    r"| (?P<apart>[fpnµmkMGTPE]?)(?P<base>(?:J|s|W|B)(?: .*)?))"
)


@st.composite
def layers(draw: st.DrawFn, name: str, unit: str = "pJ", clock: float | None = 200.0) -> LayerReport:
    """A layer with costs of its own: a convolution, a pooling, or one that is fused and costs nothing."""
    kind = draw(st.sampled_from(["conv", "conv", "pool", "fused"]))
    if kind == "pool":
        cycles = draw(st.integers(1, 10**9))
        return make_vector_layer(name, "max_pool", cycles=cycles, energy_unit=unit, clock=clock)
    if kind == "fused":
        return make_vector_layer(name, "relu", note="fused into it", energy_unit=unit, clock=clock)
    conv = make_conv(name, scale=draw(st.integers(1, 10**4)), energy_unit=unit, clock=clock)
    return replace(
        conv,
        cycles=draw(st.integers(1, 10**12)),
        mac_energy=draw(st.floats(0, 1e12, allow_subnormal=False)),
        leakage_energy=draw(st.sampled_from([0.0, 12.5])),
        bound_by=draw(st.sampled_from(["dram", "compute"])),
    )


@st.composite
def reports(
    draw: st.DrawFn, names: tuple[str, ...] = ("conv1", "relu1", "pool1", "conv2"), unit: str = "pJ"
) -> Report:
    """A report of these layers, of which the first always costs something."""
    clock = draw(st.sampled_from([200.0, 200.0, None])) if unit == "pJ" else None
    first = make_conv(names[0], scale=draw(st.integers(1, 50)), energy_unit=unit, clock=clock)
    rest = [draw(layers(name, unit, clock)) for name in names[1:]]
    return make_report(
        layers=(first, *rest), energy_unit=unit, clock=clock, batch=draw(st.sampled_from([1, 3]))
    )


def read_number(text: str) -> tuple[float, str]:
    """Return what a cell says: "17.39 mJ" is 0.01739 and "J", "97.67M" is 97.67e6 and ""."""
    match = NUMBER.fullmatch(text)
    assert match is not None, text
    prefix = match["joined"] or match["apart"] or ""
    unit = match["counted"] or match["base"] or ""
    return float(match["digits"]) * 10.0 ** PREFIXES[prefix], unit


def read_tables(text: str) -> list[list[list[str]]]:
    """Return the tables of a text as rows of cells: what stands below each rule, up to an empty line."""
    found = []
    for block in re.split(r"\n\n", text):
        lines = block.split("\n")
        rules = [i for i, line in enumerate(lines) if line and set(line) == {"─"}]
        if rules:
            body = [line for i, line in enumerate(lines) if i > rules[0] and i not in rules]
            found.append([re.split(r"\s{2,}", line.strip()) for line in body])
    return found
