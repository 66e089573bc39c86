"""Layers: frozen descriptions of one operation each, with their shapes, sizes and MAC counts.

Shapes have the batch first: (N, C, H, W) for images, (N, features) for vectors. A layer made by hand gets its
`input_shapes`; a layer of a `Network` gets them from the layers before it.

Work without MACs is counted in vector operations (`Layer.ops`): an addition, a multiplication, a comparison
or one evaluation of a function (exponential, power, tanh: a table look-up in most chips) on one element is
one operation. A window that hangs over the padding is counted in full, as its MACs would be.
"""

from __future__ import annotations

import math
import operator
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from dnnaccel.errors import LayerError
from dnnaccel.problem import MAX_MACS, Problem, convolution, matmul

__all__ = [
    "LRN",
    "Add",
    "AvgPool2d",
    "BatchNorm",
    "Concat",
    "Conv2d",
    "DepthwiseConv2d",
    "Flatten",
    "GlobalAvgPool2d",
    "GlobalMaxPool2d",
    "Layer",
    "Linear",
    "MatMul",
    "MaxPool2d",
    "Pair",
    "ReLU",
    "Shape",
    "Sigmoid",
    "Softmax",
    "Tanh",
]

Pair = int | tuple[int, int]
"""A size in rows and columns; one int means both. A layer always stores the tuple."""

Shape = tuple[int, ...]
"""Sizes of a tensor's axes, batch first."""

MAX_SIZE = 2**31 - 1
"""Largest single size, stride or padding: sums and products of two of them fit 64 bits."""


def whole_number(value: object, *, minimum: int) -> int | None:
    """Return `value` as an int if it is a whole number from `minimum` to 2**31 - 1, else None."""
    # NumPy integers are whole numbers too; True is an int for Python, but never a size that was meant.
    if isinstance(value, bool) or not hasattr(value, "__index__"):
        return None
    number = operator.index(value)
    return number if minimum <= number <= MAX_SIZE else None


def _pair(value: Pair) -> tuple[int, int]:
    return value if isinstance(value, tuple) else (value, value)


def _times(pair: tuple[int, int]) -> str:
    return f"{pair[0]}x{pair[1]}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Layer(ABC):
    """One operation of a network: what every kind of layer has.

    Parameters
    ----------
    name
        Unique in its network.
    inputs
        Names of the layers, or of the network's inputs, that it reads.
    input_shapes
        One shape per input, batch first; empty until a `Network` fills it in.

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

    # How many inputs it takes; None: two or more.
    _arity: ClassVar[int | None] = 1
    # Smallest legal value of each whole-number field, and of each field that is a pair.
    _integers: ClassVar[Mapping[str, int]] = {}
    _pairs: ClassVar[Mapping[str, int]] = {}

    name: str
    inputs: tuple[str, ...] = ()
    input_shapes: tuple[Shape, ...] = ()

    def __post_init__(self) -> None:
        if not (isinstance(self.name, str) and self.name and self.name.isprintable()):
            raise LayerError(
                f"{self.kind} layer: name {self.name!r} must be a non-empty text of printable characters"
            )
        # A lone name would otherwise be taken apart into its letters.
        inputs: Any = (self.inputs,) if isinstance(self.inputs, str) else self.inputs
        if not (isinstance(inputs, (tuple, list)) and all(isinstance(name, str) for name in inputs)):
            raise self._error(f"inputs must be names of layers, as ('conv1',), given {inputs!r}")
        self._set("inputs", tuple(inputs))
        self._fill_in()
        for field, minimum in self._integers.items():
            self._set(field, self._integer(field, getattr(self, field), minimum))
        for field, minimum in self._pairs.items():
            self._set(field, self._read_pair(field, getattr(self, field), minimum))
        self._set("input_shapes", self._read_shapes())
        if self.inputs:
            self._check_arity(len(self.inputs), ", ".join(map(repr, self.inputs)))
        if self.input_shapes:
            self._check_arity(len(self.input_shapes), ", ".join(map(str, self.input_shapes)))
            self._check_sizes()

    @property
    def output_shape(self) -> Shape:
        """Shape of the output, batch first."""
        return self._infer(self._shapes())

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
    def ops(self) -> int:
        """Vector operations for the whole batch; 0 for a layer with MACs (its biases are free)."""
        return 0

    @abstractmethod
    def _infer(self, shapes: tuple[Shape, ...]) -> Shape:
        """Return the output shape for `shapes`, or raise `LayerError`."""

    def _fill_in(self) -> None:  # noqa: B027  (a hook that most kinds do not need)
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
        number = whole_number(value, minimum=minimum)
        if number is None:
            raise self._error(f"{what} must be a whole number from {minimum} to 2**31 - 1, given {value!r}")
        return number

    def _read_pair(self, what: str, value: Any, minimum: int) -> tuple[int, int]:
        sizes = value if isinstance(value, (tuple, list)) else (value, value)
        if len(sizes) != 2:
            raise self._error(f"{what} must be one number, or two (rows, columns), given {value!r}")
        return (self._integer(what, sizes[0], minimum), self._integer(what, sizes[1], minimum))

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

    def _check_arity(self, count: int, given: str) -> None:
        if self._arity is None and count < 2:
            raise self._error(f"takes two inputs or more, given {count}: {given}")
        if self._arity not in (None, count):
            plural = "" if self._arity == 1 else "s"
            raise self._error(f"takes {self._arity} input{plural}, given {count}: {given}")

    def _check_sizes(self) -> None:
        # Inferring the output checks the shapes; what is left is that every count stays exact in 64 bits.
        for shape in (*self.input_shapes, self.output_shape):
            if math.prod(shape) > MAX_MACS:
                raise self._error(
                    f"shape {shape} has {math.prod(shape)} elements; at most 2**53 can be counted"
                )
        try:
            operations = max(self.macs, self.ops)
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


def _window_positions(
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
    counts = []
    reach = tuple(d * (k - 1) + 1 for k, d in zip(kernel, dilation, strict=True))
    room = tuple(size + 2 * p for size, p in zip(shape[2:], padding, strict=True))
    if reach[0] > room[0] or reach[1] > room[1]:
        dilated = "" if dilation == (1, 1) else f" (spread over {_times((reach[0], reach[1]))})"
        raise layer._error(
            f"kernel {_times(kernel)}{dilated} does not fit input {shape} with padding {_times(padding)}; "
            f"rows must be at least {max(1, reach[0] - 2 * padding[0])} "
            f"and columns at least {max(1, reach[1] - 2 * padding[1])}"
        )
    for axis in (0, 1):
        slack = room[axis] - reach[axis]
        count = slack // stride[axis] + 1
        # As PyTorch: the rest gets a window too, but none that would start beyond the input.
        if ceil_mode and slack % stride[axis] and count * stride[axis] < shape[2 + axis] + padding[axis]:
            count += 1
        counts.append(count)
    return (counts[0], counts[1])


@dataclass(frozen=True, slots=True, kw_only=True)
class _Convolution(Layer):
    """What dense, grouped and depthwise convolutions share."""

    _pairs: ClassVar[Mapping[str, int]] = {"kernel": 1, "stride": 1, "padding": 0, "dilation": 1}

    kernel: Pair
    stride: Pair = 1
    padding: Pair = 0
    dilation: Pair = 1
    bias: bool = True

    @abstractmethod
    def _channels(self, shape: Shape) -> tuple[int, int, int]:
        """Return groups, input channels per group, output channels per group."""

    def _infer(self, shapes: tuple[Shape, ...]) -> Shape:
        batch = self._image(shapes[0])[0]
        groups, _, out_channels = self._channels(shapes[0])
        positions = _window_positions(
            self,
            shapes[0],
            kernel=_pair(self.kernel),
            stride=_pair(self.stride),
            padding=_pair(self.padding),
            dilation=_pair(self.dilation),
        )
        return (batch, groups * out_channels, *positions)

    @property
    def problem(self) -> Problem:
        """The loop nest that a chip executes."""
        shape = self._shapes()[0]
        groups, in_channels, out_channels = self._channels(shape)
        output = self.output_shape
        return convolution(
            batch=shape[0],
            groups=groups,
            out_channels=out_channels,
            in_channels=in_channels,
            out_size=(output[2], output[3]),
            in_size=(shape[2], shape[3]),
            kernel=_pair(self.kernel),
            stride=_pair(self.stride),
            padding=_pair(self.padding),
            dilation=_pair(self.dilation),
        )

    @property
    def weights(self) -> int:
        """Elements of the filters: output channels x input channels per group x kernel rows x columns."""
        return self.problem.tensor("weights").words

    @property
    def parameters(self) -> int:
        """Weights, and one bias per output channel."""
        return self.weights + (self.output_shape[1] if self.bias else 0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Conv2d(_Convolution):
    """A 2-D convolution, in `groups` equal parts that do not see each other's channels.

    Output rows are ``floor((rows + 2 * padding - dilation * (kernel - 1) - 1) / stride) + 1``, columns alike.

    Examples
    --------
    >>> Conv2d(name="conv1", input_shapes=((1, 3, 227, 227),), out_channels=96, kernel=11, stride=4).macs
    105415200
    """

    kind: ClassVar[str] = "conv2d"
    _integers: ClassVar[Mapping[str, int]] = {"out_channels": 1, "groups": 1}

    out_channels: int
    groups: int = 1

    def _channels(self, shape: Shape) -> tuple[int, int, int]:
        channels = shape[1]
        if channels % self.groups or self.out_channels % self.groups:
            raise self._error(
                f"groups={self.groups} must divide both the {channels} channels of input {shape} "
                f"and out_channels={self.out_channels}"
            )
        return self.groups, channels // self.groups, self.out_channels // self.groups


@dataclass(frozen=True, slots=True, kw_only=True)
class DepthwiseConv2d(_Convolution):
    """A convolution of every channel by itself, with `multiplier` filters for each.

    Its problem has one group per channel (G = channels, M = multiplier, C = 1).
    """

    kind: ClassVar[str] = "depthwise"
    _integers: ClassVar[Mapping[str, int]] = {"multiplier": 1}

    multiplier: int = 1

    def _channels(self, shape: Shape) -> tuple[int, int, int]:
        return shape[1], 1, self.multiplier


@dataclass(frozen=True, slots=True, kw_only=True)
class Linear(Layer):
    """A fully connected layer on the last axis: (N, features) to (N, out_features).

    Further leading axes are folded into the batch: (N, L, features) is N * L vectors. `in_features` may be
    left out; it is then whatever the input has. An image (four axes) is only taken if `in_features` says that
    its last axis is meant, because a forgotten flatten would otherwise pass for a small layer.

    Its problem is a convolution in which all spatial sizes are 1.
    """

    kind: ClassVar[str] = "linear"

    out_features: int
    in_features: int | None = None
    bias: bool = True

    _integers: ClassVar[Mapping[str, int]] = {"out_features": 1}

    def _fill_in(self) -> None:
        if self.in_features is not None:
            self._set("in_features", self._integer("in_features", self.in_features, 1))

    def _infer(self, shapes: tuple[Shape, ...]) -> Shape:
        shape = shapes[0]
        if self.in_features is None and len(shape) > 3:
            raise self._error(
                f"takes (N, features), given {shape}; flatten it first, or give in_features={shape[-1]} "
                "if its last axis is meant"
            )
        if self.in_features not in (None, shape[-1]):
            raise self._error(
                f"takes {self.in_features} features, given {shape}; its last axis must be {self.in_features}"
            )
        return (*shape[:-1], self.out_features)

    @property
    def problem(self) -> Problem:
        """The loop nest that a chip executes."""
        shape = self._shapes()[0]
        return convolution(
            batch=math.prod(shape[:-1]),
            groups=1,
            out_channels=self.out_features,
            in_channels=shape[-1],
            out_size=(1, 1),
            in_size=(1, 1),
            kernel=(1, 1),
        )

    @property
    def weights(self) -> int:
        """Elements of the matrix: features in x features out."""
        return self.problem.tensor("weights").words

    @property
    def parameters(self) -> int:
        """Weights, and one bias per output feature."""
        return self.weights + (self.out_features if self.bias else 0)


@dataclass(frozen=True, slots=True, kw_only=True)
class MatMul(Layer):
    """A product of two activations: (..., rows, inner) and (..., inner, columns) to (..., rows, columns).

    The leading axes are a batch of independent products and must be equal. Neither operand is learned, so
    `weights` is 0; for a chip the right one plays the role of weights.
    """

    kind: ClassVar[str] = "matmul"
    _arity: ClassVar[int | None] = 2

    def _infer(self, shapes: tuple[Shape, ...]) -> Shape:
        left, right = shapes
        if left[:-2] != right[:-2] or left[-1] != right[-2]:
            wanted = (*left[:-2], left[-1], right[-1])
            raise self._error(
                f"{left} does not multiply {right}; for this left operand the right one would be {wanted}"
            )
        return (*left[:-1], right[-1])

    @property
    def problem(self) -> Problem:
        """The loop nest that a chip executes."""
        left, right = self._shapes()
        return matmul(batch=math.prod(left[:-2]), rows=left[-2], columns=right[-1], inner=left[-1])


@dataclass(frozen=True, slots=True, kw_only=True)
class _Pool2d(Layer):
    """What max and average pooling share."""

    _pairs: ClassVar[Mapping[str, int]] = {"kernel": 1, "stride": 1, "padding": 0}

    kernel: Pair
    stride: Pair | None = None
    padding: Pair = 0
    ceil_mode: bool = False

    def _fill_in(self) -> None:
        if self.stride is None:
            self._set("stride", self.kernel)

    def _infer(self, shapes: tuple[Shape, ...]) -> Shape:
        batch, channels, _, _ = self._image(shapes[0])
        kernel, padding = _pair(self.kernel), _pair(self.padding)
        if 2 * padding[0] > kernel[0] or 2 * padding[1] > kernel[1]:
            raise self._error(
                f"padding {_times(padding)} must be at most half the kernel {_times(kernel)}, "
                "or a window could hold nothing but padding"
            )
        positions = _window_positions(
            self,
            shapes[0],
            kernel=kernel,
            stride=kernel if self.stride is None else _pair(self.stride),
            padding=padding,
            ceil_mode=self.ceil_mode,
        )
        return (batch, channels, *positions)


@dataclass(frozen=True, slots=True, kw_only=True)
class MaxPool2d(_Pool2d):
    """The largest element of each window; `stride` is the kernel unless given.

    With `ceil_mode` what the stride leaves over gets a window too, unless it would start beyond the input
    (PyTorch's rule). Vector operations: a window of k elements takes k - 1 comparisons.
    """

    kind: ClassVar[str] = "max_pool"

    @property
    def ops(self) -> int:
        """Comparisons: kernel elements less one, per output."""
        return (math.prod(_pair(self.kernel)) - 1) * math.prod(self.output_shape)


@dataclass(frozen=True, slots=True, kw_only=True)
class AvgPool2d(_Pool2d):
    """The mean of each window; `stride` is the kernel unless given, `ceil_mode` is as in `MaxPool2d`.

    `count_include_pad` says whether padding zeros count in the divisor; it changes values, not work. Vector
    operations: a window of k elements takes k - 1 additions and one multiplication by 1/k, a constant.
    """

    kind: ClassVar[str] = "avg_pool"

    count_include_pad: bool = True

    @property
    def ops(self) -> int:
        """Additions and one multiplication: kernel elements, per output."""
        return math.prod(_pair(self.kernel)) * math.prod(self.output_shape)


@dataclass(frozen=True, slots=True, kw_only=True)
class _GlobalPool2d(Layer):
    """What the global poolings share: one number per channel."""

    def _infer(self, shapes: tuple[Shape, ...]) -> Shape:
        batch, channels, _, _ = self._image(shapes[0])
        return (batch, channels, 1, 1)


@dataclass(frozen=True, slots=True, kw_only=True)
class GlobalAvgPool2d(_GlobalPool2d):
    """The mean of every channel: (N, C, H, W) to (N, C, 1, 1).

    Vector operations: H * W - 1 additions and one multiplication by the constant 1/(H * W), per channel.
    """

    kind: ClassVar[str] = "global_avg_pool"

    @property
    def ops(self) -> int:
        """Additions and one multiplication per channel: one per input element in all."""
        return math.prod(self._shapes()[0])


@dataclass(frozen=True, slots=True, kw_only=True)
class GlobalMaxPool2d(_GlobalPool2d):
    """The largest element of every channel: (N, C, H, W) to (N, C, 1, 1).

    Vector operations: H * W - 1 comparisons per channel.
    """

    kind: ClassVar[str] = "global_max_pool"

    @property
    def ops(self) -> int:
        """Comparisons: input elements less one per channel."""
        return math.prod(self._shapes()[0]) - math.prod(self.output_shape)


@dataclass(frozen=True, slots=True, kw_only=True)
class LRN(Layer):
    """Local response normalisation over `size` neighbouring channels: x / (k + alpha/size * sum(x^2))^beta.

    Vector operations per element: 1 square (shared by the windows that see it), size - 1 additions, 1
    multiplication and 1 addition for alpha and k, 1 power, 1 division; size + 4 in all. The first and last
    channels see fewer neighbours and are counted alike.
    """

    kind: ClassVar[str] = "lrn"
    _integers: ClassVar[Mapping[str, int]] = {"size": 1}

    size: int = 5

    def _infer(self, shapes: tuple[Shape, ...]) -> Shape:
        return self._image(shapes[0])

    @property
    def ops(self) -> int:
        """Operations: size + 4 per element."""
        return (self.size + 4) * math.prod(self.output_shape)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Elementwise(Layer):
    """A function of one element at a time, with one input."""

    fusable: ClassVar[bool] = True

    def _infer(self, shapes: tuple[Shape, ...]) -> Shape:
        return shapes[0]

    @property
    def ops(self) -> int:
        """One operation per element."""
        return math.prod(self.output_shape)


@dataclass(frozen=True, slots=True, kw_only=True)
class ReLU(_Elementwise):
    """max(x, 0). Vector operations: one comparison per element."""

    kind: ClassVar[str] = "relu"


@dataclass(frozen=True, slots=True, kw_only=True)
class Sigmoid(_Elementwise):
    """1 / (1 + exp(-x)). Vector operations: one evaluation per element, as by a table."""

    kind: ClassVar[str] = "sigmoid"


@dataclass(frozen=True, slots=True, kw_only=True)
class Tanh(_Elementwise):
    """tanh(x). Vector operations: one evaluation per element, as by a table."""

    kind: ClassVar[str] = "tanh"


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchNorm(_Elementwise):
    """Batch normalisation at inference: scale * x + shift, per channel (axis 1).

    Mean and variance are constants by then and are folded into scale and shift: two parameters per channel
    (running statistics are not counted, as they are not learned). Vector operations: one multiplication and
    one addition per element.
    """

    kind: ClassVar[str] = "batch_norm"

    @property
    def parameters(self) -> int:
        """Scale and shift of every channel."""
        return 2 * self._shapes()[0][1]

    @property
    def ops(self) -> int:
        """One multiplication and one addition per element."""
        return 2 * math.prod(self.output_shape)


@dataclass(frozen=True, slots=True, kw_only=True)
class Add(Layer):
    """The elementwise sum of two inputs or more, all of one shape.

    Vector operations: n inputs take n - 1 additions per element.
    """

    kind: ClassVar[str] = "add"
    _arity: ClassVar[int | None] = None

    def _infer(self, shapes: tuple[Shape, ...]) -> Shape:
        for shape in shapes[1:]:
            if shape != shapes[0]:
                raise self._error(f"cannot add {shape} to {shapes[0]}; all inputs must have one shape")
        return shapes[0]

    @property
    def ops(self) -> int:
        """Additions: inputs less one, per element."""
        return (len(self._shapes()) - 1) * math.prod(self.output_shape)


@dataclass(frozen=True, slots=True, kw_only=True)
class Concat(Layer):
    """Two inputs or more, one after the other along `axis` (1: channels), equal on every other axis.

    Vector operations: none; its words move, unless the chip writes its inputs next to each other.
    """

    kind: ClassVar[str] = "concat"
    _arity: ClassVar[int | None] = None
    _integers: ClassVar[Mapping[str, int]] = {"axis": -MAX_SIZE}

    axis: int = 1

    def _infer(self, shapes: tuple[Shape, ...]) -> Shape:
        first = shapes[0]
        axis = self._axis(self.axis, first)
        for shape in shapes[1:]:
            if (
                shape[:axis] != first[:axis]
                or shape[axis + 1 :] != first[axis + 1 :]
                or len(shape) != len(first)
            ):
                raise self._error(f"{shape} does not meet {first}; only axis {axis} may differ")
        return (*first[:axis], sum(shape[axis] for shape in shapes), *first[axis + 1 :])


@dataclass(frozen=True, slots=True, kw_only=True)
class Flatten(Layer):
    """(N, C, H, W) to (N, C * H * W): the same words under other names, so nothing moves."""

    kind: ClassVar[str] = "flatten"
    is_view: ClassVar[bool] = True

    def _infer(self, shapes: tuple[Shape, ...]) -> Shape:
        return (shapes[0][0], math.prod(shapes[0][1:]))


@dataclass(frozen=True, slots=True, kw_only=True)
class Softmax(Layer):
    """exp(x) / sum(exp(x)) along `axis` (the last one by default).

    Vector operations for n elements: n - 1 comparisons for the largest, n subtractions of it (so that no
    exponential overflows), n exponentials, n - 1 additions, n divisions; 5n - 2 in all.
    """

    kind: ClassVar[str] = "softmax"
    _integers: ClassVar[Mapping[str, int]] = {"axis": -MAX_SIZE}

    axis: int = -1

    def _infer(self, shapes: tuple[Shape, ...]) -> Shape:
        self._axis(self.axis, shapes[0])
        return shapes[0]

    @property
    def ops(self) -> int:
        """Operations: 5n - 2 for every n elements that are normalised together."""
        shape = self._shapes()[0]
        size = shape[self._axis(self.axis, shape)]
        return (5 * size - 2) * (math.prod(shape) // size)
