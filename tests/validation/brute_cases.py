"""Random mapspaces small enough to be costed whole: a problem, a chip, a dataflow and now and then zeros."""

from __future__ import annotations

from dataclasses import dataclass, replace

from brute_force import Mapspace

from dnnaccel import _core, arch
from dnnaccel._lower import lower_chip, lower_problem, lower_rules
from dnnaccel._zeros import lower_density
from dnnaccel.arch import Array, Chip, Mac, Memory, Vector
from dnnaccel.dataflow import Dataflow, LevelConstraint, get
from dnnaccel.errors import ArchitectureError, DataflowError
from dnnaccel.mapspace import LevelRule, constrain
from dnnaccel.problem import ROLES, Problem, convolution, matmul, recurrence
from dnnaccel.sparsity import Density
from nests import axis_text
from nests_random import Choices, Seeded

# Points of a mapspace that fit the axes, at most; it has a fifth of that at least.
SIZES = (100, 400, 1_000, 3_000, 10_000, 50_000)
NAMED = ("ws", "osa", "osb", "osc", "is", "rs", "nlr", "free")


@dataclass(frozen=True)
class Case:
    """A mapspace, and all that says what its points cost."""

    problem: Problem
    chip: Chip
    flow: Dataflow
    density: Density | None = None

    def rules(self) -> tuple[LevelRule, ...]:
        """Raises `DataflowError` if the chip cannot run the dataflow."""
        return constrain(self.flow, self.chip, self.problem)

    def space(self) -> Mapspace:
        return Mapspace(self.problem, self.chip, self.rules())

    def lowered(self) -> tuple[_core.Problem, _core.Architecture, _core.Mapspace, _core.Sparsity]:
        """Return what the core takes: problem, architecture, mapspace and what zeros do."""
        return (
            lower_problem(self.problem),
            lower_chip(self.chip),
            lower_rules(self.rules(), self.problem),
            lower_density(self.density, self.chip, self.problem),
        )

    def __str__(self) -> str:
        axes = "\n".join(
            f"{tensor.role} [{', '.join(axis_text(axis) for axis in tensor.axes)}]"
            for tensor in self.problem.tensors
        )
        bounds = " ".join(f"{dim}={bound}" for dim, bound in self.problem.bounds.items())
        parts = [bounds, axes, self.chip.to_yaml(), self.flow.to_yaml()]
        return "\n".join(parts if self.density is None else [*parts, str(self.density)])


def random_case(seed: int) -> Case:
    """Return the case of a seed: what is drawn until its mapspace is neither too small nor too large."""
    choices = Seeded(seed)
    most = choices.pick(SIZES)
    while True:
        case = _draw(choices)
        if case is not None and most / 5 <= case.space().fitting(most) <= most:
            return case


def _draw(choices: Choices) -> Case | None:
    """Return a case, or None if its parts do not meet."""
    problem = _problem(choices)
    try:
        chip = _shrunken_preset(choices) if choices.chance(20) else random_chip(choices)
        flow = _flow(choices, problem, chip)
        if choices.chance(40):
            flow = get(choices.pick(NAMED))
        case = Case(problem, chip, flow, _density(choices, chip) if choices.chance(20) else None)
        case.rules()
    except (ArchitectureError, DataflowError):
        return None
    return case


def _density(choices: Choices, chip: Chip) -> Density | None:
    top = chip.levels[0]
    assert isinstance(top, Memory)
    if "outputs" in top.formats and (chip.mac.skips or top.gated_by):
        # What is never computed is never written, and then a format has nothing to make smaller.
        return None
    return Density(**{role: choices.integer(1, 100) / 100 for role in ROLES})


# ------------------------------------------------------------------------------------------------------------
# Problems


def _problem(choices: Choices) -> Problem:
    kind = choices.pick([*["convolution", "window"] * 2, "depthwise", "product", "linear", "steps"])
    if kind == "product":
        g, p, m, c = _sizes(choices, 4, 12)
        return matmul(batch=g, rows=p, columns=m, inner=c)
    if kind == "steps":
        n, p, m, c = _sizes(choices, 4, 8)
        return recurrence(batch=n, steps=min(p, 4), outputs=m, inner=c)
    if kind == "linear":
        n, m, c = _sizes(choices, 3, 16)
        return _convolve(choices, n, 1, m, c, (1, 1), (1, 1))
    if kind == "depthwise":
        g, p, q, r, s = _sizes(choices, 5, 7)
        return _convolve(choices, 1, g, 1, 1, (p, q), (min(r, 3), min(s, 3)))
    if kind == "window":
        q, s, (m, c) = choices.integer(2, 9), choices.integer(2, 4), _sizes(choices, 2, 3)
        return _convolve(choices, 1, 1, m, c, (1, q), (1, s))
    n, g, m, c, p, q, r, s = _sizes(choices, 8, 9)
    return _convolve(choices, min(n, 3), min(g, 3), m, c, (p, q), (min(r, 4), min(s, 4)))


def _sizes(choices: Choices, dims: int, most: int) -> list[int]:
    """Bounds of so many dims; one to four of them are more than 1."""
    sizes = [1] * dims
    for place in choices.shuffled(range(dims))[: choices.integer(1, 4)]:
        sizes[place] = choices.integer(2, most)
    return sizes


def _convolve(
    choices: Choices, n: int, g: int, m: int, c: int, out: tuple[int, int], kernel: tuple[int, int]
) -> Problem:
    stride, dilation, padding = (
        (choices.pick(some), choices.pick(some)) for some in ((1, 1, 2, 3), (1, 1, 1, 2), (0, 0, 1, 2))
    )
    sizes = []
    for axis in (0, 1):
        size = (out[axis] - 1) * stride[axis] + (kernel[axis] - 1) * dilation[axis] + 1 - 2 * padding[axis]
        # Cut short now and then (its end is padding too), or with rows that nobody wants.
        sizes.append(max(1, size + (choices.integer(-2, 2) if choices.chance(20) else 0)))
    return convolution(
        batch=n,
        groups=g,
        out_channels=m,
        in_channels=c,
        out_size=out,
        in_size=(sizes[0], sizes[1]),
        kernel=kernel,
        stride=stride,
        padding=padding,
        dilation=dilation,
    )


# ------------------------------------------------------------------------------------------------------------
# Chips


def random_chip(choices: Choices) -> Chip:
    """Return a chip of a few memories, and up to two arrays among them.

    Raises `ArchitectureError` if its parts do not make one.
    """
    decimal = choices.chance(50)
    kinds = ["memory"] * choices.integer(1, 3) + ["array"] * choices.pick([0, 1, 1, 1, 2])
    levels: list[Memory | Array] = []
    for n, kind in enumerate(choices.shuffled(kinds)):
        if kind == "array":
            levels.append(_array(choices, f"array{n}", decimal))
        elif choices.chance(15):  # a memory of its own for each tensor, one beside the other
            for role in choices.shuffled(ROLES)[: choices.integer(2, 3)]:
                level = _memory(choices, f"memory{n}_{role}", decimal, outermost=False)
                levels.append(replace(level, keeps=(role,), may_bypass=(), formats={}))
        else:
            levels.append(_memory(choices, f"memory{n}", decimal, outermost=False))
    leaks = choices.chance(20)
    operands = choices.pick([(), ("inputs",), ("weights",), ("inputs", "weights")])
    skips = choices.chance(50)
    return Chip(
        name="drawn",
        word_bits=8,
        energy_unit="pJ",
        clock_mhz=100.0 if leaks else None,
        rest_leakage_mw=_energy(choices, 10, decimal) if leaks else None,
        levels=(_memory(choices, "ram", decimal, outermost=True), *levels),
        mac=Mac(
            energy=_energy(choices, 9, decimal),
            gates=() if skips else operands,
            skips=operands if skips else (),
        ),
        vector=Vector(lanes=1, op_energy=1, memory="ram"),
    )


def _shrunken_preset(choices: Choices) -> Chip:
    """Return a chip of the package with a handful of PEs, and memories of a few words."""
    chip = arch.load(choices.pick(arch.names()))
    changes: dict[str, object] = {}
    for level in chip.levels:
        if isinstance(level, Array):
            for axis in ("rows", "columns"):
                changes[f"{level.name}.{axis}"] = min(getattr(level, axis), choices.integer(1, 4))
        elif level.size_bytes is not None:
            words = choices.pick([2, 4, 8, 20, 60, 200])
            size = -(-words * level.word_bits // 8)
            changes[f"{level.name}.size_bytes"] = min(level.size_bytes, size)
    return chip.override(changes)


def _energy(choices: Choices, most: int, decimal: bool) -> float:
    return choices.integer(0, 997 * most) / 997 if decimal else choices.integer(0, most)


def _memory(choices: Choices, name: str, decimal: bool, *, outermost: bool) -> Memory:
    most = 400 if outermost else 20
    keeps = ROLES if outermost or choices.chance(60) else tuple(choices.some(ROLES, 60)) or ROLES[:1]
    ports: dict[str, float] = {}
    for port in choices.pick(
        [[], ["bytes_per_cycle"], ["read_bytes_per_cycle", "write_bytes_per_cycle"], ["read_bytes_per_cycle"]]
    ):
        ports[port] = choices.pick([0.3, 0.5, 1.0, 2.0, 3.0, 8.0])
    alike = choices.chance(50)
    read = _energy(choices, most, decimal)
    return Memory(
        name=name,
        size_bytes=None if outermost else choices.pick([2, 3, 4, 6, 8, 12, 20, 40, 100]),
        word_bits=choices.pick([8, 8, 8, 4]),
        keeps=keeps,
        may_bypass=() if outermost or choices.chance(60) else tuple(choices.some(keeps, 50)),
        buffering=choices.pick(["single", "double", "stream"]),
        read_energy=read,
        write_energy=read if alike else _energy(choices, most, decimal),
        formats=dict.fromkeys(keeps, "bitmask") if choices.chance(20) else {},
        gated_by=tuple(choices.some(ROLES[:2], 20)),
        **ports,
    )


def _array(choices: Choices, name: str, decimal: bool) -> Array:
    def dims() -> str | tuple[str, ...]:
        how = choices.pick(["all", "all", "none", "some"])
        return tuple(choices.some("NGMCPQRS", 50)) if how == "some" else how

    reduce = dims()
    return Array(
        name=name,
        rows=choices.integer(1, 4),
        columns=choices.integer(1, 4),
        multicast=dims(),
        reduce=reduce if isinstance(reduce, str) else tuple(dim for dim in reduce if dim in "CRS"),
        forwards=tuple(choices.some(ROLES[:2], 15)),
        charge={role: choices.pick(["none", "delivery", "hop"]) for role in ROLES},
        energy=_energy(choices, 9, decimal),
        words_per_cycle={role: choices.pick([0.5, 1.0, 2.0]) for role in choices.some(ROLES, 15)},
    )


# ------------------------------------------------------------------------------------------------------------
# Dataflows


def _flow(choices: Choices, problem: Problem, chip: Chip) -> Dataflow:
    """Constraints on what stays and what is spread, and on levels: dims, orders, tiles and what is kept."""
    dims = [dim for dim, bound in problem.bounds.items() if bound > 1]
    levels = {}
    for level in chip.levels:
        if isinstance(level, Array):
            for name, room in level.axes:
                if choices.chance(40):
                    levels[name] = _axis_constraint(choices, problem, dims, room)
        elif choices.chance(50):
            levels[level.name] = _memory_constraint(choices, problem, dims, level)
    general = choices.chance(30)
    return Dataflow(
        name="drawn",
        stationary=tuple(choices.some(ROLES, 50)) if choices.chance(10) else None,
        inside=tuple(choices.some(dims, 60)) if general and choices.chance(50) else None,
        outside=tuple(choices.some(dims, 40)) if general else (),
        rows=tuple(choices.some(dims, 60)) if general and choices.chance(50) else None,
        columns=tuple(choices.some(dims, 60)) if general and choices.chance(50) else None,
        levels=levels,
    )


def _tiles(choices: Choices, problem: Problem, dims: list[str], percent: int) -> dict[str, int]:
    return {
        dim: choices.integer(1, problem.bounds[dim])
        for dim in dims
        if dim not in problem.sequential and choices.chance(percent)
    }


def _axis_constraint(choices: Choices, problem: Problem, dims: list[str], room: int) -> LevelConstraint:
    # On an axis of one instance nothing can be fixed.
    tiles = _tiles(choices, problem, dims, 15) if room > 1 else {}
    return LevelConstraint(dims=tuple(choices.some(dims, 50)), tiles=tiles)


def _memory_constraint(choices: Choices, problem: Problem, dims: list[str], level: Memory) -> LevelConstraint:
    outermost = level.name == "ram"
    split = None if outermost or choices.chance(40) else tuple(choices.some(dims, 60))
    keeps = tuple(choices.some(level.keeps, 70)) if not outermost and choices.chance(20) else None
    return LevelConstraint(
        dims=split,
        order=tuple(choices.shuffled(dims)[: choices.integer(0, 4)]) if choices.chance(60) else (),
        tiles=_tiles(choices, problem, dims, 15),
        keeps=keeps,
    )


# ------------------------------------------------------------------------------------------------------------
# What a search got wrong once


def _free_chip(*levels: Memory | Array) -> Chip:
    """Return a chip of which nothing costs energy but what its levels say."""
    ram = Memory(name="ram", buffering="stream", read_energy=397, write_energy=0)
    return Chip(
        name="found",
        word_bits=8,
        energy_unit="pJ",
        levels=(ram, *levels),
        mac=Mac(energy=0),
        vector=Vector(lanes=1, op_energy=1, memory="ram"),
    )


def _padded_windows() -> Case:
    problem = convolution(
        batch=1,
        groups=1,
        out_channels=1,
        in_channels=1,
        out_size=(1, 3),
        in_size=(2, 18),
        kernel=(1, 4),
        stride=(1, 3),
        padding=(0, 2),
    )
    chip = _free_chip(
        Array(name="outer", rows=2, reduce="all", energy=0),
        Memory(name="buffer", size_bytes=8, buffering="stream", read_energy=0, write_energy=1),
        Array(name="inner", rows=4, columns=3, reduce="all", energy=0),
    )
    return Case(problem, chip, get("free"))


def _fixed_rows() -> Case:
    charge = {"weights": "hop", "outputs": "delivery"}
    chip = _free_chip(
        Array(name="outer", rows=2, columns=2, reduce="all", charge=charge, energy=8.5),
        Array(name="inner", rows=1, columns=2, reduce="all", energy=0),
    )
    flow = Dataflow(name="fixed", levels={"outer.rows": LevelConstraint(tiles={"C": 3})})
    return Case(matmul(batch=1, rows=1, columns=1, inner=4), chip, flow)


FOUND = {
    "windows beside padding, and a short last chunk": _padded_windows(),
    "a fixed tile on rows, and columns that fill up with less": _fixed_rows(),
}
