"""Quantised networks: products, sums and pools of 8-bit integers."""

from __future__ import annotations

from typing import Any

import numpy as np

from dnnaccel import _core
from dnnaccel.kernels.int8 import stored, stored_clamp
from dnnaccel.layers import LayerNorm
from dnnaccel.runtime.calibration import quantize_bias, quantize_weights, weight_scales
from dnnaccel.runtime.fusion import CLAMPS, Node
from dnnaccel.runtime.layouts import Layout, channels_last
from dnnaccel.runtime.lower import Lowering, lowers
from dnnaccel.runtime.lower_products import convolution_of, linear_of
from dnnaccel.runtime.quantize import Quantization, sum_step
from dnnaccel.runtime.steps import Pitches, Step, Tensor

__all__: list[str] = []

_MOST = 2**31 - 1


def _quantization(state: Lowering) -> Quantization:
    assert state.quantization is not None
    return state.quantization


def _quantized(state: Lowering, name: str, tensor: Tensor | None = None) -> Tensor:
    """Return what a layer gives in integers: as they are, or made of its numbers."""
    source = state.tensors[name] if tensor is None else tensor
    if source.params is not None:
        return source
    return state.requantized(source, _quantization(state).params[name])


def _output(state: Lowering, node: Node, layout: Layout, *, numbers: bool = False) -> Tensor:
    if numbers or node.name not in _quantization(state).wanted:
        return Tensor(node.name, layout)
    return Tensor(node.name, layout, "uint8", params=_quantization(state).params[node.name])


def _product(
    state: Lowering,
    node: Node,
    x: Tensor,
    layout: Layout,
    factory: Any,
    given: dict[str, Any],
) -> Tensor | None:
    """Add the step of a product of integers, with what is fused into it."""
    learned = given.pop("learned")()
    weights, bias = learned["weights"], learned["bias"]
    assert x.params is not None
    if weights.size // len(weights) * 255 * 127 + 2**30 > _MOST:
        return None  # its sums could leave 32 bits
    residual = None
    if node.residual is not None:
        residual = _quantized(state, node.residual, state.in_layout(state.tensors[node.residual], layout))
    # Functions that are no clamp are computed of numbers.
    out = _output(state, node, layout, numbers=bool(node.function))
    unit = 1.0 if out.params is None else out.params.scale
    scales = weight_scales(weights, bias, x.params.scale)
    given |= {
        "weights": quantize_weights(weights, scales),
        "bias": None if bias is None else quantize_bias(bias, x.params.scale, scales),
        "x": stored(x.params),
        "multipliers": (scales * x.params.scale / unit).astype(np.float32),
        "out": ("float32", 0) if out.params is None else stored(out.params),
        "residual": None,
        "clamp": stored_clamp(node.clamp, "float32" if out.params is None else out.params),
    }
    if residual is not None and residual.params is not None:
        given["residual"] = (stored(residual.params), residual.params.scale / unit)

    def make(pitches: Pitches) -> _core.Operator:
        return factory(**given, **pitches.keywords(), threads=state.threads, isa=state.isa)  # type: ignore[no-any-return]

    layers = tuple(layer.name for layer in node.layers)
    step = Step(
        layers[:-1] if node.function else layers,
        (x,) if residual is None else (x, residual),
        out,
        make,
        pitched="shared",
        out_pitched=residual is None,
        residual=None if residual is None else 1,
    )
    out = state.add(step)
    if not node.function:
        return out
    last = Node([node.layers[-1]], (node.layers[-2].name,))
    function: dict[str, Any] = {"function": node.function, "input": layout.stored}
    return state.step(last, (out,), layout, _core.unary_operator, pitched=True, out_pitched=True, **function)


@lowers("conv2d", "depthwise", int8=True)
def _convolution(state: Lowering, node: Node) -> Tensor | None:
    name = node.inputs[0]
    x = state.in_layout(state.tensors[name], channels_last(state.tensors[name].layout.shape))
    x = _quantized(state, name, x)
    given = convolution_of(state, node, x)
    return _product(state, node, x, channels_last(node.layer.output_shape), _core.conv_int8_operator, given)


@lowers("linear", int8=True)
def _linear(state: Lowering, node: Node) -> Tensor | None:
    name = node.inputs[0]
    x, layout, given = linear_of(state, node, _quantized(state, name))
    return _product(state, node, _quantized(state, name, x), layout, _core.linear_int8_operator, given)


@lowers("add", int8=True)
def _add(state: Lowering, node: Node) -> Tensor | None:
    if isinstance(node.layers[-1], LayerNorm) or not any(state.tensors[n].params for n in node.inputs):
        return None
    layout = state.tensors[node.inputs[0]].layout
    if layout.folded:
        return None
    inputs = tuple(
        _quantized(state, name, state.in_layout(state.tensors[name], layout)) for name in node.inputs
    )
    return _sum(state, node, inputs, node.clamp)


@lowers("relu", "relu6", int8=True)
def _clamp(state: Lowering, node: Node) -> Tensor | None:
    x = state.tensors[node.inputs[0]]
    return None if x.params is None else _sum(state, node, (x,), CLAMPS[type(node.layer)])


def _sum(state: Lowering, node: Node, inputs: tuple[Tensor, ...], clamp: tuple[float, float]) -> Tensor:
    layers = tuple(layer.name for layer in node.layers)
    layout = inputs[0].layout
    given = {"input": layout.stored, "threads": state.threads, "isa": state.isa}
    return state.add(sum_step(layers, inputs, _output(state, node, layout), clamp, given))


@lowers("max_pool", "avg_pool", "global_max_pool", "global_avg_pool", int8=True)
def _pool(state: Lowering, node: Node) -> Tensor | None:
    layer: Any = node.layer
    name = node.inputs[0]
    if node.name not in _quantization(state).wanted or state.tensors[name].params is None:
        return None
    x = state.in_layout(state.tensors[name], channels_last(state.tensors[name].layout.shape))
    if x.params is None:
        return None
    everything = layer.kind.startswith("global")
    (top, bottom), (left, right) = node.pads
    rows, columns = (0, 0) if everything else layer.padding
    out = _output(state, node, channels_last(layer.output_shape))
    assert out.params is not None
    given: dict[str, Any] = {
        "kind": "max" if "max" in layer.kind else "average",
        "input": x.layout.stored,
        "window": layer.input_shapes[0][2:] if everything else layer.kernel,
        "stride": (1, 1) if everything else layer.stride,
        "padding": (top + rows, bottom + rows, left + columns, right + columns),
        "output": layer.output_shape[2:],
        "count_include_pad": getattr(layer, "count_include_pad", False),
        "x": stored(x.params),
        "out": stored(out.params),
        "multiplier": x.params.scale / out.params.scale,
    }

    def make(pitches: Pitches) -> _core.Operator:
        options = {**given, **pitches.keywords(), "threads": state.threads, "isa": state.isa}
        return _core.pool_int8_operator(**options)

    layers = tuple(one.name for one in node.layers)
    return state.add(Step(layers, (x,), out, make, pitched="shared", out_pitched=True))


@lowers("concat", int8=True)
def _concat(state: Lowering, node: Node) -> Tensor | None:
    """See that all parts are quantised, and alike; then they are concatenated as any others are."""
    if node.name in _quantization(state).wanted:
        for name in node.inputs:
            state.tensors[name] = _quantized(state, name)
    return None
