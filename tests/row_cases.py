"""Random convolutions and row-stationary mappings on small arrays, and what their outputs must be."""

from __future__ import annotations

import random
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from dnnaccel import _core
from dnnaccel.problem import ROLES, Problem, convolution
from nests import role_mask

Loop = tuple[str, int, int]  # dim, step, axis of the array


@dataclass(frozen=True, slots=True, kw_only=True)
class RowCase:
    """A problem, a chip of a buffer, a filter buffer and an array, and a mapping."""

    problem: Problem
    stride: tuple[int, int]
    dilation: tuple[int, int]
    padding: tuple[int, int]
    loops: dict[str, list[Loop]]
    words_per_cycle: tuple[float | None, float | None, float | None]
    spare_words: int | None
    rows: int
    columns: int

    def lower(self) -> tuple[_core.Problem, _core.Architecture, _core.Mapping]:
        """Return the core's objects; scratchpads are as large as their tiles and what is spare."""
        dims = list(self.problem.bounds)
        axes = [
            [
                ([(dims.index(dim), factor) for dim, factor in axis.terms], axis.offset, axis.size)
                for axis in self.problem.tensor(role).axes
            ]
            for role in ROLES
        ]
        left = dict(self.problem.bounds)
        for level in ("dram", "glb", "filter_buffer", "array"):
            for dim, step, _ in self.loops[level]:
                left[dim] = min(left[dim], step)
        taps = left["C"] * left.get("S", 1)
        tiles = {"inputs": taps, "weights": taps * left["M"], "outputs": left["M"]}
        levels: list[_core.Memory | _core.Array] = []
        nest = []
        for name, keeps in (
            ("dram", {"inputs", "weights", "outputs"}),
            ("glb", {"inputs", "outputs"}),
            ("filter_buffer", {"weights"}),
            ("array", set()),
            ("inputs", {"inputs"}),
            ("weights", {"weights"}),
            ("outputs", {"outputs"}),
        ):
            mask = role_mask(frozenset(keeps))
            loops = [(dims.index(dim), step, axis) for dim, step, axis in self.loops.get(name, [])]
            nest.append((loops, mask))
            if name == "array":
                levels.append(array(self.rows, self.columns, self.words_per_cycle))
            elif name in tiles and self.spare_words is not None:
                levels.append(memory(name, mask, tiles[name] + self.spare_words))
            else:
                levels.append(memory(name, mask, None))
        problem = _core.Problem(dims, list(self.problem.bounds.values()), axes)
        return problem, _core.Architecture(levels, 1.0), _core.Mapping(nest)

    def __str__(self) -> str:
        bounds = " ".join(f"{dim}={bound}" for dim, bound in self.problem.bounds.items())
        lines = [f"{level}: {loops}" for level, loops in self.loops.items()]
        return "\n".join([bounds, f"{self.stride} {self.dilation} {self.padding}", *lines])


def memory(name: str, keeps: int, words: int | None) -> _core.Memory:
    """Return a memory."""
    return _core.Memory(
        name=name,
        capacity_words=words,
        word_bits=16,
        keeps=keeps,
        read_energy=1,
        write_energy=1,
        read_bandwidth=None,
        write_bandwidth=None,
        shared_bandwidth=None,
        buffering=_core.Buffering.single,
    )


def array(rows: int, columns: int, words_per_cycle: tuple[float | None, ...]) -> _core.Array:
    """Return an array as a row-stationary chip has it."""
    return _core.Array(
        name="array",
        rows=rows,
        columns=columns,
        multicast=None,
        reduce=["C", "R"],
        forwards=0,
        charge=[_core.Charge.none] * 3,
        energy=0,
        bandwidth=list(words_per_cycle),
    )


def random_case(rng: random.Random) -> RowCase:
    """Draw a case: any split of any dim that a row-stationary array can take, edges and all."""
    stride = (rng.randint(1, 3), rng.randint(1, 3))
    dilation = (rng.randint(1, 2), rng.randint(1, 2))
    padding = (rng.randint(0, 2), rng.randint(0, 2))
    kernel = (rng.randint(1, 4), rng.randint(1, 4))
    out_size = (rng.randint(1, 5), rng.randint(1, 6))
    # What follows the last row or column may be padding too.
    last = [(out_size[a] - 1) * stride[a] + (kernel[a] - 1) * dilation[a] for a in (0, 1)]
    in_size = (
        max(1, last[0] + 1 - padding[0] - rng.randint(0, 2)),
        max(1, last[1] + 1 - padding[1] - rng.randint(0, 2)),
    )
    problem = convolution(
        batch=rng.randint(1, 2),
        groups=rng.randint(1, 2),
        out_channels=rng.randint(1, 7),
        in_channels=rng.randint(1, 5),
        out_size=out_size,
        in_size=in_size,
        kernel=kernel,
        stride=stride,
        padding=padding,
        dilation=dilation,
    )
    return _map(rng, problem, stride, dilation, padding)


def _map(
    rng: random.Random,
    problem: Problem,
    stride: tuple[int, int],
    dilation: tuple[int, int],
    padding: tuple[int, int],
) -> RowCase:
    bounds = problem.bounds
    inside = {dim: rng.randint(1, bounds[dim]) for dim in ("C", "M", "S")}
    if rng.random() < 0.7:
        inside["S"] = bounds["S"]
    spread: list[Loop] = []
    into = {dim: inside.get(dim, 1) for dim in bounds}
    used = [1, 1]
    for dim in rng.sample(["R", "P", "G", "C", "M", "P"], 6):
        trips = rng.randint(1, 4)
        extent = min(bounds[dim], into[dim] * trips)
        axis = 0 if dim == "R" else rng.randint(0, 1)
        trips = -(-extent // into[dim])
        if trips == 1 or used[axis] * trips > 6:
            continue
        used[axis] *= trips
        spread.insert(0, (dim, into[dim], axis))
        into[dim] = extent
    # The core takes rows first, then columns, so a dim cut along both must be cut along rows first.
    ordered = [loop for axis in (0, 1) for loop in spread if loop[2] == axis]
    if any(a[0] == b[0] and a[1] < b[1] for i, a in enumerate(ordered) for b in ordered[i:]):
        return _map(rng, problem, stride, dilation, padding)
    outside: list[Loop] = []
    for dim, bound in bounds.items():
        cuts = [into[dim]]
        if bound > into[dim] and rng.random() < 0.3:
            cuts.insert(0, rng.randint(into[dim], bound))
        outside += [(dim, cut, 0) for cut in cuts if cut < bound]
    rng.shuffle(outside)
    outside = _in_order(outside)
    cut_points = sorted(rng.randint(0, len(outside)) for _ in range(2))
    inner: list[Loop] = [("C", 1, 0), ("S", 1, 0), ("M", 1, 0)]
    if rng.random() < 0.3:
        inner.append(("M", 2, 0))
    rng.shuffle(inner)
    width = rng.choice([(None, None, None), (1.0, 4.0, 4.0), (2.0, 1.0, 1.5), (0.5, 3.0, 0.25)])
    return RowCase(
        problem=problem,
        stride=stride,
        dilation=dilation,
        padding=padding,
        loops={
            "dram": outside[: cut_points[0]],
            "glb": outside[cut_points[0] : cut_points[1]],
            "filter_buffer": outside[cut_points[1] :],
            "array": ordered,
            "outputs": _in_order(inner),
        },
        words_per_cycle=width,
        spare_words=rng.choice([None, 0, 3]),
        rows=used[0] + rng.randint(0, 1),
        columns=used[1] + rng.randint(0, 1),
    )


def _in_order(loops: list[Loop]) -> list[Loop]:
    """Keep the places of every dim's loops, the larger step of a dim in the first of its places."""
    steps = {dim: sorted((s for d, s, _ in loops if d == dim), reverse=True) for dim, _, _ in loops}
    return [(dim, steps[dim].pop(0), axis) for dim, _, axis in loops]


Values = npt.NDArray[np.int32]


def operands(case: RowCase, rng: np.random.Generator, zeros: float = 0.3) -> tuple[Values, Values]:
    """Draw inputs, some of them zero, and weights."""
    shapes = [[axis.size for axis in case.problem.tensor(role).axes] for role in ("inputs", "weights")]
    inputs, weights = (rng.integers(-128, 128, shape).astype(np.int32) for shape in shapes)
    inputs[rng.random(inputs.shape) < zeros] = 0
    return inputs, weights


def windows(case: RowCase, inputs: Values) -> npt.NDArray[np.int64]:
    """Return what every output sees: axes N, G, C, P, Q, R, S."""
    bounds = case.problem.bounds
    by_group = inputs.reshape(bounds["N"], bounds["G"], bounds["C"], *inputs.shape[-2:]).astype(np.int64)
    rows, columns = (
        np.arange(bounds[out])[:, None] * case.stride[a] + np.arange(bounds[tap])[None, :] * case.dilation[a]
        for a, (out, tap) in enumerate((("P", "R"), ("Q", "S")))
    )
    pads = [(0, 0)] * 3 + [(case.padding[0], int(rows.max()) + 1), (case.padding[1], int(columns.max()) + 1)]
    return np.pad(by_group, pads)[:, :, :, rows[:, None, :, None], columns[None, :, None, :]]


def convolve(case: RowCase, inputs: Values, weights: Values) -> Values:
    """Return the outputs: the slow, obvious way."""
    bounds = case.problem.bounds
    by_group = weights.reshape(*(bounds[dim] for dim in "GMCRS")).astype(np.int64)
    sums = np.einsum("ngcpqrs,gmcrs->ngmpq", windows(case, inputs), by_group)
    return sums.astype(np.int32).reshape([axis.size for axis in case.problem.tensor("outputs").axes])


def zero_macs(case: RowCase, inputs: Values) -> int:
    """Return how many MACs meet a zero input, padding included."""
    return int((windows(case, inputs) == 0).sum()) * case.problem.bounds["M"]
