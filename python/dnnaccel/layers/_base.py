"""What every kind of layer has."""

from __future__ import annotations

import dataclasses
import functools
import math
import operator
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from dnnaccel.errors import LayerError
from dnnaccel.problem import MAX_MACS, Problem, check_macs

__all__ = ["Layer", "Pair", "Shape", "whole_number"]

Pair = int | tuple[int, int]
"""A size in rows and columns; one int means both. A layer always stores the tuple."""

Shape = tuple[int, ...]
"""Sizes of a tensor's axes, batch first."""

MAX_SIZE = 2**31 - 1
"""Largest single size, stride or padding: sums and products of two of them fit 64 bits."""


def whole_number(value: object, *, minimum: int) -> int | None:
    """Return `value` as an int if it is a whole number from `minimum` to 2**31 - 1, else None."""
    if type(value) is int:
        return value if minimum <= value <= MAX_SIZE else None
    # NumPy integers are whole numbers too; True is an int for Python, but never a size that was meant.
    if isinstance(value, bool) or not hasattr(value, "__index__"):
        return None
    number = operator.index(value)
    return number if minimum <= number <= MAX_SIZE else None


def _is_text(value: object) -> bool:
    return isinstance(value, str)


def as_pair(value: Pair) -> tuple[int, int]:
    return value if isinstance(value, tuple) else (value, value)


def times(pair: tuple[int, int]) -> str:
    return f"{pair[0]}x{pair[1]}"


@functools.cache
def _fields(kind: type[Layer]) -> tuple[tuple[str, ...], Callable[[Layer], tuple[Any, ...]]]:
    """Return the names of the fields, and what gets their values."""
    names = tuple(field.name for field in dataclasses.fields(kind))
    return names, operator.attrgetter(*names)


class _Inferred:
    """Room for what a layer's fields imply, inferred once; no field: never compared, printed or pickled."""

    __slots__ = ("_output_shape",)

    _output_shape: Shape


@dataclass(frozen=True, slots=True, kw_only=True)
class Layer(_Inferred, ABC):
    """One operation of a network: what every kind of layer has.

    Parameters
    ----------
    name
        Unique in its network.
    inputs
        Names of the layers, or of the network's inputs, that it reads.
    input_shapes
        One shape per input, batch first; empty until a `Network` fills it in.
    weights_from
        Name of an earlier layer of the network whose learned numbers this one uses; None: its own. A
        network's totals count shared numbers once.

    Raises
    ------
    LayerError
        If a parameter or a shape makes no sense; says the layer, what was given and what would be right.
        Also when a size is asked of a layer that has no `input_shapes` yet.
    """

    kind: ClassVar[str]
    """Word for the kind of layer, as reports print it."""

    fusable: ClassVar[bool] = False
    """Whether it is elementwise with one input, so that a chip can apply it to results on their way out."""

    is_view: ClassVar[bool] = False
    """Whether it only renames coordinates: no word moves."""

    in_place: ClassVar[bool] = False
    """Whether it only sets tensors side by side, so that a chip can write its inputs where they belong."""

    # How many inputs it takes; None: two or more.
    _arity: ClassVar[int | None] = 1
    # Smallest legal value of each whole-number field, and of each field that is a pair.
    _integers: ClassVar[Mapping[str, int]] = {}
    _pairs: ClassVar[Mapping[str, int]] = {}

    name: str
    inputs: tuple[str, ...] = ()
    input_shapes: tuple[Shape, ...] = ()
    weights_from: str | None = None

    def __post_init__(self) -> None:
        inputs = self.inputs
        self._check_name(self.name)
        if type(inputs) is not tuple or not all(map(_is_text, inputs)):
            self._set("inputs", self._read_inputs(inputs))
        self._fill_in()
        for field, minimum in self._integers.items():
            given = getattr(self, field)
            number = self._integer(field, given, minimum)
            if number is not given:
                self._set(field, number)
        for field, minimum in self._pairs.items():
            self._set(field, self._read_pair(field, getattr(self, field), minimum))
        if self.input_shapes != ():
            self._set("input_shapes", self._read_shapes())
        if self.inputs:
            self._check_arity(self.inputs)
        if self.input_shapes:
            self._check_arity(self.input_shapes)
            self._check_sizes()

    def reading(self, inputs: tuple[str, ...], input_shapes: tuple[Shape, ...]) -> Layer:
        """Return this layer on other inputs, of known sound shapes.

        As `dataclasses.replace`, but what was checked when this layer was made is not checked again. Raises
        `LayerError` for inputs or shapes that the layer cannot take.
        """
        if type(self).__post_init__ is not Layer.__post_init__:
            # A kind with checks of its own gets them all.
            return dataclasses.replace(self, inputs=inputs, input_shapes=input_shapes)
        other = self._copy()
        other._set("inputs", inputs)
        other._set("input_shapes", input_shapes)
        other._fill_in()
        other._check_arity(inputs)
        other._check_sizes()
        return other

    def renamed(self, name: str, inputs: tuple[str, ...]) -> Layer:
        """Return this layer under another name, on other inputs of the same shapes.

        Raises `LayerError` for a name that is none, or another number of inputs.
        """
        if type(self).__post_init__ is not Layer.__post_init__:
            return dataclasses.replace(self, name=name, inputs=inputs)
        self._check_name(name)
        self._check_arity(inputs)
        other = self._copy()
        other._set("name", name)
        other._set("inputs", inputs)
        other._set("_output_shape", self.output_shape)
        return other

    def _copy(self) -> Layer:
        # Without what is inferred of the shapes, which may change.
        other, put = object.__new__(type(self)), object.__setattr__
        names, values = _fields(type(self))
        for name, value in zip(names, values(self), strict=True):
            put(other, name, value)
        return other

    @property
    def output_shape(self) -> Shape:
        """Shape of the output, batch first."""
        try:
            return self._output_shape
        except AttributeError:
            shape = self._infer(self._shapes())
            object.__setattr__(self, "_output_shape", shape)
            return shape

    @property
    def problem(self) -> Problem | None:
        """The loop nest that a chip executes, or None if the layer has no MACs."""
        self._shapes()
        return None

    @property
    def macs(self) -> int:
        """Multiply-accumulates, for the whole batch; those on padding zeros are counted, biases are not."""
        problem = self.problem
        return 0 if problem is None else problem.macs

    @property
    def weights(self) -> int:
        """Elements of the convolution's or matrix product's weights, biases not counted."""
        return 0

    @property
    def parameters(self) -> int:
        """Learned numbers: weights, biases, and scale and shift of a normalisation."""
        return self.weights

    @property
    def parameters_read(self) -> int:
        """Learned or constant numbers that one run of a layer without MACs fetches, for the whole batch."""
        return self.parameters

    @property
    def ops(self) -> int:
        """Vector operations for the whole batch; of a layer with MACs only those of its gates.

        Biases are free.
        """
        return 0

    @abstractmethod
    def _infer(self, shapes: tuple[Shape, ...]) -> Shape:
        """Return the output shape for `shapes`, or raise `LayerError`."""

    def _fill_in(self) -> None:
        """Set the fields whose default depends on others; called before any field is checked."""

    def _error(self, text: str) -> LayerError:
        return LayerError(f"{self.kind} {self.name!r}: {text}")

    def _set(self, field: str, value: object) -> None:
        object.__setattr__(self, field, value)

    def _shapes(self) -> tuple[Shape, ...]:
        if not self.input_shapes:
            raise self._error("its input shapes are not known; give input_shapes, or put it into a Network")
        return self.input_shapes

    def _integer(self, what: str, value: object, minimum: int) -> int:
        if type(value) is int and minimum <= value <= MAX_SIZE:  # as nearly all are
            return value
        number = whole_number(value, minimum=minimum)
        if number is None:
            raise self._error(f"{what} must be a whole number from {minimum} to 2**31 - 1, given {value!r}")
        return number

    def _read_number(self, field: str, minimum: float | None = None) -> None:
        """Make a field a float; it must be finite, and `minimum` or more if that is given."""
        value = getattr(self, field)
        try:
            number = (
                float(value) if isinstance(value, int | float) and not isinstance(value, bool) else math.nan
            )
        except OverflowError:
            number = math.inf
        if not math.isfinite(number) or (minimum is not None and number < minimum):
            least = "" if minimum is None else f" from {minimum:g} on"
            raise self._error(f"{field} must be a finite number{least}, given {value!r}")
        if number is not value:
            self._set(field, number)

    def _check_name(self, name: object) -> None:
        if not (isinstance(name, str) and name and name.isprintable()):
            raise LayerError(
                f"{self.kind} layer: name {name!r} must be a non-empty text of printable characters"
            )

    def _read_inputs(self, given: Any) -> tuple[str, ...]:
        # A lone name would otherwise be taken apart into its letters.
        inputs = (given,) if isinstance(given, str) else given
        if not (isinstance(inputs, (tuple, list)) and all(map(_is_text, inputs))):
            raise self._error(f"inputs must be names of layers, as ('conv1',), given {inputs!r}")
        return tuple(inputs)

    def _read_pair(self, what: str, value: Any, minimum: int) -> tuple[int, int]:
        if type(value) is int and minimum <= value <= MAX_SIZE:
            return (value, value)
        if not isinstance(value, (tuple, list)):
            size = self._integer(what, value, minimum)
            return (size, size)
        if len(value) != 2:
            raise self._error(f"{what} must be one number, or two (rows, columns), given {value!r}")
        return (self._integer(what, value[0], minimum), self._integer(what, value[1], minimum))

    def _read_shapes(self) -> tuple[Shape, ...]:
        shapes: Any = self.input_shapes
        if not isinstance(shapes, (tuple, list)) or not all(
            isinstance(shape, (tuple, list)) and len(shape) >= 2 for shape in shapes
        ):
            raise self._error(
                "input_shapes must hold one shape per input, batch first, as ((1, 3, 224, 224),), "
                f"given {shapes!r}"
            )
        return tuple(
            tuple(self._integer("every size of a shape", size, 1) for size in shape) for shape in shapes
        )

    def _check_arity(self, inputs: tuple[object, ...]) -> None:
        count = len(inputs)
        if count == self._arity or (self._arity is None and count >= 2):
            return
        wanted = "two inputs or more" if self._arity is None else f"{self._arity} input"
        plural = "" if self._arity in (None, 1) else "s"
        raise self._error(f"takes {wanted}{plural}, given {count}: {', '.join(map(repr, inputs))}")

    def _check_sizes(self) -> None:
        # Inferring the output checks the shapes; what is left is that every count stays exact in 64 bits.
        for shape in (*self.input_shapes, self.output_shape):
            if math.prod(shape) > MAX_MACS:
                raise self._error(
                    f"shape {shape} has {math.prod(shape)} elements; at most 2**53 can be counted"
                )
        try:
            check_macs(self.macs)
            operations = self.ops
        except LayerError as error:
            raise self._error(str(error)) from None
        if operations > MAX_MACS:
            raise self._error(f"{operations} vector operations in one layer; at most 2**53 can be counted")

    def _image(self, shape: Shape) -> tuple[int, int, int, int]:
        if len(shape) != 4:
            raise self._error(f"takes an image (N, C, H, W), given {shape}")
        return (shape[0], shape[1], shape[2], shape[3])

    def _axis(self, axis: int, shape: Shape) -> int:
        rank = len(shape)
        if not -rank < axis < rank or axis == 0:
            raise self._error(
                f"axis {axis} of {shape} must lie in 1..{rank - 1} or count from the end (0 is the batch)"
            )
        return axis % rank


def window_positions(
    layer: Layer,
    shape: Shape,
    *,
    kernel: tuple[int, int],
    stride: tuple[int, int],
    padding: tuple[int, int],
    dilation: tuple[int, int] = (1, 1),
    ceil_mode: bool = False,
) -> tuple[int, int]:
    """Return how many windows fit the image `shape` in rows and in columns."""
    reach = (dilation[0] * (kernel[0] - 1) + 1, dilation[1] * (kernel[1] - 1) + 1)
    room = (shape[2] + 2 * padding[0], shape[3] + 2 * padding[1])
    if reach[0] > room[0] or reach[1] > room[1]:
        dilated = "" if dilation == (1, 1) else f" (spread over {times(reach)})"
        raise layer._error(
            f"kernel {times(kernel)}{dilated} does not fit input {shape} with padding {times(padding)}; "
            f"rows must be at least {max(1, reach[0] - 2 * padding[0])} "
            f"and columns at least {max(1, reach[1] - 2 * padding[1])}"
        )
    rows = (room[0] - reach[0]) // stride[0] + 1
    columns = (room[1] - reach[1]) // stride[1] + 1
    if ceil_mode:
        # As PyTorch: the rest gets a window too, but none that would start beyond the input.
        if (room[0] - reach[0]) % stride[0] and rows * stride[0] < shape[2] + padding[0]:
            rows += 1
        if (room[1] - reach[1]) % stride[1] and columns * stride[1] < shape[3] + padding[1]:
            columns += 1
    return (rows, columns)
