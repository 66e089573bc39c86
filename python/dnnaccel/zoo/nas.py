"""Networks of cells, as neural architecture search writes them: operations on pairs of earlier states.

A cell reads the outputs of the two cells before it, `h` (the last) and `h_prev` (the one before), each first
brought to the cell's number of channels and size. Every combination applies an operation to each of two
states and joins the results into a new state: "0" is the first combination's, "1" the second's. What is not
read by any combination is concatenated. See Zoph et al., CVPR 2018, section 3; the list of operations is the
tutorial's.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from dnnaccel.builder import NetworkBuilder
from dnnaccel.errors import NetworkError, did_you_mean

__all__ = ["OPERATIONS", "Cell", "CellBuilder", "Combination"]

_MOST_COMBINATIONS = 100


@dataclass(frozen=True, slots=True)
class _Site:
    """Where an operation stands: its name, what it reads, its channels, its stride, and how it is padded."""

    name: str
    source: str
    channels: int
    stride: int
    shifted: bool

    @property
    def halves_shifted(self) -> bool:
        """Whether it halves the image, and halves the other pixels."""
        return self.shifted and self.stride > 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Combination:
    """Two operations on two states, added ("add") or concatenated ("concat").

    `left` and `right` are "h", "h_prev" or the number of an earlier combination of the cell. Raises
    `NetworkError` for an operation that is none of `OPERATIONS`, with the nearest name.
    """

    left: str
    left_op: str
    right: str
    right_op: str
    combine: str = "add"

    def __post_init__(self) -> None:
        for operation in (self.left_op, self.right_op):
            if not isinstance(operation, str) or operation not in OPERATIONS:
                raise NetworkError(
                    f"unknown operation {operation!r} of a cell; {did_you_mean(str(operation), OPERATIONS)}"
                )
        if self.combine not in ("add", "concat"):
            raise NetworkError(
                f"states are joined by 'add' or 'concat', given {self.combine!r}; "
                f"{did_you_mean(str(self.combine), ('add', 'concat'))}"
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """A cell: its combinations in order, and which states it concatenates (None: those nothing reads).

    `inputs` are the states it starts from: the two cells before it, unless a search space has others
    (`CellBuilder.states` adds such a cell). Raises `NetworkError` for a state that does not exist yet, a name
    that two states would have, and no combinations or more than 100.

    Examples
    --------
    >>> pair = Combination(left="h", left_op="separable 3x3", right="h_prev", right_op="identity")
    >>> Cell(combinations=(pair,)).outputs
    ('0',)
    """

    combinations: tuple[Combination, ...]
    concatenates: tuple[str, ...] | None = None
    inputs: tuple[str, ...] = ("h", "h_prev")

    def __post_init__(self) -> None:
        for field in ("combinations", "inputs", "concatenates"):
            value = getattr(self, field)
            if isinstance(value, list):
                object.__setattr__(self, field, tuple(value))
            elif not isinstance(value, tuple) and not (field == "concatenates" and value is None):
                raise NetworkError(f"{field} of a cell must be a tuple, given {value!r}")
        self._check_combinations()
        states = self._states()
        for number, combination in enumerate(self.combinations):
            there = states[: len(self.inputs) + number]
            for state in (combination.left, combination.right):
                if state not in there:
                    raise NetworkError(
                        f"combination {number} of a cell reads {state!r}; "
                        f"there are {', '.join(there)} by then"
                    )
        if self.concatenates == ():
            raise NetworkError(f"a cell concatenates one state at least; it has {', '.join(states)}")
        for state in self.concatenates or ():
            if state not in states:
                raise NetworkError(f"a cell concatenates {state!r}; it has {', '.join(states)}")

    def _check_combinations(self) -> None:
        if not 1 <= len(self.combinations) <= _MOST_COMBINATIONS:
            raise NetworkError(
                f"a cell needs one combination at least and {_MOST_COMBINATIONS} at most, "
                f"given {len(self.combinations)}"
            )
        for number, combination in enumerate(self.combinations):
            if not isinstance(combination, Combination):
                raise NetworkError(
                    f"combination {number} of a cell must be a Combination, given {combination!r}"
                )

    def _states(self) -> tuple[str, ...]:
        """Return the names of all states, after a check of the inputs' names."""
        for name in self.inputs:
            # Numbers are the combinations' names.
            if not isinstance(name, str) or not name or name.isdecimal():
                raise NetworkError(f"an input of a cell must have a name that is no number, given {name!r}")
        if not self.inputs or len(set(self.inputs)) < len(self.inputs):
            raise NetworkError(f"a cell needs inputs of different names, given {self.inputs!r}")
        return (*self.inputs, *map(str, range(len(self.combinations))))

    @property
    def outputs(self) -> tuple[str, ...]:
        """States that are concatenated into the cell's output."""
        if self.concatenates is not None:
            return self.concatenates
        read = {state for each in self.combinations for state in (each.left, each.right)}
        return tuple(state for state in self._states() if state not in read)


class CellBuilder:
    """Adds cells to a network, each reading the two before it."""

    def __init__(self, builder: NetworkBuilder) -> None:
        """Add cells to `builder`."""
        self.b = builder

    def cell(
        self,
        name: str,
        cell: Cell,
        *,
        h: str,
        h_prev: str,
        channels: int,
        stride: int = 1,
        adjust: bool = True,
    ) -> str:
        """Add a cell and return its output; `adjust` brings `h_prev` to the cell's channels and size.

        With `stride` 2, operations on `h` and `h_prev` halve the image. Of an even size, the released models
        halve the other pixels, as TensorFlow's padding does: they put a row and a column of zeros before the
        image and cut the first row and column of the result (of every separable convolution of the cell).
        """
        if set(cell.inputs) != {"h", "h_prev"}:
            raise NetworkError(
                f"cell {name!r} reads {', '.join(cell.inputs)}, not h and h_prev; `states` adds such a cell"
            )
        given = {
            "h_prev": self._adjusted(name, h, h_prev, channels) if adjust else h_prev,
            "h": self._pointwise(f"{name}_h", h, channels),
        }
        states = self.states(name, cell, given, channels=channels, stride=stride)
        outputs = [states[state] for state in cell.outputs]
        return outputs[0] if len(outputs) == 1 else self.b.concat(f"{name}_out", after=outputs)

    def states(
        self, name: str, cell: Cell, given: Mapping[str, str], *, channels: int, stride: int = 1
    ) -> dict[str, str]:
        """Add the combinations of a cell that reads `given` as it is; return the layer of every state.

        For networks that hand the states themselves to the next cell. `given` has a layer for each of the
        cell's inputs, all of one size. Raises `NetworkError` for one that is missing or too many.
        """
        if set(given) != set(cell.inputs):
            raise NetworkError(
                f"cell {name!r} reads {', '.join(cell.inputs)}; given {', '.join(given) or 'nothing'}"
            )
        rows, columns = self.b.shape(given[cell.inputs[0]])[2:]
        if stride > 1 and rows != columns:
            raise NetworkError(f"cell {name!r} can halve square images alone, given {rows}x{columns}")
        shifted = stride > 1 and rows % 2 == 0
        states = dict(given)
        for number, each in enumerate(cell.combinations):
            ends = []
            for side, state, word in (
                ("left", each.left, each.left_op),
                ("right", each.right, each.right_op),
            ):
                step = stride if state in cell.inputs else 1
                site = _Site(f"{name}_{number}{side}", states[state], channels, step, shifted)
                ends.append(OPERATIONS[word](self.b, site))
            join = self.b.add if each.combine == "add" else self.b.concat
            states[str(number)] = join(f"{name}_{number}", after=ends)
        return states

    def _adjusted(self, name: str, h: str, h_prev: str, channels: int) -> str:
        rows, before = self.b.shape(h)[2], self.b.shape(h_prev)[2]
        if rows == before:
            return self._pointwise(f"{name}_prev", h_prev, channels)
        return self._factorized(f"{name}_prev", h_prev, channels)

    def _pointwise(self, name: str, source: str, channels: int) -> str:
        self.b.relu(f"{name}_relu", after=source)
        self.b.conv2d(f"{name}_conv", out_channels=channels, kernel=1, bias=False)
        return self.b.batch_norm(f"{name}_norm")

    def _factorized(self, name: str, source: str, channels: int) -> str:
        """Halve the image without losing half of it: every second pixel, and those diagonally beside them."""
        b = self.b
        start = b.relu(f"{name}_relu", after=source)
        b.avg_pool(f"{name}_even", kernel=1, stride=2, after=start)
        left = b.conv2d(f"{name}_even_conv", out_channels=channels // 2, kernel=1, bias=False)
        b.pad(f"{name}_pad", rows=(0, 1), columns=(0, 1), after=start)
        b.slice(f"{name}_rows", axis=2, start=1)
        b.slice(f"{name}_columns", axis=3, start=1)
        b.avg_pool(f"{name}_odd", kernel=1, stride=2)
        right = b.conv2d(f"{name}_odd_conv", out_channels=channels - channels // 2, kernel=1, bias=False)
        b.concat(f"{name}_both", after=(left, right))
        return b.batch_norm(f"{name}_norm")


_Operation = Callable[[NetworkBuilder, _Site], str]


def _identity(b: NetworkBuilder, site: _Site) -> str:
    if site.stride == 1 and b.shape(site.source)[1] == site.channels:
        return site.source
    return _plain(1)(b, site)


def _plain(kernel: int, dilation: int = 1) -> _Operation:
    def add(b: NetworkBuilder, site: _Site) -> str:
        tip = _entered(b, site, site.halves_shifted)
        b.conv2d(
            f"{site.name}_conv",
            out_channels=site.channels,
            kernel=kernel,
            stride=site.stride,
            padding=dilation * (kernel // 2),
            dilation=dilation,
            bias=False,
            after=tip,
        )
        _leave(b, site, site.halves_shifted)
        return b.batch_norm(f"{site.name}_norm")

    return add


def _factored(kernel: int) -> _Operation:
    def add(b: NetworkBuilder, site: _Site) -> str:
        b.conv2d(
            f"{site.name}_row",
            out_channels=site.channels,
            kernel=(1, kernel),
            stride=(1, site.stride),
            padding=(0, kernel // 2),
            bias=False,
            after=_entered(b, site, site.halves_shifted),
        )
        b.conv2d(
            f"{site.name}_column",
            out_channels=site.channels,
            kernel=(kernel, 1),
            stride=(site.stride, 1),
            padding=(kernel // 2, 0),
            bias=False,
        )
        _leave(b, site, site.halves_shifted)
        return b.batch_norm(f"{site.name}_norm")

    return add


def _separable(kernel: int) -> _Operation:
    """Twice: each channel by itself, then 1x1 across channels; the first may halve the image."""

    def add(b: NetworkBuilder, site: _Site) -> str:
        tip = _entered(b, site, site.shifted)
        for turn, stride in ((1, site.stride), (2, 1)):
            b.depthwise(
                f"{site.name}_dw{turn}",
                kernel=kernel,
                stride=stride,
                padding=kernel // 2,
                bias=False,
                after=tip,
            )
            b.conv2d(f"{site.name}_pw{turn}", out_channels=site.channels, kernel=1, bias=False)
            if turn == 1:
                _leave(b, site, site.shifted)
            tip = b.batch_norm(f"{site.name}_norm{turn}")
            if turn == 1:
                tip = b.relu(f"{site.name}_relu{turn}")
        return tip

    return add


def _pooled(kind: str, kernel: int) -> _Operation:
    def add(b: NetworkBuilder, site: _Site) -> str:
        shifted = site.halves_shifted
        tip, padding = site.source, kernel // 2
        if shifted:
            tip = b.pad(f"{site.name}_pad", rows=(1, 0), columns=(1, 0), after=tip)
        if kind == "max":
            tip = b.max_pool(
                f"{site.name}_pool", kernel=kernel, stride=site.stride, padding=padding, after=tip
            )
        else:
            tip = b.avg_pool(
                f"{site.name}_pool",
                kernel=kernel,
                stride=site.stride,
                padding=padding,
                count_include_pad=False,
                after=tip,
            )
        tip = _leave(b, site, shifted) or tip
        if b.shape(tip)[1] == site.channels:
            return tip
        b.conv2d(f"{site.name}_conv", out_channels=site.channels, kernel=1, bias=False)
        return b.batch_norm(f"{site.name}_norm")

    return add


def _entered(b: NetworkBuilder, site: _Site, shifted: bool) -> str:
    """Add the activation that stands before every convolution, and the zeros of a shifted one."""
    tip = b.relu(f"{site.name}_relu", after=site.source)
    if shifted:
        tip = b.pad(f"{site.name}_pad", rows=(1, 0), columns=(1, 0))
    return tip


def _leave(b: NetworkBuilder, site: _Site, shifted: bool) -> str | None:
    """Cut the first row and column of a shifted operation."""
    if not shifted:
        return None
    b.slice(f"{site.name}_rows", axis=2, start=1)
    return b.slice(f"{site.name}_columns", axis=3, start=1)


OPERATIONS: dict[str, _Operation] = {
    "identity": _identity,
    "1x3 then 3x1": _factored(3),
    "1x7 then 7x1": _factored(7),
    "3x3 dilated": _plain(3, dilation=2),
    "1x1": _plain(1),
    "3x3": _plain(3),
    **{f"separable {k}x{k}": _separable(k) for k in (3, 5, 7)},
    **{f"average {k}x{k}": _pooled("average", k) for k in (3, 5, 7)},
    **{f"max {k}x{k}": _pooled("max", k) for k in (3, 5, 7)},
}
"""The tutorial's list: every operation of a cell by its name."""
